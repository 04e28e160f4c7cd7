# SPDX-License-Identifier: Apache-2.0
"""The lists of accesses and of findings: found through the index, shown from the log, and read as any record is.

Who read what is itself somebody's record: persons see their own reads, officers and auditors everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from byhand.client.desk import Accesses, AccessRow, FindingRow, FoundFindings
from byhand.control import because
from byhand.control.identity import Caller
from byhand.control.indexing import Index, Indexer
from byhand.control.pages import PAGE_MAX, filled
from byhand.control.query import ACCESS_FIELDS, FINDING_FIELDS, compile_query
from byhand.control.reading import Reading
from byhand.errors import Invalid
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records.kinds import Access, Finding
from byhand.records.standard import ERASED, WITHHELD
from byhand.store.index import Among, Condition

KIND_ACCESS, KIND_FINDING = "access", "finding"


class Lists:
    """The lists of one home."""

    def __init__(self, journal: Journal, indexer: Indexer, index: Index, reading: Reading) -> None:
        self._journal = journal
        self._indexer = indexer
        self._index = index
        self._reading = reading

    def accesses(self, caller: Caller, query: str, *, limit: int = 50, before: int | None = None) -> Accesses:
        """Who read what. Whoever may not see others' reads gets their own, and neither rows nor counts beyond."""
        asked = compile_query(query, ACCESS_FIELDS, command="access list")
        conditions = self._reading.pseudonyms.understood(caller, asked)
        own = not self._reading.sees_everybodys_reads(caller)
        if own:
            conditions.append(Among("person", (caller.person,)))

        def may(stored: Stored) -> bool:
            if own and not _is_of(
                stored, caller.person
            ):  # the index finds them; only the log says whose they are
                return False
            return stored.record is None or self._reading.may_read(
                caller, stored
            )  # erased, it tells of nobody

        entries, following = self._readable(KIND_ACCESS, conditions, limit, before, may)
        ids = tuple(one.leaf.id for one in entries)
        self._reading.leave(caller, "accesses", query=query, records=ids, count=len(ids))
        return Accesses(rows=tuple(map(_access_row, entries)), following=following, own=own)

    def findings(
        self,
        caller: Caller,
        query: str,
        *,
        limit: int = 50,
        before: int | None = None,
        reason: str | None = None,
    ) -> FoundFindings:
        """What was concluded; what a class keeps behind a reason is withheld unless one is given."""
        asked = compile_query(query, FINDING_FIELDS, command="finding list")
        conditions = self._reading.pseudonyms.understood(caller, asked)
        entries, following = self._readable(
            KIND_FINDING, conditions, limit, before, lambda stored: self._reading.may_read(caller, stored)
        )
        ids = tuple(one.leaf.id for one in entries)
        demanding = self._demanding(entries)
        if demanding and reason is not None:
            self._reading.check_reason(caller, "findings", reason, query=query, records=ids)
        self._reading.leave(caller, "findings", query=query, records=ids, count=len(ids), reason=reason)
        withheld = demanding if reason is None else frozenset()
        rows = tuple(_finding_row(one, withheld=one.index in withheld) for one in entries)
        return FoundFindings(rows=rows, following=following)

    def _readable(
        self,
        kind: str,
        conditions: list[Condition],
        limit: int,
        before: int | None,
        may: Callable[[Stored], bool],
    ) -> tuple[list[Stored], int | None]:
        """A page of what ``may`` be read, and where the next one begins: see ``pages.filled``."""
        if not 1 <= limit <= PAGE_MAX:
            raise Invalid(f"a page holds 1 to {PAGE_MAX} rows")
        self._indexer.catch_up()

        def see(place: int) -> Stored | None:
            stored = self._journal.reader.read(place)
            return stored if may(stored) else None

        entries, following = filled(
            limit,
            before,
            lambda size, start: self._index.listed(kind, conditions, size, start),
            lambda place: place,
            see,
        )
        return list(entries), following

    def _demanding(self, entries: Sequence[Stored]) -> frozenset[int]:
        """The places of findings that, or whose interventions, are of a class that demands a reason."""
        about = {one.leaf.intervention for one in entries if one.leaf.intervention is not None}
        chains = {name: self._journal.reader.chain(name) for name in about}
        careful = {name for name, chain in chains.items() if because.demanded(chain)}
        return frozenset(
            one.index for one in entries if because.demanded([one]) or one.leaf.intervention in careful
        )


def _is_of(stored: Stored, person: str) -> bool:
    """Whether it is a read by ``person``; what is erased tells of nobody."""
    record = stored.record
    return record is None or (isinstance(record, Access) and record.actor.person == person)


def _access_row(stored: Stored) -> AccessRow:
    record = stored.record
    leaf = stored.leaf
    if not isinstance(record, Access):
        return AccessRow(
            id=leaf.id, index=stored.index, recorded=leaf.recorded, person=ERASED, operation=ERASED, count=0
        )
    via = record.actor.via
    return AccessRow(
        id=leaf.id,
        index=stored.index,
        recorded=leaf.recorded,
        person=record.actor.person,
        operation=record.operation,
        count=record.count,
        record=record.records[0] if record.records else "",
        query=record.query or "",
        reason=record.reason or "",
        refused=record.refused or "",
        via=f"{via.kind} {via.id}" if via is not None else "",
    )


def _finding_row(stored: Stored, *, withheld: bool) -> FindingRow:
    record = stored.record
    leaf = stored.leaf
    if not isinstance(record, Finding):
        return FindingRow(
            id=leaf.id, index=stored.index, recorded=leaf.recorded, type=ERASED, about=ERASED, summary=ERASED
        )
    return FindingRow(
        id=leaf.id,
        index=stored.index,
        recorded=leaf.recorded,
        type=record.type,
        about=record.about,
        summary=WITHHELD if withheld else record.summary,
        verdict=record.verdict or "",
        person=record.actor.person if record.actor is not None else "",
    )
