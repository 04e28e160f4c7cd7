# SPDX-License-Identifier: Apache-2.0
"""Every way round four eyes that we know of: each is refused, and each leaves a record of who tried."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any

import pytest

from byhand import clock
from byhand.client.contract import Attempt
from byhand.errors import ApprovalPending, ByhandError, ClaimTaken, NotPermitted, Refused
from byhand.journal.entry import ANY, Entry
from byhand.records import captured
from byhand.records.actor import Via
from byhand.records.intervention import Automation, Change
from byhand.records.kinds import Approval, Intent, Permit
from byhand.signatures import sshsig
from byhand.trust import quorum
from byhand.verifying import Knowledge, verify_target

Attack = Callable[[Any], str]
RACERS = 8
ATTEMPTS = 1_000


def _send(
    eyes: Any, intervention: str, person: str, *keys: str, namespace: str | None = None, **changed: Any
) -> str:
    said = eyes.statement(intervention, changed.pop("speaks_for", person), **changed)
    eyes.send(intervention, eyes.signed(said, *keys, namespace=namespace), person)
    return intervention


def self_approval(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "ada")


def officer_approves_own(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(by="grace"), "grace")


def second_key_of_the_same_person(eyes: Any) -> str:
    eyes.office.enrol("ada", "ada", key="ada-second")
    return _tried(eyes, eyes.declare(), "ada", "ada-second")


def commit_author(eyes: Any) -> str:
    automation = Automation(workflow="deploy", contributors=("bob",))
    return _tried(eyes, eyes.declare(automation=automation), "bob")


def via_a_token(eyes: Any) -> str:
    intervention = eyes.declare()
    said = eyes.signed(eyes.statement(intervention, "bob"))
    return _raises(eyes, intervention, said, "bob", via=Via(kind="token", id="0123abcd"))


def via_a_pipeline(eyes: Any) -> str:
    intervention = eyes.declare()
    said = eyes.signed(eyes.statement(intervention, "bob"))
    return _raises(eyes, intervention, said, "bob", via=Via(kind="pipeline", id="buildbot"))


def another_persons_statement(eyes: Any) -> str:
    intervention = eyes.declare()
    return _raises(eyes, intervention, eyes.signed(eyes.statement(intervention, "bob")), "cyd")


def signed_by_another(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", "cyd")


def signed_by_the_requester_too(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", "bob", "ada")


def unenrolled_key(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", "stranger")


def revoked_key(eyes: Any) -> str:
    eyes.home.people.revoke(eyes.caller("bob"), eyes.office.revocation("bob", "bob"))
    return _tried(eyes, eyes.declare(), "bob")


def expired_statement(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", expires=clock.now())


def longer_than_the_intent(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", expires=clock.after(clock.now(), seconds=3_600))


def wrong_namespace(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", namespace=sshsig.NAMESPACE_INTENT)


def moved_to_another_intent(eyes: Any) -> str:
    small, large = eyes.declare(), eyes.declare()
    return _raises(eyes, large, eyes.signed(eyes.statement(small, "bob")), "bob")


def other_leaf(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", intent_leaf="ab" * 32)


def other_index(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", intent_index=1)


def other_home(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", origin="desk.example/log/2")


def lower_requirement(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", requirement="00" * 32)


def other_policy(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", policy="00" * 32)


def tree_of_another_history(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "bob", seen_root="ab" * 32)


def had_not_seen_the_intent(eyes: Any) -> str:
    intervention = eyes.declare()
    index = eyes.home.approvals.shown(intervention).intent_index
    root = eyes.home.journal.reader.tree().root(index).hex()
    return _tried(eyes, intervention, "bob", seen_size=index, seen_root=root)


def replayed_under_another_record(eyes: Any) -> str:
    intervention = eyes.declare()
    said = eyes.signed(eyes.statement(intervention, "bob"))
    eyes.send(intervention, said, "bob")
    eyes.decide(intervention, "bob", "withdraw")
    return _raises(eyes, intervention, said, "bob")


def nonce_used_before(eyes: Any) -> str:
    first, second, nonce = eyes.declare(), eyes.declare(), secrets.token_hex(32)
    eyes.decide(first, "bob", nonce=nonce)
    return _tried(eyes, second, "bob", nonce=nonce)


def after_the_permit(eyes: Any) -> str:
    intervention = eyes.declare()
    eyes.decide(intervention, "bob")
    eyes.permit(intervention)
    return _tried(eyes, intervention, "cyd")


def after_a_refusal(eyes: Any) -> str:
    intervention = eyes.declare()
    eyes.decide(intervention, "bob", "refuse", meaning="No.")
    return _tried(eyes, intervention, "cyd")


def withdrawing_what_another_said(eyes: Any) -> str:
    intervention = eyes.declare()
    eyes.decide(intervention, "bob")
    return _tried(eyes, intervention, "cyd", decision="withdraw")


def refusing_ones_own(eyes: Any) -> str:
    return _tried(eyes, eyes.declare(), "ada", decision="refuse")


def _tried(eyes: Any, intervention: str, person: str, *keys: str, **changed: Any) -> str:
    with pytest.raises(Refused):
        _send(eyes, intervention, person, *keys, **changed)
    return intervention


def _raises(eyes: Any, intervention: str, text: str, person: str, **caller: Any) -> str:
    with pytest.raises(Refused):
        eyes.send(intervention, text, person, **caller)
    return intervention


ATTACKS: tuple[Attack, ...] = (
    self_approval,
    officer_approves_own,
    second_key_of_the_same_person,
    commit_author,
    via_a_token,
    via_a_pipeline,
    another_persons_statement,
    signed_by_another,
    signed_by_the_requester_too,
    unenrolled_key,
    revoked_key,
    expired_statement,
    longer_than_the_intent,
    wrong_namespace,
    moved_to_another_intent,
    other_leaf,
    other_index,
    other_home,
    lower_requirement,
    other_policy,
    tree_of_another_history,
    had_not_seen_the_intent,
    replayed_under_another_record,
    nonce_used_before,
    after_the_permit,
    after_a_refusal,
    withdrawing_what_another_said,
    refusing_ones_own,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.__name__ for attack in ATTACKS])
def test_each_attack_is_refused_and_recorded_and_counts_for_nothing(four_eyes: Any, attack: Attack) -> None:
    """Who tried, and why it was refused, stands beside the intent; the home stays sound."""
    intervention = attack(four_eyes)
    (alert,) = four_eyes.alerts(intervention)
    assert alert.actor is not None
    assert alert.summary.startswith(f"{alert.actor.person} tried to ")
    before = {"after_the_permit": 1, "withdrawing_what_another_said": 1}.get(attack.__name__, 0)
    assert four_eyes.home.approvals.shown(intervention).approvals_given == before
    assert verified(four_eyes) == []


def verified(eyes: Any) -> list[Any]:
    eyes.home.journal.anchor()
    knowledge = Knowledge(use_known_logs=False, environment=eyes.office.environment)
    return list(verify_target(str(eyes.office.path), knowledge).findings)


def test_one_person_is_one_person_however_many_roles_they_hold(four_eyes: Any) -> None:
    """Held roles are matched with persons: two roles of one approver fill one place."""
    assert quorum.unfilled(("risk", "desk"), {"bob": frozenset({"risk", "desk"})}) == ("desk",)
    two = {"bob": frozenset({"risk", "desk"}), "cyd": frozenset({"risk"})}
    assert quorum.unfilled(("risk", "desk"), two) == ()
    assert quorum.unfilled(("desk", "risk"), two) == ()


def test_a_key_revoked_after_it_approved_approves_no_more(four_eyes: Any) -> None:
    """A laptop that was lost between approval and permit takes its approval along."""
    intervention = four_eyes.declare()
    four_eyes.decide(intervention, "bob")
    four_eyes.home.people.revoke(four_eyes.caller("bob"), four_eyes.office.revocation("bob", "bob"))
    with pytest.raises(ApprovalPending):
        four_eyes.permit(intervention)
    four_eyes.decide(intervention, "cyd")
    four_eyes.permit(intervention)
    assert verified(four_eyes) == []


def test_a_point_that_demands_more_by_now_makes_earlier_intents_void(four_eyes: Any) -> None:
    """Whoever declared before the point asked for two cannot use the one approval they have."""
    point = four_eyes.register("tightened")
    intervention = four_eyes.declare("tightened")
    four_eyes.decide(intervention, "bob")
    four_eyes.register(point.name, approvals=2)
    with pytest.raises(NotPermitted, match="demands 2 approvals"):
        four_eyes.permit(intervention)


def test_a_client_cannot_lower_what_is_needed(four_eyes: Any) -> None:
    """Nothing that a declaration can say changes tier or number: both are the point's."""
    intervention = four_eyes.declare(times=None)
    stored = four_eyes.home.journal.reader.chain(intervention)[0].record
    assert isinstance(stored, Intent)
    assert (stored.target.tier, stored.decision.approvals_needed) == ("high", 1)


