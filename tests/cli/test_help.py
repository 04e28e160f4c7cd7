# SPDX-License-Identifier: Apache-2.0
"""What a person meets who does not know the command by heart: help, completion, advice, and output that fits."""

from __future__ import annotations

import codecs
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import Ended

from byhand.cli import asking, tree

BYHAND = str(Path(sys.executable).with_name("byhand"))
PATIENCE_SECONDS = 20.0
ESCAPE = "\x1b"
NAMES = [name for name, _ in tree.TOP] + [
    f"{group} {name}" for group, _, commands in tree.GROUPS for name, _ in commands
]
GROUPS = [group for group, _, _ in tree.GROUPS]
LISTING = ("point list", "person list", "key list", "reason list", "search", "doctor", "log keys")
STARTED = "started"
Run = Callable[..., Ended]


@pytest.fixture
def home(desk: Path, here: Run) -> Path:
    """A home with a point and one intervention."""
    (desk / "gateway.json").write_text('{"state": "HALTED"}')
    probe = f"file:{desk}/gateway.json#/state"
    point = ["--action", "trading.circuit_breaker.override", "--target", "risk-gateway/circuit_breaker/MM-7"]
    why = ["--reason", "FALSE_POSITIVE", "--notes", "Stale quote from XLON, seen on two feeds."]
    for words in (
        ["init", "--origin", "desk.test/help"],
        ["point", "add", "mm7", *point, "--owner", "ada.lovelace", "--tier", "medium", "--probe", probe],
        ["run", "mm7", *why, "--", "true"],
    ):
        done = here(*words)
        assert done.code == 0, done.err
    return desk


# -- help


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str, desk: Path, here: Run) -> None:
    """Help names the usage, says in a sentence what the command does, and shows an example of it."""
    done = here(*name.split(), "--help")
    assert (done.code, done.err) == (0, "")
    usage, description, *_ = re.split(r"\n\s*\n", done.out.strip())
    assert usage.startswith(f"Usage: byhand {name}")
    assert re.match(r"[A-Z].{15,}", " ".join(description.split())), description
    _, _, below = done.out.partition("Example")
    examples = [line.strip().removeprefix("$ ") for line in below.splitlines()]
    assert [line for line in examples if line.startswith(f"byhand {name}")], done.out


@pytest.mark.parametrize("name", [*NAMES, *GROUPS])
def test_help_shows_no_word_of_the_code(name: str, desk: Path, here: Run) -> None:
    """No default that says nothing, no name with a trailing underscore, no markup that a terminal shows."""
    out = here(*name.split(), "--help").out
    assert not re.search(r"None|default: (\(\)|False|\])|ID_|```|\*\*|:type|<class", out), out


@pytest.mark.parametrize("words", [(), ("--help",), *((group,) for group in GROUPS)])
def test_what_there_is_can_be_found_from_the_top(words: tuple[str, ...], desk: Path, here: Run) -> None:
    """Without a command, or with a group only, the commands below are listed, each with a sentence."""
    done = here(*words)
    below = [name for name in NAMES if words[:1] in {(), ("--help",)} or name.startswith(f"{words[0]} ")]
    assert (done.code, done.err) == (0, "")
    for name in below:
        line = re.search(
            rf"^│ {name.split()[-1 if words and words[0] in GROUPS else 0]} +[A-Z].*$", done.out, re.MULTILINE
        )
        assert line is not None, (name, done.out)


def test_the_version_is_told(desk: Path, here: Run) -> None:
    """--version prints one line that begins with a number."""
    done = here("--version")
    assert done.code == 0
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.]*\n", done.out)


