# SPDX-License-Identifier: Apache-2.0
"""Passkeys at a real home: made, enrolled, signed in with, and proven years later with openssl alone."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cbor2
import msgspec
import pytest

from authenticator import ELIGIBLE, HONEST, Authenticator
from byhand import clock, wiring
from byhand.cli.checked import checked
from byhand.client.contract import PasskeyEnrolment
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.errors import Conflict, Invalid, LoginRequired, NotFound, ProofMismatch, Refused
from byhand.evidence import bundle as bundles, bundle_check
from byhand.evidence.policy import Policy
from byhand.ids import new_record_id
from byhand.records import captured, codec
from byhand.records.intervention import Change, Declaration, Justification
from byhand.signatures import cose, dsse, webauthn
from byhand.store.sqlite import state as states
from byhand.trust import statements


def enrol(office: Any, passkey: Authenticator, person: str = "ada") -> None:
    office.home.people.enrol(office.caller(person), _enrolment(office, passkey, person))


def _enrolment(office: Any, passkey: Authenticator, person: str) -> str:
    enrolment = statements.Enrolment(
        origin=office.home.origin,
        person=person,
        key=passkey.line,
        roles=(),
        device_bound=webauthn.parse(passkey.blob).device_bound,
        nonce=secrets.token_hex(32),
        time=clock.now(),
    )
    return str(office.pens.sign(enrolment, person))


def sign_in(office: Any, passkey: Authenticator, person: str = "ada", **changed: Any) -> Any:
    challenge, expires = office.home.sessions.challenge()
    fields = {"origin": office.home.origin, "person": person, "challenge": challenge, "expires": expires}
    changed = {name.removeprefix("signed_"): value for name, value in changed.items()}
    signed = statements.unsigned(statements.Login(**{**fields, **changed}))
    answer = passkey.answer(signed.pae())
    return office.home.sessions.login_by_passkey(person, challenge, expires, passkey.credential, answer)


def test_a_passkey_signs_in_as_several_factors(office: Any) -> None:
    """What records keep of it: a passkey, bound to its device, which made sure of its person."""
    passkey = Authenticator("ada's phone")
    enrol(office, passkey)
    token, identity = sign_in(office, passkey)
    assert (identity.person, identity.credential) == ("ada", passkey.fingerprint)
    proven = office.home.sessions.caller(token).authentication
    assert (proven.method, proven.amr, proven.mfa) == ("passkey", ("hwk", "mfa"), True)


def test_a_synced_passkey_signs_in_as_software(office: Any) -> None:
    """Its key may be on other devices too."""
    passkey = Authenticator("ada's cloud", flags=HONEST | ELIGIBLE)
    enrol(office, passkey)
    proven = office.home.sessions.caller(sign_in(office, passkey)[0]).authentication
    assert proven.amr == ("swk", "mfa")


def test_nobody_learns_whether_a_person_or_passkey_exists(office: Any) -> None:
    """Unknown person, unknown passkey, somebody else's passkey: one answer, and the challenge is used up."""
    office.enrol("grace", "ada")
    enrol(office, known := Authenticator("ada's phone"))
    for passkey, person in (
        (Authenticator("none"), "ada"),
        (known, "grace"),
        (known, "nobody"),
    ):
        with pytest.raises(Refused, match="does not speak for that person here"):
            sign_in(office, passkey, person)


def test_an_answer_is_good_once_and_for_its_own_words(office: Any) -> None:
    """Sent again, or made over another person, home or time, it is refused."""
    enrol(office, passkey := Authenticator("ada's phone"))
    challenge, expires = office.home.sessions.challenge()
    login = statements.Login(origin=office.home.origin, person="ada", challenge=challenge, expires=expires)
    answer = passkey.answer(statements.unsigned(login).pae())
    words = ("ada", challenge, expires, passkey.credential, answer)
    office.home.sessions.login_by_passkey(*words)
    with pytest.raises(Refused, match="used up"):
        office.home.sessions.login_by_passkey(*words)
    for changed in (
        {"origin": "other.example/log"},
        {"signed_person": "grace"},
        {"expires": clock.after(expires, seconds=1)},
    ):
        with pytest.raises(Refused, match="something else"):
            sign_in(office, passkey, **changed)


