# SPDX-License-Identifier: Apache-2.0
"""The gate on a real home: what passes, what is refused, and that a refusal leaves the world as it was."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from byhand import clock, wiring
from byhand.client.contract import Attempt, Permitted
from byhand.client.executor import executor_name
from byhand.control.settling import RUNNING_SECONDS_MAX
from byhand.errors import (
    BeforeStateChanged,
    ByhandError,
    ChainMoved,
    Conflict,
    HomeRefused,
    IllegalTransition,
    Invalid,
    LogUnavailable,
    NotFound,
    NotPermitted,
    ProbeFailed,
    Refused,
    TooLate,
)
from byhand.ids import new_record_id
from byhand.records import captured, codec
from byhand.records.intervention import Change, Declaration, Justification, Target
from byhand.records.kinds import SCHEMA_VERSION, Intent, Outcome, Permit, Point
from byhand.trust import administration as trust, statements
from byhand.verifying import Knowledge, verify_target

HALTED, ACTIVE = captured.capture("HALTED"), captured.capture("ACTIVE")
ACTION = "trading.circuit_breaker.override"
WHY = "Index rebalance: quoting obligation on XLON until 15:00."


class Desk:
    """An office with a point of each mode, where Ada overrides breakers."""

    def __init__(self, office: Any) -> None:
        self.office = office
        self.home: wiring.Home = office.home
        office.enrol("bob", "ada")
        for mode, tier in (("enforce", "high"), ("warn", "high"), ("observe", "high"), ("enforce", "low")):
            name = f"{mode}-{tier}"
            point = Point(
                name=name,
                action=ACTION,
                system="risk-gateway",
                type="circuit_breaker",
                id=name,
                owner="ada",
                tier=tier,  # type: ignore[arg-type]
                mode=mode,  # type: ignore[arg-type]
                ignore=("/updated",),
            )
            office.register(point)
        self.ada = office.caller("ada")

    def declaration(self, point: str | None = "enforce-high", **changed: Any) -> Declaration:
        fields: dict[str, Any] = {
            "record": new_record_id(),
            "person": "ada",
            "action": ACTION,
            "point": point,
            "change": Change(original=HALTED, new=ACTIVE),
            "expires": clock.after(clock.now(), seconds=600),
            "justification": Justification(
                code="LIQUIDITY_PROVISIONING", text=f"{WHY} {secrets.token_hex(4)}"
            ),
        }
        return Declaration(**{**fields, **changed})

    def statement(self, declared: Declaration, by: str = "ada", **changed: Any) -> str:
        fields: dict[str, Any] = {
            "origin": self.home.origin,
            "record": declared.record,
            "declaration": codec.declaration_digest(declared),
            "person": by,
            "nonce": secrets.token_hex(32),
            "expires": declared.expires,
        }
        signed: str = self.office.pens.sign(statements.Intent(**{**fields, **changed}), by)
        return signed

    def declare(self, point: str = "enforce-high", **changed: Any) -> str:
        declared = self.declaration(point, **changed)
        return self.home.gate.declare(self.ada, declared, self.statement(declared)).intervention

    def permit(self, intervention: str, attempt: Attempt | None = None) -> Permitted:
        return self.home.gate.permit(self.ada, intervention, attempt or self.attempt())

    @staticmethod
    def attempt(name: str = "first", before: Any = HALTED, executor: str = "test") -> Attempt:
        return Attempt(attempt=name, executor=executor, before=before)

    def outcome(self, intervention: str, result: str = "applied", **changed: Any) -> Outcome:
        fields: dict[str, Any] = {
            "id": new_record_id(),
            "schema": SCHEMA_VERSION,
            "intervention": intervention,
            "result": result,
            "found": ACTIVE,
            "attempt": "first",
        }
        return Outcome(**{**fields, **changed})

    def chain(self, intervention: str) -> list[Any]:
        return [stored.record for stored in self.home.journal.reader.chain(intervention)]

    @property
    def size(self) -> int:
        return self.home.journal.reader.size


@pytest.fixture
def desk(office: Any) -> Desk:
    """A desk in an office of this test's own."""
    return Desk(office)


def test_a_whole_trip_leaves_intent_permit_redemption_and_outcome(desk: Desk) -> None:
    """Declare, permit and redeem in one commit, conclude: four records, one chain, the value judged as declared."""
    intervention = desk.declare()
    desk.permit(intervention)
    concluded = desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))
    assert concluded.outcome.as_declared is True
    kinds = [(type(one).__name__, getattr(one, "phase", None)) for one in desk.chain(intervention)]
    assert kinds == [("Intent", None), ("Permit", "issued"), ("Permit", "redeemed"), ("Outcome", None)]
    intent = desk.chain(intervention)[0]
    assert isinstance(intent, Intent)
    assert (intent.actor.signed_by, intent.target.tier, intent.decision.path) == (
        "actor",
        "high",
        "automatic",
    )


