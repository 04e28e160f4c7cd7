# SPDX-License-Identifier: Apache-2.0
"""Somebody who changes a real file through a server, one step after the other, and may be killed at any of them.

trip_client.py URL KEY FOLDER STEP     one trip; SIGKILL itself at STEP ("" for none). Begun again in the same
                                       FOLDER it goes on with the same ids: what it had asked it asks again.
trip_client.py URL KEY FOLDER forever  trip after trip, until FOLDER/enough is there; asks until it is answered.

On standard output: ``STEP ANSWER``, each answer as canonical JSON. FOLDER/acts is the target's own count.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from byhand import clock
from byhand.client import http, steps
from byhand.client.contract import Attempt, DeclareRequest, PermitRequest
from byhand.client.http import HttpBackend
from byhand.client.line import Line
from byhand.client.places import Target
from byhand.client.signing import find_signer
from byhand.client.speaking import sign_intent, sign_login
from byhand.errors import LogUnavailable
from byhand.ids import new_record_id
from byhand.records import parts
from byhand.records.base import Part
from byhand.records.intervention import Declaration
from byhand.records.kinds import Outcome

ADA = "ada.lovelace"
ACTION = "trading.circuit_breaker.override"
Answer = TypeVar("Answer")


class Plan(Part, kw_only=True):
    """What is fixed before it is sent, so that it can be sent again."""

    declaration: Declaration
    statement: str
    attempt: Attempt
    outcome: Outcome | None = None


class Trip:
    """One intervention on one file."""

    def __init__(self, url: str, key: str, folder: Path, kill_at: str, *, patient: bool) -> None:
        self.line = Line(url)
        self.key = find_signer(key_path=Path(key), environ={})
        self.folder = folder
        self.kill_at = kill_at
        self.patient = patient

    # -- asking

    def asked(self, call: Callable[[], Answer]) -> Answer:
        """The answer; where it is awaited for ever, the same is asked until it comes."""
        while True:
            try:
                return call()
            except LogUnavailable:
                if not self.patient:
                    raise
                time.sleep(0.05)

    def step(self, name: str, answer: Part | None = None) -> None:
        """A step was taken."""
        if answer is not None:
            print(name.replace(" ", "_"), parts.encode_part(answer).decode(), flush=True)
        if name == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def sent(self, name: str, path: str, body: Part) -> None:
        """Killed with the request on its way, before any answer."""
        if name != self.kill_at:
            return
        content = parts.encode_part(body)
        head = f"POST {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {self.line.token}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        place = urlsplit(self.line.url)
        with socket.create_connection((str(place.hostname), int(place.port or 0))) as connection:
            connection.sendall(head.encode() + content)
            os.kill(os.getpid(), signal.SIGKILL)

    # -- the steps

    def sign_in(self) -> None:
        challenge = self.asked(lambda: http.challenge(self.line))
        statement = sign_login(challenge.origin, ADA, challenge.challenge, challenge.expires, self.key)
        try:
            self.asked(lambda: http.login(self.line, statement))
        except Exception:  # a challenge is good once: its answer was lost
            if not self.patient:
                raise
            self.sign_in()

    def plan(self, backend: HttpBackend) -> Plan:
        """What is to be asked; read from the folder when it was planned earlier."""
        file = self.folder / "plan"
        if file.exists():
            return msgspec.json.decode(file.read_bytes(), type=Plan)
        name = self.folder.name
        request = steps.Request(
            place=Target("exchange", "breaker", name),
            action=ACTION,
            reason="FALSE_POSITIVE",
            notes=f"Stale quote from XLON, seen on two feeds ({new_record_id()}).",
            new=self.other(),
        )
        read = f"file:{self.folder / 'value.json'}#/state"
        sight = self.asked(lambda: steps.look(backend, request.place, ACTION, read))
        self.step("viewed")
        found = steps.read_value(sight)
        declaration = steps.build(request, sight, found, person=ADA, now=clock.now())
        statement = sign_intent(self.asked(lambda: backend.origin), declaration, self.key)
        plan = Plan(declaration=declaration, statement=statement, attempt=steps.make_attempt(sight))
        self.keep(plan)
        return plan

    def keep(self, plan: Plan) -> None:
        beside = self.folder / "plan.new"
        beside.write_bytes(parts.encode_part(plan))
        beside.replace(self.folder / "plan")

    def value(self) -> str:
        return str(json.loads((self.folder / "value.json").read_text())["state"])

    def other(self) -> str:
        return "ACTIVE" if self.value() == "HALTED" else "HALTED"

    def run(self) -> None:
        """Declare, permit, act, conclude."""
        backend = HttpBackend(self.line)
        plan = self.plan(backend)
        intervention = plan.declaration.record
        wanted = DeclareRequest(declaration=plan.declaration, statement=plan.statement)
        self.sent("declare sent", "/v1/interventions", wanted)
        declared = self.asked(lambda: backend.declare(plan.declaration, plan.statement))
        self.step("declared", declared)
        place = f"/v1/interventions/{intervention}"
        if plan.outcome is None:  # an act that has ended is not begun again, and the gate would refuse it
            self.sent("permit sent", f"{place}/permit", PermitRequest(redeem=plan.attempt))
            permitted = self.asked(lambda: backend.permit(intervention, plan.attempt))
            self.step("permitted", permitted)
            plan = self.act(plan)
        assert plan.outcome is not None
        outcome = plan.outcome
        self.sent("outcome sent", f"{place}/outcome", outcome)
        concluded = self.asked(lambda: backend.conclude(intervention, outcome))
        self.step("concluded", concluded)

    def act(self, plan: Plan) -> Plan:
        """Change the file, once: what was begun earlier and not finished is not begun again."""
        acts = self.folder / "acts"
        earlier = acts.read_text() if acts.exists() else ""
        intervention = plan.declaration.record
        with acts.open("a") as count:
            if f"begun {intervention}\n" not in earlier:
                count.write(f"begun {intervention}\n")
                count.flush()
                self.step("body half")
                new = json.loads((plan.declaration.change.new or plan.attempt.before).text or "")
                (self.folder / "value.json").write_text(json.dumps({"state": new}))
                count.write(f"done {intervention}\n")
                count.flush()
                earlier = f"done {intervention}\n"
                self.step("body done")
        result = "applied" if f"done {intervention}\n" in earlier else "unknown"
        found = msgspec.structs.replace(plan.attempt.before, text=json.dumps(self.value()))
        outcome = Outcome(
            id=new_record_id(),
            schema=0,
            intervention=intervention,
            result=result,  # type: ignore[arg-type]
            found=found,
            attempt=plan.attempt.attempt,
        )
        plan = msgspec.structs.replace(plan, outcome=outcome)
        self.keep(plan)
        return plan


def main(url: str, key: str, folder: str, kill_at: str) -> None:
    """One trip, or many."""
    place, forever = Path(folder), kill_at == "forever"
    trip = Trip(url, key, place, kill_at, patient=forever)
    trip.sign_in()
    trip.step("signed in")
    while True:
        trip.run()
        if not forever or (place / "enough").exists():
            return
        (place / "plan").unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
