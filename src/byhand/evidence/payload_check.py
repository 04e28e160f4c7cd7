# SPDX-License-Identifier: Apache-2.0
"""Opens a home's payloads, every one, and feeds them to the records check, streaming.

What does not open is named, whatever the cause: a key that is gone destroys evidence as surely as a row that is
gone, and a payload that is rubbish under the right digest was rubbish when it was recorded. Only a record of its
erasure could make a missing key lawful, and this version knows none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from byhand.errors import ByhandError, HomeRefused, MalformedProof
from byhand.evidence.names_check import NamesCheck
from byhand.evidence.records_check import RecordsCheck, Seen
from byhand.evidence.report import Report, found
from byhand.evidence.sources import KeptLookups, LogSource
from byhand.evidence.tree_check import read_leaf
from byhand.journal.vault import Opened, Vault
from byhand.log import merkle
from byhand.records import codec
from byhand.records.codec import UnknownVersion
from byhand.records.leaf import Leaf
from byhand.records.payload import BODY

ROWS = 512  # entries held at a time
NEWER = "consistent; some records are of a newer version than this byhand"


class _Row(NamedTuple):
    """One entry that should have a payload, opened as far as it goes; ``None``: its payload is not there."""

    place: int
    entry: bytes
    leaf: Leaf
    opened: Opened | ByhandError | None


def check_payloads(
    source: LogSource,
    vault: Vault,
    check: RecordsCheck,
    report: Report,
    size: int,
    *,
    lookups: KeptLookups | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Open and check every record of the first ``size`` entries; what does not open becomes a finding."""
    names = NamesCheck(lookups, vault, report) if lookups is not None else None
    judge = _Judge(check, report, names)
    for low in range(0, size, ROWS):
        high = min(low + ROWS, size)
        for row in _rows(source, low, high, vault):
            judge.see(row)
        if names is not None:
            names.flush()
        progress(high)
    judge.finish()
    if names is not None:
        names.finish(size)


@dataclass(slots=True)
class _Judge:
    """Sorts entries into those that opened and the several ways not to."""

    check: RecordsCheck
    report: Report
    names: NamesCheck | None
    opened: int = 0
    unopened: int = 0
    newer: int = 0
    _gap: tuple[int, int, int] | None = None
    """First and last entry of a run whose keys are gone, and how many of them there are."""

    def see(self, row: _Row) -> None:
        """Judge the next entry."""
        if isinstance(row.opened, Opened) and row.opened.erased:
            first, _, count = self._gap or (row.place, row.place, 0)
            self._gap = (first, row.place, count + 1)
        elif row.opened is not None:
            self._close_gap()
        body = row.opened.sections.get(BODY) if isinstance(row.opened, Opened) else None
        if body is None:
            self._pass_over(row)
            return
        try:
            record = codec.decode(body.content)
        except MalformedProof as error:
            self._pass_over(row._replace(opened=error))
            return
        if isinstance(record, UnknownVersion):
            self.newer += 1
            self._leave_out(row)
            return
        self.opened += 1
        seen = Seen(row.place, row.leaf, merkle.leaf_hash(row.entry), record)
        self.check.see(seen)
        if self.names is not None:
            self.names.see(row.place, record, body.content, self.check.redeemed_target(seen))

    def _pass_over(self, row: _Row) -> None:
        self.unopened += 1
        self._leave_out(row)
        if isinstance(row.opened, ByhandError):
            self.report.add(found("payload.unopened", f"entry {row.place}", str(row.opened)))

    def _leave_out(self, row: _Row) -> None:
        self.check.pass_over(row.place, row.leaf)
        if self.names is not None:
            self.names.pass_over()

    def _close_gap(self) -> None:
        if self._gap is None:
            return
        first, last, count = self._gap
        self._gap = None
        where = f"entry {first}" if first == last else f"entries {first} to {last}"
        what = (
            f"{count} record(s) do not open: their keys are gone from the key store, and no record says why"
        )
        self.report.add(found("payload.unopenable", where, what))

    def finish(self) -> None:
        """Say how many opened, and how many did not."""
        self._close_gap()
        unexplained = self.check.reads.unexplained
        if unexplained:
            self.report.counts["reads without the reason that a class demands"] = len(unexplained)
            self.report.notes.append(
                f"{len(unexplained)} read(s) of records whose class demands a reason have none, e.g. {unexplained[0]}"
            )
        self.report.counts |= {"records opened": self.opened, "signatures": self.check.signatures}
        if self.unopened:
            self.report.counts["records not opened"] = self.unopened
        if self.newer:
            self.report.counts["records of a newer version"] = self.newer
            self.report.reserve(NEWER)


def _rows(source: LogSource, low: int, high: int, vault: Vault) -> Iterator[_Row]:
    """Entries ``low`` to ``high`` that name a payload, opened.

    Entries and bundles that are not of their form were named by the tree check.
    """
    try:
        sealed = dict(source.payloads(low, high))
        entries = list(source.leaves(low, high))
    except MalformedProof:
        return
    named: list[tuple[int, bytes, Leaf]] = []
    for index, entry in entries:
        with suppress(MalformedProof):
            leaf = read_leaf(entry)
            if leaf.sealed is not None:
                named.append((index, entry, leaf))
    there = [(index, (leaf, sealed[index])) for index, _, leaf in named if index in sealed]
    payloads = [payload for _, payload in there]
    try:
        opened: list[Opened | ByhandError] = [*vault.open_all(payloads)]
    except HomeRefused:  # one damaged key: say whose payload it is
        opened = [_alone(vault, leaf, payload) for leaf, payload in payloads]
    of = {index: one for (index, _), one in zip(there, opened, strict=True)}
    for index, entry, leaf in named:
        yield _Row(index, entry, leaf, of.get(index))


def _alone(vault: Vault, leaf: Leaf, payload: bytes) -> Opened | ByhandError:
    try:
        return vault.open(leaf, payload)
    except ByhandError as error:
        return error