# -- completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell: str, desk: Path, here: Run) -> None:
    """The script of each shell names every command and every common option; bash takes its own without a word."""
    done = here("completion", shell)
    assert (done.code, done.err) == (0, "")
    words = set(re.findall(r"[a-z][a-z-]*", done.out))
    assert {part for name in NAMES for part in name.split()} | {"home", "person", "key", "output"} <= words
    if shell == "bash":
        checked = subprocess.run(["bash", "-n"], input=done.out, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


# -- forms of output


@pytest.mark.parametrize("name", LISTING)
def test_what_is_listed_is_json(name: str, home: Path, here: Run) -> None:
    """Asked for JSON a listing is one list; as ndjson the same objects stand one a line."""
    listed = here(*name.split(), "--output", "json")
    streamed = here(*name.split(), "--output", "ndjson")
    assert (listed.code, streamed.code) == (0, 0)
    objects = json.loads(listed.out)
    assert objects
    assert all(isinstance(one, dict) and one for one in objects)
    lines = streamed.out.splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [sorted(one) for one in objects]
    assert streamed.out.endswith("\n")


@pytest.mark.parametrize("name", ["whoami", "log checkpoint", "point show mm7", "verify"])
def test_one_thing_is_one_object(name: str, home: Path, here: Run) -> None:
    """One thing is one JSON object, on one line as ndjson."""
    one = json.loads(here(*name.split(), "--output", "json").out)
    (line,) = here(*name.split(), "--output", "ndjson").out.splitlines()
    assert isinstance(one, dict)
    assert sorted(json.loads(line)) == sorted(one)


def test_what_persons_wrote_cannot_command_a_terminal(home: Path, here: Run) -> None:
    """Control characters in a person's words are shown escaped, in tables and in messages."""
    shown = here("search", f"{ESCAPE}]0;owned\x07", "--output", "table")
    assert ESCAPE not in shown.out + shown.err
    done = here("point", "show", f"mm7{ESCAPE}[2J")
    assert done.code == 1
    assert r"\x1b" in done.err
    assert ESCAPE not in done.err


# -- a real terminal


class Terminal:
    """A command on a terminal of its own: what it shows, and keys to press."""

    def __init__(self, *words: str, columns: int = 100, **environment: str) -> None:
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self._process = subprocess.Popen(
            [BYHAND, *words],
            env=environ | {"TERM": "xterm-256color"} | environment,
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - Ctrl-C needs an owner
        )
        os.close(follower)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.shown = ""

    def read(self, wanted: str | None = None) -> str:
        """What is shown, up to ``wanted``; without it, to the end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while wanted is None or wanted not in self.shown:
            ready, _, _ = select.select([self._leader], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                pytest.fail(f"{wanted!r} never came; the terminal shows {self.shown!r}")
            try:
                part = os.read(self._leader, 65_536)
            except OSError:  # the terminal is closed when its process has ended
                part = b""
            if not part:
                break
            self.shown += self._decoder.decode(part)
        return self.shown

    def press(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    def end(self) -> int:
        """The exit code, once all is shown."""
        self.read()
        code = self._process.wait(PATIENCE_SECONDS)
        os.close(self._leader)
        return code


@pytest.mark.parametrize("name", ["search", "point list", "reason list", "whoami", "show --help", "--help"])
def test_a_terminal_without_colour_gets_none(name: str, home: Path) -> None:
    """With NO_COLOR a terminal is shown a table without a single colour."""
    terminal = Terminal(*name.split(), NO_COLOR="1")
    assert terminal.end() == 0
    assert ESCAPE not in terminal.shown
    assert terminal.shown.strip()
    assert not terminal.shown.startswith(("[", "{"))


def test_progress_without_colour_has_none(home: Path) -> None:
    """The bar of a long check moves on a terminal, and leaves its colours away under NO_COLOR."""
    plain, coloured = Terminal("verify", NO_COLOR="1"), Terminal("verify")
    assert (plain.end(), coloured.end()) == (0, 0)
    colour = re.compile(r"\x1b\[[0-9;]*m")
    assert colour.search(coloured.shown)
    assert not colour.search(plain.shown), plain.shown
    assert "sound" in plain.shown


@pytest.mark.parametrize("columns", [40, 80, 100, 130, 200])
def test_a_terminal_of_any_width_shows_all_of_it(columns: int, home: Path) -> None:
    """Who, what, where and how it ended are in one piece; the id is, too, to be copied."""
    terminal = Terminal("search", columns=columns, NO_COLOR="1")
    assert terminal.end() == 0
    assert re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", terminal.shown) or columns < 60
    for word in ("ada.lovelace", "applied", "trading.ci"):
        assert word in terminal.shown, terminal.shown
    assert max(map(len, terminal.shown.splitlines())) <= columns


def test_a_terminal_that_can_nothing_gets_no_escapes(home: Path) -> None:
    """A dumb terminal is shown plain characters only, and all of them."""
    terminal = Terminal("search", TERM="dumb", NO_COLOR="1")
    assert terminal.end() == 0
    assert ESCAPE not in terminal.shown
    assert "trading.circuit_breaker.override" in terminal.shown


# -- wrong words


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("serch",), "search"),
        (("point", "lst"), "list"),
        (("point", "mode", "mm7", "enforced"), "enforce"),
        (("declare", "mm7", "--reasn", "X"), "--reason"),
        (("search", "--limt", "3"), "--limit"),
        (("search", "--outptu=json"), "--output"),
        (("export", "--fromat", "csv"), "--format"),
        (("verify", "--polcy", "x"), "--policy"),
        (("run", "mm7", "--reasn", "X", "--", "true"), "--reason"),
        (("search", "tagret:MM-7"), "target:"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_what_was_meant_is_suggested(words: tuple[str, ...], meant: str, home: Path, here: Run) -> None:
    """A word that is nearly right ends with exit code 2, the right one, and where to read more."""
    done = here(*words)
    assert (done.code, done.out) == (2, ""), done
    assert re.search(rf'[Dd]id you mean "?{re.escape(meant)}', done.err), done.err
    assert re.search(r"^  \S", done.err, re.MULTILINE), done.err


@pytest.mark.parametrize(
    "words", [("frobnicate",), ("point", "frobnicate"), ("show",), ("search", "--limit", "many"), ("--home",)]
)
def test_wrong_usage_ends_with_two_and_advice(words: tuple[str, ...], desk: Path, here: Run) -> None:
    """What cannot be understood does nothing, prints no data, and says where help is."""
    done = here(*words)
    assert (done.code, done.out) == (2, "")
    assert re.search(r"See: byhand .*--help", done.err), done.err
    assert list(desk.glob("home")) == []


# -- interrupted


@pytest.fixture
def slow(home: Path) -> Path:
    """The home, where the point is read by a program that never answers."""
    program = home / "slow.sh"
    program.write_text(f"#!/bin/sh\necho {STARTED} >&2\ntouch {home}/{STARTED}\nexec sleep 60\n")
    program.chmod(0o755)
    return home


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} never came"
        time.sleep(0.02)


def test_ctrl_c_at_a_question_ends_with_130(home: Path) -> None:
    """Whoever presses Ctrl-C instead of an answer has done nothing, and sees no traceback."""
    terminal = Terminal("run", "mm7", "--", "touch", str(home / "ran"))
    terminal.read("Reason: ")
    terminal.press("\x03")
    assert terminal.end() == 130
    assert re.search(r"^interrupted\r?$", terminal.shown, re.MULTILINE), terminal.shown
    assert "Traceback" not in terminal.shown
    assert not (home / "ran").exists()


def test_whoever_hangs_up_at_a_question_is_told_on_a_line_of_its_own(home: Path) -> None:
    """Ctrl-D instead of an answer does nothing, and what is said of it does not hang on the question."""
    terminal = Terminal("run", "mm7", "--", "touch", str(home / "ran"))
    terminal.read("Reason: ")
    terminal.press("\x04")
    assert terminal.end() == 2
    assert re.search(r"^byhand: nobody answered\r?$", terminal.shown, re.MULTILINE), terminal.shown
    assert not (home / "ran").exists()


def test_an_interrupt_in_the_middle_ends_with_130(slow: Path) -> None:
    """A command that waits for something else and is interrupted says so, and sees no traceback."""
    why = ["--reason", "FALSE_POSITIVE", "--notes", "Another stale quote, and a probe that hangs."]
    probe = f"command:{slow}/slow.sh"
    process = subprocess.Popen(
        [BYHAND, "declare", "mm7", *why, "--probe", probe],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(slow / STARTED)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "command", ["search", "export --format ndjson", "point list", "--help", "completion bash"]
)
def test_a_reader_that_goes_away_causes_no_traceback(command: str, home: Path) -> None:
    """`byhand ... | head -1` ends quietly, although nobody reads the rest."""
    reader, writer = os.pipe()
    process = subprocess.Popen([BYHAND, *command.split()], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    os.close(reader)  # long before anything is written
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert err == ""
    assert process.returncode == 1


# -- as it is started


@pytest.mark.parametrize(
    "start", [[BYHAND], [sys.executable, "-m", "byhand"]], ids=["byhand", "python -m byhand"]
)
def test_both_ways_to_start_it_are_the_same(start: list[str], home: Path) -> None:
    """The console script and the module print the same and end with the command's exit code."""
    found = subprocess.run(
        [*start, "search", "--output", "ndjson"], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert json.loads(found.stdout)["point"] == "mm7"
    wrong = subprocess.run([*start, "serch"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_ctrl_c_while_a_question_appears_begins_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is quicker than the question: what is said next still begins a line of its own."""

    class Hasty(io.StringIO):
        def flush(self) -> None:
            monkeypatch.setattr(Hasty, "flush", io.StringIO.flush)
            raise KeyboardInterrupt

    shown = Hasty()
    monkeypatch.setattr(sys, "stderr", shown)
    with pytest.raises(KeyboardInterrupt):
        asking.ask("Reason: ")
    assert shown.getvalue() == "Reason: \n"
