# SPDX-License-Identifier: Apache-2.0
"""Intervention points: the inventory of where people can intervene; tier and environment come from here."""

from __future__ import annotations

import difflib
import re
from datetime import date
from typing import get_args

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement
from byhand.control import near_points
from byhand.control.administration import Administrated, AdministrationFold
from byhand.control.identity import Caller
from byhand.control.reasons import justifies
from byhand.errors import Conflict, Fault, Invalid, NotFound, Refused
from byhand.probes import open_probe
from byhand.records import limits, lookalikes, rules
from byhand.records.intervention import Mode, Tier
from byhand.records.kinds import Administration, Point
from byhand.records.retention import CLASSES
from byhand.trust import administration as trust

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
NEAREST = 3  # names offered for a misspelt one: more is a list, not help
TIERS: tuple[Tier, ...] = get_args(Tier)
MODES: tuple[Mode, ...] = get_args(Mode)
UNREGISTERED = "unregistered"
PLACES_REMEMBERED = 4_096  # whose class is worked out once; a feed names the same ones again and again
APPROVALS_MAX = 8  # persons who must approve one act; with more of them nobody reads it any more
_AMOUNT = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?\Z", re.ASCII)
_ROLE = re.compile(r"[a-z][a-z-]{0,31}\Z", re.ASCII)
POINTERS_MAX = 64  # fields left out of a comparison or secret; with more, register a smaller field
ACTIONS = (trust.POINT_SET, trust.POINT_MODE, trust.POINT_RETIRE)


class Points:
    """The inventory of one home."""

    def __init__(self, administration: AdministrationFold) -> None:
        self._administration = administration
        self._classes: tuple[int, dict[tuple[str, str, str, str], str]] = (-1, {})

    def get(self, name: str) -> Point:
        """The point; raises NotFound with the nearest names, or saying that it was retired."""
        now = self._administration.current()
        if name in now.points:
            return now.points[name]
        if name in now.retired:
            raise NotFound(f"the intervention point {name!r} was retired", advice="See: byhand point list")
        near = difflib.get_close_matches(name, now.points, n=NEAREST)
        advice = f"Did you mean {', '.join(near)}?" if near else "See them with: byhand point list"
        raise NotFound(f"there is no intervention point {name!r}", advice=advice)

    def find(self, name: str) -> Point | None:
        """The point, also a retired one, or ``None``."""
        now = self._administration.current()
        return now.points.get(name) or now.retired.get(name)

    def head(self) -> int:
        """Index of the last change to byhand: while it stays, everything here does."""
        return self._administration.current().head

    def all(self) -> list[Point]:
        """Every point, by name."""
        points = self._administration.current().points
        return [points[name] for name in sorted(points)]

    def unregistered(self, action: str, system: str, type_: str, id_: str, field: str) -> Point:
        """What counts for a target that nobody registered: production, high, enforce.

        Registered points are not evaded by naming their target instead: the very same act is refused, and a
        place that only looks like the point's, both with the point's name; any other act on the same place has
        at least the risk of the points there, and hides and keeps what they do.
        """
        _check_target(system, type_, id_)
        near = [point for point in self.all() if near_points.overlaps(point, system, type_, id_, field)]
        for point in near:
            _check_not_evaded(point, action, system, type_, id_, field)
        tiers: list[Tier] = ["high", *(point.tier for point in near)]
        return Point(
            name=UNREGISTERED,
            action=action,
            system=system,
            type=type_,
            id=id_,
            field=field,
            owner="nobody",
            environment="production",
            tier=max(tiers, key=TIERS.index),
            mode="enforce",
            secrets=near_points.secrets(near, field),
            retention_class=near_points.retention_class(near),
            classification=near_points.classification(near),
        )

    def classification(self, system: str, type_: str, id_: str, field: str) -> str:
        """How carefully is kept what happens at a place: as the most careful of the points there says."""
        head, known = self._classes
        if head != self.head() or len(known) >= PLACES_REMEMBERED:
            known = {}
            self._classes = (self.head(), known)
        place = (system, type_, id_, field)
        found = known.get(place)
        if found is None:
            near = [point for point in self.all() if near_points.overlaps(point, *place)]
            found = known[place] = near_points.classification(near)
        return found

    def submit(self, caller: Caller, record: Administration) -> Acknowledgement:
        """Set, change the mode of, or retire a point.

        Raises Invalid naming every fault, NotFound, Conflict when nothing would change, Refused when the
        officers' signatures do not hold.
        """
        if record.action not in ACTIONS:
            advice = f"one of {', '.join(ACTIONS)}"
            raise Invalid("this changes no point", (Fault("/action", "is not about points", advice),))
        return self._administration.submit(caller, record, check=lambda now: _check(record, now))


