# SPDX-License-Identifier: Apache-2.0
"""Where a verifier reads a log from: an opened database, a tlog-tiles folder, a URL. Read-only, streaming."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from byhand.errors import HomeRefused, Invalid, MalformedProof, NotFound
from byhand.journal.tree import StoredTree
from byhand.log import merkle, tiles
from byhand.log.text import HASH_BYTES

if TYPE_CHECKING:
    import httpx

CHECKPOINT_NAME = "checkpoint"
PAYLOAD_FOLDER = "payload"
PAYLOAD_LENGTH_BYTES = 4  # a sealed payload with attachments is larger than an entry's two bytes can say
BUNDLE_BYTES_MAX = 64 * 1024 * 1024  # 256 payloads of 256 KiB; more and somebody is filling our memory
STRANGERS_MAX = 1_000  # counted; more would only say the same
TIMEOUT_SECONDS = 30.0  # a log that keeps silent for longer is not being served
ANSWER_SECONDS_MAX = 120.0  # the largest bundle over a slow line; more and somebody keeps us waiting


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

    def takings(self, names: Sequence[str]) -> Mapping[str, tuple[int, bytes]]:
        """Which entry took each of ``names``, and the digest of its declaration."""
        ...

    def name_count(self, prefix: str = "") -> int:
        """How many names begin with ``prefix``."""
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

    def shows_payloads(self, size: int) -> bool:
        """Whether sealed payloads of a log of ``size`` entries are to be seen here at all."""
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

    def shows_payloads(self, size: int) -> bool:  # noqa: ARG002 - of any size
        """A home has them."""
        return True


class FilesSource:
    """A log in the tlog-tiles layout, whose files ``read`` gets by relative path (``None``: not there)."""

    endless = False
    """Whether it may go on for ever: then a size that nobody signed is not followed."""

    def __init__(self, root: str) -> None:
        self._root = root

    def read(self, path: str) -> bytes | None:
        """The bytes at ``path``; raises MalformedProof when there are more than a log can have there."""
        place = Path(self._root) / path
        try:
            with place.open("rb") as file:
                data = file.read(BUNDLE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise NotFound(f"{place} cannot be read: {error.strerror}") from error
        if len(data) > BUNDLE_BYTES_MAX:
            raise MalformedProof(f"{place} holds more than {BUNDLE_BYTES_MAX} bytes")
        return data

    def _first(self, partial: str, full: str) -> tuple[bytes | None, bool]:
        """The file ``partial``, or the full one that took its place, and whether it is that one."""
        data = self.read(partial)
        return (data, False) if data is not None or partial == full else (self.read(full), True)

    def checkpoint(self) -> bytes | None:
        """The file ``checkpoint``."""
        return self.read(CHECKPOINT_NAME)

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """``tile/L/N[.p/W]``: a partial tile may go once the full one is there."""
        data, full = self._first(tiles.tile_path(level, number, width), tiles.tile_path(level, number))
        return data[: width * HASH_BYTES] if data is not None and full else data

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``tile/entries/N[.p/W]``."""
        for number, width in _bundles(start, stop):
            data, full = self._first(tiles.entries_path(number, width), tiles.entries_path(number))
            if data is None:
                continue
            entries = tiles.decode_bundle(data)[: width if full else None]
            if len(entries) != width:
                raise MalformedProof(f"an entry bundle holds {len(entries)} entries instead of {width}")
            for offset, entry in enumerate(entries):
                if start <= number * tiles.TILE_WIDTH + offset < stop:
                    yield number * tiles.TILE_WIDTH + offset, entry

    def payloads(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``payload/N[.p/W]``: length-prefixed sealed payloads, an empty one for an entry without payload."""
        for number, width in _bundles(start, stop):
            data, full = self._first(payload_path(number, width), payload_path(number, tiles.TILE_WIDTH))
            if data is None:
                continue
            kept = decode_payloads(data)[: width if full else None]
            if len(kept) != width:
                raise MalformedProof(f"a payload bundle holds {len(kept)} payloads instead of {width}")
            for offset, sealed in enumerate(kept):
                index = number * tiles.TILE_WIDTH + offset
                if sealed and start <= index < stop:
                    yield index, sealed

    def shows_payloads(self, size: int) -> bool:  # noqa: ARG002 - of any size
        """A copy of a log has them."""
        return True

    def strangers(self, size: int) -> list[str]:
        """Files that a log of ``size`` entries has no use for, by path, at most STRANGERS_MAX.

        An export that was cut short leaves tiles of a larger tree, an earlier one its partial tiles; both are lawful.
        """
        found: list[str] = []
        for file in Path(self._root).rglob("*"):
            name = file.relative_to(self._root).as_posix()
            if file.is_file() and name != CHECKPOINT_NAME and not _is_of(name, size):
                found.append(name)
                if len(found) >= STRANGERS_MAX:
                    break
        return sorted(found)


def _is_of(name: str, size: int) -> bool:
    """Whether a file has its place in the log of ``size`` entries, or had one when the log was smaller."""
    if name.startswith(f"{PAYLOAD_FOLDER}/"):
        name = f"tile/entries{name.removeprefix(PAYLOAD_FOLDER)}"
    try:
        level, number, width = tiles.parse_tile_path(name)
    except MalformedProof:
        return False
    there = size >> (tiles.LEVEL_BITS * (level or 0))
    return number * tiles.TILE_WIDTH + width <= there


class UrlSource(FilesSource):
    """The same layout behind a URL."""

    endless = True

    def shows_payloads(self, size: int) -> bool:
        """A server need not: the layout for verifiers has no place for them, and sealed they say nothing."""
        width = min(size, tiles.TILE_WIDTH)
        return (
            not size or self._first(payload_path(0, width), payload_path(0, tiles.TILE_WIDTH))[0] is not None
        )

    def strangers(self, size: int) -> list[str]:  # noqa: ARG002 - a folder's answer depends on it
        """A server does not say what else it has."""
        return []

    def __init__(self, url: str) -> None:
        super().__init__(url)
        import httpx

        try:
            self._client = httpx.Client(
                base_url=url.rstrip("/") + "/",
                timeout=TIMEOUT_SECONDS,
                follow_redirects=False,
                headers={"Accept-Encoding": "identity"},
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
        """The bytes as they were sent: nothing is unpacked, and each part is weighed as it comes in."""
        if "Content-Encoding" in answer.headers:
            raise MalformedProof(f"{self._root} sends {path} in an encoding that nobody asked for")
        ends, data = time.monotonic() + ANSWER_SECONDS_MAX, bytearray()
        for part in answer.iter_raw():
            data += part
            if len(data) > BUNDLE_BYTES_MAX:
                raise MalformedProof(f"{self._root} sends more than {BUNDLE_BYTES_MAX} bytes for {path}")
            if time.monotonic() > ends:
                raise NotFound(f"{self._root} takes longer than {ANSWER_SECONDS_MAX:g} seconds for {path}")
        return bytes(data)


@dataclass(frozen=True, slots=True)
class Prover:
    """A log at hand that can lead from one of its sizes to another; its answers are verified, not believed."""

    place: str
    size: int
    source: LogSource

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The consistency path from ``old`` to ``new`` entries; raises NotFound, MalformedProof."""
        if new > self.size:
            raise NotFound(f"{self.place} has {self.size} entries, not {new}")

        def tile(level: int, number: int, width: int) -> bytes:
            kept = min(
                tiles.TILE_WIDTH, (self.size >> (tiles.LEVEL_BITS * level)) - number * tiles.TILE_WIDTH
            )
            data = self.source.tile(level, number, kept)
            if data is None:
                raise NotFound(f"{self.place} lacks tile {level}/{number}")
            return data[: width * HASH_BYTES]

        return merkle.consistency_path(old, new, tiles.TileReader(tile, new).subtree)


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
