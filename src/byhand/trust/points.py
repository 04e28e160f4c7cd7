# SPDX-License-Identifier: Apache-2.0
"""Which intervention point counts for an intent: folded from the administration records before it, alone.

What a record says of its own tier and mode proves nothing: whoever writes records round the gate writes that too.

    1  a named point is registered at that place of the log; one that was retired counts for nothing
    2  a target that nobody registered counts as high risk, in production, under ``enforce``
    3  the very act of a registered point is not evaded by naming its target; another act on the same place has
       at least the risk of the points there
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import get_args

from byhand.errors import ProofMismatch
from byhand.records.intervention import Tier
from byhand.records.kinds import Administration, Intent, Point
from byhand.trust import administration as trust, break_glass, runbook
from byhand.trust.requirement import Requirement

TIERS: tuple[Tier, ...] = get_args(Tier)
UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class Register:
    """Every point at one place of the log. Immutable."""

    points: Mapping[str, Point] = field(default_factory=dict)
    retired: Mapping[str, Point] = field(default_factory=dict)
    """Points as they were when they were retired; a name that is registered again leaves this list."""

    def after(self, record: Administration) -> Register:
        """The register after a record whose signatures hold."""
        point = record.point
        if point is not None and (record.action == trust.POINT_SET or point.name in self.points):
            return replace(
                self, points={**self.points, point.name: point}, retired=_without(self.retired, point.name)
            )
        if record.action == trust.POINT_RETIRE and record.subject in self.points:
            retired = {**self.retired, record.subject: self.points[record.subject]}
            return Register(_without(self.points, record.subject), retired)
        return self

    def ignored(self, name: str | None) -> tuple[str, ...]:
        """The pointers that comparison leaves out for a point's intents, which may end after it was retired."""
        point = self.points.get(name or "") or self.retired.get(name or "")
        return point.ignore if point is not None else ()

    def counting(self, intent: Intent) -> Point:
        """The point that counts for ``intent`` here; raises ProofMismatch when there can be no such intent."""
        name = intent.target.point
        if name is not None:  # 1
            if name in self.points:
                return self.points[name]
            state = "was retired" if name in self.retired else "is not registered"
            raise ProofMismatch(f"it names the intervention point {name}, which {state} at this place")
        return self._unregistered(intent)  # 2

    def _unregistered(self, intent: Intent) -> Point:
        target, action, field_ = intent.target, intent.declaration.action, intent.declaration.change.field
        near = [
            point
            for point in self.points.values()
            if (point.system, point.type, point.id) == (target.system, target.type, target.id)
            and _overlap(point.field, field_)
        ]
        for point in near:  # 3
            if (point.action, point.field) == (action, field_):
                raise ProofMismatch(
                    f"its target is the intervention point {point.name}, which it does not name"
                )
        return Point(
            name=UNREGISTERED,
            action=action,
            system=target.system,
            type=target.type,
            id=target.id,
            field=field_,
            owner="nobody",
            tier=max([TIERS[TIERS.index("high")], *(point.tier for point in near)], key=TIERS.index),
            mode="enforce",
        )


def _overlap(one: str, other: str) -> bool:
    """Whether one field is the other, or lies within it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _without(points: Mapping[str, Point], name: str) -> Mapping[str, Point]:
    return {other: point for other, point in points.items() if other != name}


def check_says(intent: Intent, point: Point) -> None:
    """Raise ProofMismatch unless ``intent`` says of its target what ``point``, which counts, says of it."""
    target, declared = intent.target, intent.declaration
    pairs: tuple[tuple[str, str, str], ...] = (
        ("tier", target.tier, point.tier),
        ("mode", intent.mode, point.mode),
        ("environment", target.environment, point.environment),
        ("system", target.system, point.system),
        ("type", target.type, point.type),
        ("id", target.id, point.id),
        ("action", declared.action, point.action),
        ("field", declared.change.field, point.field),
        ("retention class", intent.governance.retention_class, point.retention_class),
        ("declared point", declared.point or UNREGISTERED, target.point or UNREGISTERED),
    )
    for name, said, counts in pairs:
        if said != counts:
            raise ProofMismatch(f"it says {name} {said!r}; at this place of the log that was {counts!r}")


def check_demands(intent: Intent, needs: Requirement) -> None:
    """Raise ProofMismatch unless ``intent`` asks for the approvals that its place demanded, or for more."""
    decision = intent.decision
    if break_glass.is_break_glass(intent) or decision.authorised_by is not None:
        return  # it waited for nobody; what it takes instead is checked where its signature is
    if runbook.is_runbook(intent):
        return  # what it takes instead is checked where its uses are counted
    said = (decision.approvals_needed, sorted(decision.approvers))
    if decision.approvals_needed < needs.approvals or set(needs.approvers) - set(decision.approvers):
        wanted = (needs.approvals, sorted(needs.approvers))
        raise ProofMismatch(f"it says approvals {said}; at this place of the log {wanted} were demanded")
