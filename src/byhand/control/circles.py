# SPDX-License-Identifier: Apache-2.0
"""Circles: who is on call for a point. Set by officers' signatures, like every other change to byhand."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from byhand.client.contract import Acknowledgement
from byhand.control.administration import Administrated, AdministrationFold
from byhand.control.identity import Caller
from byhand.errors import Conflict, Fault, Invalid, NotFound
from byhand.journal.journal import Journal
from byhand.records.circles import Circle
from byhand.records.kinds import Administration, Point
from byhand.trust import administration as trust

NEAREST = 3  # names offered for a misspelt one: more is a list, not help
ACTIONS = (trust.CIRCLE_SET, trust.CIRCLE_RETIRE)


class Circles:
    """The circles of one home."""

    def __init__(
        self, journal: Journal, administration: AdministrationFold, kinds: Callable[[], Iterable[str]]
    ) -> None:
        """``kinds``: the kinds of destination that there are."""
        self._journal = journal
        self._administration = administration
        self._kinds = kinds

    def get(self, name: str) -> Circle:
        """The circle; raises NotFound with the nearest names."""
        circles = self._administration.current().circles
        if name in circles:
            return circles[name]
        near = difflib.get_close_matches(name, circles, n=NEAREST)
        advice = f"Did you mean {', '.join(near)}?" if near else "See them with: byhand circle list"
        raise NotFound(f"there is no circle {name!r}", advice=advice)

    def find(self, name: str | None) -> Circle | None:
        """The circle, or ``None``."""
        return self._administration.current().circles.get(name or "")

    def all(self) -> list[Circle]:
        """Every circle, by name."""
        circles = self._administration.current().circles
        return [circles[name] for name in sorted(circles)]

    def point(self, name: str | None) -> Point | None:
        """The registered point that may name a circle."""
        return self._administration.current().points.get(name or "")

    def enrolled(self) -> frozenset[str]:
        """Everybody for whom a key speaks now: nobody else can decide."""
        return self._administration.keyring().persons_at(self._journal.reader.size)

    def reached(self, circle: Circle, *, but: str = "") -> tuple[str, ...]:
        """Its destinations, then those of its members who can decide, but for one person; each once."""
        persons = self.enrolled() - {but}
        own = [one for member in circle.members if member.person in persons for one in member.destinations]
        return tuple(dict.fromkeys((*circle.destinations, *own)))

    def of_person(self, person: str) -> tuple[str, ...]:
        """What reaches one person alone, as far as any circle says."""
        members = [member for circle in self.all() for member in circle.members if member.person == person]
        return tuple(dict.fromkeys(one for member in members for one in member.destinations))

    def submit(self, caller: Caller, record: Administration) -> Acknowledgement:
        """Set or retire a circle.

        Raises Invalid naming every fault, NotFound, Conflict when nothing would change or somebody still needs it,
        Refused when the officers' signatures do not hold.
        """
        if record.action not in ACTIONS:
            advice = f"one of {', '.join(ACTIONS)}"
            raise Invalid("this changes no circle", (Fault("/action", "is not about circles", advice),))
        return self._administration.submit(caller, record, check=lambda now: self._check(record, now))

    def _check(self, record: Administration, now: Administrated) -> None:
        known = now.circles.get(record.subject)
        if record.action == trust.CIRCLE_RETIRE:
            _check_not_needed(record.subject, known, now)
            return
        circle = record.circle
        if circle is None or circle.name != record.subject:
            raise Invalid("the change names no circle", (Fault("/circle", "is missing or not the subject"),))
        if circle == known:
            raise Conflict(f"the circle {circle.name!r} is like this already", advice="byhand circle list")
        found = self._faults(circle, now)
        if found:
            raise Invalid(f"the circle {circle.name!r} is not valid", tuple(found))

    def _faults(self, circle: Circle, now: Administrated) -> list[Fault]:
        """Every fault: members are enrolled, each once; destinations are of kinds there are; the second exists."""
        found: list[Fault] = []
        persons = (
            now.keyring.persons_at(self._journal.reader.size) if now.keyring is not None else frozenset()
        )
        for number, member in enumerate(circle.members):
            if member.person not in persons:
                advice = "byhand person list"
                found.append(Fault(f"/circle/members/{number}/person", "is enrolled here as nobody", advice))
        if len({member.person for member in circle.members}) != len(circle.members):
            found.append(Fault("/circle/members", "name a person twice", "name each once"))
        if not circle.members:
            found.append(Fault("/circle/members", "are nobody", "name who is on call: --member PERSON"))
        if circle.second is not None and (circle.second == circle.name or circle.second not in now.circles):
            found.append(Fault("/circle/second", "is no other circle", "set that one first"))
        return [*found, *self._unreachable(circle)]

    def _unreachable(self, circle: Circle) -> list[Fault]:
        listed = [
            *(("/circle/destinations", one) for one in circle.destinations),
            *(
                (f"/circle/members/{number}/destinations", one)
                for number, member in enumerate(circle.members)
                for one in member.destinations
            ),
        ]
        if not listed:
            advice = "add --to slack:NAME, or --member PERSON=smtp:NAME"
            return [Fault("/circle/destinations", "lead nowhere: nobody would ever hear", advice)]
        kinds = sorted(self._kinds())
        advice = f"begin with one of {', '.join(f'{kind}:' for kind in kinds)}"
        return [
            Fault(at, "is of a kind that there is not", advice)
            for at, one in listed
            if one.partition(":")[0] not in kinds
        ]


def _check_not_needed(name: str, known: Circle | None, now: Administrated) -> None:
    if known is None:
        raise NotFound(f"there is no circle {name!r}", advice="See them with: byhand circle list")
    points = [point.name for point in now.points.values() if point.circle == name]
    circles = [circle.name for circle in now.circles.values() if circle.second == name]
    if points or circles:
        needing = ", ".join(sorted(points + circles)[:NEAREST])
        raise Conflict(f"the circle {name!r} is still asked for: {needing}", advice="Change those first.")
