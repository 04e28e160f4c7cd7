# SPDX-License-Identifier: Apache-2.0
"""One writer thread gives every entry its place: it takes all that wait, and commits them at once.

There is no timer: while one batch is on its way to the disk the next one gathers, so a lone caller waits for
one commit and sixty-four callers share one.
"""

from __future__ import annotations

import hmac
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from byhand import clock
from byhand.errors import (
    ByhandError,
    ChainMoved,
    ClaimTaken,
    Conflict,
    HomeRefused,
    LogUnavailable,
    OutcomeUnknown,
    TooLate,
)
from byhand.journal.entry import ANY, Draft, Placed
from byhand.journal.row_check import check_follows, check_recorded
from byhand.log import merkle
from byhand.log.tiles import RightEdge
from byhand.records import leaf as leaves
from byhand.records.leaf import ADMINISTRATION_CHAIN, CARRIES_ADMINISTRATION_HEAD, LEAF_VERSION, Leaf
from byhand.store.entries import Entries, EntriesTransaction, Row, Taken, Tile, TreeRow

BATCH_MAX = 1_024  # entries a commit: enough to fill a disk's bandwidth, few enough that no one waits long
logger = logging.getLogger("byhand.sequencer")


@dataclass(slots=True)
class Submission:
    """Drafts that get their places together or not at all, and who to wake when it is done.

    Made in the thread of the one who submits: names that cannot be taken raise Conflict there, and never come
    before the writer, where others share their batch.
    """

    drafts: Sequence[Draft]
    wake: Callable[[list[Submission]], None]
    """Called once for all submissions of a batch that share it: one hand-over a loop, not one a caller."""
    placed: list[Placed] = field(default_factory=list)
    error: BaseException | None = None
    waiter: object = None
    """Whatever ``wake`` needs to find the one who waits."""

    def __post_init__(self) -> None:
        _check_names(self.drafts)


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
        self._door = threading.Lock()  # nothing is queued behind the end: whoever is queued is answered
        self._closed = False
        self._left: TreeRow | None = None
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
        if self._thread.is_alive():  # not in a forked child, where the door may be locked for ever
            with self._door:
                if not self._closed:
                    self._waiting.put(submissions)
                    return
        raise LogUnavailable("this log is closed")

    def close(self) -> None:
        """Commit what waits, then stop. Whoever comes later is told that the log is closed."""
        if self._thread.is_alive():
            with self._door:
                if not self._closed:
                    self._closed = True
                    self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        """Commit batch after batch; whatever ends this, nobody is left waiting."""
        batch: list[Submission] = []
        stop = False
        try:
            while not stop:
                stop = self._take(batch)
                self._commit(batch)
                batch.clear()
        except BaseException:
            logger.exception("the writer of the log has ended")
        finally:
            self._end(batch)

    def _take(self, batch: list[Submission]) -> bool:
        """Put all that wait into ``batch``, at most BATCH_MAX entries; whether the log is closing."""
        entries = 0
        items = self._waiting.get()
        while items is not None:
            batch += items
            entries += sum(len(item.drafts) for item in items)
            if entries >= BATCH_MAX:
                return False
            try:
                items = self._waiting.get_nowait()
            except queue.Empty:
                return False
        return True

    def _end(self, left: list[Submission]) -> None:
        """Tell those who still wait that nothing of theirs was recorded."""
        with self._door:
            self._closed = True
        while not self._waiting.empty():
            left += self._waiting.get_nowait() or ()
        _fail(left, LogUnavailable("the writer of this log has ended", advice="Close this process."))
        _wake(left)

    def _commit(self, batch: list[Submission]) -> None:
        """Place and commit ``batch``. No one is woken before the commit is durable (invariant I1)."""
        if not batch:
            return
        try:
            with self._entries.transaction() as transaction:
                self._step("transaction begun")
                after = self._place(batch, transaction)
                self._step("rows inserted")
        except ByhandError as error:
            _fail(batch, error)
        except BaseException as error:  # noqa: BLE001 - a fault of ours: everyone who waits is told, no one is acknowledged
            failure = LogUnavailable(f"the log could not be written: {type(error).__name__}: {error}")
            failure.__cause__ = error
            _fail(batch, failure)
        else:
            self._left = after
            self.batches += 1
            self._sign(batch)
        _wake(batch)

    def _sign(self, batch: list[Submission]) -> None:
        """Promise what is durable now. A crash here: it is recorded, and who asks again is acknowledged."""
        placed = [submission for submission in batch if submission.error is None]
        try:
            self._step("committed")
            for submission in placed:  # signing lets go of the interpreter: callers' threads work meanwhile
                submission.placed = [self._promise(one) for one in submission.placed]
        except BaseException as error:  # noqa: BLE001 - as above, only that the entries are in the log by now
            unknown = OutcomeUnknown(f"recorded, but not acknowledged: {type(error).__name__}: {error}")
            unknown.__cause__ = error
            _fail(placed, unknown)

    def _place(self, batch: list[Submission], transaction: EntriesTransaction) -> TreeRow:
        """Give each its places, or its own error: what is wrong with one does not touch the others."""
        before = transaction.tree()
        self._check_row(before, transaction)
        placing = _Placing(before, batch, transaction)
        for submission in batch:
            try:
                submission.placed = placing.add(submission.drafts)
            except ByhandError as error:
                submission.error = error
        if not placing.rows:
            return before
        tiles, after = placing.finish()
        transaction.insert(placing.rows, tiles, before, after)
        return after

    def _check_row(self, row: TreeRow, transaction: EntriesTransaction) -> None:
        """A row that is not the one we left was written by another process - or by no byhand at all."""
        if row == self._left:
            return
        check_recorded(row, transaction.leaf(row.size - 1) if row.size else None)
        if self._left is not None:
            check_follows(row, self._left.size, self._left.administration)


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
        """Places for ``drafts``, all or none; raises ClaimTaken, ChainMoved, TooLate, Conflict, Invalid.

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
        return self._next(drafts)

    def _again(self, draft: Draft) -> Placed:
        taken = self._taken.get(draft.record_id)
        if taken is not None and draft.new:
            raise ChainMoved(draft.chain or draft.record_id, None, taken.index)
        if taken is None or not hmac.compare_digest(taken.mac, draft.mac):
            raise Conflict(
                f"the record id {draft.record_id} was used for another declaration",
                advice="Use a fresh record id for a new declaration.",
            )
        entry = self._entry(taken.index)
        leaf = leaves.decode(entry)
        if leaf.id != draft.record_id:
            raise HomeRefused(
                f"entry {taken.index} is not of the record {draft.record_id}",
                advice="Run: byhand verify HOME",
            )
        return Placed(draft.record_id, taken.index, entry, merkle.leaf_hash(entry), leaf.recorded)

    def _entry(self, index: int) -> bytes:
        if index >= self._before.size:
            return self.rows[index - self._before.size].leaf
        return self._transaction.leaf(index)

    def _next(self, drafts: Sequence[Draft]) -> list[Placed]:
        """Places at the end of the tree, taken when the last leaf of the group is written and not before."""
        heads: dict[str, int] = {}
        administration = self._administration
        rows: list[Row] = []
        placed: list[Placed] = []
        for index, draft in enumerate(drafts, self._before.size + len(self.rows)):
            record_id, chain, mac = draft.record_id, draft.chain, draft.mac
            previous = heads.get(chain, self._heads.get(chain)) if chain is not None else None
            entry = leaves.encode(self._leaf(draft, previous, administration))
            names = ((record_id, mac), *((claim, mac) for claim in draft.claims))
            rows.append(Row(index, entry, draft.payload, chain, names))
            placed.append(Placed(record_id, index, entry, merkle.leaf_hash(entry), self._recorded))
            if chain is not None:
                heads[chain] = index
            if chain == ADMINISTRATION_CHAIN:
                administration = index
        self.rows += rows
        self._hashes += [one.leaf_hash for one in placed]
        for row in rows:
            for name, mac in row.names:
                self._taken[name] = Taken(row.index, mac)
        self._heads.update(heads)
        self._administration = administration
        return placed

    def _leaf(self, draft: Draft, previous: int | None, administration: int | None) -> Leaf:
        return Leaf(
            v=LEAF_VERSION,
            id=draft.record_id,
            recorded=self._recorded,
            kind=draft.kind,
            retention=draft.retention,
            intervention=draft.intervention,
            previous=previous,
            administration=administration if draft.kind in CARRIES_ADMINISTRATION_HEAD else None,
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


def _check_names(drafts: Sequence[Draft]) -> None:
    """Raise Conflict unless every name of a group is text, and is taken by one of its entries only."""
    names: list[str] = []
    for draft in drafts:
        names.append(draft.record_id)
        names += draft.claims
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        raise Conflict("a name in the log must be text that UTF-8 can write") from error
    if len(names) > 1 and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Conflict(
            f"{twice} would be taken twice by what is to be recorded together",
            advice="Record each id once, and take each claim once.",
        )


def _wake(batch: list[Submission]) -> None:
    """Wake all who wait; one who cannot be woken does not keep the others waiting."""
    grouped: dict[Callable[[list[Submission]], None], list[Submission]] = {}
    for submission in batch:
        grouped.setdefault(submission.wake, []).append(submission)
    for wake, submissions in grouped.items():
        try:
            wake(submissions)
        except Exception:
            logger.exception("somebody who waited for the log could not be woken")


def _fail(batch: list[Submission], error: BaseException) -> None:
    for submission in batch:
        submission.error = error
        submission.placed = []
