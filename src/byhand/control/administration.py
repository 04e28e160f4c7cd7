# SPDX-License-Identifier: Apache-2.0
"""What byhand's own records say about byhand: keyring, points, reasons; folded from the administration chain.

Files and settings are proposals; the log is the authority. A record that does not verify has no effect and is
kept in ``rejected``: it is never silently passed over.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement
from byhand.control.identity import Caller
from byhand.errors import ByhandError, ChainMoved, NotFound, Refused, Unsound
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records import codec
from byhand.records.actor import PersonDetails
from byhand.records.circles import Circle
from byhand.records.credentials import Token, Workload
from byhand.records.intervention import Times
from byhand.records.kinds import SCHEMA_VERSION, Administration, Point, Reason
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.records.policy import PolicyFile, RoleAssignment, Team
from byhand.trust import administration as trust
from byhand.trust.keyring import Keyring
from byhand.trust.runbook import Shelf

LATELY_SECONDS = 0.05  # thousands of decisions a second need not each ask the disk whether byhand was changed
RACES_MAX = 8  # officers changing byhand at the same moment; more means somebody is looping


@dataclass(frozen=True, slots=True)
class Administrated:
    """Everything in force after the administration record at index ``head`` (-1: before the first)."""

    head: int = -1
    keyring: Keyring | None = None
    points: Mapping[str, Point] = field(default_factory=dict)
    retired: Mapping[str, Point] = field(default_factory=dict)
    """Points as they were when they were retired; a name that is registered again leaves this list."""
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    catalogue: int = 0
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    """Persons by account (``issuer:account``)."""
    linked_at: Mapping[str, str] = field(default_factory=dict)
    """When an account became somebody's, or nobody's, last: no session that began before is good again."""
    tokens: Mapping[str, Token] = field(default_factory=dict)
    """Tokens in force by digest; whether one has expired is asked when it is used."""
    circles: Mapping[str, Circle] = field(default_factory=dict)
    """Who is on call, by name."""
    policy: tuple[PolicyFile, ...] = ()
    """The policies in force; none: what is shipped."""
    policy_since: str = ""
    """When they were recorded."""
    roles: Mapping[str, Mapping[str, RoleAssignment]] = field(default_factory=dict)
    """Roles by person, then by role."""
    roles_assigned: bool = False
    """Whether any role ever was: before, everybody enrolled is an operator."""
    teams: Mapping[str, Team] = field(default_factory=dict)
    runbooks: Shelf = field(default_factory=Shelf)
    """The last version of every runbook."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Display names of persons, as far as they had not been erased when they were read."""
    left: Mapping[str, str] = field(default_factory=dict)
    """When persons were deactivated last: no session that began before is good, whatever follows."""
    rejected: tuple[tuple[int, str], ...] = ()
    """Index and reason of every record without effect."""

    @property
    def expected(self) -> int | None:
        """The head as an entry that was decided on this state names it."""
        return self.head if self.head >= 0 else None

    @property
    def position(self) -> int:
        """The place in the log from which its keyring is looked at: what was valid there is valid now."""
        return self.head + 1


Answer = TypeVar("Answer")
Held = TypeVar("Held")
Check = Callable[[Administrated], None]
"""Raises when a change cannot be made in the state given."""


Allowed = Callable[[Caller, Administration, Administrated, Administrated], None]
"""Raises Forbidden when no policy lets the caller hand in a change to a state, Invalid where none follows the other."""


def record_with(action: str, subject: str, **held: object) -> Administration:
    """A change to byhand, still to be signed."""
    record = Administration(id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=subject)
    return msgspec.structs.replace(record, **held)


def anybody(caller: Caller, record: Administration, now: Administrated, after: Administrated) -> None:
    """Whoever hands in what is signed: the rule before policies are asked."""


def anything(now: Administrated) -> None:
    """The check that lets any change pass to where its signatures are judged."""