def test_the_permit_of_a_high_tier_waits_for_an_anchored_checkpoint(desk: Desk) -> None:
    """When the permit is issued, an anchored checkpoint covers the intent."""
    intervention = desk.declare()
    index = desk.home.journal.reader.head(intervention)
    assert index is not None
    desk.permit(intervention)
    note = desk.home.entries.published()
    assert note is not None
    assert desk.home.journal.checkpointer.size_of(note) > index


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("unknown code", {"justification": Justification(code="LIQUIDITY", text=WHY)}, "/justification/code"),
    (
        "unbound code",
        {"justification": Justification(code="CUSTOMER_REQUEST", text=WHY)},
        "/justification/code",
    ),
    ("empty text", {"justification": Justification(code="FALSE_POSITIVE", text="")}, "/justification/text"),
    (
        "lazy text",
        {"justification": Justification(code="FALSE_POSITIVE", text="..........")},
        "/justification/text",
    ),
    (
        "code again",
        {"justification": Justification(code="FALSE_POSITIVE", text="false positive")},
        "/justification/text",
    ),
    ("no reason", {"justification": None}, "/justification"),
    ("past expiry", {"expires": "2020-01-01T00:00:00.000000Z"}, "/expires"),
    ("far expiry", {"expires": "2090-01-01T00:00:00.000000Z"}, "/expires"),
    ("other action", {"action": "trading.limit.raise"}, "/action"),
    ("other field", {"change": Change(original=HALTED, new=ACTIVE, field="/x")}, "/change/field"),
    ("bad pointer", {"change": Change(original=HALTED, new=ACTIVE, field="x")}, "/change/field"),
    ("no new value", {"change": Change(original=HALTED, command="ab" * 32)}, "/change/new"),
    ("bad record id", {"record": "1234"}, "/record"),
    (
        "over",
        {"change": Change(original=HALTED, new=ACTIVE, effective_until="2020-01-01T00:00:00.000000Z")},
        "/change",
    ),
]


