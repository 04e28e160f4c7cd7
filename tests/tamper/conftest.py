# SPDX-License-Identifier: Apache-2.0
"""A home with a real history, and a fresh copy of it - with its anchor - for every test to forge."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from byhand import clock
from byhand.anchor.file import FileAnchor
from byhand.client import signing
from byhand.client.contract import Attempt
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.control.identity import Caller
from byhand.control.reasons import first_catalogue
from byhand.evidence.bundle import make_bundle, sealed_payloads
from byhand.evidence.folder import export_folder
from byhand.evidence.report import Report
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import captured, codec
from byhand.records.intervention import Change, Declaration, Justification
from byhand.records.kinds import SCHEMA_VERSION, Administration, AnyRecord, Outcome, Point
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.signatures import dsse, sshsig
from byhand.trust import administration as trust, statements
from byhand.verifying import Knowledge, verify_target
from byhand.wiring import Home, create_home, home_identity, open_backend, open_home

ORIGIN = "byhand.test/tamper"
INTERVENTIONS = 80  # with 4 records each the log fills a tile and begins a second one


@dataclass(frozen=True)
class Person:
    """A person with a key of their own."""

    name: str
    signer: signing.Signer

    def sign(self, statement: statements.Statement) -> str:
        """The statement in a signed envelope."""
        envelope = statements.unsigned(statement)
        signed = statements.add_signature(envelope, self.signer.sign(envelope.pae(), statement.namespace))
        return dsse.encode(signed).decode()

    @property
    def line(self) -> str:
        """The public key as a statement holds it."""
        return sshsig.authorized_line(self.signer.public_key_blob)


@dataclass(frozen=True)
class Played:
    """A home with its surroundings."""

    home: Path
    environment: dict[str, str]
    officer: Person
    other: Person
    interventions: tuple[str, ...]
    folder: Path
    bundle: Path

    def open(self, **options: object) -> Home:
        """Open the home as byhand would."""
        return open_home(self.home, environment=self.environment, **options)  # type: ignore[arg-type]

    def sql(self, *statements_: str) -> None:
        """Do what a database administrator could."""
        with sqlite3.connect(self.home / "log.db", isolation_level=None) as database:
            for kind in ("entry", "tile", "name"):
                for trigger in ("stays", "kept"):
                    database.execute(f"DROP TRIGGER IF EXISTS {kind}_{trigger}")
            for statement in statements_:
                database.execute(statement)
        database.close()

    def sign_in(self, home: Home) -> str:
        """A session of the officer's; returns its token."""
        return login(home, self.officer)

    def caller(self, home: Home) -> Caller:
        """The officer, signed in."""
        return open_backend(home, self.sign_in(home)).caller()

    def intervene(self, home: Home, text: str) -> str:
        """One whole intervention by the officer; returns its id."""
        return intervene(home, self.sign_in(home), self.officer, text)

    def write(self, *records: AnyRecord) -> None:
        """Write ``records`` round the gate, as whoever runs the log could."""
        home = self.open()
        for record in records:
            home.journal.append([Entry(record)])
        home.journal.anchor()
        home.close()

    @property
    def anchor(self) -> Path:
        """The file of the anchor."""
        return FileAnchor(Path(self.environment["XDG_STATE_HOME"]) / "byhand" / "anchors", ORIGIN).path

    def policy(self, *lines: str) -> Path:
        """A policy file that names this log as it was met, with more ``lines`` in its table."""
        known = KnownLogs(known_logs_path(self.environment)).get(ORIGIN)
        assert known is not None
        file = self.home.parent / "policy.toml"
        head = [f"origin = {json.dumps(ORIGIN)}", f"keys = {json.dumps(list(known.keys))}"]
        head.append(f"officers = {json.dumps(known.officers)}")
        file.write_text("\n".join(["[[log]]", *head, *lines, ""]))
        return file

    def verify(self, target: Path | None = None, **knowledge: object) -> Report:
        """Verify as the person who met this log before."""
        known = Knowledge(environment=self.environment, **knowledge)  # type: ignore[arg-type]
        return verify_target(str(target or self.home), known)

    def codes(self, target: Path | None = None, **knowledge: object) -> set[str]:
        """The codes of everything found."""
        return {finding.code for finding in self.verify(target, **knowledge).findings}

    def administration(self, action: str, subject: str, **fields: object) -> Administration:
        """A change to byhand, signed by the officer."""
        record = Administration(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            action=action,
            subject=subject,
            **fields,  # type: ignore[arg-type]
        )
        return self.signed(record)

    def signed(self, record: Administration) -> Administration:
        """``record`` with the officer's statement over it."""
        statement = statements.Administration(
            origin=ORIGIN,
            record=record.id,
            change=trust.administration_digest(record),
            person=self.officer.name,
            nonce=secrets.token_hex(32),
            time=clock.now(),
        )
        return msgspec.structs.replace(record, statements=(self.officer.sign(statement),))


def login(home: Home, person: Person) -> str:
    """A session token."""
    challenge, expires = home.sessions.challenge()
    statement = statements.Login(origin=home.origin, person=person.name, challenge=challenge, expires=expires)
    return home.sessions.login(person.sign(statement), challenge)[0]


def declaration(person: Person, text: str) -> Declaration:
    """An override of the breaker."""
    return Declaration(
        record=new_record_id(),
        person=person.name,
        action="trading.circuit_breaker.override",
        point="mm7-breaker",
        change=Change(original=captured.capture("HALTED"), new=captured.capture("ACTIVE")),
        expires=clock.after(clock.now(), seconds=600),
        justification=Justification(code="LIQUIDITY_PROVISIONING", text=text),
    )


