# SPDX-License-Identifier: Apache-2.0
"""Reads a value out of a JSON, YAML, TOML or INI file: ``file:PATH#/pointer``."""

from __future__ import annotations

import configparser
import decimal
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from byhand.errors import Fault, Invalid, ProbeFailed
from byhand.records import captured, json_text, rules
from byhand.records.values import CapturedValue

FILE_BYTES_MAX = 16 * 1024 * 1024  # a configuration file; a larger one is data, read it another way
FORMATS = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".ini": "ini", ".cfg": "ini", ".conf": "ini"}


class FileProbe:
    """``file:PATH[?format=json|yaml|toml|ini][#/pointer]``; without a pointer, the whole file."""

    scheme: ClassVar[str] = "file"
    client_only: ClassVar[bool] = False

    def __init__(self, path: Path, form: str, pointer: str) -> None:
        self._path = path
        self._form = form
        self._pointer = pointer

    @classmethod
    def parse(cls, rest: str) -> FileProbe:
        """See the class; raises Invalid."""
        place, _, pointer = rest.partition("#")
        name, _, query = place.partition("?")
        form = query.removeprefix("format=") if query else FORMATS.get(Path(name).suffix.lower(), "")
        faults: list[Fault] = []
        if not name or not Path(name).is_absolute():
            faults.append(Fault("/probe", "needs an absolute path", "write file:/etc/limits.yaml#/max"))
        if form not in READERS:
            known = ", ".join(READERS)
            faults.append(Fault("/probe", "is of an unknown format", f"add ?format= with one of {known}"))
        rules.pointer_fault(pointer, "/probe", faults)
        if faults:
            raise Invalid("this probe cannot be read", tuple(faults))
        return cls(Path(name), form, pointer)

    def read(self) -> CapturedValue:
        """The value at the pointer; ``absent`` when the file or the pointer does not exist."""
        try:
            size = self._path.stat().st_size
            if size > FILE_BYTES_MAX:
                raise ProbeFailed(f"{self._path} is {size} bytes; at most {FILE_BYTES_MAX} are read")
            text = self._path.read_bytes().decode("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return captured.absent()
        except OSError as error:
            raise ProbeFailed(f"{self._path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ProbeFailed(f"{self._path} is not UTF-8 text") from error
        return _at(self._source(text), self._pointer)

    def _source(self, text: str) -> str:
        """The file as JSON text; a JSON file as it stands."""
        try:
            return READERS[self._form](text)
        except ValueError as error:  # what every parser here raises; its message may quote the file: left out
            raise ProbeFailed(f"{self._path} is no {self._form}: {type(error).__name__}") from error


def _at(text: str, pointer: str) -> CapturedValue:
    """The source text at ``pointer``, character for character."""
    try:
        root = json_text.parse(text)
    except ValueError as error:
        raise ProbeFailed(f"the file is no JSON: {error}") from error
    node = json_text.find(text, root, pointer)
    return captured.absent() if node is None else captured.from_text(text[node.start : node.end])


def _toml(text: str) -> str:
    return captured.capture(tomllib.loads(text, parse_float=decimal.Decimal)).text or "null"


def _ini(text: str) -> str:
    parser = configparser.RawConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError("not INI") from error
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    if parser.defaults():
        sections[parser.default_section] = dict(parser.defaults())
    return json.dumps(sections, ensure_ascii=False)


def _yaml(text: str) -> str:
    from byhand.probes.yaml_text import to_json  # noqa: PLC0415 - the parser is only needed for YAML

    return to_json(text)


READERS: dict[str, Callable[[str], str]] = {"json": str, "yaml": _yaml, "toml": _toml, "ini": _ini}
