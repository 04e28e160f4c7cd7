# SPDX-License-Identifier: Apache-2.0
"""Four eyes on a real home: who must approve, what it comes to, and that a stranger finds the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from byhand import clock, wiring
from byhand.control import inbox
from byhand.control.administration import record_with
from byhand.control.authorization import SUBJECT, shipped
from byhand.control.inbox import Inbox
from byhand.errors import ApprovalPending, NotPermitted, Refused
from byhand.ids import new_record_id
from byhand.records import captured
from byhand.records.intervention import Automation, Change
from byhand.records.kinds import Intent
from byhand.records.policy import PolicyFile, RoleAssignment
from byhand.records.standard import WITHHELD
from byhand.trust import administration
from byhand.verifying import Knowledge, verify_target


def verdict(four_eyes: Any) -> Any:
    four_eyes.home.journal.anchor()
    knowledge = Knowledge(use_known_logs=False, environment=four_eyes.office.environment)
    return verify_target(str(four_eyes.office.path), knowledge)


def test_high_risk_waits_for_one_other_person_and_then_passes(four_eyes: Any) -> None:
    """Nothing is permitted before another person signed; afterwards it is, and the whole home verifies."""
    intervention = four_eyes.declare()
    assert four_eyes.phase(intervention) == "pending"
    with pytest.raises(ApprovalPending, match="0 of 1") as pending:
        four_eyes.permit(intervention)
    assert pending.value.exit_code == 5
    four_eyes.decide(intervention, "bob")
    assert four_eyes.phase(intervention) == "approved"
    assert four_eyes.permit(intervention).attempt == "first"
    assert verdict(four_eyes).findings == []


def test_on_trial_nobody_else_is_asked_and_the_decision_says_so(alone: Any, breaker: Any) -> None:
    """While one person only ever was an officer, approvals are not demanded, and that is written down."""
    alone.office.register(breaker(name="alone", id="alone", mode="enforce", tier="high"))
    intervention = alone.declare("alone")
    (stored,) = alone.home.journal.reader.chain(intervention)
    assert isinstance(stored.record, Intent)
    assert (stored.record.decision.approvals_needed, stored.record.decision.trial) == (0, True)
    alone.permit(intervention)
    assert verdict(alone).findings == []


@pytest.mark.parametrize(
    ("point", "original", "new", "needed"),
    [
        ({"tier": "low"}, 1, 2, 0),
        ({"tier": "medium"}, 1, 2, 0),
        ({"tier": "high"}, 1, 2, 1),
        ({"tier": "high", "approvals": 0}, 1, 2, 1),
        ({"tier": "high", "approvals": 3}, 1, 2, 3),
        ({"tier": "low", "approvals": 1}, 1, 2, 1),
        ({"tier": "low", "approvals_above": "1000"}, 5000, 6000, 0),
        ({"tier": "low", "approvals_above": "1000"}, 5000, 6001, 1),
        ({"tier": "low", "approvals_above": "1000"}, 5000, 3999, 1),
        ({"tier": "high", "approvals_above": "0.1"}, 0, 0.2, 2),
        ({"tier": "low", "approvals_above": "1000"}, 5000, "many", 1),
        ({"tier": "high", "approvers": ("officer", "officer")}, 1, 2, 2),
    ],
)
def test_how_many_must_approve_follows_from_point_tier_and_size_of_change(
    four_eyes: Any, point: dict[str, Any], original: Any, new: Any, needed: int
) -> None:
    """A point may demand more than its tier and never less; a larger change takes one person more."""
    four_eyes.register("limit", **point)
    change = Change(original=captured.capture(original), new=captured.capture(new))
    intervention = four_eyes.declare("limit", change=change)
    assert four_eyes.home.approvals.shown(intervention).approvals_needed == needed


def test_one_refusal_ends_it(four_eyes: Any) -> None:
    """Whoever approved before: a refusal ends the intervention, and there is no asking around."""
    intervention = four_eyes.declare()
    four_eyes.decide(intervention, "bob")
    four_eyes.decide(intervention, "cyd", "refuse", meaning="The quote was stale.")
    assert four_eyes.phase(intervention) == "refused"
    with pytest.raises(NotPermitted, match="refused"):
        four_eyes.permit(intervention)
    with pytest.raises(Refused):
        four_eyes.decide(intervention, "dan")
    assert verdict(four_eyes).findings == []


def test_a_withdrawn_approval_counts_no_more(four_eyes: Any) -> None:
    """An approver takes their word back before the permit; another person's approval then serves."""
    intervention = four_eyes.declare()
    four_eyes.decide(intervention, "bob")
    four_eyes.decide(intervention, "bob", "withdraw")
    with pytest.raises(ApprovalPending):
        four_eyes.permit(intervention)
    four_eyes.decide(intervention, "cyd")
    four_eyes.permit(intervention)
    assert verdict(four_eyes).findings == []


def test_whoever_declared_it_may_withdraw_it(four_eyes: Any) -> None:
    """The requester ends their own intent by a signed withdrawal."""
    intervention = four_eyes.declare()
    four_eyes.decide(intervention, "ada", "withdraw")
    assert four_eyes.phase(intervention) == "withdrawn"
    assert verdict(four_eyes).findings == []


