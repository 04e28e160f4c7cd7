# SPDX-License-Identifier: Apache-2.0
"""May this person, and if not, which policy says so: the gate's question, pure.

A verifier checks that the policies in force at its place are those that an intent names, and does not ask them again:
the schema of the byhand that decided, and how the person had signed in, are not all in the log.

0  the policies fit the schema, and each has a name of its own
1  the question fits the schema: only the person asked about and the one resource are shown to the engine
2  allowed is what a policy permits, none forbids, and no policy failed to be judged: the engine passes over a
   forbid that fails, and we do not
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from byhand.errors import Fault, Invalid
from byhand.records.policy import PolicyFile, RoleAssignment

Action = Literal["declare", "permit", "redeem", "conclude", "approve", "read", "administer"]
SETS_REMEMBERED = 16  # policy sets parsed at once; a home has one in force, a verifier meets a few
NAMESPACE = "Byhand"
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, with the roles held where the question is asked."""

    name: str
    roles: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    active: bool = True


@dataclass(frozen=True, slots=True)
class Resource:
    """Where somebody acts, or an intervention there."""

    system: str
    type: str
    id: str
    environment: str
    tier: str
    action: str
    point: str = ""
    team: str = ""
    person: str = ""
    contributors: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Loose:
    """A record outside of any intervention."""

    kind: str
    person: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change to byhand itself: what it is about, and whether that is the person who asks."""

    area: str
    own: bool = False


About = Resource | Loose | Change


@dataclass(frozen=True, slots=True)
class Asking:
    """How the person proved who they are, and when they ask."""

    method: str
    hardware: bool = False
    age_minutes: int = 0
    minute: int = 0
    weekday: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: which policies decided, and what whoever is refused can do."""

    allowed: bool
    policies: tuple[str, ...] = ()
    advice: str = ""
    errors: tuple[str, ...] = ()


