# SPDX-License-Identifier: Apache-2.0
"""Tiles and entry bundles in the C2SP tlog-tiles layout, and the right edge that an append needs."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from byhand.errors import MalformedProof
from byhand.log.merkle import EMPTY_ROOT, node_hash
from byhand.log.text import HASH_BYTES

TILE_WIDTH = 256
TILE_BYTES = TILE_WIDTH * HASH_BYTES
LEVEL_BITS = 8
ENTRY_BYTES_MAX = 65_535  # a bundle prefixes each entry with a uint16
LEVEL_MAX = 63  # the specification's highest tile level
TILES_REMEMBERED_MAX = 64  # half a megabyte: a proof touches one tile a level

# Six groups of three digits name any tile of a tree of 2^63 entries.
_PATH = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z"
)


@dataclass(frozen=True, slots=True)
class FullTile:
    """A tile that just became full: level, number in its level, 8,192 bytes."""

    level: int
    index: int
    data: bytes


def _number(number: int) -> str:
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.append(f"x{number % 1000:03d}")
    return "/".join(reversed(groups))


def _partial(width: int) -> str:
    if not 1 <= width <= TILE_WIDTH:
        raise MalformedProof(f"a tile is 1 to {TILE_WIDTH} wide, not {width}")
    return "" if width == TILE_WIDTH else f".p/{width}"


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """``tile/<L>/<N>[.p/<W>]``."""
    return f"tile/{level}/{_number(number)}{_partial(width)}"


def entries_path(number: int, width: int = TILE_WIDTH) -> str:
    """``tile/entries/<N>[.p/<W>]``."""
    return f"tile/entries/{_number(number)}{_partial(width)}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """``(level, number, width)``; level ``None`` is an entry bundle. Raises MalformedProof."""
    match = _PATH.match(path)
    if match is None:
        raise MalformedProof(f"{path!r} is no path of a tile")
    level = None if match[1] == "entries" else int(match[1])
    number = int(match[2].replace("x", "").replace("/", ""))
    width = int(match[3]) if match[3] else TILE_WIDTH
    make = entries_path(number, width) if level is None else tile_path(level, number, width)
    if make != path or (match[3] and width == TILE_WIDTH):
        raise MalformedProof(f"{path!r} is not the one way to write it")
    return level, number, width


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each behind its length as big-endian uint16."""
    if len(entries) > TILE_WIDTH:
        raise MalformedProof(f"an entry bundle holds at most {TILE_WIDTH} entries, not {len(entries)}")
    if any(len(entry) > ENTRY_BYTES_MAX for entry in entries):
        raise MalformedProof(f"an entry is longer than {ENTRY_BYTES_MAX} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle; raises MalformedProof when it is cut, trails or holds more than 256."""
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 2
        end = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or end > len(data):
            raise MalformedProof("an entry bundle is cut short")
        entries.append(data[start:end])
        position = end
    if len(entries) > TILE_WIDTH:
        raise MalformedProof(f"an entry bundle holds {len(entries)} entries, more than {TILE_WIDTH}")
    return entries


def tile_root(tile: bytes) -> bytes:
    """Root over a tile's hashes; their number must be a power of two."""
    count = len(tile) // HASH_BYTES
    if len(tile) % HASH_BYTES or count == 0 or count & (count - 1):
        raise MalformedProof(f"{len(tile)} bytes are no full subtree")
    sha256 = hashlib.sha256
    while len(tile) > HASH_BYTES:
        tile = b"".join([sha256(b"\x01" + tile[at : at + 64]).digest() for at in range(0, len(tile), 64)])
    return tile


def _widths(size: int) -> list[int]:
    """Hashes in the partial tile of each level of a tree of ``size``; raises MalformedProof below zero."""
    if size < 0:
        raise MalformedProof(f"a tree cannot have {size} entries")
    widths = []
    while size:
        widths.append(size % TILE_WIDTH)
        size //= TILE_WIDTH
    return widths


def partial_tiles(size: int) -> list[tuple[int, int, int]]:
    """``(level, number, width)`` of the partial tiles a checkpoint of ``size`` needs; none is empty."""
    return [
        (level, size >> (LEVEL_BITS * (level + 1)), width)
        for level, width in enumerate(_widths(size))
        if width
    ]


def full_tile_counts(size: int) -> list[int]:
    """How many full tiles each level of a tree of ``size`` has."""
    counts = []
    while size := size // TILE_WIDTH:
        counts.append(size)
    return counts


class RightEdge:
    """The partial tile of every level: all that is needed to append and to know the root. Immutable."""

    __slots__ = ("_levels", "size")

    def __init__(self, size: int, levels: Sequence[bytes]) -> None:
        self.size = size
        self._levels = tuple(levels)

    @classmethod
    def empty(cls) -> RightEdge:
        """The edge of the empty tree."""
        return cls(0, ())

    @classmethod
    def decode(cls, size: int, data: bytes) -> RightEdge:
        """The edge of a tree of ``size`` from its encoding; raises MalformedProof when the lengths differ."""
        levels, position = [], 0
        for width in _widths(size):
            levels.append(data[position : position + width * HASH_BYTES])
            position += width * HASH_BYTES
        if position != len(data):
            raise MalformedProof(
                f"the right edge of a tree of {size} is {position} bytes long, not {len(data)}"
            )
        return cls(size, levels)

    def encode(self) -> bytes:
        """The partial tiles of all levels, lowest first."""
        return b"".join(self._levels)

    def append(self, leaf_hashes: Sequence[bytes]) -> tuple[RightEdge, list[FullTile]]:
        """The edge after ``leaf_hashes``, and the tiles that became full, in the order they did."""
        levels = [bytearray(level) for level in self._levels]
        full: list[FullTile] = []
        done, size = 0, self.size
        while done < len(leaf_hashes):
            if not levels:
                levels.append(bytearray())
            room = TILE_WIDTH - len(levels[0]) // HASH_BYTES
            part = leaf_hashes[done : done + room]
            joined = b"".join(part)
            if len(joined) != len(part) * HASH_BYTES:
                raise MalformedProof(f"every leaf hash must be {HASH_BYTES} bytes long")
            levels[0] += joined
            done += len(part)
            size += len(part)
            _carry(levels, size, full)
        return RightEdge(size, [bytes(level) for level in levels]), full

    def root(self) -> bytes:
        """The root of the tree."""
        root: bytes | None = None
        for level in self._levels:
            for peak in reversed(_peaks(level)):
                root = peak if root is None else node_hash(peak, root)
        return EMPTY_ROOT if root is None else root


def _carry(levels: list[bytearray], size: int, full: list[FullTile]) -> None:
    level = 0
    while level < len(levels) and len(levels[level]) == TILE_BYTES:
        data = bytes(levels[level])
        full.append(FullTile(level, (size >> (LEVEL_BITS * (level + 1))) - 1, data))
        levels[level].clear()
        if level + 1 == len(levels):
            levels.append(bytearray())
        levels[level + 1] += tile_root(data)
        level += 1


def _peaks(level: bytes) -> list[bytes]:
    """Roots of the full subtrees that a partial tile splits into, left to right."""
    count, position, peaks = len(level) // HASH_BYTES, 0, []
    for bit in range(LEVEL_BITS, -1, -1):
        width = 1 << bit
        if count & width:
            peaks.append(tile_root(level[position : position + width * HASH_BYTES]))
            position += width * HASH_BYTES
    return peaks


class TileReader:
    """Hashes of full subtrees out of tiles, for proofs. ``tile(level, number, width)`` returns its bytes."""

    def __init__(self, tile: Callable[[int, int, int], bytes], size: int) -> None:
        self._tile = tile
        self._size = size
        self._remembered: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def _get(self, level: int, number: int) -> bytes:
        key = (level, number)
        if key not in self._remembered:
            width = min(TILE_WIDTH, (self._size >> (LEVEL_BITS * level)) - number * TILE_WIDTH)
            data = self._tile(level, number, width)
            if len(data) != width * HASH_BYTES:
                raise MalformedProof(
                    f"tile {level}/{number} is {len(data)} bytes long, not {width * HASH_BYTES}"
                )
            self._remembered[key] = data
            if len(self._remembered) > TILES_REMEMBERED_MAX:
                self._remembered.popitem(last=False)
        return self._remembered[key]

    def subtree(self, low: int, high: int) -> bytes:
        """Hash over leaves ``low`` to ``high - 1``; raises MalformedProof unless they are a full subtree.

        The tiles are believed as they are: whoever did not make them verifies what comes out.
        """
        width = high - low
        if width < 1 or width & (width - 1) or low % width or high > self._size:
            raise MalformedProof(f"leaves {low} to {high - 1} are no full subtree of a tree of {self._size}")
        level, bits = divmod(width.bit_length() - 1, LEVEL_BITS)
        first = low >> (LEVEL_BITS * level)
        tile = self._get(level, first // TILE_WIDTH)
        start = (first % TILE_WIDTH) * HASH_BYTES
        return tile_root(tile[start : start + (HASH_BYTES << bits)])

    def root(self) -> bytes:
        """The root of the tree."""
        data = b"".join(self._get(level, number) for level, number, _ in partial_tiles(self._size))
        return RightEdge.decode(self._size, data).root()
