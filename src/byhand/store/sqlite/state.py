# SPDX-License-Identifier: Apache-2.0
"""Sessions and challenges in a small SQLite file of their own.

Who is trusted: whoever can read this file learns who is signed in, but no token; whoever can write it can
sign in as anybody on this machine, and still cannot sign an intent.
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
from byhand.store.state import PasskeyRow, SessionRow

FILE_NAME = "state.db"
MIGRATIONS = "byhand.store.sqlite.migrations_state"
LOGINS_MAX = 1_000  # begun and not over; anybody may begin one, and most take a minute
PASSKEYS_WAITING_MAX = 1_000  # anybody may leave one; a company enrols a few dozen on its busiest day


class SqliteState:
    """See ``byhand.store.state.State``. A crash forgets at most the login under way."""

    def __init__(self, folder: Path) -> None:
        path = folder / FILE_NAME
        try:
            path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"{path} cannot be written: {error.strerror}") from error
        self._connection = connect(path)
        self._lock = threading.Lock()
        self._process = os.getpid()
        migrate(self._connection, MIGRATIONS)
        # Sessions are looked up at every request: that does not wait behind a login's commit.
        self._reading = connect(path, read_only=True)
        self._reading_lock = threading.Lock()
        # Anybody may ask for challenges, and none of them is worth a disk's time: one that a crash forgets is
        # asked for again. That one was used is durable.
        self._careless = connect(path, durable=False)

    def _run(
        self, statement: str, values: Sequence[object], connection: sqlite3.Connection | None = None
    ) -> tuple[list[Any], int]:
        """Every row of the answer, and how many rows were changed."""
        self._check_process()
        with self._lock:
            try:
                cursor = (connection or self._connection).execute(statement, values)
                return cursor.fetchall(), cursor.rowcount
            except sqlite3.Error as error:
                raise LogUnavailable(f"sessions cannot be kept: {error}") from error

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise LogUnavailable("this process was forked: open the home anew")

    def add_challenge(self, challenge: str, expires: str) -> None:
        """Remember a challenge."""
        self._run("INSERT INTO challenge VALUES (?, ?)", (challenge, expires), self._careless)

    def use_challenge(self, challenge: str, now: str) -> bool:
        """Forget a challenge; whether it was good."""
        statement = "DELETE FROM challenge WHERE challenge = ? AND expires > ?"
        return self._run(statement, (challenge, now))[1] == 1

    def add_session(self, row: SessionRow) -> None:
        """Remember a session."""
        self._run("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", row)

    def session(self, token: str) -> SessionRow | None:
        """The session with this token digest."""
        self._check_process()
        with self._reading_lock:
            try:
                row = self._reading.execute("SELECT * FROM session WHERE token = ?", (token,)).fetchone()
            except sqlite3.Error as error:
                raise LogUnavailable(f"sessions cannot be read: {error}") from error
        return SessionRow(*row) if row else None

    def end_sessions(self, *, token: str | None = None, expired_at: str | None = None) -> None:
        """Forget sessions."""
        if token is not None:
            self._run("DELETE FROM session WHERE token = ?", (token,))
        if expired_at is not None:
            self._run("DELETE FROM session WHERE expires <= ?", (expired_at,))
            self._run("DELETE FROM challenge WHERE expires <= ?", (expired_at,))
            self._run("DELETE FROM login WHERE expires <= ?", (expired_at,))
            self._run("DELETE FROM passkey_waiting WHERE expires <= ?", (expired_at,))

    def add_login(self, handle: str, said: str, expires: str, whose: str = "") -> None:
        """Remember a login."""
        self._run("INSERT INTO login VALUES (?, ?, ?, ?)", (handle, said, expires, whose), self._careless)
        # A crash here: it is there, and one too many with it; the next one clears up.
        self._run(
            "DELETE FROM login WHERE handle IN (SELECT handle FROM login WHERE whose ="
            " (SELECT whose FROM login GROUP BY whose ORDER BY count(*) DESC, whose LIMIT 1)"
            " ORDER BY expires, handle LIMIT max(0, (SELECT count(*) FROM login) - ?))",
            (LOGINS_MAX,),
            self._careless,
        )

    def login(self, handle: str, now: str) -> str | None:
        """What is remembered of a login."""
        statement = "SELECT said FROM login WHERE handle = ? AND expires > ?"
        rows, _ = self._run(statement, (handle, now))
        return str(rows[0][0]) if rows else None

    def change_login(self, handle: str, said: str) -> None:
        """Remember something else of it."""
        self._run("UPDATE login SET said = ? WHERE handle = ?", (said, handle), self._careless)

    def take_login(self, handle: str, now: str) -> str | None:
        """Forget it, durably: it was used."""
        statement = "DELETE FROM login WHERE handle = ? AND expires > ? RETURNING said"
        rows, _ = self._run(statement, (handle, now))
        return str(rows[0][0]) if rows else None

    def note_use(self, token: str, used: str, address: str) -> None:
        """Remember a use."""
        self._run("INSERT OR REPLACE INTO token_use VALUES (?, ?, ?)", (token, used, address))

    def uses(self) -> dict[str, tuple[str, str]]:
        """The last uses."""
        return {row[0]: (row[1], row[2]) for row in self._run("SELECT * FROM token_use", ())[0]}

    def keep_passkey(self, row: PasskeyRow) -> None:
        """Remember a waiting passkey."""
        self._run("INSERT OR REPLACE INTO passkey_waiting VALUES (?, ?, ?, ?, ?)", row)
        # A crash here: it waits, and one too many with it; the next one clears up.
        self._run(
            "DELETE FROM passkey_waiting WHERE code IN"
            " (SELECT code FROM passkey_waiting ORDER BY expires DESC LIMIT -1 OFFSET ?)",
            (PASSKEYS_WAITING_MAX,),
        )

    def passkey(self, code: str, now: str) -> PasskeyRow | None:
        """A waiting passkey."""
        statement = "SELECT * FROM passkey_waiting WHERE code = ? AND expires > ?"
        rows, _ = self._run(statement, (code, now))
        return PasskeyRow(*rows[0]) if rows else None

    def count_up(self, fingerprint: str, counter: int) -> bool:
        """Remember a counter, if it went up, or is of a passkey that never counted."""
        statement = (
            "INSERT INTO passkey_count VALUES (?, ?) ON CONFLICT DO UPDATE SET counter = excluded.counter"
            " WHERE excluded.counter > passkey_count.counter"
            " OR (excluded.counter = 0 AND passkey_count.counter = 0)"
        )
        return self._run(statement, (fingerprint, counter))[1] == 1

    def close(self) -> None:
        """Close the file."""
        self._reading.close()
        self._careless.close()
        self._connection.close()
