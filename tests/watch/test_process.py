# SPDX-License-Identifier: Apache-2.0
"""The followers' own process: it ends with the server however that ends, and is started again when it ends itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from byhand.watch import process
from byhand.watch.follower import Standing
from byhand.watch.process import WatchProcess, tell

PATIENCE_SECONDS = 30.0


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.05)


def followers_of(home: Path) -> list[int]:
    """The processes that follow the log of ``home``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--piped" in command and str(home).encode() in command:
            found.append(int(folder.name))
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with its first officer."""
    command = [
        sys.executable,
        "-m",
        "byhand",
        "init",
        "--home",
        str(tmp_path / "home"),
        "--person",
        "ada.lovelace",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "home"


def test_the_followers_work_are_heard_of_and_end_with_whoever_started_them(home: Path) -> None:
    """Every follower tells how it is getting on; after the close nothing of them is left."""
    watch = WatchProcess(("--home", str(home)))
    watch.start()
    try:
        until(lambda: "index" in watch.standings and watch.standings["index"].turns > 0)
        assert len(followers_of(home)) == 1
        assert watch.standings["index"].failures == 0
    finally:
        watch.close()
    watch.close()
    assert followers_of(home) == []


def test_followers_that_were_killed_are_started_again(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """That they ended is said and counted until they are heard of again."""
    watch = WatchProcess(("--home", str(home)))
    watch.start()
    try:
        until(lambda: "index" in watch.standings)
        (first,) = followers_of(home)
        os.kill(first, signal.SIGKILL)
        until(lambda: watch.standings["watch"].turns > 1 and watch.standings["watch"].failures == 0)
        assert followers_of(home) not in ([], [first])
    finally:
        watch.close()
    assert "the followers' process ended: code -9" in caplog.text


def test_a_killed_server_leaves_no_followers_behind(home: Path) -> None:
    """The pipe that they hold closes with whoever held its other end."""
    script = textwrap.dedent(
        f"""
        import time
        from byhand.watch.process import WatchProcess
        watch = WatchProcess(("--home", {str(home)!r}))
        watch.start()
        while "index" not in watch.standings:
            time.sleep(0.05)
        print("ready", flush=True)
        time.sleep(600)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "ready\n"
        assert len(followers_of(home)) == 1
        starter.kill()
    until(lambda: followers_of(home) == [])


def test_what_is_told_of_a_follower_is_heard_as_it_was_meant() -> None:
    """One line of JSON says all of a standing."""
    watch = WatchProcess(())
    watch._hear(tell({"index": Standing(turns=3, done=7, failures=1, error="the disk is full")}))
    assert watch.standings["index"] == Standing(turns=3, done=7, failures=1, error="the disk is full")


@pytest.mark.parametrize("line", ["no JSON", "[]", '{"index": 3}', '{"index": {"turns": "one"}}', "\ud800"])
def test_a_line_that_tells_nothing_is_warned_about_and_ignored(
    line: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What a library prints there ends nobody's supervision."""
    watch = WatchProcess(())
    watch._hear(line)
    assert set(watch.standings) == {"watch"}
    assert "no standing" in caplog.text


def started_with(script: str, monkeypatch: pytest.MonkeyPatch) -> WatchProcess:
    """A supervisor of a process of ours that does as ``script`` says."""
    monkeypatch.setattr(process, "COMMAND", ("-c", textwrap.dedent(script)))
    return WatchProcess(())


def test_a_process_that_prints_rubbish_is_still_supervised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no text, lines that are no telling, and then a standing: it is heard."""
    watch = started_with(
        """
        import os, sys
        os.write(1, b'\\xff\\xfe\\n{"index": 1}\\n{"index": {"turns": 7}}\\n')
        sys.stdin.read()
        """,
        monkeypatch,
    )
    watch.start()
    try:
        until(lambda: "index" in watch.standings)
        assert watch.standings["index"].turns == 7
    finally:
        watch.close()


def test_after_any_number_of_failed_starts_there_is_a_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night of failures is no number too large for a pause."""
    monkeypatch.setattr(process, "RESTART_SECONDS_MAX", 0.01)
    watch = started_with("raise SystemExit(1)", monkeypatch)
    watch.standings["watch"].failures = 5_000
    watch.start()
    try:
        until(lambda: watch.standings["watch"].failures > 5_002)
    finally:
        watch.close()


def test_a_run_that_fails_unexpectedly_is_counted_and_followed_by_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours ends one run, not the supervision."""
    monkeypatch.setattr(process, "RESTART_SECONDS_MAX", 0.01)
    watch = started_with("", monkeypatch)
    watch._command = ["\0"]  # ValueError: what no OSError handler hears
    watch.start()
    try:
        until(lambda: watch.standings["watch"].turns > 2)
        assert "ValueError" in watch.standings["watch"].error
    finally:
        watch.close()


def test_a_process_that_hangs_does_not_keep_the_server_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """It and what it started are killed when the time to end is over."""
    monkeypatch.setattr(process, "STOP_SECONDS", 0.5)
    watch = started_with(
        """
        import os, time
        if os.fork():
            os.write(1, b'{"index": {"turns": 1}}\\n')
        time.sleep(600)
        """,
        monkeypatch,
    )
    watch.start()
    until(lambda: "index" in watch.standings)
    began = time.monotonic()
    watch.close()
    assert time.monotonic() - began < 10
    assert not watch._thread.is_alive()


def test_the_followers_end_in_order_when_they_are_told_to(home: Path) -> None:
    """SIGTERM to them alone: turns that began end, and the interpreter is not aborted while it waits for input."""
    command = [sys.executable, *process.COMMAND, "--home", str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as followers:
        assert followers.stdout is not None
        assert followers.stdout.readline().startswith(b"{")
        followers.terminate()
        assert followers.wait(PATIENCE_SECONDS) == 0
