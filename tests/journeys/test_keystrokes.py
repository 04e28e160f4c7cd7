# SPDX-License-Identifier: Apache-2.0
"""How much an override costs a person in a hurry: keystrokes and prompts, counted at a real terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

BYHAND = str(Path(sys.executable).with_name("byhand"))
KEYSTROKES_MAX = 40
PROMPTS = ("Reason: ", "Why, in your words: ")
NOTE = "Index rebalance: quoting obligation on XLON until 15:00."
PATIENCE_SECONDS = 20.0


def _read_until(terminal: int, wanted: str) -> str:
    """What the terminal shows, up to ``wanted``."""
    seen = ""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            pytest.fail(f"{wanted!r} never came; the terminal shows {seen!r}")
        try:
            seen += os.read(terminal, 4_096).decode()
        except OSError:  # the terminal is closed when its process has ended
            break
    return seen


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home with one point; the person is named once for the whole shift, in the environment."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    (tmp_path / "state.json").write_text('{"state": "HALTED"}')
    made = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "BYHAND_HOME": str(tmp_path / "home"),
        "BYHAND_PERSON": "ada.lovelace",
        "BYHAND_KEY": str(tmp_path / "key"),
    }
    probe = f"file:{tmp_path}/state.json#/state"
    point = ["--action", "trading.circuit_breaker.override", "--target", "risk-gateway/circuit_breaker/MM-7"]
    for command in (
        ["init", "--origin", "byhand.test/keys"],
        ["point", "add", "mm7", *point, "--owner", "ada.lovelace", "--mode", "enforce", "--probe", probe],
    ):
        subprocess.run([BYHAND, *command], env=made, check=True, capture_output=True)
    return made


def test_an_override_costs_forty_keystrokes_and_two_prompts(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Counted: the command line without --new and the command, the reason's number, and every Enter."""
    new = ("--new", "ACTIVE")
    change = ("sh", "-c", f'echo \'{{"state": "ACTIVE"}}\' > {tmp_path}/state.json')
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [BYHAND, "run", "mm7", *new, "--", *change],
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = _read_until(leader, PROMPTS[0])
    number = next(line.split()[0] for line in shown.splitlines() if "LIQUIDITY_PROVISIONING" in line)
    os.write(leader, f"{number}\n".encode())
    asked = _read_until(leader, PROMPTS[1])
    os.write(leader, f"{NOTE}\n".encode())
    ended = _read_until(leader, "applied")
    assert process.wait(PATIENCE_SECONDS) == 0
    os.close(leader)
    prompts = sum((shown + asked + ended).count(prompt) for prompt in PROMPTS)
    typed = f"byhand run mm7 -- \n{number}\n\n"  # besides note, --new ACTIVE and the command itself
    assert prompts == 2
    assert len(typed) <= KEYSTROKES_MAX, len(typed)
    listed = subprocess.run(
        [BYHAND, "search", "point:mm7", "--output", "json"], env=environment, capture_output=True, check=True
    )
    (row,) = json.loads(listed.stdout)
    assert (row["state"], row["reason"]) == ("applied", "LIQUIDITY_PROVISIONING")
