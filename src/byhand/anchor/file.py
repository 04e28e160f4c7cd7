# SPDX-License-Identifier: Apache-2.0
"""The anchor as one small file per origin, outside the home.

Who is trusted: whoever can write this file can make this home refuse to run or forget a rollback on this
machine; they cannot make a false record verify for anyone who remembers a checkpoint.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from byhand.anchor.contract import NO_ADMINISTRATION, Anchored
from byhand.durable import sync_folder
from byhand.errors import HomeRefused, LogUnavailable

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: client and verify only, nothing is anchored there
    fcntl = None  # type: ignore[assignment]


class FileAnchor:
    """See ``byhand.anchor.contract.Anchor``. The file's name is the SHA-256 of the origin."""

    def __init__(self, folder: Path, origin: str) -> None:
        self._origin = origin
        self.path = folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.anchor"

    def read(self) -> Anchored | None:
        """The anchored checkpoint; raises HomeRefused when the file is damaged or another origin's."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogUnavailable(f"the anchor {self.path} cannot be read: {error.strerror}") from error
        try:
            held = json.loads(text)
            anchored = Anchored(held["note"].encode(), held["home"], _head(held.get("administration")))
            origin = held["origin"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise HomeRefused(f"the anchor {self.path} is damaged", advice="Run: byhand doctor") from error
        if origin != self._origin:
            raise HomeRefused(f"the anchor {self.path} belongs to {origin}")
        return anchored

    def advance(self, expected: bytes | None, anchored: Anchored) -> bool:
        """Swap under a lock, by writing beside and renaming.

        A crash before the rename: the old anchor stands. After it: the new one stands and is durable once the
        folder is synced; losing the rename to a power cut leaves the older, still true anchor.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked():
                held = self.read()
                if (held.note if held else None) != expected:
                    return False
                self._write(anchored)
        except OSError as error:
            raise LogUnavailable(f"the anchor {self.path} cannot be written: {error.strerror}") from error
        return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        handle = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, anchored: Anchored) -> None:
        beside = self.path.with_suffix(".new")
        document = {
            "origin": self._origin,
            "note": anchored.note.decode(),
            "home": anchored.home,
            "administration": anchored.administration,
        }
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        sync_folder(self.path.parent)


def _head(held: object) -> int | None:
    """The head of the administration chain as the file has it; raises ValueError on anything but a number."""
    if held is None:
        return None
    if type(held) is not int or held < NO_ADMINISTRATION:
        raise ValueError("no index")
    return held
