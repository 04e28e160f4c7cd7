# SPDX-License-Identifier: Apache-2.0
"""Where a verifier reads a log from: an opened database, a tlog-tiles folder, a URL. Read-only, streaming."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from byhand.errors import HomeRefused, Invalid, MalformedProof, NotFound
from byhand.journal.tree import StoredTree
from byhand.log import tiles

if TYPE_CHECKING:
    import httpx

CHECKPOINT_NAME = "checkpoint"
PAYLOAD_FOLDER = "payload"
PAYLOAD_LENGTH_BYTES = 4  # a sealed payload with attachments is larger than an entry's two bytes can say
BUNDLE_BYTES_MAX = 64 * 1024 * 1024  # 256 payloads of 256 KiB; more and somebody is filling our memory
TIMEOUT_SECONDS = 30.0  # a log that keeps silent for longer is not being served
ANSWER_SECONDS_MAX = 120.0  # the largest bundle over a slow line; more and somebody keeps us waiting
ANSWER_PART_BYTES = 64 * 1024  # so that a bomb is noticed long before it is unpacked


class KeptTree(Protocol):
    """A home's tree as its store keeps it, beside the entries that it must follow from."""

    @property
    def size(self) -> int:
        """Entries."""
        ...

    @property
    def edge(self) -> bytes:
        """Partial tiles of all levels."""
        ...

    @property
    def recorded(self) -> str:
        """Recorded time of the last entry."""
        ...

    @property
    def administration(self) -> int | None:
        """The last entry of the administration chain."""
        ...


class NoTree(NamedTuple):
    """Stands for a tree's row that is gone or of no form: the entries will not agree with it."""

    size: int = 0
    edge: bytes = b""
    recorded: str = ""
    administration: int | None = None


class KeptLog(Protocol):
    """A home's store, read only: what a verifier and an export ask of it."""

    def tree(self) -> KeptTree:
        """The tree's row."""
        ...

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, leaf)`` in order."""
        ...

    def payloads(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, sealed payload)`` in order."""
        ...

    def tile(self, level: int, number: int) -> bytes | None:
        """A full tile."""
        ...

    def published(self) -> bytes | None:
        """The published checkpoint."""
        ...


class KeptLookups(Protocol):
    """What a home's store keeps beside the entries, to find them by: all of it must follow from them."""

    def places(self, names: Sequence[str]) -> Mapping[str, int]:
        """Which entry took each of ``names``."""
        ...

    def heads(self) -> Iterator[tuple[str, int]]:
        """Every chain with its last entry."""
        ...

    def strays(self, size: int) -> Sequence[str]:
        """Rows that no tree of ``size`` entries can have."""
        ...


class LogSource(Protocol):
    """A log as somebody keeps it. Everything read from it is a claim."""

    @property
    def endless(self) -> bool:
        """Whether it may go on for ever: then a size that nobody signed is not followed."""
        ...

    def checkpoint(self) -> bytes | None:
        """The latest signed checkpoint, or ``None``."""
        ...

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, entry)`` as kept, in order; missing ones are left out."""
        ...

    def payloads(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, sealed payload)`` as kept, in order."""
        ...

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """A tile of ``width`` hashes as kept, or ``None``."""
        ...


class HomeSource:
    """A home's database. Partial tiles come from the tree's edge."""

    endless = False

    def __init__(self, kept: KeptLog) -> None:
        self._entries = kept
        self.row: KeptTree = NoTree()
        with contextlib.suppress(HomeRefused):  # the check of the row against its entries names it
            self.row = kept.tree()
        self._tree = StoredTree(kept, self.row)

    def checkpoint(self) -> bytes | None:
        """The published checkpoint."""
        return self._entries.published()

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Rows of the database."""
        return self._entries.leaves(start, stop)

    def payloads(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Rows of the database."""
        return self._entries.payloads(start, stop)

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """A full tile from the database, a partial one from the edge."""
        if width == tiles.TILE_WIDTH:
            return self._entries.tile(level, number)
        try:
            return self._tree.tile(level, number, width)
        except HomeRefused:
            return None