def test_a_copy_of_a_passkey_is_found_by_its_counter(office: Any) -> None:
    """A lower or the same count is refused, 0 too (WebAuthn, 7.2); a passkey that never counts is taken."""
    enrol(office, passkey := Authenticator("ada's key"))
    sign_in(office, passkey)
    sign_in(office, passkey)
    passkey.counter = 1
    with pytest.raises(Refused, match="a copy of it is in use"):
        sign_in(office, passkey)
    passkey.counter = 7
    sign_in(office, passkey)
    passkey.counter = -1  # 0 is what those say that do not count
    with pytest.raises(Refused, match="a copy of it is in use"):
        sign_in(office, passkey)
    enrol(office, other := Authenticator("ada's cloud"))
    for _ in range(2):
        other.counter = -1
        sign_in(office, other)


def test_a_revoked_passkey_opens_nothing(office: Any) -> None:
    """Neither a new session nor the one that it has opened before."""
    enrol(office, passkey := Authenticator("ada's phone"))
    token, _ = sign_in(office, passkey)
    revocation = statements.Revocation(
        origin=office.home.origin, person="ada", key=passkey.fingerprint, reason="lost", time=clock.now()
    )
    office.home.people.revoke(office.caller("ada"), office.pens.sign(revocation, "ada"))
    with pytest.raises(LoginRequired):
        office.home.sessions.identity(token)
    with pytest.raises(Refused):
        sign_in(office, passkey)


# -- before it is enrolled


def test_a_passkey_waits_under_its_code(office: Any) -> None:
    """Typed in any spelling; an unknown code is not found, and what is no code is said to be none."""
    passkey = Authenticator("ada's phone")
    waiting = office.home.passkeys.keep(passkey.blob)
    for typed in (waiting.code, waiting.code.lower(), waiting.code.replace("-", ""), f" {waiting.code} "):
        assert office.home.passkeys.waiting(typed).key == passkey.line
    with pytest.raises(NotFound):
        office.home.passkeys.waiting("AAAA-AAAA-AAAA-AAAA")
    for typed in ("", "AAAA", "AAAA-AAAA-AAAA-AAA1", "' OR 1=1 --"):
        with pytest.raises(Invalid, match="no passkey's code"):
            office.home.passkeys.waiting(typed)


def test_an_exchanged_passkey_is_found_out(office: Any) -> None:
    """Whoever can write the server's files hands out another one under the code: it is not the one typed."""
    waiting = office.home.passkeys.keep(Authenticator("ada's phone").blob)
    evil = Authenticator("eve's phone")
    office.home.sessions._state.keep_passkey(states.PasskeyRow(waiting.code, evil.line, waiting.expires))
    with pytest.raises(ProofMismatch, match="another passkey"):
        office.home.passkeys.waiting(waiting.code)


