# SPDX-License-Identifier: Apache-2.0
"""Reads a value from what a command prints: ``command:ARGV``, on the client's side only, without a shell."""

from __future__ import annotations

import shlex
import subprocess
from typing import ClassVar

from byhand.errors import Fault, Invalid, ProbeFailed
from byhand.records import captured, json_text
from byhand.records.values import CapturedValue

TIMEOUT_SECONDS = 10.0  # a person waits for it twice an act
OUTPUT_BYTES_MAX = 1024 * 1024  # more than any one value; a log was printed instead


class CommandProbe:
    """Runs the command, captures its standard output: JSON when it is, else as text."""

    scheme: ClassVar[str] = "command"
    client_only: ClassVar[bool] = True

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments

    @classmethod
    def parse(cls, rest: str) -> CommandProbe:
        """``command:kubectl get ...``, split as a shell splits words; raises Invalid."""
        try:
            arguments = shlex.split(rest)
        except ValueError as error:
            raise Invalid("this probe cannot be read", (Fault("/probe", str(error)),)) from error
        if not arguments:
            raise Invalid("this probe cannot be read", (Fault("/probe", "names no command"),))
        return cls(arguments)

    def read(self) -> CapturedValue:
        """What the command prints, without one final newline. Its errors are never echoed: they may hold secrets."""
        name = self._arguments[0]
        try:
            run = subprocess.run(  # noqa: S603 - the point's owner wrote this command, signed
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ProbeFailed(f"{name} took longer than {TIMEOUT_SECONDS:g} seconds") from error
        except OSError as error:
            raise ProbeFailed(f"{name} cannot be run: {error.strerror}") from error
        if run.returncode != 0:
            raise ProbeFailed(f"{name} ended with {run.returncode}")
        if len(run.stdout) > OUTPUT_BYTES_MAX:
            raise ProbeFailed(f"{name} printed more than {OUTPUT_BYTES_MAX} bytes")
        return _capture(run.stdout, name)


def _capture(output: bytes, name: str) -> CapturedValue:
    try:
        text = output.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ProbeFailed(f"what {name} printed is not UTF-8 text") from error
    try:
        json_text.parse(text)
    except ValueError:
        return captured.capture(text)
    return captured.from_text(text)