class FilesSource:
    """A log in the tlog-tiles layout, whose files ``read`` gets by relative path (``None``: not there)."""

    endless = False
    """Whether it may go on for ever: then a size that nobody signed is not followed."""

    def __init__(self, root: str) -> None:
        self._root = root

    def read(self, path: str) -> bytes | None:
        """The bytes at ``path``."""
        file = Path(self._root) / path
        return file.read_bytes() if file.is_file() else None

    def checkpoint(self) -> bytes | None:
        """The file ``checkpoint``."""
        return self.read(CHECKPOINT_NAME)

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """``tile/L/N[.p/W]``."""
        return self.read(tiles.tile_path(level, number, width))

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``tile/entries/N[.p/W]``."""
        for number, width in _bundles(start, stop):
            data = self.read(tiles.entries_path(number, width))
            if data is None:
                continue
            entries = tiles.decode_bundle(data)
            if len(entries) != width:
                raise MalformedProof(f"an entry bundle holds {len(entries)} entries instead of {width}")
            for offset, entry in enumerate(entries):
                if start <= number * tiles.TILE_WIDTH + offset < stop:
                    yield number * tiles.TILE_WIDTH + offset, entry

    def payloads(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``payload/N[.p/W]``: length-prefixed sealed payloads, an empty one for an entry without payload."""
        for number, width in _bundles(start, stop):
            data = self.read(payload_path(number, width))
            if data is None:
                continue
            kept = decode_payloads(data)
            if len(kept) != width:
                raise MalformedProof(f"a payload bundle holds {len(kept)} payloads instead of {width}")
            for offset, sealed in enumerate(kept):
                index = number * tiles.TILE_WIDTH + offset
                if sealed and start <= index < stop:
                    yield index, sealed


class UrlSource(FilesSource):
    """The same layout behind a URL."""

    endless = True

    def __init__(self, url: str) -> None:
        super().__init__(url)
        import httpx

        try:
            self._client = httpx.Client(
                base_url=url.rstrip("/") + "/", timeout=TIMEOUT_SECONDS, follow_redirects=False
            )
        except httpx.InvalidURL as error:
            raise Invalid(f"{url} is no URL: {error}") from error

    def read(self, path: str) -> bytes | None:
        """GET ``path``; 404 and 410 are ``None``, anything else but 200 raises NotFound with the status.

        A server that sends too much, too slowly, or a bomb, is told from one that serves a log.
        """
        import httpx

        try:
            with self._client.stream("GET", path) as answer:
                if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
                    return None
                if answer.status_code != httpx.codes.OK:
                    raise NotFound(f"{self._root} answered {answer.status_code} for {path}")
                return self._body(answer, path)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotFound(f"{self._root} does not answer: {error}") from error

    def _body(self, answer: httpx.Response, path: str) -> bytes:
        ends, data = time.monotonic() + ANSWER_SECONDS_MAX, bytearray()
        for part in answer.iter_bytes(ANSWER_PART_BYTES):
            data += part
            if len(data) > BUNDLE_BYTES_MAX:
                raise MalformedProof(f"{self._root} sends more than {BUNDLE_BYTES_MAX} bytes for {path}")
            if time.monotonic() > ends:
                raise NotFound(f"{self._root} takes longer than {ANSWER_SECONDS_MAX:g} seconds for {path}")
        return bytes(data)


def _bundles(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """``(number, width)`` of the bundles that a tree of ``stop`` entries keeps from ``start`` on."""
    for number in range(start // tiles.TILE_WIDTH, -(-stop // tiles.TILE_WIDTH)):
        yield number, min(tiles.TILE_WIDTH, stop - number * tiles.TILE_WIDTH)


def payload_path(number: int, width: int) -> str:
    """Path of a payload bundle: numbered as entry bundles are, under ``payload/``."""
    return PAYLOAD_FOLDER + tiles.entries_path(number, width).removeprefix("tile/entries")


def encode_payloads(payloads: list[bytes]) -> bytes:
    """A payload bundle: uint32 big-endian length and sealed payload, as many as its entry bundle has entries."""
    return b"".join(len(one).to_bytes(PAYLOAD_LENGTH_BYTES, "big") + one for one in payloads)


def decode_payloads(data: bytes) -> list[bytes]:
    """The sealed payloads of a bundle; raises MalformedProof."""
    if len(data) > BUNDLE_BYTES_MAX:
        raise MalformedProof(f"a payload bundle of {len(data)} bytes is too large")
    found: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + PAYLOAD_LENGTH_BYTES
        end = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or end > len(data):
            raise MalformedProof("a payload bundle is cut short")
        found.append(data[start:end])
        position = end
    return found
