# SPDX-License-Identifier: Apache-2.0
"""Live views: one access record a minute, which names everything that was shown, and no way to page around it."""

from __future__ import annotations

from typing import Any

import pytest

from byhand import clock
from byhand.client.desk import Window
from byhand.control import live
from byhand.control.live import LiveViews
from byhand.errors import Invalid, LogUnavailable
from byhand.records.limits import RECORDS_NAMED_MAX


@pytest.fixture
def minutes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets minutes pass."""
    now = [1_000.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])

    def passed(count: float) -> None:
        now[0] += 60 * count

    return passed


def test_a_minute_of_looking_leaves_one_record(archive: Any, minutes: Any) -> None:
    """The next one names what was shown meanwhile, also what is out of sight by then."""
    reading, ada = archive.home.reading, archive.ada
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    for _ in range(5):
        reading.timeline(ada, "", limit=1, live=True)
    two = archive.raise_limit("beta", "Gateway restarted with an empty cache")
    reading.timeline(ada, "", limit=1, live=True)
    three = archive.raise_limit("gamma", "Morning auction needs larger orders")
    assert [access.records for access in archive.accesses()] == [(one,)]
    minutes(1)
    reading.timeline(ada, "", limit=1, live=True)
    assert [access.records for access in archive.accesses()] == [(one,), (three, two)]
    minutes(0.9)
    reading.timeline(ada, "", limit=1, live=True)
    assert len(archive.accesses()) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"query": "point:alpha"},
        {"limit": 7},
        {"reason": "The quarterly review of the desk."},
        {"person": "bob"},
    ],
)
def test_another_view_is_another_record(archive: Any, minutes: Any, changed: dict[str, Any]) -> None:
    """Nobody reads on the record of another view: not of another query, size, reason or person."""
    archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    reading = archive.home.reading
    reading.timeline(archive.ada, "", live=True)
    caller = archive.office.caller(changed.pop("person", "ada"))
    reading.timeline(caller, changed.pop("query", ""), live=True, **changed)
    assert len(archive.accesses()) == 2


def test_a_live_view_pages_through_nothing(archive: Any) -> None:
    """Neither a cursor nor a moment: what is read page by page leaves a record for each."""
    window = Window(moment=clock.now(), start="2026-01-01T00:00:00.000000Z", end=clock.now())
    for more in ({"before": 10}, {"window": window}):
        with pytest.raises(Invalid, match="newest"):
            archive.home.reading.timeline(archive.ada, "", live=True, **more)


def test_a_look_that_could_not_be_recorded_shows_nothing_and_neither_does_the_next(
    archive: Any, minutes: Any
) -> None:
    """A failed record is not taken for one of this minute."""
    archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    writer = archive.home.entries._writer
    writer.execute("PRAGMA query_only = ON")
    for _ in range(2):
        with pytest.raises(LogUnavailable):
            archive.home.reading.timeline(archive.ada, "", live=True)
    writer.execute("PRAGMA query_only = OFF")


def test_more_views_than_are_remembered_leave_more_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one looked at longest ago is recorded anew: forgetting costs a record, never one too few."""
    monkeypatch.setattr(live, "VIEWS_REMEMBERED", 2)
    views = LiveViews()
    assert [views.to_name(view, ["a"]) for view in "xyz"] == [("a",)] * 3
    assert views.to_name("z", ["a"]) is None
    assert views.to_name("x", ["a"]) == ("a",)


def test_names_that_no_record_has_room_for_are_in_the_next(minutes: Any) -> None:
    """What was shown longest ago is named first, and nothing that was shown is forgotten."""
    views = LiveViews()
    shown = [f"{number:04}" for number in range(5 * RECORDS_NAMED_MAX // 2)]
    named = list(views.to_name("wall", shown[:1]) or ())
    for start in range(0, len(shown), 100):
        assert views.to_name("wall", shown[start : start + 100]) is None
    while len(named) < len(shown):
        minutes(1)
        now = views.to_name("wall", shown[-1:])
        assert now is not None
        assert len(now) <= RECORDS_NAMED_MAX
        named += [one for one in now if one not in named]
        named.sort()
        assert named == shown[: len(named)]
    assert named == shown
