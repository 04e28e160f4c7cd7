# SPDX-License-Identifier: Apache-2.0
"""The kinds of record, closed for this schema version. Action types stay open text: ``area.object.verb``."""

from __future__ import annotations

from typing import Literal

from byhand.records.actor import Actor, Via
from byhand.records.base import Part
from byhand.records.credentials import AccountLink, Token, Workload
from byhand.records.intervention import (
    Decision,
    Declaration,
    Governance,
    Justification,
    Mode,
    Target,
    Tier,
    Times,
)
from byhand.records.values import CapturedValue

SCHEMA_VERSION = 0
"""A 0.x draft until a decision record freezes version 1."""


class Record(Part, kw_only=True, tag_field="kind"):
    """What every record carries."""

    id: str
    schema: int
    intervention: str | None = None
    amends: str | None = None
    caused_by: str | None = None
    times: Times = Times()
    governance: Governance = Governance()


class Intent(Record, kw_only=True, tag="intent"):
    """What a person declared before the act, and what the gate made of it."""

    declaration: Declaration
    actor: Actor
    target: Target
    mode: Mode
    catalogue: int
    decision: Decision = Decision()
    statement: str | None = None
    """DSSE envelope (JSON text) of the actor's signed intent statement."""
    flags: tuple[str, ...] = ()
    """Things worth a look, e.g. ``text_repeated``, ``clock_off``."""


class Approval(Record, kw_only=True, tag="approval"):
    """Another person's signed decision over an intent."""

    actor: Actor
    decision: Literal["approve", "refuse", "withdraw"]
    intent: int
    leaf: str
    comment: str | None = None
    meaning: str | None = None
    statement: str | None = None


class Permit(Record, kw_only=True, tag="permit"):
    """The single-use right to carry out exactly one change: issued, redeemed, refused or void."""

    phase: Literal["issued", "redeemed", "refused", "void"]
    intent: int
    """Index of the intent in the log."""
    leaf: str
    """Leaf hash of the intent (hex)."""
    permit: str
    """Id of the ``issued`` record this belongs to (for ``issued`` its own id)."""
    person: str
    change: str
    """SHA-256 (hex) of the declaration's canonical change."""
    before: str
    """SHA-256 (hex) of the original value's normal form."""
    expires: str | None = None
    executor: str | None = None
    attempt: str | None = None
    comparison: Literal["atomic", "checked"] | None = None
    window_ms: int | None = None
    cause: str | None = None
    via: Via | None = None
    """What used or tried it for the person, e.g. a pipeline; ``None``: the person's own session."""
    decision: Decision | None = None


class Outcome(Record, kw_only=True, tag="outcome"):
    """How it ended, with the value read back by byhand."""

    result: Literal["applied", "failed", "abandoned", "lapsed", "unknown"]
    found: CapturedValue | None = None
    as_declared: bool | None = None
    """Whether the value read back is the declared one; ``None`` when it cannot be said."""
    error: str | None = None
    read_by: Literal["probe", "caller"] = "probe"
    attempt: str | None = None
    concluded_by: str | None = None
    """Person or ``byhand`` itself (lapse, killed process)."""
    version_after: str | None = None
    via: Via | None = None
    """What said so for the person, e.g. a pipeline; ``None``: the person's own session."""


class Observation(Record, kw_only=True, tag="observation"):
    """An act seen in a system's own feed, whether or not a permit exists."""

    actor: Actor
    target: Target
    action: str
    connector: str
    instance: str
    capture: Literal["gate", "hook", "feed", "poll", "import"]
    original: CapturedValue | None = None
    new: CapturedValue | None = None
    field: str = ""
    justification: Justification | None = None
    absence: Literal["captured_outside_control", "source_has_no_field"] | None = None
    raw: CapturedValue | None = None
    raw_digest: str | None = None


class Finding(Record, kw_only=True, tag="finding"):
    """Something concluded: a verdict, drift, alert, disposition, review or amendment."""

    type: Literal["verdict", "drift", "alert", "disposition", "review", "amendment"]
    about: str
    """Record or intervention id."""
    summary: str
    actor: Actor | None = None
    verdict: str | None = None
    field: str | None = None
    value: CapturedValue | None = None
    references: tuple[str, ...] = ()


class Access(Record, kw_only=True, tag="access"):
    """Who read which records, when and why."""

    actor: Actor
    operation: str
    query: str | None = None
    records: tuple[str, ...] = ()
    count: int = 0
    reason: str | None = None


class Point(Part, kw_only=True):
    """A registered place where people can intervene."""

    name: str
    action: str
    system: str
    type: str
    id: str
    field: str = ""
    owner: str
    team: str | None = None
    environment: str = "production"
    tier: Tier = "high"
    reasons: tuple[str, ...] = ()
    probe: str | None = None
    """How to read the value, e.g. ``file:/etc/limits.yaml#/max_notional``; ``None``: the caller reads it."""
    ignore: tuple[str, ...] = ()
    """Pointers that comparison leaves out."""
    secrets: tuple[str, ...] = ()
    """Pointers of the value that are always secret."""
    circle: str | None = None
    mode: Mode = "observe"
    review_by: str | None = None
    retention_class: str = "default-7y"
    classification: str = "internal"


class Reason(Part, kw_only=True):
    """A reason code and the action types it may justify (``*`` matches within a segment pattern)."""

    code: str
    summary: str
    actions: tuple[str, ...] = ("*",)
    retired: bool = False


class Administration(Record, kw_only=True, tag="administration"):
    """A change to byhand itself, recorded like any other, with the statements that authorise it."""

    action: str
    """``administration.home.create · person.enrol · key.revoke · point.set · point.mode · reason.set ...``"""
    subject: str
    actor: Actor | None = None
    point: Point | None = None
    reasons: tuple[Reason, ...] = ()
    catalogue: int | None = None
    workload: Workload | None = None
    link: AccountLink | None = None
    token: Token | None = None
    note: str | None = None
    statements: tuple[str, ...] = ()
    """DSSE envelopes (JSON text): keyring statements and administration statements."""


AnyRecord = Intent | Approval | Permit | Outcome | Observation | Finding | Access | Administration
KINDS = ("intent", "approval", "permit", "outcome", "observation", "finding", "access", "administration")
HEARTBEAT = "heartbeat"
"""The log's own entry: a leaf without payload."""
