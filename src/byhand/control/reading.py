# SPDX-License-Identifier: Apache-2.0
"""Reading is an act: every read by a person leaves one access record, written before anything is shown."""

from __future__ import annotations

import csv
import difflib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from byhand import clock
from byhand.client.desk import Timeline, Window
from byhand.control import because
from byhand.control.authorization import Authorization, forbidden
from byhand.control.identity import Caller
from byhand.control.indexing import Index, Indexer
from byhand.control.live import LiveViews
from byhand.control.pages import LOOKED_AT_MAX, PAGE_MAX, filled
from byhand.control.pseudonyms import Pseudonyms
from byhand.control.query import NAMES, compile_query
from byhand.control.timeline import act_of, term_of, within
from byhand.errors import Invalid, NotFound, ReasonRequired, Refused
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records import captured, lifecycle, parts, rules, standard
from byhand.records.captured import Difference
from byhand.records.classification import OPEN
from byhand.records.codec import UnknownVersion
from byhand.records.intervention import Times
from byhand.records.kinds import SCHEMA_VERSION, Access, Intent, Observation, Outcome, Record
from byhand.records.lifecycle import State
from byhand.records.limits import RECORDS_NAMED_MAX
from byhand.store.index import FACETS, Among, Condition, Facet, Facets, Found, InterventionRow
from byhand.trust import reading as reading_proof, statements
from byhand.trust.authorization import Loose, Verdict

OPERATIONS = {
    "search": "Interventions were listed that a query finds, or counted.",
    "timeline": "Interventions were drawn or listed by time.",
    "show": "All that is recorded of one intervention, or one record, was read.",
    "diff": "Value before, declared and found of one intervention were compared.",
    "export": "What a query finds was handed out, row by row.",
    "accesses": "Accesses were listed that a query finds.",
    "findings": "Findings were listed that a query finds.",
    "inbox": "What waits for one's approval was listed.",
    "approvals": "Who decided what over one intervention was read, and what is to be signed.",
    "evidence": "The evidence bundle of one intervention was handed out.",
}
"""What an access record may say was done; each read leaves one."""
COUNTED_MAX = LOOKED_AT_MAX  # rows counted one by one, in a second; beyond it the count says at least
VALUES_MAX = 10  # values of a facet that are shown
CANDIDATES_MAX = 5  # ids listed when an abbreviation fits several
ID_PREFIX_LENGTH_MIN = 6  # shorter fits too many


@dataclass(frozen=True, slots=True)
class Shown:
    """One intervention, or one record outside of any, as it stands in the log."""

    id: str
    entries: tuple[Stored, ...]
    state: State | None
    row: standard.Row

    @property
    def records(self) -> tuple[Record, ...]:
        """The records that can be read."""
        return tuple(one.record for one in self.entries if isinstance(one.record, Record))


