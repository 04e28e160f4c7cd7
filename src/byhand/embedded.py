# SPDX-License-Identifier: Apache-2.0
"""The client's backend without a server: gate, reading and journal in this process, for one signed-in person.

The doors of a server use it too, one for each request: what is decided does not depend on who asked from where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import msgspec

from byhand.client.contract import (
    Acknowledgement,
    ApprovalRequest,
    Approvals,
    Asked,
    Attempt,
    Concluded,
    Declared,
    FindingRequest,
    Identity,
    Inbox,
    PasskeyEnrolment,
    PasskeyWaiting,
    Permitted,
    PointView,
    PolicyView,
    Receipt,
    RunbookRow,
)
from byhand.client.desk import (
    Accesses,
    Changes,
    Facet,
    Facets,
    FacetValue,
    FieldDifference,
    Found,
    FoundFindings,
    FoundRow,
    Intended,
    LogIdentity,
    Shown,
    ShownEntry,
    Timeline,
)
from byhand.control import reading, timeline as timelines
from byhand.control.administration import AdministrationFold
from byhand.control.asking import Asking
from byhand.control.authorization import Authorization
from byhand.control.chains import Chains
from byhand.control.circles import Circles
from byhand.control.findings import Findings
from byhand.control.gate import Gate
from byhand.control.identity import Caller
from byhand.control.inbox import Inbox as Waiting
from byhand.control.lists import Lists
from byhand.control.passkeys import Passkeys
from byhand.control.people import People
from byhand.control.point_views import PointViews
from byhand.control.pseudonyms import Pseudonyms
from byhand.control.reading import Reading
from byhand.control.runbooks import Runbooks
from byhand.errors import LogUnavailable, NotFound, Refused
from byhand.evidence.bundle import make_bundle, sealed_payloads
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records import standard
from byhand.records.base import Part
from byhand.records.captured import Difference
from byhand.records.circles import Circle
from byhand.records.credentials import Scope
from byhand.records.intervention import Declaration
from byhand.records.kinds import Outcome
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.store.index import Facet as FoundFacet, InterventionRow


class Who(Protocol):
    """The credential behind a request, looked at anew at every call: it may have ended meanwhile."""

    def caller(self, scope: Scope) -> Caller:
        """The person behind it, for what ``scope`` covers; raises LoginRequired, Refused."""
        ...

    def identity(self) -> Identity:
        """Who it stands for; raises LoginRequired."""
        ...


Answer = TypeVar("Answer")
PartType = TypeVar("PartType", bound=Part)


class Embedded:
    """See ``byhand.client.contract.Backend``."""

    def __init__(
        self,
        journal: Journal,
        administration: AdministrationFold,
        gate: Gate,
        authorization: Authorization,
        views: PointViews,
        people: People,
        who: Who,
        close: Callable[[], None],
        closed: Callable[[], bool],
    ) -> None:
        self.origin = journal.origin
        self._journal = journal
        self._administration = administration
        self._gate = gate
        self._authorization = authorization
        self._views = views
        self._people = people
        self._who = who
        self._close = close
        self._closed = closed

    def caller(self, scope: Scope = "act") -> Caller:
        """The signed-in person; raises LoginRequired when the session has ended or its key was revoked."""
        return self._who.caller(scope)

    def identity(self) -> Identity:
        """The signed-in person."""
        return self._who.identity()

    def point(self, name: str) -> PointView:
        """The registered point; its MAC key is for whoever is signed in."""
        self.caller("redeem")
        return self._views.registered(name)

    def policy(self) -> PolicyView:
        """The policies in force, for whoever is signed in."""
        self.identity()
        return self._authorization.view()

    def target(self, action: str, system: str, type_: str, id_: str, field: str) -> PointView:
        """The view of an unregistered target."""
        self.caller("redeem")
        return self._views.unregistered(action, system, type_, id_, field)

    def declare(self, declaration: Declaration, statement: str | None) -> Declared:
        """Record the intent."""
        return self._deciding("act", lambda caller: self._gate.declare(caller, declaration, statement))

    async def declare_async(self, declaration: Declaration, statement: str | None) -> Declared:
        """As ``declare``, for a server's event loop."""
        self._check_open()
        return await self._gate.declare_async(self.caller, declaration, statement)

    def decide(self, intervention: str, request: ApprovalRequest) -> Acknowledgement:
        """Record a signed decision."""
        return self._deciding("act", lambda caller: self._gate.decide(caller, intervention, request))

    def permit(self, intervention: str, redeem: Attempt | None = None) -> Permitted:
        """Issue the permit."""
        return self._deciding("redeem", lambda caller: self._gate.permit(caller, intervention, redeem))

    def redeem(self, intervention: str, attempt: Attempt) -> Permitted:
        """Use the permit."""
        return self._deciding("redeem", lambda caller: self._gate.redeem(caller, intervention, attempt))

    def conclude(self, intervention: str, outcome: Outcome) -> Concluded:
        """Record how it ended."""
        return self._deciding("redeem", lambda caller: self._gate.conclude(caller, intervention, outcome))

    def _deciding(self, scope: Scope, decide: Callable[[Caller], Answer]) -> Answer:
        """Run ``decide`` for whoever is signed in, on one state of the home; raises LogUnavailable."""
        self._check_open()
        return self._administration.deciding(lambda _: decide(self.caller(scope)))

    def _check_open(self) -> None:
        if self._closed():
            raise LogUnavailable("the home was closed meanwhile", advice="Open it again, then try once more.")

    def receipt(self, record: str) -> Receipt:
        """The receipt of a record, under an anchored checkpoint."""
        self.caller("redeem")
        stored = self._journal.reader.find(record)
        if stored is None:
            raise NotFound(f"there is no record {record} in this log")
        receipt = self._journal.receipt(stored.index)
        trial = msgspec.structs.replace(receipt.acknowledgement, trial=self._people.trial())
        return msgspec.structs.replace(receipt, acknowledgement=trial)

    def close(self) -> None:
        """Close the home."""
        self._close()