@pytest.mark.parametrize(
    "attempt",
    [
        {"point": "other"},
        {"point": "breaker", "new": captured.capture("OFF")},
        {"before": captured.capture("ACTIVE")},
    ],
    ids=["another point", "another value", "another before-state"],
)
def test_what_was_approved_is_what_may_be_done(four_eyes: Any, attempt: dict[str, Any]) -> None:
    """A permit for approved values is good for no other place, value or before-state; the attempt is recorded."""
    intervention = four_eyes.declare()
    four_eyes.decide(intervention, "bob")
    four_eyes.home.gate.permit(four_eyes.caller("ada"), intervention)
    tried = Attempt(**{"attempt": "x", "executor": "test", "before": captured.capture("HALTED"), **attempt})
    with pytest.raises(Refused):
        four_eyes.home.gate.redeem(four_eyes.caller("ada"), intervention, tried)
    refused = [
        one.record
        for one in four_eyes.home.journal.reader.chain(intervention)
        if isinstance(one.record, Permit) and one.record.phase == "refused"
    ]
    assert len(refused) == 1
    assert verified(four_eyes) == []


def test_an_edit_is_another_intent_and_has_no_approvals(four_eyes: Any) -> None:
    """Changing the declared value takes a new declaration, whose leaf no earlier approval covers."""
    approved = four_eyes.declare()
    four_eyes.decide(approved, "bob")
    change = Change(original=captured.capture("HALTED"), new=captured.capture("OFF"))
    edited = four_eyes.declare(change=change, caused_by=approved)
    with pytest.raises(ApprovalPending):
        four_eyes.permit(edited)


