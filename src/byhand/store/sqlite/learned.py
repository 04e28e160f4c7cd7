# SPDX-License-Identifier: Apache-2.0
"""What followers learned in a SQLite file of its own, readable for its owner only.

Who is trusted: whoever can read this file learns who works when, and on what; whoever can write it can keep unusual
acts from being said, or have usual ones said. Neither touches a record. The file is made when it is first needed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from byhand.errors import LogUnavailable
from byhand.sqlite_file import connect, migrate
from byhand.store.learned import LearnedRow

FILE_NAME = "learned.db"
MIGRATIONS = "byhand.store.sqlite.migrations_learned"
_KEEP = """INSERT INTO learned VALUES (?, ?, ?) ON CONFLICT (follower) DO UPDATE
SET cursor = excluded.cursor, state = excluded.state WHERE excluded.cursor > learned.cursor"""


class SqliteLearned:
    """See ``byhand.store.learned.Learned``. A crash leaves what was kept before, or the new; never parts of both."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._process = os.getpid()

    def _run(self, statement: str, values: Sequence[object]) -> tuple[list[Any], int]:
        if self._process != os.getpid():
            raise LogUnavailable("this process was forked: open the home anew")
        with self._lock:
            try:
                cursor = self._opened().execute(statement, values)
                return cursor.fetchall(), cursor.rowcount
            except (sqlite3.Error, OSError) as error:
                raise LogUnavailable(
                    f"what was learned cannot be kept: {error}", advice="Run: byhand doctor"
                ) from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.touch(mode=0o600, exist_ok=True)
            self._connection = connect(self._path)
            migrate(self._connection, MIGRATIONS)
        return self._connection

    def load(self, follower: str) -> LearnedRow | None:
        """What it knows."""
        rows, _ = self._run("SELECT cursor, state FROM learned WHERE follower = ?", (follower,))
        return LearnedRow(*rows[0]) if rows else None

    def keep(self, follower: str, row: LearnedRow) -> bool:
        """Keep it, unless somebody is further."""
        return self._run(_KEEP, (follower, row.cursor, row.state))[1] == 1

    def forget(self, follower: str) -> None:
        """Throw it away."""
        self._run("DELETE FROM learned WHERE follower = ?", (follower,))

    def close(self) -> None:
        """Give back the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
