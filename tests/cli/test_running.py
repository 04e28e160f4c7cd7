# SPDX-License-Identifier: Apache-2.0
"""Changes that end by themselves, from the command line: whoever ends them early gets them reverted at once."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import COMMAND_SECONDS_MAX, Ended

WORDS = ("--reason", "LIQUIDITY_PROVISIONING", "--notes", "Quoting obligation until the auction is over.")
LIMITED = ("--new", "ACTIVE", "--for", "2h", "--revert", "cp halted.txt state.txt")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_change_that_is_ended_early_is_reverted_at_once(
    desk: Path, here: Callable[..., Ended], number: signal.Signals
) -> None:
    """Ctrl-C, a kill and a terminal that goes away: the revert runs, and the command keeps its exit code."""
    for name, state in (("state", "HALTED"), ("halted", "HALTED"), ("active", "ACTIVE")):
        (desk / f"{name}.txt").write_text(f"{state}\n")
    assert here("init", "--origin", "desk.test/while").code == 0
    point = ("--action", "trading.circuit_breaker.override", "--target", "gateway/breaker/MM-7")
    probe = ("--owner", "ada.lovelace", "--probe", f"file:{desk}/state.txt", "--mode", "enforce")
    assert here("point", "add", "mm7", *point, *probe, "--tier", "medium").code == 0
    command = ["byhand", "run", "mm7", *WORDS, *LIMITED, "--", "cp", "active.txt", "state.txt"]
    with subprocess.Popen(command, cwd=desk, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        assert "until " in said[1]
        assert (desk / "state.txt").read_text() == "ACTIVE\n"
        process.send_signal(number)
        _, rest = process.communicate(timeout=COMMAND_SECONDS_MAX)
    assert (process.returncode, (desk / "state.txt").read_text()) == (0, "HALTED\n")
    assert "reverted: HALTED" in rest
