# SPDX-License-Identifier: Apache-2.0
"""kill -9 at each durable step of a real intervention: the home opens as it is, and the same trip goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from byhand.verifying import Knowledge, verify_target
from byhand.wiring import open_home

STEPS = (
    "keys reserved",
    "transaction begun",
    "rows inserted",
    "committed",
    "checkpoint signed",
    "anchored",
    "published",
)
COUNT_MAX = 20  # no step is taken nearly as often in one trip
WORKER = Path(__file__).with_name("tripping.py")
PATIENCE_SECONDS = 60


def _run(*arguments: str) -> tuple[int, list[list[str]]]:
    """Run the worker; how it ended, and record, index and leaf hash of each acknowledgement by then."""
    run = subprocess.run(
        [sys.executable, str(WORKER), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert run.returncode in {0, -9}, run.stderr
    return run.returncode, [line.split(" ") for line in run.stdout.splitlines()]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A home with an officer, a point and what is to be declared there."""
    assert _run("make", str(tmp_path))[0] == 0
    return tmp_path


def _restored(made: Path, kept: Path) -> None:
    """Begin the same trip anew: same paths and the same inode of the home, so that its anchor knows it."""
    shutil.rmtree(made / "state")
    shutil.copytree(kept / "state", made / "state")
    for file in (made / "home").rglob("*"):
        if file.is_file():
            file.unlink()
    shutil.copytree(kept / "home", made / "home", dirs_exist_ok=True)


def _kept(home: Path, environment: dict[str, str], acknowledged: list[list[str]]) -> None:
    """The home opens without repair, holds what was acknowledged, and is sound."""
    opened = open_home(home, environment=environment)
    for record, index, leaf in acknowledged:
        stored = opened.journal.reader.find(record)
        assert stored is not None
        assert (stored.index, stored.leaf_hash.hex()) == (int(index), leaf)
    opened.close()
    report = verify_target(str(home), Knowledge(environment=environment))
    assert not report.findings, report.findings


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", STEPS)
def test_a_trip_killed_at_any_durable_step_is_finished_by_trying_again(
    made: Path, tmp_path_factory: pytest.TempPathFactory, step: str
) -> None:
    """Killed there the first time, the second, ...: nothing acknowledged is lost, nothing is done twice."""
    kept = tmp_path_factory.mktemp("kept")
    shutil.copytree(made / "state", kept / "state")
    shutil.copytree(made / "home", kept / "home")
    environment = {
        "HOME": str(made),
        "XDG_STATE_HOME": str(made / "state"),
        "XDG_CONFIG_HOME": str(made / "config"),
    }
    for count in range(1, COUNT_MAX):
        ended, before = _run("trip", str(made), step, str(count))
        if ended == 0:
            break
        _kept(made / "home", environment, before)
        ended, again = _run("trip", str(made))
        assert ended == 0
        places = {record: rest for record, *rest in before}
        assert all(places.get(record, rest) == rest for record, *rest in again)  # the same answers
        assert again[-1] == again[-2]  # and the receipt of the outcome in the end
        _kept(made / "home", environment, before + again)
        _restored(made, kept)
    assert 1 < count < COUNT_MAX - 1
