# SPDX-License-Identifier: Apache-2.0
"""The way back of what was spooled while the log could not be reached: judged after the act, recorded in any case.

A line becomes the records of its intervention, or, where it cannot be one, a finding that holds it. What is wrong
with the spool itself - a line that is missing, a second history, another machine - is a finding beside it. Nothing
that was sent is dropped; a line sent again leads to the same record, and what is found about its place is judged anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement, SpoolAnswer
from byhand.control.administration import RACES_MAX, AdministrationFold
from byhand.control.chains import Chain, Chains
from byhand.control.gate import Gate
from byhand.control.identity import Caller
from byhand.control.judging import Judging
from byhand.control.people import People
from byhand.control.permits import issued_permit, of_permit
from byhand.control.point_views import PointViews
from byhand.errors import (
    ByhandError,
    ChainMoved,
    ClaimTaken,
    Conflict,
    Fault,
    HomeRefused,
    Invalid,
    NotFound,
    Overloaded,
    Refused,
    Unsound,
)
from byhand.ids import new_record_id
from byhand.journal.entry import ANY, Entry
from byhand.journal.journal import Journal
from byhand.records import captured, classification, spool as lines
from byhand.records.intervention import Governance, Times
from byhand.records.kinds import SCHEMA_VERSION, Finding, Intent, Outcome
from byhand.records.spool import SpooledAct, SpoolLine
from byhand.records.visible import visible
from byhand.settings import GateSettings
from byhand.signatures import dsse
from byhand.trust import checks, facts as facts_of, permit as proof, spool as spools
from byhand.trust.statements import Spooled as Statement

LINES_MAX = 64  # lines at once: a request that ends within a second or two, and may be sent again
CAUSE_LENGTH_MAX = 1_000  # characters of why a line was refused; the line itself stands beside it
_NOBODY_KNOWS = Governance(classification=classification.CLASSES[-1])
"""How a line is kept of which nobody can tell where it belongs: it may hold anything."""


class _Place(NamedTuple):
    """What stands in the log at a line's place."""

    line: str
    statement: Statement | None
    record: str


