# SPDX-License-Identifier: Apache-2.0
"""Followers: each in a thread of its own, resumed after failures, stopped in order."""

from __future__ import annotations

import threading
import time

import pytest

from byhand.errors import LogUnavailable
from byhand.watch import follower
from byhand.watch.follower import Task, Watch

PATIENCE_SECONDS = 10.0


def until(true: object) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not true():  # type: ignore[operator]
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.005)


def test_a_follower_that_fails_tries_again_and_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Its failures are counted, said and forgotten when it goes on; the other one never noticed."""
    left = [LogUnavailable("the disk is full"), ZeroDivisionError("a fault of ours")]
    turns = {"good": 0, "bad": 0}

    def bad() -> int:
        turns["bad"] += 1
        if left:
            raise left.pop()
        return 1

    def good() -> int:
        turns["good"] += 1
        return 2

    watch = Watch((Task("bad", bad), Task("good", good)), pause_seconds=0.01)
    watch.start()
    until(lambda: watch.standings["bad"].done >= 1 and turns["good"] >= 3)
    watch.close()
    assert watch.standings["bad"].failures == 0
    assert watch.standings["good"].done == 2 * turns["good"]
    assert "the disk is full" in caplog.text
    assert "a fault of ours" in caplog.text


def test_a_turn_that_began_is_ended_before_the_watch_is_closed() -> None:
    """Closing waits for it, and no turn begins afterwards."""
    began, go_on, done = threading.Event(), threading.Event(), []

    def slow() -> int:
        began.set()
        go_on.wait(PATIENCE_SECONDS)
        done.append(1)
        return 1

    watch = Watch((Task("slow", slow),), pause_seconds=0.01)
    watch.start()
    assert began.wait(PATIENCE_SECONDS)
    closing = threading.Thread(target=watch.close)
    closing.start()
    assert not done
    go_on.set()
    closing.join(PATIENCE_SECONDS)
    assert done == [1]
    watch.close()


def test_a_follower_that_failed_all_night_still_takes_its_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of failures leads to a pause, never to an overflow that ends the thread."""
    monkeypatch.setattr(follower, "PAUSE_SECONDS_MAX", 0.01)
    left = [LogUnavailable("the disk is full")] * 2

    def bad() -> int:
        if left:
            raise left.pop()
        return 1

    watch = Watch((Task("bad", bad),), pause_seconds=0.01)
    watch.standings["bad"].failures = 5_000
    watch.start()
    until(lambda: watch.standings["bad"].done >= 1)
    watch.close()
