# SPDX-License-Identifier: Apache-2.0
"""What nobody finished is said; a client that was ended is given the time to be begun again."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from byhand import clock
from byhand.client.contract import Attempt
from byhand.control.settling import RETURN_SECONDS
from byhand.records import captured
from byhand.records.kinds import Point


def test_an_executor_that_is_gone_may_come_back_for_a_while(alone: Any) -> None:
    """Whoever follows the log waits some seconds; whoever opens the home says at once that the end is unknown."""
    alone.office.register(_point())
    intervention = alone.declare()
    done = subprocess.run(
        [sys.executable, "-c", "from byhand.client.executor import executor_name; print(executor_name())"],
        capture_output=True,
        text=True,
        check=True,
    )
    attempt = Attempt(attempt="first", executor=done.stdout.strip(), before=captured.capture("HALTED"))
    alone.home.gate.permit(alone.caller("ada"), intervention, attempt)
    alone.home.indexer.catch_up()
    now = clock.now()
    assert alone.home.settling.settle(now, patience_seconds=RETURN_SECONDS) == 0
    assert alone.phase(intervention) == "redeemed"
    later = clock.after(now, seconds=RETURN_SECONDS)
    assert alone.home.settling.settle(later, patience_seconds=RETURN_SECONDS) == 1
    assert alone.phase(intervention) == "unknown"


def _point() -> Point:
    return Point(
        name="breaker",
        action="trading.circuit_breaker.override",
        system="risk-gateway",
        type="circuit_breaker",
        id="breaker",
        owner="ada",
        tier="high",
        mode="enforce",
    )
