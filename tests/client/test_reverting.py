# SPDX-License-Identifier: Apache-2.0
"""Reverts of a process: none is lost by another one, by who is told, or by a fork."""

from __future__ import annotations

import os
import threading
import warnings
from typing import Any

import pytest

from byhand.client import reverting
from byhand.client.reverting import DueRevert, Reverted, Reverter

LONG_AGO = "2020-01-0{}T00:00:00.000000Z"
NEVER = "2999-01-01T00:00:00.000000Z"


def _due(day: int, run: Any) -> DueRevert:
    return DueRevert(LONG_AGO.format(day), str(day), run)


def test_an_interrupt_in_one_revert_leaves_the_others_waiting() -> None:
    """Ctrl-C in the first: it and those behind it are still pending."""
    reverter = Reverter()

    def interrupted() -> Any:
        raise KeyboardInterrupt

    reverter.add(_due(1, interrupted))
    for day in (2, 3):
        reverter.add(_due(day, lambda: None))
    with pytest.raises(KeyboardInterrupt):
        reverter.run_due()
    assert [one for _, one in reverter.pending()] == ["1", "2", "3"]


def test_whoever_is_told_cannot_stop_the_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A report that raises is noted, and the next revert is run all the same."""
    monkeypatch.setattr(reverting, "POLL_SECONDS", 0.01)
    reverter = Reverter()
    told: list[Reverted] = []
    twice = threading.Event()

    def report(one: Reverted) -> None:
        told.append(one)
        if len(told) == 2:
            twice.set()
        raise RuntimeError("nobody listens")

    reverter.add(_due(1, lambda: None))
    reverter.start(report)
    reverter.add(_due(2, lambda: None))
    assert twice.wait(10)
    reverter.stop()
    assert "could not be reported" in caplog.text


def test_a_thread_that_died_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second start begins a thread where none is alive, and only there."""
    monkeypatch.setattr(reverting, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    reverter = Reverter()
    told = threading.Event()

    def ended() -> Any:
        raise SystemExit

    reverter.add(_due(1, ended))
    reverter.start(lambda _: None)
    thread = reverter._thread
    assert thread is not None
    thread.join(10)
    reverter._waiting.clear()
    reverter.add(_due(2, lambda: None))
    reverter.start(lambda _: told.set())
    assert told.wait(10)
    reverter.stop()


def test_a_forked_child_runs_its_own_reverts_and_not_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent still has its own; the child starts with none, and with a thread that can be begun."""
    monkeypatch.setattr(reverting, "POLL_SECONDS", 0.01)
    reverter = Reverter()
    reverter.start(lambda _: None)
    reverter.add(DueRevert(NEVER, "parents", lambda: None))  # type: ignore[arg-type,return-value]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # Python 3.12 warns of forks beside threads, rightly
        child = os.fork()
    if child == 0:
        told = threading.Event()
        mine = reverter.pending() == ()
        reverter.start(lambda _: told.set())
        reverter.add(_due(1, lambda: None))
        os._exit(0 if mine and told.wait(10) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    reverter.stop()
    assert [one for _, one in reverter.pending()] == ["parents"]
