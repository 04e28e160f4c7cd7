# SPDX-License-Identifier: Apache-2.0
"""Opens a home's payloads, as far as its keys still exist, and feeds them to the records check, streaming."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from byhand.errors import ByhandError, MalformedProof
from byhand.evidence.records_check import RecordsCheck, Seen
from byhand.evidence.report import Report, found
from byhand.evidence.sources import LogSource
from byhand.journal.vault import Vault
from byhand.log import merkle
from byhand.records import codec, leaf as leaves
from byhand.records.codec import UnknownVersion
from byhand.records.payload import BODY

ROWS = 512  # entries held at a time


def check_payloads(
    source: LogSource,
    vault: Vault,
    check: RecordsCheck,
    report: Report,
    size: int,
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Open and check every record of the first ``size`` entries; what does not open becomes a finding."""
    erased = opened = 0
    for low in range(0, size, ROWS):
        high = min(low + ROWS, size)
        for index, entry, sealed in _rows(source, low, high):
            seen = _open(index, entry, sealed, vault, report)
            if seen is not None:
                opened += 1
                check.see(seen)
            else:
                erased += 1
        progress(high)
    report.counts |= {"records opened": opened, "signatures": check.signatures}
    if erased:
        report.counts["records not opened"] = erased


def _rows(source: LogSource, low: int, high: int) -> Iterator[tuple[int, bytes, bytes]]:
    sealed = dict(source.payloads(low, high))
    for index, entry in list(source.leaves(low, high)):
        if index in sealed:
            yield index, entry, sealed[index]


def _open(index: int, entry: bytes, sealed: bytes, vault: Vault, report: Report) -> Seen | None:
    """The record of one entry. A payload whose digest is wrong was named already by the tree check."""
    try:
        leaf = leaves.decode(entry)
        opened = vault.open(leaf, sealed)
    except MalformedProof:
        return None
    except ByhandError as error:
        report.add(found("payload.unopened", f"entry {index}", str(error)))
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
