# SPDX-License-Identifier: Apache-2.0
"""May this actor, and if not, which policy says so: policies of the log, roles within their scopes, teams.

Files and what is shipped are proposals; what the log holds is in force. Before a home records policies of its own
the shipped ones are, and before anybody is given a role everybody enrolled acts and approves: see decision 16.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import get_args

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement, PolicyView
from byhand.control.administration import Administrated, AdministrationFold
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.control.points import Points
from byhand.control.pseudonyms import ROLE as PSEUDONYMOUS
from byhand.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from byhand.journal.journal import Journal
from byhand.records.actor import Authentication
from byhand.records.intervention import Tier
from byhand.records.kinds import Administration, Intent, Observation, Point
from byhand.records.policy import PolicyFile, RoleAssignment
from byhand.store.index import Among, AnyOf, Condition, InterventionRow
from byhand.trust import administration as trust, authorization as judge, quorum, statements
from byhand.trust.authorization import About, Action, Asking, Change, Engine, Loose, Person, Resource, Verdict
from byhand.trust.keyring import Keyring

POLICIES = "policies"
SCHEMA_FILE = "schema.cedarschema"
SUBJECT = "policy"
"""What an administration of the policies names as its subject."""
ROLES = {
    "operator": "Declares, carries out and ends interventions, and reads those in its scope.",
    "approver": "Approves others' interventions, and reads those in its scope.",
    "auditor": "Reads everything, says in hindsight what it finds, and changes nothing.",
    "officer": "Changes byhand itself, together with another officer, and reads everything. Held by a key.",
    "identity-officer": "An officer for persons, keys, accounts, workloads, tokens and teams.",
    "records-officer": "An officer for retention, holds and erasure, who reads everything.",
}
"""The roles that the shipped policies speak of; others are named by policies of one's own."""
BEFORE_ROLES = frozenset({"operator", "approver"})
"""What everybody enrolled holds until the first role is assigned."""
FRESH_SECONDS = 3_600  # policies used within the hour after they changed are worth a look
DECISIONS_REMEMBERED = 4_096  # persons at work times places, under one state of the home
ACTIONS = (trust.POLICY_SET, trust.ROLE_ASSIGN, trust.ROLE_REMOVE, trust.TEAM_SET)
ANY = "\x00any"
"""What no system, place or person is called: it stands for all that no scope and no policy names."""
FRESH = "policy_fresh"
TIERS: tuple[Tier, ...] = get_args(Tier)
SECONDS_A_MINUTE = 60


@cache
def shipped_schema() -> str:
    """The schema: what policies may speak about."""
    return resources.files("byhand.control").joinpath(POLICIES, SCHEMA_FILE).read_text("utf-8")


@cache
def shipped() -> tuple[PolicyFile, ...]:
    """The shipped policies."""
    folder = resources.files("byhand.control").joinpath(POLICIES)
    named = sorted((one for one in folder.iterdir() if one.name.endswith(".cedar")), key=lambda one: one.name)
    return tuple(PolicyFile(name=one.name, text=one.read_text("utf-8")) for one in named)


def engine_of(files: tuple[PolicyFile, ...]) -> Engine:
    """The engine for policies under our schema; raises Invalid naming what is wrong with them."""
    return judge.engine(files, shipped_schema())


def resource_of(point: Point, *, person: str = "", registered: bool = True) -> Resource:
    """A point, or what stands for one, as policies see it."""
    return Resource(
        system=point.system,
        type=point.type,
        id=point.id,
        environment=point.environment,
        tier=point.tier,
        action=point.action,
        point=point.name if registered else "",
        team=point.team or "",
        person=person,
        contributors=frozenset({person}) if person else frozenset(),
    )


@dataclass(frozen=True, slots=True)
class Explained:
    """A verdict and the person as policies saw them."""

    person: Person
    verdict: Verdict


