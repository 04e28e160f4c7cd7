# SPDX-License-Identifier: Apache-2.0
"""The entries in a SQLite file: entries, names, chains, tiles and tree commit together or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from byhand.errors import HomeBusy, HomeRefused, LogUnavailable, OutcomeUnknown
from byhand.sqlite_file import ReadConnections, connect, migrate, refuse_network_filesystem
from byhand.store.entries import Row, Taken, Tile, TreeRow

FILE_NAME = "log.db"
PARAMETERS_MAX = 500  # SQLite allows 32,766 in one statement; a few hundred already costs nothing per name
STRAYS_MAX = 100  # named one by one; more would only say the same
ROWS_A_STATEMENT_MAX = 64  # powers of two up to here: seven statements a table stay prepared
MIGRATIONS = "byhand.store.sqlite.migrations"
TREE = "SELECT size, CAST(edge AS BLOB), recorded, administration FROM tree"


def create(folder: Path, facts: Mapping[str, str]) -> None:
    """Create the file in ``folder`` and write ``facts`` (origin, creation time) about the home."""
    refuse_network_filesystem(folder)
    path = folder / FILE_NAME
    path.touch(mode=0o600, exist_ok=False)
    with contextlib.closing(connect(path)) as connection:
        migrate(connection, MIGRATIONS)
        connection.executemany("INSERT INTO home VALUES (?, ?)", list(facts.items()))


class SqliteEntries:
    """See ``byhand.store.entries.Entries``. Any number of processes: SQLite's write lock orders them."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / FILE_NAME
        if not self.path.exists():
            raise HomeRefused(f"{folder} holds no log", advice="Make one with: byhand init")
        self._stopped: str | None = "this log was opened for reading only" if read_only else None
        self._writer: sqlite3.Connection | None = None
        if not read_only:
            refuse_network_filesystem(folder)
            self._writer = connect(self.path)
            migrate(self._writer, MIGRATIONS)
        self._readers = ReadConnections(self.path)

    def facts(self) -> dict[str, str]:
        """What was written about the home at its creation."""
        facts = dict(self._readers.rows("SELECT key, value FROM home"))
        if not all(isinstance(one, str) for one in facts.values()):
            raise HomeRefused("what is written about the home is not text", advice="Restore the home.")
        return facts

    @contextlib.contextmanager
    def transaction(self) -> Iterator[_Transaction]:
        """Take the write lock; commit at the end. One thread at a time may call this (the sequencer)."""
        self._begin()
        try:
            yield _Transaction(self._writing())
        except BaseException:
            self._roll_back()
            raise
        self._commit()

    def _begin(self) -> None:
        if self._stopped:
            raise LogUnavailable(
                self._stopped, advice="Close this process; the next one reads what the disk holds."
            )
        try:
            self._writing().execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise HomeBusy(f"another process is writing to {self.path}") from error
            raise LogUnavailable(f"{self.path} cannot be written: {error}") from error

    def _writing(self) -> sqlite3.Connection:
        if self._writer is None:
            raise LogUnavailable("this log was opened for reading only")
        return self._writer

    def _roll_back(self) -> None:
        if self._writing().in_transaction:
            self._writing().execute("ROLLBACK")

    def _commit(self) -> None:
        """A crash before COMMIT returns: the transaction is whole or absent at the next opening; no one was told.

        A COMMIT that fails may still have reached the file (a failing fsync): nothing is acknowledged and this
        process writes no more, since a second fsync would claim success for pages the kernel has dropped.
        """
        try:
            self._writing().execute("COMMIT")
        except sqlite3.Error as error:
            self._stopped = f"a commit to {self.path} failed: {error}"
            with contextlib.suppress(sqlite3.Error):  # the file decides at the next opening; nobody was told
                self._roll_back()
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise LogUnavailable(
                    self._stopped, advice="Free disk space; nothing was recorded."
                ) from error
            raise OutcomeUnknown(self._stopped) from error

    def hold(self) -> None:
        """From here on this thread reads one state, whatever others write meanwhile, until ``release``."""
        self._readers.row("BEGIN")
        self._readers.row("SELECT one FROM tree")  # the state is that of the first reading

    def release(self) -> None:
        """Read what is new again."""
        self._readers.row("COMMIT")

    def tree(self) -> TreeRow:
        """The tree as last committed."""
        return _tree(self._readers.row(TREE))

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, leaf)`` in order."""
        query = (
            "SELECT idx, coalesce(CAST(leaf AS BLOB), x'') FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
        )
        yield from self._readers.rows(query, (start, stop))

    def payloads(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, sealed payload)`` in order."""
        query = "SELECT idx, coalesce(CAST(sealed AS BLOB), x'') FROM payload WHERE idx >= ? AND idx < ? ORDER BY idx"
        yield from self._readers.rows(query, (start, stop))

    def tile(self, level: int, number: int) -> bytes | None:
        """A full tile."""
        query = "SELECT coalesce(CAST(hashes AS BLOB), x'') FROM tile WHERE level = ? AND number = ?"
        row = self._readers.row(query, (level, number))
        return row[0] if row else None

    def taken(self, name: str) -> Taken | None:
        """The entry that took ``name``."""
        row = self._readers.row("SELECT idx, mac FROM name WHERE name = ?", (name,))
        return Taken(*row) if row else None

    def places(self, names: Sequence[str]) -> dict[str, int]:
        """Which entry took each of ``names``."""
        found: dict[str, int] = {}
        for start in range(0, len(names), PARAMETERS_MAX):
            part = names[start : start + PARAMETERS_MAX]
            query = f"SELECT name, idx FROM name WHERE name IN ({','.join('?' * len(part))})"  # noqa: S608 - places only
            found.update(self._readers.rows(query, part))
        return found

    def takings(self, names: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        """Which entry took each of ``names``, and the digest of its declaration."""
        found: dict[str, tuple[int, bytes]] = {}
        for start in range(0, len(names), PARAMETERS_MAX):
            part = names[start : start + PARAMETERS_MAX]
            query = f"SELECT name, idx, mac FROM name WHERE name IN ({','.join('?' * len(part))})"  # noqa: S608 - places only
            found.update((name, (index, mac)) for name, index, mac in self._readers.rows(query, part))
        return found

    def name_count(self, prefix: str = "") -> int:
        """How many names begin with ``prefix``, which is ASCII."""
        query = "SELECT count(*) FROM name WHERE name >= ?1 AND (?1 = '' OR name < ?1 || char(127))"
        return int(self._readers.row(query, (prefix,))[0])

    def heads(self) -> Iterator[tuple[str, int]]:
        """Every chain with its last entry."""
        yield from self._readers.rows("SELECT name, head FROM chain")

    def strays(self, size: int) -> list[str]:
        """Rows that no tree of ``size`` entries can have, as people name them."""
        query = (
            "SELECT 'entry ' || idx FROM entry WHERE idx NOT BETWEEN 0 AND ?1 - 1 "
            "UNION ALL SELECT 'payload ' || idx FROM payload WHERE idx NOT BETWEEN 0 AND ?1 - 1 "
            "UNION ALL SELECT 'tile ' || level || '/' || number FROM tile "
            "WHERE level NOT BETWEEN 0 AND 7 OR number NOT BETWEEN 0 AND (?1 >> (8 * (level + 1))) - 1 "
            "UNION ALL SELECT 'name ' || name FROM name WHERE idx NOT BETWEEN 0 AND ?1 - 1 LIMIT ?2"
        )
        return [row[0] for row in self._readers.rows(query, (size, STRAYS_MAX))]

    def head(self, chain: str) -> int | None:
        """The last entry of ``chain``."""
        row = self._readers.row("SELECT head FROM chain WHERE name = ?", (chain,))
        return row[0] if row else None

    def published(self) -> bytes | None:
        """The last published checkpoint."""
        row = self._readers.row("SELECT CAST(note AS BLOB) FROM published")
        return row[0] if row else None

    def publish(self, size: int, note: bytes) -> None:
        """Publish a checkpoint. Its own short connection: the writer's may be in the middle of a batch."""
        with contextlib.closing(connect(self.path)) as connection:
            try:
                connection.execute(
                    "INSERT INTO published VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE "
                    "SET size = excluded.size, note = excluded.note WHERE excluded.size > published.size "
                    "OR published.size > (SELECT size FROM tree)",  # a number that can only be rubbish
                    (size, note),
                )
            except sqlite3.Error as error:
                raise LogUnavailable(f"a checkpoint could not be published: {error}") from error

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        if self._writer is not None:
            self._writer.close()


class _Transaction:
    """See ``byhand.store.entries.EntriesTransaction``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def tree(self) -> TreeRow:
        return _tree(self._connection.execute(TREE).fetchone())

    def taken(self, names: Sequence[str]) -> Mapping[str, Taken]:
        rows = self._among("SELECT name, idx, mac FROM name WHERE name IN", names)
        return {name: Taken(index, mac) for name, index, mac in rows}

    def heads(self, chains: Sequence[str]) -> Mapping[str, int]:
        return dict(self._among("SELECT name, head FROM chain WHERE name IN", chains))

    def _among(self, query: str, names: Sequence[str]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(names), PARAMETERS_MAX):
            part = names[start : start + PARAMETERS_MAX]
            found += self._connection.execute(f"{query} ({','.join('?' * len(part))})", part)
        return found

    def leaf(self, index: int) -> bytes:
        row = self._connection.execute(
            "SELECT CAST(leaf AS BLOB) FROM entry WHERE idx = ?", (index,)
        ).fetchone()
        if row is None:
            raise HomeRefused(f"entry {index} is missing from the log", advice="Run: byhand verify HOME")
        leaf: bytes = row[0]
        return leaf

    def insert(self, rows: Sequence[Row], tiles: Iterable[Tile], before: TreeRow, after: TreeRow) -> None:
        try:
            self._insert(rows, tiles, before, after)
        except sqlite3.Error as error:
            raise LogUnavailable(f"the log could not be written: {error}") from error

    def _many(self, insert: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert ``rows`` in a few statements of many rows each.

        Every step of a statement lets go of the interpreter's lock; row by row, a busy event loop in the same
        process would make this thread wait for it hundreds of times a batch.
        """
        start = 0
        while start < len(rows):
            count = min(ROWS_A_STATEMENT_MAX, 1 << ((len(rows) - start).bit_length() - 1))
            part = rows[start : start + count]
            places = f"({', '.join('?' * len(part[0]))})"
            values = [value for row in part for value in row]
            self._connection.execute(f"{insert} VALUES {', '.join([places] * count)}", values)
            start += count

    def _insert(self, rows: Sequence[Row], tiles: Iterable[Tile], before: TreeRow, after: TreeRow) -> None:
        self._many("INSERT INTO entry", [(row.index, row.leaf) for row in rows])
        self._many("INSERT INTO payload", [(r.index, r.payload) for r in rows if r.payload is not None])
        self._many("INSERT INTO name", [(name, row.index, mac) for row in rows for name, mac in row.names])
        heads = {row.chain: row.index for row in rows if row.chain is not None}
        self._many("INSERT OR REPLACE INTO chain", list(heads.items()))
        self._many("INSERT INTO tile", list(tiles))
        moved = self._connection.execute(
            "UPDATE tree SET size = ?, edge = ?, recorded = ?, administration = ? WHERE one = 1 AND size = ?",
            (*after, before.size),
        )
        if moved.rowcount != 1:
            raise LogUnavailable(f"the tree moved from size {before.size} while it was locked")


def _tree(row: Any) -> TreeRow:
    if row is None:
        raise HomeRefused("the tree's row is missing", advice="Restore the home, or run: byhand verify HOME")
    size, _, recorded, administration = row  # SQLite keeps what type it is given, whatever the column says
    numbers = (size, administration or 0)
    if not all(isinstance(one, int) and one >= 0 for one in numbers) or not isinstance(recorded, str):
        raise HomeRefused(
            "the tree's row is not of its form", advice="Restore the home, or run: byhand verify HOME"
        )
    return TreeRow(*row)
