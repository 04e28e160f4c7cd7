# SPDX-License-Identifier: Apache-2.0
"""Do these decisions allow the act? The proof for approvals, the same for the gate and for a verifier years later.

Of one decision (approve, refuse, withdraw), at its place in the log:

    0  it is a statement of its own person, made for this home
    1  it is about this very intent: record, index and leaf hash, which covers everything declared
    2  it was made on the requirement and the policy that the intent was declared under
    3  it has not expired, and does not outlive the intent
    4  the checkpoint that the person had seen covers the intent
    5  its signature is by a key of that person, valid at this place; at critical risk, bound to a device
    6  the person contributed nothing to the act; whoever declared it may only withdraw it
    7  neither its statement nor its nonce was used before (claims: the log takes each once)

Of all of them, at the place of the permit:

    8  a person's last word counts, as one person's, while the key that signed it is valid and it has not expired
    9  there are as many as required, and each role demanded is filled by a different one of them
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from byhand.errors import BadSignature, NotPermitted
from byhand.records.kinds import Approval, Intent
from byhand.signatures import dsse
from byhand.trust import checks, permit as proof, statements
from byhand.trust.keyring import EnrolledKey, Keyring
from byhand.trust.requirement import POLICY, Requirement


@dataclass(frozen=True, slots=True)
class About:
    """The intent that is decided on, in its place, and what it needs."""

    origin: str
    intent: Intent
    index: int
    leaf: str
    """Leaf hash (hex)."""
    needs: Requirement

    @property
    def policy(self) -> str:
        """Digest of the policy that the intent was declared under."""
        return self.intent.decision.policy or POLICY


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision in its place."""

    index: int
    recorded: str
    record: Approval


def statement_of(record: Approval, origin: str) -> tuple[dsse.Envelope, statements.Approval]:
    """The signed statement of a decision; raises BadSignature, Invalid."""
    if record.statement is None:
        raise BadSignature("the decision carries no statement: nobody signed it")
    envelope = dsse.parse(record.statement.encode())
    return envelope, statements.read(envelope, statements.Approval, origin=origin)


def claims(record: Approval) -> tuple[str, ...]:
    """The names that a decision takes in the log, once for ever (7); none where it holds no statement."""
    if record.statement is None:
        return ()
    envelope = dsse.parse(record.statement.encode())
    statement = statements.parse(envelope.payload, statements.Approval)
    return (
        f"approval:{hashlib.sha256(envelope.payload).hexdigest()}",
        f"approval-nonce:{statement.nonce}",
    )


def contributors(intent: Intent) -> frozenset[str]:
    """Everybody who took part in what is to be approved: none of them may approve it."""
    actor, automation = intent.actor, intent.declaration.automation
    named = {intent.declaration.person, actor.person}
    if actor.on_behalf_of is not None:
        named.add(actor.on_behalf_of)
    if (
        actor.via is not None and actor.via.person is not None
    ):  # who answers for the agent, who started the run
        named.add(actor.via.person)
    return frozenset(named | set(automation.contributors if automation is not None else ()))


def check_decision(
    record: Approval, about: About, *, keyring: Keyring, at_index: int, recorded: str
) -> EnrolledKey:
    """The key that made this decision, which stands (or is to stand) at ``at_index``; raises unless 0 to 6 hold.

    Raises:
        NotPermitted: 6. BadSignature: all others. Invalid: there is no such statement.
    """
    envelope, said = statement_of(record, about.origin)  # 0
    if (record.intent, record.leaf, record.meaning) != (about.index, about.leaf, said.meaning):  # 1
        raise BadSignature("the decision says of itself something else than its statement, or than the log")
    key = checks.check_approval(  # 0, 1, 3, 5
        envelope,
        origin=about.origin,
        record_id=about.intent.id,
        intent_index=about.index,
        intent_leaf=about.leaf,
        decision=record.decision,
        person=record.actor.person,
        keyring=keyring,
        at_index=at_index,
        now=recorded,
    )
    if (said.requirement, said.policy) != (about.needs.digest, about.policy):  # 2
        raise BadSignature("it was signed for another requirement or policy than the intent's")
    if said.expires > about.intent.declaration.expires:  # 3
        raise BadSignature(f"it was to be good until {said.expires}, longer than the intent")
    if not about.index < said.seen_size <= at_index:  # 4
        raise BadSignature(f"the checkpoint seen, of {said.seen_size} entries, does not cover the intent")
    if about.needs.signature == "device-key" and not key.device_bound:  # 5
        raise BadSignature(
            f"{key.person} decided with a key that is not bound to a device, which critical risk demands",
            advice="Use a hardware key or a passkey that stays on its device.",
        )
    _check_took_no_part(record, about)  # 6
    return key


def _check_took_no_part(record: Approval, about: About) -> None:
    person = record.actor.person
    own = person == about.intent.declaration.person and record.decision == "withdraw"
    if person in contributors(about.intent) and not own:
        raise NotPermitted(
            f"{person} contributed to this act and cannot decide on it.",
            advice="Ask somebody who took no part. Whoever declared it may withdraw it.",
        )


def standing(
    about: About, decided: Sequence[Decided], *, keyring: Keyring, at_index: int, now: str
) -> proof.Approvals:
    """The approvals that count at ``at_index``, each checked at its own place once more (8)."""
    last: dict[str, tuple[str, EnrolledKey, str]] = {}
    for one in decided:
        key = check_decision(one.record, about, keyring=keyring, at_index=one.index, recorded=one.recorded)
        _, said = statement_of(one.record, about.origin)
        last[key.person] = (one.record.decision, key, said.expires)
    counting = {
        person: frozenset(role for own in keyring.keys_of(person, at_index) for role in own.roles)
        for person, (decision, key, expires) in last.items()
        if decision == "approve" and key.valid_at(at_index) and now < expires
    }
    return proof.Approvals(
        required=about.needs.approvals,
        approvers=frozenset(counting),
        contributors=contributors(about.intent),
        unfilled=unfilled(about.needs.approvers, counting),
    )


def unfilled(roles: Sequence[str], held: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The roles that no assignment of persons can fill, one person for one role (9): bipartite matching."""
    filled: dict[str, int] = {}

    def assign(position: int, tried: set[str]) -> bool:
        for person in sorted(held):
            if roles[position] in held[person] and person not in tried:
                tried.add(person)
                if person not in filled or assign(filled[person], tried):
                    filled[person] = position
                    return True
        return False

    return tuple(roles[position] for position in range(len(roles)) if not assign(position, set()))
