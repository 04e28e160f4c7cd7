# SPDX-License-Identifier: Apache-2.0
"""kill -9 at each durable step, under load, over and over on one home: nothing acknowledged is ever lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from byhand.errors import NotFound
from byhand.journal.reader import Reader
from byhand.log import merkle
from byhand.wiring import create_home, open_home

STEPS = (
    "keys reserved",
    "transaction begun",
    "rows inserted",
    "committed",
    "checkpoint signed",
    "anchored",
    "published",
)
ROUNDS = 200
WORKER = Path(__file__).with_name("worker.py")
PATIENCE_SECONDS = 60


def _killed(home: Path, step: str, count: int) -> dict[str, tuple[int, str]]:
    """Run a worker until it kills itself; what it had been acknowledged by then."""
    run = subprocess.run(
        [sys.executable, str(WORKER), str(home), step, str(count)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert run.returncode == -9, run.stderr
    lines = [line.split(" ") for line in run.stdout.splitlines() if line.count(" ") == 2]
    return {record: (int(index), leaf) for record, index, leaf in lines if len(leaf) == 64}


def _check(reader: Reader, acknowledged: dict[str, tuple[int, str]], start: int) -> None:
    for record, (index, leaf) in acknowledged.items():
        stored = reader.find(record)
        if stored is None:
            raise NotFound(f"{record} was acknowledged at {index} and is gone")
        assert (stored.index, stored.leaf_hash.hex()) == (index, leaf)
    tree = reader.tree()
    hashes = [merkle.leaf_hash(stored.entry) for stored in reader.scan(start)]
    assert len(hashes) == tree.row.size - start


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_whatever_step_the_process_is_killed_at(tmp_path: Path) -> None:
    """After 200 kills spread over every durable step each acknowledged record stands where it was promised."""
    home = tmp_path / "home"
    create_home(home, "byhand.test/crash")
    opened = open_home(home, start=False)
    opened.journal.checkpointer.begin()
    opened.close()
    size = 0
    for number in range(ROUNDS):
        acknowledged = _killed(home, STEPS[number % len(STEPS)], 1 + number // len(STEPS) % 7)
        opened = open_home(home)  # no repair: opening checks tree, edge and anchor by itself
        _check(opened.journal.reader, acknowledged, size)
        size = opened.journal.reader.size
        opened.close()
    assert size > ROUNDS
