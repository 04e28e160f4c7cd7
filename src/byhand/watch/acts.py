# SPDX-License-Identifier: Apache-2.0
"""Records as acts that a detector compares: intents and observations of the points that take part.

Which points take part is read from the log as it is followed, so that the same log gives the same acts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from byhand import clock
from byhand.detectors.contract import Act
from byhand.journal.reader import Stored
from byhand.records import captured
from byhand.records.intervention import Times
from byhand.records.kinds import Administration, Intent, Observation
from byhand.records.values import CapturedValue

EVERYTHING = "*"
DIFFERENCES_MAX = 1_000  # a change of more fields is large, however much larger
UNKNOWN_PERSONS = frozenset({"UNATTRIBUTED"})
"""Who stands for nobody in particular: there is no habit to compare with."""


class Place(NamedTuple):
    """A point as far as it is needed here."""

    team: str
    target: str


class TakingPart:
    """The points of the teams and names that take part; everything else is neither compared nor learned."""

    def __init__(self, teams: Iterable[str], points: Iterable[str]) -> None:
        self._teams = frozenset(teams)
        self._points = frozenset(points)
        self.places: dict[str, Place] = {}

    @property
    def nobody(self) -> bool:
        """Whether nothing takes part."""
        return not self._teams and not self._points

    def chosen(self) -> list[list[str]]:
        """What was chosen, to tell whether it still is."""
        return [sorted(self._teams), sorted(self._points)]

    def registered(self, record: Administration) -> None:
        """Remember a point as it is from now on."""
        point = record.point
        if point is not None:
            target = f"{point.system}/{point.type}/{point.id}"
            self.places[point.name] = Place(point.team or "", target)

    def act(self, stored: Stored) -> tuple[Act, str] | None:
        """The act in an entry and the team it counts for; ``None`` where there is none that takes part."""
        record = stored.record
        if isinstance(record, Intent):
            return self._with_team(_intent(stored, record), record.target.point)
        if isinstance(record, Observation) and record.intervention in (None, record.id):
            return self._with_team(_observation(stored, record), record.target.point)
        return None  # an observation of a declared act is that act once more

    def _with_team(self, act: Act, point: str | None) -> tuple[Act, str] | None:
        if act.person in UNKNOWN_PERSONS:
            return None
        name = point or self._point_at(act.target)
        team = self.places[name].team if name in self.places else ""
        if EVERYTHING in self._teams or name in self._points or (team and team in self._teams):
            return act, team
        return None

    def _point_at(self, target: str) -> str:
        return next((name for name, place in sorted(self.places.items()) if place.target == target), "")

    def state(self) -> dict[str, Any]:
        """Everything it goes by."""
        return {"chosen": self.chosen(), "places": self.places}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        self.places = {name: Place(*place) for name, place in state["places"].items()}


def _intent(stored: Stored, record: Intent) -> Act:
    """When the log recorded it: what a person says of the time is not held against anybody, nor for them."""
    declared, target = record.declaration, record.target
    return Act(
        id=record.id,
        at=_seconds(stored.leaf.recorded),
        zone=(declared.times.utc_offset_minutes or 0) if declared.times is not None else 0,
        person=declared.person,
        target=f"{target.system}/{target.type}/{target.id}",
        family=f"{target.system}/{target.type}",
        action=declared.action,
        size=_size(declared.change.original, declared.change.new),
    )


def _observation(stored: Stored, record: Observation) -> Act:
    """When it took place, as the source says: what is brought in late still took place then; never in the future."""
    target = record.target
    return Act(
        id=record.id,
        at=_occurred(record.times, stored.leaf.recorded),
        zone=record.times.utc_offset_minutes or 0,
        person=record.actor.person,
        target=f"{target.system}/{target.type}/{target.id}",
        family=f"{target.system}/{target.type}",
        action=record.action,
        size=_size(record.original, record.new),
    )


def _occurred(times: Times, recorded: str) -> float:
    return min(_seconds(times.occurred or times.observed or recorded), _seconds(recorded))


def _size(original: CapturedValue | None, new: CapturedValue | None) -> float:
    """How many fields differ; one where that cannot be said."""
    if original is None or new is None:
        return 1.0
    return float(min(max(1, len(captured.differences(original, new))), DIFFERENCES_MAX))


def _seconds(text: str) -> float:
    return clock.parse(text).timestamp()
