# SPDX-License-Identifier: Apache-2.0
"""From records to the facts that decide on a permit: the same for the gate now and for a verifier years later."""

from __future__ import annotations

import hashlib

from byhand.records import canonical, captured, codec
from byhand.records.kinds import Intent
from byhand.trust import permit as proof
from byhand.trust.requirement import Requirement, demanded


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


def facts(intent: Intent, *, index: int, leaf_hash: bytes, ignore: tuple[str, ...]) -> proof.Intent:
    """What the permit's proof asks of an intent whose statement, if it has one, was verified."""
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
    )


def place(intent: Intent) -> str:
    """The target in words: ``SYSTEM/TYPE/ID#FIELD``."""
    target, field = intent.target, intent.declaration.change.field
    return f"{target.system}/{target.type}/{target.id}" + (f"#{field}" if field else "")


def needs(intent: Intent) -> Requirement:
    """What the tier and mode in the log demanded of it."""
    return demanded(intent.target.tier, intent.mode)


def approvals(intent: Intent) -> proof.Approvals:
    """The seam where other persons' approvals enter."""
    return proof.Approvals(required=approvals_needed(intent), contributors=contributors(intent))


def contributors(intent: Intent) -> frozenset[str]:
    """Who had a part in it and cannot approve it: who declared it, and who answers for the agent that did."""
    via = intent.actor.via
    answers = via.person if via is not None else None
    return frozenset({intent.declaration.person} | ({answers} if answers is not None else set()))


def approvals_needed(intent: Intent) -> int:
    """What the requirement says; where it asks for signatures an agent's act takes an independent person too."""
    demands = needs(intent)
    by_agent = intent.actor.via is not None and intent.actor.via.kind == "agent"
    return max(demands.approvals, 1) if by_agent and demands.signature != "none" else demands.approvals
