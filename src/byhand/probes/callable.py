# SPDX-License-Identifier: Apache-2.0
"""Read a value by calling a function: the caller's own ``read=``, or ``callable:package.module:name``."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import ClassVar

from byhand.errors import Fault, Invalid, ProbeFailed
from byhand.probes.contract import Comparison
from byhand.records import captured
from byhand.records.values import CapturedValue

_ADDRESS = re.compile(
    r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\Z"
)


class CallableProbe:
    """Calls ``function`` without arguments; what it returns is the value, ``CapturedValue`` included.

    Whoever can choose the function runs code in this process: addresses come from signed points or the
    caller.
    """

    scheme: ClassVar[str] = "callable"
    client_only: ClassVar[bool] = True
    comparison: Comparison = "checked"

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    @classmethod
    def from_address(cls, address: str) -> CallableProbe:
        """The probe for ``package.module:name``; the module is imported when the value is read."""
        match = _ADDRESS.match(address)
        if match is None:
            fault = Fault("/probe", "names no function", "write callable:package.module:name")
            raise Invalid("this is no address of a probe", (fault,))
        module, name = match["module"], match["name"]
        return cls(functools.partial(_call, module, name))

    def as_read(self, value: object) -> CapturedValue:
        """The value by the table of native types, like what the function returns."""
        return captured.capture(value)

    def read(self) -> CapturedValue:
        """The function's answer. Its errors become ProbeFailed, without their text: it may hold secrets."""
        try:
            value = self._function()
        except Exception as error:
            raise ProbeFailed(f"the function that reads the value raised {type(error).__name__}") from error
        try:
            found = value if isinstance(value, CapturedValue) else captured.capture(value)
        except Invalid as error:
            raise ProbeFailed(
                f"the function that reads the value gave what cannot be captured: {error}"
            ) from error
        if found.form == "unknown":
            raise ProbeFailed(found.cause or "the function that reads the value does not know it")
        return found


def _call(module: str, name: str) -> object:
    from importlib import import_module

    found: object = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{module}:{name} cannot be called")
    return found()
