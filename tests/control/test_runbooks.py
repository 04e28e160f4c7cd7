# SPDX-License-Identifier: Apache-2.0
"""Runbooks: what two officers allow in advance passes within its bounds, and nothing beyond them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from byhand import clock
from byhand.errors import (
    ByhandError,
    Conflict,
    Invalid,
    NotFound,
    NotPermitted,
    ProofMismatch,
    Refused,
    Unsound,
)
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import captured
from byhand.records.actor import Via
from byhand.records.intervention import Change, Decision, Justification
from byhand.records.kinds import SCHEMA_VERSION, Administration, Intent, Outcome
from byhand.records.runbooks import Runbook
from byhand.trust import administration as trust, runbook as proof
from byhand.verifying import Knowledge, verify_target

from .four_eyes import ACTIVE, HALTED


def verified(eyes: Any) -> set[str]:
    eyes.home.journal.anchor()
    knowledge = Knowledge(use_known_logs=False, environment=eyes.office.environment)
    return {one.code for one in verify_target(str(eyes.office.path), knowledge).findings}


def runbook(**changed: Any) -> Runbook:
    fields: dict[str, Any] = {
        "name": "resume",
        "version": 1,
        "point": "breaker",
        "values": (ACTIVE,),
        "uses_a_day": 2,
        "ends": clock.after(clock.now(), seconds=30 * proof.DAY_SECONDS),
        "owner": "ada",
        "text": "Resume after a stale quote.",
    }
    return Runbook(**{**fields, **changed})


def change(one: Runbook | None, action: str = trust.RUNBOOK_SET, subject: str = "resume") -> Administration:
    name = one.name if one is not None else subject
    return Administration(id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=name, runbook=one)


def settle(eyes: Any, one: Administration, *by: str) -> str:
    signed = eyes.office.signed(one, *(by or ("ada", "grace")))
    eyes.home.runbooks.submit(eyes.caller("ada"), signed)
    return one.id


def put(eyes: Any, **changed: Any) -> str:
    """The record by which it is in force."""
    return settle(eyes, change(runbook(**changed)))


def retire(eyes: Any) -> None:
    settle(eyes, change(None, trust.RUNBOOK_RETIRE))


def follow(eyes: Any, by: str = "ada", **changed: Any) -> str:
    found: str = eyes.declare(**{"by": by, "runbook": "resume", **changed})
    return found


def to(value: Any) -> Change:
    return Change(original=HALTED, new=captured.capture(value))


def intent_of(eyes: Any, intervention: str) -> Intent:
    found = eyes.home.chains.get(intervention).intent[1]
    assert isinstance(found, Intent)
    return found


def test_within_its_bounds_nobody_is_waited_for(four_eyes: Any) -> None:
    """The permit comes at once, the decision names the version, and a stranger finds nothing wrong."""
    record = put(four_eyes)
    intervention = follow(four_eyes, by="bob")
    four_eyes.permit(intervention, "bob")
    decision = intent_of(four_eyes, intervention).decision
    assert (decision.path, decision.runbook, decision.approvals_needed) == ("runbook", record, 0)
    assert four_eyes.home.runbooks.all()[0].used_today == 1
    assert verified(four_eyes) == set()


def test_without_naming_it_the_point_demands_what_it_did(four_eyes: Any) -> None:
    """A runbook is followed knowingly or not at all."""
    put(four_eyes)
    with pytest.raises(NotPermitted, match="0 of 1"):
        four_eyes.permit(four_eyes.declare())


def no_such_runbook(eyes: Any) -> None:
    follow(eyes, runbook="resumed")


def another_value(eyes: Any) -> None:
    follow(eyes, change=to("OFF"))


def no_value(eyes: Any) -> None:
    follow(eyes, change=Change(original=HALTED))


def another_point(eyes: Any) -> None:
    eyes.register("fuse")
    follow(eyes, point="fuse")


def retired(eyes: Any) -> None:
    retire(eyes)
    follow(eyes)


def its_place_is_another(eyes: Any) -> None:
    eyes.register("breaker", id="another-desk")
    follow(eyes)


def its_point_was_retired_and_came_back(eyes: Any) -> None:
    gone = Administration(
        id=new_record_id(), schema=SCHEMA_VERSION, action=trust.POINT_RETIRE, subject="breaker"
    )
    eyes.home.points.submit(eyes.caller("ada"), eyes.office.signed(gone, "ada", "grace"))
    eyes.register("breaker")
    follow(eyes)


def critical_by_now(eyes: Any) -> None:
    eyes.register("breaker", tier="critical")
    follow(eyes)


def one_use_too_many(eyes: Any) -> None:
    for _ in range(3):
        follow(eyes)


def by_an_agent(eyes: Any) -> None:
    original = eyes.caller
    eyes.caller = lambda person: msgspec.structs.replace(original(person), via=Via(kind="agent", id="bot"))
    words = Justification(code="LIQUIDITY_PROVISIONING", text="The agent saw a quote", written_by="agent")
    follow(eyes, justification=words)


def with_broken_glass(eyes: Any) -> None:
    follow(eyes, break_glass=True)


def without_a_reason(eyes: Any) -> None:
    follow(eyes, justification=None)


def where_nothing_holds_anybody_up(eyes: Any) -> None:
    eyes.register("breaker", mode="warn")
    follow(eyes)


def unsigned(eyes: Any) -> None:
    declare = eyes.home.gate.declare
    eyes.home.gate.declare = lambda caller, declared, _: declare(caller, declared)
    try:
        follow(eyes)
    finally:
        eyes.home.gate.declare = declare


@pytest.mark.parametrize(
    ("attack", "error", "told"),
    [
        (no_such_runbook, Refused, "no runbook"),
        (another_value, Refused, "does not allow"),
        (no_value, Invalid, "new: is missing"),
        (another_point, Refused, "for the point breaker"),
        (retired, Refused, "retired"),
        (its_place_is_another, Refused, "retired"),
        (its_point_was_retired_and_came_back, Refused, "retired"),
        (critical_by_now, Refused, "critical"),
        (one_use_too_many, Refused, "used up"),
        (by_an_agent, Refused, "agent"),
        (with_broken_glass, Invalid, "not both"),
        (without_a_reason, Invalid, "justification"),
        (where_nothing_holds_anybody_up, Invalid, "not needed"),
        (unsigned, Refused, "signed"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_every_way_beyond_its_bounds_is_refused(
    four_eyes: Any, attack: Callable[[Any], None], error: type[ByhandError], told: str
) -> None:
    """Value, place, risk, count, person and signature: each alone is enough to be refused."""
    put(four_eyes)
    with pytest.raises(error, match=told):
        attack(four_eyes)
    assert verified(four_eyes) == set()


def test_a_range_takes_numbers_only(four_eyes: Any) -> None:
    """Its ends belong to it; words, digits in quotes, other ways to write a number and nothing at all do not."""
    put(four_eyes, values=(), minimum="-1.5", maximum="10", uses_a_day=9)
    for value in (-1.5, 0, 10, 10.0):
        follow(four_eyes, change=to(value))
    for value in (-1.51, 10.001, 11, "5", "ACTIVE", None, True, [5], 1e-7):
        with pytest.raises(Refused, match="does not allow"):
            follow(four_eyes, change=to(value))
    with pytest.raises(Refused, match="does not allow"):
        follow(four_eyes, change=Change(original=HALTED, new=captured.absent()))


def test_many_at_once_take_no_use_twice(four_eyes: Any) -> None:
    """Of sixteen declarations at two processes' homes, by thread and by loop, exactly two pass."""
    put(four_eyes)
    homes = (four_eyes.home, four_eyes.office.open())
    passed: list[str] = []
    refused: list[ByhandError] = []
    declared: list[tuple[Any, Any]] = []
    declare = four_eyes.home.gate.declare
    four_eyes.home.gate.declare = lambda _caller, one, statement: (
        declared.append((one, statement)) or msgspec.defstruct("Kept", ["intervention"])(one.record)
    )
    for _ in range(16):
        follow(four_eyes)
    four_eyes.home.gate.declare = declare

    def race(number: int) -> None:
        gate, caller = homes[number % 2].gate, four_eyes.caller("ada")
        one, statement = declared[number]
        by_loop = number % 4 >= 2
        try:
            if by_loop:
                passed.append(asyncio.run(gate.declare_async(lambda: caller, one, statement)).intervention)
            else:
                passed.append(gate.declare(caller, one, statement).intervention)
        except ByhandError as error:
            refused.append(error)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    homes[1].close()
    assert (len(passed), len(refused)) == (2, 14)
    assert verified(four_eyes) == set()


