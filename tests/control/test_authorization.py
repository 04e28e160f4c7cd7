# SPDX-License-Identifier: Apache-2.0
"""Who may do what on a real home: roles within scopes, policies of the log, and the policy that says no."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings, strategies

from byhand import clock, wiring
from byhand.client.contract import Attempt, FindingRequest
from byhand.control import authorization as room, pages, policy_check
from byhand.control.administration import record_with
from byhand.control.authorization import FRESH, SUBJECT, engine_of, shipped
from byhand.control.lists import Lists
from byhand.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import captured
from byhand.records.actor import Actor
from byhand.records.intervention import Change, Declaration, Justification, Target
from byhand.records.kinds import SCHEMA_VERSION, Access, Intent, Observation, Outcome, Point
from byhand.records.policy import PolicyFile, RoleAssignment, Team
from byhand.trust import administration as trust, authorization as judge, statements
from byhand.trust.authorization import Asking, Person, Resource

HERE = Resource(
    system="s", type="t", id="i", environment="production", tier="medium", action="a.b.c", point="p"
)
NOON = Asking(method="ssh-key", minute=720)
EVERYBODY = "permit (principal, action, resource);"


def policy(text: str, name: str = "own.cedar") -> tuple[PolicyFile, ...]:
    return (PolicyFile(name=name, text=text),)


def with_rule(text: str) -> tuple[PolicyFile, ...]:
    return (*shipped(), PolicyFile(name="own.cedar", text=text))


def declaration(person: str, point: str, **changed: Any) -> Declaration:
    fields = {
        "record": new_record_id(),
        "person": person,
        "action": "trading.limit.raise",
        "point": point,
        "change": Change(original=captured.capture(1), new=captured.capture(2)),
        "expires": clock.after(clock.now(), seconds=600),
        "justification": Justification(
            code="SYSTEM_ERROR_RECOVERY", text=f"Replaying dropped orders, {new_record_id()}"
        ),
    }
    return Declaration(**{**fields, **changed})


class Desk:
    """A home with an officer, three colleagues, and two points in two environments."""

    def __init__(self, office: Any) -> None:
        self.office, self.home, self.officers = office, office.home, ("ada",)
        for person in ("bob", "cyd", "dan"):
            office.enrol(person, "ada")
        for name, system, environment, team in (
            ("limits", "risk-gateway", "production", "risk-desk"),
            ("staging", "shop", "staging", "shop-desk"),
        ):
            office.register(
                Point(
                    name=name,
                    action="trading.limit.raise",
                    system=system,
                    type="limits",
                    id=name,
                    owner="ada",
                    tier="medium",
                    mode="enforce",
                    environment=environment,
                    team=team,
                )
            )

    def leave_trial(self) -> None:
        """From here on grace signs with ada, and hal is a third officer."""
        self.office.second_officer()
        self.officers = ("ada", "grace")
        self.office.enrol("hal", *self.officers, roles=(statements.OFFICER,))

    def change(self, action: str, subject: str, **held: Any) -> None:
        record = self.office.signed(record_with(action, subject, **held), *self.officers)
        self.home.authorization.submit(self.office.caller("ada"), record)

    def assign(self, person: str, role: str, **scope: Any) -> None:
        given_role = RoleAssignment(person=person, role=role, **scope)
        self.change(trust.ROLE_ASSIGN, f"{role}:{person}", role=given_role)

    def remove(self, person: str, role: str) -> None:
        taken = RoleAssignment(person=person, role=role)
        self.change(trust.ROLE_REMOVE, f"{role}:{person}", role=taken)

    def set(self, files: tuple[PolicyFile, ...]) -> None:
        self.change(trust.POLICY_SET, SUBJECT, policy=files)

    def declare(self, person: str, point: str = "limits", **changed: Any) -> Intent:
        declared = declaration(person, point, **changed)
        self.home.gate.declare(self.office.caller(person), declared)
        record = self.home.journal.reader.find(declared.record).record
        assert isinstance(record, Intent)
        return record


@pytest.fixture
def desk(office: Any) -> Desk:
    """A desk of this test's own."""
    return Desk(office)


# -- the shipped policies


def test_the_golden_table_comes_out_and_every_forbid_is_watched_by_a_row() -> None:
    """The shipped policies decide as the table says; without any one forbid some row fails."""
    assert policy_check.check(shipped()) == []
    assert len(policy_check.without_each(shipped(), "forbid")) == 7