def test_roles_are_filled_by_different_persons(four_eyes: Any) -> None:
    """Where two roles are demanded, one person who holds both fills one of them."""
    four_eyes.register("payment", approvers=("officer", "officer"))
    intervention = four_eyes.declare("payment", by="bob")
    four_eyes.decide(intervention, "ada")
    four_eyes.decide(intervention, "cyd")
    with pytest.raises(ApprovalPending, match="fills the role officer"):
        four_eyes.permit(intervention, by="bob")
    four_eyes.decide(intervention, "grace")
    four_eyes.permit(intervention, by="bob")
    assert verdict(four_eyes).findings == []


def test_the_inbox_shows_what_one_can_approve_and_nothing_else(four_eyes: Any) -> None:
    """The requester, whoever approved already and whoever took part see nothing of it there."""
    home = four_eyes.home
    desk = Inbox(home.journal, home.chains, home.approvals, home.reading, home.indexer, home.index)
    four_eyes.register("two", approvals=2)
    intervention = four_eyes.declare("two", automation=Automation(workflow="deploy", contributors=("dan",)))
    four_eyes.decide(intervention, "bob")
    listed = {
        person: [row.id for row in desk.waiting(four_eyes.caller(person)).waiting]
        for person in ("ada", "bob", "cyd", "dan")
    }
    assert listed == {"ada": [], "bob": [], "cyd": [intervention], "dan": []}
    (row,) = desk.waiting(four_eyes.caller("cyd")).waiting
    assert (row.before, row.after, row.approvals_given, row.approvals_needed) == ("HALTED", "ACTIVE", 1, 2)


@pytest.mark.parametrize("most", [1, 2])
def test_the_inbox_looks_past_what_others_have_to_do(
    four_eyes: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """What waits for somebody is found behind any number that do not; whether there is more is said."""
    home = four_eyes.home
    desk = Inbox(home.journal, home.chains, home.approvals, home.reading, home.indexer, home.index)
    wanted = [four_eyes.declare() for _ in range(2)]
    for _ in range(3):
        four_eyes.declare(by="bob")
    monkeypatch.setattr(inbox, "WAITING_MAX", most)
    found = desk.waiting(four_eyes.caller("bob"))
    assert ([row.id for row in found.waiting], found.more) == (wanted[2 - most :], most < 2)


def test_the_inbox_leaves_out_what_no_policy_lets_one_approve(four_eyes: Any) -> None:
    """By role; but an old login or a token hides nothing that a fresh signature would be good for."""
    home = four_eyes.home
    desk = Inbox(home.journal, home.chains, home.approvals, home.reading, home.indexer, home.index)
    wanted = four_eyes.declare()
    rule = '@id("fresh") forbid (principal, action == Byhand::Action::"approve", resource) when {{ {} }};'
    rule = rule.format('context.age_minutes > 15 || context.method == "token"')
    files = (*shipped(), PolicyFile(name="own.cedar", text=rule))
    record = record_with(administration.POLICY_SET, SUBJECT, policy=files)
    home.authorization.submit(four_eyes.caller("ada"), four_eyes.office.signed(record, "ada", "grace"))
    for person, role in (("bob", "operator"), ("cyd", "approver")):
        given = RoleAssignment(person=person, role=role)
        record = record_with(administration.ROLE_ASSIGN, f"{role}:{person}", role=given)
        home.authorization.submit(four_eyes.caller("ada"), four_eyes.office.signed(record, "ada", "grace"))
    assert desk.waiting(four_eyes.caller("bob")).waiting == ()
    cyd = four_eyes.caller("cyd")
    old = msgspec.structs.replace(cyd.authentication, when=clock.after(clock.now(), seconds=-7_200))
    token = msgspec.structs.replace(old, method="token")
    for proof in (cyd.authentication, old, token):
        caller = msgspec.structs.replace(cyd, authentication=proof)
        assert [row.id for row in desk.waiting(caller).waiting] == [wanted]


def test_the_same_decision_again_gets_the_same_answer(four_eyes: Any) -> None:
    """A retry with the same record and statement appends nothing."""
    intervention = four_eyes.declare()
    text = four_eyes.signed(four_eyes.statement(intervention, "bob"))
    record = new_record_id()
    first = four_eyes.send(intervention, text, "bob", record)
    again = four_eyes.send(intervention, text, "bob", record)
    assert (first.index, first.leaf) == (again.index, again.leaf)
    assert four_eyes.alerts(intervention) == []


def test_what_deciders_said_of_a_confidential_act_is_withheld_like_its_words(four_eyes: Any) -> None:
    """The list of decisions takes no reason for reading, so it tells who decided and how, and no more."""
    four_eyes.register("kept", classification="confidential")
    for point, said in (("kept", WITHHELD), ("breaker", "Zorblax agreed.")):
        one = four_eyes.declare(point)
        four_eyes.decide(one, "bob", meaning="Zorblax agreed.")
        (shown,) = (
            wiring.open_desk(four_eyes.home, "")._inbox.approvals(four_eyes.caller("grace"), one).decisions
        )
        assert (shown.person, shown.decision, shown.meaning) == ("bob", "approve", said)
