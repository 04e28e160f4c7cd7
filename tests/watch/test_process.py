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
