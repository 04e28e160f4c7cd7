# SPDX-License-Identifier: Apache-2.0
"""The command line does what its readable scripts show; each script has a fresh home of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import Captured, Ended, Step, normal, steps

HERE = Path(__file__).parent
SCRIPTS = sorted(HERE.glob("*.txt"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_is_played_as_it_is_written(script: Path, desk: Path, typed: Callable) -> None:  # type: ignore[type-arg]
    """Every command of the script prints what the script shows, where it shows it, and ends as it says."""
    captured = Captured({"HERE": str(desk)})
    for step in steps(script):
        command = captured.typed(step.command)
        done = typed(command)
        as_shown = (
            done.code == step.exit_code,
            captured.accepts(step.output, done.out),
            captured.accepts(step.messages, done.err),
        )
        really = transcript(script, step, done).replace(str(desk), "<HERE>")
        assert as_shown == (True, True, True), really


def transcript(script: Path, step: Step, done: Ended) -> str:
    """What really happened, as the script would have it."""
    lines = [f"{script.name}:{step.line}", f"$ {step.command}", *normal(done.out).splitlines()]
    lines += [f"! {line}" for line in normal(done.err).splitlines()]
    return "\n".join([*lines, *([f"[exit {done.code}]"] if done.code else [])])
