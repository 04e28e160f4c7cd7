# SPDX-License-Identifier: Apache-2.0
"""The gate behind a server, and the spool for when nobody answers for it: low and medium risk only, and loudly.

What the server says stands: an answer that refuses, or that says that it has no room, is never turned into a spool.
Only when nobody answered at all, before anything was sent that may have been recorded, the act goes into the spool,
on what the server said of its point within the last hours.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from byhand import clock
from byhand.client.contract import (
    Acknowledgement,
    ApprovalRequest,
    Attempt,
    Backend,
    Concluded,
    Declared,
    Identity,
    Permitted,
    PointView,
    PolicyView,
    Receipt,
    SpoolAnswer,
    SpoolAnswers,
)
from byhand.client.signing import Signer
from byhand.client.spool_file import CachedView, SpoolFile, Views
from byhand.errors import (
    BeforeStateChanged,
    ByhandError,
    Fault,
    Invalid,
    LogUnavailable,
    NotPermitted,
    OutcomeUnknown,
    Refused,
    StillSpooled,
    Unreachable,
)
from byhand.records import captured, codec
from byhand.records.intervention import Declaration, Spooled
from byhand.records.kinds import Outcome
from byhand.records.spool import SpooledAct, line_digest
from byhand.trust.spool import TIERS, check_way

AWAY_SECONDS = (
    30.0  # a server that was away is not asked again for this long: each try costs seconds of an act
)
BATCH_LINES_MAX = 64  # as many as the server takes at once
BATCH_BYTES_MAX = 524_288  # half of what the server takes: a line in JSON grows by its quotes
NOT_YET = -1

Answer = TypeVar("Answer")


class Server(Backend, Protocol):
    """A backend that takes spools."""

    def send_spool(self, lines: Sequence[str]) -> SpoolAnswers:
        """Record what was spooled; may be sent again as it is."""
        ...


def to_stderr(text: str) -> None:
    """A message for the person; that nobody can hear it changes nothing."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return


