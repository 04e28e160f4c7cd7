# SPDX-License-Identifier: Apache-2.0
"""Questions to the person at the terminal: which reason, which words, are you sure. Never asked of a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from byhand.cli.output import say
from byhand.errors import Invalid
from byhand.records.kinds import Reason
from byhand.records.visible import visible

TRIES_MAX = 3  # whoever is wrong three times is helped more by the list than by a fourth question
DIGITS_MAX = 6  # no list is longer
ANSWER_LENGTH_MAX = 65_536  # characters of one line; the gate's own limits are far below


def can_ask() -> bool:
    """Whether a person sits there: questions go to standard error, answers come from standard input."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """One line from the person; raises Invalid when they hang up."""
    try:
        sys.stderr.write(visible(question, keep="\n"))
        sys.stderr.flush()
        answer = sys.stdin.readline(ANSWER_LENGTH_MAX)
    except KeyboardInterrupt:
        say("")  # what is said next begins a line of its own
        raise
    if not answer.endswith("\n"):
        say("")
        raise Invalid("nobody answered")
    return answer.strip()


def ask_reason(reasons: Sequence[Reason]) -> str:
    """A reason code, chosen by number, code or beginning; raises Invalid after three wrong answers."""
    width = max((len(reason.code) for reason in reasons), default=0)
    for number, reason in enumerate(reasons, start=1):
        say(f"  {number} {reason.code:<{width}}  {reason.summary}")
    for _ in range(TRIES_MAX):
        found = chosen(ask("Reason: "), reasons)
        if found is not None:
            return found
        say(f"Answer with a number from 1 to {len(reasons)}, a code, or its beginning.")
    raise Invalid("no reason was chosen", advice="Give it with --reason CODE.")


def chosen(answer: str, reasons: Sequence[Reason]) -> str | None:
    """The code that ``answer`` means: its number, the code itself, or the only one beginning like that."""
    codes = [reason.code for reason in reasons]
    if answer.isdecimal() and len(answer) <= DIGITS_MAX:
        return codes[int(answer) - 1] if 1 <= int(answer) <= len(codes) else None
    wanted = answer.upper().replace("-", "_").replace(" ", "_")
    if wanted in codes:
        return wanted
    fitting = [code for code in codes if wanted and code.startswith(wanted)]
    return fitting[0] if len(fitting) == 1 else None


def confirm(question: str, *, yes: bool) -> None:
    """Go on only when the person says so, here or beforehand with ``--yes``; raises Invalid."""
    if yes:
        return
    if not can_ask():
        raise Invalid("this is not done without being confirmed", advice="Add --yes when you are sure.")
    if ask(f"{question} [y/N] ").lower() not in ("y", "yes"):
        raise Invalid("not confirmed: nothing was done")
