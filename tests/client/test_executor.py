# SPDX-License-Identifier: Apache-2.0
"""Which process carries out an act, and whether it still runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from byhand.client.executor import executor_alive, executor_name


def test_this_process_runs() -> None:
    """The name of this process is the same each time, and it runs."""
    assert executor_name() == executor_name()
    assert executor_alive(executor_name()) is True


def test_a_process_that_ended_is_gone() -> None:
    """The name of a process that has ended is not taken for one that runs."""
    code = "from byhand.client.executor import executor_name; print(executor_name())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert executor_alive(ended.stdout.strip()) is False


def test_a_later_process_with_the_same_number_is_another() -> None:
    """A process number that was given out again does not stand for the one that had it before."""
    host, number, _ = executor_name().split("/")
    assert executor_alive(f"{host}/{number}/1") is False


@pytest.mark.parametrize("name", ["", "host", "elsewhere/1/1", "a script"])
def test_what_cannot_be_said_from_here(name: str) -> None:
    """Another machine's process, or a name a script chose: nobody here can say."""
    assert executor_alive(name) is None
