# SPDX-License-Identifier: Apache-2.0
"""What the documents tell people to type is typed here, in the order of the page, in one shell and one folder.

Every ``console`` block of README, tutorial and how-to pages is run. A line ``$ ...`` is typed (``> ...``
continues it). The lines below it must be printed, where ``...`` stands for any text, alone on a line for any
lines; with nothing below it the command need only succeed. A last line ``[exit N]`` expects that exit code. A
block behind "save this as `NAME`:" is saved when the page comes to it. A page that links to ``index.md`` of the
how-to pages begins where that page ends.

What must not run here stands in an ``sh`` block and in ``CHECKED_OTHERWISE``; ``text`` is only looked at.
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
HOW_TO = REPOSITORY / "docs" / "how-to"
README = REPOSITORY / "README.md"
BEGINNING = HOW_TO / "index.md"
TUTORIAL = "docs/tutorial/trader-and-breaker.md"
FORCED_DEPLOY = "docs/tutorial/forced-deploy.md"
PAGES = [README, *sorted((REPOSITORY / "docs" / "tutorial").glob("*.md")), *sorted(HOW_TO.glob("*.md"))]
CHECKED_OTHERWISE = {
    ("README.md", "make demo"): "fetches 250 MB; its targets are looked up below, tests/journeys plays it",
    (
        "README.md",
        "make demo\nexport",
    ): "typed below without its first line, in a home laid out as the demo's",
    ("README.md", "import byhand"): "run below beside a stand-in for the reader's own engine",
    (
        "docs/how-to/enrol-a-colleague.md",
        "byhand login",
    ): "keeps a session, so not for root: tests/cli/ordinary plays it on an account of its own",
    (
        "docs/how-to/sign-in-with-an-identity-provider.md",
        "byhand login",
    ): "needs a provider: tests/peers/oidc signs in at a real one",
    (
        "docs/how-to/let-a-pipeline-act-for-its-person.md",
        "curl",
    ): "runs at GitHub: tests/control/test_accounts.py judges such tokens",
    (
        "docs/how-to/run-the-server.md",
        "[server]\nbehind_proxy",
    ): "needs a proxy: tests/api tells what the setting does",
    (
        "docs/how-to/approve-from-your-phone.md",
        "[server]\npublic_url",
    ): "tests/api tells what the setting does",
    (
        "docs/how-to/approve-from-your-phone.md",
        "byhand",
    ): "needs a browser with an authenticator: tests/browser enrols passkeys there",
    (FORCED_DEPLOY, "buildbot"): "needs a real Buildbot: tests/journeys/test_tutorial.py types it there",
    (TUTORIAL, "engine"): "needs the real engine: tests/journeys/test_tutorial.py types it there",
}
"""Blocks that are not typed by ``test_what_a_page_tells_to_type_works``: page, beginning, reason."""
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
SAVED = re.compile(r"[Ss]ave\s+this\s+as\s+`(?P<name>[^`]+)`:\n\n\Z")
EXIT = re.compile(r"^\[exit (?P<code>[0-9]+)\]$")
UNTYPED = {"text", "{toctree}"}
END = "== the command ended "
PAGE_SECONDS_MAX = 240  # what a person reading along would wait; most pages take some ten


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, what it says it is, its text, and the name it is saved under."""

    line: int
    info: str
    body: str
    name: str | None


@dataclass(frozen=True)
class Step:
    """One command with what it is said to print."""

    line: int
    command: str
    expected: tuple[str, ...]
    exit_code: int


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for fence in FENCE.finditer(page):
        saved = SAVED.search(page[: fence.start()])
        line = page.count("\n", 0, fence.start()) + 2
        yield Block(line, fence["info"].strip(), fence["body"], saved["name"] if saved else None)


