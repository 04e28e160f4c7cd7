# SPDX-License-Identifier: Apache-2.0
"""The way back of a change that was to end by itself: it happens under the authorization of the change.

An intent needs no approvals of its own when

    0  it names as its cause an intervention whose change was to end, under the same reason and words
    1  it is by the same person, the same action on the same field of the same target
    2  it goes from the value that the cause set to the very value that was there before
    3  the cause was carried out, or may have been
    4  the change was to end no longer than an hour ago

After that hour somebody else may have wanted the value to stay: going back is a change like any other then.
"""

from __future__ import annotations

from dataclasses import dataclass

from byhand.errors import ProofMismatch
from byhand.records import captured
from byhand.records.intervention import Declaration
from byhand.records.kinds import Intent
from byhand.trust.freshness import seconds_between

WAY_BACK_SECONDS_MAX = 3_600  # a revert runs at its minute; an hour bears a target that does not answer
CARRIED_OUT = frozenset({"applied", "unknown"})


@dataclass(frozen=True, slots=True)
class Original:
    """What counts of the change that is undone; values as digests (hex) of their normal form."""

    person: str
    place: tuple[str, ...]
    text: str
    before: str
    after: str
    until: str
    """When it was to end."""


def original(intent: Intent) -> Original | None:
    """What must be known of ``intent`` to judge its way back; ``None`` where its change was not to end."""
    declaration = intent.declaration
    change, given = declaration.change, declaration.justification
    if change.effective_until is None or change.new is None or given is None:
        return None
    return Original(
        person=declaration.person,
        place=_place(intent.declaration, intent),
        text=f"{given.code}\n{given.text}",
        before=captured.normal_digest(change.original),
        after=captured.normal_digest(change.new),
        until=change.effective_until,
    )


def is_revert(declaration: Declaration) -> bool:
    """Whether it claims to be the way back of something."""
    given = declaration.justification
    return declaration.caused_by is not None and given is not None and given.collected == "inherited"


def check(intent: Intent, of: Original | None, phase: str | None, *, at: str, late_seconds: int = 0) -> None:
    """Raise ProofMismatch unless 0 to 4 hold at the time ``at``, or ``late_seconds`` before.

    ``of`` and ``phase`` are those of the intervention that it names.
    """
    declaration = intent.declaration
    given, change = declaration.justification, declaration.change
    if of is None or not is_revert(declaration) or given is None or change.new is None:  # 0
        raise ProofMismatch("it is not the way back of a change that was to end")
    if f"{given.code}\n{given.text}" != of.text:
        raise ProofMismatch("its reason is not the one of the change that it undoes")
    if (declaration.person, _place(declaration, intent)) != (of.person, of.place):  # 1
        raise ProofMismatch("it is by another person, or at another place, than the change that it undoes")
    values = (captured.normal_digest(change.original), captured.normal_digest(change.new))
    if values != (of.after, of.before):  # 2
        raise ProofMismatch(
            "it does not go back from the value that was set to the one that was there before"
        )
    if phase not in CARRIED_OUT:  # 3
        raise ProofMismatch(f"the change that it undoes is {phase}: there is nothing to undo")
    past = seconds_between(of.until, at)
    if past is None or past > WAY_BACK_SECONDS_MAX + late_seconds:  # 4
        raise ProofMismatch(f"the change that it undoes was to end at {of.until}, too long ago")


def _place(declaration: Declaration, intent: Intent) -> tuple[str, ...]:
    target = intent.target
    return (target.system, target.type, target.id, declaration.change.field, declaration.action)
