# SPDX-License-Identifier: Apache-2.0
"""A real home with its officers, whose keys ssh-keygen made."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from byhand import clock, wiring
from byhand.client.contract import Attempt
from byhand.client.signing import Signer, load_key_file
from byhand.control.identity import Caller
from byhand.control.reasons import first_catalogue
from byhand.ids import new_record_id
from byhand.records import captured, codec
from byhand.records.actor import Authentication
from byhand.records.intervention import Change, Declaration, Justification
from byhand.records.kinds import SCHEMA_VERSION, Access, Administration, Outcome, Point
from byhand.signatures import dsse, sshsig
from byhand.trust import administration as trust, statements

from .four_eyes import FourEyes

ORIGIN = "desk.example/log/1"


class Pens:
    """One key pair for each name, made by ssh-keygen once for all tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signers: dict[str, Signer] = {}

    def __call__(self, name: str) -> Signer:
        if name not in self._signers:
            path = self._folder / name
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
            subprocess.run(command, check=True, capture_output=True)
            self._signers[name] = load_key_file(path, environ={})
        return self._signers[name]

    def line(self, name: str) -> str:
        return sshsig.authorized_line(self(name).public_key_blob)

    def sign(self, statement: Any, *names: str) -> str:
        """The envelope of ``statement`` as JSON text, signed by each of ``names``."""
        envelope = statements.unsigned(statement)
        for name in names:
            armored = self(name).sign(envelope.pae(), statement.namespace)
            envelope = statements.add_signature(envelope, armored)
        return dsse.encode(envelope).decode()


@pytest.fixture(scope="session")
def pens(tmp_path_factory: pytest.TempPathFactory) -> Pens:
    """Everybody's keys."""
    return Pens(tmp_path_factory.mktemp("pens"))


@dataclass
class Office:
    """An opened home and what people do in it. A key is called after its person unless told otherwise."""

    path: Path
    pens: Pens
    environment: dict[str, str]
    home: wiring.Home = field(init=False)

    def __post_init__(self) -> None:
        wiring.create_home(self.path, ORIGIN)
        self.home = wiring.open_home(self.path, environment=self.environment, start=False)
        self.home.journal.checkpointer.begin()

    def open(self) -> wiring.Home:
        """Another view of the same home, as a second process has."""
        return wiring.open_home(self.path, environment=self.environment)

    def genesis(self, person: str, **changed: Any) -> str:
        fields = {"keys": (self.pens.line(person),), "nonce": secrets.token_hex(32), "time": clock.now()}
        return self.pens.sign(
            statements.Genesis(**{"origin": ORIGIN, "person": person, **fields, **changed}), person
        )

    def begin(self, person: str = "ada") -> None:
        """``person`` becomes the first officer and takes over the shipped reason codes."""
        self.home.people.begin(self.genesis(person), person.title())
        self.home.reasons.submit(self.caller(person), self.signed(first_catalogue(), person))

    def caller(self, person: str) -> Caller:
        fingerprint = self.pens(person).fingerprint
        signed = Authentication(method="ssh-key", when=clock.now(), credential=fingerprint)
        return Caller(
            person=person, credential=fingerprint, authentication=signed, display_name=person.title()
        )

    def enrolment(
        self, person: str, *by: str, key: str = "", roles: tuple[str, ...] = (), **changed: Any
    ) -> str:
        statement = statements.Enrolment(
            **{
                "origin": ORIGIN,
                "person": person,
                "key": self.pens.line(key or person),
                "roles": roles,
                "device_bound": False,
                "nonce": secrets.token_hex(32),
                "time": clock.now(),
                **changed,
            }
        )
        return self.pens.sign(statement, *by)

    def revocation(self, person: str, *by: str, key: str = "") -> str:
        fingerprint = self.pens(key or person).fingerprint
        statement = statements.Revocation(
            origin=ORIGIN, person=person, key=fingerprint, reason="lost laptop", time=clock.now()
        )
        return self.pens.sign(statement, *by)

    def enrol(self, person: str, *by: str, **changed: Any) -> None:
        self.home.people.enrol(self.caller(by[0]), self.enrolment(person, *by, **changed))

    def second_officer(self) -> None:
        self.enrol("grace", "ada", roles=(statements.OFFICER,))

    def signed(self, record: Administration, *by: str, **changed: Any) -> Administration:
        """``record`` with the statement of the officers ``by``."""
        fields = {"person": by[0], "nonce": secrets.token_hex(32), "time": clock.now(), **changed}
        statement = trust.to_sign(record, **{"origin": ORIGIN, **fields})
        return msgspec.structs.replace(record, statements=(self.pens.sign(statement, *by),))

    def point_record(self, point: Point, action: str = trust.POINT_SET) -> Administration:
        return Administration(
            id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=point.name, point=point
        )

    def register(self, point: Point, *by: str, action: str = trust.POINT_SET) -> None:
        by = by or ("ada",)
        self.home.points.submit(self.caller(by[0]), self.signed(self.point_record(point, action), *by))


