# SPDX-License-Identifier: Apache-2.0
"""The kinds of record, closed for this schema version. Action types stay open text: ``area.object.verb``."""

from __future__ import annotations

from typing import Literal, get_args

from byhand.records.actor import Actor, Via
from byhand.records.base import Part
from byhand.records.circles import Circle
from byhand.records.credentials import AccountLink, Token, Workload
from byhand.records.intervention import (
    Decision,
    Declaration,
    Governance,
    Justification,
    Mode,
    Spooled,
    Target,
    Tier,
    Times,
)
from byhand.records.policy import PolicyFile, RoleAssignment, Team
from byhand.records.runbooks import Runbook
from byhand.records.values import CapturedValue

SCHEMA_VERSION = 0
"""A 0.x draft until a decision record freezes version 1."""


class Record(Part, kw_only=True, tag_field="kind"):
    """What every record carries."""

    id: str
    """The record's id, a UUIDv7; it is the key under which a writer may ask again."""
    schema: int
    """Schema version of this record."""
    intervention: str | None = None
    """The intervention it belongs to; its intent has this id."""
    amends: str | None = None
    """The intervention whose record this one corrects; that record stays as it is."""
    caused_by: str | None = None
    """The record or intervention that led to this one, e.g. the change that a revert undoes."""
    times: Times = Times()
    """What clocks said; only the leaf's ``recorded`` is the log's own time."""
    governance: Governance = Governance()
    """How long it is kept, and how carefully."""


class Intent(Record, kw_only=True, tag="intent"):
    """What a person declared before the act, and what the gate made of it."""

    declaration: Declaration
    """What the person declared: action, place, values, why."""
    actor: Actor
    """Who acts, and by what."""
    target: Target
    """Where, as the point's registration knows it."""
    mode: Mode
    """The gate's mode there: ``observe``, ``warn`` or ``enforce``."""
    catalogue: int
    """Version of the reason catalogue that was in force."""
    decision: Decision = Decision()
    """What the gate found: what is missing, and what ``enforce`` would refuse."""
    statement: str | None = None
    """DSSE envelope (JSON text) of the actor's signed intent statement, or of the line of their spool."""
    spooled: Spooled | None = None
    """How it was carried out, when the log could not be reached: the records were made after the act."""
    flags: tuple[str, ...] = ()
    """Things worth a look, e.g. ``text_repeated``, ``clock_off``."""


class Approval(Record, kw_only=True, tag="approval"):
    """Another person's signed decision over an intent."""

    actor: Actor
    """Who decided."""
    decision: Literal["approve", "refuse", "withdraw"]
    """What was decided."""
    intent: int
    """Index of the intent in the log."""
    leaf: str
    """Leaf hash of the intent (hex)."""
    comment: str | None = None
    """Why, in the approver's words."""
    meaning: str | None = None
    """What the signature is said to mean, e.g. reviewed or authorized."""
    statement: str | None = None
    """DSSE envelope (JSON text) of the signed decision."""


class Permit(Record, kw_only=True, tag="permit"):
    """The single-use right to carry out exactly one change: issued, redeemed, refused or void."""

    phase: Literal["issued", "redeemed", "refused", "void"]
    """What became of the right."""
    intent: int
    """Index of the intent in the log."""
    leaf: str
    """Leaf hash of the intent (hex)."""
    permit: str
    """Id of the ``issued`` record this belongs to (for ``issued`` its own id)."""
    person: str
    """Who may act on it."""
    change: str
    """SHA-256 (hex) of the declaration's canonical change."""
    before: str
    """SHA-256 (hex) of the original value's normal form."""
    expires: str | None = None
    """Until when it is good, or how long after redeeming the act may take."""
    executor: str | None = None
    """What carries out the act, e.g. this machine's process or a pipeline."""
    attempt: str | None = None
    """Id of the attempt that used it: the same attempt gets the same answer."""
    comparison: Literal["atomic", "checked"] | None = None
    """How the before-state is compared: in one step with the act (``atomic``), or right before it (``checked``)."""
    window_ms: int | None = None
    """Milliseconds between reading and acting, where it was ``checked``."""
    cause: str | None = None
    """Why it was refused or is void."""
    via: Via | None = None
    """What used or tried it for the person, e.g. a pipeline; ``None``: the person's own session."""
    decision: Decision | None = None
    """What the gate found when it was issued."""


