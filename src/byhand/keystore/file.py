# SPDX-License-Identifier: Apache-2.0
"""Keys in files beside the log: secrets one file each (0600), data keys wrapped in a small database.

Who is trusted: whoever can read this folder can read every payload and sign for the log. Whoever destroys a
data key destroys that section for ever; its commitment stays.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from byhand.durable import sync_folder
from byhand.errors import HomeRefused, LogUnavailable
from byhand.keystore.contract import DataKey
from byhand.sqlite_file import ReadConnections, connect, migrate

ENCRYPTION = "encryption"
SECRET_BYTES = 32
BLOCK_MIN = 16  # one commit serves a whole short command
BLOCK_MAX = 1_024  # at most this many keys stay unused when a process ends
PARAMETERS_MAX = 500  # as in the entries' store
DATABASE = "data-keys.db"
MIGRATIONS = "byhand.keystore.migrations"


def create(folder: Path, secrets: Iterable[str]) -> None:
    """Make the key store in ``folder`` with a fresh secret for each of ``secrets``."""
    folder.mkdir(mode=0o700)
    for name in (ENCRYPTION, *secrets):
        write_secret(folder, name, os.urandom(SECRET_BYTES))
    (folder / DATABASE).touch(mode=0o600)
    with contextlib.closing(connect(folder / DATABASE)) as connection:
        migrate(connection, MIGRATIONS)


def write_secret(folder: Path, name: str, secret: bytes) -> None:
    """Write one secret durably, readable by its owner only.

    A crash before the folder is synced: the secret may be gone, and nothing was sealed or signed with it yet.
    """
    handle = os.open(folder / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(b64encode(secret) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


class FileKeyStore:
    """See ``byhand.keystore.contract.KeyStore``.

    Data keys are made durable in blocks *before* they are used, so that an append waits for one disk only. A
    crash loses the unused rest of a block: those numbers are never used again, which harms nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wrapping = AESGCM(self.secret(ENCRYPTION))
        self._lock = threading.Lock()
        self._pool: list[DataKey] = []
        self._block = BLOCK_MIN
        self._periods: dict[int, AESGCM] = {}
        self._readers = ReadConnections(folder / DATABASE)
        self._process = os.getpid()
        self._wrote = False

    def secret(self, name: str) -> bytes:
        """The secret in ``NAME.key``; refused when others may read it."""
        path = self._folder / f"{name}.key"
        try:
            mode = path.stat().st_mode
            text = path.read_bytes()
        except OSError as error:
            raise HomeRefused(f"the key {path} cannot be read: {error.strerror}") from error
        if stat.S_IMODE(mode) & 0o077:
            raise HomeRefused(f"the key {path} is readable by others", advice=f"chmod 600 {path}")
        try:
            secret = b64decode(text.strip(), validate=True)
        except ValueError:
            secret = b""
        if len(secret) != SECRET_BYTES:
            raise HomeRefused(f"the key {path} is not {SECRET_BYTES} bytes in base64")
        return secret

    def take(self, count: int) -> Sequence[DataKey]:
        """``count`` fresh keys."""
        with self._lock:
            if self._process != os.getpid():  # a fork must not hand out the parent's keys a second time
                self._pool, self._process = [], os.getpid()
            while len(self._pool) < count:
                self._pool += self._reserve(max(count, self._block))
                self._block = min(self._block * 2, BLOCK_MAX)
            taken = self._pool[-count:]
            del self._pool[-count:]
        return taken

    def _reserve(self, count: int) -> list[DataKey]:
        """Make ``count`` keys durable. A crash before COMMIT: none exist; after it: they exist unused."""
        keys = [AESGCM.generate_key(256) for _ in range(count)]
        with contextlib.closing(connect(self._folder / DATABASE)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                period, wrap = self._period(connection)
                (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM data_key").fetchone()
                numbers = range(last + 1, last + 1 + count)
                rows = [(n, period, _wrap(wrap, key, n)) for n, key in zip(numbers, keys, strict=True)]
                connection.executemany("INSERT INTO data_key VALUES (?, ?, ?)", rows)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise LogUnavailable(f"no data keys could be made: {error}") from error
        self._wrote = True
        return [DataKey(number, key) for number, key in zip(numbers, keys, strict=True)]

    def _period(self, connection: sqlite3.Connection) -> tuple[int, AESGCM]:
        """The period key of this month, made at its first use. The month is asked for once: it may turn meanwhile."""
        month = connection.execute("SELECT strftime('%Y-%m', 'now')").fetchone()
        connection.execute("INSERT OR IGNORE INTO period (month) VALUES (?)", month)
        period, wrapped = connection.execute(
            "SELECT id, wrapped FROM period WHERE month = ?", month
        ).fetchone()
        if wrapped is None:
            wrapped = _wrap(self._wrapping, AESGCM.generate_key(256), period)
            connection.execute("UPDATE period SET wrapped = ? WHERE id = ?", (wrapped, period))
        return period, AESGCM(_unwrap(self._wrapping, wrapped, period))

    def data_keys(self, numbers: Sequence[int]) -> Mapping[int, bytes]:
        """The keys among ``numbers`` that still exist."""
        found: dict[int, bytes] = {}
        periods = self._periods
        for start in range(0, len(numbers), PARAMETERS_MAX):
            part = numbers[start : start + PARAMETERS_MAX]
            places = ",".join("?" * len(part))
            query = f"SELECT number, period, wrapped FROM data_key WHERE number IN ({places})"  # noqa: S608 - places only
            for number, period, wrapped in self._readers.all(query, part):
                wrapping = periods.get(period) or self._open_period(period)
                found[number] = _unwrap(wrapping, wrapped, number)
        return found

    def _open_period(self, period: int) -> AESGCM:
        if period not in self._periods:
            row = self._readers.row("SELECT wrapped FROM period WHERE id = ?", (period,))
            if row is None:
                raise HomeRefused(
                    f"period {period} is missing from the key store", advice="Restore the keys."
                )
            self._periods[period] = AESGCM(_unwrap(self._wrapping, row[0], period))
        return self._periods[period]

    def close(self) -> None:
        """Close files and forget keys; what this store wrote lies in the database alone then, for readers to come.

        Commits wait in a file beside it as long as a reader that cannot write is the last to leave. A crash
        exactly here leaves them waiting: nothing is lost, and the next one that writes brings them in.
        """
        self._readers.close()
        with self._lock:
            self._pool = []
            wrote, self._wrote = self._wrote, False
        if wrote:
            gone = contextlib.suppress(
                sqlite3.Error, LogUnavailable
            )  # the folder was taken away: nobody reads it
            with gone, contextlib.closing(connect(self._folder / DATABASE)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


NONCE_BYTES = 12


def _wrap(wrapping: AESGCM, key: bytes, number: int) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + wrapping.encrypt(nonce, key, str(number).encode())


def _unwrap(wrapping: AESGCM, wrapped: bytes, number: int) -> bytes:
    try:
        return wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], b"%d" % number)
    except (InvalidTag, TypeError, ValueError) as error:
        raise HomeRefused(
            f"key {number} in the key store does not open",
            advice="The key store and its keys do not belong together.",
        ) from error
