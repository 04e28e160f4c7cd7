# SPDX-License-Identifier: Apache-2.0
"""A home with two officers and several colleagues, where approvals are demanded; and how they are signed."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from byhand import clock, wiring
from byhand.client.contract import Acknowledgement, ApprovalRequest, Attempt, Permitted
from byhand.control.identity import Caller
from byhand.ids import new_record_id
from byhand.records import captured, codec
from byhand.records.intervention import Change, Declaration, Justification
from byhand.records.kinds import Finding, Point
from byhand.signatures import dsse
from byhand.trust import statements

HALTED, ACTIVE = captured.capture("HALTED"), captured.capture("ACTIVE")
ACTION = "trading.circuit_breaker.override"
COLLEAGUES = ("bob", "cyd", "dan", "eve")


class FourEyes:
    """Ada and grace are officers; ada declares, others decide."""

    def __init__(self, office: Any, *, trial: bool = False) -> None:
        self.office = office
        self.home: wiring.Home = office.home
        if trial:
            return
        office.second_officer()
        for person in COLLEAGUES:
            office.enrol(person, "ada", "grace")
        self.register("breaker")

    def register(self, name: str, **changed: Any) -> Point:
        fields = {
            "name": name,
            "action": ACTION,
            "system": "risk-gateway",
            "type": "circuit_breaker",
            "id": name,
            "owner": "ada",
            "tier": "high",
            "mode": "enforce",
        }
        point = Point(**{**fields, **changed})
        self.office.register(point, "ada", "grace")
        return point

    def caller(self, person: str) -> Caller:
        found: Caller = self.office.caller(person)
        return found

    def declare(self, point: str = "breaker", by: str = "ada", **changed: Any) -> str:
        fields: dict[str, Any] = {
            "record": new_record_id(),
            "person": by,
            "action": ACTION,
            "point": point,
            "change": Change(original=HALTED, new=ACTIVE),
            "expires": clock.after(clock.now(), seconds=600),
            "justification": Justification(
                code="LIQUIDITY_PROVISIONING", text=f"Quoting obligation {secrets.token_hex(4)}"
            ),
        }
        declared = Declaration(**{**fields, **changed})
        statement = self.office.pens.sign(
            statements.Intent(
                origin=self.home.origin,
                record=declared.record,
                declaration=codec.declaration_digest(declared),
                person=by,
                nonce=secrets.token_hex(32),
                expires=declared.expires,
            ),
            by,
        )
        return self.home.gate.declare(self.caller(by), declared, statement).intervention

    def statement(self, intervention: str, person: str, **changed: Any) -> statements.Approval:
        """What ``person`` would sign to approve, as the server shows it."""
        shown = self.home.approvals.shown(intervention)
        size = self.home.journal.reader.size
        fields: dict[str, Any] = {
            "origin": shown.origin,
            "record": intervention,
            "intent_index": shown.intent_index,
            "intent_leaf": shown.intent_leaf,
            "decision": "approve",
            "meaning": "I have reviewed this.",
            "person": person,
            "requirement": shown.requirement,
            "policy": shown.policy,
            "seen_size": size,
            "seen_root": self.home.journal.reader.tree().root(size).hex(),
            "nonce": secrets.token_hex(32),
            "expires": shown.expires,
        }
        return statements.Approval(**{**fields, **changed})

    def signed(self, statement: statements.Approval, *keys: str, namespace: str | None = None) -> str:
        envelope = statements.unsigned(statement)
        for name in keys or (statement.person,):
            armored = self.office.pens(name).sign(envelope.pae(), namespace or statement.namespace)
            envelope = statements.add_signature(envelope, armored)
        return dsse.encode(envelope).decode()

    def send(
        self, intervention: str, text: str, person: str, record: str | None = None, **caller: Any
    ) -> Acknowledgement:
        who = msgspec.structs.replace(self.caller(person), **caller)
        request = ApprovalRequest(record=record or new_record_id(), statement=text)
        return self.home.gate.decide(who, intervention, request)

    def decide(
        self, intervention: str, person: str, decision: str = "approve", **changed: Any
    ) -> Acknowledgement:
        said = self.statement(intervention, person, decision=decision, **changed)
        return self.send(intervention, self.signed(said), person)

    def permit(self, intervention: str, by: str = "ada", **changed: Any) -> Permitted:
        attempt = Attempt(**{"attempt": "first", "executor": "test", "before": HALTED, **changed})
        return self.home.gate.permit(self.caller(by), intervention, attempt)

    def phase(self, intervention: str) -> str:
        return self.home.chains.get(intervention).state.phase

    def alerts(self, intervention: str) -> list[Finding]:
        stored = self.home.journal.reader.chain(intervention)
        found = [one.record for one in stored if isinstance(one.record, Finding)]
        return [one for one in found if one.verdict == "approval_refused"]
