# SPDX-License-Identifier: Apache-2.0
"""From records to the facts that decide on a permit: the same for the gate now and for a verifier years later."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Literal

from byhand.records import canonical, captured, codec
from byhand.records.actor import Via
from byhand.records.intervention import Tier
from byhand.records.kinds import Intent
from byhand.signatures import dsse
from byhand.trust import break_glass, permit as proof
from byhand.trust.keyring import Keyring
from byhand.trust.requirement import Requirement, demanded, requirement


def bound(intent: Intent, ignore: tuple[str, ...]) -> proof.Bound:
    """What a permit for ``intent`` is bound to; ``ignore`` are the point's pointers that comparison leaves out."""
    change, target = intent.declaration.change, intent.target
    named = canonical.encode([target.system, target.type, target.id, change.field])
    return proof.Bound(
        person=intent.declaration.person,
        target=hashlib.sha256(named).hexdigest(),
        change_sha256=codec.change_digest(change),
        before_sha256=captured.normal_digest(change.original, ignore),
    )


def facts(
    intent: Intent,
    *,
    index: int,
    leaf_hash: bytes,
    ignore: tuple[str, ...],
    device_bound: bool = False,
) -> proof.Intent:
    """What the permit's proof asks of an intent whose statement, if it has one, was verified.

    ``device_bound``: whether the key that signed it is bound to a device.
    """
    digest = codec.declaration_digest(intent.declaration)
    return proof.Intent(
        bound=bound(intent, ignore),
        place=place(intent),
        signature=needs(intent).signature,
        expires=intent.declaration.expires,
        index=index,
        leaf_hash=leaf_hash,
        declaration_sha256=digest,
        signed_declaration_sha256=digest if intent.statement is not None else None,
        signed_device_bound=device_bound,
        permit_seconds_max=(
            break_glass.PERMIT_SECONDS_MAX if break_glass.is_break_glass(intent) else proof.PERMIT_SECONDS_MAX
        ),
    )


def signed_device_bound(intent: Intent, keyring: Keyring) -> bool:
    """Whether every key that signed a verified ``intent`` is bound to a device."""
    if intent.statement is None:
        return False
    named = [keyring.keys.get(one.keyid) for one in dsse.parse(intent.statement.encode()).signatures]
    return bool(named) and all(key is not None and key.device_bound for key in named)


def place(intent: Intent) -> str:
    """The target in words: ``SYSTEM/TYPE/ID#FIELD``."""
    target, field = intent.target, intent.declaration.change.field
    return f"{target.system}/{target.type}/{target.id}" + (f"#{field}" if field else "")


def of_break_glass(tier: Tier) -> Requirement:
    """What remains to be demanded where nobody is waited for: the person's own key, and that it is in the log.

    In an outage the value before may be out of reach too: that it could not be read is written down.
    """
    signature: Literal["own-key", "device-key"] = "device-key" if tier == "critical" else "own-key"
    return replace(requirement(tier, trial=True), signature=signature, anchored=True, readable=False)


def needs(intent: Intent) -> Requirement:
    """What was demanded of it when it was declared; that this was enough is checked at its place in the log."""
    tier, decision = intent.target.tier, intent.decision
    if break_glass.is_break_glass(intent):
        return of_break_glass(tier)
    least = demanded(tier, intent.mode, trial=True)
    if not decision.approvals_needed:
        return least
    return replace(least, approvals=decision.approvals_needed, approvers=decision.approvers, anchored=True)


def by_agent(via: Via | None) -> bool:
    """Whether an agent carried the act: then, where signatures are asked for, an independent person approves it."""
    return via is not None and via.kind == "agent"


def unapproved(intent: Intent) -> proof.Approvals:
    """Of an act that was spooled: nobody can have approved it, so it must have needed no approval."""
    return proof.Approvals(
        required=intent.decision.approvals_needed, contributors=frozenset({intent.declaration.person})
    )