class SpoolBackend:
    """See ``byhand.client.contract.Backend``. For one process; what it spooled it remembers until it is sent."""

    def __init__(
        self,
        connect: Callable[[], Server],
        *,
        url: str,
        folder: Path,
        signer: Callable[[], Signer],
        say: Callable[[str], None] = to_stderr,
        away: bool = False,
        person: str | None = None,
    ) -> None:
        """``away``: nobody answered for the server just now. ``person``: who acts, where the settings name them."""
        self._person = person
        self._connect = connect
        self._folder = folder
        self._views = Views(folder, url)
        self._signer = signer
        self._say = say
        self._away_until = time.monotonic() + AWAY_SECONDS if away else 0.0
        self._met: CachedView | None = None
        self._planned: dict[str, tuple[Declaration, CachedView]] = {}
        self._nowhere: set[str] = set()
        """Acts that were to be spooled and have no line: nothing is known of them anywhere, and nothing was done."""
        self._spooled: dict[str, int] = {}
        """By record id (intent or outcome): its line."""

    # -- asking, and being answered or not

    def _asked(self, ask: Callable[[Server], Answer]) -> Answer:
        """The server's answer; raises Unreachable also while it was away a moment ago."""
        if time.monotonic() < self._away_until:
            raise Unreachable("the server was away a moment ago, and is not asked again yet")
        try:
            server = self._connect()
            answer = ask(server)
        except Unreachable:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise
        return answer

    def _last(self) -> CachedView:
        """Who it was and of which log, from the last time the server was met."""
        found = self._met or self._views.last()
        if found is None:
            raise Unreachable(
                "the server was never met from here: it is not known who acts, and on which log"
            )
        self._check_person(found)
        return found

    def _check_person(self, found: CachedView) -> None:
        """What a server said to one person is not known to another."""
        met = found.identity.person
        if self._person not in (None, met):
            raise Unreachable(
                f"the server was last met by {met}, not by {self._person}: what it would say to them is not known"
            )

    @property
    def origin(self) -> str:
        """The log's name, as it was when the server was met last."""
        if self._met is not None:
            return self._met.origin
        try:
            return self._asked(lambda server: server.origin)
        except Unreachable:
            return self._last().origin

    def identity(self) -> Identity:
        """The signed-in person; when nobody answers, whoever it was. Their own key signs every line anyway."""
        try:
            return self._asked(lambda server: server.identity())
        except Unreachable:
            return self._last().identity

    def point(self, name: str) -> PointView:
        """The registered point, as the server says; or as it said within the last hours, where it may be spooled."""
        try:
            view, origin, identity = self._asked(
                lambda server: (server.point(name), server.origin, server.identity())
            )
        except Unreachable as away:
            return self._cached(name, away).view
        self._met = CachedView(seen=clock.now(), origin=origin, identity=identity, view=view)
        try:
            self._views.keep(self._met)
        except LogUnavailable as error:  # the server is there: only an outage later will miss it
            self._say(f"byhand: what is known of {name} is not kept for an outage: {error}")
        self.send_pending()
        return view

    def _cached(self, name: str, away: Unreachable) -> CachedView:
        try:
            found = self._views.fresh(name, now=clock.now())
        except Refused as refusal:
            raise Unreachable(f"{away}; {refusal}", advice=refusal.advice) from away
        self._check_person(found)
        point = found.view.point
        if point.approvals or point.approvals_above is not None or point.approvers:
            raise Unreachable(f"{away}. Acts at {name} may need approval: they are never spooled")
        if found.view.tier not in TIERS:
            raise Unreachable(
                f"{away}. {name} is of {found.view.tier} risk: acts there are never spooled"
            ) from away
        return found

    def policy(self) -> PolicyView:
        """The policies in force, as the server itself says."""
        return self._asked(lambda server: server.policy())

    def target(self, action: str, system: str, type_: str, id_: str, field: str) -> PointView:
        """The view of an unregistered target: high risk, so the server itself must say it."""
        return self._asked(lambda server: server.target(action, system, type_, id_, field))

    # -- the gate

    def declare(self, declaration: Declaration, statement: str | None) -> Declared:
        """Record the intent; when nobody answers, keep it for the spool: it goes there when the act begins."""
        try:
            return self._asked(lambda server: server.declare(declaration, statement))
        except Unreachable as away:
            return self._plan(declaration, away)

    def _plan(self, declaration: Declaration, away: Unreachable) -> Declared:
        if declaration.point is None:
            raise away
        try:
            check_way(declaration)
        except NotPermitted as refusal:
            raise Unreachable(f"{away}; {refusal}") from away
        known = self._cached(declaration.point, away)
        _check_reason(declaration, known.view)
        self._planned[declaration.record] = (declaration, known)
        self._nowhere.add(declaration.record)
        return Declared(
            acknowledgement=self._not_yet(declaration.record),
            intervention=declaration.record,
            mode=known.view.mode,
            tier=known.view.tier,
            expires=declaration.expires,
        )

    def decide(self, intervention: str, request: ApprovalRequest) -> Acknowledgement:
        """Record a signed decision; nobody approves what the log does not hold."""
        return self._asked(lambda server: server.decide(intervention, request))

    def permit(self, intervention: str, redeem: Attempt | None = None) -> Permitted:
        """Issue the permit; for an act that goes into the spool its line is durable when this returns."""
        planned = self._planned.pop(intervention, None)
        if planned is None:
            return self._asked(lambda server: server.permit(intervention, redeem))
        if redeem is None:
            raise Unreachable("a permit alone is not given out while the log cannot be reached")
        return self._spool_act(*planned, redeem)

    def redeem(self, intervention: str, attempt: Attempt) -> Permitted:
        """Use the permit; one that the server gave out, it alone can see used."""
        return self._asked(lambda server: server.redeem(intervention, attempt))

    def _spool_act(self, declaration: Declaration, known: CachedView, attempt: Attempt) -> Permitted:
        view, original = known.view, declaration.change.original
        unread = original.form == attempt.before.form == "unknown"
        if (
            view.mode == "enforce"
            and not unread
            and not captured.same(attempt.before, original, view.point.ignore)
        ):
            raise BeforeStateChanged("the target changed since this was declared")
        spooled = Spooled(
            tier=view.tier,
            mode=view.mode,
            viewed=known.seen,
            attempt=attempt.attempt,
            executor=attempt.executor,
            before=attempt.before,
            comparison="atomic" if attempt.comparison == "atomic" else "checked",
            window_ms=attempt.window_ms,
        )
        act = SpooledAct(declaration=declaration, spooled=spooled)
        line = self._file(known).add(act, self._signer())
        number = line.statement.sequence
        self._nowhere.discard(declaration.record)
        self._spooled[declaration.record] = number
        self._say(
            f"byhand: the log cannot be reached. This act is spooled on this machine, signed by {declaration.person}"
            f" (line {number}), and is in no log yet. When the log is back: byhand spool send"
        )
        return Permitted(
            acknowledgement=self._not_yet(declaration.record),
            permit="",
            intervention=declaration.record,
            expires=declaration.expires,
            attempt=attempt.attempt,
        )

    def conclude(self, intervention: str, outcome: Outcome) -> Concluded:
        """Record how it ended. Its id makes telling it twice harmless: so it may be spooled whatever was sent."""
        if intervention in self._nowhere:
            raise Unreachable("nothing was recorded of this act, and nothing was done")
        if intervention not in self._spooled and outcome.id not in self._spooled:
            try:
                return self._asked(lambda server: server.conclude(intervention, outcome))
            except (Unreachable, OutcomeUnknown):
                return self._spool_outcome(outcome)
        concluded = self._spool_outcome(outcome)
        self.send_pending()
        return concluded

    def _spool_outcome(self, outcome: Outcome) -> Concluded:
        """Only what no record can hold is refused here; what else keeps it out is no word of the log's: it waits."""
        if outcome.id in self._spooled:
            return Concluded(acknowledgement=self._not_yet(outcome.id), outcome=outcome)
        codec.validate(outcome)
        try:
            line = self._file(self._last()).add(outcome, self._signer())
        except LogUnavailable:
            raise
        except ByhandError as error:
            raise LogUnavailable(f"the outcome could not be spooled: {error}", advice=error.advice) from error
        number = line.statement.sequence
        self._spooled[outcome.id] = number
        self._say(
            f"byhand: {outcome.result}; the outcome is spooled as well (line {number}). There is no receipt before"
            f" it was sent: byhand spool send"
        )
        return Concluded(acknowledgement=self._not_yet(outcome.id), outcome=outcome)

    def receipt(self, record: str) -> Receipt:
        """The receipt of a record; raises StillSpooled while it is only in the spool."""
        if record in self._spooled:
            self.send_pending()
        number = self._spooled.get(record)
        if number is not None:
            raise StillSpooled(f"{record} is line {number} of this machine's spool, and in no log yet")
        return self._asked(lambda server: server.receipt(record))

    def close(self) -> None:
        """Nothing is held here: whoever connects closes."""

    # -- the way back

    def send_pending(self) -> None:
        """Send what waits, if the server is there; whoever acts is told, and never stopped by it."""
        answers: list[SpoolAnswer] = []
        waiting = list(self._spooled)
        try:
            file = self._file(self._last())
            if not file.raw():
                for record in waiting:  # another process sent them
                    self._spooled.pop(record, None)
                return
            self._asked(lambda server: answers.extend(send(server, file)))
        except Unreachable:
            pass  # it waits; what was answered before counts
        except ByhandError as error:
            self._say(f"byhand: the spool could not be sent: {error}")
        self._forget(answers)
        tell(answers, self._say)

    def _forget(self, answers: Sequence[SpoolAnswer]) -> None:
        sent = {one.acknowledgement.record for one in answers} | {one.intervention for one in answers}
        for record in [one for one in self._spooled if one in sent]:
            del self._spooled[record]  # an act whose outcome is still to come is concluded like any other now

    def _file(self, known: CachedView) -> SpoolFile:
        return SpoolFile(self._folder, known.origin, known.identity.person)

    def _not_yet(self, record: str) -> Acknowledgement:
        """It is in no log yet, and nothing is promised."""
        return Acknowledgement(
            origin=self.origin,
            record=record,
            index=NOT_YET,
            leaf="",
            recorded=clock.now(),
            promise="",
        )


