# SPDX-License-Identifier: Apache-2.0
"""Captured values: made from what a program or a system holds, compared exactly, shown to people.

The table of native Python types and the normal form are specified in docs/spec/record-format.md.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import hashlib
import json
import math
import pathlib
import uuid
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from byhand.errors import Fault, Invalid
from byhand.records import json_text
from byhand.records.json_text import Node
from byhand.records.limits import CAPTURED_DEPTH_MAX, CAPTURED_LENGTH_MAX
from byhand.records.values import CapturedValue

JSON = "application/json"
TEXT = "text/plain"
OBSERVED = "$observed"
"""Stands for a new value that was not declared: it is what is read back."""


# -- making


def capture(value: object) -> CapturedValue:
    """``value`` of a native Python type, by the table in the specification; raises Invalid for any other type."""
    return from_text(_write(value, 0))


def from_text(text: str, media_type: str = JSON) -> CapturedValue:
    """The source text of a value, kept character for character; one that is too long becomes a reference."""
    if len(text) > CAPTURED_LENGTH_MAX:
        data = text.encode("utf-8", "surrogatepass")
        return reference(hashlib.sha256(data).hexdigest(), len(data), media_type)
    return CapturedValue(form="inline", text=text, media_type=media_type)


def absent() -> CapturedValue:
    """It did not exist."""
    return CapturedValue(form="absent")


def unknown(cause: str) -> CapturedValue:
    """It could not be read, and why."""
    return CapturedValue(form="unknown", cause=cause)


def reference(digest: str, size: int, media_type: str = JSON) -> CapturedValue:
    """Too large to hold: SHA-256 (hex) and size in bytes."""
    return CapturedValue(form="reference", digest=digest, size=size, media_type=media_type)


def _write(value: object, depth: int) -> str:
    """JSON text of a native value; what JSON cannot say becomes an object with one ``$`` key."""
    if depth > CAPTURED_DEPTH_MAX:
        raise Invalid("this value cannot be captured", (Fault("", f"is nested deeper than {CAPTURED_DEPTH_MAX}"),))
    if isinstance(value, enum.Enum):
        return json.dumps(value.name)
    if value is None or isinstance(value, bool | str | int):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _tagged("float", repr(value))
    if isinstance(value, decimal.Decimal):
        return str(value) if value.is_finite() else _tagged("float", str(value).lower())
    if isinstance(value, bytes | bytearray):
        return _tagged("bytes", b64encode(value).decode())
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return json.dumps(value.isoformat())
    if isinstance(value, uuid.UUID | pathlib.PurePath):
        return json.dumps(str(value), ensure_ascii=False)
    return _write_compound(value, depth)


def _tagged(kind: str, text: str) -> str:
    return json.dumps({f"${kind}": text})


def _write_compound(value: object, depth: int) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, msgspec.Struct):
        value = {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, dict):
        pairs = (f"{_write_key(key)}: {_write(item, depth + 1)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, set | frozenset):
        return '{"$set": [' + ", ".join(sorted(_write(item, depth + 1) for item in value)) + "]}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_write(item, depth + 1) for item in value) + "]"
    advice = "pass text, a number, or a dict of them; or read it with a probe"
    raise Invalid("this value cannot be captured", (Fault("", f"is a {type(value).__name__}", advice),))


def _write_key(key: object) -> str:
    if not isinstance(key, str | int | enum.Enum) or isinstance(key, bool):
        raise Invalid("this value cannot be captured", (Fault("", f"has a key that is a {type(key).__name__}"),))
    text = key.name if isinstance(key, enum.Enum) else str(key)
    return json.dumps(f"${text}" if text.startswith("$") else text, ensure_ascii=False)


# -- comparing


def same(one: CapturedValue, other: CapturedValue, ignore: Iterable[str] = ()) -> bool:
    """Whether two values are the same, but for how they are written and for the pointers in ``ignore``."""
    ignore = tuple(ignore)
    return normal_form(one, ignore) == normal_form(other, ignore)


def normal_digest(value: CapturedValue, ignore: Iterable[str] = ()) -> str:
    """SHA-256 (hex) of the normal form."""
    return hashlib.sha256(normal_form(value, ignore)).hexdigest()


def normal_form(value: CapturedValue, ignore: Iterable[str] = ()) -> bytes:
    """Bytes that are equal for equal values: keys sorted by code point, numbers as exact decimals.

    Text that is not JSON, or too deep to parse, is compared as it stands. Secrets compare by their MACs.
    """
    masks = sorted((mask.pointer, mask.key, mask.mac) for mask in value.masked)
    parts = [value.form, json.dumps(masks)]
    if value.form == "inline":
        parts.append(_normal_text(value.text or "", value.media_type, frozenset(ignore)))
    elif value.form == "reference":
        parts.append(f"{value.digest} {value.size}")
    return "\n".join(parts).encode("utf-8", "surrogatepass")


def _normal_text(text: str, media_type: str, ignore: frozenset[str]) -> str:
    if not media_type.endswith("json"):
        return f"text {media_type} {text}"
    try:
        root = json_text.parse(text)
    except ValueError:
        return f"text {media_type} {text}"
    return "json " + "".join(_normal(text, root, ignore))


def _normal(text: str, root: Node, ignore: frozenset[str]) -> Iterator[str]:
    """The parts of the normal form, with a stack of its own instead of recursion."""
    stack: list[tuple[Node, str] | str] = [(root, "")]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            yield top
            continue
        node, pointer = top
        if node.kind == "object":
            yield "{"
            stack.append("}")
        elif node.kind == "array":
            yield "["
            stack.append("]")
        else:
            yield _normal_leaf(text[node.start : node.end], node)
            continue
        for child in reversed(_children(node)):
            at = f"{pointer}/{json_text.escape(child.key)}"
            if at not in ignore:
                named = f"{json.dumps(child.key)}:" if node.kind == "object" else ""
                stack += [",", (child, at), named]


def _children(node: Node) -> list[Node]:
    return sorted(node.children, key=lambda child: child.key) if node.kind == "object" else node.children


def _normal_leaf(lexeme: str, node: Node) -> str:
    if node.kind == "string":
        return json.dumps(json_text.string(lexeme))
    return normal_number(lexeme) if node.kind == "number" else lexeme


def normal_number(lexeme: str) -> str:
    """A number's exact value as ``digits e exponent``: 1.0, 1 and 10e-1 are one number, 0.1 and 0.10000001 are not."""
    mantissa, _, exponent = lexeme.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    stripped = digits.rstrip("0")
    if not stripped:
        return "0"
    scale = int(exponent or "0") - len(fraction) + len(digits) - len(stripped) if len(exponent) < _EXPONENT else None
    sign = "-" if mantissa.startswith("-") else ""
    return f"{sign}{stripped}e{scale}" if scale is not None else lexeme.lower()


