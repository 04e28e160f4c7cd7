# SPDX-License-Identifier: Apache-2.0
"""The tree as it rests in the store: its tiles at any size, its roots and proofs."""

from __future__ import annotations

from typing import Protocol

from byhand.errors import HomeRefused
from byhand.log import merkle
from byhand.log.tiles import TILE_WIDTH, RightEdge, TileReader

HASH_BYTES = 32
LEVEL_BITS = 8


class Tiles(Protocol):
    """Full tiles by level and number."""

    def tile(self, level: int, number: int) -> bytes | None:
        """8,192 bytes, or ``None``."""
        ...


class Row(Protocol):
    """A tree's size and right edge."""

    @property
    def size(self) -> int:
        """Entries."""
        ...

    @property
    def edge(self) -> bytes:
        """Partial tiles of all levels."""
        ...


class StoredTree:
    """One committed tree. Any smaller size can be asked for; reads full tiles and the right edge only."""

    def __init__(self, entries: Tiles, row: Row) -> None:
        self._entries = entries
        self.row = row
        self._partial = _partial_tiles(row)

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile; raises HomeRefused when the store lacks it."""
        data = self._partial.get((level, number)) or self._entries.tile(level, number)
        if data is None or len(data) < width * HASH_BYTES:
            raise HomeRefused(f"tile {level}/{number} is missing", advice="Run: byhand verify HOME")
        return data[: width * HASH_BYTES]

    def edge(self, size: int) -> RightEdge:
        """The right edge as it was at ``size``."""
        data = b""
        for level in range(size.bit_length() // LEVEL_BITS + 1):
            width = (size >> (LEVEL_BITS * level)) % TILE_WIDTH
            if width:
                data += self.tile(level, size >> (LEVEL_BITS * (level + 1)), width)
        return RightEdge.decode(size, data)

    def root(self, size: int) -> bytes:
        """The root of the first ``size`` entries."""
        return self.edge(size).root()

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The inclusion path of ``index`` in the tree of ``size``."""
        return merkle.inclusion_path(index, size, TileReader(self.tile, size).subtree)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The consistency path from ``old`` to ``new``."""
        return merkle.consistency_path(old, new, TileReader(self.tile, new).subtree)


def _partial_tiles(row: Row) -> dict[tuple[int, int], bytes]:
    tiles: dict[tuple[int, int], bytes] = {}
    offset = 0
    for level in range(row.size.bit_length() // LEVEL_BITS + 1):
        width = (row.size >> (LEVEL_BITS * level)) % TILE_WIDTH
        if width:
            end = offset + width * HASH_BYTES
            tiles[level, row.size >> (LEVEL_BITS * (level + 1))] = row.edge[offset:end]
            offset = end
    return tiles
