# SPDX-License-Identifier: Apache-2.0
"""How byhand opens a SQLite file: durable, refusing what cannot be, one connection per thread and process."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from byhand.errors import HomeRefused, LogUnavailable

LOCK_WAIT_SECONDS = 10.0  # longer than any batch takes; a person is still waiting at the terminal
VALUE_BYTES_MAX = (
    64 * 1024 * 1024
)  # four times the largest sealed payload; more and a file is filling our memory
READ_CACHE_KIB = 8_192  # verification streams; more would only push other things out of memory
NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "fuse.sshfs", "fuse.glusterfs", "glusterfs"}
)


def connect(path: Path, *, read_only: bool = False, durable: bool = True) -> sqlite3.Connection:
    """Open ``path``; raises LogUnavailable with the reason. ``durable``: a commit waits for the disk."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    if read_only and not os.access(path.parent, os.W_OK):
        _refuse_unwritten(path)
        uri += "&immutable=1"  # a copy on read-only media: SQLite could not make its shared-memory file there
    try:
        connection = sqlite3.connect(
            uri, uri=True, timeout=LOCK_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA cache_size = -{READ_CACHE_KIB}")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)
        if read_only:
            connection.execute(
                "PRAGMA trusted_schema = OFF"
            )  # a received file's schema runs no functions here
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
            connection.execute("PRAGMA fullfsync = ON")  # macOS: a plain fsync stops at the drive's cache
    except sqlite3.Error as error:
        raise LogUnavailable(f"{path} cannot be opened: {error}") from error
    return connection


def _refuse_unwritten(path: Path) -> None:
    """Raise HomeRefused when commits still wait beside ``path``: read without them it would seem rolled back."""
    waiting = path.with_name(f"{path.name}-wal")
    if waiting.exists() and waiting.stat().st_size:
        raise HomeRefused(
            f"{waiting} holds commits that cannot be read from a folder that cannot be written",
            advice="Copy the whole folder to a place that can be written, and read it there.",
        )


def refuse_network_filesystem(folder: Path) -> None:
    """Raise HomeRefused when ``folder`` lies on a network file system, where SQLite's locks are not safe."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(" ")
        mount = fields[1].replace("\\040", " ")
        inside = str(folder) == mount or str(folder).startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, fields[2]
    if kind in NETWORK_FILESYSTEMS:
        raise HomeRefused(
            f"{folder} lies on a network file system ({kind})", advice="Put the home on a local disk."
        )


def migrate(connection: sqlite3.Connection, package: str, *, until: int | None = None) -> None:
    """Bring the file to the newest schema, or to that of version ``until``, each step in its own transaction.

    A crash between two steps leaves a lower ``user_version``: the next opening goes on from there.
    Raises HomeRefused when the file was written by a newer byhand.
    """
    steps = sorted(item.name for item in resources.files(package).iterdir() if item.name.endswith(".sql"))
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if max(version, until or 0) > len(steps):
        raise HomeRefused("this home was written by a newer byhand", advice="Upgrade byhand, then try again.")
    for number, name in enumerate(steps[version:until], start=version + 1):
        script = resources.files(package).joinpath(name).read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def check_layout(path: Path, package: str) -> None:
    """Raise HomeRefused unless the tables of ``path`` are those that its version of the schema makes.

    Whoever hands a file over can put a view without end in a table's place. A trigger that is gone is none of a
    reader's business; one that was never there is.
    """
    with contextlib.closing(connect(path, read_only=True)) as connection:
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            found = _layout(connection)
        except sqlite3.Error as error:
            raise LogUnavailable(
                f"{path} cannot be read: {error}", advice="Restore it from a copy."
            ) from error
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, package, until=version)
        made = _layout(fresh)
    others = sorted((found - made) | {one for one in made - found if one[0] != "trigger"})
    if others:
        kind, name, _ = others[0]
        raise HomeRefused(
            f"{path} is not laid out as byhand makes it: {kind} {name[:100]}",
            advice="Restore it from a copy, and find out who could write to it.",
        )


def _layout(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    query = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'"
    return {(str(kind), str(name), str(sql)) for kind, name, sql in connection.execute(query)}


class ReadConnections:
    """A read-only connection for each thread, opened at its first use and anew after a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[sqlite3.Connection] = []

    def get(self) -> sqlite3.Connection:
        """This thread's connection."""
        local = self._local
        if getattr(local, "process", None) != os.getpid():
            local.connection = connect(self._path, read_only=True)
            local.process = os.getpid()
            with self._lock:
                self._open.append(local.connection)
        connection: sqlite3.Connection = local.connection
        return connection

    def rows(self, query: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of ``query``, streaming; raises LogUnavailable when the file is damaged."""
        try:
            yield from self.get().execute(query, parameters)
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def all(self, query: str, parameters: Sequence[object] = ()) -> list[Any]:
        """The rows of ``query`` at once, where they are few."""
        try:
            return self.get().execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def row(self, query: str, parameters: Sequence[object] = ()) -> Any:
        """The one row of ``query``, or ``None``."""
        return next(iter(self.all(query, parameters)), None)

    def _damaged(self, error: sqlite3.Error) -> LogUnavailable:
        return LogUnavailable(f"{self._path} cannot be read: {error}", advice="Restore it from a copy.")

    def close(self) -> None:
        """Close every connection that was opened."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()
        self._local = threading.local()
