# SPDX-License-Identifier: Apache-2.0
"""An act as numbers: how surprising each side of it is for this person, and how much likelier for somebody else.

For each side two numbers. *Surprise*: minus the logarithm of the probability for this person. *Likelihood ratio*:
the logarithm of the probability for anybody over that for this person. What is rare for everyone surprises and yet
says nothing about who it was; what is common for everyone and new for this person says much.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from byhand.detectors.contract import Act
from byhand.detectors.unusual.backoff import Backoff, Likelihood
from byhand.detectors.unusual.decay import Weights
from byhand.detectors.unusual.habits import PERSONS_MAX, UNKNOWN, Habits
from byhand.detectors.unusual.hours import Hours, hour_of_week
from byhand.detectors.unusual.paces import Paces
from byhand.detectors.unusual.roles import learn_roles

NOBODY = "-"
"""The approver of an act that nobody approved; no person's id is a dash."""
PROBABILITY_MIN = 1e-12  # keeps a logarithm finite
NAMES = (
    "time",
    "time_ratio",
    "target",
    "target_ratio",
    "target_known",
    "target_role",
    "family",
    "family_ratio",
    "action",
    "action_ratio",
    "action_here",
    "approver",
    "approver_ratio",
    "zone",
    "zone_ratio",
    "size",
    "person_known",
    "idle",
)
"""What the weights are for, in order."""
ASPECTS = {
    "time": ("time", "time_ratio"),
    "place": (
        "target",
        "target_ratio",
        "target_known",
        "target_role",
        "family",
        "family_ratio",
        "action",
        "action_ratio",
        "action_here",
    ),
    "approver": ("approver", "approver_ratio"),
    "zone": ("zone", "zone_ratio"),
    "size": ("size",),
    "person": ("person_known", "idle"),
}
"""Which of them are told as one reason. Target, kind and action go together, so only their sum is known."""
# How many acts the level above counts for, and how many values there may be.
PRIORS = {
    "target": (6.0, 30.0, 50.0, 3_000),
    "family": (4.0, 20.0, 20.0, 400),
    "action": (8.0, 20.0, 20.0, 30),
    "here": (4.0, 10.0, 10.0, 30),
    "approver": (5.0, 10.0, 10.0, 100),
    "zone": (2.0, 10.0, 10.0, 60),
}


class Seen(NamedTuple):
    """What the counters say of one act; the numbers and the words are made of it."""

    features: list[float]
    pace: float
    target: Likelihood
    family: Likelihood
    action: Likelihood
    approver: Likelihood
    zone: Likelihood
    of_hour_role: float
    """How likely this hour is for the role, against all hours alike."""
    habits: Habits


class Counters:
    """Everything that is counted of persons, roles and everyone."""

    def __init__(self) -> None:
        self.hours = Hours()
        self.paces = Paces()
        self.sides = {name: Backoff(*prior) for name, prior in PRIORS.items()}
        self.habits: dict[str, Habits] = {}
        self.roles: dict[str, str] = {}
        """Learned from what people work on."""

    def role(self, act: Act) -> str:
        """The role that was learned of the person, if any was."""
        return self.roles.get(act.person, "")

    def look(self, act: Act, now: Weights) -> Seen:
        """Compare an act with what was counted."""
        person, role, sides = act.person, self.role(act), self.sides
        hour = self.hours.likelihood(person, role, hour_of_week(act.at, act.zone), now)
        target = sides["target"].likelihood(person, role, act.target, now)
        family = sides["family"].likelihood(person, role, act.family, now)
        action = sides["action"].likelihood(person, role, act.action, now)
        here = sides["here"].likelihood(f"{person}\n{act.target}", act.target, act.action, now)
        approver = sides["approver"].likelihood(person, role, act.approver or NOBODY, now)
        zone = sides["zone"].likelihood(person, role, str(act.zone), now)
        habits = self.habits.get(person, UNKNOWN)
        log = math.log2
        features = [
            -log(hour.person),
            log((hour.everyone * 0.5 + 0.5) / hour.person),  # somebody else, or any time
            -log(target.person),
            log(target.everyone / target.person),
            log(1.0 + target.own_count),
            log(1.0 + target.role_count),
            -log(family.person),
            log(family.everyone / family.person),
            -log(action.person),
            log(action.everyone / action.person),
            -log(here.person),
            -log(approver.person),
            log(approver.everyone / approver.person),
            -log(zone.person),
            log(zone.everyone / zone.person),
            min(habits.surprise_of_size(act.size), 40.0),
            log(1.0 + habits.known(act.at)),
            log(1.0 + habits.idle_days(act.at)),
        ]
        pace = self.paces.surprise(person, habits.level(act.at), now)
        return Seen(features, pace, target, family, action, approver, zone, hour.role, habits)

    def add(self, act: Act, now: Weights) -> None:
        """Count one more act."""
        person, role, sides = act.person, self.role(act), self.sides
        self.hours.add(person, role, hour_of_week(act.at, act.zone), now)
        sides["target"].add(person, role, act.target, now)
        sides["family"].add(person, role, act.family, now)
        sides["action"].add(person, role, act.action, now)
        sides["here"].add(f"{person}\n{act.target}", act.target, act.action, now)
        sides["approver"].add(person, role, act.approver or NOBODY, now)
        sides["zone"].add(person, role, str(act.zone), now)
        habits = self.habits.get(person, UNKNOWN)
        self.paces.add(person, habits.spell(act.at), habits.level(act.at), now)
        self.habits[person] = habits.after(act.at, act.size)
        if len(self.habits) > PERSONS_MAX:
            self._forget()

    def _forget(self) -> None:
        """Those who acted longest ago, ties by name."""
        found = sorted((habits.last, person) for person, habits in self.habits.items())
        for _, person in found[: len(found) // 4]:
            del self.habits[person]
            self.hours.persons.pop(person, None)
            self.paces.persons.pop(person, None)
            self.roles.pop(person, None)

    def regroup(self, now: Weights) -> None:
        """Learn the roles anew and count for them what their members did."""
        self.roles = learn_roles(self.sides["target"].persons, now.person)
        self.hours.regroup(self.roles)
        for name, side in self.sides.items():
            if name != "here":  # there the level between is the target, not the role
                side.regroup(self.roles)

    def state(self) -> dict[str, Any]:
        """Everything counted."""
        return {
            "hours": self.hours.state(),
            "paces": self.paces.state(),
            "sides": {name: side.state() for name, side in self.sides.items()},
            "habits": self.habits,
            "roles": self.roles,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        self.hours.restore(state["hours"])
        self.paces.restore(state["paces"])
        for name, side in self.sides.items():
            side.restore(state["sides"][name])
        self.habits = {person: Habits(*habits) for person, habits in state["habits"].items()}
        self.roles = state["roles"]
