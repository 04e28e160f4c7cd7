# SPDX-License-Identifier: Apache-2.0
"""Native Python values as JSON text in which nothing is lost, by the table in docs/spec/record-format.md.

What JSON cannot say becomes an object with one ``$`` key (a tag). Iterative: nesting costs no recursion.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import re
import uuid
from base64 import b64encode
from collections import deque
from collections.abc import Mapping

import msgspec

from byhand.errors import Fault, Invalid
from byhand.records.limits import CAPTURE_CHARACTERS_MAX, CAPTURED_DEPTH_MAX

_TAG = re.compile(r"\$+(?:bytes|duration|entries|float|set)\Z")
_INTEGER_BITS_QUICK = 10_000  # above it Python refuses to write an integer out; decimal does not

Task = str | tuple[object, int]
"""What is still to be written: text as it is, or a value with its depth."""


def write(value: object) -> str:
    """JSON text of ``value``; raises Invalid for a type outside the table, or one too deep or too large."""
    pieces: list[str] = []
    length = 0
    stack: list[Task] = [(value, 0)]
    while stack:
        task = stack.pop()
        if not isinstance(task, str):
            scalar = _scalar(task[0])
            if scalar is None:
                stack.extend(reversed(_compound(*task)))
                continue
            task = scalar
        pieces.append(task)
        length += len(task)
        if length > CAPTURE_CHARACTERS_MAX:
            raise _refusal(
                f"is longer than {CAPTURE_CHARACTERS_MAX} characters", "read the part that changes"
            )
    return "".join(pieces)


def _refusal(message: str, advice: str = "") -> Invalid:
    return Invalid("this value cannot be captured", (Fault("", message, advice),))


def _scalar(value: object) -> str | None:
    """The text of a value without parts; ``None`` for one that has parts."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, enum.Enum):
        name: str | None = value.name  # a combination of flags may have none
        return _scalar(value.value) if name is None else _string(name)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return float.__repr__(value) if math.isfinite(value) else _tagged("float", float.__repr__(value))
    if isinstance(value, decimal.Decimal):
        return str(value) if value.is_finite() else _tagged("float", str(value).lower())
    if isinstance(value, bytes | bytearray | memoryview):
        return _tagged("bytes", b64encode(value).decode())
    return _moment(value)


def _moment(value: object) -> str | None:
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return _string(value.isoformat())
    if isinstance(value, dt.timedelta):
        microseconds = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        return _tagged("duration", str(decimal.Decimal(microseconds).scaleb(-6)))
    if isinstance(value, uuid.UUID):
        return _string(str(value))
    path = getattr(type(value), "__fspath__", None)
    if path is not None:
        return _scalar(path(value))
    return _integer(value.__index__()) if hasattr(type(value), "__index__") else None  # type: ignore[attr-defined]


def _string(text: str) -> str:
    """A JSON string; half a surrogate pair is written as an escape, because no UTF-8 can carry it."""
    written = json.dumps(str(text), ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", written)


def _integer(value: int) -> str:
    if value.bit_length() < _INTEGER_BITS_QUICK:
        return int.__repr__(value)
    return format(decimal.Decimal(value), "f")


def _tagged(kind: str, text: str) -> str:
    return json.dumps({f"${kind}": text})


def _compound(value: object, depth: int) -> list[Task]:
    """The texts and values that a value with parts is made of, in order."""
    if depth >= CAPTURED_DEPTH_MAX:
        raise _refusal(f"is nested deeper than {CAPTURED_DEPTH_MAX}, or holds itself")
    fields = _fields(value)
    if fields is not None:
        return _object(fields, depth)
    if isinstance(value, Mapping):
        if any(not isinstance(key, str | int | enum.Enum) or isinstance(key, bool) for key in value):
            pairs: list[Task] = [([key, item], depth + 2) for key, item in value.items()]
            return ['{"$entries": [', *_separated(pairs), "]}"]
        return _object({_key(key): item for key, item in value.items()}, depth, len(value))
    if isinstance(value, set | frozenset):
        return ['{"$set": [', ", ".join(sorted(write(item) for item in value)), "]}"]
    if isinstance(value, list | tuple | deque):
        return ["[", *_separated([(item, depth + 1) for item in value]), "]"]
    advice = "pass text, a number, or a dict of them; or read it with a probe"
    raise _refusal(f"is a {type(value).__name__}", advice)


def _fields(value: object) -> Mapping[str, object] | None:
    """The named fields of a dataclass, msgspec structure or named tuple."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    return None


def _object(fields: Mapping[str, object], depth: int, length: int | None = None) -> list[Task]:
    if length is not None and len(fields) != length:
        raise _refusal("has keys that are equal as text, such as 1 and '1'")
    tasks: list[Task] = ["{"]
    for number, (name, item) in enumerate(fields.items()):
        tasks += [f"{', ' if number else ''}{_string(name)}: ", (item, depth + 1)]
    return [*tasks, "}"]


def _separated(items: list[Task]) -> list[Task]:
    tasks: list[Task] = []
    for number, item in enumerate(items):
        tasks += [", ", item] if number else [item]
    return tasks


def _key(key: object) -> str:
    """A key as text; one that looks like a tag gets another ``$``, so that no value can pretend to be one."""
    text = str(key.name) if isinstance(key, enum.Enum) else key if isinstance(key, str) else int.__repr__(key)
    return f"${text}" if _TAG.match(text) else text
