# SPDX-License-Identifier: Apache-2.0
"""What a page says of an intent that waits for approval: whether the person signed in may decide, and with what."""

from __future__ import annotations

import json
from dataclasses import dataclass

from byhand import clock, wiring
from byhand.client.contract import Approvals, Identity
from byhand.records.kinds import Intent
from byhand.signatures import public_keys, webauthn
from byhand.signatures.wire import base64url
from byhand.trust.statements import REASON_LENGTH_MAX

OPEN = frozenset({"pending", "approved"})
"""Phases in which a decision still changes something."""
MEANING = "I have reviewed this change and authorise it."
"""What an approval means when its person adds nothing (21 CFR 11.50)."""
WITHDRAWN = "I withdraw what I said before."
SECONDS_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Deciding:
    """What is asked of whom."""

    asked: Approvals
    mine: bool
    """It is the person's own intent, or they have approved it: all that is left is to withdraw."""
    cannot: str
    """Why they cannot decide here; empty where they can."""
    own: str
    """Their passkeys that may sign it: fingerprints by credential ids, as JSON."""
    left: str
    meaning: str = MEANING
    withdrawn: str = WITHDRAWN
    longest: int = REASON_LENGTH_MAX


def deciding(home: wiring.Home, identity: Identity, intent: Intent | None) -> Deciding | None:
    """What the person signed in may decide about ``intent``; ``None`` where nothing waits."""
    if intent is None or not intent.decision.approvals_needed:
        return None
    asked = home.approvals.shown(intent.id)
    if asked.state not in OPEN:
        return None
    critical = intent.target.tier == "critical"
    own = own_passkeys(home, identity.person, bound=critical)
    approved = any(one.counts and one.person == identity.person for one in asked.decisions)
    mine = approved or identity.person == intent.declaration.person
    return Deciding(
        asked=asked,
        mine=mine,
        cannot=_cannot(asked, identity.person, mine=mine, own=own, critical=critical),
        own=own,
        left=left(asked.expires),
    )


def _cannot(asked: Approvals, person: str, *, mine: bool, own: str, critical: bool) -> str:
    if not mine and person in asked.contributors:
        return "You took part in this: somebody who did not decides on it."
    if own != "{}":
        return ""
    if critical:
        return "This is critical: it takes a passkey that is bound to its device, and you have none here."
    return f"You have no passkey here. Where your key is: byhand approve {asked.intervention}"


def own_passkeys(home: wiring.Home, person: str, *, bound: bool = False) -> str:
    """The passkeys of a person for their browser: fingerprints by credential ids, as JSON; only ``bound`` ones."""
    keys = home.people.keyring().keys_of(person, home.journal.reader.size)
    passkeys = (key for key in keys if key.kind == public_keys.WEBAUTHN and (key.device_bound or not bound))
    return json.dumps({base64url(webauthn.parse(key.blob).credential): key.fingerprint for key in passkeys})


def left(expires: str) -> str:
    """How long something is good for, as people say it."""
    seconds = max(0, round((clock.parse(expires) - clock.parse(clock.now())).total_seconds()))
    minutes = seconds // SECONDS_A_MINUTE
    return f"{minutes} min" if minutes else f"{seconds} s"