def test_a_forbid_that_cannot_be_judged_denies() -> None:
    """The engine passes over a forbid that fails and allows; we do not."""
    files = with_rule(
        '@id("overflows") forbid (principal, action, resource)'
        " when { 9223372036854775807 + context.minute > 0 };"
    )
    told = engine_of(files).decide(Person("bob", frozenset({"operator"})), "declare", HERE, NOON)
    assert told.policies == ("operators-act",)
    assert not told.allowed
    assert "overflow" in told.errors[0]


def test_policies_that_do_not_fit_the_schema_are_refused_by_name() -> None:
    """A misspelt attribute, a syntax error, a policy without a name, a name twice, and nothing at all."""
    for text, complaint in (
        ('@id("a") permit (principal, action, resource) when { resource.teir == "low" };', "teir"),
        ('@id("a") permit (principal, action resource);', "unexpected"),
        (EVERYBODY, "has no @id"),
        (f'@id("a") {EVERYBODY} @id("a") {EVERYBODY}', "or another policy's"),
        ('@id("a") permit (principal == ?principal, action, resource);', "template"),
    ):
        with pytest.raises(Invalid, match=complaint):
            engine_of(policy(text))
    with pytest.raises(Invalid, match="is empty"):
        engine_of(())


def test_a_file_is_whole_by_itself() -> None:
    """Two files that are one policy only together are refused."""
    files = (
        PolicyFile(name="a.cedar", text='@id("a") permit (principal, action,'),
        PolicyFile(name="b.cedar", text="resource);"),
    )
    with pytest.raises(Invalid, match=r"a\.cedar"):
        engine_of(files)


ROLES = strategies.frozensets(strategies.sampled_from(sorted(room.ROLES)))
WHERE = strategies.builds(
    Resource,
    system=strategies.just("s"),
    type=strategies.just("t"),
    id=strategies.just("i"),
    environment=strategies.sampled_from(["production", "staging"]),
    tier=strategies.sampled_from(room.TIERS),
    action=strategies.just("a.b.c"),
    person=strategies.sampled_from(["ada", "bob"]),
    contributors=strategies.frozensets(strategies.sampled_from(["ada", "bob"])),
)
HOW = strategies.builds(
    Asking,
    method=strategies.sampled_from(["ssh-key", "token", "passkey"]),
    age_minutes=strategies.integers(0, 600),
    minute=strategies.integers(0, 1439),
    weekday=strategies.integers(1, 7),
)


@settings(max_examples=60, deadline=None)
@given(
    left=strategies.sampled_from(policy_check.without_each(shipped(), "permit")),
    roles=ROLES,
    action=strategies.sampled_from(["declare", "permit", "redeem", "conclude", "approve", "read"]),
    where=WHERE,
    how=HOW,
)
def test_leaving_out_a_permit_never_widens(
    left: Any, roles: frozenset[str], action: Any, where: Resource, how: Asking
) -> None:
    """Whatever is allowed without one of the permits is allowed with it."""
    person = Person("ada", roles)
    without = engine_of(left[1]).decide(person, action, where, how)
    if without.allowed:
        assert engine_of(shipped()).decide(person, action, where, how).allowed


# -- roles


def test_before_the_first_role_everybody_enrolled_acts_and_afterwards_nobody_unasked(desk: Desk) -> None:
    """A new home works without set-up; the first role turns that round for good."""
    assert desk.declare("bob").decision.policies == ("operators-act",)
    desk.assign("cyd", "operator")
    with pytest.raises(Forbidden, match="bob may not declare: no policy permits it here") as refused:
        desk.declare("bob")
    assert "role assign" in refused.value.advice
    assert desk.declare("cyd").decision.policies == ("operators-act",)
    desk.remove("cyd", "operator")
    with pytest.raises(Forbidden):
        desk.declare("cyd")
    with pytest.raises(NotFound, match="does not hold"):
        desk.remove("cyd", "operator")


