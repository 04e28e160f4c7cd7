# SPDX-License-Identifier: Apache-2.0
"""Nobody waits unknowingly: whoever must decide is told at once, reminded, and others are told when they do not.

For every intent that needs approvals, from the time the log recorded it:

    1  at once      the circle of its point
    2  3 minutes    the same circle again
    3  5 minutes    the second circle
    4  10 minutes   the requester, who is offered to break the glass

It stops when the intervention is decided, has ended or has expired.

For every glass that was broken, in the same way:

    5  at once      both circles of its point: who, where, by which reason, and where it is reviewed
    6  12 hours     both again, while reviews are missing
    7  24 hours     both, and whoever broke it, when reviews are missing still

What was done about it in the meantime takes back none of 5: it is news, whatever became of it.

What was slept through is done once, late; a reminder is not sent together with what it reminds of. Silence never
approves, and a link never does: it leads to a page that asks for a signature.

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
from byhand.trust.break_glass import REVIEW_SECONDS_MAX, is_break_glass, reviews_missing

BATCH = 1_024  # entries looked at between two moves of the cursor
REMINDER_SECONDS = 180
SECOND_SECONDS = 300
BREAK_GLASS_SECONDS = 600
SCHEDULE: Schedule = (
    ("request", 0),
    ("reminder", REMINDER_SECONDS),
    ("second", SECOND_SECONDS),
    ("break-glass", BREAK_GLASS_SECONDS),
)
TOLD_SECONDS_MAX = (
    2 * REVIEW_SECONDS_MAX
)  # later nobody is called for it: the finding stays, and so does the rule
Schedule = tuple[tuple[Occasion, int], ...]
BROKEN: Schedule = (
    ("broken", 0),
    ("review", REVIEW_SECONDS_MAX // 2),
    ("overdue", REVIEW_SECONDS_MAX),
)
REMINDS_OF: dict[Occasion, frozenset[Occasion]] = {
    "reminder": frozenset({"request"}),
    "review": frozenset({"broken", "overdue"}),
}
"""What makes a reminder needless when it is sent at the same moment."""
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
        """What is due for one request; one that cannot be read holds up no other, and ends with its time."""
        if row.expires <= now:
            self._book.end(row.intervention, over=True)
            return 0
        try:
            chain = self._chains.get(row.intervention)
            _, intent = chain.intent
        except ByhandError as error:
            logger.warning("the request about %s cannot be followed: %s", row.intervention, error)
            return 0
        broken = is_break_glass(intent)
        if chain.state.phase != PENDING and not broken:
            self._book.end(row.intervention)
            return 0
        schedule = BROKEN if broken else SCHEDULE
        stages = due_stages(row, now, schedule)
        if broken and not reviews_missing(chain.state):
            stages = [stage for stage in stages if stage == "broken"]
        return self._advance(row, intent, stages, _passed(row, now, schedule), now)

    def _advance(
        self, row: RequestRow, intent: Intent, stages: list[Occasion], passed: list[Occasion], now: str
    ) -> int:
        """Write the letters of ``stages``, and note that ``passed`` are done, together."""
        if not passed:
            return 0
        letters: list[Letter] = []
        unheard = row.unheard
        for stage in stages:
            destinations, why = self._reached(stage, intent)
            if stage != "break-glass":
                unheard = why if why or destinations else unheard
            letters += self._letters(stage, intent, destinations, row, now)
        if unheard and unheard != row.unheard:
            logger.warning("nobody hears that %s waits for others: %s", row.intervention, unheard)
        after = row._replace(stages=(*row.stages, *passed), unheard=unheard)
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
        if stage in _WORDS_OF_BROKEN:
            found = tuple(dict.fromkeys((*found, *self._second(circle, requester)[0])))
        why = "" if found else f"nobody but the requester is reached by the circle {circle.name}"
        own = self._circles.of_person(requester) if stage == "overdue" else ()
        return tuple(dict.fromkeys((*found, *own))), why

    def _second(self, circle: Circle, requester: str) -> tuple[tuple[str, ...], str]:
        """Where there is no second circle the first is not silently asked for ever: it was asked twice."""
        second = self._circles.find(circle.second)
        return (self._circles.reached(second, but=requester), "") if second is not None else ((), "")

    def _letters(
        self, stage: Occasion, intent: Intent, destinations: Iterable[str], row: RequestRow, now: str
    ) -> list[Letter]:
        message = msgspec.json.encode(self._message(stage, intent, row, now))
        return [
            Letter(f"{intent.id}-{stage}", one, intent.id, message, now, now, row.expires)
            for one in destinations
        ]

    def _message(self, stage: Occasion, intent: Intent, row: RequestRow, now: str) -> Message:
        """What is told: no value, no text, no secret; of careful classes neither the act nor the person."""
        place = _shown(intent.target.point or f"{intent.target.system}/{intent.target.type}")
        facts = _facts(stage, intent, row, now)
        facts[0:0] = [("Place", place)]
        facts.append(("Intervention", intent.id))
        title, text = (_WORDS | _WORDS_OF_BROKEN)[stage]
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
_REVIEW = "Two others look at what was done and say whether it was right: byhand review ID right|wrong TEXT"
_WORDS_OF_BROKEN: dict[Occasion, tuple[str, str]] = {
    "broken": ("Glass broken: {place}", f"It did not wait for anybody's approval. {_REVIEW}"),
    "review": ("Review still missing: {place}", f"The glass was broken half a day ago. {_REVIEW}"),
    "overdue": (
        "Review overdue: {place}",
        f"The glass was broken a day ago; whoever did cannot break it again before. {_REVIEW}",
    ),
}


def _facts(stage: Occasion, intent: Intent, row: RequestRow, now: str) -> list[tuple[str, str]]:
    """Act, person, risk and time; of a broken glass the code of its reason too.

    The text of a reason can be erased from the log, but never from a chat: it is read where it can be erased.
    """
    declaration, justification = intent.declaration, intent.declaration.justification
    broken = stage in _WORDS_OF_BROKEN
    facts: list[tuple[str, str]] = []
    if not demands_reason(intent.governance.classification):
        by = "Broken by" if broken else "Asked by"
        facts = [("Act", _shown(declaration.action)), (by, _shown(declaration.person))]
        if broken and justification is not None:
            facts.append(("Reason", _shown(justification.code)))
    until = clock.after(row.recorded, seconds=REVIEW_SECONDS_MAX) if broken else declaration.expires
    before = "Review before" if broken else "Decide before"
    return [*facts, ("Risk", intent.target.tier), (before, _until(until, now))]


def _request(stored: Stored, now: str) -> RequestRow | None:
    """The request in an entry, if it holds one that still matters."""
    record = stored.record
    if not isinstance(record, Intent):
        return None
    broken = is_break_glass(record)
    if record.decision.approvals_needed < 1 and not broken:
        return None
    told_until = clock.after(stored.leaf.recorded, seconds=TOLD_SECONDS_MAX)
    expires = told_until if broken else record.declaration.expires
    return RequestRow(record.id, stored.leaf.recorded, expires) if expires > now else None


def _passed(row: RequestRow, now: str, schedule: Schedule) -> list[Occasion]:
    """The stages whose time has come and that were not done."""
    return [
        stage
        for stage, seconds in schedule
        if stage not in row.stages and clock.after(row.recorded, seconds=seconds) <= now
    ]


def due_stages(row: RequestRow, now: str, schedule: Schedule = SCHEDULE) -> list[Occasion]:
    """What is to be sent at ``now``: no reminder of what is only being sent."""
    passed = _passed(row, now, schedule)
    return [stage for stage in passed if REMINDS_OF.get(stage, frozenset()).isdisjoint(passed)]


def _shown(text: str) -> str:
    """Others' words on one visible line, cut where nobody reads on."""
    made = visible(text)
    return made if len(made) <= SHOWN_LENGTH_MAX else f"{made[:SHOWN_LENGTH_MAX]}..."


def _until(expires: str, now: str) -> str:
    """A time of day with what is left until then."""
    minutes = int((clock.parse(expires) - clock.parse(now)).total_seconds() // 60)
    left = f"{minutes} minutes left" if minutes >= 0 else "over"
    return f"{expires[:10]} {expires[11:16]} UTC ({left})"