class Outcome(Record, kw_only=True, tag="outcome"):
    """How it ended, with the value read back by byhand."""

    result: Literal["applied", "failed", "abandoned", "lapsed", "unknown"]
    """How the act ended."""
    found: CapturedValue | None = None
    """The value read back."""
    as_declared: bool | None = None
    """Whether the value read back is the declared one; ``None`` when it cannot be said."""
    error: str | None = None
    """What the system or the command said."""
    read_by: Literal["probe", "caller"] = "probe"
    """Who read the value: the point's probe, or what the caller passed."""
    attempt: str | None = None
    """The attempt that used the permit."""
    concluded_by: str | None = None
    """Person or ``byhand`` itself (lapse, killed process)."""
    version_after: str | None = None
    """The target's own version behind the act, where it has one."""
    statement: str | None = None
    """DSSE envelope (JSON text) of the line of the person's spool that said so, when it was spooled."""
    via: Via | None = None
    """What said so for the person, e.g. a pipeline; ``None``: the person's own session."""


class Observation(Record, kw_only=True, tag="observation"):
    """An act seen in a system's own feed, whether or not a permit exists."""

    actor: Actor
    """Who acted, as the feed names them."""
    target: Target
    """Where."""
    action: str
    """What was done: ``area.object.verb``."""
    connector: str
    """The kind of source that saw it."""
    instance: str
    """Which source of that kind."""
    capture: Literal["gate", "hook", "feed", "poll", "import"]
    """How it came to be known."""
    original: CapturedValue | None = None
    """The value before, where the feed tells it."""
    new: CapturedValue | None = None
    """The value after, where the feed tells it."""
    field: str = ""
    """JSON pointer of the field within the target."""
    justification: Justification | None = None
    """Why, where the source has a place for it, or somebody said so later."""
    absence: Literal["captured_outside_control", "source_has_no_field"] | None = None
    """Why there is no justification."""
    raw: CapturedValue | None = None
    """What the source sent, without its secrets."""
    raw_digest: str | None = None
    """SHA-256 (hex) of what the source sent."""
    quarantined: str | None = None
    """Why the source's account could not be recorded as it was; ``raw`` holds of it what there was."""


FindingType = Literal["verdict", "drift", "alert", "disposition", "review", "amendment"]
FINDING_TYPES: tuple[str, ...] = get_args(FindingType)


class Expectation(Part, kw_only=True):
    """What somebody says is to be expected, until when: acts like it are no news."""

    scope: Literal["target", "action", "person"]
    """This person at this target, with this action anywhere, or in all that they do."""
    until: str
    """When that ends."""


class Finding(Record, kw_only=True, tag="finding"):
    """Something concluded: a verdict, drift, alert, disposition, review or amendment."""

    type: FindingType
    """What kind of conclusion it is."""
    about: str
    """Record or intervention id."""
    summary: str
    """What was concluded, in words."""
    actor: Actor | None = None
    """The person who concluded it; none where byhand itself did."""
    verdict: str | None = None
    """The conclusion as one word, e.g. ``right`` or ``wrong``."""
    field: str | None = None
    """JSON pointer of what it is about, within the record."""
    value: CapturedValue | None = None
    """What that should say, or was found to be."""
    references: tuple[str, ...] = ()
    """Incidents, tickets and interventions that belong to it."""
    expectation: Expectation | None = None
    """What is to be expected from now on, where a disposition says so."""