def steps(block: Block) -> Iterator[Step]:
    """The commands of a block, in order."""
    lines = block.body.splitlines()
    prompts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for begin, end in zip(prompts, [*prompts[1:], len(lines)], strict=True):
        command, below = [lines[begin][2:]], lines[begin + 1 : end]
        while below and below[0].startswith("> "):
            command.append(below.pop(0)[2:])
        while below and not below[-1].strip():
            below.pop()
        code = EXIT.match(below[-1]) if below else None
        yield Step(
            block.line + begin,
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


def script(page: str) -> tuple[str, list[Step]]:
    """One shell script that saves and types what the page says, and marks where each command ends."""
    lines = ["exec 2>&1"]
    typed: list[Step] = []
    for block in blocks(page):
        if block.name is not None:
            lines.append(f"cat > {block.name} <<'END OF FILE'\n{block.body}END OF FILE")
        elif block.info == "console":
            for step in steps(block):
                lines += [step.command, f'printf "\\n{END}%s %s\\n" {len(typed)} $?']
                typed.append(step)
    return "\n".join(lines) + "\n", typed


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


def in_shell(text: str, folder: Path) -> str:
    """What one shell prints that is given all of ``text``."""
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PAGE_SECONDS_MAX,
        check=False,
    ).stdout


def whole(page: Path) -> str:
    """The page, behind the one that it says it goes on from."""
    text = page.read_text(encoding="utf-8")
    goes_on = page.parent == HOW_TO and page != BEGINNING and "(index.md)" in text
    return f"{BEGINNING.read_text(encoding='utf-8')}\n{text}" if goes_on else text


def name_of(page: Path) -> str:
    """The page as people name it."""
    return page.relative_to(REPOSITORY).as_posix()


@pytest.mark.timeout(PAGE_SECONDS_MAX)
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_tells_to_type_works(page: Path, isolated: Path) -> None:
    """Every command of the page ends as the page says and prints what the page shows."""
    text, typed = script(whole(page))
    rest = in_shell(text, isolated) if typed else ""
    for number, step in enumerate(typed):
        output, _, rest = rest.partition(f"\n{END}{number} ")
        code, _, rest = rest.partition("\n")
        shown = f"{page.name}:{step.line} $ {step.command}\n{output}\n[exit {code}]"
        assert code == str(step.exit_code), shown
        if step.expected:
            assert pattern(step.expected).fullmatch(output.rstrip("\n") + "\n"), shown


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_of_a_page_is_passed_over(page: Path) -> None:
    """Every block is typed, is saved and used, is only looked at, or is checked otherwise for a reason."""
    text = page.read_text(encoding="utf-8")
    commands = "\n".join(one.body for one in blocks(text) if one.info.startswith("console"))
    imports = set(re.findall(r"^from (\w+) import", text, re.MULTILINE))
    over = [
        f"{page.name}:{one.line} {one.info}"
        for one in blocks(text)
        if not (
            one.info == "console"
            or one.info in UNTYPED
            or (one.name is not None and (one.name in commands or Path(one.name).stem in imports))
            or otherwise(page, one) is not None
        )
    ]
    assert over == []


def otherwise(page: Path, block: Block) -> tuple[str, str] | None:
    """The entry of ``CHECKED_OTHERWISE`` that speaks of this block; the longest beginning that fits."""
    beginnings = (block.body, block.info.removeprefix("console").strip())
    fitting = [
        (place, beginning)
        for place, beginning in CHECKED_OTHERWISE
        if place == name_of(page) and any(one.startswith(beginning) for one in beginnings)
    ]
    return max(fitting, key=lambda entry: len(entry[1]), default=None)


def test_what_is_checked_otherwise_is_still_there() -> None:
    """Every entry of the list speaks of a block that stands on its page."""
    used = {otherwise(page, one) for page in PAGES for one in blocks(page.read_text(encoding="utf-8"))}
    assert set(CHECKED_OTHERWISE) - used == set()


# ------------------------------------------------------------------------------------------- README, checked otherwise

