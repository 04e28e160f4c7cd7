# SPDX-License-Identifier: Apache-2.0
"""Reads a value by calling a function of the program itself: the library's ``read=``."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from byhand.errors import ProbeFailed
from byhand.records import captured
from byhand.records.values import CapturedValue


class CallableProbe:
    """Not in BUILT_IN: a function cannot be written into a specification."""

    scheme: ClassVar[str] = "callable"
    client_only: ClassVar[bool] = True

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def read(self) -> CapturedValue:
        """The function's result, captured; a CapturedValue is passed through."""
        try:
            value = self._function()
        except Exception as error:
            raise ProbeFailed(f"reading the value failed: {type(error).__name__}: {error}") from error
        return value if isinstance(value, CapturedValue) else captured.capture(value)
