# SPDX-License-Identifier: Apache-2.0
"""A value out of a document by JSON pointer, kept as written: JSON, YAML, TOML, INI, plain text.

JSON gives the value's source text. The others are carried over into JSON: numbers, true, false and null
stand as written wherever JSON can write them so; every other scalar is a string of exactly what is written.
In YAML the plain words ``yes``, ``010`` or ``2026-11-24`` are therefore strings: versions 1.1 and 1.2
disagree about them. Every reader raises ValueError without echoing the document, which may hold secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from byhand.records import captured, json_text
from byhand.records.limits import CAPTURED_DEPTH_MAX
from byhand.records.values import CapturedValue

if TYPE_CHECKING:
    import yaml

TEXT = "text"
NODES_MAX = 1_000_000  # YAML aliases can make a small file unfold without end
_AS_WRITTEN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z|true\Z|false\Z|null\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_STRING = "tag:yaml.org,2002:str"


def read_json(text: str, pointer: str) -> CapturedValue:
    """The source text of the value at ``pointer``, character for character."""
    node = json_text.find(json_text.parse(text), pointer)
    return captured.absent() if node is None else captured.from_text(text[node.start : node.end])


def read_text(text: str, _pointer: str) -> CapturedValue:
    """The whole file, less one trailing newline, as plain text."""
    return captured.from_text(text.removesuffix("\n"), captured.TEXT)


# -- YAML, with PyYAML: its composer keeps each scalar's text and style, and it builds no objects


def read_yaml(text: str, pointer: str) -> CapturedValue:
    """The value at ``pointer`` of the one document in ``text``, anchors and merge keys followed."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise ValueError(f"it is not one YAML document{where}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if root is None:
        return captured.absent() if pointer else captured.from_text("null")
    node = _yaml_find(root, json_text.tokens(pointer))
    return captured.absent() if node is None else captured.from_text("".join(_YamlText().parts(node)))


def _yaml_find(node: yaml.Node, tokens: list[str]) -> yaml.Node | None:
    from yaml import MappingNode, SequenceNode

    for token in tokens:
        if isinstance(node, MappingNode):
            children = _yaml_pairs(node)
        elif isinstance(node, SequenceNode):
            children = {str(number): item for number, item in enumerate(node.value)}
        else:
            return None
        if token not in children:
            return None
        node = children[token]
    return node


def _yaml_pairs(node: yaml.MappingNode, depth: int = 0) -> dict[str, yaml.Node]:
    """Keys and values of a mapping; its own override what ``<<`` brings in. Two equal keys are refused."""
    from yaml import MappingNode, ScalarNode, SequenceNode

    if depth > CAPTURED_DEPTH_MAX // 10:
        raise ValueError("its merge keys lead into each other")
    merged: dict[str, yaml.Node] = {}
    own: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise ValueError(f"a key is not a scalar (line {key.start_mark.line + 1})")
        if key.tag == _MERGE:
            sources = value.value if isinstance(value, SequenceNode) else [value]
            for source in reversed(sources):  # of several, the first one counts
                if not isinstance(source, MappingNode):
                    raise ValueError(f"<< brings in no mapping (line {key.start_mark.line + 1})")
                merged.update(_yaml_pairs(source, depth + 1))
        elif key.value in own:
            raise ValueError(f"a key stands there twice (line {key.start_mark.line + 1})")
        else:
            own[key.value] = value
    return merged | own


class _YamlText:
    """Writes a YAML node as JSON text, with limits on depth and on what aliases unfold to."""

    def __init__(self) -> None:
        self._nodes = 0

    def parts(self, node: yaml.Node, depth: int = 0) -> Iterator[str]:
        from yaml import MappingNode, ScalarNode

        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise ValueError(f"it unfolds to more than {NODES_MAX} values")
        if depth > CAPTURED_DEPTH_MAX // 10:  # each level costs a generator of the interpreter's stack
            raise ValueError(f"it is nested deeper than {CAPTURED_DEPTH_MAX // 10}")
        if isinstance(node, ScalarNode):
            yield _yaml_scalar(node)
        elif isinstance(node, MappingNode):
            yield from self._joined("{", _yaml_pairs(node).items(), "}", depth)
        else:
            yield from self._joined("[", ((None, item) for item in node.value), "]", depth)

    def _joined(self, opening: str, items: Any, closing: str, depth: int) -> Iterator[str]:
        yield opening
        for number, (key, item) in enumerate(items):
            if number:
                yield ", "
            if key is not None:
                yield f"{json.dumps(key, ensure_ascii=False)}: "
            yield from self.parts(item, depth + 1)
        yield closing


