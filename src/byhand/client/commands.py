# SPDX-License-Identifier: Apache-2.0
"""A command as the act: run under a permit, with the person's own terminal, its exit code kept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

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
    with subprocess.Popen(list(arguments)) as process, _forwarding(process):
        code = process.wait()
    if code:
        raise CommandFailed(code if code > 0 else EXIT_SIGNAL - code)


@contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand signals on to the command, and stay alive to record how it ended.

    A terminal sends its own (Ctrl-C) to both of us: those are only survived, not sent a second time.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread handle signals
        return
    from_terminal = {signal.SIGINT, *([signal.SIGQUIT] if os.name == "posix" else [])}
    others = {signal.SIGTERM, *([signal.SIGHUP] if os.name == "posix" else [])}
    terminal = sys.stdin is not None and sys.stdin.isatty()

    def hand_on(number: int, _frame: FrameType | None) -> None:
        if not (terminal and number in from_terminal):
            process.send_signal(number)

    previous = {number: signal.signal(number, hand_on) for number in from_terminal | others}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