class Access(Record, kw_only=True, tag="access"):
    """Who read which records, when and why."""

    actor: Actor
    """Who read."""
    operation: str
    """How: show, search, diff, export, evidence ..."""
    query: str | None = None
    """What was asked for."""
    records: tuple[str, ...] = ()
    """Ids of what was read, where they are few."""
    count: int = 0
    """How many were read."""
    reason: str | None = None
    """Why, in the reader's words."""
    refused: str | None = None
    """Why it was refused; then nothing was shown."""
    pseudonymous: bool = False
    """Whether persons were shown under their pseudonyms."""


class Point(Part, kw_only=True):
    """A registered place where people can intervene."""

    name: str
    """What people type."""
    action: str
    """What is done there: ``area.object.verb``."""
    system: str
    """The system it is in."""
    type: str
    """What kind of thing it is there."""
    id: str
    """Its id there."""
    field: str = ""
    """JSON pointer of the field within it."""
    owner: str
    """The person who answers for it."""
    team: str | None = None
    """The owner's team."""
    environment: str = "production"
    """Where it counts, e.g. ``production``."""
    tier: Tier = "high"
    """What an act there may cost."""
    reasons: tuple[str, ...] = ()
    """Codes that may justify an act there; none: all that fit the action."""
    probe: str | None = None
    """How to read the value, e.g. ``file:/etc/limits.yaml#/max_notional``; ``None``: the caller reads it."""
    ignore: tuple[str, ...] = ()
    """Pointers that comparison leaves out."""
    secrets: tuple[str, ...] = ()
    """Pointers of the value that are always secret."""
    circle: str | None = None
    """Who is on call for it."""
    approvals: int | None = None
    """How many other persons must approve an act there; never fewer than its tier demands."""
    approvals_above: str | None = None
    """A number: a change by more than that takes the approval of one person more."""
    approvers: tuple[str, ...] = ()
    """Roles, each to be filled by a different one of those who approve."""
    mode: Mode = "observe"
    """What its gate does: ``observe``, ``warn`` or ``enforce``."""
    review_by: str | None = None
    """When somebody looks at it again."""
    retention_class: str = "default-7y"
    """How long its records are kept."""
    classification: str = "internal"
    """How carefully its records are kept."""


class Reason(Part, kw_only=True):
    """A reason code and the action types it may justify (``*`` matches within a segment pattern)."""

    code: str
    """What is chosen, in capital letters."""
    summary: str
    """What it means, in one line."""
    actions: tuple[str, ...] = ("*",)
    """Action types that it may justify."""
    retired: bool = False
    """It may justify nothing any more."""


class Administration(Record, kw_only=True, tag="administration"):
    """A change to byhand itself, recorded like any other, with the statements that authorise it."""

    action: str
    """``administration.home.create · person.enrol · key.revoke · point.set · point.mode · reason.set ...``"""
    subject: str
    """What was changed: the name of a person, key, point or catalogue."""
    actor: Actor | None = None
    """Who handed it in; the statements say who decided."""
    point: Point | None = None
    """The point as it is to be."""
    reasons: tuple[Reason, ...] = ()
    """The reason codes set."""
    catalogue: int | None = None
    """Version of the catalogue that this makes."""
    workload: Workload | None = None
    """The workload as it is to be."""
    link: AccountLink | None = None
    """The account and its person."""
    token: Token | None = None
    """The token; its secret is never recorded."""
    circle: Circle | None = None
    """The circle as it is to be."""
    policy: tuple[PolicyFile, ...] = ()
    """The policies as they are to be: all of them, in place of those before."""
    role: RoleAssignment | None = None
    """The role, whose it is, and where."""
    team: Team | None = None
    """The team as it is to be."""
    runbook: Runbook | None = None
    """The next version of the runbook."""
    note: str | None = None
    """What else was said."""
    statements: tuple[str, ...] = ()
    """DSSE envelopes (JSON text): keyring statements and administration statements."""


AnyRecord = Intent | Approval | Permit | Outcome | Observation | Finding | Access | Administration
KINDS = ("intent", "approval", "permit", "outcome", "observation", "finding", "access", "administration")
HEARTBEAT = "heartbeat"
"""The log's own entry: a leaf without payload."""
