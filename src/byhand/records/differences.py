# SPDX-License-Identifier: Apache-2.0
"""Where two JSON texts differ, and the patch between them with every number as it was written (RFC 6902)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from byhand.records import json_text
from byhand.records.json_text import Node
from byhand.records.normal import normal_text


class Difference(NamedTuple):
    """What differs at ``pointer``: source text before and after; ``None`` where there is nothing."""

    pointer: str
    before: str | None
    after: str | None


def differences_of_text(before: str, after: str) -> list[Difference]:
    """The differences of two JSON texts, as deep as objects go; lists differ as a whole.

    Raises ValueError when one of them is no JSON.
    """
    return sorted(_differ((before, json_text.parse(before)), (after, json_text.parse(after))), key=_pointer)


def _pointer(difference: Difference) -> str:
    return difference.pointer


def _differ(one: tuple[str, Node], other: tuple[str, Node]) -> Iterator[Difference]:
    stack = [("", one[1], other[1])]
    while stack:
        pointer, before, after = stack.pop()
        texts = one[0][before.start : before.end], other[0][after.start : after.end]
        olds, news = _by_key(before), _by_key(after)
        if olds is None or news is None:
            if normal_text(texts[0]) != normal_text(texts[1]):
                yield Difference(pointer, *texts)
            continue
        for key in {*olds, *news}:
            at = f"{pointer}/{json_text.escape(key)}"
            if key in olds and key in news:
                stack.append((at, olds[key], news[key]))
            elif key in olds:
                yield Difference(at, one[0][olds[key].start : olds[key].end], None)
            else:
                yield Difference(at, None, other[0][news[key].start : news[key].end])


def _by_key(node: Node) -> dict[str, Node] | None:
    """The members of an object; ``None`` for another value, and where a key stands twice."""
    members = {child.key: child for child in node.children}
    return members if node.kind == "object" and len(members) == len(node.children) else None


def patch_of(found: list[Difference]) -> tuple[str, str]:
    """The patch that makes these differences, and its reverse, as JSON text."""
    forward = [_operation(one.pointer, one.before, one.after) for one in found]
    backward = [_operation(one.pointer, one.after, one.before) for one in reversed(found)]
    return f"[{', '.join(forward)}]", f"[{', '.join(backward)}]"


def _operation(pointer: str, before: str | None, after: str | None) -> str:
    path = json.dumps(pointer)
    if after is None:
        return f'{{"op": "remove", "path": {path}}}'
    name = "add" if before is None else "replace"
    return f'{{"op": "{name}", "path": {path}, "value": {after}}}'
