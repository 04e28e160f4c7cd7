# SPDX-License-Identifier: Apache-2.0
"""What the trader's story is about, on whatever system it plays: the words, the numbers, and the waiting."""

from __future__ import annotations

import time
from datetime import timedelta

import byhand
from byhand.records.kinds import Outcome

BREAKER_POINT = "mm7-breaker"
LIMIT_POINT = "mm7-notional-limit"
HARD_LIMIT_POINT = "mm7-hard-limit"
OVERRIDE_NOTES = "Index rebalance: quoting obligation on XLON until 15:00; the move is the rebalance itself."
LIMIT_NOTES = "Replaying the orders that the gateway dropped at 09:12; they are larger than usual."
OPENING_LIMIT = 1_000_000
RAISED_LIMIT = 5_000_000
RAISED_FOR = timedelta(seconds=3)  # a quarter of an hour at a real desk
WAIT_SECONDS_MAX = 10.0
POLL_SECONDS = 0.1


def revert_when_due() -> Outcome | None:
    """As an integration's own loop: ask for due reverts until one was run; its outcome, if it got one."""
    until = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < until:
        for reverted in byhand.run_due_reverts():
            return reverted.outcome
        time.sleep(POLL_SECONDS)
    return None
