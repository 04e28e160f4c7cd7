# SPDX-License-Identifier: Apache-2.0
"""How long ago a person proved who they are, where an act demands that it was just now. For gate and verifier alike."""

from __future__ import annotations

from datetime import datetime

from byhand.errors import LoginTooWeak
from byhand.records.actor import Authentication

COMMIT_SECONDS_MAX = 60  # from the gate's judgement to the log's time: a busy disk, two clocks of one company
INTERACTIVE = frozenset({"ssh-key", "passkey", "oidc"})
"""Ways in which the person takes part. A token proves only that somebody has it."""


def check_fresh(authentication: Authentication | None, since: str, seconds: int | None) -> None:
    """Raise LoginTooWeak unless the person proved who they are at ``since`` or later; ``None``: nobody asks.

    ``since`` lies ``seconds`` before the act.
    """
    if seconds is None:
        return
    if authentication is None or authentication.method not in INTERACTIVE:
        raise LoginTooWeak("this takes the person themselves, who signed in just before", max_age=seconds)
    if authentication.when < since:
        raise LoginTooWeak(
            f"this takes a login within the last {seconds} seconds; yours was at {authentication.when}",
            max_age=seconds,
        )


def seconds_between(one: str, other: str) -> float | None:
    """How much later ``other`` is; ``None`` where one of them is no time that there is, as a forger may write it."""
    try:
        return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()
    except (ValueError, TypeError):
        return None
