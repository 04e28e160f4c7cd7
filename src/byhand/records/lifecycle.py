# SPDX-License-Identifier: Apache-2.0
"""The life of an intervention: one pure fold over its records; only here it is known what may follow what.

    declared, or pending while approvals are missing -> approved | refused | withdrawn
    declared | approved -> permitted -> redeemed -> applied | failed | abandoned | unknown
    unknown -> applied | failed
    declared | pending | approved | permitted -> lapsed | abandoned;  permitted -> void
    observed -> explained

Findings and observations may be added at any time: a verdict, a review and an amendment show in the state,
and change nothing that happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import msgspec

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
    expires: str | None = None
    """When the permit expires, or the intent while there is none."""
    outcome: str | None = None
    approvals: tuple[str, ...] = ()
    """Persons who approve, each once."""
    approvals_needed: int = 0
    requester: str | None = None
    verdict: str | None = None
    verdicts: tuple[str, ...] = ()
    """Every verdict there was, oldest first; ``verdict`` is the last."""
    reviewed: bool = False
    reviewers: tuple[str, ...] = ()
    """Persons who reviewed it, each once."""
    break_glass: bool = False
    """It did not wait for approval: others have to review it."""
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
    return _refuse(state, record)


def _begin(record: AnyRecord) -> State:
    if isinstance(record, Intent):
        needed = record.decision.approvals_needed
        return State(
            phase="pending" if needed > 0 else "declared",
            intent=record.id,
            expires=record.declaration.expires,
            approvals_needed=needed,
            requester=record.declaration.person,
            break_glass=record.decision.path == "break-glass",
        )
    if isinstance(record, Observation):
        return State(phase="observed")
    raise IllegalTransition(
        f"an intervention begins with an intent or an observation, not with {_name(record)}"
    )


def _permit(state: State, record: Permit) -> State:
    phase = record.phase
    if state.permit is None:
        if state.phase not in ("declared", "approved") or phase not in ("issued", "refused"):
            _refuse(state, record)
        if record.permit != record.id:
            raise IllegalTransition("the first record of a permit names itself as the permit")
        if phase == "refused":
            return _to(state, "refused")
        return _to(state, "permitted", permit=record.id, expires=record.expires or state.expires)
    if record.permit != state.permit:
        raise IllegalTransition(f"the permit {record.permit} is not this intervention's")
    if phase == "refused":
        return state  # somebody tried in vain: it changes nothing, and stays on record
    if state.phase != "permitted" or phase == "issued":
        _refuse(state, record)
    return _to(state, phase)


def _outcome(state: State, record: Outcome) -> State:
    result = record.result
    if state.phase not in _BEFORE_OUTCOME[result]:
        _refuse(state, record)
    return _to(state, result, outcome=result)


_UNREDEEMED = frozenset({"declared", "pending", "approved", "permitted"})
_BEFORE_OUTCOME = {
    "applied": frozenset({"redeemed", "unknown"}),
    "failed": frozenset({"redeemed", "unknown"}),
    "unknown": frozenset({"redeemed"}),
    "abandoned": OPEN,
    "lapsed": _UNREDEEMED,
}


def _approval(state: State, record: Approval) -> State:
    """Count a decision. Who may approve, and whose approvals fit together, is the gate's to judge."""
    person = record.actor.person
    if state.phase not in ("declared", "pending", "approved"):
        _refuse(state, record)
    if record.decision == "refuse":
        return _to(state, "refused")
    if record.decision == "withdraw" and person not in state.approvals:
        if person != state.requester:
            raise IllegalTransition(f"{person} has no approval here to withdraw")
        return _to(state, "withdrawn")
    others = {approver for approver in state.approvals if approver != person}
    approvals = tuple(sorted(others | {person} if record.decision == "approve" else others))
    enough = len(approvals) >= state.approvals_needed
    waiting = "pending" if state.approvals_needed else "declared"
    return _to(state, "approved" if enough and approvals else waiting, approvals=approvals)


UNEXPLAINING = frozenset({"true", "noise"})
"""Dispositions of an alert that explain no act: it was what it was said to be, or nothing was the matter."""


def _finding(state: State, record: Finding) -> State:
    if record.type == "verdict":
        verdicts = (*state.verdicts, record.verdict or "")
        return _to(state, state.phase, verdict=record.verdict, verdicts=verdicts)
    if record.type == "disposition" and record.verdict not in UNEXPLAINING and state.phase == "observed":
        return _to(state, "explained")
    if record.type == "review":
        person = record.actor.person if record.actor is not None and record.actor.via is None else None
        reviewers = {*state.reviewers, person} if person is not None else set(state.reviewers)
        return _to(state, state.phase, reviewed=True, reviewers=tuple(sorted(reviewers)))
    if record.type == "amendment":
        return _to(state, state.phase, amended=True)
    return state


def _to(state: State, phase: str, **changes: object) -> State:
    return msgspec.structs.replace(state, phase=phase, **changes)


def _name(record: AnyRecord) -> str:
    kind = str(record.__struct_config__.tag)
    detail = (
        getattr(record, "phase", None) or getattr(record, "result", None) or getattr(record, "decision", None)
    )
    return f"{kind} ({detail})" if isinstance(detail, str) else kind


def _refuse(state: State, record: AnyRecord) -> NoReturn:
    if isinstance(record, Access | Administration):
        raise IllegalTransition(f"{_name(record)} is no part of an intervention")
    raise IllegalTransition(f"{_name(record)} cannot follow when an intervention is {state.phase}")
