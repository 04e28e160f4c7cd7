# SPDX-License-Identifier: Apache-2.0
"""Finds record ids that stand in a log twice, in memory that does not grow with the log.

A filter of bits says of almost every id at once that it is new. The few that it doubts - every true repeat, and
by chance one in millions - are looked for in a second pass over the leaves.
"""

from __future__ import annotations

BITS = (
    1 << 28
)  # 32 MiB: one doubtful id in two million at a million entries, one in three hundred at a hundred million
PROBES = 3
PROBE_BITS = 28
DOUBTFUL_MAX = 1_000_000  # ids kept for the second pass; a log with more repeats than this is rubbish anyway


class Repeats:
    """Feed every id once, in order; then ask ``doubtful`` and look at those again."""

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)
        self.doubtful: set[str] = set()

    def add(self, record_id: str) -> None:
        """Take note of ``record_id``. Python's string hash is keyed anew in every process: nobody can aim at it."""
        digest = hash(record_id)
        bits, known = self._bits, True
        for shift in range(0, PROBES * 18, 18):
            place = (digest >> shift) % BITS
            mask = 1 << (place & 7)
            if not bits[place >> 3] & mask:
                known = False
                bits[place >> 3] |= mask
        if known and len(self.doubtful) < DOUBTFUL_MAX:
            self.doubtful.add(record_id)
