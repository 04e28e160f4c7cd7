# SPDX-License-Identifier: Apache-2.0
"""The records of one intervention as the gate last saw them, and the state they fold to.

A remembered chain is used while its head still is the log's. It may be overtaken in between: every append
names the head it was decided on, so a stale decision is refused with ChainMoved and made again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from byhand.client.contract import Acknowledgement
from byhand.errors import ChainMoved, HomeRefused, NotFound
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records import lifecycle
from byhand.records.kinds import AnyRecord, Intent, Permit
from byhand.records.lifecycle import State

REMEMBERED_MAX = 4_096  # interventions under way at once in one process; each is a few kilobytes
RACES_MAX = 8  # others adding to the very same intervention meanwhile; more means somebody is looping

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Link:
    """One record in its place."""

    acknowledgement: Acknowledgement
    record: AnyRecord


@dataclass(frozen=True, slots=True)
class Chain:
    """All records of one intervention, oldest first."""

    links: tuple[Link, ...]
    state: State

    @property
    def head(self) -> int:
        """Index of the last record."""
        return self.links[-1].acknowledgement.index

    @property
    def intent(self) -> tuple[Acknowledgement, Intent]:
        """The intent, which comes first."""
        link = self.links[0]
        if not isinstance(link.record, Intent):
            raise NotFound(f"{link.record.intervention} was not declared here: it is an observation")
        return link.acknowledgement, link.record

    def permit(self, phase: str) -> tuple[Acknowledgement, Permit] | None:
        """The permit record of ``phase``, if there is one."""
        for link in self.links:
            if isinstance(link.record, Permit) and link.record.phase == phase:
                return link.acknowledgement, link.record
        return None


class Chains:
    """Reads, remembers and extends interventions. Thread-safe."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, Chain] = OrderedDict()

    def get(self, intervention: str) -> Chain:
        """The intervention's chain; raises NotFound."""
        with self._lock:
            chain = self._remembered.get(intervention)
        if chain is not None and chain.head == self._journal.reader.head(intervention):
            return chain
        return self._read(intervention)

    def of_entry(self, index: int) -> Chain | None:
        """The chain that the entry at ``index`` belongs to, if that is an intervention with its intent."""
        intervention = self._journal.reader.leaf(index).intervention
        chain = self.get(intervention) if intervention is not None else None
        return chain if chain is not None and isinstance(chain.links[0].record, Intent) else None

    def _read(self, intervention: str) -> Chain:
        stored = self._journal.reader.chain(intervention)
        if not stored:
            raise NotFound(
                f"there is no intervention {intervention}", advice="Look for it with: byhand search"
            )
        links = tuple(self._link(one) for one in stored)
        chain = Chain(links, lifecycle.fold(link.record for link in links))
        self._remember(intervention, chain)
        return chain

    def _link(self, stored: Stored) -> Link:
        record = stored.record
        if not isinstance(record, AnyRecord):
            raise HomeRefused(
                f"entry {stored.index} was erased or is newer than this byhand: nothing can be decided on it"
            )
        return Link(self._journal.acknowledge_stored(stored), record)

    def _remember(self, intervention: str, chain: Chain) -> None:
        with self._lock:
            self._remembered[intervention] = chain
            self._remembered.move_to_end(intervention)
            while len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)

    def forget(self, intervention: str) -> None:
        """Read the chain anew at its next use."""
        with self._lock:
            self._remembered.pop(intervention, None)

    def begin(self, entry: Entry) -> Acknowledgement:
        """Append the first record of an intervention."""
        (acknowledgement,) = self._journal.append([entry])
        return self._begun(entry, acknowledgement)

    async def begin_async(self, entry: Entry) -> Acknowledgement:
        """As ``begin``, for a caller on an event loop."""
        (acknowledgement,) = await self._journal.append_async([entry])
        return self._begun(entry, acknowledgement)

    def _begun(self, entry: Entry, acknowledgement: Acknowledgement) -> Acknowledgement:
        record = entry.record
        chain = Chain((Link(acknowledgement, record),), lifecycle.fold([record]))
        self._remember(str(record.intervention), chain)
        return acknowledgement

    def extend(
        self, intervention: str, chain: Chain, entries: Sequence[Entry]
    ) -> tuple[Acknowledgement, ...]:
        """Append to ``chain``, if the lifecycle allows; raises ChainMoved, ClaimTaken, IllegalTransition."""
        state = chain.state
        for entry in entries:
            state = lifecycle.advance(state, entry.record)
        try:
            acknowledgements = self._journal.append(entries)
        except BaseException:
            self.forget(intervention)
            raise
        new = tuple(Link(a, e.record) for a, e in zip(acknowledgements, entries, strict=True))
        self._remember(intervention, Chain(chain.links + new, state))
        return acknowledgements

    def add(self, intervention: str, entry: Entry) -> Acknowledgement:
        """Append what may follow anything (``expected_head=ANY``); raises IllegalTransition."""
        lifecycle.advance(self.get(intervention).state, entry.record)
        try:
            (acknowledgement,) = self._journal.append([entry])
        finally:
            self.forget(intervention)  # others may have added meanwhile
        return acknowledgement

    def deciding(self, intervention: str, decide: Callable[[Chain], Answer]) -> Answer:
        """Run ``decide`` on the chain; again on a fresh reading when somebody else was faster."""
        for _ in range(RACES_MAX - 1):
            try:
                return decide(self.get(intervention))
            except ChainMoved as moved:
                if moved.chain != intervention:
                    raise
                self.forget(intervention)
        return decide(self.get(intervention))
