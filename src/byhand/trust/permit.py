# SPDX-License-Identifier: Apache-2.0
"""May this act happen? The permit's proof, as a numbered list and then the same numbers in the code.

    0  the actor is a person, enrolled now
    1  the intent is in the log
    2  it has not lapsed
    3  enough approvals by distinct persons, none of them a contributor
    4  where the requirement says so: the actor's own signature covers the intent (by a device-bound key)
    5  the permit is for the same person, target, change and before-state, and has not lapsed
    6  it is not redeemed, except by the very attempt that asks again
    7  the before-state still stands

A permit is issued on 0 to 4 and redeemed on 0 to 7.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from byhand import errors

PERMIT_SECONDS_MAX = 600  # ten minutes: what was looked at before approving is still what is there
HASH_LENGTH = 32  # SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a permit is bound to: one person, one target, one change, one before-state (digests in hex)."""

    person: str
    target: str
    change_sha256: str
    before_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The facts about an intent that decide. ``index`` and ``leaf_hash`` are those of its acknowledgement.

    ``signature`` is what the requirement asks for.
    ``declaration_sha256`` is recomputed from the declaration; ``signed_declaration_sha256`` is the one a verified
    signature of the actor covers (``checks.check_intent``), ``None`` without such a signature.
    """

    bound: Bound
    place: str
    """The target in words, for whoever reads the refusal."""
    signature: Literal["none", "own-key", "device-key"]
    expires: str
    index: int | None
    leaf_hash: bytes | None
    declaration_sha256: str
    signed_declaration_sha256: str | None = None
    signed_device_bound: bool = False
    permit_seconds_max: int = PERMIT_SECONDS_MAX
    """How long a permit for it may last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """How many persons must approve, who did (verified), and who may not (they contributed to the act)."""

    required: int
    approvers: frozenset[str] = frozenset()
    contributors: frozenset[str] = frozenset()
    unfilled: tuple[str, ...] = ()
    """Roles of the requirement that no different one of the approvers can fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """An issued permit. ``redeemed_by`` is the attempt id that used it up."""

    bound: Bound
    expires: str
    redeemed_by: str | None = None


def redemption_claim(permit: str) -> str:
    """The name that a redemption takes in the log, once for ever."""
    return f"redemption:{permit}"


def check_issue(
    intent: Intent, approvals: Approvals, *, persons: Collection[str], now: str, permit_seconds: int
) -> None:
    """Raises unless a permit of ``permit_seconds`` may be issued for ``intent`` at ``now`` (0 to 4).

    Raises:
        NotPermitted: conditions 0 to 3 (ApprovalPending: too few so far), or a permit longer than the intent's
            ``permit_seconds_max``.
        BadSignature: condition 4.
    """
    _check_intent(intent, approvals, persons, now)  # 0 to 4
    if not 0 < permit_seconds <= intent.permit_seconds_max:
        raise errors.NotPermitted(
            f"A permit lasts 1 to {intent.permit_seconds_max} seconds, not {permit_seconds}.",
            advice="Ask for the permit when you are ready to act.",
        )


def check_redeem(
    intent: Intent,
    approvals: Approvals,
    permit: Permit,
    *,
    acting: Bound,
    attempt: str,
    before_now_sha256: str | None,
    persons: Collection[str],
    now: str,
) -> None:
    """Raises unless ``acting`` may be done now under ``permit``, by ``attempt`` (0 to 7).

    ``before_now_sha256`` is read from the target immediately before the act; ``None`` only where the target itself
    compares the before-state in the act (a connector that declares ``atomic``).

    The same attempt asking again gets the same answer; conditions 2 and 7 are then not asked again, since the act
    itself may have made them untrue.

    Raises:
        NotPermitted: conditions 0 to 3, 5, 6. BadSignature: condition 4. BeforeStateChanged: condition 7.
    """
    if permit.redeemed_by is not None:
        _check_attempt(permit, attempt)  # 6
        check_bound(intent, permit.bound, acting)  # 5
        return
    _check_intent(intent, approvals, persons, now)  # 0 to 4
    check_bound(intent, permit.bound, acting)  # 5
    if not now < permit.expires:
        raise errors.NotPermitted(
            f"The permit lapsed at {permit.expires}; it is {now}.", advice="Ask for a new one."
        )
    if before_now_sha256 is not None and before_now_sha256 != permit.bound.before_sha256:  # 7
        raise errors.BeforeStateChanged(
            f"{intent.place} no longer has the value the intent of {acting.person} was declared on."
        )


def check_spooled(
    intent: Intent, approvals: Approvals, *, acted: str, persons: Collection[str], acting: Bound
) -> None:
    """Raises unless a permit may be recorded, as issued and as redeemed, for an act that was spooled (0, 1, 3 to 5).

    The act came first, so 2 is asked of the time ``acted`` at which it began; 6 is the log's, as ever; what 7 finds
    is noted and not refused. What may be spooled at all is said by ``trust.spool``.

    Raises:
        NotPermitted: conditions 0 to 3, 5. BadSignature: condition 4.
    """
    _check_intent(intent, approvals, persons, acted)  # 0 to 4
    if intent.signed_declaration_sha256 is None:  # 4: of every spooled act, whatever its tier
        raise errors.BadSignature("A spooled act needs the signature of its person; it has none.")
    check_bound(intent, acting, acting)  # 5


def _check_intent(intent: Intent, approvals: Approvals, persons: Collection[str], now: str) -> None:
    person = intent.bound.person
    if person not in persons:  # 0
        raise errors.NotPermitted(
            f"{person} is not an enrolled person.", advice="An officer enrols a key with: byhand key add"
        )
    if intent.index is None or intent.index < 0 or len(intent.leaf_hash or b"") != HASH_LENGTH:  # 1
        raise errors.NotPermitted("The intent is not in the log: nothing may be done before it is.")
    if not now < intent.expires:  # 2
        raise errors.NotPermitted(
            f"The intent lapsed at {intent.expires}; it is {now}.",
            advice="Declare it again on today's value.",
        )
    _check_approvals(approvals, person)  # 3
    _check_signature(intent)  # 4


def _check_approvals(approvals: Approvals, person: str) -> None:
    contributors = approvals.contributors | {person}
    if own := sorted(approvals.approvers & contributors):
        raise errors.NotPermitted(
            f"{own[0]} contributed to this act and cannot approve it.",
            advice="Ask somebody who took no part.",
        )
    if len(approvals.approvers) < approvals.required:
        raise errors.ApprovalPending(
            f"{len(approvals.approvers)} of {approvals.required} approvals are there.",
            advice="Somebody who took no part approves it with: byhand approve ID",
        )
    if approvals.unfilled:
        raise errors.ApprovalPending(
            f"Nobody who approved fills the role {approvals.unfilled[0]} as a person of their own.",
            advice="Somebody with that role approves it with: byhand approve ID",
        )


def _check_signature(intent: Intent) -> None:
    if intent.signature == "none":
        return
    if intent.signed_declaration_sha256 is None:
        raise errors.BadSignature(
            f"This intent needs the signature of {intent.bound.person}; it has none.",
            advice="Sign in with your own key: byhand login --key FILE",
        )
    if intent.signed_declaration_sha256 != intent.declaration_sha256:
        raise errors.BadSignature(f"The signature of {intent.bound.person} covers another declaration.")
    if intent.signature == "device-key" and not intent.signed_device_bound:
        raise errors.BadSignature(
            f"This intent needs a device-bound key; {intent.bound.person} signed with another.",
            advice="Use a hardware key: ssh-keygen -t ed25519-sk",
        )


def check_bound(intent: Intent, permitted: Bound, acting: Bound) -> None:
    """Raises NotPermitted unless ``permitted`` and ``acting`` are both what ``intent`` was declared for (5)."""
    for field in ("person", "target", "change_sha256", "before_sha256"):
        given, wanted = getattr(permitted, field), getattr(acting, field)
        if not given == wanted == getattr(intent.bound, field):
            name = field.removesuffix("_sha256").replace("before", "before-state")
            who = f" ({given}) than this act ({wanted})" if field == "person" else " than this act"
            raise errors.NotPermitted(
                f"The permit is for another {name}{who} on {intent.place}.",
                advice="Declare what you are about to do, and ask for a permit for exactly that.",
            )


def _check_attempt(permit: Permit, attempt: str) -> None:
    if permit.redeemed_by != attempt:
        raise errors.NotPermitted(
            "The permit was redeemed already, by another attempt.",
            advice="A permit is good once: declare again.",
        )
