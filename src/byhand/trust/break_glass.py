# SPDX-License-Identifier: Apache-2.0
"""Break-glass: an act that cannot wait for anybody's approval, and that others look at afterwards.

Of the intent, when it is declared and years later:

    0  the declaration itself says that the glass is broken, and the person's own key signed it; at critical risk, one
       that is bound to a device
    1  the person acts themselves: no token, no pipeline, no agent in between
    2  the key carries a role that may do so
    3  the person left no earlier break-glass without its reviews (asked by the gate, when it is declared)

Of what follows:

    4  the permit is good for an hour at most
    5  two other persons review it within a day; else that is a finding, and 3 holds the person until they have
"""

from __future__ import annotations

from typing import Final

from byhand.errors import NotPermitted
from byhand.records.kinds import Intent
from byhand.records.lifecycle import State
from byhand.trust.keyring import EnrolledKey
from byhand.trust.statements import OFFICER

PATH: Final = "break-glass"
"""What the intent's decision says of the path it took."""
ROLE = "break-glass"
ROLES = frozenset({ROLE, OFFICER})
PERMIT_SECONDS_MAX = 3_600  # an hour: what cannot wait is done by then, or it is another act
REVIEWS_NEEDED = 2
REVIEW_SECONDS_MAX = 86_400  # a day: everybody who was there remembers
ACTED = frozenset({"redeemed", "applied", "failed", "unknown"})
"""Phases in which something was done, or may have been."""


def is_break_glass(intent: Intent) -> bool:
    """Whether this intent was declared so, and let pass for it."""
    return intent.decision.path == PATH


def check_declared(intent: Intent, key: EnrolledKey | None) -> None:
    """Raise NotPermitted unless 0 to 2 hold; ``key`` is the one whose signature was verified."""
    person = intent.declaration.person
    if not intent.declaration.break_glass or key is None:  # 0
        raise NotPermitted(
            f"break-glass takes the signature of {person}'s own key over a declaration that says so",
            advice="byhand break-glass POINT -- COMMAND",
        )
    if intent.target.tier == "critical" and not key.device_bound:
        raise NotPermitted(
            f"break-glass at critical risk takes a key of {person} that is bound to a device",
            advice="Use a hardware key, or a passkey that stays on its device.",
        )
    if intent.actor.via is not None:  # 1
        raise NotPermitted(
            f"a {intent.actor.via.kind} cannot break the glass for {person}",
            advice="Sign in yourself: byhand login",
        )
    if ROLES.isdisjoint(key.roles):  # 2
        raise NotPermitted(
            f"the key of {person} has none of the roles that may break the glass: {', '.join(sorted(ROLES))}",
            advice=f"Two officers grant one: byhand key add --role {ROLE}",
        )


def reviews_missing(state: State) -> int:
    """How many other persons have still to review it (5); 0 where nothing was done."""
    if not state.break_glass or state.phase not in ACTED:
        return 0
    others = {person for person in state.reviewers if person != state.requester}
    return max(0, REVIEWS_NEEDED - len(others))
