# SPDX-License-Identifier: Apache-2.0
"""Time as the records write it: RFC 3339 in UTC, microseconds, ``Z`` only."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECONDS_REMEMBERED = 4  # the one that is, and its neighbours


def now() -> str:
    """The time now, e.g. ``2026-11-24T13:21:05.123456Z`` (27 characters, sorts as text)."""
    return from_nanoseconds(time.time_ns())


def from_nanoseconds(nanoseconds: int) -> str:
    """``nanoseconds`` since the Unix epoch as record time, cut (not rounded) to microseconds."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(SECONDS_REMEMBERED)
def _second(seconds: int) -> str:
    """The whole second: a record's trip asks for the time a dozen times within one."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def parse(text: str) -> datetime:
    """A record time as an aware ``datetime``; raises ``ValueError`` on anything but UTC ``Z``."""
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is not UTC: record times end in Z")
    return datetime.fromisoformat(text)


def write(moment: datetime) -> str:
    """An aware ``datetime`` as record time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def after(text: str, *, seconds: float) -> str:
    """The record time ``seconds`` later than ``text``."""
    return write(parse(text) + timedelta(seconds=seconds))
