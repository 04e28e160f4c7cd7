# SPDX-License-Identifier: Apache-2.0
"""What the documents tell people to type is typed here, in the order of the page, in a home of its own.

Every ``console`` block of README, tutorial and how-to pages is run. A line ``$ ...`` is typed (``> ...``
continues it, ``$ export NAME=VALUE`` and ``$ cd FOLDER`` last for the page). The lines below it must be
printed, where ``...`` stands for any text; with nothing below it the command need only succeed. A last line
``[exit N]`` expects that exit code. What must not run here stands in a ``sh`` or ``text`` block.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs" / "tutorial").glob("*.md")),
    *sorted((REPOSITORY / "docs" / "how-to").glob("*.md")),
]
BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"^\[exit (?P<code>[0-9]+)\]$")
COMMAND_SECONDS_MAX = 120  # what a person reading along would wait


@dataclass(frozen=True)
class Step:
    """One command with what it is said to print."""

    line: int
    command: str
    expected: tuple[str, ...]
    exit_code: int


def steps(page: str) -> Iterator[Step]:
    """The commands of a page, in order."""
    for block in BLOCK.finditer(page):
        first = page.count("\n", 0, block.start()) + 2
        lines = block["body"].splitlines()
        prompts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for begin, end in zip(prompts, [*prompts[1:], len(lines)], strict=True):
            command, below = [lines[begin][2:]], lines[begin + 1 : end]
            while below and below[0].startswith("> "):
                command.append(below.pop(0)[2:])
            while below and not below[-1].strip():
                below.pop()
            code = EXIT.match(below[-1]) if below else None
            yield Step(
                first + begin,
                "\n".join(command),
                tuple(below[:-1] if code else below),
                int(code["code"]) if code else 0,
            )


def pattern(expected: tuple[str, ...]) -> re.Pattern[str]:
    """What the output must look like: ``...`` is any text, on a line of its own any lines."""
    parts = [
        r"(?:.*\n)*?"
        if line.strip() == "..."
        else r".*?".join(map(re.escape, line.rstrip().split("..."))) + r"[ \t]*\n"
        for line in expected
    ]
    return re.compile("".join(parts))


def environment(home: Path) -> dict[str, str]:
    """The reader's: byhand on the path, a home directory of their own, an ordinary account."""
    folder = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_what_a_page_tells_to_type_works(page: Path, isolated: Path) -> None:
    """Every command of the page ends as the page says and prints what the page shows."""
    folder, variables = isolated, environment(isolated)
    for step in steps(page.read_text(encoding="utf-8")):
        if step.command.startswith("export "):
            name, _, value = step.command.removeprefix("export ").partition("=")
            variables[name] = os.path.expandvars(value.strip("\"'")).replace("~", variables["HOME"])
            continue
        if step.command.startswith("cd "):
            folder = folder / step.command.removeprefix("cd ")
            continue
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        shown = f"{page.name}:{step.line} $ {step.command}\n{done.stdout}{done.stderr}"
        assert done.returncode == step.exit_code, shown
        if step.expected:
            assert pattern(step.expected).fullmatch((done.stdout + done.stderr).rstrip("\n") + "\n"), shown


def test_steps_are_found_in_order() -> None:
    """Prompts, continued lines, expected output and exit codes are told apart."""
    page = "a\n```console\n$ one \\\n> two\nout...\n\n$ three\n[exit 3]\n```\n"
    assert list(steps(page)) == [
        Step(3, "one \\\ntwo", ("out...",), 0),
        Step(7, "three", (), 3),
    ]


def test_three_dots_stand_for_any_text() -> None:
    """``...`` matches within a line, and alone on a line any number of lines."""
    assert pattern(("id ...", "...", "end")).fullmatch("id 7\nx\ny\nend\n")
    assert pattern(("id ...", "...", "end")).fullmatch("id 7\nend\n")
    assert not pattern(("id ...",)).fullmatch("no\n")