@dataclass(frozen=True, slots=True)
class Page:
    """Found interventions, newest first; ``following`` is the cursor of the next page."""

    rows: tuple[InterventionRow, ...]
    following: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What an intervention declared and what was found: before, declared, after, and where they differ."""

    id: str
    declared: tuple[Difference, ...]
    found: tuple[Difference, ...] | None
    outcome: str | None


SEE_EVERYBODYS_READS = frozenset({statements.OFFICER, "auditor", "records-officer"})
"""Roles whose work it is to know who read what."""


NAMES_PERSONS = "this view names persons, and you see them under pseudonyms only"


class Reading:
    """The reader's desk of one home."""

    def __init__(
        self,
        journal: Journal,
        indexer: Indexer,
        index: Index,
        pseudonyms: Pseudonyms,
        authorization: Authorization,
    ) -> None:
        self._authorization = authorization
        self.pseudonyms = pseudonyms
        self._live = LiveViews()
        self._journal = journal
        self._indexer = indexer
        self._index = index

    def _conditions(self, caller: Caller, query: str) -> list[Condition]:
        """What ``query`` asks, within what ``caller`` may read."""
        asked = self.pseudonyms.understood(caller, compile_query(query))
        reach = self._authorization.reach(caller)
        return asked if reach is None else [*asked, reach]

    def _find(self, caller: Caller, conditions: list[Condition], limit: int, before: int | None) -> Found:
        """A page of what ``caller`` may read: each row is judged, see ``pages.filled``."""
        return Found(
            *filled(
                limit,
                before,
                lambda size, start: self._index.search(conditions, size, start),
                lambda row: row.first,
                lambda row: row if self._authorization.reads_row(caller, row) else None,
            )
        )

    def resolve(self, text: str, caller: Caller | None = None) -> str:
        """The full id of a record or intervention from an unambiguous beginning; raises NotFound, Invalid.

        Of what ``caller`` may not read nothing is told, not even that it begins so.
        """
        self._indexer.catch_up()
        if rules.is_record_id(text):
            return text
        if len(text) < ID_PREFIX_LENGTH_MIN:
            raise Invalid(
                f"{text!r} is too short for an id", advice=f"Give at least {ID_PREFIX_LENGTH_MIN} characters."
            )
        found = self._index.resolve(text, CANDIDATES_MAX + 1)
        if caller is not None:
            found = [one for one in found if self.may_see(caller, one)]
        if not found:
            raise NotFound(f"no record begins with {text!r}", advice="Look for it with: byhand search")
        if len(found) == 1:
            return found[0]
        interventions = [one for one in found if self._index.interventions([one])]
        if len(found) <= CANDIDATES_MAX and len(interventions) == 1:
            return interventions[0]
        listed = ", ".join((interventions or found)[:CANDIDATES_MAX])
        raise Invalid(f"{text!r} fits several records: {listed}", advice="Give more characters.")

    def show(self, caller: Caller, text: str, *, operation: str = "show", reason: str | None = None) -> Shown:
        """Everything in the log about an intervention (or one record outside of any)."""
        record_id = self.resolve(text, caller)
        stored = self._journal.reader.find(record_id)
        if stored is None:
            near = difflib.get_close_matches(
                record_id,
                [
                    one
                    for one in self._index.resolve(record_id[:8], CANDIDATES_MAX)
                    if self.may_see(caller, one)
                ],
                n=1,
            )
            raise NotFound(
                f"there is no record {record_id}", advice=f"Did you mean {near[0]}?" if near else ""
            )
        intervention = stored.leaf.intervention
        entries = self._journal.reader.chain(intervention) if intervention is not None else [stored]
        ids = tuple(one.leaf.id for one in entries)[:RECORDS_NAMED_MAX]
        self._check_allowed(caller, operation, stored, entries, reason)
        self._check_may(caller, operation, stored, reason)
        if because.demanded(entries):
            self.check_reason(caller, operation, reason, records=ids)
        self.leave(caller, operation, records=ids, count=len(entries), reason=reason)
        return _shown(intervention or record_id, entries)

    def may_see(self, caller: Caller, record_id: str) -> bool:
        """Whether ``caller`` may know of a record, or of the intervention it belongs to."""
        stored = self._journal.reader.find(record_id)
        return stored is not None and self.may_read(caller, stored)

    def may_read(self, caller: Caller, stored: Stored) -> bool:
        """Whether ``caller`` may read what stands there, or the intervention it belongs to."""
        return self._verdict(caller, stored, None).allowed

    def _verdict(self, caller: Caller, stored: Stored, entries: list[Stored] | None) -> Verdict:
        """Whether ``caller`` may read a record, or the intervention it belongs to: the log says what it is."""
        intervention, record = stored.leaf.intervention, stored.record
        if intervention is not None:
            begun = entries[0] if entries else self._journal.reader.find(intervention)
            first = begun.record if begun is not None else None
            known = first if isinstance(first, Intent | Observation) else None
            return self._authorization.may_read(caller, known)
        actor = getattr(record, "actor", None)
        about = Loose(stored.leaf.kind, actor.person if actor is not None else "")
        return self._authorization.verdict(caller, "read", about)

    def _check_allowed(
        self, caller: Caller, operation: str, stored: Stored, entries: list[Stored], reason: str | None
    ) -> None:
        """Raise Forbidden, and record that, unless a policy lets ``caller`` read this."""
        verdict = self._verdict(caller, stored, entries)
        if verdict.allowed:
            return
        refused = forbidden(caller.person, "read", verdict)
        self.leave(caller, operation, records=(stored.leaf.id,), reason=reason, refused=str(refused))
        raise refused

    def sees_everybodys_reads(self, caller: Caller) -> bool:
        """Whether ``caller`` may know what others read: by a role held everywhere, of a key or assigned."""
        return not SEE_EVERYBODYS_READS.isdisjoint(self._authorization.roles(caller) | set(caller.roles))

    def _check_may(self, caller: Caller, operation: str, stored: Stored, reason: str | None) -> None:
        """Raise Refused, and record that, for somebody else's access record, and for evidence under pseudonyms."""
        record, refused = stored.record, None
        others = isinstance(record, Access) and record.actor.person != caller.person
        if others and not self.sees_everybodys_reads(caller):
            refused = Refused(
                "who read what is for officers and auditors; of others' reads nothing is shown",
                advice="Your own are listed by: byhand access list",
            )
        elif operation == "evidence" and caller.pseudonymous:
            refused = Refused(
                "evidence names persons, so there is none under pseudonyms",
                advice="Ask somebody who sees persons by their names.",
            )
        if refused is not None:
            self.leave(caller, operation, records=(stored.leaf.id,), reason=reason, refused=str(refused))
            raise refused

    def check_reason(
        self,
        caller: Caller,
        operation: str,
        reason: str | None,
        *,
        query: str | None = None,
        records: tuple[str, ...] = (),
    ) -> None:
        """Raise ReasonRequired, and record that, unless ``reason`` says why somebody reads."""
        try:
            reading_proof.check_reason(reason)
        except ReasonRequired as error:
            self.leave(
                caller, operation, query=query, records=records, reason=reason or None, refused=str(error)
            )
            raise

    def search(self, caller: Caller, query: str, *, limit: int = 50, before: int | None = None) -> Page:
        """Interventions that match, newest first."""
        conditions = self._conditions(caller, query)
        if not 1 <= limit <= PAGE_MAX:
            raise Invalid(f"a page holds 1 to {PAGE_MAX} rows")
        self._indexer.catch_up()
        found = self._find(caller, conditions, limit, before)
        ids = tuple(row.id for row in found.rows)
        self.leave(caller, "search", query=query, records=ids, count=len(ids))
        return Page(found.rows, found.following)

    def facets(self, caller: Caller, query: str) -> Facets:
        """How many interventions match, and how they are spread over states, persons, points and so on."""
        conditions = self._conditions(caller, query)
        self._indexer.catch_up()
        counted = self._authorization.uniform()
        found = self._index.facets(conditions) if counted else self._counted(caller, conditions)
        self.leave(caller, "search", query=query, count=found.total)
        named = (one._replace(column=NAMES.get(one.column, one.column)) for one in found.facets)
        return found._replace(facets=tuple(named))

    def _counted(self, caller: Caller, conditions: list[Condition]) -> Facets:
        """Facets counted row by row, where policies ask more than the index can tell."""
        found = self._find(caller, conditions, COUNTED_MAX, None)
        return _facets_of(found.rows, at_least=found.following is not None)

    def timeline(
        self,
        caller: Caller,
        query: str,
        window: Window | None = None,
        *,
        limit: int = 50,
        before: int | None = None,
        newest_first: bool = False,
        reason: str | None = None,
        live: bool = False,
    ) -> Timeline:
        """The newest acts that match, those in ``window`` only, in the order of time.

        Values and words of acts whose class demands a reason are withheld when none is given. ``live``: the same
        is asked again and again, and leaves one access record a minute.
        """
        if live and (window is not None or before is not None):
            raise Invalid("a live view shows the newest acts", advice="Leave out the moment, or the cursor.")
        whole = f"{query} {term_of(window)}".strip() if window is not None else query
        conditions = self._conditions(caller, whole)
        if not 1 <= limit <= PAGE_MAX:
            raise Invalid(f"a timeline holds 1 to {PAGE_MAX} acts")
        self._indexer.catch_up()
        found = self._find(caller, conditions, limit, before)
        chains = [(row, self._journal.reader.chain(row.id)) for row in found.rows]
        if reason is not None and any(because.demanded(entries) for _, entries in chains):
            self.check_reason(caller, "timeline", reason, query=whole)
        told = (
            act_of(row, entries, whole=reason is not None or not because.demanded(entries))
            for row, entries in chains
        )
        acts = tuple(act for act in told if within(act, window))
        ids = tuple(act.id for act in acts)
        if live:
            self._leave_live(caller, whole, ids, reason, limit)
        else:
            self.leave(caller, "timeline", query=whole, records=ids, count=len(acts), reason=reason)
        ordered = sorted(acts, key=lambda act: (act.time, act.index), reverse=newest_first)
        return Timeline(acts=tuple(ordered), window=window, following=found.following)

    def _leave_live(
        self, caller: Caller, query: str, ids: tuple[str, ...], reason: str | None, limit: int
    ) -> None:
        view = (caller.person, caller.credential, caller.session, caller.pseudonymous, query, reason, limit)
        named = self._live.to_name(view, ids)
        if named is None:
            return
        try:
            self.leave(caller, "timeline", query=query, records=named, count=len(named), reason=reason)
        except BaseException:
            self._live.forget(view)
            raise

    def diff(self, caller: Caller, text: str, *, reason: str | None = None) -> Changes:
        """Before against declared, and before against what was found."""
        shown = self.show(caller, text, operation="diff", reason=reason)
        intent = next((one for one in shown.records if isinstance(one, Intent)), None)
        if intent is None:
            raise NotFound(f"{shown.id} was not declared: there is nothing to compare")
        change = intent.declaration.change
        outcomes = [one for one in shown.records if isinstance(one, Outcome)]
        found = outcomes[-1].found if outcomes else None
        return Changes(
            id=shown.id,
            declared=tuple(captured.differences(change.original, change.new))
            if change.new is not None
            else (),
            found=tuple(captured.differences(change.original, found)) if found is not None else None,
            outcome=outcomes[-1].result if outcomes else None,
        )

    def export(
        self,
        caller: Caller,
        query: str,
        *,
        rows: str = "interventions",
        form: str = "csv",
        reason: str | None = None,
    ) -> Iterator[str]:
        """Lines of an export, oldest last; the access record is in the log before the first line.

        One record whose class demands a reason is enough for the whole export to demand one.
        """
        if rows not in ("interventions", "records") or form not in ("csv", "ndjson"):
            raise Invalid("an export has rows of interventions or records, as csv or ndjson")
        conditions = self._conditions(caller, query)
        end = self._indexer.catch_up()
        careful = [*conditions, Among("classification", tuple(OPEN), negated=True)]
        demanding = self._first(caller, careful, end)
        if demanding is not None:
            self.check_reason(caller, "export", reason, query=query, records=(demanding.id,))
        self.leave(caller, "export", query=query, reason=reason)
        return self._lines(caller, conditions, rows, form, end, whole=reading_proof.says_why(reason))

    def _first(self, caller: Caller, conditions: list[Condition], before: int) -> InterventionRow | None:
        """The newest one that ``caller`` may read, however many others there are."""
        found = self._find(caller, conditions, 1, before)
        while not found.rows and found.following is not None:
            found = self._find(caller, conditions, 1, found.following)
        return found.rows[0] if found.rows else None

    def _lines(
        self,
        caller: Caller,
        conditions: list[Condition],
        rows: str,
        form: str,
        end: int,
        *,
        whole: bool,
    ) -> Iterator[str]:
        """What is recorded after ``end`` is not among them: nobody has judged whether it demands a reason."""
        if form == "csv":
            yield _csv(list(standard.NAMES))
        before: int | None = end
        while True:
            found = self._index.search(conditions, PAGE_MAX, before)
            for row in found.rows:
                entries = self._journal.reader.chain(row.id)
                if not self._verdict(caller, entries[0], entries).allowed:
                    continue
                if not whole and because.demanded(entries):  # the index was wrong: the log decides
                    raise ReasonRequired(f"{row.id} demands a reason from whoever reads it")
                yield from (
                    _line(self.pseudonyms.row(caller, values), form) for values in _rows(entries, rows)
                )
            if found.following is None:
                return
            before = found.following

    def leave(
        self,
        caller: Caller,
        operation: str,
        *,
        query: str | None = None,
        records: tuple[str, ...] = (),
        count: int = 0,
        reason: str | None = None,
        refused: str | None = None,
    ) -> None:
        """Record that ``caller`` reads, or was ``refused``; nothing is shown when this fails.

        Raises Refused for whoever sees pseudonyms only, where a view has none to show.
        """
        because.check_length(reason)
        named = refused is None and not caller.pseudonymous and self.pseudonyms.only(caller)
        refused = NAMES_PERSONS if named else refused
        details = new_record_id()
        record = Access(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            times=Times(received=clock.now()),
            actor=caller.actor(details=details),
            operation=operation,
            query=query,
            records=records,
            count=count if refused is None else 0,
            reason=reason,
            refused=refused,
            pseudonymous=caller.pseudonymous,
        )
        self._journal.append([Entry(record, people={details: caller.details()})])
        if named:
            raise Refused(NAMES_PERSONS, advice="Read it with: byhand show ID, or byhand search")


