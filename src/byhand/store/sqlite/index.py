# SPDX-License-Identifier: Apache-2.0
"""The index in a SQLite file of its own: delete it, and it is built again at the next use."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from byhand.errors import HomeRefused, LogUnavailable
from byhand.sqlite_file import connect, migrate
from byhand.store.index import Condition, Facets, Found, InterventionRow, Listed, ListedRow, RecordRow
from byhand.store.sqlite import listing
from byhand.store.sqlite.rollups import Rollups
from byhand.store.sqlite.search import PLACE, Searcher, terms

FILE_NAME = "index.db"
MIGRATIONS = "byhand.store.sqlite.migrations_index"
PARAMETERS_MAX = 500  # as in the entries' store
_COLUMNS = ", ".join(InterventionRow._fields)
_PLACES = ", ".join("?" * len(InterventionRow._fields))
_KEPT = ", ".join(
    f"{name} = excluded.{name}" for name in InterventionRow._fields if name not in ("id", "first")
)
_UPSERT = (
    f"INSERT INTO intervention ({_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (first) DO UPDATE SET {_KEPT}"  # noqa: S608
)


class SqliteIndex:
    """See ``byhand.store.index``. Not durable on purpose: a crash costs at most a rebuild.

    Searches have a connection of their own: they wait for each other, and neither hold up a batch nor wait for one.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._lock = threading.RLock()
        self._connection = self._open()
        self._reading = threading.RLock()
        self._reader = self._open_reader()
        self._searcher = Searcher(self._read)
        self._rollups = Rollups(self._read)
        self._lister = listing.Lister(self._read)

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"{self._path} cannot be written: {error.strerror}") from error
        try:
            connection = connect(self._path, durable=False)
        except LogUnavailable:  # damaged: whatever else it is will show when the new one is made
            return self._replace()
        try:
            migrate(connection, MIGRATIONS)
        except (sqlite3.DatabaseError, HomeRefused):
            connection.close()
            return self._replace()
        return connection

    def _replace(self) -> sqlite3.Connection:
        """A damaged index, or a newer byhand's, is thrown away: the log has everything."""
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
        self._path.touch(mode=0o600)
        connection = connect(self._path, durable=False)
        migrate(connection, MIGRATIONS)
        return connection

    def _open_reader(self) -> sqlite3.Connection:
        """A second connection, to the same file: opened right behind the first, and with it anew."""
        reader = connect(self._path, durable=False)
        reader.execute("PRAGMA query_only = ON")
        return reader

    def _all(self, statement: str, values: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg]
        with self._lock:
            return _rows(self._connection, statement, values)

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg]
        return _rows(self._reader, statement, values)

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        with self._reading:
            _rows(self._reader, "BEGIN", ())
            try:
                yield
            finally:
                self._reader.execute("ROLLBACK")

    def cursor(self) -> int:
        """Index of the next entry to index."""
        return int(self._all("SELECT next FROM cursor")[0][0])

    def interventions(self, ids: Sequence[str]) -> dict[str, InterventionRow]:
        """Rows by id."""
        found: dict[str, InterventionRow] = {}
        for start in range(0, len(ids), PARAMETERS_MAX):
            part = ids[start : start + PARAMETERS_MAX]
            query = f"SELECT {_COLUMNS} FROM intervention WHERE id IN ({','.join('?' * len(part))})"  # noqa: S608
            found.update((row[0], InterventionRow(*row)) for row in self._all(query, part))
        return found

    def write(
        self,
        expected: int,
        following: int,
        records: Sequence[RecordRow],
        interventions: Sequence[InterventionRow],
        texts: Sequence[tuple[str, str, str]],
        listed: Sequence[ListedRow] = (),
    ) -> bool:
        """Write a batch, or nothing when the cursor is elsewhere."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                moved = self._connection.execute(
                    "UPDATE cursor SET next = ? WHERE next = ?", (following, expected)
                )
                if moved.rowcount == 1:
                    self._connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", records)
                    self._write_interventions(interventions)
                    self._connection.executemany("INSERT OR IGNORE INTO text VALUES (?, ?, ?)", texts)
                    listing.write(self._connection, listed)
                self._connection.execute(
                    "COMMIT"
                )  # a crash before it: the cursor has not moved, nor anything
            except sqlite3.Error as error:
                raise LogUnavailable(f"the index cannot be written: {error}") from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        return moved.rowcount == 1

    def _write_interventions(self, rows: Sequence[InterventionRow]) -> None:
        """The rows, and what they are found and counted by, which follows from them alone."""
        before = self.interventions([row.id for row in rows])
        gone, new = [], []
        for row in rows:
            was, now = before.get(row.id), (row.first, row.words, terms(row))
            then = (was.first, was.words, terms(was)) if was is not None else None
            if then == now:
                continue
            if then is not None:
                gone.append(then)
            new.append(now)
        many = self._connection.executemany
        many(_UPSERT, rows)
        many("INSERT INTO search (search, rowid, words, terms) VALUES ('delete', ?, ?, ?)", gone)
        many("INSERT INTO search (rowid, words, terms) VALUES (?, ?, ?)", new)
        self._rollups.write(self._connection, before, rows)

    def clear(self) -> None:
        """Throw the file away."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()
            self._connection = self._replace()
            self._reader = self._open_reader()

    def earlier_text(self, person: str, digest: str) -> str | None:
        """The record that used the text first."""
        rows = self._all("SELECT record FROM text WHERE person = ? AND digest = ?", (person, digest))
        return str(rows[0][0]) if rows else None

    def due(self, now: str) -> list[str]:
        """Interventions whose time has come, and those that an executor is carrying out."""
        query = (
            "SELECT id FROM intervention WHERE due <> '' AND due <= ? "
            "UNION SELECT id FROM intervention WHERE executor <> ''"
        )
        return [row[0] for row in self._all(query, (now,))]

    def caused(self, intervention: str) -> list[str]:
        """Applied interventions caused by this one."""
        query = "SELECT id FROM intervention WHERE caused_by = ? AND phase = 'applied'"
        return [row[0] for row in self._all(query, (intervention,))]

    def search(self, conditions: Sequence[Condition], limit: int, before: int | None) -> Found:
        """A page of interventions."""
        with self._snapshot():
            places = [row[0] for row in self._searcher.find(conditions, PLACE, limit + 1, before)]
            rows = self._at(places[:limit])
        return Found(tuple(rows), places[limit - 1] if len(places) > limit else None)

    def _at(self, places: Sequence[int]) -> list[InterventionRow]:
        """The rows at ``places``, in their order."""
        found: dict[int, InterventionRow] = {}
        for start in range(0, len(places), PARAMETERS_MAX):
            part = places[start : start + PARAMETERS_MAX]
            query = f"SELECT {_COLUMNS} FROM intervention WHERE first IN ({','.join('?' * len(part))})"  # noqa: S608
            rows = (InterventionRow(*row) for row in self._read(query, part))
            found.update((row.first, row) for row in rows)
        return [found[place] for place in places]

    def listed(self, kind: str, conditions: Sequence[Condition], limit: int, before: int | None) -> Listed:
        """A page of a list."""
        with self._snapshot():
            places = self._lister.find(kind, conditions, limit + 1, before)
        return Listed(tuple(places[:limit]), places[limit - 1] if len(places) > limit else None)

    def facets(self, conditions: Sequence[Condition]) -> Facets:
        """Counts of what matches."""
        with self._snapshot():
            return self._rollups.facets(conditions)

    def resolve(self, prefix: str, limit: int) -> list[str]:
        """Ids that begin with ``prefix``."""
        query = "SELECT id FROM record WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._all(query, (prefix, prefix + "~", limit))]

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()


def _rows(connection: sqlite3.Connection, statement: str, values: Sequence[object]) -> list[tuple]:  # type: ignore[type-arg]
    """All rows; raises LogUnavailable when the file is damaged."""
    try:
        return connection.execute(statement, values).fetchall()
    except sqlite3.Error as error:
        raise LogUnavailable(
            f"the index cannot be read: {error}", advice="byhand doctor --rebuild-index"
        ) from error
