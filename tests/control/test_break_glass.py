# SPDX-License-Identifier: Apache-2.0
"""Break-glass: at once, by one's own key and role, and never again while others have not reviewed it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from byhand import clock
from byhand.control.indexing import REVIEW_OVERDUE
from byhand.errors import ByhandError, Invalid, NotPermitted, Refused
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import captured
from byhand.records.actor import Via
from byhand.records.intervention import Change, Decision
from byhand.records.kinds import SCHEMA_VERSION, Finding, Intent, Outcome
from byhand.trust import break_glass
from byhand.verifying import Knowledge, verify_target

TEXT = "The log of the exchange is down, nobody else can be reached"


def verified(eyes: Any) -> set[str]:
    eyes.home.journal.anchor()
    knowledge = Knowledge(use_known_logs=False, environment=eyes.office.environment)
    return {one.code for one in verify_target(str(eyes.office.path), knowledge).findings}


def broken(eyes: Any, by: str = "ada", point: str = "breaker", **changed: Any) -> str:
    found: str = eyes.declare(point, by, break_glass=True, **changed)
    return found


def applied(eyes: Any, by: str = "ada") -> str:
    """A break-glass that was carried out."""
    intervention = broken(eyes, by)
    eyes.permit(intervention, by)
    outcome = Outcome(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=intervention,
        result="applied",
        found=captured.capture("ACTIVE"),
        attempt="first",
    )
    eyes.home.gate.conclude(eyes.caller(by), intervention, outcome)
    return intervention


def review(eyes: Any, intervention: str, *persons: str) -> None:
    for person in persons:
        eyes.home.findings.review(eyes.caller(person), intervention, "right", "It had to be done at once.")


def a_day_later(eyes: Any) -> int:
    """What is due is said as it will be tomorrow."""
    eyes.home.indexer.catch_up()
    done: int = eyes.home.settling.settle(
        clock.after(clock.now(), seconds=break_glass.REVIEW_SECONDS_MAX + 1)
    )
    return done


def overdue(eyes: Any, intervention: str) -> list[Finding]:
    stored = eyes.home.journal.reader.chain(intervention)
    found = [one.record for one in stored if isinstance(one.record, Finding)]
    return [one for one in found if one.verdict == REVIEW_OVERDUE]


def test_it_waits_for_nobody_and_says_what_it_passed_over(four_eyes: Any) -> None:
    """The permit comes at once and is good for an hour; the intent says how many would have had to approve."""
    intervention = broken(four_eyes)
    permitted = four_eyes.permit(intervention)
    assert (
        clock.after(clock.now(), seconds=3_500) < permitted.expires <= clock.after(clock.now(), seconds=3_600)
    )
    intent = four_eyes.home.chains.get(intervention).intent[1]
    assert intent.decision.path == "break-glass"
    assert intent.decision.would_refuse == ("1 approval(s) would be needed",)
    assert verified(four_eyes) == set()


def test_a_value_that_cannot_be_read_in_the_outage_keeps_nobody_from_it(four_eyes: Any) -> None:
    """What was before is then unknown, with the cause, and is never invented."""
    unknown = captured.unknown("the risk engine does not answer")
    intervention = broken(four_eyes, change=Change(original=unknown, new=captured.capture("ACTIVE")))
    four_eyes.permit(intervention, before=unknown)
    assert four_eyes.phase(intervention) == "redeemed"
    assert verified(four_eyes) == set()


def via_a_token(eyes: Any) -> None:
    original = eyes.caller
    eyes.caller = lambda person: msgspec.structs.replace(
        original(person), via=Via(kind="token", id="0123abcd")
    )
    broken(eyes)


def without_the_role(eyes: Any) -> None:
    broken(eyes, by="bob")


def at_critical_risk_with_a_key_file(eyes: Any) -> None:
    eyes.register("reactor", tier="critical", id="R-1")
    broken(eyes, point="reactor")


def where_nothing_holds_anybody_up(eyes: Any) -> None:
    eyes.register("watched", mode="observe", id="W-1")
    broken(eyes, point="watched")


def for_longer_than_an_hour(eyes: Any) -> None:
    broken(eyes, expires=clock.after(clock.now(), seconds=3_700))


def without_a_reason(eyes: Any) -> None:
    broken(eyes, justification=None)


def unsigned(eyes: Any) -> None:
    kept: dict[str, Any] = {}
    declare = eyes.home.gate.declare
    eyes.home.gate.declare = lambda caller, declared, _: (
        kept.update(declared=declared) or declare(caller, declared)
    )
    try:
        broken(eyes)
    finally:
        eyes.home.gate.declare = declare


@pytest.mark.parametrize(
    ("attack", "error"),
    [
        (via_a_token, Refused),
        (without_the_role, NotPermitted),
        (at_critical_risk_with_a_key_file, Refused),
        (where_nothing_holds_anybody_up, Invalid),
        (for_longer_than_an_hour, Invalid),
        (without_a_reason, Invalid),
        (unsigned, Refused),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_every_way_to_break_it_without_standing_for_it_is_refused(
    four_eyes: Any, attack: Any, error: type[ByhandError]
) -> None:
    """Token, role, key, mode, time, reason and signature: each alone is enough to be refused."""
    with pytest.raises(error):
        attack(four_eyes)


def test_a_person_with_the_role_may_who_is_no_officer(four_eyes: Any) -> None:
    """Two officers grant it with the key."""
    four_eyes.office.enrol("fay", "ada", "grace", roles=(break_glass.ROLE,))
    intervention = broken(four_eyes, by="fay")
    four_eyes.permit(intervention, "fay")
    assert four_eyes.phase(intervention) == "redeemed"


def test_without_reviews_it_is_said_after_a_day_and_the_person_is_held(four_eyes: Any) -> None:
    """One review is not enough, one's own counts for nothing; the second of another person's sets free."""
    intervention = applied(four_eyes)
    review(four_eyes, intervention, "ada", "bob")
    assert a_day_later(four_eyes) == 1
    assert "1 review(s) by others are missing" in overdue(four_eyes, intervention)[0].summary
    assert a_day_later(four_eyes) == 0  # said once
    with pytest.raises(NotPermitted, match="overdue"):
        broken(four_eyes)
    assert broken(four_eyes, by="grace")  # another person is not held
    review(four_eyes, intervention, "bob")
    with pytest.raises(NotPermitted, match="1 review"):
        broken(four_eyes)
    review(four_eyes, intervention, "cyd")
    assert broken(four_eyes)


def test_two_others_who_review_it_in_time_settle_it(four_eyes: Any) -> None:
    """Nothing is due any more, and nobody is held."""
    intervention = applied(four_eyes)
    review(four_eyes, intervention, "bob", "cyd")
    assert a_day_later(four_eyes) == 0
    assert overdue(four_eyes, intervention) == []
    assert broken(four_eyes)


def test_what_was_never_used_needs_no_review(four_eyes: Any) -> None:
    """It lapses like any other."""
    intervention = broken(four_eyes)
    a_day_later(four_eyes)
    assert four_eyes.phase(intervention) == "lapsed"
    assert a_day_later(four_eyes) == 0
    assert overdue(four_eyes, intervention) == []


def test_an_ordinary_act_needs_no_review(four_eyes: Any) -> None:
    """Only a broken glass is reviewed by others."""
    intervention = four_eyes.declare()
    four_eyes.decide(intervention, "bob")
    four_eyes.permit(intervention)
    assert break_glass.reviews_missing(four_eyes.home.chains.get(intervention).state) == 0


def test_an_operator_cannot_let_an_intent_pass_as_broken_glass(four_eyes: Any) -> None:
    """The person's signature covers whether they broke it: a decision that only the record claims is contradicted."""
    real = four_eyes.home.chains.get(four_eyes.declare(by="bob")).intent[1]
    assert isinstance(real, Intent)
    forged = msgspec.structs.replace(real, decision=Decision(path="break-glass"))
    record = new_record_id()
    declaration = msgspec.structs.replace(forged.declaration, record=record)
    forged = msgspec.structs.replace(
        forged, id=record, intervention=record, declaration=declaration, statement=real.statement
    )
    head = four_eyes.home.journal.reader.administration()
    four_eyes.home.journal.append([Entry(forged, expected_head=None, expected_administration=head)])
    assert "signature.broken" in verified(four_eyes)
    taken = msgspec.structs.replace(real, decision=Decision(path="break-glass"))
    with pytest.raises(NotPermitted, match="says so"):
        break_glass.check_declared(taken, None)
