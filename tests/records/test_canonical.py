# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON: RFC 8785 over the safe subset, and a strict reader."""

from __future__ import annotations

import time

import pytest
import rfc8785
from hypothesis import given, strategies as st

from byhand.errors import Invalid
from byhand.records import canonical, limits
from byhand.records.kinds import AnyRecord

_KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_INTEGERS = st.integers(-limits.INTEGER_MAX, limits.INTEGER_MAX)
_SAFE = st.recursive(
    st.none() | st.booleans() | _INTEGERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(_SAFE)
def test_judge_agrees(value: object) -> None:
    """Over the whole subset the bytes are those of an independent RFC 8785 implementation."""
    assert canonical.encode(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(_SAFE)
def test_round_trip(value: object) -> None:
    """What was encoded is read back equal."""
    assert canonical.decode(canonical.encode(value)) == value


@pytest.mark.parametrize(
    ("value", "pointer", "message"),
    [
        ({"a": [1.5]}, "/a/0", "is a float"),
        ({"a": float("nan")}, "/a", "is a float"),
        ({"a/b": 2**53}, "/a~1b", "beyond 2^53"),
        ({"a": -(2**53)}, "/a", "beyond 2^53"),
        ({"a": "\ud800"}, "/a", "lone surrogate"),
        ({"ü": 1}, "", "not printable ASCII"),
        ({"\n": 1}, "", "not printable ASCII"),
        ({str(number): 1 for number in range(65)}, "", "more than 64 keys"),
    ],
)
def test_outside_the_subset(value: object, pointer: str, message: str) -> None:
    """What is outside the subset is refused with a pointer to it."""
    with pytest.raises(Invalid) as caught:
        canonical.encode(value)
    assert [(fault.pointer, message in fault.message) for fault in caught.value.faults] == [(pointer, True)]


@pytest.mark.parametrize("value", [{1, 2}, object(), {"a": object()}])
def test_other_types(value: object) -> None:
    """Types that JSON has not are refused, or written as the list they are."""
    if isinstance(value, set):
        assert canonical.encode(value) == b"[1,2]"
        return
    with pytest.raises(Invalid):
        canonical.encode(value)


@pytest.mark.parametrize(
    ("data", "pointers"),
    [
        (b'{"a":1,"a":2}', ["/a"]),
        (b'[{"x":{"b":1,"c":2,"b":1}}]', ["/0/x/b"]),
        (b'{"a":1.0,"b":1e3,"c":NaN,"d":-Infinity}', ["/a", "/b", "/c", "/d"]),
        (b'{"a":9007199254740992,"b":' + b"9" * 5000 + b"}", ["/a", "/b"]),
        (b'{"a":"\\ud800"}', ["/a"]),
        (b"\xef\xbb\xbf{}", [""]),
        (b'{"a":"\xff"}', [""]),
        (b'{"a":"\xed\xa0\x80"}', [""]),
        (b"{", [""]),
        (b"{} {}", [""]),
        (b"", [""]),
        (b'{"a":"\x01"}', [""]),
        (b"[" * 40 + b"]" * 40, ["/0" * 32]),
        (b"[" * 30_000 + b"]" * 30_000, None),
    ],
)
def test_reader_is_strict(data: bytes, pointers: list[str] | None) -> None:
    """Equal keys, floats, large integers, surrogates, bad bytes and depth are faults, all of them at once."""
    with pytest.raises(Invalid) as caught:
        canonical.decode(data)
    if pointers is not None:
        assert [fault.pointer for fault in caught.value.faults] == pointers


def test_too_large() -> None:
    """More than 64 KiB is refused before it is parsed."""
    with pytest.raises(Invalid, match="at most 65536"):
        canonical.decode(b" " * 65_537)
    assert canonical.decode(b" " * 65_535 + b"1") == 1


def test_no_value_is_echoed() -> None:
    """A fault never repeats the value it is about: it may be a secret."""
    with pytest.raises(Invalid) as caught:
        canonical.decode(b'{"password":31337.31337,"pin":"\\ud800hunter2"}')
    assert "31337" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_many_equal_keys_are_quick() -> None:
    """A body full of equal keys costs no more than its size: four times the keys are not sixteen times the work."""

    def cost(keys: int) -> float:
        data = b"{" + b",".join(b'"%d":1' % (number * 3 // 7) for number in range(keys)) + b"}"
        begun = time.process_time()
        with pytest.raises(Invalid):
            canonical.decode(data)
        return time.process_time() - begun

    assert min(cost(7_000) for _ in range(5)) < 9 * min(cost(1_750) for _ in range(5))


def test_parts_are_canonical(one_of_each: dict[str, AnyRecord]) -> None:
    """The fast path for parts writes what the judge writes."""
    for record in one_of_each.values():
        assert canonical.encode(record) == rfc8785.dumps(canonical.decode(canonical.encode(record)))  # type: ignore[arg-type]
