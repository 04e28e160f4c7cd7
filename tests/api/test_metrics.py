# SPDX-License-Identifier: Apache-2.0
"""Figures: what stands still or is damaged is seen in them, and hides no other."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from byhand.api.lanes import Lanes
from byhand.api.metrics import Metrics
from byhand.watch.follower import Standing
from byhand.watch.process import WatchProcess, tell

sys.path.append(str(Path(__file__).resolve().parents[2]))
offices = importlib.import_module("tests.control.conftest")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Any]:
    """A home with its first officer."""
    (tmp_path / "pens").mkdir()
    pens = offices.Pens(tmp_path / "pens")
    made = offices.Office(tmp_path / "home", pens, {"XDG_STATE_HOME": str(tmp_path / "state")})
    made.begin()
    yield made
    made.home.close()


def figures(home: Any, watch: WatchProcess) -> dict[str, float]:
    lines = Metrics(home, Lanes(), watch).text().decode().splitlines()
    return {name: float(value) for name, value in (one.rsplit(" ", 1) for one in lines if one[0] != "#")}


def test_followers_that_never_ran_are_seen(office: Any) -> None:
    """No start, growing silence, and entries that nobody looked at."""
    watch = WatchProcess(())
    watch._heard -= 100
    found = figures(office.home, watch)
    assert found["byhand_followers_starts"] == 0
    assert found["byhand_followers_silent_seconds"] >= 100
    assert found["byhand_requests_lag_entries"] == office.home.journal.reader.size
    watch._hear(tell({"index": Standing(turns=1)}))
    assert figures(office.home, watch)["byhand_followers_silent_seconds"] < 50


def test_a_damaged_outbox_is_a_figure_and_hides_no_other(office: Any) -> None:
    """Whoever looks at the figures sees all that can be read, and that this cannot."""
    assert figures(office.home, WatchProcess(()))["byhand_outbox_readable"] == 1
    office.home.outbox.close()
    for one in office.home.path.glob("outbox.db*"):
        one.unlink()
    (office.home.path / "outbox.db").write_bytes(b"this is no database" * 1_000)
    found = figures(office.home, WatchProcess(()))
    assert found["byhand_outbox_readable"] == 0
    assert found["byhand_log_entries"] == office.home.journal.reader.size
    assert "byhand_requests_open" not in found