def _yaml_scalar(node: yaml.ScalarNode) -> str:
    """A scalar as JSON: plain numbers as written; booleans and null that both versions of YAML agree on."""
    text: str = node.value
    if not node.style:  # plain: None from PyYAML's own parser, empty from libyaml
        if _NUMBER.match(text) and (node.tag != _STRING or _plainly_text(text)):
            return text
        if node.tag == _BOOL and text.lower() in ("true", "false"):
            return text.lower()
        if node.tag == _NULL:
            return "null"
    return json.dumps(text, ensure_ascii=False)


def _plainly_text(text: str) -> bool:
    """Whether PyYAML itself takes this number for a string (``1e3``: YAML 1.1), without any ``!!str``."""
    import yaml

    resolver: Any = yaml.resolver.Resolver()
    return bool(resolver.resolve(yaml.ScalarNode, text, (True, False)) == _STRING)


# -- TOML


class _Written(Decimal):
    """A TOML float that is written back as it stood, when JSON can write it so."""

    written = ""

    def __str__(self) -> str:
        return self.written if _NUMBER.match(self.written) else super().__str__()


def _toml_float(text: str) -> _Written | float:
    number = _Written(text)
    if not number.is_finite():
        return float(number)
    number.written = text
    return number


def read_toml(text: str, pointer: str) -> CapturedValue:
    """The value at ``pointer``; floats as written, dates and times as strings in ISO 8601."""
    import tomllib

    try:
        node: Any = tomllib.loads(text, parse_float=_toml_float)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at .*\)\Z", str(error))  # the rest of the message may quote the document
        raise ValueError(f"it is not TOML {where[0] if where else ''}".rstrip()) from error
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    return _plain_value(node, pointer)


def _plain_value(node: Any, pointer: str) -> CapturedValue:
    """The value at ``pointer`` in dicts and lists."""
    for token in json_text.tokens(pointer):
        if (
            isinstance(node, list)
            and token.isdecimal()
            and str(int(token)) == token
            and int(token) < len(node)
        ):
            node = node[int(token)]
        elif isinstance(node, dict) and token in node:
            node = node[token]
        else:
            return captured.absent()
    return captured.capture(node)


# -- INI


def read_ini(text: str, pointer: str) -> CapturedValue:
    """``/section/key``, or all of a section or file; keys keep their case, nothing is interpolated."""
    import configparser

    parser = configparser.RawConfigParser(interpolation=None, strict=True, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if isinstance(line, int) else ""
        raise ValueError(f"it is not INI{where}: {type(error).__name__}") from error
    except AttributeError as error:  # configparser's own: a key without a value whose value then goes on
        raise ValueError("it is not INI: a key without a value goes on in an indented line") from error
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    if parser.defaults():
        sections[parser.default_section] = dict(parser.defaults())
    node = _ini_node(sections, json_text.tokens(pointer))
    return captured.absent() if node is _MISSING else captured.from_text(_ini_text(node))


_MISSING = object()


def _ini_node(node: Any, tokens: list[str]) -> Any:
    for token in tokens:
        if not isinstance(node, dict) or token not in node:
            return _MISSING
        node = node[token]
    return node


def _ini_text(node: Any) -> str:
    if isinstance(node, dict):
        pairs = (f"{json.dumps(key, ensure_ascii=False)}: {_ini_text(item)}" for key, item in node.items())
        return "{" + ", ".join(pairs) + "}"
    if node is None:
        return "null"
    return node if _AS_WRITTEN.match(node) else json.dumps(node, ensure_ascii=False)


FORMATS: dict[str, Callable[[str, str], CapturedValue]] = {
    "json": read_json,
    "yaml": read_yaml,
    "toml": read_toml,
    "ini": read_ini,
    TEXT: read_text,
}
BY_SUFFIX = {
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".ini": "ini",
    ".cfg": "ini",
    ".txt": TEXT,
}