def test_of_a_thousand_racing_redemptions_exactly_one_wins(four_eyes: Any) -> None:
    """The permit of an approved intent is used once, whoever is how fast."""
    intervention = four_eyes.declare()
    four_eyes.decide(intervention, "bob")
    four_eyes.home.gate.permit(four_eyes.caller("ada"), intervention)
    won: list[str] = []
    lost: list[ByhandError] = []

    def race(first: int) -> None:
        for number in range(first, ATTEMPTS, RACERS):
            attempt = Attempt(attempt=str(number), executor="race", before=captured.capture("HALTED"))
            try:
                four_eyes.home.gate.redeem(four_eyes.caller("ada"), intervention, attempt)
                won.append(str(number))
            except (Refused, ClaimTaken) as error:
                lost.append(error)

    racers = [threading.Thread(target=race, args=(number,)) for number in range(RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert (len(won), len(won) + len(lost)) == (1, ATTEMPTS)


FORGED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no statement", {"statement": None}),
    ("another person", {"person": "cyd"}),
    ("another intent's place", {"intent": 1}),
    ("another meaning", {"meaning": "Whatever."}),
    ("a refusal told as approval", {"decision": "refuse"}),
)


@pytest.mark.parametrize(("name", "changed"), FORGED, ids=[name for name, _ in FORGED])
def test_a_decision_written_round_the_gate_is_found_by_a_stranger(
    four_eyes: Any, name: str, changed: dict[str, Any]
) -> None:
    """An operator who appends records can make none count: the verifier names it, and no permit follows from it."""
    import msgspec

    intervention, other = four_eyes.declare(), four_eyes.declare()
    four_eyes.decide(other, "bob")
    real = four_eyes.home.journal.reader.chain(other)[1].record
    assert isinstance(real, Approval)
    shown = four_eyes.home.approvals.shown(intervention)
    text = four_eyes.signed(four_eyes.statement(intervention, "bob"))
    person = changed.pop("person", "bob") if "person" in changed else "bob"
    forged = msgspec.structs.replace(
        real,
        id=real.id[:-4] + "abcd",
        intervention=intervention,
        intent=shown.intent_index,
        leaf=shown.intent_leaf,
        statement=text,
        actor=four_eyes.caller(person).actor(signed_by="actor"),
    )
    forged = msgspec.structs.replace(forged, **changed)
    head = four_eyes.home.journal.reader.administration()
    four_eyes.home.journal.append([Entry(forged, expected_head=ANY, expected_administration=head)])
    assert "approval.unproven" in {one.code for one in verified(four_eyes)}