class EmbeddedDesk:
    """See ``byhand.client.desk.Desk``. Who it is is asked at every call: a session may have ended."""

    def __init__(
        self,
        journal: Journal,
        people: People,
        desk: Reading,
        lists: Lists,
        inbox: Waiting,
        findings: Findings,
        chains: Chains,
        who: Who,
    ) -> None:
        self._journal = journal
        self._people = people
        self._reading = desk
        self._lists = lists
        self._inbox = inbox
        self._findings = findings
        self._chains = chains
        self._who = who
        self._veiled = False

    def _caller(self) -> Caller:
        """Who reads, and whether they see persons by their names."""
        caller = self._who.caller("read")
        veiled = self._veiled or self._reading.pseudonyms.only(caller)
        return msgspec.structs.replace(caller, pseudonymous=veiled) if veiled else caller

    def _shown(self, caller: Caller, part: PartType) -> PartType:
        return self._reading.pseudonyms.shown(caller, part)

    def veiled(self) -> EmbeddedDesk:
        """The same desk, which shows persons under their pseudonyms."""
        other = EmbeddedDesk(
            self._journal,
            self._people,
            self._reading,
            self._lists,
            self._inbox,
            self._findings,
            self._chains,
            self._who,
        )
        other._veiled = True
        return other

    def intended(self, intervention: str) -> Intended:
        """One's own intent."""
        caller = self._who.caller("redeem")
        chain = self._chains.get(intervention)
        _, intent = chain.intent
        if caller.person != intent.declaration.person:
            raise Refused(
                "the intent is somebody else's",
                advice=f"Read it with: byhand show {intervention}",
            )
        redeemed = chain.permit("redeemed")
        return Intended(intent=intent, attempt=redeemed[1].attempt if redeemed is not None else None)

    def conclude_afterwards(self, finding: FindingRequest) -> Acknowledgement:
        """A correction beside the original, hindsight, or what an alert was about, by whoever may read it."""
        caller, about, record = self._who.caller("act"), finding.intervention, finding.record
        if not self._reading.may_see(caller, about):
            raise NotFound(f"there is no intervention {about}", advice="Look for it with: byhand search")
        if finding.type == "amendment":
            return self._findings.amend(
                caller, about, finding.summary, field=finding.field, value=finding.value, record=record
            )
        if finding.type == "disposition":
            return self._findings.dispose(
                caller,
                about,
                finding.about or "",
                finding.verdict or "",
                finding.summary,
                expectation=finding.expectation,
                record=record,
            )
        return self._findings.review(
            caller, about, finding.verdict or "", finding.summary, led_to=finding.led_to, record=record
        )

    def inbox(self) -> Inbox:
        """What waits for one's approval."""
        return self._inbox.waiting(self._caller())

    def approvals(self, text: str) -> Approvals:
        """What is to be signed, and who decided what."""
        return self._inbox.approvals(self._caller(), text)

    def resolve(self, text: str) -> str:
        """The full id of a beginning."""
        return self._reading.resolve(text, self._who.caller("redeem"))

    def show(self, text: str, *, reason: str | None = None) -> Shown:
        """Everything recorded about it."""
        caller = self._caller()
        found = self._reading.show(caller, text, reason=reason)
        shown = Shown(
            id=found.id,
            state=found.state.phase if found.state is not None else None,
            standard=dict(found.row),
            entries=tuple(_entry(stored) for stored in found.entries),
        )
        return self._shown(caller, shown)

    def search(self, query: str, *, limit: int = 50, before: int | None = None) -> Found:
        """Interventions that match."""
        caller = self._caller()
        page = self._reading.search(caller, query, limit=limit, before=before)
        found = Found(rows=tuple(_row(row) for row in page.rows), following=page.following)
        return self._shown(caller, found)

    def accesses(self, query: str, *, limit: int = 50, before: int | None = None) -> Accesses:
        """Who read what."""
        caller = self._caller()
        return self._shown(caller, self._lists.accesses(caller, query, limit=limit, before=before))

    def findings(
        self, query: str, *, limit: int = 50, before: int | None = None, reason: str | None = None
    ) -> FoundFindings:
        """What was concluded."""
        caller = self._caller()
        found = self._lists.findings(caller, query, limit=limit, before=before, reason=reason)
        return self._shown(caller, found)

    def facets(self, query: str) -> Facets:
        """How many match, and by what."""
        caller = self._caller()
        found = self._reading.facets(caller, query)
        counted = Facets(
            total=found.total, at_least=found.at_least, facets=tuple(_facet(one) for one in found.facets)
        )
        return self._shown(caller, counted)

    def timeline(
        self,
        query: str,
        *,
        around: str | None = None,
        window: str | None = None,
        limit: int = 50,
        before: int | None = None,
        newest_first: bool = False,
        reason: str | None = None,
        live: bool = False,
    ) -> Timeline:
        """Acts in the order of time."""
        chosen = timelines.window_of(around, window or timelines.WINDOW) if around is not None else None
        caller = self._caller()
        found = self._reading.timeline(
            caller,
            query,
            chosen,
            limit=limit,
            before=before,
            newest_first=newest_first,
            reason=reason,
            live=live,
        )
        return self._shown(caller, found)

    def diff(self, text: str, *, reason: str | None = None) -> Changes:
        """Where the values differ."""
        caller = self._caller()
        changes = self._reading.diff(caller, text, reason=reason)
        differences = Changes(
            id=changes.id,
            declared=_differences(changes.declared),
            found=_differences(changes.found) if changes.found is not None else None,
            outcome=changes.outcome,
        )
        return self._shown(caller, differences)

    def export(
        self,
        query: str,
        *,
        rows: str = "interventions",
        form: str = "csv",
        reason: str | None = None,
    ) -> Iterator[str]:
        """Lines of an export."""
        return self._reading.export(self._caller(), query, rows=rows, form=form, reason=reason)

    def evidence(
        self,
        text: str,
        *,
        persons: bool = False,
        reason: str | None = None,
        since: Sequence[bytes] = (),
    ) -> bytes:
        """The bundle; its access record goes into the log first."""
        caller = self._caller()
        found = self._reading.show(caller, text, operation="evidence", reason=reason)
        chains = [*found.entries, *self._journal.reader.chain(ADMINISTRATION_CHAIN)]
        payloads = sealed_payloads(self._journal, {stored.index for stored in chains})
        return make_bundle(
            self._journal, self._people.keyring(), found.id, payloads, persons=persons, since=since
        )

    def prove(self, text: str) -> Receipt:
        """The receipt of a record, or of an intervention's latest."""
        found = self.resolve(text)
        stored = self._journal.reader.find(found)
        if stored is None:
            raise NotFound(f"there is no record {found}", advice="Look for it with: byhand search")
        head = self._journal.reader.head(found)
        return self._journal.receipt(head if head is not None else stored.index)


