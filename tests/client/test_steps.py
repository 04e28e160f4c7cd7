# SPDX-License-Identifier: Apache-2.0
"""The steps one by one: for how long what is declared is good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from real_home import ADA, RealHome

from byhand import clock
from byhand.client import steps
from byhand.client.places import RegisteredPoint
from byhand.records import captured
from byhand.watch.requests import BREAK_GLASS_SECONDS


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RealHome]:
    """A home with points of every kind of need."""
    opened = RealHome(tmp_path)
    opened.add_point("alone")
    opened.add_point("watched", tier="critical", mode="observe")
    opened.add_point("high", tier="high")
    opened.add_point("pair", approvals=1)
    opened.add_point("amount", approvals_above="10")
    yield opened
    opened.close()


def good_for(home: RealHome, place: str, now: str, **changed: Any) -> float:
    """Seconds until a declaration of now is over."""
    request = home.request(place, new=captured.capture(100), **changed)
    sight = steps.look(home.backend, RegisteredPoint(place), None, None)
    made = steps.build(request, sight, captured.capture(0), person=ADA, now=now)
    return (clock.parse(made.expires) - clock.parse(now)).total_seconds()


@pytest.mark.parametrize("place", ["alone", "watched"])
def test_what_needs_nobody_is_done_within_minutes(home: RealHome, place: str) -> None:
    """Nobody is waited for: the declaration is good as long as a permit may live."""
    assert good_for(home, place, clock.now()) == steps.INTENT_SECONDS


@pytest.mark.parametrize("place", ["high", "pair", "amount"])
def test_where_others_must_approve_there_is_time_to_tell_them_all(home: RealHome, place: str) -> None:
    """As long as the gate allows, by a clock that is a little ahead too: the glass is offered before it is over."""
    ahead = clock.after(clock.now(), seconds=30)
    seconds = good_for(home, place, ahead)
    assert seconds > 2 * BREAK_GLASS_SECONDS
    assert clock.after(ahead, seconds=seconds) <= clock.after(clock.now(), seconds=3_600)


def test_an_agents_act_of_high_risk_waits_for_a_person_as_well(home: RealHome) -> None:
    """It takes an independent person, who needs the same time."""
    assert good_for(home, "high", clock.now(), written_by="agent") > 2 * BREAK_GLASS_SECONDS
