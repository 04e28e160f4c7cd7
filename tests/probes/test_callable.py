# SPDX-License-Identifier: Apache-2.0
"""The callable probe: what a function returns is the value, what it raises is a failure."""

from __future__ import annotations

import copy
import functools
from decimal import Decimal

import pytest

from byhand.errors import Invalid, ProbeFailed
from byhand.probes import open_probe
from byhand.probes.callable import CallableProbe
from byhand.records import captured


def test_native_values_are_captured() -> None:
    """Numbers, texts, nothing and captured values come through as what they are."""
    for value, text in (
        ("HALTED", '"HALTED"'),
        (None, "null"),
        (Decimal("0.10"), "0.10"),
        (2**64, str(2**64)),
    ):
        assert CallableProbe(functools.partial(copy.copy, value)).read().text == text
    assert CallableProbe(captured.absent).read() == captured.absent()


def test_what_a_function_raises_is_not_quoted() -> None:
    """An exception's text may hold a secret: only its type goes into the cause."""

    def broken() -> str:
        raise RuntimeError("password hunter2 refused")

    with pytest.raises(ProbeFailed, match="raised RuntimeError") as failure:
        CallableProbe(broken).read()
    assert "hunter2" not in str(failure.value)
    assert isinstance(failure.value.__cause__, RuntimeError)


@pytest.mark.parametrize("value", [object(), [object()], captured.unknown("link is down")])
def test_what_is_no_value_is_a_failure(value: object) -> None:
    """A type without a place in the table, or an honest "unknown", is a failure and no reading."""
    with pytest.raises(ProbeFailed):
        CallableProbe(lambda: value).read()


def test_an_interrupt_is_not_swallowed() -> None:
    """Ctrl-C during a reading stays Ctrl-C."""

    def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CallableProbe(interrupted).read()


@pytest.mark.parametrize("address", ["", "platform", "platform:", ":node", "a b:c", "os:system('x')"])
def test_an_address_names_a_function(address: str) -> None:
    """Anything but package.module:name is refused before anything is imported."""
    with pytest.raises(Invalid, match="address of a probe"):
        open_probe(f"callable:{address}")


@pytest.mark.parametrize("address", ["no_such_module_here:x", "platform:no_such_name", "sys:maxsize"])
def test_a_function_that_is_not_there_is_a_failure(address: str) -> None:
    """A missing module or name, or something that cannot be called, cannot be read."""
    with pytest.raises(ProbeFailed):
        open_probe(f"callable:{address}").read()


def test_a_named_function_is_called() -> None:
    """callable:module:name reads what the function returns."""
    assert open_probe("callable:os.path:supports_unicode_filenames.__bool__").read().form == "inline"
