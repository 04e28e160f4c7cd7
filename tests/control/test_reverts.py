# SPDX-License-Identifier: Apache-2.0
"""A change that was to end is undone under its own authorization; nothing else is let through that way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from byhand import clock
from byhand.errors import ApprovalPending, ProofMismatch
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import captured
from byhand.records.intervention import Change, Justification
from byhand.records.kinds import SCHEMA_VERSION, Intent, Outcome
from byhand.trust import reverts
from byhand.verifying import Knowledge, verify_target

TEXT = "Quoting obligation on XLON until 15:00"
HALTED, ACTIVE = captured.capture("HALTED"), captured.capture("ACTIVE")


def verified(eyes: Any) -> set[str]:
    eyes.home.journal.anchor()
    knowledge = Knowledge(use_known_logs=False, environment=eyes.office.environment)
    return {one.code for one in verify_target(str(eyes.office.path), knowledge).findings}


def conclude(eyes: Any, intervention: str, found: Any) -> None:
    outcome = Outcome(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=intervention,
        result="applied",
        found=found,
        attempt="first",
    )
    eyes.home.gate.conclude(eyes.caller("ada"), intervention, outcome)


def reason(of: str | None = None) -> Justification:
    collected: Any = "argument" if of is None else "inherited"
    return Justification(code="LIQUIDITY_PROVISIONING", text=TEXT, collected=collected, same_as=of)


def for_a_while(eyes: Any, *, end: bool = True, carry_out: bool = True) -> str:
    """A breaker overridden with another person's approval, until a quarter of an hour later."""
    until = clock.after(clock.now(), seconds=900) if end else None
    change = Change(original=HALTED, new=ACTIVE, effective_until=until)
    intervention: str = eyes.declare(change=change, justification=reason())
    eyes.decide(intervention, "bob")
    if carry_out:
        eyes.permit(intervention)
        conclude(eyes, intervention, ACTIVE)
    return intervention


def back(eyes: Any, cause: str, **changed: Any) -> str:
    fields = {"change": Change(original=ACTIVE, new=HALTED), "justification": reason(cause)}
    found: str = eyes.declare(caused_by=cause, **{**fields, **changed})
    return found


def test_the_way_back_needs_nobody_again(four_eyes: Any) -> None:
    """It says what authorised it, gets its permit at once, and a stranger finds it sound."""
    cause = for_a_while(four_eyes)
    revert = back(four_eyes, cause)
    four_eyes.permit(revert, before=ACTIVE)
    conclude(four_eyes, revert, HALTED)
    intent = four_eyes.home.chains.get(revert).intent[1]
    assert (intent.decision.authorised_by, intent.decision.approvals_needed) == (cause, 0)
    assert verified(four_eyes) == set()


def another_value(eyes: Any) -> str:
    change = Change(original=ACTIVE, new=captured.capture("REDUCING"))
    return back(eyes, for_a_while(eyes), change=change)


def from_another_value(eyes: Any) -> str:
    change = Change(original=captured.capture("REDUCING"), new=HALTED)
    return back(eyes, for_a_while(eyes), change=change)


def of_a_change_that_was_to_stay(eyes: Any) -> str:
    return back(eyes, for_a_while(eyes, end=False))


def before_it_was_carried_out(eyes: Any) -> str:
    return back(eyes, for_a_while(eyes, carry_out=False))


def at_another_target(eyes: Any) -> str:
    eyes.register("other", id="other")
    cause = for_a_while(eyes)
    found: str = eyes.declare(
        "other",
        caused_by=cause,
        change=Change(original=ACTIVE, new=HALTED),
        justification=reason(cause),
    )
    return found


def by_another_person(eyes: Any) -> str:
    return back(eyes, for_a_while(eyes), by="cyd")


@pytest.mark.parametrize(
    ("attempt", "person"),
    [
        (another_value, "ada"),
        (from_another_value, "ada"),
        (of_a_change_that_was_to_stay, "ada"),
        (before_it_was_carried_out, "ada"),
        (at_another_target, "ada"),
        (by_another_person, "cyd"),
    ],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_what_is_not_the_way_back_waits_for_approval(four_eyes: Any, attempt: Any, person: str) -> None:
    """Value, target, person, end and outcome: where one of them differs it is an intent like any other."""
    intervention = attempt(four_eyes)
    with pytest.raises(ApprovalPending):
        four_eyes.home.gate.permit(four_eyes.caller(person), intervention)
    assert four_eyes.home.chains.get(intervention).intent[1].decision.authorised_by is None


def test_an_hour_after_its_end_going_back_is_a_change_like_any_other(four_eyes: Any) -> None:
    """Somebody else may have wanted the value to stay by then."""
    cause = for_a_while(four_eyes)
    first = four_eyes.home.chains.get(cause).intent[1]
    intent = four_eyes.home.chains.get(back(four_eyes, cause)).intent[1]
    original = reverts.original(first)
    assert original is not None
    last = clock.after(original.until, seconds=reverts.WAY_BACK_SECONDS_MAX)
    reverts.check(intent, original, "applied", at=last)
    reverts.check(intent, original, "applied", at=clock.after(last, seconds=1), late_seconds=1)
    with pytest.raises(ProofMismatch, match="too long ago"):
        reverts.check(intent, original, "applied", at=clock.after(last, seconds=1))


def test_an_operator_cannot_say_that_something_was_authorised(four_eyes: Any) -> None:
    """A decision that names a cause which covers it in no way is contradicted by the log itself."""
    cause = for_a_while(four_eyes)
    change = Change(original=ACTIVE, new=captured.capture("REDUCING"))
    honest = four_eyes.home.chains.get(back(four_eyes, cause, change=change)).intent[1]
    assert isinstance(honest, Intent)
    decision = msgspec.structs.replace(honest.decision, authorised_by=cause, approvals_needed=0)
    head = four_eyes.home.journal.reader.administration()
    record = new_record_id()
    declaration = msgspec.structs.replace(honest.declaration, record=record)
    forged = msgspec.structs.replace(
        honest, id=record, intervention=record, declaration=declaration, decision=decision, caused_by=cause
    )
    four_eyes.home.journal.append([Entry(forged, expected_head=None, expected_administration=head)])
    assert "point.contradicted" in verified(four_eyes)
