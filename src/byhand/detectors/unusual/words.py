# SPDX-License-Identifier: Apache-2.0
"""The reasons of a score, in words: what each side of an act adds to it, heaviest first. "Unusual", never "risky"."""

from __future__ import annotations

import math

from byhand.detectors.contract import Act, Reason
from byhand.detectors.unusual.features import ASPECTS, NAMES, Seen
from byhand.detectors.unusual.hours import hour_of_week
from byhand.detectors.unusual.weights import Fitted

BITS_MIN = 0.5  # less than that is no reason to give
REASONS_MAX = 6  # more are not read
NEVER = 0.05  # a decayed count below it was years ago
SELDOM = 0.25  # an hour a quarter as likely as any hour
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PLACES = {name: tuple(NAMES.index(one) for one in of) for name, of in ASPECTS.items()}


def reasons(act: Act, seen: Seen, fitted: Fitted, pace: float) -> tuple[Reason, ...]:
    """What counts for the act being unusual. The bits of all sides and the constant add up to the odds."""
    found = [
        Reason(_only_target(aspect, seen), _WORDS[aspect](act, seen), bits)
        for aspect, bits in contributions(seen, fitted).items()
        if bits >= BITS_MIN
    ]
    if pace / math.log(2) >= BITS_MIN:
        found.append(Reason("pace", "high volume: many acts in a short time", pace / math.log(2)))
    found.sort(key=lambda one: (-one.bits, one.aspect))
    return tuple(found[:REASONS_MAX])


def contributions(seen: Seen, fitted: Fitted) -> dict[str, float]:
    """Bits that each side adds, against an average act."""
    weights, means, features = fitted.weights, fitted.means, seen.features
    return {
        aspect: sum(weights[at] * (features[at] - means[at]) for at in places) / math.log(2)
        for aspect, places in PLACES.items()
    }


def _only_target(aspect: str, seen: Seen) -> str:
    """A target is told apart from a place where both its kind and the action are nothing new."""
    known = seen.family.own_count >= NEVER and seen.action.own_count >= NEVER
    return "target" if aspect == "place" and known else aspect


def _place(_: Act, seen: Seen) -> str:
    first = [_first_target(seen)] if seen.target.own_count < NEVER else []
    first += ["never changed a target of this kind"] if seen.family.own_count < NEVER else []
    first += ["first action of this kind"] if seen.action.own_count < NEVER else []
    return f"first seen: {', '.join(first)}" if first else "uncommon value: seldom does this, or here"


def _first_target(seen: Seen) -> str:
    if seen.target.everyone_count < NEVER:
        return "nobody has changed this target"
    if seen.target.role_count < NEVER:
        return "never changed this target, nor did anyone in this role"
    return "never changed this target"


def _time(act: Act, seen: Seen) -> str:
    hour = hour_of_week(act.at, act.zone)
    minute = int((act.at + act.zone * 60) % 3600 // 60)
    when = f"{DAYS[hour // 24]} at {hour % 24:02d}:{minute:02d} of their clock"
    if seen.of_hour_role < SELDOM:
        return f"uncommon value: no one in this role works at this hour ({when})"
    return f"uncommon value: seldom works at this hour ({when})"


def _approver(act: Act, seen: Seen) -> str:
    if not act.approver:
        return "uncommon value: nobody approved it, unlike most of this person's acts"
    if seen.approver.own_count < NEVER:
        return "first seen: never approved by this person before"
    return "uncommon value: seldom approved by this person"


def _zone(_: Act, seen: Seen) -> str:
    if seen.zone.own_count < NEVER:
        return "first seen: never in this time zone before"
    return "uncommon value: seldom in this time zone"


def _size(_: Act, __: Seen) -> str:
    return "high volume: larger than this person's acts are"


def _person(_: Act, __: Seen) -> str:
    return "first seen: little is known of this person yet"


_WORDS = {
    "place": _place,
    "time": _time,
    "approver": _approver,
    "zone": _zone,
    "size": _size,
    "person": _person,
}
