# SPDX-License-Identifier: Apache-2.0
"""The journal: append and be acknowledged after the durable commit; read back; prove."""

from __future__ import annotations

import asyncio
import hmac
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from byhand.anchor.contract import Anchor
from byhand.client.contract import Acknowledgement, Receipt
from byhand.errors import Conflict, LogUnavailable
from byhand.ids import new_record_id
from byhand.journal.checkpointer import Checkpointer
from byhand.journal.entry import ANY, Draft, Entry, Placed
from byhand.journal.log_key import LogKey
from byhand.journal.reader import Reader, Stored
from byhand.journal.sequencer import Sequencer, Submission, no_step
from byhand.journal.vault import Vault
from byhand.keystore.contract import KeyStore
from byhand.log.merkle import leaf_hash
from byhand.log.proof import TlogProof
from byhand.records.kinds import HEARTBEAT
from byhand.store.entries import Entries


class Journal:
    """One home's log. Safe from any thread; after a fork it must be opened anew."""

    def __init__(
        self,
        origin: str,
        entries: Entries,
        keys: KeyStore,
        anchor: Anchor,
        home: str,
        *,
        ml_dsa: bool = False,
        step: Callable[[str], None] = no_step,
    ) -> None:
        self.origin = origin
        self.key = LogKey(origin, keys, ml_dsa=ml_dsa)
        self.vault = Vault(origin, keys)
        self.reader = Reader(entries, self.vault)
        self.checkpointer = Checkpointer(entries, anchor, self.key, home, step)
        self._entries = entries
        self._sequencer = Sequencer(entries, self._promised, step=step)
        self._doors = _Doors(self._sequencer)
        self._step = step
        self._process = os.getpid()

    @property
    def writing(self) -> bool:
        """Whether appends are taken."""
        return self._sequencer.alive

    @property
    def batches(self) -> int:
        """How many groups were committed by this process."""
        return self._sequencer.batches

    def append(self, entries: Sequence[Entry]) -> tuple[Acknowledgement, ...]:
        """Record ``entries`` together or not at all; returns after the durable commit.

        May be retried as it is: a record id seen before, with the same declaration, is acknowledged again.
        Raises Conflict (same id, another declaration; a name twice in ``entries``), ClaimTaken, ChainMoved,
        TooLate, LogUnavailable, OutcomeUnknown.
        """
        return self._acknowledge(self._submit(self._seal(entries)))

    def _submit(self, drafts: Sequence[Draft]) -> Submission:
        """Hand ``drafts`` to the writer and wait."""
        done = threading.Lock()
        done.acquire()
        submission = Submission(drafts, _release, waiter=done)
        self._sequencer.submit([submission])
        done.acquire()
        return submission

    async def append_async(self, entries: Sequence[Entry]) -> tuple[Acknowledgement, ...]:
        """As ``append``, for a caller on an event loop: sealing happens on the loop, waiting does not block it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        door = self._doors.of(loop)
        submission = Submission(self._seal(entries), door.wake, waiter=done)
        door.submit(submission)
        await done
        return self._acknowledge(submission)

    def _seal(self, entries: Sequence[Entry]) -> list[Draft]:
        if self._process != os.getpid():
            raise LogUnavailable("this process was forked: open the home anew")
        drafts = self.vault.seal(entries)
        self._step("keys reserved")
        return drafts

    def _acknowledge(self, submission: Submission) -> tuple[Acknowledgement, ...]:
        if submission.error is not None:
            raise submission.error
        return tuple(self.acknowledgement(placed) for placed in submission.placed)

    def _promised(self, placed: Placed) -> Placed:
        return replace(placed, promise=self.key.promise(placed.index, placed.leaf_hash, placed.recorded))

    def acknowledgement(self, placed: Placed) -> Acknowledgement:
        """The acknowledgement of an entry that stands in the log, with the log key's promise."""
        placed = placed if placed.promise else self._promised(placed)
        return Acknowledgement(
            origin=self.origin,
            record=placed.record_id,
            index=placed.index,
            leaf=placed.leaf_hash.hex(),
            recorded=placed.recorded,
            promise=placed.promise,
        )

    def acknowledge_stored(self, stored: Stored) -> Acknowledgement:
        """The acknowledgement of an entry that was read back."""
        leaf = stored.leaf
        return self.acknowledgement(
            Placed(leaf.id, stored.index, stored.entry, stored.leaf_hash, leaf.recorded)
        )

    def known(self, record_id: str, declaration: bytes) -> Acknowledgement | None:
        """The acknowledgement of a record id that is in the log already; raises Conflict for another declaration."""
        taken = self._entries.taken(record_id)
        if taken is None:
            return None
        if not hmac.compare_digest(taken.mac, self.vault.declaration_mac(declaration)):
            raise Conflict(
                f"the record id {record_id} was used for another declaration",
                advice="Use a fresh record id for a new declaration.",
            )
        entry = self.reader.entry(taken.index)
        leaf = self.reader.leaf(taken.index)
        return self.acknowledgement(Placed(record_id, taken.index, entry, leaf_hash(entry), leaf.recorded))

    def heartbeat(self) -> Acknowledgement:
        """Record that the log is alive although nobody acted: a leaf without payload."""
        draft = Draft(
            new_record_id(),
            HEARTBEAT,
            None,
            "default-7y",
            None,
            None,
            None,
            None,
            self.vault.declaration_mac(b""),
            (),
            ANY,
            ANY,
        )
        return self._acknowledge(self._submit([draft]))[0]

    def anchor(self, size: int | None = None) -> bytes:
        """The note of an anchored checkpoint that covers ``size`` entries (default: all there are)."""
        return self.checkpointer.ensure(self.reader.size if size is None else size)

    def receipt(self, index: int) -> Receipt:
        """The receipt of the entry at ``index``; anchors a checkpoint if none covers it yet."""
        note = self.anchor(index + 1)
        entry = self.reader.entry(index)
        leaf = self.reader.leaf(index)
        size = self.checkpointer.size_of(note)
        path = self.reader.tree().inclusion(index, size)
        proof = TlogProof(index, tuple(path), note).encode().decode()
        placed = Placed(leaf.id, index, entry, leaf_hash(entry), leaf.recorded)
        return Receipt(acknowledgement=self.acknowledgement(placed), entry=entry.decode(), proof=proof)

    def payloads(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """``(index, sealed payload)`` as they rest, for evidence and copies."""
        return self._entries.payloads(start, stop)

    def close(self) -> None:
        """Commit what waits, then give back threads and files. Idempotent."""
        self._sequencer.close()
        self._entries.close()


def _release(submissions: list[Submission]) -> None:
    for submission in submissions:
        lock: threading.Lock = submission.waiter  # type: ignore[assignment]
        lock.release()


class _Door:
    """One event loop's way to the writer.

    What the loop's tasks submit in one turn goes over together, and comes back together: groups grow by
    themselves, and a lone task loses no more than a turn. Loop and writer then mostly work in turns, which costs
    less than having them fight for the interpreter's lock (measured: bench/journal.py).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sequencer: Sequencer) -> None:
        self._loop = weakref.ref(loop)
        self._sequencer = sequencer
        self._gathered: list[Submission] = []

    def submit(self, submission: Submission) -> None:
        """Send ``submission`` at the end of this turn of the loop."""
        self._gathered.append(submission)
        loop = self._loop()
        if len(self._gathered) == 1 and loop is not None:
            loop.call_soon(self._send)

    def _send(self) -> None:
        gathered, self._gathered = self._gathered, []
        try:
            self._sequencer.submit(gathered)
        except LogUnavailable as error:
            for submission in gathered:
                submission.error = error
            _set(gathered)

    def wake(self, submissions: list[Submission]) -> None:
        """Called by the writer."""
        loop = self._loop()
        if loop is not None:
            with suppress(RuntimeError):  # the loop was closed, and has nobody waiting on it
                loop.call_soon_threadsafe(_set, submissions)


class _Doors:
    """A door for each event loop that waits here."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self._doors: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Door] = weakref.WeakKeyDictionary()

    def of(self, loop: asyncio.AbstractEventLoop) -> _Door:
        door = self._doors.get(loop)
        if door is None:
            door = self._doors[loop] = _Door(loop, self._sequencer)
        return door


def _set(submissions: list[Submission]) -> None:
    for submission in submissions:
        done: asyncio.Future[None] = submission.waiter  # type: ignore[assignment]
        if not done.done():
            done.set_result(None)