def digest(files: tuple[PolicyFile, ...]) -> str:
    """SHA-256 (hex) of a policy set: the names and texts of its files, in the order of names."""
    listed = sorted((one.name, one.text) for one in files)
    return hashlib.sha256(json.dumps(listed, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def covers(assignment: RoleAssignment, about: About) -> bool:
    """Whether a role assigned so is held at ``about``. One with a scope is held at targets alone."""
    if not (assignment.systems or assignment.environments or assignment.teams):
        return True
    return (
        isinstance(about, Resource)
        and (not assignment.systems or about.system in assignment.systems)
        and (not assignment.environments or about.environment in assignment.environments)
        and (not assignment.teams or about.team in assignment.teams)
    )


class Engine:
    """One policy set under one schema. Immutable."""

    def __init__(self, files: tuple[PolicyFile, ...], schema: str) -> None:
        import cedarpy

        self._cedar = cedarpy
        text = "\n".join(one.text for one in sorted(files, key=lambda one: one.name))
        self.digest = digest(files)
        _check_text(cedarpy, files, text, schema)  # 0
        self._policies = cedarpy.PolicySet.from_str(text)
        self._schema = cedarpy.Schema.from_str(schema)
        self._advice = {name: str(one.get("advice") or "") for name, one in _annotations(text).items()}
        escaped = "\\" in text  # a name may then be spelt so that we do not see it
        self.asks_time = escaped or "minute" in text.replace("age_minutes", "") or "weekday" in text
        """Whether the hour may matter."""
        self.asks_age = escaped or "age_minutes" in text
        """Whether it may matter when the person proved who they are."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every policy by its name."""
        return tuple(self._advice)

    def decide(self, person: Person, action: Action, about: About, asking: Asking) -> Verdict:
        """The answer of this policy set; nothing that cannot be judged is allowed."""
        principal, entities, resource = _slice(person, about)
        request = {
            "principal": principal,
            "action": {"type": f"{NAMESPACE}::Action", "id": action},
            "resource": resource,
            "context": _context(about, asking),
        }
        told = self._cedar.is_authorized(
            request, self._policies, json.dumps(entities), schema=self._schema
        )  # 1
        ids = told.diagnostics.id_annotations_by_reason
        named = tuple(sorted(ids.get(one) or one for one in told.diagnostics.reasons))
        errors = tuple(str(one) for one in told.diagnostics.errors)
        allowed = told.decision == self._cedar.Decision.Allow and not errors  # 2
        advice = "" if allowed else next((self._advice[one] for one in named if self._advice.get(one)), "")
        return Verdict(allowed, named, advice, errors)


@functools.lru_cache(SETS_REMEMBERED)
def engine(files: tuple[PolicyFile, ...], schema: str) -> Engine:
    """The engine of a policy set, parsed once; raises Invalid naming what is wrong with it."""
    return Engine(files, schema)


def _slice(person: Person, about: About) -> tuple[dict[str, str], list[dict[str, Any]], dict[str, str]]:
    principal = {"type": f"{NAMESPACE}::Person", "id": person.name}
    parents = [{"type": f"{NAMESPACE}::Role", "id": one} for one in sorted(person.roles)]
    parents += [{"type": f"{NAMESPACE}::Team", "id": one} for one in sorted(person.teams)]
    attributes: dict[str, Any] = {"name": person.name, "active": person.active}
    resource, shown = _resource(about)
    entities: list[dict[str, Any]] = [
        {"uid": principal, "attrs": attributes, "parents": parents},
        {"uid": resource, "attrs": shown, "parents": []},
    ]
    return principal, entities, resource


def _resource(about: About) -> tuple[dict[str, str], dict[str, Any]]:
    if isinstance(about, Change):
        return {"type": f"{NAMESPACE}::Home", "id": "home"}, {}
    if isinstance(about, Loose):
        shown: dict[str, Any] = {"kind": about.kind, "person": about.person}
        return {"type": f"{NAMESPACE}::Record", "id": about.kind}, shown
    names = ("system", "type", "id", "point", "environment", "tier", "team", "action", "person")
    shown = {name: getattr(about, name) for name in names}
    shown["contributors"] = sorted(about.contributors)
    return {"type": f"{NAMESPACE}::Target", "id": about.id}, shown


def _context(about: About, asking: Asking) -> dict[str, Any]:
    context: dict[str, Any] = {
        "method": asking.method,
        "hardware": asking.hardware,
        "age_minutes": asking.age_minutes,
        "minute": asking.minute,
        "weekday": asking.weekday,
    }
    return {**context, "area": about.area, "own": about.own} if isinstance(about, Change) else context


def _annotations(text: str) -> Mapping[str, Mapping[str, Any]]:
    """What each policy says of itself, by its name; raises Invalid where one has none, or another's."""
    import cedarpy

    written = json.loads(cedarpy.policies_to_json_str(text))
    if written.get("templates"):
        raise Invalid(
            "the policies are not valid", (Fault("/policy", "hold a template, which nothing fills in"),)
        )
    found: dict[str, Mapping[str, Any]] = {}
    for number, one in enumerate(written["staticPolicies"].values()):
        said = one.get("annotations") or {}
        name = said.get("id")
        if not name or name in found:
            fault = Fault(f"/policy/{number}", "has no @id, or another policy's", 'write @id("...") above it')
            raise Invalid("the policies are not valid", (fault,))
        found[name] = said
    return found


def _check_text(cedar: Any, files: tuple[PolicyFile, ...], text: str, schema: str) -> None:
    """Raise Invalid naming what the engine says of policies that do not fit the schema."""
    told = cedar.validate_policies(text, schema)
    if files and told.validation_passed:
        _check_whole(cedar, files)
        return
    faults = tuple(Fault("/policy", str(one)) for one in told.errors) or (Fault("/policy", "is empty"),)
    raise Invalid("the policies are not valid", faults)


def _check_whole(cedar: Any, files: tuple[PolicyFile, ...]) -> None:
    """Raise Invalid for a file that is no whole text by itself: what it says would depend on the next one."""
    for one in files:
        try:
            cedar.PolicySet.from_str(one.text)
        except ValueError as error:
            fault = Fault(f"/policy/{one.name}", str(error))
            raise Invalid("the policies are not valid", (fault,)) from error
