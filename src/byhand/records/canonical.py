# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON: RFC 8785 over a safe subset in which a fast encoder is exact.

The subset: no floats, integers below 2^53 in size, keys of printable ASCII, strings without lone surrogates.
There ``orjson`` with sorted keys writes what RFC 8785 demands (tested against ``rfc8785``).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import msgspec
import orjson

from byhand.errors import Fault, Invalid
from byhand.records import limits
from byhand.records.json_text import escape

_BOM = b"\xef\xbb\xbf"
_INTEGER_DIGITS_MAX = len(str(limits.INTEGER_MAX)) + 1  # with its sign; longer ones are not even converted
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def encode(value: object) -> bytes:
    """The canonical bytes of builtins or of a Part; raises Invalid naming everything outside the subset."""
    try:
        plain = msgspec.to_builtins(value)
    except (TypeError, RecursionError) as error:
        raise Invalid(
            "this cannot be written as a record", (Fault("", "holds a type JSON has not"),)
        ) from error
    faults: list[Fault] = []
    _check(plain, "", 0, faults)
    if faults:
        raise Invalid("this cannot be written as a record", tuple(faults))
    return orjson.dumps(plain, option=_OPTIONS)


def sha256_hex(value: object) -> str:
    """SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(encode(value)).hexdigest()


def decode(data: bytes, *, bytes_max: int = limits.RECORD_BYTES_MAX) -> object:
    """Strictly parse JSON; raises Invalid naming every fault: size, BOM, UTF-8, equal keys, floats, depth."""
    if len(data) > bytes_max:
        raise Invalid(
            "this is too large", (Fault("", f"is {len(data)} bytes; at most {bytes_max} are read"),)
        )
    if data.startswith(_BOM):
        raise Invalid(
            "this is not a record", (Fault("", "begins with a byte order mark", "send plain UTF-8"),)
        )
    try:
        value: object = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_Float,
            parse_constant=_Float,
            parse_int=_integer,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Invalid("this is not JSON", (Fault("", _short(error)),)) from error
    except RecursionError as error:
        raise Invalid(
            "this is not a record", (Fault("", f"is nested deeper than {limits.DEPTH_MAX}"),)
        ) from error
    faults: list[Fault] = []
    _check(value, "", 0, faults)
    if faults:
        raise Invalid("this is not a record", tuple(faults))
    return value


class _Float:
    """Stands for a float until every fault is collected. Its text may be a secret: it is not kept."""

    def __init__(self, _text: str) -> None:
        pass


class _Object(dict[str, object]):
    """An object in which keys stood twice; common parsers keep the last one and say nothing."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        counted = Counter(name for name, _ in pairs)
        self.twice = sorted(name for name, times in counted.items() if times > 1)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Object(pairs)


def _integer(text: str) -> int:
    """The integer; one with too many digits becomes one just beyond the limit, and is a fault as such."""
    return int(text) if len(text) <= _INTEGER_DIGITS_MAX else limits.INTEGER_MAX + 1


def _check(value: object, pointer: str, depth: int, faults: list[Fault]) -> None:
    """Collect what is outside the subset, FAULTS_MAX of it. Recursion is bounded by DEPTH_MAX."""
    if value is None or value is True or value is False or len(faults) >= limits.FAULTS_MAX:
        return
    if isinstance(value, str):
        if not value.isascii() and has_surrogate(value):
            faults.append(Fault(pointer, "holds a lone surrogate", "send valid Unicode"))
    elif isinstance(value, int):
        if abs(value) > limits.INTEGER_MAX:
            faults.append(Fault(pointer, "is an integer beyond 2^53", "send it as a captured value or text"))
    elif isinstance(value, dict | list | tuple):
        _check_compound(value, pointer, depth, faults)
    else:
        kind = "float" if isinstance(value, float | _Float) else type(value).__name__
        faults.append(Fault(pointer, f"is a {kind}", "send it as a captured value or text"))


def _check_compound(value: object, pointer: str, depth: int, faults: list[Fault]) -> None:
    if depth >= limits.DEPTH_MAX:
        faults.append(Fault(pointer, f"is nested deeper than {limits.DEPTH_MAX}"))
    elif isinstance(value, dict):
        _check_object(value, pointer, depth, faults)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _check(item, f"{pointer}/{number}", depth + 1, faults)


def _check_object(value: dict[object, object], pointer: str, depth: int, faults: list[Fault]) -> None:
    if len(value) > limits.KEYS_MAX:
        faults.append(Fault(pointer, f"has more than {limits.KEYS_MAX} keys"))
        return  # not looked into: a fault for each of a million keys helps nobody
    if isinstance(value, _Object):
        faults.extend(
            Fault(f"{pointer}/{escape(name)}", "stands twice in one object", "send each key once")
            for name in value.twice[: limits.FAULTS_MAX]
        )
    for key, item in value.items():
        if not isinstance(key, str) or not key.isascii() or not key.isprintable():
            faults.append(Fault(pointer, "has a key that is not printable ASCII"))
            continue
        _check(item, f"{pointer}/{escape(key)}", depth + 1, faults)


def has_surrogate(text: str) -> bool:
    """Whether ``text`` holds half of a surrogate pair, which no UTF-8 can carry."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _short(error: Exception) -> str:
    """What is wrong, without echoing the input."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "is not UTF-8"
