# SPDX-License-Identifier: Apache-2.0
"""One writer thread gives every entry its place: it takes all that wait, and commits them at once.

There is no timer: while one batch is on its way to the disk the next one gathers, so a lone caller waits for
one commit and sixty-four callers share one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from byhand import clock
from byhand.errors import ByhandError, ChainMoved, ClaimTaken, Conflict, LogUnavailable, TooLate
from byhand.journal.entry import ANY, Draft, Placed
from byhand.log import merkle
from byhand.log.tiles import RightEdge
from byhand.records import leaf as leaves
from byhand.records.leaf import ADMINISTRATION_CHAIN, LEAF_VERSION, Leaf
from byhand.store.entries import Entries, EntriesTransaction, Row, Taken, Tile, TreeRow

BATCH_MAX = 1_024  # entries a commit: enough to fill a disk's bandwidth, few enough that no one waits long
CARRIES_ADMINISTRATION_HEAD = frozenset({"approval", "permit"})


@dataclass(slots=True)
class Submission:
    """Drafts that get their places together or not at all, and who to wake when it is done."""

    drafts: Sequence[Draft]
    wake: Callable[[list[Submission]], None]
    """Called once for all submissions of a batch that share it: one hand-over a loop, not one a caller."""
    placed: list[Placed] = field(default_factory=list)
    error: BaseException | None = None
    waiter: object = None
    """Whatever ``wake`` needs to find the one who waits."""


def no_step(name: str) -> None:
    """A durable step was taken; tests pass something that kills the process here."""


class Sequencer:
    """Owns the store's write side. ``submit`` may be called from any thread."""

    def __init__(
        self, entries: Entries, promise: Callable[[Placed], Placed], *, step: Callable[[str], None] = no_step
    ) -> None:
        self._entries = entries
        self._promise = promise
        self._step = step
        self._waiting: queue.SimpleQueue[Sequence[Submission] | None] = queue.SimpleQueue()
        self._closed = False
        self.batches = 0
        """How many groups were committed: entries a group tells how well commits are shared."""
        self._thread = threading.Thread(target=self._run, name="byhand-sequencer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the writer takes submissions."""
        return not self._closed and self._thread.is_alive()

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Queue ``submissions``; their ``wake`` is called after the durable commit, or with their errors."""
        if self._closed or not self._thread.is_alive():
            raise LogUnavailable("this log is closed")
        self._waiting.put(submissions)

    def close(self) -> None:
        """Commit what waits, then stop."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        stop = False
        while not stop:
            batch, stop = self._take()
            if batch:
                self._commit(batch)

    def _take(self) -> tuple[list[Submission], bool]:
        """All that wait, at most BATCH_MAX entries; the second value says that the log is closing."""
        batch: list[Submission] = []
        entries = 0
        items = self._waiting.get()
        while items is not None:
            batch += items
            entries += sum(len(item.drafts) for item in items)
            if entries >= BATCH_MAX:
                return batch, False
            try:
                items = self._waiting.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[Submission]) -> None:
        """Place and commit ``batch``. No one is woken before the commit is durable (invariant I1)."""
        try:
            with self._entries.transaction() as transaction:
                self._step("transaction begun")
                self._place(batch, transaction)
                self._step("rows inserted")
            self.batches += 1
            self._step("committed")
            for (
                submission
            ) in batch:  # signing lets go of the interpreter: the callers' threads work meanwhile
                submission.placed = [self._promise(placed) for placed in submission.placed]
        except ByhandError as error:
            _fail(batch, error)
        except BaseException as error:  # noqa: BLE001 - a fault of ours: everyone who waits is told, no one is acknowledged
            failure = LogUnavailable(f"the log could not be written: {type(error).__name__}: {error}")
            failure.__cause__ = error
            _fail(batch, failure)
        for wake, submissions in _by_wake(batch).items():
            wake(submissions)

    def _place(self, batch: list[Submission], transaction: EntriesTransaction) -> None:
        before = transaction.tree()
        placing = _Placing(before, batch, transaction)
        for submission in batch:
            try:
                submission.placed = placing.add(submission.drafts)
            except Conflict as error:
                submission.error = error
        if placing.rows:
            tiles, after = placing.finish()
            transaction.insert(placing.rows, tiles, before, after)


