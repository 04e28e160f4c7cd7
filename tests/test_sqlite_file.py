# SPDX-License-Identifier: Apache-2.0
"""Opening SQLite files: network file systems, newer schemas and half-readable copies are refused."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from byhand import sqlite_file
from byhand.errors import HomeRefused, LogUnavailable
from byhand.store.sqlite.entries import MIGRATIONS


def test_a_file_of_a_newer_byhand_is_refused(tmp_path: Path) -> None:
    """An old program never writes into what it does not understand."""
    path = tmp_path / "log.db"
    path.touch()
    with closing(sqlite_file.connect(path)) as connection:
        sqlite_file.migrate(connection, MIGRATIONS)
        connection.execute("PRAGMA user_version = 999")
        with pytest.raises(HomeRefused, match="newer byhand"):
            sqlite_file.migrate(connection, MIGRATIONS)


def test_migrating_twice_is_migrating_once(tmp_path: Path) -> None:
    """Every opening asks."""
    path = tmp_path / "log.db"
    path.touch()
    with closing(sqlite_file.connect(path)) as connection:
        sqlite_file.migrate(connection, MIGRATIONS)
        schema = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
        sqlite_file.migrate(connection, MIGRATIONS)
        assert connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall() == schema


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """The default of SQLite's WAL mode would acknowledge what a power cut takes away."""
    path = tmp_path / "log.db"
    path.touch()
    with closing(sqlite_file.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """As is one that is not there."""
    (tmp_path / "log.db").write_text("no database, but long enough to be read as the head of one" * 10)
    for name in ("log.db", "missing.db"):
        with pytest.raises(LogUnavailable, match=f"{name} cannot be opened"):
            sqlite_file.connect(tmp_path / name)


@pytest.mark.parametrize(("kind", "refused"), [("nfs4", True), ("cifs", True), ("ext4", False)])
def test_network_file_systems_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, refused: bool
) -> None:
    """Whatever is mounted nearest to the folder decides; a mount point may hold a space."""
    folder = tmp_path / "my home" / "log"
    mount = str(tmp_path / "my home").replace(" ", "\\040")
    table = tmp_path / "mounts"
    table.write_text(f"overlay / overlay rw 0 0\nserver:/x {mount} {kind} rw 0 0\n")

    class Mounts(type(Path())):  # type: ignore[misc]
        def __new__(cls, *parts: str) -> Path:
            return Path(table) if parts == ("/proc/self/mounts",) else Path(*parts)

    monkeypatch.setattr(sqlite_file, "Path", Mounts)
    if refused:
        with pytest.raises(HomeRefused, match=f"network file system \\({kind}\\)"):
            sqlite_file.refuse_network_filesystem(folder)
    else:
        sqlite_file.refuse_network_filesystem(folder)


def test_a_copy_that_cannot_be_written_is_read_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits still waiting in the -wal file are part of the log: without them it would look rolled back."""
    path, copy = tmp_path / "log.db", tmp_path / "copy"
    copy.mkdir()
    path.touch()
    with closing(sqlite_file.connect(path)) as connection:
        connection.execute("CREATE TABLE one (x)")
        connection.execute("INSERT INTO one VALUES (1)")
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", copy)
    monkeypatch.setattr(
        sqlite_file.os, "access", lambda *_: False
    )  # tests may run as root, who may write anywhere
    with pytest.raises(HomeRefused, match="holds commits that cannot be read"):
        sqlite_file.connect(copy / "log.db", read_only=True)
    with closing(sqlite3.connect(copy / "log.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for companion in copy.glob("log.db-*"):
        companion.unlink()
    with closing(sqlite_file.connect(copy / "log.db", read_only=True)) as connection:
        assert connection.execute("SELECT count(*) FROM one").fetchone() == (1,)
    assert [file.name for file in copy.iterdir()] == ["log.db"]