def test_a_role_is_held_within_its_scope_alone(desk: Desk) -> None:
    """By system, by environment, by the team that owns the point; a role said anew replaces its scope."""
    for scope in ({"systems": ("shop",)}, {"environments": ("staging",)}, {"teams": ("shop-desk",)}):
        desk.assign("bob", "operator", **scope)
        desk.declare("bob", "staging")
        with pytest.raises(Forbidden):
            desk.declare("bob", "limits")
    desk.assign("bob", "operator", systems=("shop",), environments=("production",))
    with pytest.raises(Forbidden):
        desk.declare("bob", "staging")


def test_tier_and_environment_are_the_points_whatever_the_request_says(desk: Desk) -> None:
    """A registered target named as one that is not, with a tier and place of one's own, is no way in."""
    desk.assign("bob", "operator", environments=("staging",))
    target = Target(system="risk-gateway", type="limits", id="other", environment="staging", tier="low")
    with pytest.raises(Refused):
        desk.declare("bob", point=None, target=target)


def test_an_auditor_reads_everything_and_changes_nothing(desk: Desk) -> None:
    """Even one who is an operator too."""
    declared = desk.declare("bob")
    desk.assign("cyd", "auditor")
    desk.assign("cyd", "operator")
    with pytest.raises(Forbidden, match="auditors-change-nothing"):
        desk.declare("cyd")
    assert desk.home.reading.show(desk.office.caller("cyd"), declared.id).id == declared.id


def test_a_team_is_named_in_policies(desk: Desk) -> None:
    """A business role is a team: its members may what a policy gives it, and nobody else."""
    desk.assign("dan", "auditor")
    desk.change(trust.TEAM_SET, "traders", team=Team(name="traders", members=("bob",)))
    desk.set(
        with_rule(
            '@id("traders-act") permit (principal in Byhand::Team::"traders", '
            'action == Byhand::Action::"declare", resource);'
        )
    )
    assert desk.declare("bob").decision.policies == ("traders-act",)
    with pytest.raises(Forbidden):
        desk.declare("cyd")
    desk.change(trust.TEAM_SET, "traders", team=Team(name="traders", members=("cyd",)))
    with pytest.raises(Forbidden):
        desk.declare("bob")


def test_whoever_is_not_enrolled_holds_nothing(desk: Desk) -> None:
    """Neither a role nor a team is given to a stranger, and the officers' role only with a key."""
    with pytest.raises(Invalid, match="eve is not enrolled"):
        desk.assign("eve", "operator")
    with pytest.raises(Invalid, match="eve is not enrolled"):
        desk.change(trust.TEAM_SET, "traders", team=Team(name="traders", members=("eve",)))
    with pytest.raises(Invalid, match="given with a key"):
        desk.assign("bob", "officer")
    with pytest.raises(Invalid, match="--role pseudonymous"):
        desk.assign("bob", "pseudonymous")


# -- policies


def test_policies_are_signed_records_whose_digest_intents_name(desk: Desk) -> None:
    """Recorded by officers, in force at once, named in every intent, and flagged when used within the hour."""
    before = desk.declare("bob")
    assert before.decision.policy == judge.digest(shipped())
    assert FRESH not in before.flags
    files = with_rule(
        '@id("no-staging") @advice("Ask the release desk.") forbid '
        '(principal, action == Byhand::Action::"declare", resource) when { resource.environment == "staging" };'
    )
    desk.set(files)
    after = desk.declare("bob")
    assert after.decision.policy == judge.digest(files) != before.decision.policy
    assert FRESH in after.flags
    with pytest.raises(Forbidden, match="no-staging") as refused:
        desk.declare("bob", "staging")
    assert refused.value.advice == "Ask the release desk."
    with pytest.raises(Conflict, match="in force already"):
        desk.set(files)


def test_policies_that_lock_the_officers_out_are_refused(desk: Desk) -> None:
    """Nobody could change them again."""
    with pytest.raises(Invalid, match="lock everybody out"):
        desk.set(policy('@id("a") permit (principal, action == Byhand::Action::"read", resource);'))


def test_the_last_officer_gets_no_role_that_forbids_to_change_byhand(desk: Desk) -> None:
    """Nobody could take it from them again."""
    with pytest.raises(Invalid, match="lock the officers out"):
        desk.assign("ada", "auditor")
    desk.assign("bob", "auditor")


KEEPS_OFF = '@id("keeps-off") forbid (principal{}, action == Byhand::Action::"administer", resource){};'