class Spooling:
    """The intake of spools of one home. Thread-safe."""

    def __init__(
        self,
        journal: Journal,
        administration: AdministrationFold,
        judging: Judging,
        gate: Gate,
        chains: Chains,
        people: People,
        views: PointViews,
        settings: GateSettings,
    ) -> None:
        self._journal = journal
        self._administration = administration
        self._judging = judging
        self._gate = gate
        self._chains = chains
        self._people = people
        self._views = views
        self._settings = settings

    def accept(self, caller: Caller, sent: Sequence[str]) -> tuple[SpoolAnswer, ...]:
        """Record every line, in order; returns when all are in the log. May be sent again, in whole or in part.

        For each line: 0 it is a line, written canonically; 1 its person signed it, and that is the caller; 2 its place
        in its spool is free, and it follows the line before it: what is otherwise is found, and changes nothing of
        what it tells; 3 an act could be spooled, and fits its point: it becomes intent and permit, with what the gate
        would have refused; an outcome ends its intervention; 4 a line that breaks 0, 1 or 3 becomes a finding.
        """
        if len(sent) > LINES_MAX:
            fault = Fault("/lines", f"are {len(sent)}; at most {LINES_MAX} are taken at once")
            raise Invalid("these are too many lines", (fault,))
        return tuple(self._accept(caller, line) for line in sent)

    def _accept(self, caller: Caller, text: str) -> SpoolAnswer:
        for _ in range(RACES_MAX):
            try:
                return self._judged(caller, text)
            except ClaimTaken:
                continue  # the same line, or another for its place, was recorded this very moment: judge anew
        raise Overloaded("lines of one spool are being sent from several places at once")

    def _judged(self, caller: Caller, text: str) -> SpoolAnswer:
        data = text.encode("utf-8", "surrogatepass")
        line: SpoolLine | None = None
        statement: Statement | None = None
        try:
            line = lines.parse_line(data)  # 0
            statement = self._signed(caller, line)  # 1
            found, claims = self._continuity(statement, lines.line_digest(data))  # 2
            acknowledgement = self._recorded(caller, line, statement, claims)  # 3
        except (ChainMoved, ClaimTaken):
            raise
        except (Invalid, Refused, NotFound, Unsound, Conflict) as error:
            return self._refused(caller, text, data, line, statement, error)  # 4
        for verdict, summary in found:
            self._find(caller, line, statement.intervention, lines.line_digest(data), verdict, summary)
        return SpoolAnswer(
            line=lines.line_digest(data),
            result="recorded",
            acknowledgement=acknowledgement,
            intervention=statement.intervention,
            verdicts=tuple(verdict for verdict, _ in found),
        )

    # -- 1, 2

    def _signed(self, caller: Caller, line: SpoolLine) -> Statement:
        content = lines.content_of(line)
        told = content.declaration.person if isinstance(content, SpooledAct) else caller.person
        if told != caller.person:
            raise Refused(f"the line is {told}'s: {caller.person} cannot send it")
        about = content.declaration.record if isinstance(content, SpooledAct) else content.intervention
        checks.check_spooled(
            dsse.parse(line.statement.encode()),
            origin=self._journal.origin,
            says="act" if isinstance(content, SpooledAct) else "outcome",
            intervention=str(about),
            content_sha256=lines.content_digest(content),
            person=caller.person,
            keyring=self._people.keyring(),
            at_index=self._journal.reader.size,
        )
        return spools.statement_of(line.statement)

    def _continuity(self, statement: Statement, digest: str) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        """What is wrong with the line's place in its spool, and the name that it takes, if that is free."""
        claim, where = spools.line_claim(statement), f"line {statement.sequence} of spool {statement.spool}"
        here = self._at(claim)
        found: list[tuple[str, str]] = []
        if here is not None and here.line and here.line != digest:
            what = f"{where} is another one in the log, told by {here.record}: there are two histories of it"
            found.append((spools.FORK, what))
        if statement.sequence == 0:
            if statement.previous != lines.FIRST:
                found.append((spools.GAP, f"{where} is the first one and names one before it"))
        else:
            found += self._follows(statement, self._at(spools.line_claim(statement, before=1)), where)
        once = dict(reversed(found))  # the first one says it best
        return [(verdict, once[verdict]) for verdict in sorted(once)], () if here is not None else (claim,)

    @staticmethod
    def _follows(statement: Statement, before: _Place | None, where: str) -> list[tuple[str, str]]:
        if before is None:
            return [
                (
                    spools.GAP,
                    f"{where} came, and the one before it is not in the log as a line that its person signed",
                )
            ]
        found = []
        if before.line and before.line != statement.previous:
            what = f"{where} follows another line than the one in the log, told by {before.record}"
            found.append((spools.FORK, what))
        if before.statement is not None and before.statement.machine != statement.machine:
            found.append((spools.MACHINE, f"{where} was written on another machine than the one before it"))
        if before.statement is not None and statement.time < before.statement.time:
            found.append(
                (spools.ORDER, f"{where} says an earlier time than the one before it: a clock moved")
            )
        return found

    def _at(self, claim: str) -> _Place | None:
        """Who holds a place; raises nothing where its record cannot be opened, but compares with nothing then."""
        leaf = self._journal.reader.claimed(claim)
        stored = self._journal.reader.find(leaf.id) if leaf is not None else None
        if stored is None:
            return None
        record = stored.record
        if isinstance(record, Finding) and record.references:
            return _Place(record.references[0], None, record.id)
        data = lines.line_of(record) if isinstance(record, Intent | Outcome) else None
        if not isinstance(record, Intent | Outcome) or data is None or record.statement is None:
            return _Place("", None, stored.leaf.id)
        return _Place(lines.line_digest(data), spools.statement_of(record.statement), record.id)

    # -- 3

    def _recorded(
        self, caller: Caller, line: SpoolLine, statement: Statement, claims: tuple[str, ...]
    ) -> Acknowledgement:
        content = lines.content_of(line)
        if isinstance(content, SpooledAct):
            return self._administration.deciding(
                lambda now: self._act(caller, content, line.statement, statement, claims, now.expected)
            )
        known = self._journal.reader.find(content.id)
        if known is not None and isinstance(known.record, Outcome):
            if lines.as_told(known.record) == lines.as_told(content):
                self._told(caller, line, statement, claims)
                return self._journal.acknowledge_stored(known)  # told before, by this line or without it
            raise Conflict("another outcome has its id")
        told = msgspec.structs.replace(content, statement=line.statement)
        concluded = self._gate.spooled_outcome(caller, statement.intervention, told, claims)
        return concluded.acknowledgement

    def _told(self, caller: Caller, line: SpoolLine, statement: Statement, claims: tuple[str, ...]) -> None:
        """An outcome that was told without its line stands for it: what follows the line is no gap."""
        for claim in claims:
            digest = lines.line_digest(lines.encode_line(lines.content_of(line), line.statement))
            what = f"line {statement.sequence} of spool {statement.spool} tells what was in the log before it came"
            self._find(caller, line, statement.intervention, digest, spools.TOLD, what, claim=claim)

    def _act(
        self,
        caller: Caller,
        act: SpooledAct,
        envelope: str,
        statement: Statement,
        claims: tuple[str, ...],
        administration: int | None,
    ) -> Acknowledgement:
        declaration = act.declaration
        view = self._views.declared(declaration)
        if not view.registered:
            raise Refused("only acts at registered points are spooled")
        entry = self._judging.spooled_intent(caller, act, envelope, claims, administration)
        if entry is not None and isinstance(entry.record, Intent):
            spools.check_act(
                statement,
                act.spooled,
                declaration,
                tier=view.tier,
                approvals=entry.record.decision.approvals_needed,
                recorded=clock.now(),
            )
            self._chains.begin(entry)
        # A crash exactly here leaves the intent alone: the line is still in the spool, and sent again it goes on.
        return self._chains.deciding(
            declaration.record,
            lambda chain: self._permitted(caller, chain, act, envelope, statement, administration),
        )

    def _permitted(
        self,
        caller: Caller,
        chain: Chain,
        act: SpooledAct,
        envelope: str,
        statement: Statement,
        administration: int | None,
    ) -> Acknowledgement:
        """The permit, recorded as issued and used in one commit: it was due, or the line is refused."""
        acknowledgement, intent = chain.intent
        if intent.statement != envelope or intent.spooled != act.spooled:
            raise Conflict("this was declared already, by something else than this line")
        redeemed = chain.permit("redeemed")
        if redeemed is not None:
            return redeemed[0]
        ignore = self._views.ignored(intent)
        leaf = bytes.fromhex(acknowledgement.leaf)
        facts = facts_of.facts(intent, index=acknowledgement.index, leaf_hash=leaf, ignore=ignore)
        proof.check_spooled(
            facts,
            facts_of.unapproved(intent),
            acted=statement.time,
            persons=self._people.enrolled(),
            acting=facts.bound,
        )
        issued = issued_permit(acknowledgement, intent, facts, self._settings.permit_seconds)
        used = of_permit(caller, issued, act.spooled, "redeemed", _moved(act, facts, ignore))
        entries = [
            Entry(issued, expected_head=chain.head, expected_administration=administration),
            Entry(
                used,
                claims=(proof.redemption_claim(issued.id),),
                expected_head=ANY,
                expected_administration=administration,
            ),
        ]
        return self._chains.extend(intent.id, chain, entries)[-1]

    # -- 4

    def _refused(
        self,
        caller: Caller,
        text: str,
        data: bytes,
        line: SpoolLine | None,
        statement: Statement | None,
        error: ByhandError,
    ) -> SpoolAnswer:
        digest, cause = lines.line_digest(data), "; ".join(str(error).split("\n"))[:CAUSE_LENGTH_MAX]
        claim: str | None = None
        if statement is not None and self._at(spools.line_claim(statement)) is None:
            claim = spools.line_claim(statement)  # its place in the spool is taken: what follows is no gap
        acknowledgement = self._find(
            caller, line, None, digest, spools.REFUSED, cause, text=text, claim=claim
        )
        return SpoolAnswer(
            line=digest,
            result="refused",
            acknowledgement=acknowledgement,
            intervention=statement.intervention if statement is not None else None,
            verdicts=(spools.REFUSED,),
            cause=cause,
        )

    def _governance(self, line: SpoolLine | None) -> Governance:
        """What counts for the records of an intervention counts for a finding that may hold all of its line."""
        try:
            if line is not None and line.act is not None:
                point = self._views.declared(line.act.declaration).point
                return Governance(retention_class=point.retention_class, classification=point.classification)
            if line is not None and line.outcome is not None:
                _, intent = self._chains.get(str(line.outcome.intervention)).intent
                return intent.governance
        except (Invalid, Refused, NotFound, HomeRefused):
            return _NOBODY_KNOWS
        return _NOBODY_KNOWS

    def _find(
        self,
        caller: Caller,
        line: SpoolLine | None,
        intervention: str | None,
        digest: str,
        verdict: str,
        summary: str,
        *,
        text: str | None = None,
        claim: str | None = None,
    ) -> Acknowledgement:
        """Record what was found about a line, once."""
        name = spools.finding_claim(digest, verdict)
        taken = self._journal.reader.claimed(name)
        if taken is not None and (stored := self._journal.reader.find(taken.id)) is not None:
            return self._journal.acknowledge_stored(stored)
        details = new_record_id()
        finding = Finding(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=intervention,
            times=Times(received=clock.now()),
            governance=self._governance(line),
            type="alert",
            about=intervention or digest,
            summary=visible(summary),
            actor=caller.actor(details=details),
            verdict=verdict,
            value=captured.capture(text) if text is not None else None,
            references=(digest, *((claim,) if claim is not None else ())),
        )
        entry = Entry(
            finding,
            people={details: caller.details()},
            claims=spools.claims_of_finding(finding),
            expected_head=ANY,
        )
        if intervention is not None:
            return self._chains.add(intervention, entry)
        return self._journal.append([entry])[0]


def _moved(act: SpooledAct, facts: proof.Intent, ignore: tuple[str, ...]) -> str | None:
    """What ``enforce`` would have refused of the value found just before the act."""
    before = act.spooled.before
    if act.declaration.change.original.form == "unknown" and before.form == "unknown":
        return None
    if captured.normal_digest(before, ignore) == facts.bound.before_sha256:
        return None
    return f"the value just before the act was not the declared one. Found: {before.form}"
