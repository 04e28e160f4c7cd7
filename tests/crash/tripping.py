# SPDX-License-Identifier: Apache-2.0
"""One real intervention through the gate, by a process that is killed at a durable step.

tripping.py make FOLDER              a home with an officer and a point, and what is to be declared, in FOLDER
tripping.py trip FOLDER              declare, permit and redeem, conclude, fetch the receipt; say what was acknowledged
tripping.py trip FOLDER STEP COUNT   the same, SIGKILLing itself when STEP is taken for the COUNTth time
"""

from __future__ import annotations

import itertools
import os
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from byhand import clock
from byhand.client import signing
from byhand.client.contract import Acknowledgement, Attempt
from byhand.control.reasons import first_catalogue
from byhand.errors import NotPermitted
from byhand.ids import new_record_id
from byhand.records import captured, codec
from byhand.records.intervention import Change, Declaration, Justification
from byhand.records.kinds import SCHEMA_VERSION, Administration, Outcome, Point
from byhand.signatures import dsse, sshsig
from byhand.trust import administration as trust, statements
from byhand.wiring import Home, create_home, open_backend, open_home

ORIGIN = "byhand.test/tripping"
PERSON = "mara.keller"


class Plan(msgspec.Struct):
    """What is declared and how it ends: the same for every process that tries."""

    declaration: Declaration
    statement: str
    outcome: Outcome
    token: str


def environment(folder: Path) -> dict[str, str]:
    """Everything below ``folder``."""
    return {
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


def make(folder: Path) -> None:
    """The home and the plan."""
    signer = signing.make_key(folder / "key", PERSON)
    line = sshsig.authorized_line(signer.public_key_blob)

    def sign(statement: statements.Statement) -> str:
        envelope = statements.unsigned(statement)
        signed = statements.add_signature(envelope, signer.sign(envelope.pae(), statement.namespace))
        return dsse.encode(signed).decode()

    def signed(record: Administration) -> Administration:
        digest = trust.administration_digest(record)
        made = statements.Administration(
            origin=ORIGIN, record=record.id, change=digest, person=PERSON, nonce=_nonce(), time=clock.now()
        )
        return msgspec.structs.replace(record, statements=(sign(made),))

    create_home(folder / "home", ORIGIN)
    home = open_home(folder / "home", environment=environment(folder), start=False)
    genesis = statements.Genesis(origin=ORIGIN, person=PERSON, keys=(line,), nonce=_nonce(), time=clock.now())
    home.people.begin(sign(genesis), "Mara Keller")
    home.journal.checkpointer.begin()
    challenge, expires = home.sessions.challenge()
    login = statements.Login(origin=ORIGIN, person=PERSON, challenge=challenge, expires=expires)
    token, _ = home.sessions.login(sign(login), challenge)
    caller = open_backend(home, token).caller()
    home.reasons.submit(caller, signed(first_catalogue()))
    home.points.submit(caller, signed(_point()))
    home.journal.anchor()
    home.close()
    declared = _declaration()
    statement = statements.Intent(
        origin=ORIGIN,
        record=declared.record,
        declaration=codec.declaration_digest(declared),
        person=PERSON,
        nonce=_nonce(),
        expires=declared.expires,
    )
    outcome = Outcome(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=declared.record,
        result="applied",
        found=captured.capture("ACTIVE"),
        attempt="only",
    )
    plan = Plan(declared, sign(statement), outcome, token)
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))


def _nonce() -> str:
    return secrets.token_hex(32)


def _point() -> Administration:
    point = Point(
        name="mm7-breaker",
        action="trading.circuit_breaker.override",
        system="risk-gateway",
        type="circuit_breaker",
        id="MM-7",
        owner=PERSON,
        tier="high",
        mode="enforce",
    )
    return Administration(
        id=new_record_id(), schema=SCHEMA_VERSION, action=trust.POINT_SET, subject=point.name, point=point
    )


def _declaration() -> Declaration:
    return Declaration(
        record=new_record_id(),
        person=PERSON,
        action="trading.circuit_breaker.override",
        point="mm7-breaker",
        change=Change(original=captured.capture("HALTED"), new=captured.capture("ACTIVE")),
        expires=clock.after(clock.now(), seconds=600),
        justification=Justification(code="LIQUIDITY_PROVISIONING", text="Index rebalance until 15:00"),
    )


def trip(folder: Path, home: Home) -> None:
    """Carry out the plan; each line on stdout is a record whose acknowledgement arrived: id, index, leaf hash."""
    plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
    backend = open_backend(home, plan.token)
    record = plan.declaration.record
    _tell(backend.declare(plan.declaration, plan.statement).acknowledgement)
    before = captured.capture("HALTED")
    with suppress(NotPermitted):  # the act is over: the process that was killed had concluded it
        _tell(backend.permit(record, Attempt(attempt="only", executor="test", before=before)).acknowledgement)
    _tell(backend.conclude(record, plan.outcome).acknowledgement)
    _tell(backend.receipt(plan.outcome.id).acknowledgement)


def _tell(one: Acknowledgement) -> None:
    sys.stdout.write(f"{one.record} {one.index} {one.leaf}\n")
    sys.stdout.flush()


def main(what: str, folder: str, name: str = "", count: str = "0") -> None:
    """See the top."""
    if what == "make":
        make(Path(folder))
        return
    left = itertools.count(int(count), -1)

    def step(taken: str) -> None:
        if taken == name and next(left) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)

    home = open_home(Path(folder) / "home", environment=environment(Path(folder)), step=step)
    trip(Path(folder), home)
    home.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