@pytest.mark.parametrize(("name", "changed", "pointer"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_declarations_are_refused_with_a_pointer_and_leave_nothing(
    desk: Desk, name: str, changed: dict[str, Any], pointer: str
) -> None:
    """Each fault is named where it is; the log does not grow, and there is nothing to get a permit for."""
    before = desk.size
    declared = desk.declaration(**changed)
    statement = None if name == "bad record id" else desk.statement(declared)
    with pytest.raises(Invalid) as refused:
        desk.home.gate.declare(desk.ada, declared, statement)
    assert any(fault.pointer.startswith(pointer) for fault in refused.value.faults), refused.value
    assert desk.size == before
    with pytest.raises(NotFound):
        desk.home.gate.permit(desk.ada, declared.record)


def test_all_faults_come_at_once(desk: Desk) -> None:
    """A person mends everything in one go."""
    declared = desk.declaration(
        person="Ada!", action="x", expires="soon", change=Change(original=HALTED, new=ACTIVE, field="x")
    )
    with pytest.raises(Invalid) as refused:
        desk.home.gate.declare(desk.ada, declared)
    assert {fault.pointer for fault in refused.value.faults} >= {
        "/person",
        "/action",
        "/expires",
        "/change/field",
    }


def test_nobody_declares_in_anothers_name(desk: Desk) -> None:
    """The caller is the person; a declaration that says otherwise is refused."""
    with pytest.raises(Refused, match="in the name of"):
        desk.home.gate.declare(desk.ada, desk.declaration(person="bob"))


def test_a_high_tier_needs_the_actors_own_signature(desk: Desk) -> None:
    """Unsigned, signed by another, over another declaration, for another home: refused, nothing recorded."""
    declared = desk.declaration()
    other = desk.declaration()
    before = desk.size
    bent = (
        None,
        desk.statement(other),
        desk.statement(declared, by="bob"),
        desk.statement(declared, person="bob", by="bob"),
        desk.statement(declared, origin="another.example/log"),
        desk.statement(declared, expires="2020-01-01T00:00:00.000000Z"),
    )
    for statement in bent:
        with pytest.raises(Refused):
            desk.home.gate.declare(desk.ada, declared, statement)
    assert desk.size == before


def test_a_low_tier_is_vouched_for_by_the_server(desk: Desk) -> None:
    """Without a signature the record says who vouches for it."""
    declared = desk.declaration("enforce-low")
    desk.home.gate.declare(desk.ada, declared)
    assert desk.chain(declared.record)[0].actor.signed_by == "server"


def test_an_unreadable_value_is_refused_for_high_risk(desk: Desk) -> None:
    """Before-state unknown: nothing can be bound to it."""
    declared = desk.declaration(change=Change(original=captured.unknown("timed out"), new=ACTIVE))
    with pytest.raises(Refused, match="could not be read"):
        desk.home.gate.declare(desk.ada, declared, desk.statement(declared))


@pytest.mark.parametrize("mode", ["observe", "warn"])
def test_observe_and_warn_let_pass_and_write_down_what_enforce_would_refuse(desk: Desk, mode: str) -> None:
    """No signature, no new value, a lazy text: the permit issues all the same, by that gate path."""
    lazy = Justification(code="FALSE_POSITIVE", text="asdf")
    declared = desk.declaration(
        f"{mode}-high", change=Change(original=HALTED, command="ab" * 32), justification=lazy
    )
    answer = desk.home.gate.declare(desk.ada, declared)
    assert len(answer.would_refuse) >= 3
    desk.permit(declared.record, desk.attempt(before=ACTIVE))
    intent = desk.chain(declared.record)[0]
    assert (intent.decision.path, intent.mode) == (mode, mode)


def test_a_forged_signature_is_refused_in_every_mode(desk: Desk) -> None:
    """A missing signature may be let pass; a wrong one never."""
    declared = desk.declaration("observe-high")
    with pytest.raises(Refused):
        desk.home.gate.declare(desk.ada, declared, desk.statement(desk.declaration()))


def test_an_unregistered_target_counts_as_production_and_high(desk: Desk) -> None:
    """Tier and environment are the server's word; the client's own are not heard."""
    target = Target(system="elsewhere", type="switch", id="7", environment="test", tier="low")
    declared = desk.declaration(None, target=target)
    with pytest.raises(Refused):
        desk.home.gate.declare(desk.ada, declared)
    desk.home.gate.declare(desk.ada, declared, desk.statement(declared))
    intent = desk.chain(declared.record)[0]
    assert (intent.target.tier, intent.target.environment, intent.mode) == ("high", "production", "enforce")


def test_declaring_again_is_the_same_answer_and_another_declaration_is_not(desk: Desk) -> None:
    """The record id is the idempotency key: same declaration, same acknowledgement; another one, Conflict."""
    declared = desk.declaration()
    statement = desk.statement(declared)
    first = desk.home.gate.declare(desk.ada, declared, statement)
    size = desk.size
    assert (
        desk.home.gate.declare(desk.ada, declared, desk.statement(declared)).acknowledgement
        == first.acknowledgement
    )
    other = msgspec.structs.replace(declared, expires=clock.after(clock.now(), seconds=60))
    with pytest.raises(Conflict):
        desk.home.gate.declare(desk.ada, other, desk.statement(other))
    assert desk.size == size


def test_a_repeated_text_needs_to_say_so(desk: Desk) -> None:
    """Word for word again is refused with the id to name; with it, it passes and is flagged."""
    reason = Justification(code="FALSE_POSITIVE", text="The feed was late, prices are right.")
    first = desk.declare(justification=reason)
    with pytest.raises(Invalid, match=first):
        desk.declare(
            justification=msgspec.structs.replace(reason, text="the feed was late,  prices are RIGHT.")
        )
    again = desk.declare(justification=msgspec.structs.replace(reason, same_as=first))
    assert "text_repeated" in desk.chain(again)[0].flags


@pytest.mark.parametrize("by", ["ada", "bob"])
def test_same_as_must_name_an_intent_with_that_text(desk: Desk, by: str) -> None:
    """Any intent of this log that says it will do, one's own or a colleague's; a stray id will not."""
    reason = Justification(code="FALSE_POSITIVE", text="The feed was late, prices are right.")
    first = desk.declaration("enforce-low", person=by, justification=reason)
    desk.home.gate.declare(desk.office.caller(by), first)
    other = desk.declare()
    for stray in (new_record_id(), other):
        with pytest.raises(Invalid, match="names no intent that says the same"):
            desk.declare(justification=msgspec.structs.replace(reason, same_as=stray))
    again = desk.declare(justification=msgspec.structs.replace(reason, same_as=first.record))
    assert "text_repeated" in desk.chain(again)[0].flags


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_cause_is_an_intervention_of_this_log(desk: Desk, mode: str) -> None:
    """A cause that is not here is refused in every mode, and so is a reason inherited from none that says it."""
    first = desk.declare(f"{mode}-high")
    given = desk.chain(first)[0].declaration.justification
    inherited = msgspec.structs.replace(given, collected="inherited", same_as=first)
    with pytest.raises(Invalid, match="is no intervention of this log"):
        desk.declare(f"{mode}-high", caused_by=new_record_id())
    for cause, said in (
        (None, inherited),
        (first, msgspec.structs.replace(inherited, text="Other words here.")),
    ):
        with pytest.raises(Invalid, match="is inherited from no cause"):
            desk.declare(f"{mode}-high", caused_by=cause, justification=said)
    reverted = desk.declare(f"{mode}-high", caused_by=first, justification=inherited)
    assert desk.chain(reverted)[0].caused_by == first


@pytest.mark.parametrize(
    "malformed",
    [
        Justification(code="because", text=WHY),
        Justification(code="FALSE_POSITIVE", text="w" * 4_001),
        Justification(code="FALSE_POSITIVE", text="Some text \u202e with an override"),
    ],
)
def test_a_malformed_reason_is_refused_in_every_mode(desk: Desk, malformed: Justification) -> None:
    """What has not the form of a record cannot be written down; a lazy reason can, and is, in observe and warn."""
    for point in ("observe-high", "warn-high", "enforce-high"):
        size = desk.size
        with pytest.raises(Invalid):
            desk.declare(point, justification=malformed)
        assert desk.size == size


# -- permits


def test_a_permit_is_good_once(desk: Desk) -> None:
    """The same attempt gets the same answer; another attempt or executor is refused, and that is on record."""
    intervention = desk.declare()
    first = desk.permit(intervention)
    assert desk.permit(intervention).acknowledgement == first.acknowledgement
    assert (
        desk.home.gate.redeem(desk.ada, intervention, desk.attempt()).acknowledgement == first.acknowledgement
    )
    for other in (desk.attempt("second"), desk.attempt(executor="elsewhere")):
        with pytest.raises(NotPermitted, match="used already"):
            desk.home.gate.redeem(desk.ada, intervention, other)
    refused = [one for one in desk.chain(intervention) if isinstance(one, Permit) and one.phase == "refused"]
    assert len(refused) == 2


def test_of_many_who_redeem_at_once_one_wins(desk: Desk) -> None:
    """Threads of two processes' homes race for one permit: exactly one redemption is in the log."""
    intervention = desk.declare()
    desk.home.gate.permit(desk.ada, intervention)
    second = desk.office.open()
    won: list[str] = []

    def race(home: wiring.Home, number: int) -> None:
        try:
            home.gate.redeem(desk.ada, intervention, desk.attempt(f"attempt-{number}"))
        except (NotPermitted, ByhandError):
            return
        won.append(str(number))

    homes = (desk.home, second)
    threads = [threading.Thread(target=race, args=(homes[n % 2], n)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    redeemed = [
        one.record
        for one in second.journal.reader.chain(intervention)
        if isinstance(one.record, Permit) and one.record.phase == "redeemed"
    ]
    second.close()
    assert (len(won), len(redeemed)) == (1, 1)


def test_of_many_who_redeem_at_once_every_other_is_on_record(desk: Desk) -> None:
    """One redemption and a refusal for each of the others, permit and redemption asked for in one."""
    intervention = desk.declare()
    answers: list[type] = []

    def race(number: int) -> None:
        try:
            desk.permit(intervention, desk.attempt(f"attempt-{number}"))
        except ByhandError as error:
            answers.append(type(error))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    phases = [one.phase for one in desk.chain(intervention) if isinstance(one, Permit)]
    assert answers == [NotPermitted] * 15
    assert (phases.count("issued"), phases.count("redeemed"), phases.count("refused")) == (1, 1, 15)
    assert _findings(desk) == []


def test_who_is_always_overtaken_is_refused_on_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last race is a refusal like any other, not an error that leaves nothing."""
    intervention = desk.declare()
    desk.home.gate.permit(desk.ada, intervention)

    def overtaken(*_: Any) -> None:
        raise ChainMoved(intervention, 1, 2)

    monkeypatch.setattr(desk.home.gate._chains, "extend", overtaken)
    with pytest.raises(NotPermitted, match="others kept adding"):
        desk.home.gate.redeem(desk.ada, intervention, desk.attempt("slow"))
    last = desk.chain(intervention)[-1]
    assert (last.phase, last.attempt) == ("refused", "slow")


@pytest.mark.parametrize("mode", ["observe", "warn"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_before_state_that_changed_is_let_pass_and_written_down(
    desk: Desk, mode: str, at_once: bool
) -> None:
    """The redeemed record says what enforce would have refused, and the digest of what was found."""
    intervention = desk.declare(f"{mode}-high")
    moved = desk.attempt(before=captured.capture("REDUCING"))
    if at_once:
        desk.permit(intervention, moved)
    else:
        desk.home.gate.permit(desk.ada, intervention)
        desk.home.gate.redeem(desk.ada, intervention, moved)
    redeemed = desk.chain(intervention)[-1]
    assert redeemed.phase == "redeemed"
    assert f"risk-gateway/circuit_breaker/{mode}-high no longer has the value" in redeemed.cause
    assert captured.normal_digest(captured.capture("REDUCING")) in redeemed.cause
    assert redeemed.before == captured.normal_digest(HALTED)
    assert _findings(desk) == []


def test_a_refusal_names_the_target_in_words(desk: Desk) -> None:
    """Nobody knows a target by its digest."""
    intervention = desk.declare()
    with pytest.raises(BeforeStateChanged, match=r"^risk-gateway/circuit_breaker/enforce-high no longer has"):
        desk.permit(intervention, desk.attempt(before=ACTIVE))


@pytest.mark.parametrize(
    ("changed", "how"),
    [
        ({"mode": "enforce"}, "in mode enforce, no longer in observe"),
        ({"tier": "critical"}, "of tier critical, no longer high"),
        ({"id": "other"}, "another target, field or action"),
        ({"field": "/state"}, "another target, field or action"),
        (None, "was retired"),
    ],
)
def test_a_point_that_became_stricter_wants_a_new_intent(
    desk: Desk, changed: dict[str, Any] | None, how: str
) -> None:
    """What was declared under observe gets no permit once the point enforces, or is gone."""
    intervention = desk.declare("observe-high")
    point = desk.home.points.get("observe-high")
    if changed is None:
        record = msgspec.structs.replace(desk.office.point_record(point, trust.POINT_RETIRE), point=None)
        desk.home.points.submit(desk.ada, desk.office.signed(record, "ada"))
    else:
        desk.office.register(msgspec.structs.replace(point, **changed))
    with pytest.raises(NotPermitted, match=how) as refusal:
        desk.permit(intervention)
    assert refusal.value.advice == "Declare anew."


def test_a_target_registered_meanwhile_wants_a_new_intent(desk: Desk) -> None:
    """The intent named the target when it had no point; now it has one, of its own tier."""
    target = Target(system="elsewhere", type="switch", id="7")
    declared = desk.declaration(None, target=target)
    desk.home.gate.declare(desk.ada, declared, desk.statement(declared))
    point = msgspec.structs.replace(
        desk.home.points.get("enforce-high"), name="switch", system="elsewhere", type="switch", id="7"
    )
    desk.office.register(point)
    with pytest.raises(NotPermitted, match="registered as the intervention point switch"):
        desk.permit(declared.record)


def test_a_point_that_became_laxer_takes_nothing_back(desk: Desk) -> None:
    """The intent was judged more strictly than it need be."""
    intervention = desk.declare("enforce-high")
    desk.office.register(msgspec.structs.replace(desk.home.points.get("enforce-high"), mode="warn"))
    desk.permit(intervention)
    assert _findings(desk) == []


def test_an_outcome_handed_in_again_is_answered_as_it_was_recorded(desk: Desk) -> None:
    """Who concluded and whether it is as declared are the log's words, not the client's."""
    intervention = desk.declare()
    desk.permit(intervention)
    outcome = desk.outcome(intervention)
    first = desk.home.gate.conclude(desk.ada, intervention, outcome)
    again = desk.home.gate.conclude(desk.ada, intervention, outcome)
    assert again == first
    assert (again.outcome.concluded_by, again.outcome.as_declared) == ("ada", True)


def test_a_changed_before_state_is_refused_and_the_permit_stands(desk: Desk) -> None:
    """Bound to what was read when declaring; fields the point ignores do not count."""
    original = captured.capture({"state": "HALTED", "updated": 1})
    intervention = desk.declare(change=Change(original=original, new=ACTIVE))
    desk.home.gate.permit(desk.ada, intervention)
    moved = desk.attempt(before=captured.capture({"state": "REDUCING", "updated": 1}))
    with pytest.raises(BeforeStateChanged):
        desk.home.gate.redeem(desk.ada, intervention, moved)
    same = desk.attempt(before=captured.capture({"updated": 2, "state": "HALTED"}))
    assert desk.home.gate.redeem(desk.ada, intervention, same).attempt == "first"


def test_permit_and_redemption_at_once_leave_nothing_when_the_state_moved(desk: Desk) -> None:
    """Issued and redeemed in one commit, or not at all."""
    intervention = desk.declare()
    with pytest.raises(BeforeStateChanged):
        desk.permit(intervention, desk.attempt(before=captured.capture("REDUCING")))
    assert [type(one) for one in desk.chain(intervention)] == [Intent]


def test_only_the_person_who_declared_may_act(desk: Desk) -> None:
    """Another person gets neither permit nor redemption nor the last word."""
    bob = desk.office.caller("bob")
    intervention = desk.declare()
    with pytest.raises(NotPermitted):
        desk.home.gate.permit(bob, intervention)
    desk.home.gate.permit(desk.ada, intervention)
    with pytest.raises(NotPermitted):
        desk.home.gate.redeem(bob, intervention, desk.attempt())
    desk.permit(intervention)
    with pytest.raises(Refused):
        desk.home.gate.conclude(bob, intervention, desk.outcome(intervention))


def test_one_at_a_time_on_a_target(desk: Desk) -> None:
    """While one redemption is open, another on the same target waits; on its own target it does not."""
    first, second, elsewhere = desk.declare(), desk.declare(), desk.declare("enforce-low")
    desk.permit(first)
    with pytest.raises(NotPermitted, match=first):
        desk.permit(second)
    desk.permit(elsewhere)
    desk.home.gate.conclude(desk.ada, first, desk.outcome(first))
    assert desk.permit(second).attempt == "first"


def test_many_on_one_target_go_one_after_the_other(desk: Desk) -> None:
    """However many try at once, in two homes, no two redemptions on a target overlap."""
    second = desk.office.open()
    interventions = [desk.declare() for _ in range(10)]
    won: list[str] = []

    def race(home: wiring.Home, intervention: str) -> None:
        try:
            home.gate.permit(desk.ada, intervention, desk.attempt())
        except NotPermitted:
            return
        won.append(intervention)

    homes = (desk.home, second)
    threads = [threading.Thread(target=race, args=(homes[n % 2], one)) for n, one in enumerate(interventions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    second.close()
    assert len(won) == 1


def test_without_intent_or_permit_there_is_nothing_to_use(desk: Desk) -> None:
    """Missing permit, unknown intervention."""
    with pytest.raises(NotFound):
        desk.home.gate.permit(desk.ada, new_record_id())
    intervention = desk.declare()
    with pytest.raises(NotPermitted, match="no permit"):
        desk.home.gate.redeem(desk.ada, intervention, desk.attempt())
    with pytest.raises(NotPermitted):
        desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))


def _later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = clock.after(clock.now(), seconds=seconds)
    monkeypatch.setattr("byhand.clock.now", lambda: now)


def test_expired_intents_and_permits_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time an intent gets no permit, and a permit is not redeemed."""
    declared, permitted = desk.declare(), desk.declare()
    desk.home.gate.permit(desk.ada, permitted)
    _later(monkeypatch, 601)
    with pytest.raises(NotPermitted, match="lapsed"):
        desk.home.gate.permit(desk.ada, declared)
    with pytest.raises(NotPermitted, match="lapsed"):
        desk.home.gate.redeem(desk.ada, permitted, desk.attempt())


# -- outcomes


def test_a_value_that_is_not_the_declared_one_is_said(desk: Desk) -> None:
    """The outcome says so itself, whatever the client claims."""
    intervention = desk.declare()
    desk.permit(intervention)
    lie = desk.outcome(intervention, found=captured.capture("REDUCING"), as_declared=True)
    assert desk.home.gate.conclude(desk.ada, intervention, lie).outcome.as_declared is False


def test_an_outcome_is_recorded_once_and_of_the_attempt_that_redeemed(desk: Desk) -> None:
    """The same outcome again is the same answer; a second one, or another attempt's, is refused."""
    intervention = desk.declare()
    desk.permit(intervention)
    with pytest.raises(Refused, match="another attempt"):
        desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention, attempt="second"))
    outcome = desk.outcome(intervention, "failed", error="boom")
    first = desk.home.gate.conclude(desk.ada, intervention, outcome)
    assert desk.home.gate.conclude(desk.ada, intervention, outcome).acknowledgement == first.acknowledgement
    with pytest.raises(IllegalTransition):
        desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))