def test_strangers_fill_no_disk(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many waiting passkeys the oldest are forgotten."""
    monkeypatch.setattr(states, "PASSKEYS_WAITING_MAX", 3)
    codes = [office.home.passkeys.keep(Authenticator(f"phone {n}").blob).code for n in range(5)]
    with pytest.raises(NotFound):
        office.home.passkeys.waiting(codes[0])
    assert office.home.passkeys.waiting(codes[4]).key == Authenticator("phone 4").line


def _handed_in(office: Any, passkey: Authenticator, person: str, *by: str, as_: str = "", **more: Any) -> Any:
    """An enrolment signed by ``by``, handed in by the last of them."""
    fields = {
        "origin": office.home.origin,
        "person": person,
        "key": passkey.line,
        "roles": (),
        "device_bound": True,
        "nonce": "5a" * 32,
        "time": "2026-11-25T12:00:00.000000Z",
    }
    statement = office.pens.sign(statements.Enrolment(**{**fields, **more}), *by)
    code = webauthn.code_of(passkey.blob)
    return office.home.passkeys.enrol(
        office.caller(as_ or by[-1]), code, PasskeyEnrolment(statement=statement)
    )


def test_a_passkey_is_enrolled_by_its_persons_own_key(office: Any) -> None:
    """At once; handed in again, it is no error."""
    office.home.passkeys.keep((passkey := Authenticator("ada's phone")).blob)
    for _ in range(2):
        told = _handed_in(office, passkey, "ada", "ada")
        assert (told.enrolled, told.missing) == (True, 0)
    assert len(office.home.people.keys("ada")) == 2


def test_where_it_takes_two_officers_the_first_signature_waits(office: Any) -> None:
    """It says who has signed and how many are missing; the second one's completes it."""
    office.second_officer()
    office.home.passkeys.keep((passkey := Authenticator("dan's phone")).blob)
    told = _handed_in(office, passkey, "dan", "ada")
    assert (told.enrolled, told.signed_by, told.missing) == (False, ("ada",), 1)
    assert office.home.people.keys("dan") == []
    waiting = office.home.passkeys.waiting(told.code)
    assert (waiting.statement, waiting.missing) == (told.statement, 1)
    assert _handed_in(office, passkey, "dan", "ada", "grace").enrolled
    assert [key.fingerprint for key in office.home.people.keys("dan")] == [passkey.fingerprint]


def test_a_second_officers_own_statement_does_not_replace_the_first_ones(office: Any) -> None:
    """They sign what was proposed; whoever proposed it may propose otherwise."""
    office.second_officer()
    office.home.passkeys.keep((passkey := Authenticator("dan's phone")).blob)
    told = _handed_in(office, passkey, "dan", "ada")
    for other in ({"roles": ("trader",)}, {}):
        with pytest.raises(Conflict, match="another officer has proposed this already"):
            _handed_in(office, passkey, "dan", "grace", **other)
    assert office.home.passkeys.waiting(told.code).statement == told.statement
    own = _handed_in(office, passkey, "dan", "ada", roles=("trader",))
    assert office.home.passkeys.waiting(told.code).statement == own.statement != told.statement
    assert _handed_in(office, passkey, "dan", "ada", "grace", roles=("trader",)).enrolled


def test_nobody_enrols_a_passkey_who_may_not(office: Any) -> None:
    """No officer, the passkey for itself, somebody else's signature handed in, another key under the code."""
    office.second_officer()
    office.enrol("cyd", "ada", "grace")
    passkey, other = Authenticator("dan's phone"), Authenticator("eve's phone")
    office.home.passkeys.keep(passkey.blob)
    with pytest.raises(Refused, match="is signed by cyd"):
        _handed_in(office, passkey, "dan", "cyd")
    with pytest.raises(Refused, match="has signed it"):
        _handed_in(office, passkey, "dan", "ada", as_="cyd")
    with pytest.raises(Refused, match="another key"):
        _handed_in(office, passkey, "dan", "ada", "grace", key=other.line)
    office.home.passkeys.keep((synced := Authenticator("dan's cloud", flags=HONEST | ELIGIBLE)).blob)
    with pytest.raises(Refused, match="can be copied"):
        _handed_in(office, synced, "dan", "ada", "grace")
    assert office.home.people.keys("dan") == []


def test_what_no_second_officer_could_mend_does_not_wait_for_one(office: Any) -> None:
    """The first one is told: a synced passkey called device-bound, a shared account, a key enrolled already."""
    office.second_officer()
    enrol(office, known := Authenticator("ada's phone"))
    synced, bound = Authenticator("dan's cloud", flags=HONEST | ELIGIBLE), Authenticator("dan's phone")
    for passkey, person, why in (
        (synced, "dan", "can be copied"),
        (bound, "root", "shared"),
        (known, "dan", "is enrolled as a key of ada"),
    ):
        code = office.home.passkeys.keep(passkey.blob).code
        with pytest.raises(Refused, match=why):
            _handed_in(office, passkey, person, "ada")
        assert office.home.passkeys.waiting(code).statement is None


class Lying:
    """A desk that says of what it asks for something else than its evidence does."""

    def __init__(self, desk: Any, **changed: Any) -> None:
        self.desk, self.changed = desk, changed

    def approvals(self, intervention: str) -> Any:
        return msgspec.structs.replace(self.desk.approvals(intervention), **self.changed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.desk, name)


@pytest.mark.parametrize(
    "changed",
    [{"expires": "2099-01-01T00:00:00.000000Z"}, {"policy": "0" * 64}, {"intent_leaf": "0" * 64}],
    ids=["until when", "policy", "leaf"],
)
def test_nothing_is_signed_that_the_evidence_does_not_say(
    office: Any, breaker: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, str]
) -> None:
    """Whoever is about to sign finds out a server that names another place, rule or time."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    keys = [key.encode() for key in office.home.journal.key.verifiers]
    officers = office.home.people.keyring().officers_fingerprint
    KnownLogs(known_logs_path(os.environ)).trust(office.home.origin, keys, officers)
    enrol(office, passkey := Authenticator("ada's phone"))
    intervention = declare_with(office, passkey, breaker)
    desk = wiring.open_desk(office.home, sign_in(office, passkey)[0])
    honest: Any = SimpleNamespace(desk=desk, origin=office.home.origin)
    assert checked(honest, intervention).about.intervention == intervention
    lying: Any = SimpleNamespace(desk=Lying(desk, **changed), origin=office.home.origin)
    with pytest.raises(Refused, match="something else than it shows"):
        checked(lying, intervention)


# -- years later


def declare_with(office: Any, passkey: Authenticator, breaker: Any) -> str:
    """An intent of Ada's, signed with her passkey; its id."""
    office.register(breaker(mode="enforce", tier="high"))
    declared = Declaration(
        record=new_record_id(),
        person="ada",
        action="trading.circuit_breaker.override",
        point="mm7-breaker",
        change=Change(original=captured.capture("HALTED"), new=captured.capture("ACTIVE")),
        expires=clock.after(clock.now(), seconds=600),
        justification=Justification(code="LIQUIDITY_PROVISIONING", text="Quoting obligation until 15:00."),
    )
    intent = statements.Intent(
        origin=office.home.origin,
        record=declared.record,
        declaration=codec.declaration_digest(declared),
        person="ada",
        nonce=secrets.token_hex(32),
        expires=declared.expires,
    )
    envelope = passkey.sign(statements.unsigned(intent))
    office.home.gate.declare(office.caller("ada"), declared, dsse.encode(envelope).decode())
    return declared.record


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_evidence_is_checked_with_openssl_alone(
    office: Any, breaker: Any, tmp_path: Path, algorithm: str
) -> None:
    """A bundle with a passkey's signature is sound, for byhand, for the page of Python in it, and for openssl."""
    passkey = Authenticator("ada's phone", algorithm=algorithm)
    enrol(office, passkey)
    intervention = declare_with(office, passkey, breaker)
    token, _ = sign_in(office, passkey)
    data = wiring.open_desk(office.home, token).evidence(intervention)
    assert _report(office, data).sound, _report(office, data).findings
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(_written(tmp_path, data)) as archive:
        archive.extractall(folder)
    assert _check(folder) == 0
    (named,) = folder.glob("entries/*/statement-0.0.passkey")
    assert _openssl(folder, named, algorithm)
    signed = named.with_suffix(".passkey-signed")
    signed.write_bytes(signed.read_bytes()[:-1] + b"\0")
    assert not _openssl(folder, named, algorithm)
    assert _check(folder) == 1