class EmbeddedPasskeys:
    """See ``byhand.client.contract.PasskeyDesk``."""

    def __init__(self, passkeys: Passkeys, who: Who) -> None:
        self._passkeys = passkeys
        self._who = who

    def waiting(self, code: str) -> PasskeyWaiting:
        """The passkey with that code."""
        self._who.caller("act")
        return self._passkeys.waiting(code)

    def enrol(self, code: str, enrolment: PasskeyEnrolment) -> PasskeyWaiting:
        """Record the enrolment, or keep it."""
        return self._passkeys.enrol(self._who.caller("act"), code, enrolment)


class EmbeddedCircles:
    """See ``byhand.client.contract.CircleDesk``."""

    def __init__(self, circles: Circles, asking: Asking, pseudonyms: Pseudonyms, who: Who) -> None:
        self._circles = circles
        self._asking = asking
        self._pseudonyms = pseudonyms
        self._who = who

    def circles(self) -> tuple[Circle, ...]:
        """Every circle."""
        caller = self._who.caller("read")
        if self._pseudonyms.only(caller):
            caller = msgspec.structs.replace(caller, pseudonymous=True)
        return tuple(self._pseudonyms.shown(caller, circle) for circle in self._circles.all())

    def asked(self, intervention: str) -> Asked:
        """Who was told about one's own intervention."""
        return self._asking.asked(self._who.caller("redeem"), intervention)


