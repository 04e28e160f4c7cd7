# SPDX-License-Identifier: Apache-2.0
"""Roles learned from what people work on, where nobody says what their roles are: persons with like targets.

Spherical k-means over each person's targets, in plain additions in the order of names: the same on every machine.
"""

from __future__ import annotations

import math

from byhand.detectors.unusual.backoff import TOTAL, Counts

ROLES_MAX = 12  # more split teams into single persons (measured with 12)
ROUNDS = 5  # after these hardly anybody moves
TARGETS_MAX = 30  # of a person: what somebody does most says what the role is
PERSONS_MAX = 2_000  # the busiest; those who do little have no role of their own yet
ACTS_MIN = 5.0  # decayed; below it a person's targets say nothing about a role
Vector = dict[str, float]


def learn_roles(targets: Counts, weight: float) -> dict[str, str]:
    """The role of every person about whom enough is known. ``weight``: of an act now."""
    vectors = _vectors(targets, weight)
    if len(vectors) < 2 * ROLES_MAX:
        return {}
    centres = _first(vectors)
    roles: dict[str, int] = {}
    for _ in range(ROUNDS):
        roles = {person: _nearest(vector, centres) for person, vector in vectors.items()}
        centres = _centres(vectors, roles, centres)
    return {person: f"role {role + 1}" for person, role in roles.items()}


def _vectors(targets: Counts, weight: float) -> dict[str, Vector]:
    """Each person's main targets, rare ones counting more, of length one; by name."""
    known = [
        (-counts[TOTAL], person) for person, counts in targets.items() if counts[TOTAL] / weight >= ACTS_MIN
    ]
    persons = sorted(person for _, person in sorted(known)[:PERSONS_MAX])
    mains: dict[str, list[tuple[float, str]]] = {}
    shared: dict[str, int] = {}
    for person in persons:
        found = sorted((-count, target) for target, count in targets[person].items() if target != TOTAL)
        mains[person] = [(-count, target) for count, target in found[:TARGETS_MAX]]
        for _, target in mains[person]:
            shared[target] = shared.get(target, 0) + 1
    rare = {target: math.log((1 + len(persons)) / (1 + holders)) + 1 for target, holders in shared.items()}
    return {
        person: _unit({target: math.log1p(count / weight) * rare[target] for count, target in mains[person]})
        for person in persons
    }


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(math.fsum(part * part for part in vector.values()))
    return {name: part / length for name, part in vector.items()} if length else vector


def _likeness(vector: Vector, centre: Vector) -> float:
    return math.fsum(part * centre.get(name, 0.0) for name, part in vector.items())


def _nearest(vector: Vector, centres: list[Vector]) -> int:
    return max(range(len(centres)), key=lambda place: (_likeness(vector, centres[place]), -place))


def _first(vectors: dict[str, Vector]) -> list[Vector]:
    """Beginnings far from each other: each next one is the person least like those chosen."""
    persons = list(vectors)
    centres = [vectors[persons[0]]]
    likest = {person: _likeness(vectors[person], centres[0]) for person in persons}
    while len(centres) < ROLES_MAX:
        chosen = min(persons, key=lambda person: (likest[person], person))
        centres.append(vectors[chosen])
        for person in persons:
            likest[person] = max(likest[person], _likeness(vectors[person], centres[-1]))
    return centres


def _centres(vectors: dict[str, Vector], roles: dict[str, int], before: list[Vector]) -> list[Vector]:
    sums: list[Vector] = [{} for _ in before]
    for person, vector in vectors.items():
        into = sums[roles[person]]
        for name, part in vector.items():
            into[name] = into.get(name, 0.0) + part
    return [_unit(found) if found else old for found, old in zip(sums, before, strict=True)]