_EXPONENT = 20  # digits of an exponent that are still computed with; longer ones compare as written


# -- differences and patches


class Difference(NamedTuple):
    """What differs at ``pointer``: source text before and after; ``None`` where there is nothing."""

    pointer: str
    before: str | None
    after: str | None


def differences(original: CapturedValue, new: CapturedValue) -> list[Difference]:
    """Where two inline JSON values differ, as deep as objects go; otherwise one difference at the root."""
    if same(original, new):
        return []
    whole = [Difference("", _source(original), _source(new))]
    if original.form != "inline" or new.form != "inline" or original.masked or new.masked:
        return whole
    try:
        trees = json_text.parse(original.text or ""), json_text.parse(new.text or "")
    except ValueError:
        return whole
    return list(_differ((original.text or "", trees[0]), (new.text or "", trees[1])))


def _source(value: CapturedValue) -> str | None:
    return value.text if value.form == "inline" else None if value.form == "absent" else f'"${value.form}"'


def _differ(one: tuple[str, Node], other: tuple[str, Node]) -> Iterator[Difference]:
    stack = [("", one[1], other[1])]
    while stack:
        pointer, before, after = stack.pop()
        texts = one[0][before.start : before.end], other[0][after.start : after.end]
        if before.kind != "object" or after.kind != "object":
            if _normal_text(texts[0], JSON, frozenset()) != _normal_text(texts[1], JSON, frozenset()):
                yield Difference(pointer, *texts)
            continue
        olds, news = ({child.key: child for child in node.children} for node in (before, after))
        for key in sorted({*olds, *news}, reverse=True):
            at = f"{pointer}/{json_text.escape(key)}"
            if key in olds and key in news:
                stack.append((at, olds[key], news[key]))
            elif key in olds:
                yield Difference(at, one[0][olds[key].start : olds[key].end], None)
            else:
                yield Difference(at, None, other[0][news[key].start : news[key].end])


def patch(original: CapturedValue, new: CapturedValue) -> tuple[str, str]:
    """An RFC 6902 patch from ``original`` to ``new`` and its reverse, as JSON text with numbers as written."""
    found = differences(original, new)
    forward = [_operation(one.pointer, one.before, one.after) for one in found]
    backward = [_operation(one.pointer, one.after, one.before) for one in reversed(found)]
    return f"[{', '.join(forward)}]", f"[{', '.join(backward)}]"


def _operation(pointer: str, before: str | None, after: str | None) -> str:
    path = json.dumps(pointer, ensure_ascii=False)
    if after is None:
        return f'{{"op": "remove", "path": {path}}}'
    name = "add" if before is None else "replace"
    return f'{{"op": "{name}", "path": {path}, "value": {after}}}'


# -- showing


def render(value: CapturedValue | None) -> str:
    """The value for people and exports. Markers begin with ``$``; a value that does gets a second one."""
    if value is None:
        return OBSERVED
    if value.form != "inline":
        return f"$reference sha256:{value.digest}" if value.form == "reference" else f"${value.form}"
    text = value.text or ""
    if value.media_type.endswith("json") and text.startswith('"'):
        try:
            text = json_text.string(text)
        except ValueError:
            text = value.text or ""
    return f"${text}" if text.startswith("$") else text
