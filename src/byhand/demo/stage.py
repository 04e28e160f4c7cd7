# SPDX-License-Identifier: Apache-2.0
"""The stage of the stories: a fresh home with one made-up person and two points, and all the folders.

Everything lies in one folder of the demo's own. Only what an earlier demo made is removed; its mark tells.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from byhand import clock, wiring
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.client.signing import Signer, find_signer, make_key
from byhand.client.speaking import sign_login
from byhand.control.identity import Caller
from byhand.control.reasons import first_catalogue
from byhand.demo.plot import BREAKER_POINT, HARD_LIMIT_POINT, LIMIT_POINT
from byhand.demo.telling import Player, environment_without_byhand
from byhand.embedded import Embedded
from byhand.errors import ByhandError, Conflict
from byhand.ids import new_record_id
from byhand.records.kinds import SCHEMA_VERSION, Administration, Point
from byhand.signatures import dsse, sshsig
from byhand.trust import administration, statements

PERSON = "mara.keller"
DISPLAY_NAME = "Mara Keller"
MARK = "made-by-byhand-demo"
MARK_TEXT = "The next `byhand demo` replaces this folder. Remove this file to keep it.\n"
FOLDER = ".demo"
ORIGINS = "byhand.demo/"
NONCE_BYTES = 32
BREAKER = Point(
    name=BREAKER_POINT,
    action="trading.circuit_breaker.override",
    system="risk-gateway",
    type="circuit_breaker",
    id="MM-7",
    owner=PERSON,
    team="market-making",
    tier="high",
    mode="enforce",
    reasons=("LIQUIDITY_PROVISIONING", "FALSE_POSITIVE", "SYSTEM_ERROR_RECOVERY"),
)
LIMIT = Point(
    name=LIMIT_POINT,
    action="trading.limit.raise",
    system="risk-gateway",
    type="limits",
    id="ACME.XLON",
    field="/max_notional_per_order",
    owner=PERSON,
    team="market-making",
    tier="medium",
    mode="enforce",
)
COLLEAGUE = "jonas.brandt"
COLLEAGUES_NAME = "Jonas Brandt"
HARD_LIMIT = msgspec.structs.replace(LIMIT, name=HARD_LIMIT_POINT, tier="high", id="ACME.XLON/client")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything of the demo lies.

    Anchor and memory lie where byhand keeps them for everybody (``environment`` says where), so that whoever
    looks at the home afterwards types nothing special. The next demo takes its own out of both.
    """

    folder: Path
    home: Path
    environment: Mapping[str, str]
    """Without settings of byhand: a made home is what its own file says."""

    @property
    def key(self) -> Path:
        """Mara's private key; made for this demo alone."""
        return self.folder / "keys" / PERSON

    @property
    def colleagues_key(self) -> Path:
        """Jonas' private key, once he is there."""
        return self.folder / "keys" / COLLEAGUE

    @property
    def known_logs(self) -> Path:
        """What a client that met the log remembers of it."""
        return known_logs_path(self.environment)

    @property
    def policy(self) -> Path:
        """What a verifier knows of the log: its key and its officers."""
        return self.folder / "policy.toml"

    @property
    def evidence(self) -> Path:
        """What is handed to a stranger."""
        return self.folder / "evidence"

    @property
    def forgeries(self) -> Path:
        """The forger's copies."""
        return self.folder / "forgeries"

    @property
    def player(self) -> Player:
        """Mara, ready to act."""
        return Player(self.home, PERSON, self.key, self.environment)

    @contextmanager
    def opened(self, *, start: bool = True) -> Iterator[wiring.Home]:
        """The home, opened; due work is done first."""
        home = wiring.open_home(self.home, environment=self.environment, start=start)
        try:
            if start:
                home.settle()
            yield home
        finally:
            home.close()

    def sign_in(self, home: wiring.Home) -> Embedded:
        """Mara, signed in with her key."""
        signer = self.signer()
        challenge, expires = home.sessions.challenge()
        envelope = sign_login(home.origin, PERSON, challenge, expires, signer)
        token, _ = home.sessions.login(envelope, challenge)
        return wiring.open_backend(home, token)

    def signer(self) -> Signer:
        """Mara's key."""
        return find_signer(key_path=self.key, environ={})

    def second_officer(self) -> None:
        """Jonas becomes an officer: the trial is over, and both sign for a point of high risk."""
        mara, jonas = self.signer(), make_key(self.colleagues_key, COLLEAGUE)
        with self.opened() as home:
            caller = self.sign_in(home).caller()
            enrolment = statements.Enrolment(
                origin=home.origin,
                person=COLLEAGUE,
                key=sshsig.authorized_line(jonas.public_key_blob),
                roles=(statements.OFFICER,),
                device_bound=False,
                nonce=secrets.token_hex(NONCE_BYTES),
                time=clock.now(),
            )
            home.people.enrol(caller, signed(enrolment, mara), COLLEAGUES_NAME)
            _add_point(home, caller, (mara, jonas), HARD_LIMIT)


