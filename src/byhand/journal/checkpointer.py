# SPDX-License-Identifier: Apache-2.0
"""Signs the committed tree, anchors it, publishes it, in this order; refuses to start when they disagree."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from byhand.anchor.contract import Anchor, Anchored
from byhand.errors import HomeRefused, MalformedProof, Unsound
from byhand.journal.log_key import LogKey
from byhand.journal.sequencer import no_step
from byhand.journal.tree import StoredTree
from byhand.log import merkle, note as notes
from byhand.log.checkpoint import Checkpoint, open_checkpoint
from byhand.log.keys import ED25519
from byhand.store.entries import Entries

SWAPS_MAX = 16  # other processes of this home that may anchor before us; more means somebody is looping


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
        self._check_tree(checkpoint)
        self._entries.publish(checkpoint.size, anchored.note)
        self._last = (checkpoint, anchored.note)

    def begin(self) -> bytes:
        """Anchor and publish a home's very first checkpoint; raises HomeRefused when the origin has one."""
        if self._anchor.read() is not None:
            raise HomeRefused(
                f"{self._key.origin} is anchored on this machine already", advice="Choose another --origin."
            )
        return self._advance(None)

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
                    self._check_tree(checkpoint)
                    self._last = (checkpoint, anchored.note)
                    return anchored.note
                self._check_consistent(checkpoint)
                try:
                    return self._advance(anchored.note)
                except _SwapLost:
                    continue
            raise HomeRefused("the anchor keeps moving", advice="Run: byhand doctor")

    def size_of(self, note: bytes) -> int:
        """The tree size that one of this log's own notes is about."""
        return self._open(note).size

    def _advance(self, expected: bytes | None) -> bytes:
        """Sign, anchor, publish.

        A crash after signing: the note is lost, nobody saw it. After anchoring: it is published at the next
        start. After publishing: nothing is left to do.
        """
        tree = StoredTree(self._entries, self._entries.tree())
        size, root = tree.row.size, tree.root(tree.row.size)
        note = self._key.sign_checkpoint(size, root, timestamp=int(time.time()))
        self._step("checkpoint signed")
        if not self._anchor.advance(expected, Anchored(note, self._home)):
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

    def _check_tree(self, checkpoint: Checkpoint) -> None:
        """The tree holds the anchored one, and its right edge follows from there entry by entry."""
        tree = self._check_consistent(checkpoint)
        edge = tree.edge(checkpoint.size)
        hashes = [merkle.leaf_hash(leaf) for _, leaf in self._entries.leaves(checkpoint.size, tree.row.size)]
        if len(hashes) != tree.row.size - checkpoint.size or edge.append(hashes)[0].encode() != tree.row.edge:
            raise HomeRefused(
                "the right edge of the tree does not follow from its entries",
                advice="Run: byhand verify HOME",
            )

    def _check_consistent(self, checkpoint: Checkpoint) -> StoredTree:
        tree = StoredTree(self._entries, self._entries.tree())
        if tree.row.size < checkpoint.size:
            raise HomeRefused(
                f"the log holds {tree.row.size} entries, but {checkpoint.size} were anchored: "
                "it was rolled back, restored or cut",
                advice="Do not use this home. Run: byhand verify HOME",
            )
        if tree.root(checkpoint.size) != checkpoint.root:
            raise HomeRefused(
                f"the first {checkpoint.size} entries are not the ones that were anchored",
                advice="Do not use this home. Run: byhand verify HOME",
            )
        return tree


class _SwapLost(Exception):
    """Another process anchored first."""
