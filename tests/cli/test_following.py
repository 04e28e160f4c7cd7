# SPDX-License-Identifier: Apache-2.0
"""``byhand timeline --follow`` in a process of its own, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "api"
if str(FOLDER) not in sys.path:  # for real_server, which makes a home with a point
    sys.path.append(str(FOLDER))
from real_server import BYHAND, other, prepared  # noqa: E402 - found by the line above


def test_what_is_followed_is_told_line_by_line_and_leaves_one_record(tmp_path: Path) -> None:
    """An act that is there, one that comes, and how it ends; Ctrl-C is how it is meant to end."""
    one = prepared(tmp_path)
    run = ("run", "mm7", "--reason", "FALSE_POSITIVE", "--new")

    def act(number: int) -> None:
        value = other(one.state())
        text = f"Stale quote from XLON, seen {number} times on two feeds."
        command = ("sh", "-c", f"echo '{json.dumps({'state': value})}' > {one.gateway}")
        one.byhand(*run, value, "--notes", text, "--", *command)

    act(1)
    command = [str(BYHAND), "timeline", "--follow", "--output", "ndjson"]
    with subprocess.Popen(command, env=one.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        act(2)
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert first["state"] == "applied"
    assert second["id"] != first["id"]
    rows = one.byhand("access", "list", "operation:timeline", "--output", "ndjson").splitlines()
    assert len(rows) == 1
    for wrong in (("--around", "now"), ("--before", "7"), ("--output", "json")):
        one.byhand("timeline", "--follow", *wrong, code=2)
