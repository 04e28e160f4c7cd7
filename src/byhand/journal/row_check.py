# SPDX-License-Identifier: Apache-2.0
"""The tree's row against the entries it speaks for: what is appended next rests on its time and its head.

Who is trusted: nobody who can write the row. Time and head of the administration chain follow from the entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from byhand import clock
from byhand.errors import HomeRefused, MalformedProof
from byhand.records import leaf as leaves
from byhand.records.leaf import ADMINISTRATION_CHAIN, CARRIES_ADMINISTRATION_HEAD, Leaf
from byhand.store.entries import Entries, TreeRow

SCAN_ROWS = 512  # leaves read at a time while looking for a head backwards: bounded memory, few queries
CLOCK_BEHIND_SECONDS_MAX = 300  # as for clients' claims: a clock further off is a fault to be looked at


def check_recorded(row: TreeRow, last: bytes | None) -> None:
    """Raise HomeRefused unless the row's time is that of ``last``, the tree's last leaf."""
    recorded = _leaf(row.size - 1, last).recorded if last is not None else ""
    if recorded != row.recorded:
        raise HomeRefused(
            f"the tree says its last entry was recorded at {row.recorded!r}, the entry says {recorded!r}",
            advice="Run: byhand verify HOME",
        )


def chain_heads(entries: Sequence[bytes], start: int) -> dict[str, int | None]:
    """The last entry of every chain among ``entries``, the leaves from index ``start`` on."""
    chains = ((_leaf(index, entry).chain, index) for index, entry in enumerate(entries, start))
    return {chain: index for chain, index in chains if chain is not None}


def head_before(entries: Entries, stop: int) -> int | None:
    """The head of the administration chain among the first ``stop`` entries, read backwards until one tells it."""
    for high in range(stop, 0, -SCAN_ROWS):
        for index, entry in reversed(list(entries.leaves(max(0, high - SCAN_ROWS), high))):
            leaf = _leaf(index, entry)
            if leaf.chain == ADMINISTRATION_CHAIN:
                return index
            if leaf.kind in CARRIES_ADMINISTRATION_HEAD:
                return leaf.administration
    return None


def check_heads(entries: Entries, row: TreeRow, heads: Mapping[str, int | None]) -> None:
    """Raise HomeRefused unless the row's head of administration is the one in ``heads``, and no chain ends before it.

    A chain may end behind it: another process may have appended since ``row`` was read.
    """
    if row.administration != heads[ADMINISTRATION_CHAIN]:
        raise HomeRefused(
            f"the tree says the administration chain ends at {row.administration}, "
            f"by its entries it ends at {heads[ADMINISTRATION_CHAIN]}",
            advice="Do not use this home. Run: byhand verify HOME",
        )
    for chain, head in heads.items():
        kept = entries.head(chain)
        if head is not None and (kept is None or kept < head):
            raise HomeRefused(
                f"the chain {chain} ends at {head}, the store says it ends at {kept}",
                advice="Do not use this home. Run: byhand verify HOME",
            )


def _leaf(index: int, entry: bytes) -> Leaf:
    try:
        return leaves.decode(entry)
    except MalformedProof as error:
        raise HomeRefused(f"entry {index} is damaged: {error}", advice="Run: byhand verify HOME") from error


def check_follows(row: TreeRow, size: int, head: int | None) -> None:
    """Raise HomeRefused unless the row can follow a tree of ``size`` entries whose administration ended at ``head``.

    What administration was recorded stays recorded: its head stands where it stood, or behind ``size``.
    """
    now = row.administration
    behind = now is not None and size <= now < row.size
    if row.size < size or not (now == head or behind):
        raise HomeRefused(
            f"the administration chain ended at {head} of {size} entries, the tree says it ends at {now} of {row.size}",
            advice="Do not use this home. Run: byhand verify HOME",
        )


def check_clock(row: TreeRow, now: str) -> None:
    """Raise HomeRefused when this machine's clock is behind the log's time, which never goes back."""
    if row.recorded > clock.after(now, seconds=CLOCK_BEHIND_SECONDS_MAX):
        raise HomeRefused(
            f"the last entry was recorded at {row.recorded}, and this machine's clock says {now}",
            advice="Set the clock and let it be synchronised, then run: byhand doctor",
        )