def _facets_of(rows: Sequence[InterventionRow], *, at_least: bool) -> Facets:
    found = []
    for column in FACETS:
        counts = Counter(
            value for row in rows if (value := row.declared[:10] if column == "day" else getattr(row, column))
        )
        listed = sorted(counts.items(), reverse=True) if column == "day" else counts.most_common()
        found.append(Facet(column, tuple(listed[:VALUES_MAX]), max(0, len(listed) - VALUES_MAX)))
    return Facets(len(rows), at_least, tuple(found))


def _shown(shown_id: str, entries: list[Stored]) -> Shown:
    readable = [(one.leaf.recorded, one.record) for one in entries if isinstance(one.record, Record)]
    whole = len(readable) == len(entries) and entries[0].leaf.intervention is not None
    state = lifecycle.fold(record for _, record in readable) if whole else None
    if entries[0].leaf.intervention is not None:
        row = standard.row_of_intervention(readable)
    else:
        row = standard.row_of_record(*readable[0]) if readable else {}
    return Shown(shown_id, tuple(entries), state, row)


def _rows(entries: list[Stored], rows: str) -> Iterator[standard.Row]:
    readable = [(one.leaf.recorded, one.record) for one in entries if isinstance(one.record, Record)]
    if rows == "interventions":
        yield from standard.rows_of_intervention(readable)
        return
    for recorded, record in readable:
        yield standard.row_of_record(recorded, record)


def _line(values: standard.Row, form: str) -> str:
    if form == "ndjson":
        return orjson.dumps(values).decode() + "\n"
    return _csv([standard.csv_cell(values[name]) for name in standard.NAMES])


def _csv(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def as_builtins(stored: Stored) -> dict[str, object]:
    """An entry for machines: its place, its leaf, its record, and the persons whose sections still open."""
    record = stored.record
    body: object = None
    if isinstance(record, UnknownVersion):
        body = {"schema": record.version, "raw": record.text}
    elif record is not None:
        body = orjson.loads(parts.encode_part(record))
    return {
        "index": stored.index,
        "leaf": orjson.loads(stored.entry),
        "leaf_hash": stored.leaf_hash.hex(),
        "record": body,
        "people": {name: orjson.loads(parts.encode_part(part)) for name, part in stored.people.items()},
        "erased": list(stored.erased),
    }
