# SPDX-License-Identifier: Apache-2.0
"""What registered points mean for an act on the same place that names none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from byhand.records import json_text
from byhand.records.classification import strictest
from byhand.records.intervention import Governance, Tier
from byhand.records.kinds import Point
from byhand.records.lookalikes import likeness
from byhand.records.retention import CLASSES

_TIERS: tuple[Tier, ...] = get_args(Tier)
_USUAL = Governance()


def overlaps(point: Point, system: str, type_: str, id_: str, field: str) -> bool:
    """Whether the point's field is this field, lies within it, or it within the point's, as a reader sees them."""
    theirs = [likeness(text) for text in (point.system, point.type, point.id)]
    same = theirs == [likeness(text) for text in (system, type_, id_)]
    return same and _within_one_another(likeness(point.field), likeness(field))


def is_same_place(point: Point, system: str, type_: str, id_: str, field: str) -> bool:
    """Whether an overlapping place is spelt as the point's is."""
    same = (point.system, point.type, point.id) == (system, type_, id_)
    return same and _within_one_another(point.field, field)


def _within_one_another(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def secrets(near: Sequence[Point], field: str) -> tuple[str, ...]:
    """Every pointer that one of the points declares secret, as seen from ``field``."""
    found = {
        moved
        for point in near
        for secret in point.secrets
        if (moved := _seen_from(point.field, secret, field)) is not None
    }
    return tuple(sorted(found))


def _seen_from(base: str, secret: str, field: str) -> str | None:
    """The secret at ``base`` + ``secret`` as a pointer into ``field``; ``None`` when it lies elsewhere.

    What lies inside a secret is secret as a whole. ``*`` in ``secret`` stands for any one step.
    """
    place = [*json_text.tokens(base), *json_text.tokens(secret)]
    steps = json_text.tokens(field)
    if any(want not in ("*", step) for want, step in zip(place, steps, strict=False)):
        return None
    return "".join(f"/{json_text.escape(token)}" for token in place[len(steps) :])


def retention_class(near: Sequence[Point]) -> str:
    """The class that keeps longest; a point's own word rather than the default where both keep as long."""
    named = sorted(
        {point.retention_class for point in near} | {_USUAL.retention_class},
        key=lambda name: (CLASSES[name].days_min, name != _USUAL.retention_class, name),
    )
    return named[-1]


def classification(near: Sequence[Point]) -> str:
    """The most careful one; of several as careful the riskiest point's."""
    ranked = sorted(near, key=lambda point: (_TIERS.index(point.tier), point.name), reverse=True)
    return strictest([point.classification for point in ranked] or [_USUAL.classification])
