# SPDX-License-Identifier: Apache-2.0
"""byhand is killed while the command runs, and the log is not there: what the next person finds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BYHAND = str(Path(sys.executable).with_name("byhand"))
WHY = ("--reason", "INCIDENT_RESPONSE", "--notes", "The limiter is stuck and orders pile up")
PATIENCE_SECONDS = 30.0


class Desk:
    """A home with one point on a real file, used through the command line only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.limits = folder / "limits.json"
        self.limits.write_text('{"max": 5}')
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "BYHAND_HOME": str(self.home),
            "BYHAND_PERSON": "ada.lovelace",
            "BYHAND_KEY": str(folder / "key"),
        }
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
        self.run("init", "--origin", "byhand.test/killed")
        target = ["--action", "ops.limit.change", "--target", "files/limits/max", "--owner", "ada.lovelace"]
        probe = f"file:{self.limits}#/max"
        self.run("point", "add", "lim", *target, "--tier", "low", "--mode", "enforce", "--probe", probe)

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [BYHAND, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout

    def states(self) -> list[str]:
        return [row["state"] for row in json.loads(self.run("search", "point:lim", "--output", "json"))]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk of this test's own."""
    return Desk(tmp_path)


def test_a_process_killed_inside_the_body_leaves_unknown_and_the_value_found(desk: Desk) -> None:
    """The next command says so, with what the target holds now; verify finds nothing wrong with it."""
    started = desk.folder / "started"
    script = f"echo '{{\"max\": 9}}' > {desk.limits}; touch {started}; sleep 600"
    process = subprocess.Popen(
        [BYHAND, "run", "lim", *WHY, "--new", "9", "--", "sh", "-c", script],
        env=desk.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert started.exists()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert desk.states() == ["unknown"]
    (row,) = json.loads(desk.run("search", "state:unknown", "--output", "json"))
    shown = json.loads(desk.run("show", row["id"], "--output", "json"))
    assert '"text": "9"' in json.dumps(shown) or '"text":"9"' in json.dumps(shown)
    desk.run("verify")


@pytest.mark.parametrize("trouble", ["missing", "replaced", "unreadable key"])
def test_without_a_log_the_act_does_not_happen(desk: Desk, trouble: str) -> None:
    """The log is gone, swapped or its key cannot be used: exit code 6, and the command never ran."""
    log = desk.home / "log.db"
    if trouble == "missing":
        log.rename(desk.folder / "log.db")
    elif trouble == "replaced":
        for name in ("log.db", "log.db-wal", "log.db-shm"):
            (desk.home / name).unlink(missing_ok=True)
        log.write_bytes(b"not a database" * 1_000)
    else:
        shutil.move(desk.home / "keys" / "log-ed25519.key", desk.folder / "stolen.key")
    witness = desk.folder / "ran"
    desk.run("run", "lim", *WHY, "--", "touch", str(witness), code=6)
    assert not witness.exists()