class AdministrationFold:
    """The fold, remembered per head of the chain. Thread-safe.

    ``allowed`` is asked of every change whose signatures hold, on the state that it follows and the one it makes.
    """

    def __init__(self, journal: Journal) -> None:
        self.allowed: Allowed = anybody
        self._journal = journal
        self._lock = threading.Lock()
        self._now = Administrated()
        self._read_at = -LATELY_SECONDS
        self._enrolled: tuple[int, frozenset[str]] = (-1, frozenset())
        self._local = threading.local()

    def current(self) -> Administrated:
        """What is in force now; inside ``deciding``, what was in force when the decision began."""
        held: Administrated | None = getattr(self._local, "held", None)
        return held if held is not None else self._read()

    def deciding(self, decide: Callable[[Administrated], Answer]) -> Answer:
        """Run ``decide`` on one state from beginning to end; again when that state was overtaken meanwhile.

        What ``decide`` appends names the state's head (``Entry.expected_administration``): so nothing enters the
        log that was decided on a keyring or a point that was no longer in force.
        """
        if getattr(self._local, "held", None) is not None:
            return decide(self._local.held)  # part of a larger decision, which is repeated as a whole
        for _ in range(RACES_MAX - 1):
            try:
                return self._holding(self._read(), decide)
            except ChainMoved as moved:
                if moved.chain != ADMINISTRATION_CHAIN:
                    raise
        return self._holding(self._read(), decide)

    def deciding_lately(self, decide: Callable[[Administrated], Answer]) -> Answer:
        """Run ``decide`` once, on a state that may be LATELY_SECONDS old.

        Only for what is appended with the state's head: it stands in the log if nothing had changed, and raises
        ChainMoved otherwise. A refusal is to be judged again, by ``deciding``.
        """
        fresh = time.monotonic() - self._read_at >= LATELY_SECONDS
        self._local.lately = True
        try:
            return self._holding(self._read() if fresh else self._now, decide)
        finally:
            self._local.lately = False

    @property
    def lately(self) -> bool:
        """Whether this thread is in ``deciding_lately``."""
        return bool(getattr(self._local, "lately", False))

    def _holding(self, held: Administrated, decide: Callable[[Administrated], Answer]) -> Answer:
        self._local.held = held
        try:
            return decide(held)
        finally:
            self._local.held = None

    def enrolled(self) -> frozenset[str]:
        """Everybody who has a key that speaks for them now."""
        now = self.current()
        head, persons = self._enrolled
        if head != now.head:
            persons = now.keyring.persons_at(now.position) if now.keyring is not None else frozenset()
            self._enrolled = (now.head, persons)
        return persons

    def _read(self) -> Administrated:
        """Reads only what is new in the chain."""
        read_at = time.monotonic()
        head = self._journal.reader.administration()
        with self._lock:
            self._read_at = max(self._read_at, read_at)
            if head is not None and head > self._now.head:
                for stored in self._journal.reader.chain(ADMINISTRATION_CHAIN, after=self._now.head):
                    self._now = _after(self._now, stored, self._journal.origin)
            return self._now

    def keyring(self) -> Keyring:
        """The keyring; raises NotFound in a home without officers."""
        keyring = self.current().keyring
        if keyring is None:
            raise NotFound("this home has no officer yet", advice="Finish it with: byhand init")
        return keyring

    def submit(
        self,
        caller: Caller,
        record: Administration,
        people: Mapping[str, PersonDetails] | None = None,
        check: Check = anything,
    ) -> Acknowledgement:
        """Verify and append ``record``; raises Refused, Invalid, ChainMoved, and what ``check`` raises.

        Retried as it is: the same answer. ``check`` and the signatures are judged on the very state that the
        record follows: an officer who was slower is judged again, on what the faster one did.
        """
        declared = codec.encode(record)
        known = self._journal.known(record.id, declared)
        if known is not None:
            return known
        codec.validate(record)
        for _ in range(RACES_MAX - 1):
            try:
                return self._append(caller, record, declared, people or {}, check)
            except ChainMoved:
                continue  # decide anew on the state as it is now
        return self._append(caller, record, declared, people or {}, check)

    def _append(
        self,
        caller: Caller,
        record: Administration,
        declared: bytes,
        people: Mapping[str, PersonDetails],
        check: Check,
    ) -> Acknowledgement:
        now = self._read()
        check(now)
        keyring = self._verified(record, now)
        if now.keyring is not None:
            held = dataclasses.replace(now, head=self._journal.reader.size, keyring=keyring)
            self.allowed(caller, record, now, _effect(held, record, clock.now()))
        own = caller.person in trust.signers(record, keyring)
        details = new_record_id()
        stamped = msgspec.structs.replace(
            record,
            actor=caller.actor(signed_by="actor" if own else "server", details=details),
            times=Times(received=clock.now()),
        )
        entry = Entry(
            stamped,
            people={**people, details: caller.details()},
            expected_head=now.expected,
            declaration=declared,
        )
        (acknowledgement,) = self._journal.append([entry])
        return acknowledgement

    def _verified(self, record: Administration, now: Administrated) -> Keyring:
        """The keyring after ``record``; its index may get higher, with nothing of this chain between."""
        try:
            return trust.check_record(
                record,
                index=self._journal.reader.size,
                keyring=now.keyring,
                origin=self._journal.origin,
                officers_fingerprint=None,
            )
        except Unsound as error:
            raise Refused(f"the change is not authorised: {error}", advice=error.advice) from error