def send(server: Server, file: SpoolFile) -> Iterator[SpoolAnswer]:
    """Bring every line to the log, batch by batch, as answers are asked for; killed anywhere, all may be sent again."""
    while rows := _batch(file.raw()):
        answered = server.send_spool(rows).answers
        if [one.line for one in answered] != [line_digest(row.encode()) for row in rows]:
            raise LogUnavailable("the server did not answer for every line: nothing is taken as sent")
        # A crash exactly here leaves lines that the log has: they are sent again and get the same answers.
        file.acknowledged(rows)
        yield from answered


def _batch(rows: Sequence[str]) -> list[str]:
    batch: list[str] = []
    size = 0
    for row in rows[:BATCH_LINES_MAX]:
        size += len(row.encode())
        if batch and size > BATCH_BYTES_MAX:
            break
        batch.append(row)
    return batch


def tell(answers: Sequence[SpoolAnswer], say: Callable[[str], None]) -> None:
    """What became of what was sent, and everything that was found."""
    if not answers:
        return
    say(f"byhand: {len(answers)} line(s) of the spool are in the log now")
    for one in answers:
        for verdict in one.verdicts:
            where = one.intervention or one.line[:16]
            say(f"byhand: {verdict} ({where})" + (f": {one.cause}" if one.cause else ""))


def _check_reason(declaration: Declaration, view: PointView) -> None:
    """What can be told of the reason without the server; the rest is written down when the line comes back."""
    given, codes = declaration.justification, [reason.code for reason in view.reasons]
    if view.mode == "enforce" and (given is None or given.code not in codes):
        fault = Fault("/justification/code", "is not offered here", f"use one of {', '.join(codes)}")
        raise Invalid("the reason is not valid", (fault,))