def test_a_declared_intent_can_be_abandoned(desk: Desk) -> None:
    """Nothing was done, and that is a record too."""
    intervention = desk.declare()
    desk.home.gate.conclude(
        desk.ada, intervention, desk.outcome(intervention, "abandoned", found=None, attempt=None)
    )
    with pytest.raises(NotPermitted):
        desk.permit(intervention)


# -- due work


def test_what_nobody_finished_lapses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intent without a permit and a permit without use lapse, once, when the home is next used."""
    declared, permitted = desk.declare(), desk.declare()
    desk.home.gate.permit(desk.ada, permitted)
    assert desk.home.settle() == 0
    _later(monkeypatch, 601)
    assert desk.home.settle() == 2
    assert desk.home.settle() == 0
    for intervention in (declared, permitted):
        assert desk.chain(intervention)[-1].result == "lapsed"


def test_a_killed_executor_leaves_an_unknown_outcome_that_can_be_resolved(desk: Desk) -> None:
    """Its process is gone: unknown is recorded at once; afterwards the truth may still be told."""
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    host = executor_name().split("/")[0]
    intervention, running = desk.declare(), desk.declare("enforce-low")
    desk.permit(intervention, desk.attempt(executor=f"{host}/{gone}/1"))
    desk.permit(running, desk.attempt(executor=executor_name()))
    assert desk.home.settle() == 1
    assert desk.chain(intervention)[-1].result == "unknown"
    desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))
    assert desk.chain(intervention)[-1].result == "applied"


def test_a_change_that_outstays_its_time_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute after its end an unreverted change is an alert, once."""
    until = clock.after(clock.now(), seconds=300)
    intervention = desk.declare(change=Change(original=HALTED, new=ACTIVE, effective_until=until))
    desk.permit(intervention)
    desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))
    assert desk.home.settle() == 0
    _later(monkeypatch, 361)
    assert desk.home.settle() == 1
    assert desk.home.settle() == 0
    assert desk.chain(intervention)[-1].verdict == "overdue"


