# SPDX-License-Identifier: Apache-2.0
"""When a person works: the hour of the week in the person's own time, smoothed over neighbouring hours and days.

Forty per cent of an act count for its hour of the week and its neighbours, sixty for the same hours of all days of
its kind (working days, or Saturday and Sunday): somebody who works Monday to Thursday at ten works at ten.
"""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

from byhand.detectors.unusual.decay import DAY, Weights

HOURS = 168  # of a week
KERNEL = ((-2, 0.04), (-1, 0.24), (0, 0.44), (1, 0.24), (2, 0.04))
SAME_HOUR, SAME_KIND_OF_DAY = 0.4, 0.6
PERSON_PRIOR = 12.0  # acts that the role's hours count for
ROLE_PRIOR = 40.0  # acts that everyone's hours count for
EVERYONE_PRIOR = 1.0  # one act spread over the whole week: no hour is impossible
WORKING_DAYS = 5
THURSDAY = 3  # 1970-01-01 was one; Monday is 0


def hour_of_week(at: float, zone: int) -> int:
    """0 is Monday from midnight to one, in the person's own time."""
    local = at + zone * 60
    day = (int(local // DAY) + THURSDAY) % 7
    return day * 24 + int(local % DAY // 3600)


def _spread(hour: int) -> tuple[tuple[int, float], ...]:
    day, of_day = divmod(hour, 24)
    days = range(WORKING_DAYS) if day < WORKING_DAYS else range(WORKING_DAYS, 7)
    shares = [0.0] * HOURS
    for step, share in KERNEL:
        shares[(hour + step) % HOURS] += SAME_HOUR * share
        for other in days:
            shares[(other * 24 + of_day + step) % HOURS] += SAME_KIND_OF_DAY * share / len(days)
    return tuple((place, share) for place, share in enumerate(shares) if share)


SPREAD = tuple(_spread(hour) for hour in range(HOURS))
Week = array  # of float: HOURS smoothed counts, and behind them their total


class HourLikelihood(NamedTuple):
    """What is known of one hour of the week; 1.0 would be as likely as any other hour."""

    person: float
    everyone: float
    role: float


class Hours:
    """Smoothed, decayed counts of every hour of the week: for persons, roles and everyone."""

    def __init__(self) -> None:
        self.persons: dict[str, array[float]] = {}
        self.roles: dict[str, array[float]] = {}
        self.everyone = _empty()

    def likelihood(self, person: str, role: str, hour: int, now: Weights) -> HourLikelihood:
        """How likely the hour is now, against all hours alike."""
        week, weight = self.everyone, now.everyone
        even = 1.0 / HOURS
        everyone = (week[hour] / weight + EVERYONE_PRIOR * even) / (week[HOURS] / weight + EVERYONE_PRIOR)
        probability, weight = everyone, now.person
        found = self.roles.get(role)
        if found is not None:
            probability = (found[hour] / weight + ROLE_PRIOR * probability) / (
                found[HOURS] / weight + ROLE_PRIOR
            )
        of_role = probability
        found = self.persons.get(person)
        if found is not None:
            total = found[HOURS] / weight + PERSON_PRIOR
            probability = (found[hour] / weight + PERSON_PRIOR * probability) / total
        return HourLikelihood(probability * HOURS, everyone * HOURS, of_role * HOURS)

    def add(self, person: str, role: str, hour: int, now: Weights) -> None:
        """Count one more."""
        found = self.persons.get(person)
        if found is None:
            found = self.persons[person] = _empty()
        _add(found, hour, now.person)
        if role:
            found = self.roles.get(role)
            if found is None:
                found = self.roles[role] = _empty()
            _add(found, hour, now.person)
        _add(self.everyone, hour, now.everyone)

    def regroup(self, roles: dict[str, str]) -> None:
        """As ``Backoff.regroup``."""
        self.roles = {}
        for person in sorted(self.persons):
            role = roles.get(person, "")
            if role:
                into = self.roles.setdefault(role, _empty())
                for place, count in enumerate(self.persons[person]):
                    into[place] += count

    def state(self) -> dict[str, Any]:
        """Everything counted."""
        return {
            "persons": {name: _sparse(week) for name, week in self.persons.items()},
            "roles": {name: _sparse(week) for name, week in self.roles.items()},
            "everyone": _sparse(self.everyone),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        self.persons = {name: _dense(week) for name, week in state["persons"].items()}
        self.roles = {name: _dense(week) for name, week in state["roles"].items()}
        self.everyone = _dense(state["everyone"])


def _empty() -> array[float]:
    return array("d", bytes(8 * (HOURS + 1)))


def _add(week: array[float], hour: int, weight: float) -> None:
    for place, share in SPREAD[hour]:
        week[place] += share * weight
    week[HOURS] += weight


def _sparse(week: array[float]) -> dict[str, float]:
    return {str(place): count for place, count in enumerate(week) if count}


def _dense(sparse: dict[str, float]) -> array[float]:
    week = _empty()
    for place, count in sparse.items():
        week[int(place)] = count
    return week