def _after(now: Administrated, stored: Stored, origin: str) -> Administrated:
    index, record, people = stored.index, stored.record, stored.people
    if not isinstance(record, Administration):
        return _rejected(now, index, "cannot be read: erased, or written by a newer byhand")
    try:
        keyring = trust.check_record(
            record, index=index, keyring=now.keyring, origin=origin, officers_fingerprint=None
        )
        runbooks = now.runbooks.after(record, now.points, stored.leaf.recorded)
    except ByhandError as error:
        return _rejected(now, index, str(error))
    names = {**now.names, **_names(record, people)}
    now = dataclasses.replace(now, head=index, keyring=keyring, runbooks=runbooks, names=names)
    return _effect(now, record, stored.leaf.recorded)


def _effect(now: Administrated, record: Administration, recorded: str) -> Administrated:
    """``now``, whose keyring is the one after ``record``, with all else that it changes."""
    if record.action == trust.PERSON_DEACTIVATE:
        now = dataclasses.replace(now, left={**now.left, record.subject: recorded})
    before = now.links
    now = _with(now, record)
    if now.links.get(record.subject) != before.get(record.subject):
        now = dataclasses.replace(now, linked_at={**now.linked_at, record.subject: recorded})
    if record.policy:
        return dataclasses.replace(now, policy=record.policy, policy_since=recorded)
    return _with_role(now, record)


def _names(record: Administration, people: Mapping[str, PersonDetails]) -> dict[str, str]:
    """The display name that an enrolment carries for its person."""
    shown = [
        one.display_name for one in people.values() if one.subject == record.subject and one.display_name
    ]
    return {record.subject: shown[0]} if shown else {}


def _with(now: Administrated, record: Administration) -> Administrated:
    """``now`` with the effect of a verified record."""
    point = record.point
    if point is not None and (record.action == trust.POINT_SET or point.name in now.points):
        points = {**now.points, point.name: point}
        return dataclasses.replace(now, points=points, retired=_but(now.retired, point.name))
    if record.action == trust.POINT_RETIRE and record.subject in now.points:
        retired = {**now.retired, record.subject: now.points[record.subject]}
        return dataclasses.replace(now, points=_but(now.points, record.subject), retired=retired)
    if record.action == trust.REASONS_SET:
        reasons = {**now.reasons, **{reason.code: reason for reason in record.reasons}}
        return dataclasses.replace(now, reasons=reasons, catalogue=now.catalogue + 1)
    return _with_credential(now, record)


def _with_role(now: Administrated, record: Administration) -> Administrated:
    role, team = record.role, record.team
    if team is not None:
        return dataclasses.replace(now, teams={**now.teams, team.name: team})
    if role is None:
        return now
    held = _but(now.roles.get(role.person, {}), role.role)
    if record.action == trust.ROLE_ASSIGN:
        held = {**held, role.role: role}
    return dataclasses.replace(now, roles={**now.roles, role.person: held}, roles_assigned=True)


def _with_credential(now: Administrated, record: Administration) -> Administrated:
    if record.action == trust.PERSON_DEACTIVATE:
        return _without(now, record.subject)
    workload, link, token = record.workload, record.link, record.token
    if workload is not None:
        return dataclasses.replace(now, workloads={**now.workloads, workload.name: workload})
    if record.action == trust.WORKLOAD_RETIRE:
        return dataclasses.replace(now, workloads=_but(now.workloads, record.subject))
    if link is not None:
        links = _but(now.links, record.subject)
        linked = {record.subject: link.person} if record.action == trust.ACCOUNT_LINK else {}
        return dataclasses.replace(now, links={**links, **linked})
    if token is not None:
        tokens = _but(now.tokens, token.digest)
        issued = {token.digest: token} if record.action == trust.TOKEN_ISSUE else {}
        return dataclasses.replace(now, tokens={**tokens, **issued})
    if record.circle is not None:
        return dataclasses.replace(now, circles={**now.circles, record.circle.name: record.circle})
    if record.action == trust.CIRCLE_RETIRE:
        return dataclasses.replace(now, circles=_but(now.circles, record.subject))
    return now


def _without(now: Administrated, person: str) -> Administrated:
    """Nothing is left that somebody could come with in that person's name, also if they are enrolled again."""
    return dataclasses.replace(
        now,
        tokens={digest: token for digest, token in now.tokens.items() if token.owner != person},
        links={account: whose for account, whose in now.links.items() if whose != person},
    )


def _but(held: Mapping[str, Held], name: str) -> Mapping[str, Held]:
    return {other: one for other, one in held.items() if other != name} if name in held else held


def _rejected(now: Administrated, index: int, why: str) -> Administrated:
    return dataclasses.replace(now, head=index, rejected=(*now.rejected, (index, why)))