class Authorization:
    """Who may do what at one home. Thread-safe."""

    def __init__(self, journal: Journal, administration: AdministrationFold, people: People) -> None:
        self._journal = journal
        self._administration = administration
        self._people = people
        self._lock = threading.Lock()
        self._known: tuple[int, dict[object, Verdict]] = (-1, {})
        self._key_roles: tuple[Keyring, dict[str, frozenset[str]]] | None = None
        administration.allowed = self._check_change

    # -- asking

    def check(self, caller: Caller, action: Action, about: About) -> Verdict:
        """What lets ``caller`` do this; raises Forbidden naming the policy that says no, or that none says yes."""
        verdict = self.verdict(caller, action, about)
        if not verdict.allowed:
            raise forbidden(caller.person, action, verdict)
        return verdict

    def verdict(self, caller: Caller, action: Action, about: About) -> Verdict:
        """The answer for ``caller``, in the state that is in force."""
        return self.verdict_in(self._administration.current(), caller, action, about)

    def may_sign(self, caller: Caller, action: Action, about: About) -> bool:
        """Whether ``caller`` may do this once they prove anew who they are, as they did now or by their own key."""
        fresh = msgspec.structs.replace(caller.authentication, when=clock.now())
        asking = (msgspec.structs.replace(caller, authentication=fresh), _signing(caller, caller.person))
        return any(self.verdict(one, action, about).allowed for one in asking)

    def verdict_in(self, now: Administrated, caller: Caller, action: Action, about: About) -> Verdict:
        """The answer in the state ``now``; the same question within it is asked of the engine once."""
        engine = engine_of(now.policy or shipped())
        person = self.person(now, caller.person, about)
        asking = _asking(engine, caller)
        key = (person, action, about, asking)
        head, known = self._known
        if head == now.head and key in known:
            return known[key]
        verdict = engine.decide(person, action, about, asking)
        with self._lock:
            head, known = self._known
            if head != now.head or len(known) >= DECISIONS_REMEMBERED:
                known = {}
            known[key] = verdict
            self._known = (now.head, known)
        return verdict

    def person(self, now: Administrated, name: str, about: About) -> Person:
        """``name`` as policies see them: active, with the roles held at ``about``, and their teams."""
        keyring = now.keyring
        held = self._roles_of_keys(keyring, now).get(name) if keyring is not None else None
        roles = held or frozenset()
        assigned = now.roles.get(name, {})
        roles |= {role for role, one in assigned.items() if judge.covers(one, about)}
        if not now.roles_assigned and held is not None:
            roles |= BEFORE_ROLES
        teams = frozenset(team.name for team in now.teams.values() if name in team.members)
        return Person(name=name, roles=roles, teams=teams, active=held is not None)

    def _roles_of_keys(self, keyring: Keyring, now: Administrated) -> dict[str, frozenset[str]]:
        """Roles of everybody's valid keys, worked out once for each keyring: a token is no way around them."""
        known = self._key_roles
        if known is None or known[0] is not keyring:
            size, found = max(self._journal.reader.size, now.position), dict[str, frozenset[str]]()
            for key in keyring.keys.values():
                if key.valid_at(size):
                    found[key.person] = found.get(key.person, frozenset()) | frozenset(key.roles)
            known = self._key_roles = (keyring, found)
        return known[1]

    def roles(self, caller: Caller) -> frozenset[str]:
        """The roles that ``caller`` was assigned everywhere, beside those of the key that they came with."""
        assigned = self._administration.current().roles.get(caller.person, {})
        about = Loose("role")
        return frozenset(role for role, one in assigned.items() if judge.covers(one, about))

    def digest(self) -> str:
        """SHA-256 of the policies in force."""
        return engine_of(self.files()).digest

    def files(self) -> tuple[PolicyFile, ...]:
        """The policies in force."""
        return self._administration.current().policy or shipped()

    def view(self) -> PolicyView:
        """The policies in force, for whoever is signed in."""
        now = self._administration.current()
        return PolicyView(
            digest=self.digest(), shipped=not now.policy, since=now.policy_since, files=self.files()
        )

    def fresh(self) -> bool:
        """Whether they were changed within the hour."""
        since = self._administration.current().policy_since
        return bool(since) and clock.after(since, seconds=FRESH_SECONDS) > clock.now()

    def explain(
        self,
        caller: Caller,
        name: str,
        action: Action,
        points: Points,
        place: str,
        declared_by: str | None = None,
    ) -> Explained:
        """How it would come out for the person ``name``, who proved who they are as ``caller`` did."""
        now = self._administration.current()
        if action == "administer":
            about: About = Change(place)
        else:
            about = resource_of(points.get(place), person=declared_by or name)
        asks = msgspec.structs.replace(caller, person=name)
        return Explained(self.person(now, name, about), self.verdict_in(now, asks, action, about))

    # -- reading

    def reach(self, caller: Caller) -> Condition | None:
        """What ``caller`` may look for, as a condition of the index; ``None``: everything.

        Wider than the policies, never narrower: each row is still judged by them. Policies of one's own may ask
        what the index cannot tell, so under them the rows alone decide.
        """
        if not self.uniform():
            return None
        now = self._administration.current()
        everywhere = self._tiers(now, caller, None)
        if everywhere == TIERS:
            return None
        groups: list[tuple[Among, ...]] = [(Among("person", (caller.person,)),)]
        if everywhere:
            groups.append((Among("tier", everywhere),))
        for one in now.roles.get(caller.person, {}).values():
            tiers = self._tiers(now, caller, one)
            groups += _within(one, tiers, now) if tiers else []
        return AnyOf(tuple(groups))

    def _tiers(self, now: Administrated, caller: Caller, role: RoleAssignment | None) -> tuple[str, ...]:
        """The tiers at which ``caller`` reads others' interventions somewhere in the scope of ``role``.

        Asked of a target that stands for all of them: what a policy asks beside tier and person is asked row by row.
        """
        found = []
        for tier in TIERS:
            about = Resource(
                system=_first(role.systems if role is not None else ()),
                type=ANY,
                id=ANY,
                environment=_first(role.environments if role is not None else ()),
                tier=tier,
                action=ANY,
                team=_first(role.teams if role is not None else ()),
                person=ANY,
            )
            if self.verdict_in(now, caller, "read", about).allowed:
                found.append(tier)
        return tuple(found)

    def uniform(self) -> bool:
        """Whether reading hangs on role, scope, tier and person alone, so that the index can count by itself."""
        return self.files() == shipped()

    def row_of(self, row: InterventionRow) -> Resource:
        """An intervention as the index has it, as policies see it."""
        now = self._administration.current()
        point = now.points.get(row.point) or now.retired.get(row.point)
        return Resource(
            system=row.system,
            type=row.type,
            id=row.target,
            environment=row.environment,
            tier=row.tier,
            action=row.action,
            point=row.point,
            team=(point.team if point is not None else None) or "",
            person=row.person,
            contributors=frozenset({row.person}),
        )

    def reads_row(self, caller: Caller, row: InterventionRow) -> bool:
        """Whether ``caller`` may read an intervention that the index found."""
        return self.verdict(caller, "read", self.row_of(row)).allowed

    def may_read(self, caller: Caller, begun: Intent | Observation | None) -> Verdict:
        """Whether ``caller`` may read the intervention that ``begun`` began; ``None``: nobody can read what did."""
        if begun is None:
            return self.verdict(caller, "read", Loose("intervention"))
        return self.verdict(caller, "read", self.of(begun))

    def of(self, begun: Intent | Observation) -> Resource:
        """An intervention as policies see it; its tier and environment are those of the record."""
        target, point = begun.target, None
        if target.point is not None:
            now = self._administration.current()
            point = now.points.get(target.point) or now.retired.get(target.point)
        if isinstance(begun, Intent):
            person, action = begun.declaration.person, begun.declaration.action
            contributors = quorum.contributors(begun)
        else:
            person, action = begun.actor.person, begun.action
            contributors = frozenset({person})
        return Resource(
            system=target.system,
            type=target.type,
            id=target.id,
            environment=target.environment,
            tier=target.tier,
            action=action,
            point=target.point or "",
            team=(point.team if point is not None else None) or "",
            person=person,
            contributors=contributors,
        )

    # -- changes

    def _check_change(
        self, caller: Caller, record: Administration, now: Administrated, after: Administrated
    ) -> None:
        """Each signature must be by somebody whom a policy lets change this; who hands it in decides nothing.

        And whatever is changed, enough officers are left who may change it back.
        """
        if now.keyring is None:
            return
        area = record.action.split(".")[1]
        engine = engine_of(now.policy or shipped())
        for person in sorted(trust.signers(record, now.keyring)):
            asks = caller if person == caller.person else _signing(caller, person)
            own = person == record.subject or (record.token is not None and record.token.owner == person)
            about = Change(area, own)
            verdict = engine.decide(
                self.person(now, person, about), "administer", about, _asking(engine, asks)
            )
            if not verdict.allowed:
                raise forbidden(person, record.action, verdict)
        if self._enough_officers(now) and not self._enough_officers(after):
            what = (
                "these policies would lock everybody out"
                if record.policy
                else "this change would lock the officers out"
            )
            fault = Fault(
                "/policy" if record.policy else "/subject",
                "would leave fewer officers who may change the policies than a change takes",
                "keep officers-administer, and no officer an auditor without whom there are too few",
            )
            raise Invalid(what, (fault,))

    def _enough_officers(self, now: Administrated) -> bool:
        """Whether as many officers may change the policies as must sign that.

        As signatures are judged: of a hardware key they tell nothing, so it helps nobody here.
        """
        keyring = now.keyring
        if keyring is None:
            return False
        engine, about = engine_of(now.policy or shipped()), Change(SUBJECT)
        asking = Asking(method="ssh-key", weekday=1, minute=judge.MINUTES_A_DAY // 2)
        able = [
            one
            for one in keyring.officers(now.position)
            if engine.decide(self.person(now, one, about), "administer", about, asking).allowed
        ]
        return len(able) >= keyring.officers_needed(now.position)

    def submit(self, caller: Caller, record: Administration) -> Acknowledgement:
        """Record other policies, a role or a team; raises Invalid naming every fault, NotFound, Refused."""
        if record.action not in ACTIONS:
            raise Invalid(
                "this changes no right", (Fault("/action", "is not about policies, roles or teams"),)
            )
        return self._administration.submit(caller, record, check=lambda now: self._check(record, now))

    def _check(self, record: Administration, now: Administrated) -> None:
        persons = (
            now.keyring.persons_at(self._journal.reader.size) if now.keyring is not None else frozenset()
        )
        if record.policy:
            _check_policy(record, now)
        named = record.team.members if record.team is not None else ()
        if record.role is not None and record.action == trust.ROLE_ASSIGN:
            named = (record.role.person,)
            _check_role(record.role)
        faults = [
            Fault("/person", f"{one} is not enrolled", "see: byhand person list")
            for one in named
            if one not in persons
        ]
        if faults:
            raise Invalid("this change cannot be made", tuple(faults))
        if record.action == trust.ROLE_REMOVE and record.role is not None:
            held = now.roles.get(record.role.person, {})
            if record.role.role not in held:
                raise NotFound(
                    f"{record.role.person} does not hold the role {record.role.role}",
                    advice="See: byhand role list",
                )


def _check_policy(record: Administration, now: Administrated) -> None:
    """Policies are valid, and new."""
    if engine_of(record.policy).digest == engine_of(now.policy or shipped()).digest:
        raise Conflict("these policies are in force already", advice="See: byhand policy show")


def _first(values: tuple[str, ...]) -> str:
    return values[0] if values else ANY


def _within(role: RoleAssignment, tiers: tuple[str, ...], now: Administrated) -> list[tuple[Among, ...]]:
    """The scope of ``role`` as conditions of the index; none where its teams own no point."""
    limits = [("tier", tiers), ("system", role.systems), ("environment", role.environments)]
    if role.teams:
        owned = tuple(name for name, point in now.points.items() if point.team in role.teams)
        owned += tuple(name for name, point in now.retired.items() if point.team in role.teams)
        if not owned:
            return []
        limits.append(("point", owned))
    return [tuple(Among(column, values) for column, values in limits if values)]


def _check_role(role: RoleAssignment) -> None:
    """Raise Invalid for the roles that are held by a key: assigned, they would be without effect."""
    of_keys = {statements.OFFICER: "--officer", PSEUDONYMOUS: f"--role {PSEUDONYMOUS}"}
    if role.role in of_keys:
        fault = Fault(
            "/role/role", "is given with a key", f"enrol one: byhand person add {of_keys[role.role]}"
        )
        raise Invalid("this change cannot be made", (fault,))


def _signing(caller: Caller, person: str) -> Caller:
    """Somebody who signed what ``caller`` hands in: by their own key, and as freshly as can be said."""
    signed = Authentication(method="ssh-key", when=clock.now(), credential=caller.credential)
    return Caller(person=person, credential=caller.credential, authentication=signed)


def _asking(engine: Engine, caller: Caller) -> Asking:
    """How and when; what no policy speaks of is left out, so that an answer can be remembered."""
    authentication = caller.authentication
    moment = clock.now()
    age = 0
    if engine.asks_age:
        seconds = (clock.parse(moment) - clock.parse(authentication.when)).total_seconds()
        age = max(0, -int(-seconds // SECONDS_A_MINUTE))
    minute, weekday = 0, 1
    if engine.asks_time:
        now = clock.parse(moment)
        minute, weekday = now.hour * 60 + now.minute, now.isoweekday()
    hardware = "hwk" in authentication.amr
    return Asking(authentication.method, hardware, age, minute, weekday)


def forbidden(person: str, action: str, verdict: Verdict) -> Forbidden:
    """The refusal in words: which policy, or that there is none."""
    if verdict.errors:
        why = f"a policy could not be judged ({verdict.errors[0]})"
    elif verdict.policies:
        why = f"the policy {', '.join(verdict.policies)} says no"
    else:
        why = "no policy permits it here"
    advice = verdict.advice or (
        "" if verdict.policies else "An officer gives a role with: byhand role assign PERSON ROLE"
    )
    return Forbidden(f"{person} may not {action}: {why}", advice=advice)