def _check_target(system: str, type_: str, id_: str) -> None:
    """A target's names are written as they are seen: no two are one to the eye."""
    found = [
        Fault(f"/target/{name}", "is empty, or begins, ends or is filled with what cannot be seen")
        for name, text in (("system", system), ("type", type_), ("id", id_))
        if not text or not lookalikes.plainly_written(text)
    ]
    if found:
        raise Invalid("this target cannot be named so", tuple(found))


def _check_not_evaded(point: Point, action: str, system: str, type_: str, id_: str, field: str) -> None:
    if not near_points.is_same_place(point, system, type_, id_, field):
        spelt = f"{point.system}/{point.type}/{point.id}" + (f"#{point.field}" if point.field else "")
        raise Refused(
            f"this target looks like that of the intervention point {point.name}, but is spelt otherwise",
            advice=f"Write {spelt}, or name the point: {point.name}. Another target has a point of its own.",
        )
    if point.action == action and point.field == field:
        raise Refused(
            f"this target is registered as the intervention point {point.name}",
            advice=f"Name the point: {point.name}",
        )


def _check(record: Administration, now: Administrated) -> None:
    """Whether the change makes sense in the state ``now``."""
    known = now.points.get(record.subject)
    if known is None and record.action != trust.POINT_SET:
        raise NotFound(f"there is no intervention point {record.subject!r}", advice="See: byhand point list")
    if record.action == trust.POINT_RETIRE:
        return
    point = record.point
    if point is None or point.name != record.subject:
        raise Invalid("the change names no point", (Fault("/point", "is missing or not the subject"),))
    if point == known:
        raise Conflict(f"the point {point.name!r} is like this already", advice="See: byhand point list")
    if record.action == trust.POINT_MODE and known is not None:
        _check_mode(point, known)
        return
    found = faults(point, now)
    if found:
        raise Invalid(f"the point {point.name!r} is not valid", tuple(found))


def _check_mode(point: Point, known: Point) -> None:
    if point.mode not in MODES:
        raise Invalid("the mode is not valid", (Fault("/point/mode", f"must be one of {', '.join(MODES)}"),))
    if point != msgspec.structs.replace(known, mode=point.mode):
        raise Invalid(
            "a change of mode changes nothing else", (Fault("/point", "differs in more than its mode"),)
        )


def faults(point: Point, now: Administrated) -> list[Fault]:
    """Every fault of ``point``, were it registered in the state ``now``."""
    found: list[Fault] = []
    _check_names(point, found)
    _check_pointers(point, found)
    _check_choices(point, found)
    _check_approvals(point, found)
    _check_reasons(point, now, found)
    if point.probe is not None:
        _check_probe(point.probe, found)
    if point.review_by is not None:
        _check_date(point.review_by, found)
    return found


def _check_names(point: Point, found: list[Fault]) -> None:
    if _NAME.match(point.name) is None:
        found.append(
            Fault(
                "/point/name", "is no name", "at most 64 of a-z 0-9 . _ -, beginning with a letter or digit"
            )
        )
    elif point.name == UNREGISTERED:
        found.append(
            Fault("/point/name", "is taken: it stands for targets without a point", "choose another name")
        )
    rules.action_fault(point.action, "/point/action", found)
    for name in ("system", "type", "id", "owner", "team", "environment", "circle", "classification"):
        value = getattr(point, name)
        if value is not None and not _is_visible(value):
            found.append(Fault(f"/point/{name}", f"must be 1 to {limits.NAME_LENGTH_MAX} visible characters"))


