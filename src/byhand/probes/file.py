# SPDX-License-Identifier: Apache-2.0
"""Read a value out of a file: ``file:/etc/limits.yaml#/max``, ``file:/etc/app.conf?format=ini#/risk/max``.

The path ends at the first ``?`` or ``#``; the rest of the address is a plain JSON pointer (RFC 6901, not
percent-encoded). Without a pointer the value is the whole document.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import ClassVar

from byhand.errors import Fault, Invalid, ProbeFailed
from byhand.probes import documents
from byhand.probes.contract import Comparison
from byhand.records import captured, rules
from byhand.records.values import CapturedValue

FILE_BYTES_MAX = (
    8 * 1024 * 1024
)  # eight times the largest Kubernetes object; still parsed within a second or two


class FileProbe:
    """One value of one document, read whole at once: a file replaced by renaming is never half-read."""

    scheme: ClassVar[str] = "file"
    client_only: ClassVar[bool] = False
    comparison: Comparison = "checked"

    def __init__(self, path: Path, *, pointer: str = "", format_name: str | None = None) -> None:
        name = documents.BY_SUFFIX.get(path.suffix.lower()) if format_name is None else format_name
        faults: list[Fault] = []
        if name not in documents.FORMATS:
            known = ", ".join(documents.FORMATS)
            faults.append(Fault("/probe", "is of a format not read here", f"add ?format= and one of {known}"))
        rules.pointer_fault(pointer, "/probe", faults)
        if pointer and name == documents.TEXT:
            faults.append(Fault("/probe", "points into plain text", "leave out the pointer"))
        if not path.is_absolute():
            faults.append(Fault("/probe", "is a relative path", "write the path from / on"))
        if faults or name is None:
            raise Invalid("this is no address of a probe", tuple(faults))
        self._path = path
        self._pointer = pointer
        self._name = name

    @classmethod
    def from_address(cls, address: str) -> FileProbe:
        """The probe for ``PATH[?format=NAME][#POINTER]``; ``~`` is the person's home."""
        before, _, pointer = address.partition("#")
        path, question, query = before.partition("?")
        format_name = query.removeprefix("format=") if question else None
        if not path or "\0" in path or (question and format_name == query):
            advice = "write file:PATH?format=NAME#/pointer"
            raise Invalid("this is no address of a probe", (Fault("/probe", "cannot be read", advice),))
        return cls(_expanded(path), pointer=pointer, format_name=format_name)

    def read(self) -> CapturedValue:
        """The value; ``absent`` when there is no such file or nothing at the pointer. Raises ProbeFailed."""
        data = _bytes(self._path)
        if data is None:
            return captured.absent()
        try:
            return documents.FORMATS[self._name](data.decode("utf-8"), self._pointer)
        except UnicodeDecodeError as error:
            raise ProbeFailed(f"{self._path} is not UTF-8 text") from error
        except ValueError as error:
            raise ProbeFailed(f"{self._path} cannot be read: {error}") from error

    def as_read(self, value: object) -> CapturedValue:
        """Plain text stays plain in a text file; in every other format values are JSON."""
        if isinstance(value, str) and self._name == documents.TEXT:
            return captured.from_text(value, captured.TEXT)
        return captured.capture(value)


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        fault = Fault("/probe", "names the home of somebody unknown", "write the path from / on")
        raise Invalid("this is no address of a probe", (fault,)) from error


def _bytes(path: Path) -> bytes | None:
    """The file's bytes; ``None`` when there is none. Pipes and devices are refused: they may never end."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProbeFailed(f"{path} cannot be opened: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ProbeFailed(f"{path} is not a plain file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ProbeFailed(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)
    if len(data) > FILE_BYTES_MAX:
        raise ProbeFailed(f"{path} has more than {FILE_BYTES_MAX} bytes")
    return data