def test_as_many_officers_as_a_change_takes_may_still_make_one(desk: Desk) -> None:
    """Two of three are enough and one is not, whether policies, a role, a team or a key that ends is the reason."""
    desk.leave_trial()
    two = ' when { ["grace", "hal"].contains(principal.name) }'
    with pytest.raises(Invalid, match="lock everybody out"):
        desk.set(with_rule(KEEPS_OFF.format("", two)))
    desk.set(with_rule(KEEPS_OFF.format(' in Byhand::Team::"guests"', "")))
    with pytest.raises(Invalid, match="lock the officers out"):
        desk.change(trust.TEAM_SET, "guests", team=Team(name="guests", members=("ada", "hal")))
    desk.assign("hal", "auditor")
    with pytest.raises(Invalid, match="lock the officers out"):
        desk.assign("grace", "auditor")
    desk.office.enrol("ida", *desk.officers, roles=(statements.OFFICER,))
    desk.assign("grace", "auditor")
    desk.officers = ("ada", "ida")
    leaving = desk.office.revocation("ida", *desk.officers)
    with pytest.raises(Invalid, match="lock the officers out"):
        desk.home.people.revoke(desk.office.caller("ada"), leaving)
    desk.remove("hal", "auditor")
    desk.home.people.revoke(desk.office.caller("ada"), leaving)


def test_a_home_leaves_its_trial_with_officers_who_may_change_it(desk: Desk) -> None:
    """A second officer who may change nothing would make two necessary of whom one is allowed."""
    desk.set(with_rule(KEEPS_OFF.format("", ' when { principal.name == "grace" }')))
    with pytest.raises(Invalid, match="lock the officers out"):
        desk.office.second_officer()


def test_policies_without_enough_signatures_are_refused(desk: Desk) -> None:
    """An operator's signature is none."""
    record = record_with(trust.POLICY_SET, SUBJECT, policy=with_rule(f'@id("all") {EVERYBODY}'))
    with pytest.raises(Refused, match="not authorised"):
        desk.home.authorization.submit(desk.office.caller("bob"), desk.office.signed(record, "bob"))
    desk.office.second_officer()
    with pytest.raises(Refused, match="takes 2 officers"):
        desk.home.authorization.submit(desk.office.caller("ada"), desk.office.signed(record, "ada"))


def test_an_officer_who_audits_signs_no_change(desk: Desk) -> None:
    """Each signature must be by somebody whom a policy lets change this, whoever hands it in."""
    desk.leave_trial()
    desk.assign("ada", "auditor")
    with pytest.raises(Forbidden, match="auditors-administer-nothing"):
        desk.assign("bob", "operator")


def test_in_observe_a_denied_act_passes_and_what_denies_it_is_written_down(desk: Desk) -> None:
    """As anything else that enforce would refuse."""
    point = desk.home.points.get("limits")
    desk.office.register(msgspec.structs.replace(point, mode="observe"), action=trust.POINT_MODE)
    desk.assign("cyd", "operator")
    declared = desk.declare("bob")
    (noted,) = declared.decision.would_refuse
    assert "bob may not declare" in noted


def test_a_permit_is_refused_to_whoever_lost_the_role_meanwhile(desk: Desk) -> None:
    """Judged anew at every step; how it ended may always be said."""
    desk.assign("bob", "operator")
    declared = desk.declare("bob")
    desk.remove("bob", "operator")
    with pytest.raises(Forbidden, match="may not permit"):
        desk.home.gate.permit(desk.office.caller("bob"), declared.id)


def test_no_policy_keeps_the_outcome_of_an_act_from_the_log(desk: Desk) -> None:
    """What was carried out under a permit is recorded, whatever became of its person's rights meanwhile."""
    intent = desk.declare("bob")
    attempt = Attempt(attempt="first", executor="test", before=captured.capture(1))
    desk.home.gate.permit(desk.office.caller("bob"), intent.id, attempt)
    desk.set(
        with_rule('@id("nothing-ends") forbid (principal, action == Byhand::Action::"conclude", resource);')
    )
    outcome = Outcome(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=intent.id,
        result="applied",
        found=captured.capture(2),
        attempt="first",
    )
    desk.home.gate.conclude(desk.office.caller("bob"), intent.id, outcome)
    assert desk.home.chains.get(intent.id).state.phase == "applied"
    unused = desk.declare("bob")
    with pytest.raises(Forbidden, match="nothing-ends"):
        desk.home.gate.conclude(
            desk.office.caller("bob"),
            unused.id,
            msgspec.structs.replace(
                outcome,
                id=new_record_id(),
                intervention=unused.id,
                result="abandoned",
                attempt=None,
                found=None,
            ),
        )