def test_an_act_that_says_nothing_for_long_becomes_unknown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although its process lives: its target is free again, a change with an end is overdue, the truth still told."""
    until = clock.after(clock.now(), seconds=300)
    intervention = desk.declare(change=Change(original=HALTED, new=ACTIVE, effective_until=until))
    desk.permit(intervention, desk.attempt(executor=executor_name()))
    _later(monkeypatch, RUNNING_SECONDS_MAX)
    assert desk.home.settle() == 0
    _later(monkeypatch, RUNNING_SECONDS_MAX + 601)
    assert desk.home.settle() == 1
    assert desk.chain(intervention)[-1].result == "unknown"
    assert desk.home.settle() == 1
    assert desk.chain(intervention)[-1].verdict == "overdue"
    desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))
    assert desk.home.settle() == 0
    assert desk.chain(intervention)[-1].result == "applied"


# -- the log is not there


@pytest.mark.parametrize("step", ["declare", "permit", "conclude"])
def test_when_the_log_cannot_be_written_nothing_passes(desk: Desk, step: str) -> None:
    """A log that refuses writes refuses the act, in every mode; a client learns it with exit code 6."""
    intervention = desk.declare()
    if step == "conclude":
        desk.permit(intervention)
    writer = desk.home.entries._writer
    assert writer is not None
    writer.execute("PRAGMA query_only = ON")
    acts: dict[str, Callable[[], Any]] = {
        "declare": lambda: desk.declare("observe-high"),
        "permit": lambda: desk.permit(intervention),
        "conclude": lambda: desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention)),
    }
    with pytest.raises(LogUnavailable) as refused:
        acts[step]()
    assert refused.value.exit_code == 6
    writer.execute("PRAGMA query_only = OFF")
    acts[step]()


def test_the_gate_reads_what_another_process_wrote(desk: Desk) -> None:
    """A remembered chain that has grown elsewhere is read again."""
    intervention = desk.declare()
    second = desk.office.open()
    second.gate.permit(desk.ada, intervention, desk.attempt())
    second.close()
    concluded = desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))
    assert concluded.outcome.result == "applied"


def test_samples_of_real_values_come_back_character_for_character(desk: Desk, tmp_path: Path) -> None:
    """What was declared is what the log gives back: big integers, exact decimals, non-ASCII keys."""
    text = '{"größe": 18446744073709551616, "x": 0.1000000000000000055, "n": 1700000000123456789, "a": 1e400}'
    intervention = desk.declare(change=Change(original=captured.from_text(text), new=ACTIVE))
    assert desk.chain(intervention)[0].declaration.change.original.text == text


def test_a_key_revoked_meanwhile_stops_what_was_about_to_be_recorded(desk: Desk) -> None:
    """An intent decided on a keyring that was overtaken is decided anew: nothing enters with a revoked key."""
    desk.office.enrol("ada", "ada", key="ada2")
    declared = desk.declaration()
    statement = desk.office.pens.sign(
        statements.Intent(
            origin=desk.home.origin,
            record=declared.record,
            declaration=codec.declaration_digest(declared),
            person="ada",
            nonce=secrets.token_hex(32),
            expires=declared.expires,
        ),
        "ada2",
    )
    views, revoked = desk.home.gate._views, []
    declared_view = views.declared

    def revoke_first(one: Declaration) -> Any:
        view = declared_view(one)
        if not revoked:
            revoked.append(True)
            second = desk.office.open()
            second.people.revoke(desk.ada, desk.office.revocation("ada", "ada", key="ada2"))
            second.close()
        return view

    views.declared = revoke_first  # type: ignore[method-assign]
    before = desk.size
    with pytest.raises(Refused, match="revoked"):
        desk.home.gate.declare(desk.ada, declared, statement)
    assert desk.size == before + 1


# -- what is done in vain, by others, or too late leaves an honest log sound


def _findings(desk: Desk) -> list[str]:
    """What verification says against the home, opened beside its owner."""
    desk.home.journal.anchor()
    report = verify_target(str(desk.office.path), Knowledge(environment=desk.office.environment))
    return [str(found) for found in report.findings]


def _carried_out(desk: Desk) -> str:
    intervention = desk.declare()
    desk.permit(intervention)
    desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))
    return intervention


def test_an_attempt_in_vain_after_the_end_is_recorded_and_harmless(desk: Desk) -> None:
    """The refusal is on record, and the honest log stays sound."""
    intervention = _carried_out(desk)
    with pytest.raises(NotPermitted, match="was used already"):
        desk.home.gate.redeem(desk.ada, intervention, desk.attempt("second"))
    assert desk.chain(intervention)[-1].phase == "refused"
    assert _findings(desk) == []


def test_the_same_attempt_gets_no_permit_after_the_outcome(desk: Desk) -> None:
    """Asking again is for lost answers; once the act has ended there is nothing left to permit."""
    intervention = desk.declare()
    assert desk.permit(intervention).permit == desk.permit(intervention).permit
    desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))
    with pytest.raises(NotPermitted, match="was used already"):
        desk.permit(intervention)
    assert _findings(desk) == []


@pytest.mark.parametrize("stage", ["declared", "issued", "redeemed", "ended"])
def test_nobody_gets_a_permit_for_somebody_elses_act(desk: Desk, stage: str) -> None:
    """Not even by repeating the attempt that stands in the log; where there is a permit, the refusal names them."""
    bob = desk.office.caller("bob")
    intervention = desk.declare()
    if stage == "issued":
        desk.home.gate.permit(desk.ada, intervention)
    if stage in ("redeemed", "ended"):
        desk.permit(intervention)
    if stage == "ended":
        desk.home.gate.conclude(desk.ada, intervention, desk.outcome(intervention))
    before = desk.size
    for ask in (
        lambda: desk.home.gate.permit(bob, intervention),
        lambda: desk.home.gate.permit(bob, intervention, desk.attempt()),
        lambda: desk.home.gate.redeem(bob, intervention, desk.attempt()),
    ):
        with pytest.raises(NotPermitted, match=r"somebody else's: bob cannot|no permit was issued"):
            ask()
    refusals = [one for one in desk.chain(intervention) if getattr(one, "phase", "") == "refused"]
    assert desk.size - before == len(refusals) == (0 if stage == "declared" else 2)
    assert all("bob" in str(one.cause) for one in refusals)
    assert _findings(desk) == []


def _set_back(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    real = clock.now

    def now() -> str:
        return clock.after(real(), seconds=-seconds)

    monkeypatch.setattr(clock, "now", now)


def test_a_clock_set_back_stops_what_the_log_could_not_prove(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's time never goes back: what has ended there is refused, with advice, and nothing is spoilt."""
    before = desk.size
    with monkeypatch.context() as earlier:
        _set_back(earlier, seconds=3 * 3_600)
        with pytest.raises(TooLate, match="in the log it is") as refused:
            desk.declare()
    assert "clock" in str(refused.value.advice)
    assert desk.size == before
    assert _findings(desk) == []


