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
    """The system it is in."""
    type: str
    """What kind of thing it is there."""
    id: str
    """Its id there."""
    point: str | None = None
    """The registered point, if it is one."""
    name: str | None = None
    """What people call it."""
    environment: str = "production"
    """Where it counts, e.g. ``production``."""
    tier: Tier = "high"
    """What an act there may cost."""


class Change(Part, kw_only=True):
    """The exact change. ``new`` is ``None`` when only reading back will tell (shown as ``$observed``)."""

    original: CapturedValue
    """The value before the act, as it was read."""
    new: CapturedValue | None = None
    """The value it is to have."""
    field: str = ""
    """JSON pointer (RFC 6901) of the field within the target; ``""`` is the whole target."""
    command: str | None = None
    """SHA-256 (hex) of the command line, when the change is a command."""
    patch: str | None = None
    """RFC 6902 patch from original to new, as JSON text; ``reverse`` undoes it."""
    reverse: str | None = None
    """RFC 6902 patch from new to original, as JSON text."""
    version_before: str | None = None
    """The target's own version before the act, where it has one."""
    read_by: Literal["probe", "caller"] = "probe"
    """Who read the value: the point's probe, or what the caller passed."""
    read_at: str | None = None
    """When it was read."""
    effective_until: str | None = None
    """When the change is to be undone."""


class Justification(Part, kw_only=True):
    """Why, in the person's words, given before the act."""

    code: str
    """The reason code."""
    text: str
    """The person's words."""
    catalogue: int = 0
    """Version of the reason catalogue, set by the server."""
    language: str | None = None
    """The language of the words (BCP 47)."""
    given_at: str | None = None
    """When they were given."""
    collected: Literal["prompt", "argument", "library", "inherited"] = "argument"
    """How they were given."""
    written_by: Literal["person", "agent"] = "person"
    """Who wrote them: the person, or an agent for them."""
    tickets: tuple[str, ...] = ()
    """Tickets that belong to it."""
    same_as: str | None = None
    """Record id of an earlier intent whose text is knowingly repeated."""
    late: bool = False
    """Given only after the act was seen: late for ever."""


class OverriddenDecision(Part, kw_only=True):
    """The automated decision that the person overrode, as byhand found it."""

    rule: str
    """The rule or gate that decided."""
    outcome: str | None = None
    """What it decided."""
    made_at: str | None = None
    """When."""
    inputs_digest: str | None = None
    """SHA-256 (hex) of what it decided on."""


class FailedCheck(Part, kw_only=True):
    """A check that had failed, as byhand found it, apart from what the person wrote."""

    name: str
    """What the check is called."""
    message: str | None = None
    """What it said."""


class Automation(Part, kw_only=True):
    """What the automated system was doing."""

    workflow: str
    """What was running."""
    version: str | None = None
    """Which version of it."""
    run: str | None = None
    """Which run of it."""
    decision: OverriddenDecision | None = None
    """What it had decided."""
    failed_checks: tuple[FailedCheck, ...] = ()
    """What had failed."""
    contributors: tuple[str, ...] = ()
    """Persons who took part: commit authors, who started the pipeline. None of them may approve."""


class Times(Part, kw_only=True):
    """Claims about time; only the leaf's ``recorded`` is the log's own word."""

    occurred: str | None = None
    """When the act took place."""
    observed: str | None = None
    """When a source saw it."""
    received: str | None = None
    """When byhand was handed it."""
    precision: Literal["s", "ms", "us", "ns"] = "us"
    """How fine the clock was."""
    utc_offset_minutes: int | None = None
    """The actor's offset from UTC."""
    clock: str | None = None
    """Which clock said it."""
    synchronised: bool | None = None
    """Whether that clock was synchronised."""
    error_max_ns: int | None = None
    """By how many nanoseconds it may be off."""


class Governance(Part, kw_only=True):
    """How long and how carefully the record is kept."""

    retention_class: str = "default-7y"
    """How long it is kept."""
    classification: str = "internal"
    """How carefully it is kept."""
    personal_data: bool = True
    """Whether it names persons."""
    regulations: tuple[str, ...] = ()
    """Rules that it is kept for."""


class Decision(Part, kw_only=True):
    """What let this pass or refused it, and by which path."""

    path: Literal[
        "automatic", "approved", "runbook", "session", "break-glass", "observe", "warn", "spool"
    ] = "automatic"
    """By which path."""
    policy: str | None = None
    """Digest of the policy set in force."""
    policies: tuple[str, ...] = ()
    """Ids of the policies that decided."""
    approvals_needed: int = 0
    """How many distinct persons must approve before a permit may be issued."""
    would_refuse: tuple[str, ...] = ()
    """What mode ``enforce`` would have refused, in ``observe``, in ``warn``, and of an act that was spooled."""
    approvers: tuple[str, ...] = ()
    """Roles, each to be filled by a different one of the persons who approve."""
    requirement: str | None = None
    """SHA-256 (hex) of the requirement, which every approver's signature names."""
    authorised_by: str | None = None
    """The intervention whose authorization covers this one: it only undoes that, which was to end."""
    runbook: str | None = None
    """The record by which the runbook came into force that let it pass."""
    trial: bool = False
    """No approvals were demanded because the home was on trial: there was nobody else to ask."""


class Spooled(Part, kw_only=True):
    """How an act was carried out while the log could not be reached: on which knowledge, by which attempt."""

    tier: Tier
    """The risk that the client knew of."""
    mode: Mode
    """The gate's mode that the client knew of."""
    viewed: str
    """When the server told it so."""
    attempt: str
    """Id of the one attempt to act."""
    executor: str
    """What carried out the act, e.g. this machine's process."""
    before: CapturedValue
    """The value read again just before the act."""
    comparison: Literal["atomic", "checked"] = "checked"
    """How the before-state was compared."""
    window_ms: int = 0
    """Milliseconds between reading and acting."""


class Declaration(Part, kw_only=True):
    """What a person declares before the act. Its canonical bytes are what the person's key signs."""

    record: str
    """The id that the intent will have."""
    person: str
    """Who declares it."""
    action: str
    """What is done: ``area.object.verb``."""
    change: Change
    """The exact change."""
    expires: str
    """Until when the act may begin."""
    point: str | None = None
    """The registered point, by name."""
    target: Target | None = None
    """A target that is not registered."""
    justification: Justification | None = None
    """Why."""
    automation: Automation | None = None
    """What the automated system was doing."""
    times: Times | None = None
    """What the person's clocks said."""
    caused_by: str | None = None
    """The intervention that led to this one."""
    via: Via | None = None
    """What carries the act."""
    break_glass: bool = False
    """It cannot wait for anybody's approval; others review it afterwards."""
    runbook: str | None = None
    """The runbook that it follows: then it waits for nobody's approval."""