def test_business_hours_are_the_servers_clock(desk: Desk) -> None:
    """A policy over the hour holds by the server's own time, and the answer is not remembered beyond a minute."""
    rule = (
        '@id("office-hours") forbid (principal, action == Byhand::Action::"declare", resource)'
        " when { context.minute < 420 || context.minute >= 1140 || context.weekday > 5 };"
    )
    engine = engine_of(with_rule(rule))
    person = Person("bob", frozenset({"operator"}))
    assert engine.asks_time
    assert not engine_of(shipped()).asks_time
    for minute, weekday, expected in ((419, 1, False), (420, 1, True), (1140, 5, False), (720, 6, False)):
        asking = dataclasses.replace(NOON, minute=minute, weekday=weekday)
        assert engine.decide(person, "declare", HERE, asking).allowed is expected
    hidden = rule.replace("context.minute <", 'context["\\u{6d}inute"] <')
    assert engine_of(with_rule(hidden)).asks_time


# -- reading


def test_what_is_out_of_reach_is_neither_shown_nor_counted_nor_found(desk: Desk) -> None:
    """Search, facets, export, timeline and beginnings of ids tell of nothing outside a role's scope."""
    inside, outside = desk.declare("bob", "staging"), desk.declare("bob", "limits")
    desk.assign("cyd", "operator", systems=("shop",))
    cyd, reading = desk.office.caller("cyd"), desk.home.reading
    assert [row.id for row in reading.search(cyd, "").rows] == [inside.id]
    assert reading.facets(cyd, "").total == 1
    assert [one.values for one in reading.facets(cyd, "").facets if one.column == "system"] == [
        (("shop", 1),)
    ]
    assert reading.facets(cyd, "system:risk-gateway").total == 0
    assert reading.search(cyd, "-system:shop").rows == ()
    assert [act.id for act in reading.timeline(cyd, "").acts] == [inside.id]
    assert outside.id not in "".join(reading.export(cyd, "", rows="records", form="ndjson"))
    with pytest.raises(NotFound):
        reading.resolve(outside.id[:-2], cyd)
    assert reading.resolve(inside.id[:-2], cyd) == inside.id


def test_reading_without_a_right_is_refused_and_recorded(desk: Desk) -> None:
    """Nothing is shown; the attempt is an access record that says why."""
    declared = desk.declare("bob")
    desk.assign("dan", "operator")
    with pytest.raises(Forbidden, match="cyd may not read"):
        desk.home.reading.show(desk.office.caller("cyd"), declared.id)
    *_, last = (one.record for one in desk.home.journal.reader.scan(0) if isinstance(one.record, Access))
    assert last.actor.person == "cyd"
    assert "no policy permits it" in str(last.refused)
    assert desk.home.reading.show(desk.office.caller("bob"), declared.id).id == declared.id


def test_a_page_is_filled_whatever_lies_between(desk: Desk) -> None:
    """Neither the length of a page nor its cursor tells how much was passed over."""
    wanted = []
    for _ in range(3):
        wanted.append(desk.declare("bob", "staging").id)
        desk.declare("bob", "limits")
    desk.set(
        with_rule(
            '@id("shop-only") forbid (principal, action == Byhand::Action::"read", resource is Byhand::Target)'
            ' when { resource.system != "shop" };'
        )
    )
    cyd, reading = desk.office.caller("cyd"), desk.home.reading
    page = reading.search(cyd, "", limit=2)
    assert [row.id for row in page.rows] == wanted[:0:-1]
    rest = reading.search(cyd, "", limit=2, before=page.following)
    assert [row.id for row in rest.rows] == wanted[:1]
    counted = reading.facets(cyd, "")
    assert counted.total == 3
    assert [one.values for one in counted.facets if one.column == "system"] == [(("shop", 3),)]


