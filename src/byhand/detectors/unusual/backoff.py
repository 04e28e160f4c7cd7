# SPDX-License-Identifier: Apache-2.0
"""How likely a value is for a person, where little is known of the person by the role, else by everyone.

    everyone = (count + a3 / values) / (total + a3)
    role     = (count + a2 * everyone) / (total + a2)
    person   = (count + a1 * role) / (total + a1)

Each line is a distribution when the one above it is; a value nobody used keeps its share of ``a3``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from byhand.detectors.unusual.decay import Weights

PAIRS_MAX = 200_000  # pairs of person and value that one counter keeps: some tens of megabytes
EVERYONE_MAX = 100_000  # values that are kept for everyone
KEPT_SHARE = 0.75  # of the pairs survive a sweep: it runs seldom, and what it drops hardly counted
Counts = dict[str, dict[str, float]]
TOTAL = "\0"  # the key of a member's total; no name of a target, action or zone begins with NUL


class Likelihood(NamedTuple):
    """What is known of one value."""

    person: float
    """Probability for this person, backed off."""
    everyone: float
    """Probability for anybody."""
    own_count: float
    """Decayed count of this person."""
    role_count: float
    """Decayed count of the person's role."""
    everyone_count: float


class Backoff:
    """Decayed counters of one aspect, on three levels. Bounded: beyond ``PAIRS_MAX`` the lightest are forgotten."""

    def __init__(self, person: float, role: float, everyone: float, values: int) -> None:
        """How many acts the level above counts for, level by level; ``values``: how many there may be."""
        self.prior = (person, role, everyone)
        self.values = values
        self.persons: Counts = {}
        self.roles: Counts = {}
        self.everyone: dict[str, float] = {TOTAL: 0.0}
        self.pairs = 0
        self.role_pairs = 0

    def likelihood(self, person: str, role: str, value: str, now: Weights) -> Likelihood:
        """How likely ``value`` is now."""
        a1, a2, a3 = self.prior
        weight = now.everyone
        everyone_count = self.everyone.get(value, 0.0) / weight
        everyone = (everyone_count + a3 / self.values) / (self.everyone[TOTAL] / weight + a3)
        weight = now.person
        probability, role_count, count = everyone, 0.0, 0.0
        counts = self.roles.get(role)
        if counts is not None:
            role_count = counts.get(value, 0.0) / weight
            probability = (role_count + a2 * probability) / (counts[TOTAL] / weight + a2)
        counts = self.persons.get(person)
        if counts is not None:
            count = counts.get(value, 0.0) / weight
            probability = (count + a1 * probability) / (counts[TOTAL] / weight + a1)
        return Likelihood(probability, everyone, count, role_count, everyone_count)

    def add(self, person: str, role: str, value: str, now: Weights) -> None:
        """Count one more."""
        self.pairs += _count_for(self.persons, person, value, now.person)
        if role:
            self.role_pairs += _count_for(self.roles, role, value, now.person)
        _count(self.everyone, value, now.everyone)
        if self.pairs > PAIRS_MAX:
            self.pairs = _sweep(self.persons)
        if self.role_pairs > PAIRS_MAX:
            self.role_pairs = _sweep(self.roles)
        if len(self.everyone) > EVERYONE_MAX:
            _keep_heaviest(self.everyone)

    def regroup(self, roles: dict[str, str]) -> None:
        """Build the counters of the roles anew from those of their members, in the order of their names."""
        self.roles = {}
        for person in sorted(self.persons):
            role = roles.get(person, "")
            if not role:
                continue
            into = self.roles.setdefault(role, {TOTAL: 0.0})
            for value, count in sorted(self.persons[person].items()):
                into[value] = into.get(value, 0.0) + count
        self.role_pairs = _pairs(self.roles)

    def state(self) -> dict[str, Any]:
        """Everything counted."""
        return {"persons": self.persons, "roles": self.roles, "everyone": self.everyone}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        self.persons, self.roles = state["persons"], state["roles"]
        self.everyone = state["everyone"]
        self.pairs, self.role_pairs = _pairs(self.persons), _pairs(self.roles)


def _pairs(found: Counts) -> int:
    return sum(len(counts) - 1 for counts in found.values())


def _count_for(found: Counts, member: str, value: str, weight: float) -> int:
    """Count one more; returns how many pairs that added."""
    counts = found.setdefault(member, {TOTAL: 0.0})
    added = value not in counts
    _count(counts, value, weight)
    return int(added)


def _sweep(found: Counts) -> int:
    """Forget the lightest pairs, ties by name, so that every replay forgets the same ones; how many are left."""
    pairs = sorted(
        (count, member, value)
        for member, counts in found.items()
        for value, count in counts.items()
        if value != TOTAL
    )
    kept = int(PAIRS_MAX * KEPT_SHARE)
    for count, member, value in pairs[: len(pairs) - kept]:
        counts = found[member]
        del counts[value]
        counts[TOTAL] -= count
        if len(counts) == 1:
            del found[member]
    return kept


def _count(counts: dict[str, float], value: str, weight: float) -> None:
    counts[value] = counts.get(value, 0.0) + weight
    counts[TOTAL] += weight


def _keep_heaviest(counts: dict[str, float]) -> None:
    found = sorted((count, value) for value, count in counts.items() if value != TOTAL)
    for count, value in found[: len(found) - int(EVERYONE_MAX * KEPT_SHARE)]:
        del counts[value]
        counts[TOTAL] -= count
