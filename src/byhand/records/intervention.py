# SPDX-License-Identifier: Apache-2.0
"""The parts of an intervention: target, change, justification, automation, times, governance, decision."""

from __future__ import annotations

from typing import Literal

from byhand.records.actor import Via
from byhand.records.base import Part
from byhand.records.values import CapturedValue

Tier = Literal["low", "medium", "high", "critical"]
Mode = Literal["observe", "warn", "enforce"]


class Target(Part, kw_only=True):
    """What is acted upon. ``environment`` and ``tier`` are the server's word, from the registered point."""

    system: str
    type: str
    id: str
    point: str | None = None
    name: str | None = None
    environment: str = "production"
    tier: Tier = "high"


class Change(Part, kw_only=True):
    """The exact change. ``new`` is ``None`` when only reading back will tell (shown as ``$observed``)."""

    original: CapturedValue
    new: CapturedValue | None = None
    field: str = ""
    """JSON pointer (RFC 6901) of the field within the target; ``""`` is the whole target."""
    command: str | None = None
    """SHA-256 (hex) of the command line, when the change is a command."""
    patch: str | None = None
    """RFC 6902 patch from original to new, as JSON text; ``reverse`` undoes it."""
    reverse: str | None = None
    version_before: str | None = None
    read_by: Literal["probe", "caller"] = "probe"
    read_at: str | None = None
    effective_until: str | None = None


class Justification(Part, kw_only=True):
    """Why, in the person's words, given before the act."""

    code: str
    text: str
    catalogue: int = 0
    """Version of the reason catalogue, set by the server."""
    language: str | None = None
    given_at: str | None = None
    collected: Literal["prompt", "argument", "library", "inherited"] = "argument"
    written_by: Literal["person", "agent"] = "person"
    tickets: tuple[str, ...] = ()
    same_as: str | None = None
    """Record id of an earlier intent whose text is knowingly repeated."""
    late: bool = False


class OverriddenDecision(Part, kw_only=True):
    """The automated decision that the person overrode, as byhand found it."""

    rule: str
    outcome: str | None = None
    made_at: str | None = None
    inputs_digest: str | None = None


class FailedCheck(Part, kw_only=True):
    """A check that had failed, as byhand found it, apart from what the person wrote."""

    name: str
    message: str | None = None


class Automation(Part, kw_only=True):
    """What the automated system was doing."""

    workflow: str
    version: str | None = None
    run: str | None = None
    decision: OverriddenDecision | None = None
    failed_checks: tuple[FailedCheck, ...] = ()


class Times(Part, kw_only=True):
    """Claims about time; only the leaf's ``recorded`` is the log's own word."""

    occurred: str | None = None
    observed: str | None = None
    received: str | None = None
    precision: Literal["s", "ms", "us", "ns"] = "us"
    utc_offset_minutes: int | None = None
    clock: str | None = None
    synchronised: bool | None = None
    error_max_ns: int | None = None


class Governance(Part, kw_only=True):
    """How long and how carefully the record is kept."""

    retention_class: str = "default-7y"
    classification: str = "internal"
    personal_data: bool = True
    regulations: tuple[str, ...] = ()


class Decision(Part, kw_only=True):
    """What let this pass or refused it, and by which path."""

    path: Literal["automatic", "approved", "runbook", "session", "break-glass", "observe", "warn"] = (
        "automatic"
    )
    policy: str | None = None
    """Digest of the policy set in force."""
    policies: tuple[str, ...] = ()
    approvals_needed: int = 0
    """How many distinct persons must approve before a permit may be issued."""
    would_refuse: tuple[str, ...] = ()
    """What mode ``enforce`` would have refused, in ``observe`` and ``warn``."""


class Declaration(Part, kw_only=True):
    """What a person declares before the act. Its canonical bytes are what the person's key signs."""

    record: str
    person: str
    action: str
    change: Change
    expires: str
    point: str | None = None
    target: Target | None = None
    justification: Justification | None = None
    automation: Automation | None = None
    times: Times | None = None
    caused_by: str | None = None
    via: Via | None = None