def observed(desk: Desk, person: str, system: str) -> str:
    """The id of an act that a feed showed."""
    record_id = new_record_id()
    record = Observation(
        id=record_id,
        schema=SCHEMA_VERSION,
        intervention=record_id,
        actor=Actor(person=person, issuer="gateway"),
        target=Target(system=system, type="limits", id="seen", environment="production", tier="medium"),
        action="trading.limit.raise",
        connector="test",
        instance="test",
        capture="feed",
        absence="source_has_no_field",
    )
    desk.home.journal.append([Entry(record)])
    return record_id


def test_an_observed_act_is_read_by_whoever_may_read_what_is_declared_there(desk: Desk) -> None:
    """Scopes and forbids over targets hold for it by its id as they do in search."""
    there, here = observed(desk, "bob", "risk-gateway"), observed(desk, "dan", "shop")
    desk.assign("cyd", "operator", systems=("shop",))
    cyd, reading = desk.office.caller("cyd"), desk.home.reading
    assert [row.id for row in reading.search(cyd, "").rows] == [here]
    assert reading.show(cyd, here).id == here
    assert reading.show(desk.office.caller("bob"), there).id == there
    desk.assign("cyd", "operator")
    desk.set(
        with_rule(
            '@id("sealed") forbid (principal, action == Byhand::Action::"read", resource is Byhand::Target)'
            ' when { resource.system == "risk-gateway" };'
        )
    )
    with pytest.raises(Forbidden, match="sealed"):
        reading.show(cyd, there)
    assert there not in "".join(reading.export(cyd, "", rows="records", form="ndjson"))


class Signed(NamedTuple):
    """Whoever a caller is: see ``byhand.embedded.Who``."""

    one: Any

    def caller(self, scope: str) -> Any:
        return self.one


def hindsight(desk: Desk, person: str, wanted: FindingRequest) -> Any:
    opened = wiring.open_desk(desk.home, "")
    opened._who = Signed(desk.office.caller(person))  # type: ignore[assignment]
    return opened.conclude_afterwards(wanted)


@pytest.mark.parametrize("kind", ["amendment", "review", "disposition"])
def test_nobody_concludes_anything_about_what_they_may_not_read(desk: Desk, kind: Any) -> None:
    """It is answered as if there were no such intervention; whoever may read it may conclude."""
    declared = desk.declare("bob")
    desk.assign("dan", "auditor")
    wanted = FindingRequest(
        record=new_record_id(),
        intervention=declared.id,
        type=kind,
        summary="It was not the cause after all.",
        verdict="right" if kind == "review" else "noise" if kind == "disposition" else None,
    )
    with pytest.raises(NotFound, match="there is no intervention"):
        hindsight(desk, "cyd", wanted)
    nothing = msgspec.structs.replace(wanted, intervention=new_record_id())
    with pytest.raises(NotFound, match="there is no intervention"):
        hindsight(desk, "cyd", nothing)
    if kind == "disposition":  # judged further: there is no such alert
        with pytest.raises(Invalid, match="is no alert"):
            hindsight(desk, "dan", wanted)
    else:
        assert hindsight(desk, "dan", wanted).record == wanted.record


ELSEWHERE = (
    '@id("shop-only") forbid (principal, action == Byhand::Action::"read", resource is Byhand::Target)'
    ' when { resource.system != "shop" };'
)


def test_a_page_says_that_another_follows_only_where_something_readable_does(desk: Desk) -> None:
    """So nobody asks page by page whether what they may not read matches a query."""
    inside = [desk.declare("bob", "staging").id]
    hidden = desk.declare("bob", "limits").id
    desk.home.findings.review(desk.office.caller("bob"), hidden, "right", "It was the cause.")
    inside.append(desk.declare("bob", "staging").id)
    for one in inside:
        desk.home.findings.review(desk.office.caller("bob"), one, "right", "It was the cause.")
    hidden = desk.declare("bob", "limits").id
    desk.home.findings.review(desk.office.caller("bob"), hidden, "right", "It was the cause.")
    desk.set(with_rule(ELSEWHERE))
    cyd, home = desk.office.caller("cyd"), desk.home
    lists = Lists(home.journal, home.indexer, home.index, home.reading)
    newest = home.reading.search(cyd, "", limit=1)
    assert [row.id for row in newest.rows] == inside[1:]
    oldest = home.reading.search(cyd, "", limit=1, before=newest.following)
    assert ([row.id for row in oldest.rows], oldest.following) == (inside[:1], None)
    found = lists.findings(cyd, "", limit=1)
    found = lists.findings(cyd, "", limit=1, before=found.following)
    assert ([row.about for row in found.rows], found.following) == (inside[:1], None)
    assert home.reading.search(cyd, "system:risk-gateway", limit=1).following is None


