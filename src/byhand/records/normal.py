# SPDX-License-Identifier: Apache-2.0
"""The normal form of a value's text: equal for equal values, however they are written.

Keys sorted by code point, numbers as exact decimals, strings escaped to ASCII: docs/spec/record-format.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from byhand.records import json_text
from byhand.records.json_text import Node

JSON = "application/json"
TEXT = "text/plain"
_EXPONENT_DIGITS_MAX = 18  # exponents that are computed with; a longer one is compared as it is written


def is_json(media_type: str) -> bool:
    """Whether a value of this media type is JSON text."""
    return media_type == JSON or media_type.endswith("+json")


def normal_text(text: str, media_type: str = JSON, ignore: frozenset[str] = frozenset()) -> str:
    """The normal form of ``text`` without the values at the pointers in ``ignore``.

    Plain text is the JSON string of the same characters. What is no JSON, although it says so, or is of
    another type, is compared as it stands.
    """
    if media_type == TEXT:
        return "json " + json.dumps(text)
    if is_json(media_type):
        try:
            return "json " + "".join(_pieces(text, json_text.parse(text), ignore))
        except ValueError:
            pass  # the text is its own normal form, and says so by another prefix
    return f"text {media_type} {text}"


def _pieces(text: str, root: Node, ignore: frozenset[str]) -> Iterator[str]:
    """The normal form piece by piece, with a stack of its own instead of recursion."""
    stack: list[tuple[Node, str] | str] = [(root, "")]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            yield top
            continue
        node, pointer = top
        if node.kind in ("object", "array"):
            opening, closing = "{}" if node.kind == "object" else "[]"
            yield opening
            stack += [closing, *_members(node, pointer, ignore)]
        else:
            yield _leaf(text[node.start : node.end], node)


def _members(node: Node, pointer: str, ignore: frozenset[str]) -> list[tuple[Node, str] | str]:
    """The members of an object or array as they go on the stack: last first."""
    named = node.kind == "object"
    children = sorted(node.children, key=lambda child: child.key) if named else node.children
    members: list[tuple[Node, str] | str] = []
    for child in children:
        at = f"{pointer}/{json_text.escape(child.key)}"
        if at in ignore:
            continue
        before = ("," if members else "") + (f"{json.dumps(child.key)}:" if named else "")
        members += [before, (child, at)]
    return members[::-1]


def _leaf(lexeme: str, node: Node) -> str:
    if node.kind == "string":
        return json.dumps(json_text.string(lexeme))
    return normal_number(lexeme) if node.kind == "number" else lexeme


def normal_number(lexeme: str) -> str:
    """A number's exact value as ``DIGITSeEXPONENT`` without zeros at either end; zero is ``0``.

    1.0, 1 and 10e-1 are one number (``1e0``); 0.1 and 0.1000000000000000055 are two.
    """
    mantissa, _, exponent = lexeme.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    stripped = digits.rstrip("0")
    if not stripped:
        return "0"
    sign = "-" if mantissa.startswith("-") else ""
    power = exponent.lstrip("+-").lstrip("0")
    if len(power) > _EXPONENT_DIGITS_MAX:
        return lexeme.lower()
    scale = int(f"-{power or 0}" if exponent.startswith("-") else power or "0")
    return f"{sign}{stripped}e{scale - len(fraction) + len(digits) - len(stripped)}"