class EmbeddedRunbooks:
    """See ``byhand.client.contract.RunbookDesk``."""

    def __init__(self, runbooks: Runbooks, who: Who) -> None:
        self._runbooks = runbooks
        self._who = who

    def runbooks(self) -> tuple[RunbookRow, ...]:
        """Every runbook."""
        self._who.identity()
        return self._runbooks.all()


class EmbeddedLog:
    """See ``byhand.client.desk.PublicLog``."""

    def __init__(self, journal: Journal, people: People) -> None:
        self._journal = journal
        self._people = people

    def identity_of_log(self) -> LogIdentity:
        """Name, keys and officers."""
        keys = tuple(key.encode() for key in self._journal.key.verifiers)
        officers = self._people.keyring().officers_fingerprint
        return LogIdentity(origin=self._journal.origin, keys=keys, officers=officers)

    def published(self) -> bytes:
        """The anchored one."""
        return self._journal.anchor(0)

    def checkpoint(self) -> bytes:
        """Signed and anchored now."""
        return self._journal.anchor()

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The proof between two sizes."""
        return self._journal.reader.tree().consistency(old, new)


def _facet(found: FoundFacet) -> Facet:
    values = tuple(FacetValue(value=value, count=count) for value, count in found.values)
    return Facet(by=found.column, values=values, others=found.others)


def _entry(stored: Stored) -> ShownEntry:
    record = stored.record
    row = standard.row_of_record(stored.leaf.recorded, record) if record is not None else {}
    return msgspec.convert({**reading.as_builtins(stored), "row": dict(row)}, ShownEntry)


def _row(row: InterventionRow) -> FoundRow:
    return FoundRow(
        id=row.id,
        index=row.first,
        declared=row.declared,
        changed=row.changed,
        person=row.person,
        action=row.action,
        target=f"{row.system}/{row.type}/{row.target}",
        environment=row.environment,
        tier=row.tier,
        state=row.phase,
        reason=row.code,
        point=row.point or None,
        classification=row.classification,
    )


def _differences(found: Sequence[Difference]) -> tuple[FieldDifference, ...]:
    return tuple(FieldDifference(pointer=one.pointer, before=one.before, after=one.after) for one in found)
