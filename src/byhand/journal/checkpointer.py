# SPDX-License-Identifier: Apache-2.0
"""Signs the committed tree, anchors it, publishes it, in this order; refuses to start when they disagree."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from byhand import clock
from byhand.anchor.contract import NO_ADMINISTRATION, Anchor, Anchored
from byhand.errors import HomeRefused, MalformedProof, Unsound
from byhand.journal.log_key import LogKey
from byhand.journal.row_check import (
    chain_heads,
    check_clock,
    check_follows,
    check_heads,
    check_recorded,
    head_before,
)
from byhand.journal.sequencer import no_step
from byhand.journal.tree import StoredTree
from byhand.log import merkle, note as notes
from byhand.log.checkpoint import Checkpoint, open_checkpoint
from byhand.log.keys import ED25519
from byhand.log.tiles import TILE_WIDTH
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.store.entries import Entries, TreeRow

SWAPS_MAX = 16  # other processes of this home that may anchor before us; more means somebody is looping
READ_AGAIN = 1_024  # anchored entries that a start reads again: what is still under way is among the last


class Checkpointer:
    """Thread-safe. The anchor's compare-and-swap, not a lock, is what keeps two processes from forking."""

    def __init__(
        self, entries: Entries, anchor: Anchor, key: LogKey, home: str, step: Callable[[str], None] = no_step
    ) -> None:
        self._entries = entries
        self._anchor = anchor
        self._key = key
        self._home = home
        self._step = step
        self._lock = threading.Lock()
        self._last: tuple[Checkpoint, bytes] | None = None

    def start(self) -> None:
        """Check invariant I5: anchor <= tree, same root at that size, right edge recomputed from there.

        The last entries are read again, which the anchored root vouches for: the row's time and the heads of their
        chains are what they say. Where administration ended before them is in the anchor.
        Raises HomeRefused. A crash between anchoring and publishing is made good here.
        """
        anchored = self._anchor.read()
        if anchored is None:
            raise HomeRefused(
                f"{self._key.origin} was never anchored on this machine",
                advice="If this home was copied here, use the first one; if it was moved: byhand doctor --adopt",
            )
        self._check_home(anchored)
        checkpoint = self._open(anchored.note)
        check_clock(self._check_tree(checkpoint, anchored), clock.now())
        self._entries.publish(checkpoint.size, anchored.note)
        self._last = (checkpoint, anchored.note)

    def begin(self) -> bytes:
        """Anchor and publish a home's very first checkpoint; raises HomeRefused when the origin has one."""
        if self._anchor.read() is not None:
            raise HomeRefused(
                f"{self._key.origin} is anchored on this machine already", advice="Choose another --origin."
            )
        return self._advance(None, self._entries.tree())

    def ensure(self, size: int) -> bytes:
        """The note of an anchored checkpoint of at least ``size`` entries, made now if there is none yet."""
        with self._lock:
            if self._last is not None and self._last[0].size >= size:
                return self._last[1]
            for _ in range(SWAPS_MAX):
                anchored = self._anchor.read()
                if anchored is None:
                    raise HomeRefused("the anchor has gone", advice="Run: byhand doctor")
                self._check_home(anchored)
                checkpoint = self._open(anchored.note)
                if checkpoint.size >= size and checkpoint.size <= self._entries.tree().size:
                    self._check_tree(checkpoint, anchored)
                    self._last = (checkpoint, anchored.note)
                    return anchored.note
                row, _ = self._check_consistent(checkpoint)
                if anchored.administration is not None:
                    check_follows(row, checkpoint.size, _head(anchored.administration))
                try:
                    return self._advance(anchored.note, row)
                except _SwapLost:
                    continue
            raise HomeRefused("the anchor keeps moving", advice="Run: byhand doctor")

    def size_of(self, note: bytes) -> int:
        """The tree size that one of this log's own notes is about."""
        return self._open(note).size

    def _advance(self, expected: bytes | None, row: TreeRow) -> bytes:
        """Sign, anchor, publish the tree of ``row``.

        A crash after signing: the note is lost, nobody saw it. After anchoring: it is published at the next
        start. After publishing: nothing is left to do.
        """
        size, head = row.size, row.administration
        root = StoredTree(self._entries, row).root(size)
        note = self._key.sign_checkpoint(size, root, timestamp=int(time.time()))
        self._step("checkpoint signed")
        anchored = Anchored(note, self._home, NO_ADMINISTRATION if head is None else head)
        if not self._anchor.advance(expected, anchored):
            raise _SwapLost
        self._step("anchored")
        self._entries.publish(size, note)
        self._step("published")
        self._last = (Checkpoint(self._key.origin, size, root), note)
        return note

    def _open(self, note: bytes) -> Checkpoint:
        """A note of our own. One signed before ``log.ml_dsa`` was set carries one signature only."""
        try:
            signed = {one.key_id for one in notes.parse(note).signatures}
            keys = [key for key in self._key.verifiers if key.kind == ED25519 or key.key_id in signed]
            return open_checkpoint(note, self._key.origin, keys).checkpoint
        except (Unsound, MalformedProof) as error:
            raise HomeRefused(f"the anchored checkpoint does not verify: {error}") from error

    def _check_home(self, anchored: Anchored) -> None:
        if anchored.home != self._home:
            raise HomeRefused(
                f"the anchor of {self._key.origin} belongs to the home {anchored.home}, this is {self._home}",
                advice="A copy cannot speak for the first. If the home was moved: byhand doctor --adopt",
            )

    def _check_tree(self, checkpoint: Checkpoint, anchored: Anchored) -> TreeRow:
        """The tree holds the anchored one; from there, and from a little before, all follows entry by entry.

        1 the last anchored entries lead to the anchored root, those behind it to the tree's right edge; 2 the tree's
        time is its last entry's; 3 every chain among them ends where the store says, or behind; 4 administration,
        when it is not among them, ends where the anchor says.
        """
        row, tree = self._check_consistent(checkpoint)
        start = max(0, checkpoint.size - READ_AGAIN) // TILE_WIDTH * TILE_WIDTH
        entries = [leaf for _, leaf in self._entries.leaves(start, row.size)]
        hashes = [merkle.leaf_hash(leaf) for leaf in entries]
        edge, _ = tree.edge(start).append(hashes[: checkpoint.size - start])  # 1
        if edge.size != checkpoint.size or edge.root() != checkpoint.root:
            raise HomeRefused(
                f"the last of the first {checkpoint.size} entries are not the ones that were anchored",
                advice="Do not use this home. Run: byhand verify HOME",
            )
        edge, _ = edge.append(hashes[checkpoint.size - start :])
        if edge.size != row.size or edge.encode() != row.edge:
            raise HomeRefused(
                "the right edge of the tree does not follow from its entries",
                advice="Run: byhand verify HOME",
            )
        check_recorded(row, entries[-1] if entries else None)  # 2
        heads = chain_heads(entries, start)
        if ADMINISTRATION_CHAIN not in heads:
            head = anchored.administration
            heads[ADMINISTRATION_CHAIN] = head_before(self._entries, start) if head is None else _head(head)
        check_heads(self._entries, row, heads)  # 3, 4
        return row

    def _check_consistent(self, checkpoint: Checkpoint) -> tuple[TreeRow, StoredTree]:
        row = self._entries.tree()
        tree = StoredTree(self._entries, row)
        if row.size < checkpoint.size:
            raise HomeRefused(
                f"the log holds {row.size} entries, but {checkpoint.size} were anchored: "
                "it was rolled back, restored or cut",
                advice="Do not use this home. Run: byhand verify HOME",
            )
        if tree.root(checkpoint.size) != checkpoint.root:
            raise HomeRefused(
                f"the first {checkpoint.size} entries are not the ones that were anchored",
                advice="Do not use this home. Run: byhand verify HOME",
            )
        return row, tree


def _head(anchored: int) -> int | None:
    return None if anchored == NO_ADMINISTRATION else anchored


class _SwapLost(Exception):
    """Another process anchored first."""
