# SPDX-License-Identifier: Apache-2.0
"""An intervention as its page tells it: the change, why, what came of it, and every record in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from byhand.control.reading import Shown
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records import captured, standard
from byhand.records.captured import Difference
from byhand.records.kinds import AnyRecord, Approval, Finding, Intent, Outcome, Permit, Record
from byhand.records.values import CapturedValue
from byhand.ui.seen import Seen, seen

LINES_MAX = 200  # records on one page; findings and observations may be added without end
KINDS = {
    "intent": "declared",
    "observation": "seen in the system's own feed",
    "finding": "concluded",
    "access": "read",
    "administration": "changed byhand itself",
}
PERMITS = {
    "issued": "permit issued",
    "redeemed": "permit used",
    "refused": "permit refused",
    "void": "permit void",
}
DECISIONS = {"approve": "approved", "refuse": "refused", "withdraw": "withdrew"}


@dataclass(frozen=True, slots=True)
class Side:
    """One place within the value: before, and after."""

    pointer: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    """One record."""

    index: int
    recorded: str
    what: str
    who: str
    words: str
    signed: bool
    leaf: str


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that a page says of an intervention."""

    id: str
    phase: str
    intent: Intent | None
    place: str
    declared: tuple[Side, ...]
    """Before against declared; empty when only reading back will tell."""
    found: tuple[Side, ...] | None
    """Before against what was read back."""
    outcome: Outcome | None
    lines: tuple[Line, ...]
    left_out: int
    """How many records between the first and the last ones are not shown."""
    seen: Seen | None
    """What the browser needs to recompute the intent's entry."""


def told(journal: Journal, shown: Shown) -> Told:
    """What the records of an intervention say."""
    intent = next((one for one in shown.records if isinstance(one, Intent)), None)
    outcomes = [one for one in shown.records if isinstance(one, Outcome)]
    outcome = outcomes[-1] if outcomes else None
    return Told(
        id=shown.id,
        phase=shown.state.phase if shown.state is not None else "cannot be told",
        intent=intent,
        place=shown.row.get("Target_System", ""),
        declared=_declared(intent),
        found=_found(intent, outcome),
        outcome=outcome,
        lines=tuple(_line(one) for one in _few(shown.entries)),
        left_out=max(0, len(shown.entries) - LINES_MAX),
        seen=seen(journal, shown.entries[0]) if intent is not None else None,
    )


def _few(entries: Sequence[Stored]) -> Sequence[Stored]:
    """The first record, and as many of the last as a page holds."""
    return entries if len(entries) <= LINES_MAX else (entries[0], *entries[1 - LINES_MAX :])


def _declared(intent: Intent | None) -> tuple[Side, ...]:
    if intent is None:
        return ()
    change = intent.declaration.change
    if change.new is None:
        return (Side(change.field, captured.render(change.original), captured.OBSERVED),)
    return sides(change.original, change.new, change.field)


def _found(intent: Intent | None, outcome: Outcome | None) -> tuple[Side, ...] | None:
    if intent is None or outcome is None or outcome.found is None:
        return None
    change = intent.declaration.change
    return sides(change.original, outcome.found, change.field)


def sides(original: CapturedValue, new: CapturedValue, field: str) -> tuple[Side, ...]:
    """Where two values of a field differ; a single line that shows both where they do not."""
    found: Sequence[Difference] = captured.differences(original, new)
    if not found:
        return (Side(field, captured.render(original), captured.render(new)),)
    return tuple(Side(field + one.pointer, _text(one.before), _text(one.after)) for one in found)


def _text(text: str | None) -> str:
    return captured.render(captured.absent()) if text is None else text


def _line(stored: Stored) -> Line:
    record = stored.record
    if not isinstance(record, Record):
        return _bare(stored, "cannot be read: erased, or written by a newer byhand")
    row = standard.row_of_record(stored.leaf.recorded, record)
    return Line(
        index=stored.index,
        recorded=stored.leaf.recorded,
        what=_what(record),
        who=row["Actor_ID"],
        words=(record.meaning if isinstance(record, Approval) else None) or row["Justification_Reason"],
        signed=bool(getattr(record, "statement", None)),
        leaf=stored.leaf_hash.hex(),
    )


def _bare(stored: Stored, what: str) -> Line:
    return Line(stored.index, stored.leaf.recorded, what, "", "", signed=False, leaf=stored.leaf_hash.hex())


def _what(record: AnyRecord) -> str:
    if isinstance(record, Permit):
        return PERMITS[record.phase]
    if isinstance(record, Approval):
        return DECISIONS[record.decision]
    if isinstance(record, Outcome):
        return record.result
    if isinstance(record, Finding):
        return record.verdict or record.type
    return KINDS[record.__struct_config__.tag]  # type: ignore[index]
