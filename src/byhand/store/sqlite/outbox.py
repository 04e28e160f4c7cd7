# SPDX-License-Identifier: Apache-2.0
"""Requests and letters in a small SQLite file of their own, so that nothing here ever waits in the log's way.

The file is opened when it is first needed: one that is damaged keeps messages back, and neither gate nor log.

Who is trusted: whoever can write this file can keep a request from being sent, or send one; neither decides
anything. Messages name the point and the person, as the class of its records allows; addresses are not here.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from byhand import clock
from byhand.errors import LogUnavailable
from byhand.sqlite_file import connect, migrate
from byhand.store.outbox import TRIES_LOST, Counts, Letter, RequestRow

FILE_NAME = "outbox.db"
MIGRATIONS = "byhand.store.sqlite.migrations_outbox"
WAITING_MAX = 1_000  # letters for one destination; of more nobody reads the first
KEPT_DAYS = 30  # of letters that are done with: long enough to ask why nobody came
KEPT_MAX = 10_000  # letters that are done with: some ten megabytes
CROWDED = f"{WAITING_MAX} letters wait for this destination already"
MINUTE_SECONDS = 60
OVER = "it was over before this got there"
_OVER = (
    "UPDATE letter SET state = 'dead', cause = ? || CASE cause WHEN '' THEN '' ELSE ': ' || cause END"
    " WHERE state = 'waiting'"
)
_UNHEARD = f"""SELECT about FROM (SELECT about, max(state = 'delivered') AS delivered,
max(state = 'dead' OR (state = 'waiting' AND tries >= {TRIES_LOST})) AS lost FROM letter
WHERE about IN ({{}}) AND id NOT LIKE '%-break-glass' GROUP BY about, destination)
GROUP BY about HAVING min(lost) AND NOT max(delivered)"""  # noqa: S608 - our own constants
"""Of which nobody can have heard: no destination took anything, and each let a letter die or stand. What tells
the requester alone is no sign that anybody else heard."""
_COLUMNS = ", ".join(Letter._fields)
_MARKS = ", ".join("?" * len(Letter._fields))


class SqliteOutbox:
    """See ``byhand.store.outbox``. A crash between two calls costs a repetition, never a letter."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._process = os.getpid()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.touch(mode=0o600, exist_ok=True)
            connection = connect(self._path)
            try:
                migrate(connection, MIGRATIONS)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of this file; raises LogUnavailable."""
        if self._process != os.getpid():
            raise LogUnavailable("this process was forked: open the home anew")
        with self._lock:
            try:
                with _transaction(self._opened()) as connection:
                    yield connection
            except (sqlite3.Error, OSError) as error:
                raise LogUnavailable(
                    f"what is to be sent cannot be kept: {error}", advice="Run: byhand doctor"
                ) from error

    # -- requests

    def cursor(self) -> int:
        """The cursor."""
        with self._writing() as connection:
            return int(connection.execute("SELECT next FROM cursor").fetchone()[0])

    def follow(self, expected: int, following: int, requests: Sequence[RequestRow]) -> bool:
        """Add requests and move on."""
        with self._writing() as connection:
            moved = connection.execute("UPDATE cursor SET next = ? WHERE next = ?", (following, expected))
            if moved.rowcount == 1:
                connection.executemany(
                    "INSERT OR IGNORE INTO request VALUES (?, ?, ?, ?, ?)",
                    [_written(row) for row in requests],
                )
            # A crash before the commit: neither; after it: both.
            return moved.rowcount == 1

    def requests(self) -> list[RequestRow]:
        """Requests under way."""
        with self._writing() as connection:
            rows = connection.execute("SELECT * FROM request ORDER BY recorded, intervention").fetchall()
        return [RequestRow(row[0], row[1], row[2], tuple(row[3].split()), row[4]) for row in rows]

    def advance(self, before: RequestRow, after: RequestRow, letters: Sequence[Letter]) -> bool:
        """Note what was done, with its letters."""
        with self._writing() as connection:
            moved = connection.execute(
                "UPDATE request SET stages = ?, unheard = ? WHERE intervention = ? AND stages = ?",
                (" ".join(after.stages), after.unheard, before.intervention, " ".join(before.stages)),
            )
            if moved.rowcount == 1:
                for letter in letters:
                    _post(connection, letter)
            return moved.rowcount == 1

    def end(self, intervention: str, *, over: bool = False) -> None:
        """Forget a request."""
        with self._writing() as connection:
            connection.execute("DELETE FROM request WHERE intervention = ?", (intervention,))
            if over:
                connection.execute(f"{_OVER} AND about = ?", (OVER, intervention))
            else:
                connection.execute(
                    "UPDATE letter SET state = 'dropped' WHERE about = ? AND state = 'waiting'",
                    (intervention,),
                )
            _clear(connection)

    # -- letters

    def claim(self, now: str, *, lease: str, busy: frozenset[str], rate: int) -> list[Letter]:
        """The next letters."""
        with self._writing() as connection:
            connection.execute(f"{_OVER} AND until <= ?", (OVER, now))
            found = connection.execute(
                f"SELECT {_COLUMNS}, min(due) FROM letter WHERE state = 'waiting' AND due <= ? "  # noqa: S608 - our own column names
                "GROUP BY destination",
                (now,),
            ).fetchall()
            letters = [Letter(*row[:-1]) for row in found]
            free = [
                one
                for one in letters
                if one.destination not in busy and not _is_crowded(connection, one, now, rate)
            ]
            claimed = [one._replace(tries=one.tries + 1, due=lease, tried=now) for one in free]
            for one in claimed:
                _update(connection, one)
            # A crash from here on, also behind the delivery: claimed again when the lease is over, with its id.
            return claimed

    def settle(self, letter: Letter) -> None:
        """Keep what became of it."""
        with self._writing() as connection:
            _update(connection, letter)

    def letters(self, about: str | None = None, *, state: str | None = None, since: str = "") -> list[Letter]:
        """Letters."""
        with self._writing() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM letter WHERE (?1 IS NULL OR about = ?1) AND (?2 IS NULL OR state = ?2) "  # noqa: S608
                "AND written >= ?3 ORDER BY written DESC, id, destination LIMIT ?4",
                (about, state, since, KEPT_MAX),
            ).fetchall()
        return [Letter(*row) for row in rows]

    def counts(self, since: str) -> Counts:
        """How full it is."""
        with self._writing() as connection:
            requests, unheard = connection.execute(
                "SELECT count(*), coalesce(sum(unheard != '' OR intervention IN"  # noqa: S608 - our own constant
                f" ({_UNHEARD.format('SELECT intervention FROM request')})), 0) FROM request"
            ).fetchone()
            (waiting,) = connection.execute("SELECT count(*) FROM letter WHERE state = 'waiting'").fetchone()
            (dead,) = connection.execute(
                "SELECT count(*) FROM letter WHERE state = 'dead' AND written >= ?", (since,)
            ).fetchone()
        return Counts(requests, unheard, waiting, dead)

    def is_unheard(self, about: str) -> bool:
        """Whether all that was sent about it is lost."""
        with self._writing() as connection:
            return connection.execute(_UNHEARD.format("?"), (about,)).fetchone() is not None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _written(row: RequestRow) -> tuple[str, ...]:
    return (row.intervention, row.recorded, row.expires, " ".join(row.stages), row.unheard)


def _post(connection: sqlite3.Connection, letter: Letter) -> None:
    """Add a letter, if it is not there already; where too many wait it is dead at once, and said to be."""
    (waiting,) = connection.execute(
        "SELECT count(*) FROM letter WHERE destination = ? AND state = 'waiting'", (letter.destination,)
    ).fetchone()
    if waiting >= WAITING_MAX:
        letter = letter._replace(state="dead", cause=CROWDED)
    connection.execute(f"INSERT OR IGNORE INTO letter ({_COLUMNS}) VALUES ({_MARKS})", letter)  # noqa: S608


def _is_crowded(connection: sqlite3.Connection, letter: Letter, now: str, rate: int) -> bool:
    """Whether so many letters to the same destination were tried in the last minute; counts no further."""
    since = clock.after(now, seconds=-MINUTE_SECONDS)
    (count,) = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM letter WHERE destination = ? AND tried > ? LIMIT ?)",
        (letter.destination, since, rate),
    ).fetchone()
    return int(count) >= rate


def _update(connection: sqlite3.Connection, letter: Letter) -> None:
    """Overwrite what may change; a letter that was dropped meanwhile stays so unless it was delivered."""
    connection.execute(
        "UPDATE letter SET tries = ?, due = ?, state = ?, cause = ?, tried = ? WHERE id = ? AND destination = ?"
        " AND (state = 'waiting' OR ? = 'delivered')",
        (
            letter.tries,
            letter.due,
            letter.state,
            letter.cause,
            letter.tried,
            letter.id,
            letter.destination,
            letter.state,
        ),
    )


def _clear(connection: sqlite3.Connection) -> None:
    """Forget what is done with and old, or more than is kept."""
    old = clock.after(clock.now(), seconds=-KEPT_DAYS * 86_400)
    connection.execute("DELETE FROM letter WHERE state != 'waiting' AND written < ?", (old,))
    connection.execute(
        "DELETE FROM letter WHERE (id, destination) IN (SELECT id, destination FROM letter"
        " WHERE state != 'waiting' ORDER BY written DESC LIMIT -1 OFFSET ?)",
        (KEPT_MAX,),
    )
