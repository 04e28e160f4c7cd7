# SPDX-License-Identifier: Apache-2.0
"""A command as the act: run under a permit, with the person's own terminal, its exit code kept."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Self

from byhand.client.contract import Receipt
from byhand.client.interventions import Intervention, Means
from byhand.client.steps import Request
from byhand.errors import CommandFailed, Fault, Invalid, NotAsDeclared
from byhand.records import canonical
from byhand.records.kinds import Outcome

ARGUMENTS_MAX = 1_000  # a shell's own limit is far higher; a longer line is a script's work
EXIT_SIGNAL = 128  # as shells do: ended by signal N is exit code 128 + N


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command under a permit ended. ``warning`` says what the person must be told, if anything."""

    exit_code: int
    intervention: Intervention
    warning: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The recorded outcome, with the value found."""
        return self.intervention.outcome

    @property
    def receipt(self) -> Receipt:
        """Proof of it; made when first asked for."""
        return self.intervention.receipt


def command_digest(arguments: Sequence[str]) -> str:
    """SHA-256 (hex) of the command line as a canonical JSON list; raises Invalid."""
    if not arguments or len(arguments) > ARGUMENTS_MAX:
        fault = Fault("/command", f"must have 1 to {ARGUMENTS_MAX} words", "write it after --")
        raise Invalid("this is no command line", (fault,))
    return canonical.sha256_hex(list(arguments))


def run_command(request: Request, means: Means, arguments: Sequence[str]) -> CommandResult:
    """Run ``arguments`` as the act of ``request``; without a permit the command never starts.

    The command inherits standard input, output and error, and gets the signals that this process gets.
    Raises what an intervention raises on entering, and OutcomeUnrecorded; an exit code but 0 is no error
    here, but ``failed``.
    """
    digest = command_digest(arguments)
    if shutil.which(arguments[0]) is None:
        fault = Fault("/command", f"there is no program {arguments[0]!r} here", "check its name and PATH")
        raise Invalid("this command cannot be run", (fault,))
    act = Intervention(replace(request, command=digest), means)
    try:
        with act:
            _run(arguments)
    except CommandFailed as failure:
        return CommandResult(failure.exit_code, act)
    except NotAsDeclared as difference:
        return CommandResult(0, act, warning=str(difference))
    return CommandResult(0, act)


def _run(arguments: Sequence[str]) -> None:
    with _Signals() as signals, subprocess.Popen(list(arguments)) as process:
        signals.go_to(process)
        code = process.wait()
    if code:
        raise CommandFailed(code if code > 0 else EXIT_SIGNAL - code)


class _Signals:
    """Hands signals on to the command, while this process stays alive to record how it ended.

    They are caught before the command starts, and what comes until then is handed on at once when it has: no
    moment is left in which a signal ends us alone. A terminal sends its own (Ctrl-C) to both of us: those are
    only survived, not sent a second time.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._previous: dict[int, Any] = {}
        self._from_terminal = _numbers("SIGINT", "SIGQUIT")
        self._terminal = sys.stdin is not None and sys.stdin.isatty()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python lets no other one handle signals
            for number in self._from_terminal | _numbers("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"):
                self._previous[number] = signal.signal(number, self._hand_on)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def go_to(self, process: subprocess.Popen[bytes]) -> None:
        """Hand on what came, and what comes."""
        self._process = process
        while self._early:
            process.send_signal(self._early.pop(0))

    def _hand_on(self, number: int, _frame: FrameType | None) -> None:
        if self._terminal and number in self._from_terminal:
            return
        if self._process is None:
            self._early.append(number)
        else:
            self._process.send_signal(number)


def _numbers(*names: str) -> set[int]:
    """The signals of these names that this system has."""
    return {signal.Signals[name] for name in names if name in signal.Signals.__members__}
