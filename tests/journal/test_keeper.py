# SPDX-License-Identifier: Apache-2.0
"""A kept log is signed when it has grown and shows that it is alive when it has not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from byhand.journal.keeper import Keeper
from byhand.wiring import Home, create_home, open_home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A fresh home."""
    create_home(tmp_path / "home", "byhand.test/keeper")
    opened = open_home(tmp_path / "home", start=False)
    opened.journal.checkpointer.begin()
    yield opened
    opened.close()


def _signed(home: Home) -> int:
    note = home.entries.published()
    assert note is not None
    return home.journal.checkpointer.size_of(note)


def test_a_log_that_grew_is_signed_and_an_idle_one_gets_a_heartbeat(home: Home) -> None:
    """Turn by turn: nothing to do; grown, so signed; idle for too long, so a heartbeat, signed as well."""
    keeper = Keeper(home.journal, checkpoint_seconds=1, heartbeat_idle_minutes=10)
    start = time.monotonic()
    keeper.turn(start + 1)
    assert home.journal.reader.size == 0
    home.journal.heartbeat()
    keeper.turn(start + 2)
    assert _signed(home) == 1
    keeper.turn(start + 500)
    assert home.journal.reader.size == 1
    keeper.turn(start + 603)
    assert (home.journal.reader.size, _signed(home)) == (2, 2)
    leaf = home.journal.reader.leaf(1)
    assert (leaf.kind, leaf.commitment, leaf.sealed) == ("heartbeat", None, None)


def test_a_kept_home_signs_by_itself_and_once_more_when_closed(home: Home) -> None:
    """The thread needs no help; closing signs what came last."""
    keeper = Keeper(home.journal, checkpoint_seconds=0.05, heartbeat_idle_minutes=10)
    keeper.start()
    home.journal.heartbeat()
    deadline = time.monotonic() + 10
    while _signed(home) < 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _signed(home) == 1
    home.journal.heartbeat()
    keeper.close()
    assert _signed(home) == 2
