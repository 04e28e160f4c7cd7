# SPDX-License-Identifier: Apache-2.0
"""A disk that fails or is full: refused, nothing acknowledged, and what was acknowledged before is still there."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from byhand.errors import HomeBusy, LogUnavailable
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records.actor import Actor
from byhand.records.kinds import SCHEMA_VERSION, Access
from byhand.wiring import create_home, open_home

HERE = Path(__file__).parent


def _entry() -> Entry:
    return Entry(
        Access(id=new_record_id(), schema=SCHEMA_VERSION, actor=Actor(person="ada"), operation="show")
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fresh home with its first checkpoint."""
    path = tmp_path / "home"
    create_home(path, "byhand.test/disk")
    opened = open_home(path, start=False)
    opened.journal.checkpointer.begin()
    opened.close()
    return path


def test_a_failing_fsync_acknowledges_nothing_and_stops_the_writer(
    home: Path, tmp_path: Path, missing: Callable[[str, str], None]
) -> None:
    """After the first EIO every append is refused with exit code 6; all that was acknowledged is still there."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        missing("a C compiler", "install the packages in tests/crash/debian.txt")
    library = tmp_path / "failing_fsync.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(library), str(HERE / "failing_fsync.c"), "-ldl"], check=True
    )
    trigger = tmp_path / "fail"
    run = subprocess.run(
        [sys.executable, str(HERE / "disk_worker.py"), str(home), str(trigger)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "LD_PRELOAD": str(library), "FAIL_WHEN": str(trigger)},
    )
    lines = [line.split(" ") for line in run.stdout.splitlines()]
    acknowledged = [line for line in lines if line[0] == "acknowledged"]
    refused = [line for line in lines if line[0] == "refused"]
    assert (len(acknowledged), len(refused)) == (10, 5)
    assert {line[2] for line in refused} == {"6"}
    opened = open_home(home)
    for _, record_id, index in acknowledged:
        stored = opened.journal.reader.find(record_id)
        assert stored is not None
        assert stored.index == int(index)
    opened.close()


def test_a_full_disk_acknowledges_nothing_and_the_next_process_goes_on(home: Path) -> None:
    """SQLite's own "disk is full": the append is refused, the tree stands where it stood."""
    opened = open_home(home)
    before = opened.journal.reader.size
    writer = opened.entries._writer
    assert isinstance(writer, sqlite3.Connection)
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(200):
        try:
            opened.journal.append([_entry() for _ in range(50)])
        except LogUnavailable:
            break
        before = opened.journal.reader.size
    else:
        pytest.fail("the disk never became full")
    assert opened.journal.reader.size == before
    opened.close()
    again = open_home(home)
    assert again.journal.append([_entry()])[0].index == before
    again.close()


def test_two_processes_on_one_home_make_one_log(home: Path) -> None:
    """Two homes opened at once append in turn: the second waits, and every index is given out once."""
    one, two = open_home(home), open_home(home)
    indexes = []
    for _ in range(20):
        indexes += [one.journal.append([_entry()])[0].index, two.journal.append([_entry()])[0].index]
        one.journal.anchor()
        two.journal.anchor()
    assert indexes == list(range(indexes[0], indexes[0] + 40))
    one.close()
    two.close()
    open_home(home).close()


def test_whoever_waits_too_long_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that keeps the write lock makes the others give up, with advice and nothing recorded."""
    monkeypatch.setattr("byhand.sqlite_file.LOCK_WAIT_SECONDS", 0.2)
    opened = open_home(home)
    blocker = sqlite3.connect(home / "log.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(HomeBusy):
        opened.journal.append([_entry()])
    blocker.execute("ROLLBACK")
    blocker.close()
    assert opened.journal.append([_entry()])
    opened.close()


@pytest.mark.parametrize("gone", ["log.db", "keys/data-keys.db", "keys/log-ed25519.key"])
def test_a_home_that_lacks_a_file_does_not_open(home: Path, gone: str) -> None:
    """A missing log or key is refused with exit code 6 before anything is done."""
    (home / gone).unlink()
    with pytest.raises(LogUnavailable) as refused:
        open_home(home).journal.append([_entry()])
    assert refused.value.exit_code == 6
