# SPDX-License-Identifier: Apache-2.0
"""The tutorial of the trader and the breaker is typed here as it stands, beside the real engine.

Its ``console engine`` blocks are one session of one shell. A line ``$ ...`` is typed (``> ...`` continues
it); the lines below must be printed, where ``...`` stands for any text, alone on a line for any lines. A last
line ``[exit N]`` expects that exit code. Scripts are saved first, under the name that the page gives them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "trader-and-breaker.md"
SAVED = re.compile(
    r"Save\s+this\s+as\s+`(?P<name>[^`]+)`:\n\n```python\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
CONSOLE = re.compile(r"^```console engine\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
END = "== end of command "
TUTORIAL_SECONDS_MAX = 120  # it takes some ten


@dataclass(frozen=True)
class Typed:
    """One command and what the page shows below it."""

    command: str
    shown: tuple[str, ...]
    code: int


def typed(page: str) -> list[Typed]:
    """The commands of the page, in order."""
    found: list[Typed] = []
    for block in CONSOLE.finditer(page):
        for part in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
            lines = part.rstrip("\n").split("\n")
            command = [lines.pop(0)]
            while lines and lines[0].startswith("> "):
                command.append(lines.pop(0)[2:])
            code = lines.pop() if lines and lines[-1].startswith("[exit ") else "[exit 0]"
            found.append(Typed("\n".join(command), tuple(lines), int(code[6:-1])))
    return found


def session(commands: list[Typed]) -> str:
    """One shell script that types them all and marks where each ends."""
    lines = ["exec 2>&1"]
    for number, one in enumerate(commands):
        lines += [one.command, f'printf "{END}%s %s\\n" {number} $?']
    return "\n".join(lines) + "\n"


def pattern(shown: tuple[str, ...]) -> re.Pattern[str]:
    """What must be printed."""
    parts = [
        r"(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in shown
    ]
    return re.compile("".join(parts) if shown else r"(?:.*\n)*")


def test_the_tutorial_works_as_it_stands(engine_python: Path, tmp_path: Path, isolated: Path) -> None:
    """Every command ends and prints as the page says, on the real engine."""
    page = PAGE.read_text(encoding="utf-8")
    commands = typed(page)
    folder = tmp_path / "desk"
    folder.mkdir()
    for script in SAVED.finditer(page):
        (folder / script["name"]).write_text(script["body"])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", session([one for one in commands if one.command != "mkdir desk"])],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TUTORIAL_SECONDS_MAX,
        check=False,
    )
    rest = done.stdout
    for number, one in enumerate(one for one in commands if one.command != "mkdir desk"):
        output, _, rest = rest.partition(f"{END}{number} ")
        code, _, rest = rest.partition("\n")
        assert (code, one.command) == (str(one.code), one.command), output
        assert pattern(one.shown).fullmatch(output), f"$ {one.command}\n{output}"


def test_the_tutorial_saves_and_types_what_it_says() -> None:
    """All four scripts and every step of the page are found by the patterns above."""
    page = PAGE.read_text(encoding="utf-8")
    assert [one["name"] for one in SAVED.finditer(page)] == [
        "halted.py",
        "override.py",
        "raise_limit.py",
        "forge.py",
    ]
    commands = [one.command for one in typed(page)]
    assert len(commands) == page.count("\n$ ")
    assert commands[-1] == "byhand verify forged"
