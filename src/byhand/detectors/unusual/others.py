# SPDX-License-Identifier: Apache-2.0
"""What somebody else would do: a real act with parts of other people's acts, for the weights to learn from.

Nothing here imitates an attack. Parts are exchanged at random, so that the weights learn which sides of an act tell
persons and times apart, not what one kind of misuse looks like.
"""

from __future__ import annotations

from collections.abc import Sequence

from byhand.detectors.contract import Act
from byhand.detectors.unusual.chance import Chance
from byhand.detectors.unusual.decay import DAY

KINDS = ("time", "place", "time and place", "everything")
MOVED_DAYS = 3  # a time is moved by at most so much: another hour of another day, the same season


def somebody_else(act: Act, others: Sequence[Act], chance: Chance) -> Act:
    """``act`` with its time, its place, both, or everything but the person, from others."""
    kind = KINDS[chance.below(len(KINDS))]
    if kind == "everything":
        other = others[chance.below(len(others))]
        return other._replace(person=act.person, at=_near(act.at, other))
    changed = act
    if kind != "place":
        changed = changed._replace(at=act.at + chance.below(int(2 * MOVED_DAYS * DAY)) - MOVED_DAYS * DAY)
    if kind != "time":
        other = others[chance.below(len(others))]
        changed = changed._replace(
            target=other.target, family=other.family, action=other.action, size=other.size
        )
    return changed


def _near(at: float, other: Act) -> float:
    """The other's time of the week in this season, so that decay does not tell them apart."""
    week = 7 * DAY
    return other.at + round((at - other.at) / week) * week
