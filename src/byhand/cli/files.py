# SPDX-License-Identifier: Apache-2.0
"""Files that commands write: never into a home, never over what is not theirs, never half.

The rules of a destination: 1 links are followed, and what counts is where they end; 2 nothing is written below a
folder that holds a log, ``--force`` or not: a home's files have one writer; 3 a file that is there, and holds
anything, is replaced only when it begins as an earlier product of the same kind begins, or with ``--force``;
4 the new file is written beside and renamed, so that a failure leaves the old one. Pipes and devices have
nothing to lose and are written as they are.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from byhand.errors import Invalid
from byhand.log import proof as proofs
from byhand.records import standard
from byhand.wiring import LOG_FILE

RANDOM_BYTES = 4  # two commands that write one file do not meet beside it
BEGIN_BYTES = 64  # more than any of them takes to be known
FILE_MODE = 0o666  # less what the umask takes, as every program's


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of file that byhand writes: what it is called, and how every one of them begins."""

    name: str
    begins: re.Pattern[bytes]


EVIDENCE = Product("evidence bundle", re.compile(rb"PK\x03\x04.{22}\x09\x00\x00\x00README\.md", re.DOTALL))
PROOF = Product(".tlog-proof", re.compile(re.escape(proofs.HEADER.encode())))
EXPORT = Product("export", re.compile(rb'(\{"|\[\n\{")?' + standard.NAMES[0].encode()))
PROPOSAL = Product("proposal", re.compile(rb'\{\n "byhand_proposal"'))


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that was looked at, and may be written."""

    file: Path
    """As the person named it."""
    real: Path

    def write(self, parts: Iterable[bytes]) -> int:
        """Write ``parts``, which may be made on the way; returns their size. Raises Invalid.

        A crash exactly before the rename leaves the old file, and one beside it that nobody asks for.
        """
        if self.real.exists() and not self.real.is_file():
            return self._fill(self.file, os.O_WRONLY, parts)
        beside = self.real.with_name(f".{self.real.name}.{secrets.token_hex(RANDOM_BYTES)}")
        try:
            size = self._fill(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, parts)
            with suppress(FileNotFoundError):
                beside.chmod(self.real.stat().st_mode & 0o777)  # who may read it was decided before
            beside.replace(self.real)
        except OSError as error:
            raise self._unwritten(error) from error
        finally:
            beside.unlink(missing_ok=True)
        return size

    def _fill(self, place: Path, flags: int, parts: Iterable[bytes]) -> int:
        size = 0
        try:
            with os.fdopen(os.open(place, flags, FILE_MODE), "wb") as opened:
                for part in parts:
                    size += opened.write(part)
        except OSError as error:
            raise self._unwritten(error) from error
        return size

    def _unwritten(self, error: OSError) -> Invalid:
        return Invalid(f"{self.file} cannot be written: {error.strerror}")


def destination(file: Path, product: Product, *, force: bool = False) -> Destination:
    """Where ``file`` leads, if a ``product`` may be written there; raises Invalid."""
    if file.exists() and not file.is_file():
        if file.is_dir():
            raise Invalid(f"{file} is a folder", advice="Name a file in it.")
        return Destination(file, file)
    real = check_outside_homes(file)
    if not force and not _replaceable(real, product):
        advice = "Name another file, or add --force." if product is not PROPOSAL else "Name another file."
        raise Invalid(f"{file} is there already, and is no {product.name} of byhand", advice=advice)
    return Destination(file, real)


def check_outside_homes(path: Path) -> Path:
    """Where ``path`` leads in the end; raises Invalid when that is inside a home, or a copy of one."""
    try:
        real = path.resolve()
        homes = [folder for folder in (real, *real.parents) if (folder / LOG_FILE).exists()]
    except (OSError, RuntimeError) as error:  # a circle of links; a folder that is closed to us
        raise Invalid(f"{path} leads nowhere: {error}") from error
    if homes:
        raise Invalid(
            f"{path} lies in the home {homes[0]}, whose files are the log's", advice="Name another place."
        )
    return real


def _replaceable(file: Path, product: Product) -> bool:
    """Whether nothing is lost: no file, an empty one, or an earlier one of the same kind."""
    try:
        with file.open("rb") as opened:
            begin = opened.read(BEGIN_BYTES)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise Invalid(f"{file} cannot be written: {error.strerror}") from error
    return not begin or product.begins.match(begin) is not None
