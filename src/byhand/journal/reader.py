# SPDX-License-Identifier: Apache-2.0
"""Reads entries back: leaves, records, chains, proofs. Whoever reads for a person goes through control.reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from byhand.errors import HomeRefused, NotFound, Unsound
from byhand.journal.tree import StoredTree
from byhand.journal.vault import Opened, Vault
from byhand.log import merkle
from byhand.records import codec, leaf as leaves, parts
from byhand.records.actor import PersonDetails
from byhand.records.kinds import AnyRecord
from byhand.records.leaf import ADMINISTRATION_CHAIN, Leaf
from byhand.records.payload import BODY, PERSON_PREFIX, Section
from byhand.store.entries import Entries

SCAN_ROWS = 512  # entries opened at a time while scanning: bounded memory, few queries
MOVES_MAX = 16  # officers changing byhand while one index is read; more means somebody is looping
CHAIN_MAX = 100_000  # an intervention has a handful of records; far above it a loop was written into the log


@dataclass(frozen=True, slots=True)
class Stored:
    """One entry as it stands in the log. ``record`` is ``None`` for a heartbeat and for an erased body."""

    index: int
    leaf: Leaf
    entry: bytes
    record: AnyRecord | codec.UnknownVersion | None
    people: dict[str, PersonDetails] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)
    erased: tuple[str, ...] = ()

    @property
    def leaf_hash(self) -> bytes:
        """The leaf hash."""
        return merkle.leaf_hash(self.entry)


class Reader:
    """Thread-safe reading of one log."""

    def __init__(self, entries: Entries, vault: Vault) -> None:
        self._entries = entries
        self._vault = vault

    @property
    def size(self) -> int:
        """Number of committed entries."""
        return self._entries.tree().size

    def tree(self) -> StoredTree:
        """The committed tree, for roots and proofs."""
        return StoredTree(self._entries, self._entries.tree())

    def entry(self, index: int) -> bytes:
        """The leaf's bytes; raises NotFound."""
        for _, entry in self._entries.leaves(index, index + 1):
            return entry
        raise NotFound(f"there is no entry {index} in this log")

    def leaf(self, index: int) -> Leaf:
        """The leaf; raises NotFound."""
        return leaves.decode(self.entry(index))

    def read(self, index: int) -> Stored:
        """The entry at ``index``, opened as far as its keys still exist."""
        entry = self.entry(index)
        sealed = next((sealed for _, sealed in self._entries.payloads(index, index + 1)), None)
        (stored,) = self._stored([(index, entry, sealed)])
        return stored

    def find(self, record_id: str) -> Stored | None:
        """The entry of a record id."""
        taken = self._entries.taken(record_id)
        return self.read(taken.index) if taken else None

    def claimed(self, claim: str) -> Leaf | None:
        """The leaf of the entry that took ``claim``."""
        taken = self._entries.taken(claim)
        return self.leaf(taken.index) if taken else None

    def head(self, chain: str) -> int | None:
        """Index of the last entry of ``chain``."""
        return self._entries.head(chain)

    def administration(self) -> int | None:
        """Index of the administration chain's head, by the tree's row and by the chain's: they must agree.

        They move together; a row that stood still while the chain was read is the one to compare it with.
        """
        head, row = self._entries.head(ADMINISTRATION_CHAIN), self._entries.tree().administration
        for _ in range(MOVES_MAX):
            if head == row:
                return head
            before, head, row = (
                row,
                self._entries.head(ADMINISTRATION_CHAIN),
                self._entries.tree().administration,
            )
            if row == before != head:
                break  # nothing moved, and they disagree
        raise HomeRefused(
            f"the administration chain ends at {head}, the tree says {row}",
            advice="Run: byhand verify HOME",
        )

    def chain(self, name: str, *, after: int = -1) -> list[Stored]:
        """The entries of a chain behind index ``after``, oldest first, walked by their ``previous``."""
        found: list[Stored] = []
        index = self._entries.head(name)
        while index is not None and index > after:
            stored = self.read(index)
            previous = stored.leaf.previous
            if (
                stored.leaf.chain != name
                or (previous is not None and previous >= index)
                or len(found) > CHAIN_MAX
            ):
                raise HomeRefused(
                    f"the chain {name} is broken at entry {index}", advice="Run: byhand verify HOME"
                )
            found.append(stored)
            index = previous
        found.reverse()
        return found

    def scan(self, start: int, stop: int | None = None) -> Iterator[Stored]:
        """Entries from ``start`` on, in order; streams."""
        end = self.size if stop is None else stop
        for low in range(start, end, SCAN_ROWS):
            high = min(low + SCAN_ROWS, end)
            sealed = dict(self._entries.payloads(low, high))
            rows = [(index, entry, sealed.get(index)) for index, entry in self._entries.leaves(low, high)]
            yield from self._stored(rows)

    def _stored(self, rows: Sequence[tuple[int, bytes, bytes | None]]) -> Iterator[Stored]:
        """``(index, leaf, sealed payload)`` opened, their keys fetched together."""
        found = [(index, leaves.decode(entry), entry, sealed) for index, entry, sealed in rows]
        payloads = [
            (leaf, sealed) for _, leaf, _, sealed in found if leaf.sealed is not None and sealed is not None
        ]
        opened = iter(self._vault.open_all(payloads))
        for index, leaf, entry, sealed in found:
            if leaf.sealed is None:
                yield Stored(index, leaf, entry, None)
                continue
            if sealed is None:
                raise HomeRefused(
                    f"the payload of entry {index} is missing",
                    advice="Restore it, or run: byhand verify HOME",
                )
            one = next(opened)
            if isinstance(one, Unsound):
                raise one
            yield self._opened(index, leaf, entry, one)

    def _opened(self, index: int, leaf: Leaf, entry: bytes, opened: Opened) -> Stored:
        body = opened.sections.get(BODY)
        people = {
            name.removeprefix(PERSON_PREFIX): parts.decode_person(section.content)
            for name, section in opened.sections.items()
            if name.startswith(PERSON_PREFIX)
        }
        record = codec.decode(body.content) if body is not None else None
        return Stored(index, leaf, entry, record, people, opened.sections, opened.erased)
