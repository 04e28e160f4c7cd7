# SPDX-License-Identifier: Apache-2.0
"""YAML as JSON text, numbers as they were written: the parser's nodes are read, never its converted values."""

from __future__ import annotations

import json
import re

import yaml

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
NODES_MAX = 1_000_000  # aliases can multiply a small file without end
DEPTH_MAX = 200  # configuration files are nested a handful deep


def to_json(text: str) -> str:
    """JSON text of one YAML document (1.2 core words for booleans and null); raises ValueError."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError("not YAML") from error
    return "null" if root is None else _Writer().write(root, 0)


class _Writer:
    def __init__(self) -> None:
        self._left = NODES_MAX

    def write(self, node: yaml.Node, depth: int) -> str:
        self._left -= 1
        if self._left < 0 or depth > DEPTH_MAX:
            raise ValueError("too many or too deeply nested values")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return "[" + ", ".join(self.write(item, depth + 1) for item in node.value) + "]"
        pairs = (f"{_key(key)}: {self.write(item, depth + 1)}" for key, item in node.value)
        return "{" + ", ".join(pairs) + "}"


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("a key is no scalar")  # noqa: TRY004 - one error for "not what we can read"
    return json.dumps(node.value, ensure_ascii=False)


def _scalar(node: yaml.ScalarNode) -> str:
    text: str = node.value
    plain = node.style is None
    kind = node.tag.rpartition(":")[2]
    if kind == "null" and plain:
        return "null"
    if kind == "bool" and text in _TRUE | _FALSE:
        return "true" if text in _TRUE else "false"
    if kind in ("int", "float") and _NUMBER.match(text):
        return text
    return json.dumps(text, ensure_ascii=False)
