# SPDX-License-Identifier: Apache-2.0
"""Readable command scripts: parsed here, and what a command printed compared with what the script shows.

A script is text. Lines before the first `$`, and lines beginning with `#`, are prose.

    $ byhand log prove <ID> --file override.tlog-proof
    ! the proof of record <UUID> is in override.tlog-proof
    [exit 0]

`$ ` is typed (`> ` continues it); `$ export NAME=VALUE` lasts for the script. Below it stands what must be
printed: plain lines on standard output, lines beginning with `! ` on standard error, nothing when nothing is
shown. `...` is any text, alone on a line any lines. `<TIME>`, `<UUID>`, `<HEX>`, `<N>` are any time, id, hash
and number. Every other `<NAME>` is captured where it is first shown, and is the same text from then on, also
in what is typed. Empty lines and the width of gaps do not count. `[exit N]` follows when the code is not 0.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMAND_SECONDS_MAX = 60  # of one command; they take a fraction of a second
PROMPT, CONTINUED, MESSAGE, PROSE = "$ ", "> ", "! ", "#"
EXIT = re.compile(r"\[exit (?P<code>[0-9]+)\]")
PLACEHOLDER = re.compile(r"<(?P<name>[A-Z][A-Z0-9-]*)>")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ANY = {
    "TIME": r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:]{8}\.[0-9]{6}Z| [0-9:]{8}Z)",
    "UUID": UUID,
    "HEX": r"[0-9a-f]{64}",
    "N": r"[0-9]+",
}
CAPTURED = {
    "ID": UUID,
    "KEY": r"SHA256:[A-Za-z0-9+/]{43}",
    "VKEY": r"[^\s\"+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+",
}
"""What a captured name may stand for, by its beginning; others stand for any word."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command with what it must print, and its exit code."""

    line: int
    command: str
    output: tuple[str, ...]
    messages: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Captured:
    """The names of a script and the texts they stand for."""

    texts: dict[str, str] = field(default_factory=dict)

    def typed(self, command: str) -> str:
        """``command`` with every name replaced; raises KeyError for one that was not captured."""
        return PLACEHOLDER.sub(lambda match: self.texts[match["name"]], command)

    def accepts(self, expected: tuple[str, ...], shown: str) -> bool:
        """Whether ``shown`` is as expected; new names are captured then."""
        match = self.pattern(expected).fullmatch(normal(shown))
        if match is None:
            return False
        self.texts.update({_name(group): text for group, text in match.groupdict().items()})
        return True

    def pattern(self, expected: tuple[str, ...]) -> re.Pattern[str]:
        """What the output must look like."""
        new: set[str] = set()
        lines = (normal(line).rstrip("\n") for line in expected)
        return re.compile("".join(self._line(line, new) for line in lines if line))

    def _line(self, line: str, new: set[str]) -> str:
        if line == "...":
            return r"(?:.*\n)*?"
        parts = re.split(r"(\.\.\.|<[A-Z][A-Z0-9-]*>)", line)
        return "".join(self._part(part, new) for part in parts) + r"\n"

    def _part(self, part: str, new: set[str]) -> str:
        placeholder = PLACEHOLDER.fullmatch(part)
        if placeholder is None:
            return ".*?" if part == "..." else re.escape(part)
        name = placeholder["name"]
        if name in ANY:
            return ANY[name]
        if name in self.texts:
            return re.escape(self.texts[name])
        if name in new:
            return f"(?P={_group(name)})"
        new.add(name)
        means = CAPTURED.get(name.partition("-")[0], r"\S+")
        return f"(?P<{_group(name)}>{means})"


def _group(name: str) -> str:
    return name.replace("-", "_")


def _name(group: str) -> str:
    return group.replace("_", "-")


def normal(text: str) -> str:
    """``text`` without empty lines, trailing blanks and differences in the width of gaps."""
    lines = (re.sub(r"[ \t]+", " ", re.sub(r"─[─ ]*", "─── ", line)).strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def steps(script: Path) -> Iterator[Step]:
    """The commands of a script, in order."""
    lines = [(number, line) for number, line in _lines(script) if not line.startswith(PROSE)]
    prompts = [place for place, (_, line) in enumerate(lines) if line.startswith(PROMPT)]
    for begin, end in zip(prompts, [*prompts[1:], len(lines)], strict=True):
        number, first = lines[begin]
        command, below = [first.removeprefix(PROMPT)], [line for _, line in lines[begin + 1 : end]]
        while below and below[0].startswith(CONTINUED):
            command.append(below.pop(0).removeprefix(CONTINUED))
        code = EXIT.fullmatch(below[-1]) if below else None
        shown = below[:-1] if code else below
        yield Step(
            line=number,
            command=" ".join(command),
            output=tuple(line for line in shown if not line.startswith(MESSAGE)),
            messages=tuple(line.removeprefix(MESSAGE) for line in shown if line.startswith(MESSAGE)),
            exit_code=int(code["code"]) if code else 0,
        )


def _lines(script: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(script.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            yield number, line.rstrip()


def in_shell(line: str, prefix: Sequence[str] = (), folder: Path | None = None) -> Ended:
    """Runs one line in a shell of its own, where ``byhand`` is the console script."""
    done = subprocess.run(
        [*prefix, "bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
