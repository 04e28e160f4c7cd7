# SPDX-License-Identifier: Apache-2.0
"""Opens a home's payloads, as far as its keys still exist, and feeds them to the records check, streaming."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from byhand.errors import ByhandError, HomeRefused, MalformedProof
from byhand.evidence.records_check import RecordsCheck, Seen
from byhand.evidence.report import Report, found
from byhand.evidence.sources import KeptLookups, LogSource
from byhand.journal.vault import Opened, Vault
from byhand.log import merkle
from byhand.records import codec, leaf as leaves
from byhand.records.codec import UnknownVersion
from byhand.records.kinds import Permit
from byhand.records.leaf import Leaf
from byhand.records.payload import BODY
from byhand.trust.permit import redemption_claim

ROWS = 512  # entries held at a time


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
    erased = opened = 0
    for low in range(0, size, ROWS):
        high = min(low + ROWS, size)
        for seen in _opened(source, low, high, vault, report):
            if seen is not None:
                opened += 1
                check.see(seen)
                if lookups is not None:
                    _check_claim(seen, lookups, report)
            else:
                erased += 1
        progress(high)
    report.counts |= {"records opened": opened, "signatures": check.signatures}
    if erased:
        report.counts["records not opened"] = erased
        report.notes.append(f"{erased} record(s) could not be opened: their keys are not in the key store")


def _opened(source: LogSource, low: int, high: int, vault: Vault, report: Report) -> Iterator[Seen | None]:
    """The records of entries ``low`` to ``high``, ``None`` for what does not open.

    Entries and payloads that are not of their form, or not of each other, were named by the tree check.
    """
    try:
        sealed = dict(source.payloads(low, high))
        entries = list(source.leaves(low, high))
    except MalformedProof:
        return
    rows: list[tuple[int, bytes, Leaf, bytes]] = []
    for index, entry in entries:
        with suppress(MalformedProof):
            leaf = leaves.decode(entry)
            if leaf.sealed is not None and index in sealed:
                rows.append((index, entry, leaf, sealed[index]))
    payloads = [(leaf, payload) for _, _, leaf, payload in rows]
    opened: Sequence[Opened | ByhandError]
    try:
        opened = vault.open_all(payloads)
    except HomeRefused:  # one damaged key: say whose payload it is
        opened = [_alone(vault, leaf, payload) for leaf, payload in payloads]
    for (index, entry, leaf, _), one in zip(rows, opened, strict=True):
        yield _seen(index, entry, leaf, one, report)


def _check_claim(seen: Seen, lookups: KeptLookups, report: Report) -> None:
    """A redeemed permit holds the name that keeps it from being redeemed again."""
    record = seen.record
    if isinstance(record, Permit) and record.phase == "redeemed":
        claim = redemption_claim(record.permit)
        if lookups.places([claim]).get(claim) != seen.index:
            report.add(found("lookup.altered", f"entry {seen.index}", "the claim of its redemption is gone"))


def _alone(vault: Vault, leaf: Leaf, payload: bytes) -> Opened | ByhandError:
    try:
        return vault.open(leaf, payload)
    except ByhandError as error:
        return error


def _seen(index: int, entry: bytes, leaf: Leaf, opened: Opened | ByhandError, report: Report) -> Seen | None:
    if isinstance(opened, ByhandError):
        if not isinstance(opened, MalformedProof):
            report.add(found("payload.unopened", f"entry {index}", str(opened)))
        return None
    body = opened.sections.get(BODY)
    if body is None:
        return None
    try:
        record = codec.decode(body.content)
    except MalformedProof as error:
        report.add(found("payload.unopened", f"entry {index}", str(error)))
        return None
    return None if isinstance(record, UnknownVersion) else Seen(index, leaf, merkle.leaf_hash(entry), record)
