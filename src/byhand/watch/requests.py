# SPDX-License-Identifier: Apache-2.0
"""Nobody waits unknowingly: whoever must decide is told at once, reminded, and others are told when they do not.

For every intent that needs approvals, from the time the log recorded it:

    1  at once      the circle of its point
    2  3 minutes    the same circle again
    3  5 minutes    the second circle
    4  10 minutes   the requester, who is offered to break the glass

It stops when the intervention is decided, has ended or has expired. What was slept through is done once, late; a
reminder is not sent together with what it reminds of. Silence never approves, and a link never does: it leads to a
page that asks for a signature.

All of it follows from the log, a cursor and the time given; what was done is committed together with its letters.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from byhand import clock
from byhand.control.chains import Chains
from byhand.control.circles import Circles
from byhand.errors import ByhandError
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records.circles import Circle
from byhand.records.classification import demands_reason
from byhand.records.kinds import Intent
from byhand.records.visible import visible
from byhand.sinks.contract import Message, Occasion
from byhand.store.outbox import Letter, RequestBook, RequestRow

BATCH = 1_024  # entries looked at between two moves of the cursor
REMINDER_SECONDS = 180
SECOND_SECONDS = 300
BREAK_GLASS_SECONDS = 600
SCHEDULE: tuple[tuple[Occasion, int], ...] = (
    ("request", 0),
    ("reminder", REMINDER_SECONDS),
    ("second", SECOND_SECONDS),
    ("break-glass", BREAK_GLASS_SECONDS),
)
PENDING = "pending"
SHOWN_LENGTH_MAX = 120  # characters of a name in a message: a telephone shows two lines
logger = logging.getLogger("byhand.watch")


class Requests:
    """A follower of the log. Several processes may run it: what one of them did the others find done."""

    def __init__(
        self, journal: Journal, chains: Chains, circles: Circles, book: RequestBook, public_url: str
    ) -> None:
        self._journal = journal
        self._chains = chains
        self._circles = circles
        self._book = book
        self._public_url = public_url.rstrip("/")

    def turn(self, now: str) -> int:
        """Do what is due at ``now``; returns how many letters that took."""
        self._follow(now)
        return sum(self._serve(row, now) for row in self._book.requests())

    def _follow(self, now: str) -> None:
        """Note every request in what is new in the log."""
        while True:
            start, size = self._book.cursor(), self._journal.reader.size
            if start > size:  # of a longer log than this one: looked at anew, nothing is sent twice by it
                self._book.follow(start, 0, ())
                continue
            if start == size:
                return
            stop = min(start + BATCH, size)
            found = [row for one in self._journal.reader.scan(start, stop) if (row := _request(one, now))]
            self._book.follow(start, stop, found)

    def _serve(self, row: RequestRow, now: str) -> int:
        """What is due for one request; one that cannot be read holds up no other."""
        try:
            chain = self._chains.get(row.intervention)
            _, intent = chain.intent
        except ByhandError as error:
            logger.warning("the request about %s cannot be followed: %s", row.intervention, error)
            return 0
        if chain.state.phase != PENDING or row.expires <= now:
            self._book.end(row.intervention)
            return 0
        stages = due_stages(row, now)
        if not stages:
            return 0
        letters: list[Letter] = []
        unheard = row.unheard
        for stage in stages:
            destinations, why = self._reached(stage, intent)
            if stage != "break-glass":
                unheard = why if why or destinations else unheard
            letters += self._letters(stage, intent, destinations, now)
        if unheard and unheard != row.unheard:
            logger.warning("nobody hears that %s waits for a decision: %s", row.intervention, unheard)
        after = row._replace(stages=(*row.stages, *_passed(row, now)), unheard=unheard)
        return len(letters) if self._book.advance(row, after, letters) else 0

    def _reached(self, stage: Occasion, intent: Intent) -> tuple[tuple[str, ...], str]:
        """The destinations of a stage; and why there is nobody, where nobody is."""
        requester = intent.declaration.person
        if stage == "break-glass":
            return self._circles.of_person(requester), ""
        point = self._circles.point(intent.target.point)
        if point is None:
            return (), "its target is no registered point, so nobody is on call for it"
        if point.circle is None:
            return (), f"the point {point.name} names no circle"
        circle = self._circles.find(point.circle)
        if circle is None:
            return (), f"the point {point.name} asks the circle {point.circle}, which there is not"
        if stage == "second":
            return self._second(circle, requester)
        found = self._circles.reached(circle, but=requester)
        return found, "" if found else f"nobody but the requester is reached by the circle {circle.name}"

    def _second(self, circle: Circle, requester: str) -> tuple[tuple[str, ...], str]:
        """Where there is no second circle the first is not silently asked for ever: it was asked twice."""
        second = self._circles.find(circle.second)
        return (self._circles.reached(second, but=requester), "") if second is not None else ((), "")

    def _letters(
        self, stage: Occasion, intent: Intent, destinations: Iterable[str], now: str
    ) -> list[Letter]:
        message = msgspec.json.encode(self._message(stage, intent, now))
        return [
            Letter(f"{intent.id}-{stage}", one, intent.id, message, now, now, intent.declaration.expires)
            for one in destinations
        ]

    def _message(self, stage: Occasion, intent: Intent, now: str) -> Message:
        """What is told: no value, no reason, no secret; of careful classes neither the act nor the person."""
        target, declaration = intent.target, intent.declaration
        place = _shown(target.point or f"{target.system}/{target.type}")
        facts = [("Place", place), ("Risk", target.tier), ("Decide before", _until(declaration.expires, now))]
        if not demands_reason(intent.governance.classification):
            facts[1:1] = [("Act", _shown(declaration.action)), ("Asked by", _shown(declaration.person))]
        facts.append(("Intervention", intent.id))
        title, text = _WORDS[stage]
        return Message(
            id=f"{intent.id}-{stage}",
            occasion=stage,
            title=title.format(place=place),
            text=text,
            facts=tuple(facts),
            link=f"{self._public_url}/interventions/{intent.id}" if self._public_url else None,
            time=now,
            intervention=intent.id,
        )


_ASKED = (
    "Look at the exact change, then sign or refuse. Nothing happens by itself, and silence approves nothing."
)
_BREAK = (
    "If the act cannot wait you may break the glass: it is recorded, everybody on call is told, and two others "
    "review it within a day."
)
_WORDS: dict[Occasion, tuple[str, str]] = {
    "request": ("Decision needed: {place}", _ASKED),
    "reminder": ("Still waiting: {place}", f"Nobody has decided for three minutes. {_ASKED}"),
    "second": ("Nobody decided yet: {place}", f"The first circle has not decided for five minutes. {_ASKED}"),
    "break-glass": (
        "Nobody decided: {place}",
        f"Your request has waited for ten minutes. {_BREAK}",
    ),
}


def _request(stored: Stored, now: str) -> RequestRow | None:
    """The request in an entry, if it holds one that still matters."""
    record = stored.record
    if not isinstance(record, Intent) or record.decision.approvals_needed < 1:
        return None
    expires = record.declaration.expires
    return RequestRow(record.id, stored.leaf.recorded, expires) if expires > now else None


def _passed(row: RequestRow, now: str) -> list[Occasion]:
    """The stages whose time has come and that were not done."""
    return [
        stage
        for stage, seconds in SCHEDULE
        if stage not in row.stages and clock.after(row.recorded, seconds=seconds) <= now
    ]


def due_stages(row: RequestRow, now: str) -> list[Occasion]:
    """What is to be sent at ``now``: no reminder of what is only being sent."""
    passed = _passed(row, now)
    return [stage for stage in passed if not (stage == "reminder" and "request" in passed)]


def _shown(text: str) -> str:
    """Others' words on one visible line, cut where nobody reads on."""
    made = visible(text)
    return made if len(made) <= SHOWN_LENGTH_MAX else f"{made[:SHOWN_LENGTH_MAX]}..."


def _until(expires: str, now: str) -> str:
    """A time of day with what is left until then."""
    minutes = int((clock.parse(expires) - clock.parse(now)).total_seconds() // 60)
    return f"{expires[:10]} {expires[11:16]} UTC ({minutes} minutes left)"
