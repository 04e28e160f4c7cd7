# SPDX-License-Identifier: Apache-2.0
"""Streams that are closed, full or read by nobody: what was done is told as far as it can be, and never undone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import Ended, in_shell

Run = Callable[..., Ended]
WHY = "--reason FALSE_POSITIVE --notes 'Stale quote from XLON, seen on two feeds.'"


@pytest.fixture(autouse=True)
def full_device(missing: Callable[[str, str], None]) -> None:
    """Where writes fail as they do on a full disk."""
    if not Path("/dev/full").exists():
        missing("/dev/full", "a full device is Linux's; run these tests there")


@pytest.fixture
def home(desk: Path, here: Run) -> Path:
    """A home with a point."""
    (desk / "gateway.json").write_text('{"state": "HALTED"}')
    place = ["--target", "risk-gateway/breaker/MM-7", "--probe", f"file:{desk}/gateway.json#/state"]
    for words in (
        ["init", "--origin", "desk.test/streams"],
        ["point", "add", "mm7", "--action", "trading.breaker.override", *place, "--owner", "ada.lovelace"],
    ):
        done = here(*words)
        assert done.code == 0, done.err
    return desk


@pytest.mark.parametrize(
    "streams", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full 2>/dev/full"]
)
def test_the_commands_exit_code_comes_through(streams: str, home: Path) -> None:
    """Whatever can be said, a command that ran ends `byhand run` with its own exit code."""
    done = in_shell(f"byhand run mm7 {WHY} -- sh -c 'touch ran; exit 7' {streams}")
    assert done.code == 7, done
    assert (home / "ran").exists()


@pytest.mark.parametrize(
    "command", ["point list", "search --output table", "whoami", "--help", "--version", "verify"]
)
@pytest.mark.parametrize("stream", [">/dev/full", ">&-"])
def test_data_that_cannot_be_shown_are_missed(command: str, stream: str, home: Path) -> None:
    """Whoever asked for data and cannot get them is told so in a sentence; it is no fault of byhand."""
    done = in_shell(f"byhand point list > /dev/null; byhand {command} {stream}")
    if command == "search --output table":  # nothing found: that is a message
        assert (done.code, done.err) == (0, "nothing was found\n")
        return
    assert done.code == 1, done
    assert done.err.startswith("byhand: standard output cannot be written: "), done.err
    assert len(done.err.splitlines()) == 1


def test_what_was_recorded_and_not_shown_is_named(home: Path, here: Run) -> None:
    """A declaration whose answer finds no place is in the log, and its id is in the message."""
    done = in_shell(f"byhand declare mm7 --new ACTIVE {WHY} >/dev/full")
    assert done.code == 1
    named = re.match(r"byhand: recorded as ([0-9a-f-]{36}); it could not be shown: ", done.err)
    assert named is not None, done.err
    assert here("show", named[1]).code == 0


def test_signals_of_its_own_are_handed_on(home: Path) -> None:
    """SIGUSR1 and SIGUSR2 reach the command, and byhand stays to record how it ended."""
    byhand = str(Path(sys.executable).with_name("byhand"))
    script = "trap 'echo one; exit 5' USR1; trap 'exit 6' USR2; echo ready; while :; do sleep 0.05; done"
    words = ["run", "mm7", "--reason", "FALSE_POSITIVE", "--notes", "Stale quote from XLON, seen twice."]
    process = subprocess.Popen(
        [byhand, *words, "--", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(10)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (5, "one\n"), err
    assert "failed" in err


def test_an_idle_home_lies_in_its_files(home: Path, here: Run) -> None:
    """Between commands no commit waits beside a database: a copy without the waiting files is whole."""
    for words in (["search"], ["export"], ["log", "checkpoint"], ["verify"]):
        assert here(*words).code == 0
        waiting = [path.name for path in (home / "home").rglob("*-wal") if path.stat().st_size]
        assert waiting == [], words


# -- what is said of a change, for machines


def test_every_change_is_acknowledged_for_machines(home: Path, here: Run) -> None:
    """Asked for JSON each administrative command says where its change is recorded, and nothing else."""
    changes = [
        ("reason", "set", "VENUE_OUTAGE", "--summary", "The venue itself is down"),
        ("point", "mode", "mm7", "warn"),
        ("key", "add", "keys/alan.pub"),
        ("person", "add", "grace.hopper", "--public-key", "keys/grace.pub"),
        ("point", "retire", "mm7"),
    ]
    for words in changes:
        done = here(*words, "--output", "ndjson")
        assert done.code == 0, done.err
        assert set(json.loads(done.out)) == {"record", "index", "leaf"}, words
    listed = home / "points.toml"
    place = 'system = "a"\ntype = "b"\nid = "c"\nowner = "ada.lovelace"\n'
    listed.write_text(
        f'[[point]]\nname = "one"\naction = "a.b.c"\n{place}[[point]]\nname = "two"\naction = "a.b.d"\n{place}'
    )
    done = here("point", "import", str(listed), "--output", "json")
    assert [set(one) for one in json.loads(done.out)] == [{"record", "index", "leaf"}] * 2


def test_a_change_that_waits_names_its_file(home: Path, here: Run) -> None:
    """With two officers the first one's answer is the proposal, and the second one's where it is recorded."""
    words = ("person", "add", "grace.hopper", "--public-key", "keys/grace.pub", "--officer")
    assert here(*words).code == 0
    done = here("point", "mode", "mm7", "enforce", "--proposal", "change.json", "--output", "ndjson")
    assert (done.code, json.loads(done.out)) == (5, {"proposal": "change.json"})
    second = ("--person", "grace.hopper", "--key", "keys/grace", "--output", "json")
    done = here("person", "countersign", "change.json", "--yes", *second)
    (recorded,) = json.loads(done.out)
    assert set(recorded) == {"record", "index", "leaf"}


def test_what_was_written_is_named_for_machines(home: Path, here: Run) -> None:
    """Path and size of bundle, proof, export and folder are JSON when that is asked for."""
    declared = json.loads(in_shell(f"byhand declare mm7 --new ACTIVE {WHY}").out)["intervention"]
    for words, file in (
        (("evidence", declared, "--file"), "a.zip"),
        (("log", "prove", declared, "--file"), "a.tlog-proof"),
        (("export", "--file"), "a.json"),
    ):
        told = json.loads(here(*words, file, "--output", "json").out)
        assert (told["file"], told["bytes"]) == (file, (home / file).stat().st_size)
    assert json.loads(here("log", "export", "folder", "--output", "json").out)["folder"] == "folder"
    assert json.loads((home / "a.json").read_text())[0]["New_Value"] == "$declared ACTIVE"


def test_an_export_has_the_form_asked_for(home: Path, here: Run) -> None:
    """--output decides where --format is not given; a list of nothing is a list."""
    assert here("export", "--output", "json").out == "[]\n"
    assert here("export").out.startswith("Timestamp,")
    in_shell(f"byhand declare mm7 --new ACTIVE {WHY}")
    assert json.loads(here("export", "--output", "ndjson").out)["New_Value"] == "$declared ACTIVE"
    assert len(json.loads(here("export", "--output", "json").out)) == 1
    assert here("export", "--output", "json", "--format", "csv").out.startswith("Timestamp,")


def test_a_table_in_a_pipe_has_no_blanks_at_its_ends(home: Path, here: Run) -> None:
    """What fills columns on a screen is left away where lines are read by programs."""
    for words in (("point", "list"), ("point", "show", "mm7"), ("whoami",), ("doctor",)):
        lines = here(*words, "--output", "table").out.splitlines()
        assert [line for line in lines if line != line.rstrip()] == [], words