DEMO_HOME = """
set -e
mkdir -p .demo/keys
ssh-keygen -q -t ed25519 -N '' -f .demo/keys/mara.keller
echo '{"state": "HALTED"}' > engine.json
export BYHAND_HOME=.demo/home BYHAND_PERSON=mara.keller BYHAND_KEY=.demo/keys/mara.keller
byhand init --origin desk.example/demo
byhand point add mm7-breaker --action trading.circuit_breaker.override --tier high --mode enforce \\
    --target risk-gateway/circuit_breaker/MM-7 --owner mara.keller --probe "file:$PWD/engine.json#/state"
"""
ACT = """
byhand run mm7-breaker --new ACTIVE --reason LIQUIDITY_PROVISIONING --notes "Index rebalance until 15:00." -- \\
    sh -c 'echo "{\\"state\\": \\"ACTIVE\\"}" > engine.json'
ID=$(byhand search --output ndjson | python -c 'import json; print(json.loads(input())["id"])')
unset BYHAND_PERSON BYHAND_KEY BYHAND_HOME
"""
ENGINE = """
ACTIVE = "ACTIVE"

class Engine:
    trading_state = "HALTED"

    def set_trading_state(self, state):
        self.trading_state = state

engine = Engine()
"""


def of_readme(beginning: str) -> str:
    """The block of README that is checked otherwise under ``beginning``."""
    found = [
        one.body
        for one in blocks(README.read_text("utf-8"))
        if otherwise(README, one) == ("README.md", beginning)
    ]
    assert len(found) == 1
    return found[0]


def test_the_two_commands_of_readme_are_targets() -> None:
    """``make demo`` and ``make test`` exist, and say what they are in ``make help``."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    wanted = re.findall(r"^make (\w+)", of_readme("make demo"), re.MULTILINE)
    assert wanted == ["demo", "test"]
    assert [target for target in wanted if not re.search(rf"^{target}:.* ## ", makefile, re.MULTILINE)] == []


@pytest.mark.timeout(PAGE_SECONDS_MAX)
def test_the_five_minutes_of_readme_work(isolated: Path) -> None:
    """Every line behind ``make demo`` works in a home of the names that the demo gives."""
    lines = of_readme("make demo\nexport").splitlines()[1:]
    typed = [re.sub(r"\bID\b", "$ID", line.partition("#")[0]) for line in lines]
    path = next(line for line in typed if line.startswith("export ")).replace("$PWD/.venv/bin", "/nowhere")
    typed[0] = path
    shown = in_shell(DEMO_HOME + ACT + "\n".join(typed) + "\necho that was all\n", isolated)
    assert shown.endswith("that was all\n"), shown


def test_the_example_of_readme_works(isolated: Path) -> None:
    """The snippet runs as it stands: the breaker is overridden, and a receipt comes of it."""
    (isolated / "example.py").write_text(
        f"{ENGINE}\n{of_readme('import byhand')}\n"
        "print(act.outcome.result, engine.trading_state, act.receipt.proof[:9])\n"
    )
    shown = in_shell(f"exec 2>&1\n{DEMO_HOME}python example.py\n", isolated)
    assert shown.endswith("applied ACTIVE c2sp.org/\n"), shown


# ------------------------------------------------------------------------------------------- this reader itself


def test_steps_are_found_in_order() -> None:
    """Prompts, continued lines, expected output and exit codes are told apart."""
    page = "a\n```console\n$ one \\\n> two\nout...\n\n$ three\n[exit 3]\n```\n"
    assert [step for block in blocks(page) for step in steps(block)] == [
        Step(3, "one \\\ntwo", ("out...",), 0),
        Step(7, "three", (), 3),
    ]


def test_a_file_is_saved_where_the_page_says_so() -> None:
    """Only the block right behind "save this as" is saved; a block beside it is not."""
    page = "Save\nthis as `a.py`:\n\n```python\nprint()\n```\n\nThen this:\n\n```python\n1\n```\n"
    assert [block.name for block in blocks(page)] == ["a.py", None]


def test_three_dots_stand_for_any_text() -> None:
    """``...`` matches within a line, and alone on a line any number of lines."""
    assert pattern(("id ...", "...", "end")).fullmatch("id 7\nx\ny\nend\n")
    assert pattern(("id ...", "...", "end")).fullmatch("id 7\nend\n")
    assert not pattern(("id ...",)).fullmatch("no\n")
