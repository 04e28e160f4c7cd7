# SPDX-License-Identifier: Apache-2.0
"""Runbooks: what two officers signed in advance, so that everyday acts at one point need not wait for anybody."""

from __future__ import annotations

from byhand.records.base import Part
from byhand.records.values import CapturedValue


class Runbook(Part, kw_only=True):
    """One version of a runbook. A new value is allowed when it is one of ``values``, or lies in the range."""

    name: str
    """What declarations call it."""
    version: int
    """1, and one more with each change."""
    point: str
    """The registered point at which it counts."""
    values: tuple[CapturedValue, ...] = ()
    """New values that are allowed, exactly."""
    minimum: str | None = None
    """With ``maximum``: the least number that is allowed as new value."""
    maximum: str | None = None
    """The greatest."""
    uses_a_day: int
    """How many acts a day (UTC) it lets pass, of all persons together."""
    ends: str
    """From then on it lets nothing pass; 90 days away at most."""
    owner: str
    """The person who answers for it."""
    text: str
    """What whoever follows it does, and when."""
