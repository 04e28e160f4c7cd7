# SPDX-License-Identifier: Apache-2.0
"""Keeps the index up with the log: reads what is new, folds it, writes it. Any process may try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from byhand import clock
from byhand.control.reasons import text_digest
from byhand.errors import IllegalTransition
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records import captured, lifecycle
from byhand.records.classification import CLASSES, demands_reason, strictest
from byhand.records.codec import UnknownVersion
from byhand.records.kinds import Access, Finding, Intent, Observation, Outcome, Permit, Record
from byhand.records.lifecycle import State
from byhand.store.index import IndexReader, IndexWriter, InterventionRow, ListedRow, RecordRow
from byhand.trust import break_glass

BATCH = 1_024  # entries folded between two writes of the index
OVERDUE_GRACE_SECONDS = 60  # a revert runs at its minute; a minute later nobody is on it any more
OVERDUE = "overdue"
REVIEW_OVERDUE = "review_overdue"
UNREADABLE = "confidential"
"""The class of what nobody here can judge."""
WORDS_LENGTH_MAX = 8_192  # characters of one intervention that searches look into
_state = msgspec.json.Decoder(State)


class Index(IndexWriter, IndexReader, Protocol):
    """Both sides of the index."""


class Indexer:
    """A crash between two batches is harmless: the cursor moves with the rows."""

    def __init__(self, journal: Journal, index: Index) -> None:
        self._journal = journal
        self._index = index

    def catch_up(self, progress: Callable[[int], None] = lambda done: None) -> int:
        """Index everything that is committed; returns how many entries the index then knows."""
        while True:
            start, size = self._index.cursor(), self._journal.reader.size
            if start > size:  # an index of a longer log than this one: not this log's
                self._index.clear()
                continue
            if start == size:
                return size
            self._batch(start, min(start + BATCH, size))
            progress(min(start + BATCH, size))

    def catch_up_by(self) -> int:
        """As ``catch_up``; how many entries it took."""
        before = self._index.cursor()
        return self.catch_up() - before

    def rebuild(self, progress: Callable[[int], None] = lambda done: None) -> int:
        """Throw the index away and build it again."""
        self._index.clear()
        return self.catch_up(progress)

    def _batch(self, start: int, stop: int) -> None:
        entries = list(self._journal.reader.scan(start, stop))
        ids = {str(one.leaf.intervention) for one in entries if one.leaf.intervention is not None}
        rows = self._index.interventions(sorted(ids))
        changed: dict[str, InterventionRow] = {}
        texts: list[tuple[str, str, str]] = []
        listed: list[ListedRow] = []
        for stored in entries:
            intervention = stored.leaf.intervention
            if intervention is not None:
                row = _after(changed.get(intervention) or rows.get(intervention), stored)
                if row is not None:
                    changed[intervention] = row
            if isinstance(stored.record, Access | Finding):
                about = changed.get(intervention or "") or rows.get(intervention or "")
                listed.append(_listed_row(stored, stored.record, about))
            if isinstance(stored.record, Intent) and stored.record.declaration.justification is not None:
                digest = text_digest(stored.record.declaration.justification.text)
                texts.append((stored.record.declaration.person, digest, stored.record.id))
        records = [_record_row(one) for one in entries]
        self._index.write(start, stop, records, list(changed.values()), texts, listed)


def _record_row(stored: Stored) -> RecordRow:
    leaf = stored.leaf
    return RecordRow(
        stored.index, leaf.id, leaf.kind, leaf.intervention or "", _person(stored.record), leaf.recorded
    )


def _listed_row(stored: Stored, record: Access | Finding, about: InterventionRow | None) -> ListedRow:
    """The row of an access, or of a finding and the intervention that it is about, if it is about one."""
    if isinstance(record, Access):
        values = [("person", record.actor.person), ("operation", record.operation)]
        values += [("record", one) for one in record.records]
        values.append(("result", "refused" if record.refused is not None else "shown"))
        words = f"{record.query or ''} {record.reason or ''}"
    else:
        values = [("type", record.type), ("verdict", record.verdict or ""), ("about", record.about)]
        values.append(("person", record.actor.person if record.actor is not None else ""))
        classes = [record.governance.classification]
        if record.intervention is not None:
            classes.append(about.classification if about is not None else "")
        # What is said of a record may give away what its class keeps behind a reason: as there, no word finds it.
        words = record.summary if not any(map(demands_reason, classes)) else ""
    return ListedRow(stored.index, stored.leaf.kind, stored.leaf.recorded, tuple(values), words)


def _person(record: Record | UnknownVersion | None) -> str:
    actor = getattr(record, "actor", None)
    return str(actor.person) if actor is not None else str(getattr(record, "person", "") or "")


def _after(row: InterventionRow | None, stored: Stored) -> InterventionRow | None:
    """The row of an intervention after one more record; of one that cannot be read only the class counts."""
    record = stored.record
    if row is not None:
        row = _kept(row, _class_of(stored))
    if not isinstance(record, Record):
        return row
    try:
        state = lifecycle.advance(_state.decode(row.state) if row is not None else None, record)
    except IllegalTransition:
        return row  # the log holds what it holds; naming contradictions is verify's work, not the index's
    if row is None:
        row = _first(record, stored)
    row = row._replace(
        head=stored.index, phase=state.phase, changed=stored.leaf.recorded, state=msgspec.json.encode(state)
    )
    said = _words(record, whole=not demands_reason(row.classification))
    words = " ".join(part for part in (row.words, said) if part)[:WORDS_LENGTH_MAX]
    return _with_due(row, record, state, stored.leaf.recorded)._replace(words=words)


def _first(record: Record, stored: Stored) -> InterventionRow:
    """The row that an intervention begins with."""
    intent = record if isinstance(record, Intent) else None
    observed = record if isinstance(record, Observation) else None
    target = (intent or observed).target if (intent or observed) is not None else None  # type: ignore[union-attr]
    justification = intent.declaration.justification if intent is not None else None
    action = (
        intent.declaration.action if intent is not None else observed.action if observed is not None else ""
    )
    return InterventionRow(
        id=str(record.intervention),
        first=stored.index,
        head=stored.index,
        phase="",
        person=_person(record),
        action=action,
        system=target.system if target is not None else "",
        type=target.type if target is not None else "",
        target=target.id if target is not None else "",
        point=(target.point or "") if target is not None else "",
        environment=target.environment if target is not None else "",
        tier=target.tier if target is not None else "",
        code=justification.code if justification is not None else "",
        declared=stored.leaf.recorded,
        changed=stored.leaf.recorded,
        due="",
        until="",
        executor="",
        caused_by=record.caused_by or "",
        state=b"",
        words="",
        classification=_class_of(stored)
        if stored.leaf.id == record.intervention
        else strictest((_class_of(stored), UNREADABLE)),  # its beginning is erased, and may have been of any
    )


def _class_of(stored: Stored) -> str:
    """The class of a record in a chain, as ``because.demanded`` judges it."""
    if isinstance(stored.record, Record):
        return stored.record.governance.classification
    return CLASSES[0] if stored.record is None else UNREADABLE  # erased, or shown as it stands


def _kept(row: InterventionRow, classification: str) -> InterventionRow:
    """As carefully as any record of it demands; by its words it is then found no more."""
    if not demands_reason(classification):
        return row
    if row.words and not demands_reason(row.classification):
        shown = (row.action, row.system, row.type, row.target, row.point, row.code)
        row = row._replace(words=" ".join(filter(None, shown)))
    return row._replace(classification=strictest((row.classification, classification)))


def _with_due(row: InterventionRow, record: Record, state: State, recorded: str) -> InterventionRow:
    """When something must be said of the intervention next, and who is carrying it out."""
    if isinstance(record, Intent):
        until = record.declaration.change.effective_until
        return row._replace(
            due=record.declaration.expires, until=due_after(until) if until is not None else ""
        )
    if isinstance(record, Permit) and record.phase == "issued":
        return row._replace(due=record.expires or "")
    if isinstance(record, Permit) and record.phase == "redeemed":
        return row._replace(due=record.expires or "", executor=record.executor or "")
    if isinstance(record, Outcome):
        return _ended(row, state)._replace(executor="")
    if isinstance(record, Finding) and record.verdict == OVERDUE:
        return _ended(row._replace(until=""), state, recorded)  # said once
    if isinstance(record, Finding) and (record.verdict == REVIEW_OVERDUE or record.type == "review"):
        return _ended(row, state, recorded)
    return row


def _ended(row: InterventionRow, state: State, recorded: str = "") -> InterventionRow:
    """When something must be said of what has ended: that it is in effect still, or that nobody reviewed it.

    ``recorded``: what was due before that has been said.
    """
    if state.phase not in lifecycle.ENDED:
        return row
    due = [row.until] if row.until and state.phase in ("applied", "unknown") else []
    review = review_due(row.declared)
    if break_glass.reviews_missing(state) and review > recorded:
        due.append(review)
    return row._replace(due=min(due, default=""))


def _words(record: Record, *, whole: bool) -> str:
    """What a person would search for; unless ``whole``, only what a list shows.

    What is shown only to those who say why is found by no word: whether one is found would tell what it holds.
    """
    if isinstance(record, Intent):
        declaration, target = record.declaration, record.target
        justification, change = declaration.justification, declaration.change
        parts = [declaration.action, target.system, target.type, target.id, target.point or ""]
        if justification is not None:
            parts.append(justification.code)
        if whole:
            parts += [captured.render(change.original), captured.render(change.new)]
        if whole and justification is not None:
            parts += [justification.text, *justification.tickets]
        return " ".join(parts)
    return str(getattr(record, "summary", "") or getattr(record, "error", "") or "") if whole else ""


def review_due(declared: str) -> str:
    """Until when others are to have reviewed a break-glass that was declared at ``declared``."""
    return clock.after(declared, seconds=break_glass.REVIEW_SECONDS_MAX)


def due_after(until: str) -> str:
    """When a change that was to end at ``until`` counts as overdue."""
    return clock.after(until, seconds=OVERDUE_GRACE_SECONDS)
