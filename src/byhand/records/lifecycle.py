# SPDX-License-Identifier: Apache-2.0
"""The life of an intervention: one pure fold over its records, and the only place that knows what may follow what.

    declared -> (pending ->) permitted -> redeemed -> applied | failed | abandoned | unknown (-> applied | failed)
    declared | pending -> approved | refused | withdrawn | lapsed
    permitted -> lapsed | void | abandoned
    observed -> explained
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from byhand.errors import IllegalTransition
from byhand.records.base import Part
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

OPEN = frozenset({"declared", "pending", "approved", "permitted", "redeemed"})
ENDED = frozenset({"applied", "failed", "abandoned", "lapsed", "refused", "withdrawn", "void", "unknown"})


class State(Part, kw_only=True):
    """What the records of one intervention come to."""

    phase: str
    intent: str | None = None
    permit: str | None = None
    approvals: tuple[str, ...] = ()
    """Persons who approved, each once."""
    verdict: str | None = None
    reviewed: bool = False
    amended: bool = False


def fold(records: Iterable[AnyRecord]) -> State:
    """The state after ``records``, oldest first; raises IllegalTransition."""
    state: State | None = None
    for record in records:
        state = advance(state, record)
    if state is None:
        raise IllegalTransition("an intervention without records has no state")
    return state


def advance(state: State | None, record: AnyRecord) -> State:
    """The state after ``record``; raises IllegalTransition saying what cannot follow what."""
    if state is None:
        return _begin(record)
    if isinstance(record, Permit):
        return _permit(state, record)
    if isinstance(record, Outcome):
        return _outcome(state, record)
    if isinstance(record, Approval):
        return _approval(state, record)
    if isinstance(record, Finding):
        return _finding(state, record)
    if isinstance(record, Observation):
        return state  # what a system's feed saw of it; the verdict is a finding
    _refuse(state, record)


def _begin(record: AnyRecord) -> State:
    if isinstance(record, Intent):
        return State(phase="declared", intent=record.id)
    if isinstance(record, Observation):
        return State(phase="observed")
    raise IllegalTransition(f"an intervention begins with an intent or an observation, not with {_name(record)}")


def _permit(state: State, record: Permit) -> State:
    phase = record.phase
    if phase == "issued" and state.phase in ("declared", "approved") and state.permit is None:
        return _to(state, "permitted", permit=record.id)
    if state.permit is not None and record.permit != state.permit:
        raise IllegalTransition(f"the permit {record.permit} is not this intervention's")
    if phase == "redeemed" and state.phase == "permitted":
        return _to(state, "redeemed")
    if phase == "void" and state.phase == "permitted":
        return _to(state, "void")
    if phase == "refused" and state.permit is not None:
        return state  # somebody tried in vain: it changes nothing, and stays on record
    _refuse(state, record)


def _outcome(state: State, record: Outcome) -> State:
    result = record.result
    if result == "lapsed" and state.phase in ("declared", "pending", "approved", "permitted"):
        return _to(state, "lapsed")
    if result == "abandoned" and state.phase in OPEN:
        return _to(state, "abandoned")
    if result in ("applied", "failed", "unknown") and state.phase == "redeemed":
        return _to(state, result)
    if result in ("applied", "failed") and state.phase == "unknown":
        return _to(state, result)
    _refuse(state, record)


def _approval(state: State, record: Approval) -> State:
    if state.phase not in ("declared", "pending", "approved"):
        _refuse(state, record)
    if record.decision == "approve":
        approvals = tuple(sorted({*state.approvals, record.actor.person}))
        return _to(state, "pending", approvals=approvals)
    if record.decision == "refuse":
        return _to(state, "refused")
    withdrawn = tuple(person for person in state.approvals if person != record.actor.person)
    return _to(state, "withdrawn" if record.actor.person not in state.approvals else "pending", approvals=withdrawn)


def _finding(state: State, record: Finding) -> State:
    if record.type == "verdict":
        phase = "explained" if state.phase == "observed" else state.phase
        return _to(state, phase, verdict=record.verdict)
    if record.type == "review":
        return _to(state, state.phase, reviewed=True)
    if record.type == "amendment":
        return _to(state, state.phase, amended=True)
    return state


def _to(state: State, phase: str, **changes: object) -> State:
    values = {name: getattr(state, name) for name in state.__struct_fields__}
    return State(**{**values, "phase": phase, **changes})


def _name(record: AnyRecord) -> str:
    kind = str(record.__struct_config__.tag)
    detail = getattr(record, "phase", None) or getattr(record, "result", None) or getattr(record, "decision", None)
    return f"{kind} ({detail})" if isinstance(detail, str) else kind


def _refuse(state: State, record: AnyRecord) -> NoReturn:
    if isinstance(record, Access | Administration):
        raise IllegalTransition(f"{_name(record)} is no part of an intervention")
    raise IllegalTransition(f"{_name(record)} cannot follow when an intervention is {state.phase}")
