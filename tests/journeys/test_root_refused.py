# SPDX-License-Identifier: Apache-2.0
"""Root refused: a shared account without a person behind it changes nothing; a person may act from it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from byhand import clock
from byhand.client import signing
from byhand.client.session_file import SavedSession, SessionFile
from byhand.client.speaking import sign_login
from byhand.demo import stage as stages, story_file
from byhand.demo.stage import Stage, signed
from byhand.demo.story_file import MAX_NOTIONAL, STATE, GatewayFile
from byhand.errors import SharedAccount
from byhand.records.kinds import Intent
from byhand.records.shared_accounts import check_not_shared, os_account_is_shared
from byhand.signatures import sshsig
from byhand.trust import statements

OVERRIDE = """
import json, sys
from pathlib import Path
import byhand
home, person, key, target = sys.argv[1:]
byhand.configure(home=home, person=person or None, key=key or None)
try:
    with byhand.intervention("mm7-breaker", reason="FALSE_POSITIVE",
                             notes="The gateway halted on a stale quote, seen on two feeds.", new="ACTIVE"):
        Path(target).write_text(json.dumps({"trading_state": "ACTIVE", "max_notional_per_order": 1000000}))
except byhand.ByhandError as refusal:
    print(type(refusal).__name__, "|", refusal, "|", refusal.advice)
"""
SUDO = {"SUDO_USER": "ada", "SUDO_UID": "1000"}


@dataclass(frozen=True)
class Machine:
    """A machine whose gateway obeys a file, a home that guards it, and a shared account to work from."""

    stage: Stage
    gateway: GatewayFile
    path: Path

    def override(self, *, person: str = "", key: str = "") -> str:
        """Try to lift the halt from a shared account; what byhand said, empty when it passed."""
        command = [sys.executable, "-W", "error", "-c", OVERRIDE]
        done = subprocess.run(
            [*command, str(self.stage.home), person, key, str(self.path)],
            env=dict(self.stage.environment) | SUDO | {"HOME": str(self.path.parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def kinds(self) -> list[str]:
        """What the log holds of interventions."""
        with self.stage.opened() as home:
            kinds = [one.leaf.kind for one in home.journal.reader.scan(0)]
        return [kind for kind in kinds if kind != "administration"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    path = tmp_path / "gateway.json"
    gateway = GatewayFile(path)
    gateway.write(**{STATE: "HALTED", MAX_NOTIONAL: 1_000_000})
    return Machine(stages.prepare(os.environ, tmp_path, story_file.points(path)), gateway, path)


def test_a_shared_account_without_a_personal_key_is_refused(machine: Machine) -> None:
    """It is told what to do; nothing happens, and nothing is recorded as done."""
    refusal = machine.override()
    assert refusal.startswith("NotFound | A key to sign with was not found")
    assert "--key" in refusal
    assert machine.gateway.read(STATE) == "HALTED"
    assert machine.kinds() == []


@pytest.mark.parametrize("account", ["root", "admin", "jenkins", "postgres", "deploy-bot", "system:node:a"])
def test_nobody_signs_in_under_a_shared_name(account: str, machine: Machine) -> None:
    """A shared account is no person, whatever key it brings; the refusal names who should act instead."""
    refusal = machine.override(person=account, key=str(machine.stage.key))
    assert refusal
    assert machine.gateway.read(STATE) == "HALTED"
    assert machine.kinds() == []
    with pytest.raises(SharedAccount) as caught:
        check_not_shared(account)
    assert "Name the person who acts" in caught.value.advice


def test_a_key_that_nobody_enrolled_opens_nothing(machine: Machine, tmp_path: Path) -> None:
    """A fresh key of root's own speaks for nobody."""
    signing.make_key(tmp_path / "roots_key", "root")
    refusal = machine.override(key=str(tmp_path / "roots_key"))
    assert refusal.startswith("LoginRequired | ")
    assert "Ask an officer" in refusal
    assert machine.gateway.read(STATE) == "HALTED"
    assert machine.kinds() == []


def test_with_a_persons_own_key_the_person_acts(machine: Machine) -> None:
    """From the same account, with Mara's key: the act passes, signed by her, and root is nowhere in it."""
    assert machine.override(key=str(machine.stage.key)) == ""
    assert machine.gateway.read(STATE) == "ACTIVE"
    assert machine.kinds() == ["intent", "permit", "permit", "outcome"]
    with machine.stage.opened() as home:
        intent = next(one.record for one in home.journal.reader.scan(0) if isinstance(one.record, Intent))
    assert (intent.actor.person, intent.actor.signed_by) == (stages.PERSON, "actor")
    assert "root" not in msgspec.json.encode(intent.actor).decode()


def test_no_session_stays_behind_on_a_shared_account(machine: Machine) -> None:
    """The next person at that account must not act as the last one: the session is not stored."""
    assert os_account_is_shared("ada", 1000, SUDO)
    with machine.stage.opened() as home:
        signer = machine.stage.signer()
        challenge, expires = home.sessions.challenge()
        envelope = sign_login(home.origin, stages.PERSON, challenge, expires, signer)
        token, identity = home.sessions.login(envelope, challenge)
        file = SessionFile(home.origin, machine.stage.environment)
        saved = SavedSession(
            origin=home.origin, token=token, person=identity.person, expires=identity.expires
        )
        with pytest.raises(SharedAccount) as caught:
            file.save(saved, account_is_shared=True)
        assert "your own key" in caught.value.advice
        assert file.load(now=clock.now()) is None


@pytest.mark.parametrize("account", ["root", "jenkins"])
def test_a_shared_account_cannot_be_enrolled(account: str, machine: Machine, tmp_path: Path) -> None:
    """Not even by an officer, with a key of its own: the log stays as it is."""
    key = signing.make_key(tmp_path / "shared_key", account)
    officer = machine.stage.signer()
    with machine.stage.opened() as home:
        before = home.journal.reader.size
        enrolment = statements.Enrolment(
            origin=home.origin,
            person=account,
            key=sshsig.authorized_line(key.public_key_blob),
            roles=(),
            device_bound=False,
            nonce=secrets.token_hex(32),
            time=clock.now(),
        )
        with pytest.raises(SharedAccount) as caught:
            home.people.enrol(machine.stage.sign_in(home).caller(), signed(enrolment, officer))
        assert "Name the person who acts" in caught.value.advice
        assert home.journal.reader.size == before
