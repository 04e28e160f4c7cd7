# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON: RFC 8785 over a safe subset in which a fast encoder is exact.

The subset: no floats, integers below 2^53 in size, keys of printable ASCII, strings without lone surrogates.
There ``orjson`` with sorted keys writes what RFC 8785 demands (tested against ``rfc8785``).
"""

from __future__ import annotations

import hashlib
import json

import msgspec
import orjson

from byhand.errors import Fault, Invalid
from byhand.records import limits

_BOM = b"\xef\xbb\xbf"


def encode(value: object) -> bytes:
    """The canonical bytes of builtins or of a Part; raises Invalid naming what is outside the subset."""
    plain = msgspec.to_builtins(value)
    faults: list[Fault] = []
    _check(plain, "", 0, faults)
    if faults:
        raise Invalid("this cannot be written as a record", tuple(faults))
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)


def sha256_hex(value: object) -> str:
    """SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(encode(value)).hexdigest()


def _check(value: object, pointer: str, depth: int, faults: list[Fault]) -> None:
    """Collect what is outside the subset. Recursion is bounded by DEPTH_MAX."""
    if value is None or value is True or value is False:
        return
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            faults.append(Fault(pointer, "holds a lone surrogate", "send valid Unicode"))
    elif isinstance(value, int):
        if abs(value) > limits.INTEGER_MAX:
            faults.append(Fault(pointer, "is an integer beyond 2^53", "send it as a captured value or text"))
    elif depth >= limits.DEPTH_MAX:
        faults.append(Fault(pointer, f"is nested deeper than {limits.DEPTH_MAX}"))
    elif isinstance(value, dict):
        _check_object(value, pointer, depth, faults)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _check(item, f"{pointer}/{number}", depth + 1, faults)
    else:
        kind = "float" if isinstance(value, _Float) else type(value).__name__
        faults.append(Fault(pointer, f"is a {kind}", "floats are sent as captured values or text"))


def _check_object(value: dict[object, object], pointer: str, depth: int, faults: list[Fault]) -> None:
    if len(value) > limits.KEYS_MAX:
        faults.append(Fault(pointer, f"has more than {limits.KEYS_MAX} keys"))
    for key, item in value.items():
        if not isinstance(key, str) or not key.isascii() or not key.isprintable():
            faults.append(Fault(pointer, "has a key that is not printable ASCII"))
            continue
        _check(item, f"{pointer}/{escape(key)}", depth + 1, faults)


def escape(token: str) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")


def decode(data: bytes, *, bytes_max: int = limits.RECORD_BYTES_MAX) -> object:
    """Strictly parse JSON; raises Invalid naming every fault: size, BOM, UTF-8, duplicate keys, floats, depth."""
    if len(data) > bytes_max:
        raise Invalid("this is too large", (Fault("", f"is {len(data)} bytes; at most {bytes_max} are read"),))
    if data.startswith(_BOM):
        raise Invalid("this is not a record", (Fault("", "begins with a byte order mark", "send plain UTF-8"),))
    faults: list[Fault] = []

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        faults.extend(
            Fault("", f"the key {name!r} stands twice in one object", "send each key once")
            for name in sorted({name for name in names if names.count(name) > 1})
        )
        return dict(pairs)

    try:
        value: object = json.loads(
            data.decode("utf-8"), object_pairs_hook=unique, parse_float=_no_float, parse_constant=_no_float
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise Invalid("this is not JSON", (Fault("", _short(error)),)) from error
    except RecursionError as error:
        raise Invalid("this is not a record", (Fault("", f"is nested deeper than {limits.DEPTH_MAX}"),)) from error
    _check(value, "", 0, faults)
    if faults:
        raise Invalid("this is not a record", tuple(faults))
    return value


class _Float:
    """Stands for a float until every fault is collected."""


def _no_float(text: str) -> object:  # noqa: ARG001 - the text may be a secret: it is not repeated
    return _Float()


def _short(error: Exception) -> str:
    """What is wrong, without echoing the input."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "holds a number that cannot be read"