def _is_visible(text: str) -> bool:
    return (
        bool(text.strip())
        and len(text) <= limits.NAME_LENGTH_MAX
        and lookalikes.plainly_written(text)
        and not rules.hidden(text)
    )


def _check_pointers(point: Point, found: list[Fault]) -> None:
    rules.pointer_fault(point.field, "/point/field", found)
    for name in ("ignore", "secrets"):
        pointers = getattr(point, name)
        if len(pointers) > POINTERS_MAX:
            found.append(Fault(f"/point/{name}", f"are more than {POINTERS_MAX}", "register a smaller field"))
        for number, pointer in enumerate(pointers[:POINTERS_MAX]):
            rules.pointer_fault(pointer, f"/point/{name}/{number}", found)
    if "" in point.ignore:
        found.append(Fault("/point/ignore", "leaves out the whole value", "then nothing would be compared"))


def _check_choices(point: Point, found: list[Fault]) -> None:
    for name, choices in (("tier", TIERS), ("mode", MODES), ("retention_class", tuple(sorted(CLASSES)))):
        if getattr(point, name) not in choices:
            found.append(Fault(f"/point/{name}", "is unknown", f"one of {', '.join(choices)}"))


def _check_approvals(point: Point, found: list[Fault]) -> None:
    if point.approvals is not None and not 0 <= point.approvals <= APPROVALS_MAX:
        found.append(Fault("/point/approvals", f"must be 0 to {APPROVALS_MAX}"))
    if point.approvals_above is not None and _AMOUNT.match(point.approvals_above) is None:
        found.append(Fault("/point/approvals_above", "is no amount", "write a plain number, e.g. 1000000"))
    if len(point.approvers) > APPROVALS_MAX:
        found.append(Fault("/point/approvers", f"are more than {APPROVALS_MAX}"))
    for number, role in enumerate(point.approvers[:APPROVALS_MAX]):
        if _ROLE.match(role) is None:
            found.append(
                Fault(f"/point/approvers/{number}", "is no role", "small letters and -, e.g. risk-desk")
            )


def _check_reasons(point: Point, now: Administrated, found: list[Fault]) -> None:
    known = {code: reason for code, reason in now.reasons.items() if not reason.retired}
    for number, code in enumerate(point.reasons):
        at = f"/point/reasons/{number}"
        if code not in known:
            near = difflib.get_close_matches(code.upper(), known, n=NEAREST)
            advice = f"did you mean {', '.join(near)}?" if near else "see: byhand reason list"
            found.append(Fault(at, "is no reason code in force", advice))
        elif not justifies(known[code], point.action):
            advice = f"it is for {', '.join(known[code].actions)}"
            found.append(Fault(at, f"{code} cannot justify {point.action}", advice))
    if len(set(point.reasons)) != len(point.reasons):
        found.append(Fault("/point/reasons", "name a code twice", "name each once"))
    if not point.reasons and not any(justifies(reason, point.action) for reason in known.values()):
        found.append(
            Fault("/point/reasons", f"no code in force can justify {point.action}", "see: byhand reason add")
        )


def _check_probe(address: str, found: list[Fault]) -> None:
    try:
        open_probe(address)
    except Invalid as error:
        complaints = error.faults or (Fault("", str(error), error.advice),)
        found += [Fault("/point/probe", fault.message, fault.advice) for fault in complaints]


def _check_date(text: str, found: list[Fault]) -> None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        found.append(Fault("/point/review_by", "is no date", "write 2027-01-31"))
        return
    if len(text) != len("2027-01-31") or day < clock.parse(clock.now()).date():
        found.append(
            Fault("/point/review_by", "lies in the past or is not written in full", "write 2027-01-31")
        )
