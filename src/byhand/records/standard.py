# SPDX-License-Identifier: Apache-2.0
"""The standard view: exactly the seven names an auditor expects, for every kind of record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from byhand.records import captured
from byhand.records.codec import UnknownVersion
from byhand.records.intervention import Justification, Target
from byhand.records.kinds import (
    Access,
    Administration,
    AnyRecord,
    Approval,
    Finding,
    Intent,
    Observation,
    Outcome,
    Permit,
)
from byhand.records.values import CapturedValue

NAMES = (
    "Timestamp",
    "Actor_ID",
    "Action_Type",
    "Target_System",
    "Original_Value",
    "New_Value",
    "Justification_Reason",
)
ERASED = "$erased"
"""What stands where a record's body can be read by nobody any more."""
WITHHELD = "$withheld"
"""What stands where a class demands a reason from whoever reads, and none was given."""
DECLARED = "$declared "
"""Stands before a new value that was declared but not read back; no value can look like it."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the beginning of a formula, full-width forms included."""
Row = dict[str, str]


class _Told(NamedTuple):
    """What the records of one intervention say, each with the time the log recorded it."""

    first: str = ""
    applied: str = ""
    intent: Intent | None = None
    observation: Observation | None = None
    outcome: Outcome | None = None


def _told(records: Iterable[tuple[str, AnyRecord]]) -> _Told:
    told = _Told()
    for recorded, record in records:
        told = told._replace(first=told.first or recorded)
        if isinstance(record, Intent):
            told = told._replace(intent=record)
        elif isinstance(record, Observation):
            told = told._replace(observation=record)
        elif isinstance(record, Outcome):
            applied = recorded if record.result == "applied" else told.applied
            told = told._replace(outcome=record, applied=applied)
    return told


def row_of_intervention(records: Iterable[tuple[str, AnyRecord]]) -> Row:
    """One row for an intervention, from its ``(recorded time, record)`` pairs, oldest first.

    Timestamp: when it was applied, else declared. New_Value: see ``_new_value``.
    """
    told = _told(records)
    intent = told.intent
    if intent is None:
        found = told.observation
        return _row_of_observation(found, told.first) if found is not None else _row(told.first)
    found_value = _found(told.outcome)
    new = intent.declaration.change.new
    return _row(
        told.applied or told.first,
        intent.declaration.person,
        intent.declaration.action,
        _target(intent.target, intent.declaration.change.field),
        captured.render(intent.declaration.change.original),
        _new_value(new, found_value),
        _reason(intent.declaration.justification),
    )


def _new_value(declared: CapturedValue | None, found: CapturedValue | None) -> str:
    """As read back, else as declared and marked so; ``$observed`` where there is neither."""
    if found is not None:
        return captured.render(found)
    return captured.OBSERVED if declared is None else DECLARED + captured.render(declared)


def rows_of_intervention(records: Iterable[tuple[str, AnyRecord]]) -> list[Row]:
    """One row for each field that changed within the value; a single one when it changed as a whole."""
    pairs = tuple(records)
    told = _told(pairs)
    whole = row_of_intervention(pairs)
    if told.intent is None:
        return [whole]
    change = told.intent.declaration.change
    found = _found(told.outcome)
    new = change.new if found is None else found
    differences = captured.differences(change.original, new) if new is not None else []
    if any(difference.pointer == "" for difference in differences):
        return [whole]
    mark = DECLARED if found is None else ""
    rows = [
        {
            **whole,
            "Target_System": _target(told.intent.target, change.field + one.pointer),
            "Original_Value": _shown(one.before),
            "New_Value": mark + _shown(one.after),
        }
        for one in differences
    ]
    return rows or [whole]


def _found(outcome: Outcome | None) -> CapturedValue | None:
    """The value read back after the act, when there was one."""
    return outcome.found if outcome is not None and outcome.result in _ACTED else None


_ACTED = ("applied", "failed", "unknown")


def _shown(text: str | None) -> str:
    return captured.render(captured.absent() if text is None else captured.from_text(text))


def row_of_record(recorded: str, record: AnyRecord | UnknownVersion) -> Row:
    """One row for one record of any kind; what a newer byhand wrote is only named."""
    if isinstance(record, UnknownVersion):
        return _row(recorded, "", f"$unknown_version {record.version}")
    return _ROWS[type(record)](record, recorded)


def _row(*values: str) -> Row:
    return dict(zip(NAMES, (*values, *[""] * (len(NAMES) - len(values))), strict=True))


def _target(target: Target, field: str = "") -> str:
    return f"{target.system}/{target.type}/{target.id}" + (f"#{field}" if field else "")


def _reason(justification: Justification | None, absence: str | None = None) -> str:
    return (
        f"{justification.code}: {justification.text}"
        if justification is not None
        else f"${absence or 'absent'}"
    )


def _row_of_intent(record: Intent, recorded: str) -> Row:
    return row_of_intervention([(recorded, record)])


def _row_of_observation(record: Observation, recorded: str) -> Row:
    return _row(
        recorded,
        record.actor.person,
        record.action,
        _target(record.target, record.field),
        captured.render(record.original or captured.unknown("not seen")),
        captured.render(record.new or captured.unknown("not seen")),
        _reason(record.justification, record.absence),
    )


def _row_of_permit(record: Permit, recorded: str) -> Row:
    return _row(
        recorded,
        record.person,
        f"permit.{record.phase}",
        str(record.intervention),
        "",
        "",
        record.cause or "",
    )


def _row_of_approval(record: Approval, recorded: str) -> Row:
    about = str(record.intervention)
    return _row(
        recorded, record.actor.person, f"approval.{record.decision}", about, "", "", record.comment or ""
    )


def _row_of_outcome(record: Outcome, recorded: str) -> Row:
    found = captured.render(record.found) if record.found is not None else ""
    who = record.concluded_by or "$unknown"
    return _row(
        recorded, who, f"outcome.{record.result}", str(record.intervention), "", found, record.error or ""
    )


def _row_of_finding(record: Finding, recorded: str) -> Row:
    who = record.actor.person if record.actor is not None else "byhand"
    value = captured.render(record.value) if record.value is not None else record.verdict or ""
    return _row(recorded, who, f"finding.{record.type}", record.about, "", value, record.summary)


def _row_of_access(record: Access, recorded: str) -> Row:
    about = record.query if record.query is not None else " ".join(record.records)
    refused = f"refused: {record.refused}" if record.refused is not None else ""
    return _row(
        recorded, record.actor.person, f"access.{record.operation}", about, "", refused, record.reason or ""
    )


def _row_of_administration(record: Administration, recorded: str) -> Row:
    who = record.actor.person if record.actor is not None else record.subject
    return _row(recorded, who, record.action, record.subject, "", "", record.note or "")


_ROWS: dict[type, Callable[..., Row]] = {
    Intent: _row_of_intent,
    Observation: _row_of_observation,
    Permit: _row_of_permit,
    Approval: _row_of_approval,
    Outcome: _row_of_outcome,
    Finding: _row_of_finding,
    Access: _row_of_access,
    Administration: _row_of_administration,
}


def csv_cell(text: str) -> str:
    """A cell that no spreadsheet runs as a formula: a leading sign gets an apostrophe before it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