def prepare(
    environment: Mapping[str, str], current: Path, points: Sequence[Point] = (BREAKER, LIMIT)
) -> Stage:
    """A fresh stage: the home in ``$BYHAND_HOME``, else in ``.demo/home``; the rest in ``.demo``.

    Raises Conflict, and touches nothing, when something lies there that no demo made.
    """
    folder = current.resolve() / FOLDER
    chosen = environment.get("BYHAND_HOME")
    home = Path(chosen).expanduser().absolute() if chosen else folder / "home"
    stage = Stage(folder, home, MappingProxyType(environment_without_byhand(environment)))
    for place in (folder, home):
        _check_ours(place, folder)
    for earlier in {home, folder / "home"}:
        _forget(earlier, stage)
    for place in (home, folder):
        shutil.rmtree(place, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    (folder / MARK).write_text(MARK_TEXT)  # first of all: the next demo replaces one that is stopped here
    (folder / ".gitignore").write_text("*\n")
    for place in (stage.key.parent, stage.evidence, stage.forgeries):
        place.mkdir(mode=0o700)
    stage.home.parent.mkdir(parents=True, exist_ok=True)
    _make_home(stage, points)
    return stage


def _check_ours(place: Path, folder: Path) -> None:
    """Raise Conflict when something lies in ``place`` that no demo made."""
    marks = [place / MARK] if place == folder or folder not in place.parents else [folder / MARK]
    if place.exists() and any(place.iterdir()) and not any(mark.is_file() for mark in marks):
        raise Conflict(
            f"{place} was not made by a demo: it is left as it is",
            advice="Run the demo from another folder, or set BYHAND_HOME to a folder that does not exist.",
        )


def _forget(home: Path, stage: Stage) -> None:
    """Take an earlier demo's log out of anchors and memory: it is about to be removed."""
    if not (home / wiring.LOG_FILE).is_file():
        return
    try:
        with wiring.read_home(home, environment=stage.environment) as earlier:
            origin, anchor = earlier.origin, earlier.anchor.path
    except ByhandError:
        return  # stopped half-way or spoilt by hand: what it left outside is one small file of its own name
    if not origin.startswith(ORIGINS):
        return
    known = KnownLogs(stage.known_logs)
    if known.get(origin) is not None:
        known.forget(origin)
    for file in (anchor, anchor.with_suffix(".lock")):
        file.unlink(missing_ok=True)


def _make_home(stage: Stage, points: Sequence[Point]) -> None:
    signer = make_key(stage.key, PERSON)
    origin = f"{ORIGINS}{secrets.token_hex(4)}"  # two demos are two logs, never one that forked
    wiring.create_home(stage.home, origin)
    (stage.home / MARK).write_text(MARK_TEXT)
    with stage.opened(start=False) as home:
        home.people.begin(_genesis(origin, signer), DISPLAY_NAME)
        home.journal.checkpointer.begin()
        caller = stage.sign_in(home).caller()
        home.reasons.submit(caller, _signed_change(first_catalogue(), origin, signer))
        for point in points:
            _add_point(home, caller, (signer,), point)
        _write_policy(stage, home)
        remember(stage, home)


def _genesis(origin: str, signer: Signer) -> str:
    line = sshsig.authorized_line(signer.public_key_blob)
    nonce = secrets.token_hex(NONCE_BYTES)
    genesis = statements.Genesis(origin=origin, person=PERSON, keys=(line,), nonce=nonce, time=clock.now())
    return signed(genesis, signer)


def signed(statement: statements.Statement, *signers: Signer) -> str:
    """The envelope (JSON text) with the signatures of ``signers`` over ``statement``."""
    envelope = statements.unsigned(statement)
    for signer in signers:
        armored = signer.sign(envelope.pae(), statement.namespace)
        envelope = statements.add_signature(envelope, armored)
    return dsse.encode(envelope).decode()


def _signed_change(record: Administration, origin: str, *signers: Signer) -> Administration:
    statement = administration.to_sign(
        record, origin=origin, person=PERSON, nonce=secrets.token_hex(NONCE_BYTES), time=clock.now()
    )
    return msgspec.structs.replace(record, statements=(signed(statement, *signers),))


def _add_point(home: wiring.Home, caller: Caller, signers: Sequence[Signer], point: Point) -> None:
    """Register ``point``, signed by the officers."""
    record = Administration(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        action=administration.POINT_SET,
        subject=point.name,
        point=point,
    )
    home.points.submit(caller, _signed_change(record, home.origin, *signers))


def _write_policy(stage: Stage, home: wiring.Home) -> None:
    keys = ", ".join(f'"{key.encode()}"' for key in home.journal.key.verifiers)
    officers = home.people.keyring().officers_fingerprint
    stage.policy.write_text(f'[[log]]\norigin = "{home.origin}"\nkeys = [{keys}]\nofficers = "{officers}"\n')


def remember(stage: Stage, home: wiring.Home) -> bytes:
    """Let the client remember the log as it is now; returns the checkpoint's note."""
    known = KnownLogs(stage.known_logs)
    keys = [key.encode() for key in home.journal.key.verifiers]
    known.trust(home.origin, keys, home.people.keyring().officers_fingerprint)
    note = home.journal.anchor()
    known.remember(home.origin, note, home.journal.reader.tree().consistency)
    return note
