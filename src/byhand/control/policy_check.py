# SPDX-License-Identifier: Apache-2.0
"""Policies judged before anybody signs them: a table of decisions, every forbid once left out, enough persons."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import msgspec

from byhand.control import authorization
from byhand.control.administration import Administrated
from byhand.control.authorization import Authorization, engine_of, resource_of, shipped
from byhand.errors import Fault, Invalid
from byhand.records.base import Part
from byhand.records.intervention import Tier
from byhand.records.policy import PolicyFile
from byhand.trust.authorization import About, Action, Asking, Change, Engine, Person, Resource
from byhand.trust.requirement import requirement

TABLE = "decisions.toml"
ROWS_MAX = 2_000  # decisions of one table; more is a test suite of its own
ALLOW, DENY = "allow", "deny"


class Row(Part, kw_only=True):
    """One decision and how it must come out."""

    action: Action
    """What is asked."""
    expect: str
    """``allow``, ``deny`` (no policy permits), or the policy that says no."""
    person: str = "asking"
    """Who asks."""
    roles: tuple[str, ...] = ()
    """The roles held there."""
    teams: tuple[str, ...] = ()
    """The person's teams."""
    active: bool = True
    """Whether a key speaks for them."""
    declared_by: str | None = None
    """Whose intervention it is; ``None``: the person's own."""
    system: str = "system"
    """Where."""
    environment: str = "production"
    """Where."""
    tier: Tier = "medium"
    """How risky."""
    team: str = ""
    """The point's team."""
    act: str = "area.object.verb"
    """The action type."""
    method: str = "ssh-key"
    """How the person proved who they are."""
    hardware: bool = False
    """By a key that cannot leave its device."""
    age_minutes: int = 0
    """How long ago."""
    minute: int = 720
    """Of the day, UTC."""
    weekday: int = 1
    """1 Monday to 7 Sunday."""
    area: str = "point"
    """What is administered."""
    own: bool = False
    """Whether that is about the person."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A decision that comes out otherwise than its row says."""

    name: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found; what is not ``serious`` is worth a look."""

    check: str
    what: str
    serious: bool = True


def shipped_table() -> tuple[Row, ...]:
    """The golden table of the shipped policies."""
    folder = resources.files("byhand.control").joinpath(authorization.POLICIES)
    return read_table(folder.joinpath(TABLE).read_text("utf-8"))


def read_table(text: str) -> tuple[Row, ...]:
    """The decisions in a TOML text; raises Invalid naming every row that is not of its form."""
    try:
        listed = tomllib.loads(text).get("decision")
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"the table is not TOML: {error}") from error
    if not isinstance(listed, list) or not 1 <= len(listed) <= ROWS_MAX:
        raise Invalid(f"a table holds 1 to {ROWS_MAX} tables [[decision]]")
    rows: list[Row] = []
    faults: list[Fault] = []
    for number, one in enumerate(listed):
        if not isinstance(one, dict):
            faults.append(Fault(f"/decision/{number}", "is no table", "begin each one with [[decision]]"))
            continue
        unknown = sorted(set(one) - set(Row.__struct_fields__))
        try:
            rows.append(msgspec.convert(one, Row))
        except msgspec.ValidationError as error:
            faults.append(Fault(f"/decision/{number}", str(error)))
        if unknown:
            faults.append(Fault(f"/decision/{number}", f"has unknown fields: {', '.join(unknown)}"))
    if faults:
        raise Invalid("the table is not valid", tuple(faults))
    return tuple(rows)


def play(engine: Engine, rows: tuple[Row, ...]) -> list[Failed]:
    """The rows that come out otherwise."""
    failed: list[Failed] = []
    for number, row in enumerate(rows, start=1):
        found = outcome(engine, row)
        if row.expect not in found:
            who = "+".join(row.roles) or "nobody's role"
            failed.append(Failed(f"{number} {who} {row.action}", row.expect, " ".join(found)))
    return failed


def outcome(engine: Engine, row: Row) -> tuple[str, ...]:
    """How a row comes out: ``allow``, ``deny``, or the policies that say no."""
    person = Person(row.person, frozenset(row.roles), frozenset(row.teams), row.active)
    asking = Asking(row.method, row.hardware, row.age_minutes, row.minute, row.weekday)
    verdict = engine.decide(person, row.action, _about(row), asking)
    if verdict.errors:
        return ("error", *verdict.errors)
    if verdict.allowed:
        return (ALLOW,)
    return verdict.policies or (DENY,)


def _about(row: Row) -> About:
    if row.action == "administer":
        return Change(row.area, row.own)
    owner = row.declared_by or row.person
    return Resource(
        system=row.system,
        type="type",
        id="id",
        environment=row.environment,
        tier=row.tier,
        action=row.act,
        point="point",
        team=row.team,
        person=owner,
        contributors=frozenset({owner}),
    )


def check(files: tuple[PolicyFile, ...]) -> list[Found]:
    """What is wrong with policies; raises Invalid when they do not fit the schema at all.

    Those that differ from the shipped ones may decide otherwise than the golden table: that is said, not refused.
    """
    engine, rows, own = engine_of(files), shipped_table(), files == shipped()
    found = [
        Found("decisions", f"row {one.name}: {one.expected} expected, {one.found} found", serious=own)
        for one in play(engine, rows)
    ]
    if own:
        found += [Found("mutation", f"no row fails without {name}") for name in unwatched(files, rows)]
    return found


def unwatched(files: tuple[PolicyFile, ...], rows: tuple[Row, ...]) -> list[str]:
    """The forbids that can be left out without any row of the table failing."""
    return [name for name, left in without_each(files, "forbid") if not play(engine_of(left), rows)]


def without_each(files: tuple[PolicyFile, ...], effect: str) -> list[tuple[str, tuple[PolicyFile, ...]]]:
    """The policies with each ``forbid`` or ``permit`` once left out, and which one that is."""
    import cedarpy

    text = "\n".join(one.text for one in files)
    written: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
    found: list[tuple[str, tuple[PolicyFile, ...]]] = []
    for key, one in written["staticPolicies"].items():
        if one["effect"] == effect:
            others = {name: other for name, other in written["staticPolicies"].items() if name != key}
            left = cedarpy.policies_from_json_str(json.dumps({**written, "staticPolicies": others}))
            found.append((one["annotations"]["id"], (PolicyFile(name="left.cedar", text=left),)))
    return found


def satisfiable(
    files: tuple[PolicyFile, ...], now: Administrated, authorization: Authorization
) -> list[Found]:
    """The points at which nobody could act, or too few beside any one of these could approve.

    Who asks is asked as if they had just proved who they are by the best of their keys, at noon on a Monday. One
    more must be able to approve also where nobody has to now: a change of risk, or an agent, makes it necessary.
    """
    engine, found = engine_of(files), list[Found]()
    keyring = now.keyring
    if keyring is None:
        return found
    persons = sorted({key.person for key in keyring.keys.values() if key.revoked_at is None})
    bound = {key.person for key in keyring.keys.values() if key.revoked_at is None and key.device_bound}
    for point in now.points.values():
        needs = requirement(point.tier, point, trial=keyring.is_trial(now.position))
        needed = max(1, needs.approvals)

        def may(person: str, action: Action, owner: str) -> bool:
            about = resource_of(point, person=owner)  # noqa: B023 - asked at once
            asking = Asking(method="ssh-key", hardware=person in bound, minute=720, weekday=1)
            return engine.decide(authorization.person(now, person, about), action, about, asking).allowed

        operators = [one for one in persons if may(one, "declare", one)]
        if not operators:
            found.append(Found("persons", f"nobody may act at the point {point.name}"))
        for operator in operators:
            able = [one for one in persons if one != operator and may(one, "approve", operator)]
            if len(able) < needed:
                who = "nobody" if not able else f"only {len(able)} of the {needed} it takes"
                what = f"at the point {point.name} {who} could approve what {operator} declares"
                found.append(Found("persons", what, serious=False))
                break
    return found
