# SPDX-License-Identifier: Apache-2.0
"""Pages of what somebody may read: filled before they are shown, and followed only by what they may read too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

PAGE_MAX = 1_000  # rows a person can page through; more is an export
AHEAD = 100  # rows read at once where some of a page were not to be shown
LOOKED_AT_MAX = 10_000  # rows judged for one page, in a second; beyond it the page ends where looking ended

Row = TypeVar("Row")
Seen = TypeVar("Seen")


def filled(
    limit: int,
    before: int | None,
    read: Callable[[int, int | None], tuple[Sequence[Row], int | None]],
    place: Callable[[Row], int],
    see: Callable[[Row], Seen | None],
) -> tuple[tuple[Seen, ...], int | None]:
    """At most ``limit`` of what is seen in the rows below ``before``, and where the next page begins.

    ``read`` gives so many rows and where the next begin, ``see`` what there is to see of one, if anything. So
    neither the length of a page nor whether another follows tells of what is not shown, but for one who looks past
    LOOKED_AT_MAX such rows: that there are as many.
    """
    seen: list[Seen] = []
    last, looked, size = before, 0, min(limit, PAGE_MAX) + 1
    while True:
        rows, before = read(size, before)
        for row in rows:
            one = see(row)
            if one is not None and len(seen) == limit:
                return tuple(seen), last
            if one is not None:
                seen.append(one)
                last = place(row)
        looked += len(rows)
        if before is None or looked >= LOOKED_AT_MAX:
            return tuple(seen), before
        size = max(size, AHEAD)
