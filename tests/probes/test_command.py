# SPDX-License-Identifier: Apache-2.0
"""The command probe: no shell, one value, and an end to every command."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from byhand.errors import Invalid, ProbeFailed
from byhand.probes import command, open_probe
from byhand.probes.command import CommandProbe
from byhand.records import captured


def python(code: str) -> list[str]:
    """A command that runs Python code."""
    return [sys.executable, "-S", "-c", code]


@pytest.mark.parametrize(
    ("printed", "text", "media_type"),
    [
        ("1.50\n", "1.50", captured.JSON),
        ('{"a":  1}\n\n', '{"a":  1}\n', captured.JSON),
        ("HALTED\n", "HALTED", captured.TEXT),
        ("two words", "two words", captured.TEXT),
        ("", "", captured.TEXT),
        ("\n", "", captured.TEXT),
        ("Zürich\n", "Zürich", captured.TEXT),
    ],
)
def test_output_is_kept(printed: str, text: str, media_type: str) -> None:
    """JSON stays JSON, anything else is text; one trailing newline is not part of the value."""
    code = f"import sys; sys.stdout.buffer.write({printed.encode()!r})"
    found = CommandProbe(python(code)).read()
    assert (found.text, found.media_type) == (text, media_type)


def test_there_is_no_shell(tmp_path: Path) -> None:
    """Variables, globs, pipes and redirections reach the command as they are written."""
    target = tmp_path / "made by a shell"
    found = open_probe(f"command:echo '$HOME' * ; touch {shlex.quote(str(target))} | cat").read()
    assert found.text == f"$HOME * ; touch {target} | cat"
    assert not target.exists()


def test_an_exit_code_is_a_failure_that_does_not_quote() -> None:
    """A command that fails has no value, whatever it printed; its arguments are not repeated."""
    with pytest.raises(ProbeFailed, match="exit code 3") as failure:
        CommandProbe(python("print('hunter2'); raise SystemExit(3)")).read()
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("arguments", [["no-such-program-anywhere"], ["/"], ["a\0b"]])
def test_a_command_that_cannot_be_run_is_a_failure(arguments: list[str]) -> None:
    """No such program, a folder, a NUL character: each fails with the reason."""
    with pytest.raises(ProbeFailed, match="could not be run"):
        CommandProbe(arguments).read()


def test_a_slow_command_is_ended_with_its_children(tmp_path: Path) -> None:
    """A command that gives no answer in time is killed, and so is what it started."""
    mark = tmp_path / "still there"
    inner = f"import time, pathlib; time.sleep(2); pathlib.Path({str(mark)!r}).touch()"
    outer = f"import subprocess, time; subprocess.Popen({python(inner)!r}); time.sleep(30)"
    began = time.monotonic()
    with pytest.raises(ProbeFailed, match="no answer within"):
        CommandProbe(python(outer), timeout_seconds=0.7).read()
    assert time.monotonic() - began < 5
    time.sleep(2)
    assert not mark.exists()


def test_a_command_that_stays_after_its_output_is_ended() -> None:
    """Closing standard output is not enough: a command ends, or it fails."""
    code = "import os, time; os.close(1); time.sleep(30)"
    with pytest.raises(ProbeFailed, match="did not end"):
        CommandProbe(python(code), timeout_seconds=0.7).read()


def test_endless_output_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output beyond the limit ends the command instead of filling memory."""
    monkeypatch.setattr(command, "OUTPUT_BYTES_MAX", 100_000)
    with pytest.raises(ProbeFailed, match="more than 100000 bytes"):
        open_probe("command:yes").read()


def test_output_that_is_not_text_is_a_failure() -> None:
    """Bytes that are not UTF-8 are no value that could be kept character for character."""
    with pytest.raises(ProbeFailed, match="UTF-8"):
        CommandProbe(python("import sys; sys.stdout.buffer.write(b'\\xff')")).read()


def test_nothing_is_read_from_the_terminal() -> None:
    """A command that waits for input gets its end at once."""
    assert CommandProbe(python("import sys; print(len(sys.stdin.read()))")).read().text == "0"


@pytest.mark.parametrize("address", ["", "   ", "''", "echo 'open", " ".join(["x"] * 65)])
def test_a_wrong_address_is_refused(address: str) -> None:
    """No command, an open quote, too many words: refused before anything runs."""
    with pytest.raises(Invalid):
        open_probe(f"command:{address}")