class _Placing:
    """The next places in the tree, and which names and chain heads are taken, while one batch is placed."""

    def __init__(self, before: TreeRow, batch: list[Submission], transaction: EntriesTransaction) -> None:
        drafts = [draft for submission in batch for draft in submission.drafts]
        names = [draft.record_id for draft in drafts] + [c for draft in drafts for c in draft.claims]
        chains = list({draft.chain for draft in drafts if draft.chain is not None})
        self.rows: list[Row] = []
        self._before = before
        self._recorded = max(clock.now(), before.recorded)
        self._taken: dict[str, Taken] = dict(transaction.taken(names))
        self._heads: dict[str, int] = dict(transaction.heads(chains))
        self._administration = before.administration
        self._hashes: list[bytes] = []
        self._transaction = transaction

    def add(self, drafts: Sequence[Draft]) -> list[Placed]:
        """Places for ``drafts``, all or none; raises ClaimTaken, ChainMoved, TooLate, Conflict.

        1 a record id seen before answers as it did, when the declaration is the same; 2 no claim is taken
        twice; 3 the chain is where the caller saw it, and it is not too late for the entry; 4 each leaf names
        its chain's previous leaf.
        """
        if any(draft.record_id in self._taken for draft in drafts):
            return [self._again(draft) for draft in drafts]
        for draft in drafts:
            for claim in draft.claims:
                if claim in self._taken:
                    raise ClaimTaken(claim, self._taken[claim].index)
            head = self._heads.get(draft.chain) if draft.chain is not None else None
            _check_head(draft.chain or draft.kind, draft.expected_head, head)
            _check_head(ADMINISTRATION_CHAIN, draft.expected_administration, self._administration)
            if draft.before is not None and self._recorded >= draft.before:
                raise TooLate(draft.before, self._recorded)
        return [self._next(draft) for draft in drafts]

    def _again(self, draft: Draft) -> Placed:
        taken = self._taken.get(draft.record_id)
        if taken is None or taken.mac != draft.mac:
            raise Conflict(
                f"the record id {draft.record_id} was used for another declaration",
                advice="Use a fresh record id for a new declaration.",
            )
        entry = self._entry(taken.index)
        leaf = leaves.decode(entry)
        return Placed(draft.record_id, taken.index, entry, merkle.leaf_hash(entry), leaf.recorded)

    def _entry(self, index: int) -> bytes:
        if index >= self._before.size:
            return self.rows[index - self._before.size].leaf
        return self._transaction.leaf(index)

    def _next(self, draft: Draft) -> Placed:
        index = self._before.size + len(self.rows)
        entry = leaves.encode(self._leaf(draft))
        digest = merkle.leaf_hash(entry)
        names = ((draft.record_id, draft.mac), *((claim, draft.mac) for claim in draft.claims))
        self.rows.append(Row(index, entry, draft.payload, draft.chain, names))
        self._hashes.append(digest)
        self._taken.update((name, Taken(index, mac)) for name, mac in names)
        if draft.chain is not None:
            self._heads[draft.chain] = index
        if draft.chain == ADMINISTRATION_CHAIN:
            self._administration = index
        return Placed(draft.record_id, index, entry, digest, self._recorded)

    def _leaf(self, draft: Draft) -> Leaf:
        return Leaf(
            v=LEAF_VERSION,
            id=draft.record_id,
            recorded=self._recorded,
            kind=draft.kind,
            retention=draft.retention,
            intervention=draft.intervention,
            previous=self._heads.get(draft.chain) if draft.chain is not None else None,
            administration=self._administration if draft.kind in CARRIES_ADMINISTRATION_HEAD else None,
            commitment=draft.commitment,
            sealed=draft.sealed,
        )

    def finish(self) -> tuple[list[Tile], TreeRow]:
        """The full tiles that the batch completes, and the tree after it."""
        edge = RightEdge.decode(self._before.size, self._before.edge)
        edge, full = edge.append(self._hashes)
        after = TreeRow(edge.size, edge.encode(), self._recorded, self._administration)
        return [Tile(tile.level, tile.index, tile.data) for tile in full], after


def _check_head(chain: str, expected: object, head: int | None) -> None:
    """Raise ChainMoved unless the chain is where the caller saw it."""
    if expected is not ANY and expected != head:
        raise ChainMoved(chain, expected, head)  # type: ignore[arg-type]


def _by_wake(batch: list[Submission]) -> dict[Callable[[list[Submission]], None], list[Submission]]:
    grouped: dict[Callable[[list[Submission]], None], list[Submission]] = {}
    for submission in batch:
        grouped.setdefault(submission.wake, []).append(submission)
    return grouped


def _fail(batch: list[Submission], error: BaseException) -> None:
    for submission in batch:
        submission.error = error
        submission.placed = []
