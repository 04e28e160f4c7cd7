# SPDX-License-Identifier: Apache-2.0
"""JSON as text with places: every value knows where it stands in the source, and numbers stay as written.

Ordinary parsers damage values: 0.1000000000000000055 becomes 0.1, 2^64 a float, the first of two equal keys
is gone. Here nothing is converted. Iterative: nesting costs no recursion. Grammar: RFC 8259.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Literal

from byhand.records.limits import CAPTURED_DEPTH_MAX

Kind = Literal["object", "array", "string", "number", "literal"]
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERAL = re.compile(r"true|false|null")


@dataclass(slots=True)
class Node:
    """One value: its kind, and where its text begins and ends. ``key`` is its name or index in its parent."""

    kind: Kind
    start: int
    end: int = -1
    key: str = ""
    children: list[Node] = field(default_factory=list)


def parse(text: str) -> Node:
    """The value in ``text`` and the places of everything in it; raises ValueError, never echoing the text."""
    root, position = _value(text, _skip(text, 0), "")
    stack = [root] if root.end < 0 else []
    while stack:
        position = _continue(text, position, stack)
    if _skip(text, position) != len(text):
        raise ValueError(f"more text follows the value at character {position}")
    return root


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _value(text: str, position: int, key: str) -> tuple[Node, int]:
    """The value that begins at ``position``; an object or array is left open (``end`` -1)."""
    first = text[position : position + 1]
    if first in ("{", "["):
        return Node("object" if first == "{" else "array", position, key=key), position + 1
    kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (
        ("string", _STRING),
        ("number", _NUMBER),
        ("literal", _LITERAL),
    )
    for kind, pattern in kinds:
        match = pattern.match(text, position)
        if match:
            return Node(kind, position, match.end(), key), match.end()
    raise ValueError(f"no JSON value begins at character {position}")


def _continue(text: str, position: int, stack: list[Node]) -> int:
    """Read the next member of the innermost open value, or close it."""
    parent = stack[-1]
    closing = "}" if parent.kind == "object" else "]"
    position = _skip(text, position)
    if text[position : position + 1] == closing:
        parent.end = position + 1
        stack.pop()
        return position + 1
    if parent.children:
        if text[position : position + 1] != ",":
            raise ValueError(f"a comma or {closing} is missing at character {position}")
        position = _skip(text, position + 1)
    key = str(len(parent.children))
    if parent.kind == "object":
        key, position = _key(text, position)
    child, position = _value(text, position, key)
    parent.children.append(child)
    if child.end < 0:
        if len(stack) >= CAPTURED_DEPTH_MAX:
            raise ValueError(f"is nested deeper than {CAPTURED_DEPTH_MAX}")
        stack.append(child)
    return position


def _key(text: str, position: int) -> tuple[str, int]:
    match = _STRING.match(text, position)
    if match is None:
        raise ValueError(f"a key is missing at character {position}")
    colon = _skip(text, match.end())
    if text[colon : colon + 1] != ":":
        raise ValueError(f"a colon is missing at character {colon}")
    return string(match[0]), _skip(text, colon + 1)


def string(lexeme: str) -> str:
    """The string that a JSON string lexeme writes."""
    value: str = json.loads(lexeme)
    return value


def find(root: Node, pointer: str) -> Node | None:
    """The value at a JSON pointer, or ``None``. Of two equal keys the last counts, as elsewhere."""
    node = root
    for token in tokens(pointer):
        matching = [child for child in node.children if child.key == token]
        if not matching:
            return None
        node = matching[-1]
    return node


def find_all(root: Node, pointer: str) -> list[Node]:
    """Every value at a JSON pointer: of equal keys each counts."""
    nodes = [root]
    for token in tokens(pointer):
        nodes = [child for node in nodes for child in node.children if child.key == token]
    return nodes


def tokens(pointer: str) -> list[str]:
    """The reference tokens of a JSON pointer (RFC 6901)."""
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def escape(token: str) -> str:
    """One reference token as it is written in a pointer."""
    return token.replace("~", "~0").replace("/", "~1")