def breaker(**changed: Any) -> Point:
    """A trader's circuit breaker as a point."""
    fields = {
        "name": "mm7-breaker",
        "action": "trading.circuit_breaker.override",
        "system": "risk-gateway",
        "type": "circuit_breaker",
        "id": "MM-7",
        "owner": "risk desk",
        "reasons": ("LIQUIDITY_PROVISIONING", "SYSTEM_ERROR_RECOVERY"),
    }
    return Point(**{**fields, **changed})


@pytest.fixture(name="breaker")
def _breaker() -> Callable[..., Point]:
    """Makes the circuit breaker's point."""
    return breaker


@pytest.fixture
def empty_office(tmp_path: Path, pens: Pens) -> Iterator[Office]:
    """A home without officers."""
    office = Office(tmp_path / "home", pens, {"XDG_STATE_HOME": str(tmp_path / "state")})
    yield office
    office.home.close()


@pytest.fixture
def office(empty_office: Office) -> Office:
    """A trial home: ada is its one officer, the shipped reason codes are in force."""
    empty_office.begin()
    return empty_office


# -- what is read

ACTION = "trading.limit.raise"


class Archive:
    """A home where Ada raised limits at three targets."""

    def __init__(self, office: Any) -> None:
        self.office = office
        self.home: wiring.Home = office.home
        self.ada = office.caller("ada")
        for name, tier in (("alpha", "low"), ("beta", "medium"), ("gamma", "high")):
            point = Point(
                name=name,
                action=ACTION,
                system="risk-gateway",
                type="limits",
                id=name.upper(),
                owner="ada",
                tier=tier,  # type: ignore[arg-type]
                mode="enforce",
            )
            office.register(point)

    def classify(self, point: str, classification: str) -> None:
        """From now on what is recorded at ``point`` is of this class."""
        now = self.home.points.get(point)
        self.office.register(msgspec.structs.replace(now, classification=classification))

    def raise_limit(self, point: str, text: str, old: Any = 1, new: Any = 2, found: Any = ...) -> str:
        declared = Declaration(
            record=new_record_id(),
            person="ada",
            action=ACTION,
            point=point,
            change=Change(original=captured.capture(old), new=captured.capture(new)),
            expires=clock.after(clock.now(), seconds=600),
            justification=Justification(code="SYSTEM_ERROR_RECOVERY", text=text),
        )
        statement = self.office.pens.sign(
            statements.Intent(
                origin=self.home.origin,
                record=declared.record,
                declaration=codec.declaration_digest(declared),
                person="ada",
                nonce=secrets.token_hex(32),
                expires=declared.expires,
            ),
            "ada",
        )
        self.home.gate.declare(self.ada, declared, statement)
        before = captured.capture(old)
        self.home.gate.permit(self.ada, declared.record, Attempt(attempt="1", executor="t", before=before))
        outcome = Outcome(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=declared.record,
            result="applied",
            found=captured.capture(new if found is ... else found),
            attempt="1",
        )
        self.home.gate.conclude(self.ada, declared.record, outcome)
        return declared.record

    def accesses(self) -> list[Access]:
        scanned = self.home.journal.reader.scan(0)
        return [one.record for one in scanned if isinstance(one.record, Access)]

    def found(self, query: str, **options: Any) -> list[str]:
        return [row.id for row in self.home.reading.search(self.ada, query, **options).rows]


@pytest.fixture
def archive(office: Any) -> Archive:
    """An archive in an office of this test's own."""
    return Archive(office)


@pytest.fixture
def four_eyes(office: Any) -> FourEyes:
    """A home with two officers, in an office of this test's own."""
    return FourEyes(office)


@pytest.fixture
def alone(office: Any) -> FourEyes:
    """The same on a trial home: ada is the only officer there ever was."""
    return FourEyes(office, trial=True)