def test_looking_for_what_may_be_read_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page ends where so many rows were judged, and the next one goes on there; whole pages are read ahead."""
    wanted = desk.declare("bob", "staging").id
    for _ in range(12):
        desk.declare("bob", "limits")
    desk.set(with_rule(ELSEWHERE))
    cyd, reading = desk.office.caller("cyd"), desk.home.reading
    asked, search = [], desk.home.index.search
    monkeypatch.setattr(desk.home.index, "search", lambda *told: asked.append(told[1]) or search(*told))
    page = reading.search(cyd, "", limit=3)
    assert ([row.id for row in page.rows], asked) == ([wanted], [4, pages.AHEAD])
    monkeypatch.setattr(pages, "LOOKED_AT_MAX", 4)
    page = reading.search(cyd, "", limit=3)
    assert page.rows == ()
    counted = reading.facets(cyd, "")
    assert counted.total == 1
    while page.following is not None:
        page = reading.search(cyd, "", limit=3, before=page.following)
    assert [row.id for row in page.rows] == [wanted]
    with pytest.raises(Forbidden, match="shop-only"):
        reading.show(cyd, desk.declare("bob", "limits").id)


def test_what_a_policy_keeps_from_reading_is_in_no_list_of_reads(desk: Desk) -> None:
    """A forbid over access records holds for the list as it does for each by its id."""
    desk.home.reading.search(desk.office.caller("bob"), "")
    home = desk.home
    lists = Lists(home.journal, home.indexer, home.index, home.reading)
    ada = msgspec.structs.replace(desk.office.caller("ada"), roles=(statements.OFFICER,))
    assert [row.person for row in lists.accesses(ada, "").rows] == ["bob"]
    desk.set(
        with_rule(
            '@id("not-of-bob") forbid (principal, action == Byhand::Action::"read", resource is Byhand::Record)'
            ' when { resource.kind == "access" && resource.person == "bob" };'
        )
    )
    assert [row.person for row in lists.accesses(ada, "", limit=1).rows] == ["ada"]
    page = lists.accesses(ada, "actor:bob")
    assert (page.rows, page.following) == ((), None)


# -- judged before it is signed


def test_a_point_where_nobody_could_approve_is_found(desk: Desk) -> None:
    """The lint names what no two persons could ever do together."""
    now = desk.home.administration.current
    assert policy_check.satisfiable(shipped(), now(), desk.home.authorization) == []
    desk.assign("bob", "operator")
    found = policy_check.satisfiable(shipped(), now(), desk.home.authorization)
    assert {one.what for one in found} == {
        f"at the point {name} nobody could approve what bob declares" for name in ("limits", "staging")
    }


def test_as_many_must_be_able_to_approve_as_the_point_takes(desk: Desk) -> None:
    """Two approvals where one other person could give one are found, and so is a proof that nobody can give."""
    desk.leave_trial()
    point = desk.home.points.get("limits")
    desk.office.register(msgspec.structs.replace(point, approvals=2, name="two", id="two"), *desk.officers)
    for person, role in (("bob", "operator"), ("cyd", "approver")):
        desk.assign(person, role)
    told = [
        one.what
        for one in policy_check.satisfiable(
            shipped(), desk.home.administration.current(), desk.home.authorization
        )
    ]
    assert told == ["at the point two only 1 of the 2 it takes could approve what bob declares"]
    files = with_rule(
        '@id("by-hardware") forbid (principal, action == Byhand::Action::"declare", resource)'
        " unless { context.hardware };"
    )
    told = [
        one.what
        for one in policy_check.satisfiable(
            files, desk.home.administration.current(), desk.home.authorization
        )
    ]
    assert "nobody may act at the point limits" in told


def test_a_table_that_is_none_is_refused_with_advice() -> None:
    """A number among the decisions, and a tier that is none, are faults of their rows."""
    for text, complaint in (
        ("decision = [1]", r"begin each one with \[\[decision\]\]"),
        ('[[decision]]\naction = "read"\nexpect = "allow"\ntier = "higher"', "higher"),
    ):
        with pytest.raises(Invalid, match=complaint):
            policy_check.read_table(text)
