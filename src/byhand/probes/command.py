# SPDX-License-Identifier: Apache-2.0
"""Read a value by running a command, client side only: ``command:sysctl -n kernel.panic``.

No shell: the address is split into arguments as a shell would, and nothing in it is expanded.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, ClassVar, cast

from byhand.errors import Fault, Invalid, ProbeFailed
from byhand.probes.contract import Comparison
from byhand.records import captured, json_text
from byhand.records.values import CapturedValue

TIMEOUT_SECONDS = 10.0  # a person waits for it, twice for every act
OUTPUT_BYTES_MAX = 8 * 1024 * 1024  # a whole configuration fits; a runaway command does not fill memory
ARGUMENTS_MAX = 64  # it reads one value; a longer line belongs into a script
_PIECE = 65_536


class CommandProbe:
    """Runs ``arguments``; what it prints, less one trailing newline, is the value. Exit codes but 0 fail.

    Output that is JSON is kept as JSON, character for character; all other output is plain text.
    """

    scheme: ClassVar[str] = "command"
    client_only: ClassVar[bool] = True
    comparison: Comparison = "checked"

    def __init__(self, arguments: Sequence[str], *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._arguments = tuple(arguments)
        self._timeout_seconds = timeout_seconds
        if not self._arguments or not self._arguments[0]:
            raise _invalid("names no command", "write command:PROGRAM ARGUMENTS...")
        if len(self._arguments) > ARGUMENTS_MAX:
            raise _invalid(f"has more than {ARGUMENTS_MAX} arguments", "put them into a script")

    @classmethod
    def from_address(cls, address: str) -> CommandProbe:
        """The probe for a command line with shell quoting."""
        try:
            return cls(shlex.split(address))
        except ValueError as error:
            raise _invalid(f"is not quoted as a shell wants it: {error}", "close every quote") from error

    def read(self) -> CapturedValue:
        """The command's output; raises ProbeFailed when it cannot be run, fails, is late or says too much."""
        output = self._run()
        try:
            text = output.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProbeFailed(f"{self._name} printed what is not UTF-8 text") from error
        return self.as_read(text.removesuffix("\n"))

    def as_read(self, value: object) -> CapturedValue:
        """Text as the command prints it: ``1.50`` is a number, ``ACTIVE`` plain text; other types as JSON."""
        if not isinstance(value, str):
            return captured.capture(value)
        return captured.from_text(value, captured.JSON if _is_json(value) else captured.TEXT)

    @property
    def _name(self) -> str:
        return f"the command {self._arguments[0]!r}"  # its arguments may hold secrets

    def _run(self) -> bytes:
        try:
            process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # standard error stays the person's: causes are read there
                start_new_session=True,
            )
        except OSError as error:
            raise ProbeFailed(f"{self._name} could not be run: {error.strerror}") from error
        except ValueError as error:  # a NUL character among the arguments
            raise ProbeFailed(f"{self._name} could not be run: {error}") from error
        with process:
            try:
                return self._collect(process)
            finally:
                _end(process)

    def _collect(self, process: subprocess.Popen[bytes]) -> bytes:
        """Everything printed, until the end or a limit."""
        pipe = cast("IO[bytes]", process.stdout)
        deadline = time.monotonic() + self._timeout_seconds
        pieces: list[bytes] = []
        size = 0
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            while True:
                if not waiting.select(max(0.0, deadline - time.monotonic())):
                    raise ProbeFailed(f"{self._name} gave no answer within {self._timeout_seconds:g} seconds")
                piece = os.read(pipe.fileno(), _PIECE)
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
                if size > OUTPUT_BYTES_MAX:
                    raise ProbeFailed(f"{self._name} printed more than {OUTPUT_BYTES_MAX} bytes")
        self._check_exit(process, deadline)
        return b"".join(pieces)

    def _check_exit(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        try:
            code = process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise ProbeFailed(f"{self._name} closed its output and did not end") from error
        if code:
            raise ProbeFailed(f"{self._name} ended with exit code {code}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and whatever it started, unless it ended by itself."""
    if process.poll() is None:
        with suppress(ProcessLookupError):  # it ended this very moment
            os.killpg(process.pid, signal.SIGKILL)


def _is_json(text: str) -> bool:
    try:
        json_text.parse(text)
    except ValueError:
        return False
    return True


def _invalid(message: str, advice: str) -> Invalid:
    return Invalid("this is no address of a probe", (Fault("/probe", message, advice),))
