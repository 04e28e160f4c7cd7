# SPDX-License-Identifier: Apache-2.0
"""The tutorials are typed here as they stand, beside the real engine and the real build system.

Their ``console engine`` and
``console buildbot`` blocks are one session of one shell. A line ``$ ...`` is typed (``> ...`` continues
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

import pytest

from byhand.demo.build_system import shop_folder

PAGES = Path(__file__).resolve().parents[2] / "docs" / "tutorial"
TRADER = PAGES / "trader-and-breaker.md"
DEPLOY = PAGES / "forced-deploy.md"
SAVED = re.compile(
    r"Save\s+this\s+as\s+`(?P<name>[^`]+)`:\n\n```python\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
CONSOLE = re.compile(r"^```console (?:engine|buildbot)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
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


def type_all(page: str, folder: Path) -> None:
    """Type the page's commands below ``folder``; each must end and print as the page says."""
    make, enter, *commands = typed(page)
    assert (make.command[:6], enter.command[:3]) == ("mkdir ", "cd ")
    place = folder / make.command[6:]
    place.mkdir()
    for script in SAVED.finditer(page):
        (place / script["name"]).write_text(script["body"])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", session(commands)],
        cwd=place,
        env=os.environ | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TUTORIAL_SECONDS_MAX,
        check=False,
    )
    rest = done.stdout
    for number, one in enumerate(commands):
        output, _, rest = rest.partition(f"{END}{number} ")
        code, _, rest = rest.partition("\n")
        assert (code, one.command) == (str(one.code), one.command), output
        assert pattern(one.shown).fullmatch(output), f"$ {one.command}\n{output}"


def test_the_trader_works_as_it_stands(engine_python: Path, tmp_path: Path, isolated: Path) -> None:
    """Every command ends and prints as the page says, on the real engine."""
    type_all(TRADER.read_text(encoding="utf-8"), tmp_path)


def test_the_forced_deploy_works_as_it_stands(buildbot_python: Path, tmp_path: Path, isolated: Path) -> None:
    """Every command ends and prints as the page says, on a real Buildbot."""
    type_all(DEPLOY.read_text(encoding="utf-8"), tmp_path)


@pytest.mark.parametrize(
    ("page", "scripts", "last"),
    [
        (TRADER, ["halted.py", "override.py", "raise_limit.py", "forge.py"], "byhand verify forged"),
        (DEPLOY, ["master.cfg", "press.py"], "cd .."),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_a_tutorial_saves_and_types_what_it_says(page: Path, scripts: list[str], last: str) -> None:
    """All its scripts and every step are found by the patterns above."""
    text = page.read_text(encoding="utf-8")
    assert [one["name"] for one in SAVED.finditer(text)] == scripts
    commands = [one.command for one in typed(text)]
    assert len(commands) == text.count("\n$ ")
    assert commands[-1] == last


def test_the_configuration_on_the_page_is_the_one_of_the_story() -> None:
    """What the reader saves is what the demo runs, character for character."""
    (saved,) = [one for one in SAVED.finditer(DEPLOY.read_text("utf-8")) if one["name"] == "master.cfg"]
    assert saved["body"] == (shop_folder() / "master.cfg").read_text(encoding="utf-8")
