# SPDX-License-Identifier: Apache-2.0
"""What the log asks of a store: one transaction that moves entries, names, chains, tiles and tree together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class TreeRow(NamedTuple):
    """The right edge of the tree, all that is needed to append: no tree lives in memory."""

    size: int
    edge: bytes
    """Partial tiles of all levels, see ``byhand.log.tiles.RightEdge``."""
    recorded: str
    """Recorded time of the last entry; the next one is never earlier. Empty for the empty tree."""
    administration: int | None
    """Index of the administration chain's head."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry to insert: its leaf, its sealed payload, the chain it extends, the names it takes."""

    index: int
    leaf: bytes
    payload: bytes | None
    chain: str | None
    names: tuple[tuple[str, bytes], ...]
    """``(name, declaration MAC)``: the record id first, then its claims."""


class Tile(NamedTuple):
    """One full tile: level, number, 256 hashes (8,192 bytes)."""

    level: int
    number: int
    hashes: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """A name that is in the log already: the entry that took it, and the MAC of its declaration."""

    index: int
    mac: bytes


class EntriesTransaction(Protocol):
    """Inside the tree's lock. Nothing is visible to others, or durable, before the context ends."""

    def tree(self) -> TreeRow:
        """The tree as committed."""
        ...

    def taken(self, names: Sequence[str]) -> Mapping[str, Taken]:
        """Which of ``names`` are in the log."""
        ...

    def heads(self, chains: Sequence[str]) -> Mapping[str, int]:
        """Index of the last entry of each of ``chains`` that exists."""
        ...

    def leaf(self, index: int) -> bytes:
        """The leaf at ``index``, which must be smaller than the tree."""
        ...

    def insert(self, rows: Sequence[Row], tiles: Iterable[Tile], before: TreeRow, after: TreeRow) -> None:
        """Add everything; raises LogUnavailable when the tree is no longer ``before``."""
        ...


class Entries(Protocol):
    """The entries' resting place. Reading methods may be called from any thread."""

    def transaction(self) -> AbstractContextManager[EntriesTransaction]:
        """Take the tree's lock; commit at the end, roll back on any error.

        Raises HomeBusy when another process keeps the lock, LogUnavailable when nothing was written,
        OutcomeUnknown when the commit itself failed: then re-read, never guess.
        """
        ...

    def tree(self) -> TreeRow:
        """The tree as last committed."""
        ...

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, leaf)`` in order; streams."""
        ...

    def payloads(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, sealed payload)`` in order, where there is one; streams."""
        ...

    def tile(self, level: int, number: int) -> bytes | None:
        """A full tile."""
        ...

    def taken(self, name: str) -> Taken | None:
        """The entry that took ``name``."""
        ...

    def head(self, chain: str) -> int | None:
        """The last entry of ``chain``."""
        ...

    def places(self, names: Sequence[str]) -> Mapping[str, int]:
        """Which entry took each of ``names``."""
        ...

    def heads(self) -> Iterator[tuple[str, int]]:
        """Every chain with its last entry; streams."""
        ...

    def strays(self, size: int) -> Sequence[str]:
        """Rows that no tree of ``size`` entries can have, as people name them; the first hundred."""
        ...

    def published(self) -> bytes | None:
        """The last published checkpoint."""
        ...

    def publish(self, size: int, note: bytes) -> None:
        """Publish a checkpoint that is anchored; never replaces a larger one."""
        ...

    def close(self) -> None:
        """Give back files."""
        ...
