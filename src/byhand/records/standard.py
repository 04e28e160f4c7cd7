# SPDX-License-Identifier: Apache-2.0
"""The standard view: exactly the seven names an auditor expects, for every kind of record."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from byhand.records import captured
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

NAMES = (
    "Timestamp",
    "Actor_ID",
    "Action_Type",
    "Target_System",
    "Original_Value",
    "New_Value",
    "Justification_Reason",
)
DECLARED_ONLY = " (declared)"
"""Marks a new value that was declared but not read back."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
Row = dict[str, str]


def row_of_intervention(records: Iterable[tuple[str, AnyRecord]]) -> Row:
    """One row for an intervention, from its ``(recorded time, record)`` pairs, oldest first.

    Timestamp: when it was applied, else declared. New_Value: as read back, else as declared and marked so.
    """
    intent: Intent | None = None
    observation: Observation | None = None
    outcome: Outcome | None = None
    first = applied = ""
    for recorded, record in records:
        first = first or recorded
        if isinstance(record, Intent):
            intent = record
        elif isinstance(record, Observation):
            observation = record
        elif isinstance(record, Outcome):
            outcome = record
            applied = recorded if record.result == "applied" else applied
    if intent is None:
        return _row_of_observation(observation, first) if observation is not None else _row(first)
    return _row(
        applied or first,
        intent.declaration.person,
        intent.declaration.action,
        _target(intent.target, intent.declaration.change.field),
        captured.render(intent.declaration.change.original),
        _new_value(intent, outcome),
        _reason(intent.declaration.justification),
    )


def _new_value(intent: Intent, outcome: Outcome | None) -> str:
    if outcome is not None and outcome.found is not None and outcome.result in ("applied", "failed", "unknown"):
        return captured.render(outcome.found)
    return captured.render(intent.declaration.change.new) + DECLARED_ONLY


def row_of_record(recorded: str, record: AnyRecord) -> Row:
    """One row for one record of any kind."""
    return _ROWS[type(record)](record, recorded)


def _row(*values: str) -> Row:
    return dict(zip(NAMES, (*values, *[""] * (len(NAMES) - len(values))), strict=True))


def _target(target: Target, field: str = "") -> str:
    return f"{target.system}/{target.type}/{target.id}" + (f"#{field}" if field else "")


def _reason(justification: Justification | None, absence: str | None = None) -> str:
    return f"{justification.code}: {justification.text}" if justification is not None else f"${absence or 'absent'}"


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
    return _row(recorded, record.person, f"permit.{record.phase}", str(record.intervention), "", "", record.cause or "")


def _row_of_approval(record: Approval, recorded: str) -> Row:
    about = str(record.intervention)
    return _row(recorded, record.actor.person, f"approval.{record.decision}", about, "", "", record.comment or "")


def _row_of_outcome(record: Outcome, recorded: str) -> Row:
    found = captured.render(record.found) if record.found is not None else ""
    who = record.concluded_by or ""
    return _row(recorded, who, f"outcome.{record.result}", str(record.intervention), "", found, record.error or "")


def _row_of_finding(record: Finding, recorded: str) -> Row:
    who = record.actor.person if record.actor is not None else "byhand"
    value = captured.render(record.value) if record.value is not None else record.verdict or ""
    return _row(recorded, who, f"finding.{record.type}", record.about, "", value, record.summary)


def _row_of_access(record: Access, recorded: str) -> Row:
    about = record.query if record.query is not None else " ".join(record.records)
    return _row(recorded, record.actor.person, f"access.{record.operation}", about, "", "", record.reason or "")


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
