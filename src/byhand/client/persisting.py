# SPDX-License-Identifier: Apache-2.0
"""After the act: an outcome brought to a log that may be away, without the value where no record can hold that."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from byhand.client.contract import Backend, Concluded
from byhand.client.looking import MESSAGE_LENGTH_MAX
from byhand.errors import Invalid, LogUnavailable
from byhand.records import captured
from byhand.records.kinds import Outcome
from byhand.records.visible import visible

Answer = TypeVar("Answer")


def persistently(
    backend: Backend, outcome: Outcome, pauses: Sequence[float], replaced: Callable[[Outcome], None]
) -> Concluded:
    """Bring ``outcome`` to the log, asking again after each of ``pauses``; raises what the log says in the end.

    Where no record can hold the value found, one without it is sent, under the same id; ``replaced`` is told of
    it before.
    """
    intervention = str(outcome.intervention)
    try:
        return patiently(lambda: backend.conclude(intervention, outcome), pauses)
    except (Invalid, TypeError, ValueError) as fault:
        without = _without_value(outcome, fault)
    replaced(without)
    return patiently(lambda: backend.conclude(intervention, without), pauses)


def patiently(ask: Callable[[], Answer], pauses: Sequence[float]) -> Answer:
    """Ask, wait for a log that is away as often as there are ``pauses``, then raise what it says."""
    for pause in pauses:
        try:
            return ask()
        except LogUnavailable:
            time.sleep(pause)
    return ask()


def _without_value(outcome: Outcome, fault: Exception) -> Outcome:
    cause = f"the value found cannot be recorded: {visible(str(fault))}"[:MESSAGE_LENGTH_MAX]
    return msgspec.structs.replace(outcome, found=captured.unknown(cause), as_declared=None)