def intent_statement(person: Person, declared: Declaration, origin: str = ORIGIN) -> str:
    """The person's signature over a declaration."""
    return person.sign(
        statements.Intent(
            origin=origin,
            record=declared.record,
            declaration=codec.declaration_digest(declared),
            person=person.name,
            nonce=secrets.token_hex(32),
            expires=declared.expires,
        )
    )


def intervene(home: Home, token: str, person: Person, text: str) -> str:
    """One whole intervention; returns its id."""
    backend = open_backend(home, token)
    declared = declaration(person, text)
    backend.declare(declared, intent_statement(person, declared))
    before = captured.capture("HALTED")
    backend.permit(declared.record, Attempt(attempt="only", executor="test", before=before))
    outcome = Outcome(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=declared.record,
        result="applied",
        found=captured.capture("ACTIVE"),
        attempt="only",
    )
    backend.conclude(declared.record, outcome)
    return declared.record


def _play(root: Path) -> Played:
    environment = {
        "HOME": str(root),
        "XDG_STATE_HOME": str(root / "state"),
        "XDG_CONFIG_HOME": str(root / "config"),
    }
    officer = Person("mara.keller", signing.make_key(root / "officer", "officer"))
    other = Person("jo.stein", signing.make_key(root / "other", "other"))
    played = Played(root / "home", environment, officer, other, (), root / "folder", root / "bundle.zip")
    create_home(played.home, ORIGIN)
    home = played.open(start=False)
    genesis = statements.Genesis(
        origin=ORIGIN,
        person=officer.name,
        keys=(officer.line,),
        nonce=secrets.token_hex(32),
        time=clock.now(),
    )
    home.people.begin(officer.sign(genesis), "Mara Keller")
    home.journal.checkpointer.begin()
    token = login(home, officer)
    caller: Caller = open_backend(home, token).caller()
    home.reasons.submit(caller, played.signed(first_catalogue()))
    _enrol(home, caller, officer, other)
    point = Point(
        name="mm7-breaker",
        action="trading.circuit_breaker.override",
        system="risk-gateway",
        type="circuit_breaker",
        id="MM-7",
        owner=officer.name,
        tier="high",
        mode="enforce",
    )
    home.points.submit(caller, played.administration(trust.POINT_SET, point.name, point=point))
    ids = [intervene(home, token, officer, f"Index rebalance number {n}") for n in range(INTERVENTIONS)]
    _revoke(home, caller, officer, other)
    ids.append(intervene(home, token, officer, "Quoting obligation until the close"))
    _leave_evidence(home, played, ids[-1])
    return dataclasses.replace(played, interventions=tuple(ids))


def _enrol(home: Home, caller: Caller, officer: Person, other: Person) -> None:
    enrolment = statements.Enrolment(
        origin=ORIGIN,
        person=other.name,
        key=other.line,
        roles=(),
        device_bound=False,
        nonce=secrets.token_hex(32),
        time=clock.now(),
    )
    home.people.enrol(caller, officer.sign(enrolment), "Jo Stein")


def _revoke(home: Home, caller: Caller, officer: Person, other: Person) -> None:
    revocation = statements.Revocation(
        origin=ORIGIN,
        person=other.name,
        key=other.signer.fingerprint,
        reason="left the company",
        time=clock.now(),
    )
    home.people.revoke(caller, officer.sign(revocation))


def _leave_evidence(home: Home, played: Played, intervention: str) -> None:
    """Folder, bundle, and what an honest verifier remembers."""
    note = home.journal.anchor()
    keyring = home.people.keyring()
    known = KnownLogs(known_logs_path(played.environment))
    known.trust(ORIGIN, [key.encode() for key in home.journal.key.verifiers], keyring.officers_fingerprint)
    known.remember(ORIGIN, note, lambda _old, _new: [])
    reader = home.journal.reader
    indexes = [one.index for chain in (intervention, ADMINISTRATION_CHAIN) for one in reader.chain(chain)]
    payloads = sealed_payloads(home.journal, indexes)
    played.bundle.write_bytes(make_bundle(home.journal, keyring, intervention, payloads))
    note = home.journal.anchor()
    export_folder(home.entries, reader.tree(), note, played.folder)
    known.remember(ORIGIN, note, lambda old, new: reader.tree().consistency(old, new))
    home.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The honest home that copies are made of."""
    return _play(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def played(template: Played, tmp_path: Path) -> Played:
    """An honest home of this test's own, with an anchor that knows it."""
    return copy_of(template, tmp_path / "mine")


def copy_of(original: Played, root: Path) -> Played:
    """A copy that may speak for itself: its anchor names the copy."""
    shutil.copytree(original.home.parent, root)
    environment = {
        name: value.replace(str(original.home.parent), str(root))
        for name, value in original.environment.items()
    }
    copied = dataclasses.replace(
        original,
        home=root / "home",
        environment=environment,
        folder=root / "folder",
        bundle=root / "bundle.zip",
    )
    anchor = FileAnchor(Path(environment["XDG_STATE_HOME"]) / "byhand" / "anchors", ORIGIN).path
    held = json.loads(anchor.read_text())
    anchor.write_text(json.dumps({**held, "home": home_identity(copied.home)}))
    return copied


@pytest.fixture
def copying() -> Callable[[Played, Path], Played]:
    """Make a further copy."""
    return copy_of


@pytest.fixture
def forging() -> Any:
    """The module of that name, beside this file."""
    path = Path(__file__).with_name("forging.py")
    spec = importlib.util.spec_from_file_location("forging", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