def test_the_same_declaration_again_takes_no_second_use(four_eyes: Any) -> None:
    """A retry gets the answer that was given."""
    put(four_eyes)
    kept: list[Any] = []
    declare = four_eyes.home.gate.declare
    four_eyes.home.gate.declare = lambda *sent: kept.append(sent) or declare(*sent)
    follow(four_eyes)
    four_eyes.home.gate.declare = declare
    declare(*kept[0])
    assert four_eyes.home.runbooks.all()[0].used_today == 1


def test_a_use_that_somebody_takes_meanwhile_is_not_followed_by_one_too_many(
    four_eyes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last use is taken between the judgement and the append: then it is judged anew, and refused."""
    put(four_eyes, uses_a_day=1)
    chains, begin = four_eyes.home.chains, four_eyes.home.chains.begin

    def overtaken(entry: Entry) -> Any:
        monkeypatch.setattr(chains, "begin", begin)
        follow(four_eyes, by="bob")
        return begin(entry)

    monkeypatch.setattr(chains, "begin", overtaken)
    with pytest.raises(Refused, match="used up"):
        follow(four_eyes)
    assert verified(four_eyes) == set()


def test_the_way_back_of_a_runbooks_act_takes_no_use_of_its_own(four_eyes: Any) -> None:
    """It was authorised with the act, though its value is none that the runbook allows."""
    put(four_eyes, uses_a_day=1)
    words = Justification(code="LIQUIDITY_PROVISIONING", text="Quoting obligation until noon")
    until = clock.after(clock.now(), seconds=300)
    act = follow(
        four_eyes,
        change=Change(original=HALTED, new=ACTIVE, effective_until=until),
        justification=words,
    )
    four_eyes.permit(act)
    applied = Outcome(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=act,
        result="applied",
        found=ACTIVE,
        attempt="first",
    )
    four_eyes.home.gate.conclude(four_eyes.caller("ada"), act, applied)
    back = four_eyes.declare(
        change=Change(original=ACTIVE, new=HALTED),
        caused_by=act,
        justification=msgspec.structs.replace(words, collected="inherited", same_as=act),
    )
    four_eyes.permit(back, before=ACTIVE)
    assert intent_of(four_eyes, back).decision.authorised_by == act
    assert verified(four_eyes) == set()


def test_what_was_retired_before_its_permit_gets_none(four_eyes: Any) -> None:
    """Officers stop what was declared already, as long as nothing was permitted."""
    put(four_eyes)
    intervention = follow(four_eyes)
    retire(four_eyes)
    with pytest.raises(NotPermitted, match="retired"):
        four_eyes.permit(intervention)


def test_a_new_version_ends_the_one_before_and_is_counted_anew(four_eyes: Any) -> None:
    """What was declared under the old one is declared anew; what had passed stays as it was."""
    put(four_eyes)
    intervention = follow(four_eyes)
    put(four_eyes, version=2, uses_a_day=1)
    with pytest.raises(NotPermitted, match="changed"):
        four_eyes.permit(intervention)
    four_eyes.permit(follow(four_eyes))
    with pytest.raises(Refused, match="used up"):
        follow(four_eyes)
    assert verified(four_eyes) == set()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"version": 2}, Conflict),
        ({"version": 0}, Conflict),
        ({"uses_a_day": 0}, Invalid),
        ({"uses_a_day": proof.USES_MAX + 1}, Invalid),
        ({"values": ()}, Invalid),
        ({"values": (captured.unknown("it did not answer"),)}, Invalid),
        ({"minimum": "1"}, Invalid),
        ({"minimum": "2", "maximum": "1"}, Invalid),
        ({"minimum": "0", "maximum": "1e9"}, Invalid),
        ({"ends": "2999-01-01T00:00:00.000000Z"}, Invalid),
        ({"ends": "2020-01-01T00:00:00.000000Z"}, Invalid),
        ({"point": "nowhere"}, Invalid),
        ({"point": "reactor"}, Invalid),
        ({"owner": "nobody.known"}, Invalid),
        ({"text": " "}, Invalid),
    ],
    ids=str,
)
def test_what_is_no_runbook_is_not_set(
    four_eyes: Any, changed: dict[str, Any], error: type[ByhandError]
) -> None:
    """Version, uses, bounds, end, point, owner and text are looked at before officers' signatures count."""
    four_eyes.register("reactor", tier="critical", id="R-1")
    with pytest.raises(error):
        put(four_eyes, **changed)
    assert four_eyes.home.runbooks.all() == ()


def test_one_officer_alone_sets_and_retires_none(four_eyes: Any) -> None:
    """It takes two, as every change to byhand."""
    with pytest.raises(Refused, match="not authorised"):
        settle(four_eyes, change(runbook()), "ada")
    put(four_eyes)
    with pytest.raises(Refused, match="not authorised"):
        settle(four_eyes, change(None, trust.RUNBOOK_RETIRE), "ada")
    retire(four_eyes)
    with pytest.raises(NotFound):
        retire(four_eyes)


# -- what an operator writes round the gate


def forge(eyes: Any, real: Intent, **changed: Any) -> None:
    """``real`` once more under another id, as somebody writes it who holds the log's key and no person's."""
    record = new_record_id()
    declaration = msgspec.structs.replace(real.declaration, record=record)
    forged = msgspec.structs.replace(
        real, **{"id": record, "intervention": record, "declaration": declaration, **changed}
    )
    head = eyes.home.journal.reader.administration()
    eyes.home.journal.append([Entry(forged, expected_head=None, expected_administration=head)])


def test_an_operator_lets_nothing_pass_that_a_person_did_not_declare_so(four_eyes: Any) -> None:
    """A decision that names a runbook, over a declaration that does not, is contradicted."""
    record = put(four_eyes)
    real = intent_of(four_eyes, four_eyes.declare())
    forge(four_eyes, real, decision=Decision(path="runbook", runbook=record))
    assert {"point.contradicted", "signature.broken"} <= verified(four_eyes)


def test_an_operator_uses_none_up_beyond_its_number(four_eyes: Any) -> None:
    """Uses that took no name in the store are counted by the verifier all the same."""
    put(four_eyes, uses_a_day=1)
    real = intent_of(four_eyes, follow(four_eyes))
    assert verified(four_eyes) == set()
    forge(four_eyes, real)
    assert "point.contradicted" in verified(four_eyes)


def test_an_operator_counts_no_use_for_another_day(four_eyes: Any) -> None:
    """When a declaration came is what the log says of it, within a minute."""
    put(four_eyes)
    real = intent_of(four_eyes, follow(four_eyes))
    yesterday = msgspec.structs.replace(
        real.times, received=clock.after(clock.now(), seconds=-proof.DAY_SECONDS)
    )
    with pytest.raises(ProofMismatch, match="it came"):
        proof.check_received(msgspec.structs.replace(real, times=yesterday), clock.now())
    forge(four_eyes, real, times=yesterday)
    assert "point.contradicted" in verified(four_eyes)


def test_it_ends_for_gate_and_verifier_at_the_same_moment(four_eyes: Any) -> None:
    """From its end on it lets nothing pass; nothing else of it has changed."""
    put(four_eyes)
    real = intent_of(four_eyes, follow(four_eyes))
    shelf = four_eyes.home.administration.current().runbooks
    point = four_eyes.home.points.get("breaker")
    proof.check(real, shelf, point, lambda _version, _day: 0)
    ends = shelf.in_force("resume").runbook.ends
    late = msgspec.structs.replace(real, times=msgspec.structs.replace(real.times, received=ends))
    with pytest.raises(ProofMismatch, match="ended"):
        proof.check(late, shelf, point, lambda _version, _day: 0)


def test_a_version_that_stands_in_the_log_for_too_long_has_no_effect(four_eyes: Any) -> None:
    """Two officers who sign it round the gate give it no force: not at the gate, not for a verifier."""
    ends = clock.after(clock.now(), seconds=91 * proof.DAY_SECONDS)
    signed = four_eyes.office.signed(change(runbook(ends=ends)), "ada", "grace")
    head = four_eyes.home.journal.reader.administration()
    four_eyes.home.journal.append([Entry(signed, expected_head=head)])
    with pytest.raises(Refused, match="no runbook"):
        follow(four_eyes)
    assert "keyring.broken" in verified(four_eyes)
    with pytest.raises(Unsound, match="90 days"):
        proof.check_version(runbook(ends=ends), None, clock.now())
