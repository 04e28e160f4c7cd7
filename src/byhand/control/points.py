# SPDX-License-Identifier: Apache-2.0
"""Intervention points: the inventory of where people can intervene; tier and environment come from here."""

from __future__ import annotations

import difflib
import re
from datetime import date

from byhand.client.contract import Acknowledgement
from byhand.control.administration import AdministrationFold
from byhand.control.identity import Caller
from byhand.errors import Fault, Invalid, NotFound
from byhand.probes import check_spec
from byhand.records import rules
from byhand.records.kinds import Administration, Point
from byhand.records.retention import CLASSES
from byhand.trust import administration as trust

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
NEAREST = 3  # names offered for a misspelt one: more is a list, not help


class Points:
    """The inventory of one home."""

    def __init__(self, administration: AdministrationFold) -> None:
        self._administration = administration

    def get(self, name: str) -> Point:
        """The point; raises NotFound with the nearest names."""
        points = self._administration.current().points
        if name in points:
            return points[name]
        near = difflib.get_close_matches(name, points, n=NEAREST)
        advice = f"Did you mean {', '.join(near)}?" if near else "See them with: byhand point list"
        raise NotFound(f"there is no intervention point {name!r}", advice=advice)

    def find(self, name: str) -> Point | None:
        """The point, or ``None``."""
        return self._administration.current().points.get(name)

    def all(self) -> list[Point]:
        """Every point, by name."""
        points = self._administration.current().points
        return [points[name] for name in sorted(points)]

    @staticmethod
    def unregistered(action: str, system: str, type_: str, id_: str, field: str) -> Point:
        """What counts for a target that nobody registered: production, high, enforce."""
        return Point(
            name="unregistered",
            action=action,
            system=system,
            type=type_,
            id=id_,
            field=field,
            owner="nobody",
            environment="production",
            tier="high",
            mode="enforce",
        )

    def submit(self, caller: Caller, record: Administration) -> Acknowledgement:
        """Set, change the mode of, or retire a point; raises Invalid naming every fault."""
        if record.action == trust.POINT_RETIRE:
            self.get(record.subject)
        else:
            self._check(record)
        return self._administration.submit(caller, record)

    def _check(self, record: Administration) -> None:
        point = record.point
        if point is None or point.name != record.subject:
            raise Invalid("the change names no point", (Fault("/point", "is missing or not the subject"),))
        found: list[Fault] = []
        _check_names(point, found)
        self._check_reasons(point, found)
        _check_reading(point, found)
        if point.retention_class not in CLASSES:
            found.append(Fault("/point/retention_class", "is unknown", f"one of {', '.join(sorted(CLASSES))}"))
        if point.review_by is not None:
            _check_date(point.review_by, found)
        if found:
            raise Invalid(f"the point {point.name!r} is not valid", tuple(found))
        if record.action == trust.POINT_MODE and point != _with_mode(self.get(point.name), point.mode):
            raise Invalid("a change of mode changes nothing else", (Fault("/point", "differs in more than its mode"),))

    def _check_reasons(self, point: Point, found: list[Fault]) -> None:
        known = self._administration.current().reasons
        for number, code in enumerate(point.reasons):
            if code not in known or known[code].retired:
                near = difflib.get_close_matches(code, known, n=NEAREST)
                advice = f"did you mean {', '.join(near)}?" if near else "see: byhand reason list"
                found.append(Fault(f"/point/reasons/{number}", f"the reason code {code} is unknown or retired", advice))


def _with_mode(point: Point, mode: str) -> Point:
    values = {name: getattr(point, name) for name in point.__struct_fields__}
    return Point(**{**values, "mode": mode})


def _check_names(point: Point, found: list[Fault]) -> None:
    if _NAME.match(point.name) is None:
        found.append(Fault("/point/name", "is no name", "at most 64 of a-z 0-9 . _ -, beginning with a letter or digit"))
    rules.action_fault(point.action, "/point/action", found)
    rules.pointer_fault(point.field, "/point/field", found)
    for name in ("system", "type", "id", "owner", "environment"):
        value = getattr(point, name)
        if not value.strip() or rules.hidden(value):
            found.append(Fault(f"/point/{name}", "must hold visible characters"))
    for name in ("ignore", "secrets"):
        for number, pointer in enumerate(getattr(point, name)):
            rules.pointer_fault(pointer, f"/point/{name}/{number}", found)


def _check_reading(point: Point, found: list[Fault]) -> None:
    if point.probe is None:
        return
    try:
        check_spec(point.probe)
    except Invalid as error:
        found += [Fault("/point/probe", fault.message, fault.advice) for fault in error.faults]


def _check_date(text: str, found: list[Fault]) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        found.append(Fault("/point/review_by", "is no date", "write 2027-01-31"))
