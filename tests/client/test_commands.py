# SPDX-License-Identifier: Apache-2.0
"""A command as the act: never started without a permit, its exit code kept, signals handed on."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_home import RealHome

from byhand.client.commands import command_digest, run_command
from byhand.errors import BeforeStateChanged, Invalid
from byhand.records.kinds import Intent


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RealHome]:
    """A real home with a point of medium and one of high risk, both read from a file."""
    opened = RealHome(tmp_path)
    state = tmp_path / "state.txt"
    state.write_text("HALTED\n")
    opened.add_point(probe=f"file:{state}")
    opened.add_point("limit", tier="high", probe=f"file:{state}")
    yield opened
    opened.close()


def set_to(tmp_path: Path, word: str, code: int = 0) -> list[str]:
    """A command that writes ``word`` and ends with ``code``."""
    return ["sh", "-c", f"echo {word} > {tmp_path}/state.txt; exit {code}"]


def test_a_command_is_run_and_recorded(home: RealHome, tmp_path: Path) -> None:
    """Exit code 0 is applied; without a declared value, the change is the digest of the command line."""
    result = run_command(home.request(), home.means(), set_to(tmp_path, "ACTIVE"))
    assert (result.exit_code, result.outcome.result, result.warning) == (0, "applied", None)
    assert result.outcome.found is not None
    assert result.outcome.found.text == "ACTIVE"
    intent = home.records(result.intervention.id)[0]
    assert isinstance(intent, Intent)
    assert intent.declaration.change.command == command_digest(set_to(tmp_path, "ACTIVE"))
    assert result.receipt.acknowledgement.record == result.outcome.id


def test_a_failing_command_keeps_its_exit_code(home: RealHome, tmp_path: Path) -> None:
    """Another exit code is outcome failed, with the code as its error and the value found."""
    result = run_command(home.request(new="ACTIVE"), home.means(), set_to(tmp_path, "REDUCING", 7))
    assert (result.exit_code, result.outcome.result) == (7, "failed")
    assert result.outcome.error == "CommandFailed: exit code 7"
    assert result.outcome.found is not None
    assert result.outcome.found.text == "REDUCING"


def test_a_killed_command_has_the_exit_code_of_its_signal(home: RealHome) -> None:
    """Ended by signal 9 is exit code 137, as in a shell."""
    assert run_command(home.request(), home.means(), ["sh", "-c", "kill -9 $$"]).exit_code == 137


def test_another_value_than_declared_is_a_warning(home: RealHome, tmp_path: Path) -> None:
    """The command's own exit code stays; the difference is told beside it."""
    result = run_command(home.request(new="ACTIVE"), home.means(), set_to(tmp_path, "REDUCING"))
    assert (result.exit_code, result.outcome.as_declared) == (0, False)
    assert "REDUCING" in (result.warning or "")


def test_high_risk_wants_the_new_value_declared(home: RealHome, tmp_path: Path) -> None:
    """Without --new a high-risk command never starts, and the advice names the option."""
    with pytest.raises(Invalid, match=r"/change/new.*--new"):
        run_command(home.request("limit"), home.means(), set_to(tmp_path, "ACTIVE"))
    assert (tmp_path / "state.txt").read_text() == "HALTED\n"
    assert (
        run_command(home.request("limit", new="ACTIVE"), home.means(), set_to(tmp_path, "ACTIVE")).exit_code
        == 0
    )


def test_a_refused_command_never_starts(home: RealHome, tmp_path: Path) -> None:
    """When the value changed between intent and permit, there is no act."""
    values = iter(["HALTED", "REDUCING"])
    with pytest.raises(BeforeStateChanged):
        run_command(home.request(), home.means(lambda: next(values)), set_to(tmp_path, "ACTIVE"))
    assert (tmp_path / "state.txt").read_text() == "HALTED\n"


@pytest.mark.parametrize("arguments", [[], ["no-such-program-anywhere"], ["x"] * 1_001])
def test_what_cannot_be_run_is_refused_before_anything_is_recorded(
    home: RealHome, arguments: list[str]
) -> None:
    """No words, too many, or no such program: refused, and the log does not grow."""
    size = home.home.journal.reader.size
    with pytest.raises(Invalid):
        run_command(home.request(), home.means(), arguments)
    assert home.home.journal.reader.size == size


def test_the_digest_tells_words_apart() -> None:
    """The digest is SHA-256 of the canonical JSON list: two words are not one word with a space."""
    assert command_digest(["a", "b c"]) == hashlib.sha256(b'["a","b c"]').hexdigest()
    assert command_digest(["a b", "c"]) != command_digest(["a", "b c"])


def test_the_terminal_is_the_command_s(
    home: RealHome, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Standard output and error of the command are the person's own."""
    run_command(home.request(), home.means(), ["sh", "-c", "echo out; echo err >&2"])
    assert capfd.readouterr() == ("out\n", "err\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_command_and_the_outcome_is_recorded(
    home: RealHome, number: signal.Signals
) -> None:
    """A signal to this process ends the command, not the record of it; handlers are put back afterwards."""
    before = signal.getsignal(number)
    code = f"import signal, sys, time; signal.signal({int(number)}, lambda *_: sys.exit(5)); time.sleep(30)"
    timer = threading.Timer(1.0, os.kill, (os.getpid(), number))
    timer.start()
    began = time.monotonic()
    result = run_command(home.request(), home.means(), [sys.executable, "-S", "-c", code])
    timer.join()
    assert (result.exit_code, result.outcome.result) == (5, "failed")
    assert time.monotonic() - began < 10
    assert signal.getsignal(number) == before


def test_a_command_can_be_run_from_another_thread(home: RealHome, tmp_path: Path) -> None:
    """Only the main thread can hand signals on; the rest works anywhere."""
    results: list[int] = []
    thread = threading.Thread(
        target=lambda: results.append(
            run_command(home.request(), home.means(), set_to(tmp_path, "ACTIVE")).exit_code
        )
    )
    thread.start()
    thread.join(30)
    assert results == [0]


def test_a_command_that_is_killed_with_us_is_unknown(tmp_path: Path) -> None:
    """Killed inside the body: on the next opening byhand says unknown, with the value it finds."""
    state = tmp_path / "state.txt"
    state.write_text("HALTED\n")
    script = (
        "import os, sys, pathlib\n"
        "from real_home import RealHome\n"
        f"home = RealHome(pathlib.Path({str(tmp_path)!r}))\n"
        f"home.add_point(probe='file:{state}')\n"
        "with home.act(new='ACTIVE') as act:\n"
        f"    pathlib.Path({str(state)!r}).write_text('ACTIVE\\n')\n"
        "    print(act.id, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    from byhand import wiring

    home = wiring.open_home(
        tmp_path / "home", environment={"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    )
    try:
        home.settle()
        last = home.journal.reader.chain(done.stdout.strip())[-1].record
    finally:
        home.close()
    assert getattr(last, "result", None) == "unknown"
    assert last.found.text == "ACTIVE"  # type: ignore[union-attr]