def _written(folder: Path, data: bytes) -> Path:
    file = folder / "bundle.zip"
    file.write_bytes(data)
    return file


def _report(office: Any, data: bytes) -> Any:
    officers = office.home.people.keyring().officers_fingerprint
    policy = Policy(office.home.origin, tuple(office.home.journal.key.verifiers), officers)
    return bundle_check.verify_bundle(bundles.read_bundle(data), "bundle", policy=policy, now=clock.now())


def _check(folder: Path) -> int:
    return subprocess.run(
        [sys.executable, "check.py"], cwd=folder, capture_output=True, check=False
    ).returncode


def _openssl(folder: Path, named: Path, algorithm: str) -> bool:
    """The command of the bundle's own README."""
    key, stem = named.read_text().strip(), str(named.with_suffix("").relative_to(folder))
    command = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", f"{stem}.passkey-sig"]
    command += [f"{stem}.passkey-signed"]
    if algorithm == "EdDSA":
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin"]
        command += ["-in", f"{stem}.passkey-signed", "-sigfile", f"{stem}.passkey-sig"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("member", ["client-data.json", "passkey-signed", "passkey-sig", "passkey"])
def test_a_bent_member_of_a_passkeys_signature_is_named(
    office: Any, breaker: Any, tmp_path: Path, member: str
) -> None:
    """By byhand, and by the page of Python: other tools would believe it."""
    enrol(office, passkey := Authenticator("ada's phone"))
    intervention = declare_with(office, passkey, breaker)
    data = wiring.open_desk(office.home, sign_in(office, passkey)[0]).evidence(intervention)
    bent = tmp_path / "bent.zip"
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(_written(tmp_path, data)) as archive, zipfile.ZipFile(bent, "w") as other:
        for name in archive.namelist():
            changed = name.endswith(f"statement-0.0.{member}")
            other.writestr(name, archive.read(name) + (b"x" if changed else b""))
        other.extractall(folder)
    report = _report(office, bent.read_bytes())
    assert [one.code for one in report.findings] == ["bundle.malformed"]
    assert _check(folder) == 1


def test_what_a_passkey_signed_before_it_was_revoked_stays_proven(
    office: Any, breaker: Any, tmp_path: Path
) -> None:
    """By byhand, by the page of Python, and by openssl; the revocation is said beside it, and ends it."""
    enrol(office, passkey := Authenticator("ada's phone"))
    intervention = declare_with(office, passkey, breaker)
    revocation = statements.Revocation(
        origin=office.home.origin, person="ada", key=passkey.fingerprint, reason="lost", time=clock.now()
    )
    ended = passkey.sign(statements.unsigned(revocation))
    office.home.people.revoke(office.caller("ada"), dsse.encode(ended).decode())
    enrol(office, other := Authenticator("ada's laptop"))
    data = wiring.open_desk(office.home, sign_in(office, other)[0]).evidence(intervention)
    assert _report(office, data).sound, _report(office, data).findings
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(_written(tmp_path, data)) as archive:
        archive.extractall(folder)
    assert _check(folder) == 0
    for named in folder.glob("entries/*/statement-0.0.passkey"):
        assert _openssl(folder, named, "ES256")
    listed = folder / "passkeys" / "list"
    revoked = office.home.people.keyring().keys[passkey.fingerprint].revoked_at
    assert f" revoked:{revoked}\n" in listed.read_text()
    listed.write_text(listed.read_text().replace(f"revoked:{revoked}", "revoked:1"))
    assert _check(folder) == 1


def test_a_key_that_no_tool_can_load_is_a_finding(
    office: Any, breaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrolled by something that looked at sizes alone: the bundle is not sound, and verifying it ends."""
    broken = Authenticator("ada's toy")
    broken.key = cbor2.dumps({**broken.fields, -3: bytes(32)})
    with monkeypatch.context() as careless:
        careless.setattr(cose, "_on_p256", lambda *_: True)
        careless.setattr(bundles.primitives, "pem_of_cose", lambda _: b"")
        enrol(office, broken)
        enrol(office, passkey := Authenticator("ada's phone"))
        intervention = declare_with(office, passkey, breaker)
        data = wiring.open_desk(office.home, sign_in(office, passkey)[0]).evidence(intervention)
    beside = _report(office, data).findings  # read as it was enrolled: what has been parsed is remembered
    webauthn.parse.cache_clear()
    careful = _report(office, data)
    assert not careful.sound
    assert any("not on the curve P-256" in one.what for one in careful.findings)
    assert ("bundle.malformed", bundles.ALLOWED_SIGNERS) in [(one.code, one.where) for one in beside]


BARE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("webauthn", "cbor2", "jinja2", "starlette", "uvicorn", "OpenSSL"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from byhand import cli
sys.exit(cli.main(["verify", sys.argv[1], "--policy", sys.argv[2]]))
"""


def test_the_core_alone_verifies_passkeys(office: Any, breaker: Any, tmp_path: Path) -> None:
    """Without any library of the server: a bundle with a passkey's signature is sound."""
    enrol(office, passkey := Authenticator("ada's phone"))
    intervention = declare_with(office, passkey, breaker)
    data = wiring.open_desk(office.home, sign_in(office, passkey)[0]).evidence(intervention)
    keys = [key.encode() for key in office.home.journal.key.verifiers]
    officers = office.home.people.keyring().officers_fingerprint
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[log]]\norigin = "{office.home.origin}"\nkeys = {keys!r}\nofficers = "{officers}"\n')
    command = [sys.executable, "-c", BARE, str(_written(tmp_path, data)), str(policy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "sound" in done.stdout) == (0, True), done.stdout + done.stderr