def test_a_clock_set_back_between_permit_and_redemption(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permit that has lapsed by the log's time is not used, whatever the clock says."""
    intervention = desk.declare()
    desk.home.gate.permit(desk.ada, intervention)
    with monkeypatch.context() as later:
        _set_back(later, seconds=-3 * 3_600)
        desk.home.journal.heartbeat()
    with pytest.raises(TooLate):
        desk.home.gate.redeem(desk.ada, intervention, desk.attempt())
    found = _findings(desk)
    assert found
    assert all("time.ahead" in one for one in found)  # what the clock did is seen


def test_what_waits_too_long_for_its_commit_is_not_recorded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate looked in time; the entry would stand behind its end: it is refused at its place in the log."""
    declared = desk.declaration(expires=clock.after(clock.now(), seconds=0.2))
    statement = desk.statement(declared)
    append = desk.home.journal.append

    def slow(*args: Any) -> Any:
        time.sleep(0.3)
        return append(*args)

    monkeypatch.setattr(desk.home.journal, "append", slow)
    with pytest.raises(TooLate):
        desk.home.gate.declare(desk.ada, declared, statement)


def test_a_point_changed_meanwhile_does_not_accuse_anybody(desk: Desk) -> None:
    """Which fields comparison leaves out belongs to the moment: the verifier follows the point's changes."""
    point = desk.home.points.get("enforce-high")
    noisy = captured.capture({"state": "HALTED", "noise": 1})
    first = desk.declare(change=Change(original=noisy, new=ACTIVE))
    desk.office.register(msgspec.structs.replace(point, ignore=("/noise",)))
    desk.permit(first, desk.attempt(before=captured.capture({"state": "HALTED", "noise": 2})))
    desk.home.gate.conclude(desk.ada, first, desk.outcome(first))
    assert _findings(desk) == []


def test_an_outcome_that_byhand_writes_itself_keeps_no_secret(desk: Desk, tmp_path: Path) -> None:
    """Its probe reads what the client would have read; what is secret there is secret here."""
    file = tmp_path / "gateway.json"
    file.write_text('{"state": "HALTED", "pin": "4711-0815"}')
    point = msgspec.structs.replace(
        desk.home.points.get("enforce-low"), probe=f"file:{file}", secrets=("/pin",)
    )
    desk.office.register(point)
    intervention = desk.declare("enforce-low")
    desk.permit(intervention, desk.attempt(executor=f"{socket.gethostname()}/4194304/1"))
    desk.home.settle()
    outcome = desk.chain(intervention)[-1]
    assert (outcome.result, outcome.concluded_by) == ("unknown", "byhand")
    assert "HALTED" in str(outcome.found.text)
    assert "4711" not in codec.encode(outcome).decode()


@pytest.mark.parametrize("content", ["[a]\nb\n  c\n", "[a\nb=1\n", "\x00", "\xff"])
def test_a_probe_that_breaks_holds_up_nobody(desk: Desk, tmp_path: Path, content: str) -> None:
    """A document that its reader stumbles over makes the value unknown, and what else is due is settled too."""
    file = tmp_path / "gateway.ini"
    file.write_text(content, "latin-1")
    desk.office.register(
        msgspec.structs.replace(desk.home.points.get("enforce-low"), probe=f"file:{file}#/a/b")
    )
    broken, other = desk.declare("enforce-low"), desk.declare()
    for intervention in (broken, other):
        desk.permit(intervention, desk.attempt(executor=f"{socket.gethostname()}/4194304/1"))
    assert desk.home.settle() == 2
    for intervention in (broken, other):
        outcome = desk.chain(intervention)[-1]
        assert (outcome.result, outcome.found.form) == ("unknown", "unknown")


def test_a_probe_that_raises_anything_is_recorded_as_broken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever type its error has, the record names it; a message that no record can hold is escaped."""
    errors: list[Exception] = [ZeroDivisionError(), ProbeFailed("driver said \x00 \udcff")]

    class Broken:
        def read(self) -> None:
            raise errors.pop(0)

    monkeypatch.setattr("byhand.control.settling.open_probe", lambda address: Broken())
    desk.office.register(msgspec.structs.replace(desk.home.points.get("enforce-low"), probe="file:/x.json"))
    desk.office.register(msgspec.structs.replace(desk.home.points.get("enforce-high"), probe="file:/x.json"))
    first, second = desk.declare("enforce-low"), desk.declare("enforce-high")
    for intervention in (first, second):
        desk.permit(intervention, desk.attempt(executor=f"{socket.gethostname()}/4194304/1"))
    assert desk.home.settle() == 2
    causes = [desk.chain(intervention)[-1].found.cause for intervention in (first, second)]
    assert sorted(causes) == ["driver said \\x00 \\udcff", "the probe broke with ZeroDivisionError"]


def test_what_cannot_be_settled_is_left_and_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An intervention whose record cannot be read or written does not keep the others from lapsing."""
    broken, other = desk.declare(), desk.declare()
    _later(monkeypatch, 601)
    get = desk.home.settling._chains.get

    def broken_get(intervention: str) -> Any:
        if intervention == broken:
            raise HomeRefused("entry 7 was erased")
        return get(intervention)

    monkeypatch.setattr(desk.home.settling._chains, "get", broken_get)
    assert desk.home.settle() == 1
    assert desk.chain(other)[-1].result == "lapsed"
    assert broken in caplog.text
