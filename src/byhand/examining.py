# SPDX-License-Identifier: Apache-2.0
"""Hands an installation to the doctor: what is to be looked at, put together. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from byhand import clock, wiring
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.doctor import Diagnosis, Doctor, Parts
from byhand.errors import ByhandError
from byhand.journal.tree import StoredTree
from byhand.store.outbox import DEAD_SECONDS
from byhand.trust.requirement import demanded

UNFOLLOWED_SECONDS = 60.0  # followers look once a second; a minute is no accident
OUTBOX_ADVICE = "Stop the server and take outbox.db away: it is made anew from the log, and tells once more."
DEAD_SHOWN_MAX = 5  # messages that were given up, one by one; more say the same once more


def examine(path: Path, *, account_is_shared: bool) -> list[Diagnosis]:
    """Everything about the home at ``path``, as far as it lets itself be looked at."""
    try:
        with parts_of(path, account_is_shared=account_is_shared) as parts:
            return Doctor(parts).look()
    except ByhandError as error:
        return [Diagnosis("home", "wrong", str(error), error.advice)]


def opening(path: Path) -> list[Diagnosis]:
    """Whether the home opens, which runs its own checks of tree, anchor and keys."""
    try:
        wiring.open_home(path).close()
    except ByhandError as error:
        return [Diagnosis("home", "wrong", f"it cannot be opened: {error}", error.advice)]
    return [Diagnosis("home", "ok", "it opens")]


@contextmanager
def parts_of(path: Path, *, account_is_shared: bool) -> Iterator[Parts]:
    """What the doctor looks at; raises HomeRefused, LogUnavailable when there is nothing to look at."""
    with wiring.read_home(path) as home:
        tree = home.entries.tree()
        yield Parts(
            path=path,
            keys=path / wiring.KEYS_FOLDER,
            databases=sorted(
                {*path.glob("*.db"), *(path / wiring.KEYS_FOLDER).glob("*.db"), path / wiring.LOG_FILE}
            ),
            origin=home.origin,
            identity=wiring.home_identity(path),
            verifiers=home.key.verifiers if home.key is not None else (),
            anchor=home.anchor,
            published=home.entries.published(),
            tree=StoredTree(home.entries, tree),
            recorded=tree.recorded,
            indexed=lambda: _indexed(path),
            requests=lambda: _requests(path),
            known=KnownLogs(known_logs_path(os.environ)),
            account_is_shared=account_is_shared,
        )


def _indexed(path: Path) -> tuple[int, list[str]]:
    home = wiring.open_home(path, start=False)
    try:
        return home.index.cursor(), wiring.index_differences(home)
    finally:
        home.close()


def _requests(path: Path) -> list[Diagnosis]:
    """Whether those who must decide can be told: circles, destinations, and what did not get there."""
    home = wiring.open_home(path, start=False)
    try:
        return [*_circles(home), *_outbox(home)]
    finally:
        home.close()


def _outbox(home: wiring.Home) -> list[Diagnosis]:
    """What is on its way; where that cannot be read, nobody is told anything until it can."""
    try:
        return [*_undelivered(home)]
    except ByhandError as error:
        return [Diagnosis("requests", "wrong", f"nobody is told anything: {error}", OUTBOX_ADVICE)]


def _circles(home: wiring.Home) -> Iterator[Diagnosis]:
    """Points whose circle is missing, and destinations that lead nowhere."""
    for point in home.points.all():
        if point.circle is not None and home.circles.find(point.circle) is None:
            what = f"the point {point.name} asks the circle {point.circle}, which there is not"
            yield Diagnosis("requests", "wrong", what, f"byhand circle set {point.circle} --member PERSON")
        elif point.circle is None and demanded(point.tier, point.mode).approvals:
            what = f"decisions are needed at the point {point.name}, and it names no circle: nobody is told"
            yield Diagnosis("requests", "warning", what, f"byhand point add {point.name} --circle NAME")
    places = wiring.destinations(home.settings.notify)
    for circle in home.circles.all():
        reached = home.circles.reached(circle)
        if not reached:
            what = f"the circle {circle.name} reaches nobody who can decide"
            yield Diagnosis("requests", "wrong", what, f"byhand circle set {circle.name} --member PERSON")
        for name in reached:
            error = places.fault(name)
            if error is not None:
                told = " ".join(str(error).split())
                yield Diagnosis("requests", "wrong", f"{name}: {told}", error.advice or "byhand circle test")


def _unfollowed(home: wiring.Home) -> Iterator[Diagnosis]:
    """Entries in which nobody looked for requests; where no circle is, nobody is to be told."""
    cursor, size = home.outbox.cursor(), home.journal.reader.size
    if cursor >= size or not home.circles.all():
        return
    if home.journal.reader.leaf(cursor).recorded < clock.after(clock.now(), seconds=-UNFOLLOWED_SECONDS):
        what = f"{size - cursor} entries were not looked at: nobody follows the log, and nobody is told"
        yield Diagnosis("requests", "warning", what, "Run: byhand serve, or byhand watch")


def _undelivered(home: wiring.Home) -> Iterator[Diagnosis]:
    """Requests that nobody heard of, and messages that were given up within a day."""
    yield from _unfollowed(home)
    since = clock.after(clock.now(), seconds=-DEAD_SECONDS)
    counts = home.outbox.counts(since)
    if counts.unheard:
        waiting = f"{counts.unheard} of {counts.requests} interventions"
        what = f"{waiting} wait for a decision or a review, and nobody hears of it"
        yield Diagnosis("requests", "wrong", what, "Tell somebody yourself; then mend circle or destination.")
    dead = home.outbox.letters(state="dead", since=since)
    for letter in dead[:DEAD_SHOWN_MAX]:
        what = f"{letter.destination} was not told at {letter.written}: {letter.cause}"
        yield Diagnosis("requests", "warning", what, "byhand circle test NAME")
    if len(dead) > DEAD_SHOWN_MAX:
        yield Diagnosis("requests", "warning", f"{len(dead)} messages were given up within a day")
