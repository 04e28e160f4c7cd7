# SPDX-License-Identifier: Apache-2.0
"""Four eyes: decisions of other persons over an intent, each signed by a key of their own, and what they come to.

Whoever tries in vain to decide is on record beside the intent. The proof is ``byhand.trust.quorum``.
"""

from __future__ import annotations

import msgspec

from byhand import clock
from byhand.client.contract import (
    Acknowledgement,
    ApprovalRequest,
    Approvals as Shown,
    Decided as ShownDecision,
)
from byhand.control.authorization import Authorization
from byhand.control.chains import Chain, Chains
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.errors import (
    ByhandError,
    ClaimTaken,
    Fault,
    IllegalTransition,
    Invalid,
    Refused,
    TooLate,
    Unsound,
)
from byhand.ids import new_record_id
from byhand.journal.entry import ANY, Entry
from byhand.journal.journal import Journal
from byhand.records import codec, parts
from byhand.records.intervention import Times
from byhand.records.kinds import SCHEMA_VERSION, Approval, Finding, Intent
from byhand.signatures import dsse
from byhand.trust import facts as facts_of, permit as proof, quorum, statements
from byhand.trust.quorum import About, Decided

APPROVAL_REFUSED = "approval_refused"
IN_VAIN = (Refused, Unsound, ClaimTaken, IllegalTransition, TooLate)
"""What is told and recorded when somebody decides in vain; what is no statement at all is only told."""


class Approvals:
    """The decisions over the intents of one home. Thread-safe."""

    def __init__(
        self, journal: Journal, chains: Chains, people: People, authorization: Authorization
    ) -> None:
        self._authorization = authorization
        self._journal = journal
        self._chains = chains
        self._people = people

    def decide(
        self, caller: Caller, intervention: str, request: ApprovalRequest, administration: int | None
    ) -> Acknowledgement:
        """Record a signed decision; the same request again gets the same answer.

        Raises Refused (and leaves a finding beside the intent), Invalid, NotFound.
        """
        declared = intervention.encode() + b"\n" + parts.encode_part(request)
        known = self._journal.known(request.record, declared)
        if known is not None:
            return known
        record = _record(caller, intervention, request)
        try:
            return self._chains.deciding(
                intervention, lambda chain: self._append(caller, chain, record, declared, administration)
            )
        except IN_VAIN as error:
            self._leave(caller, intervention, record, error)
            if isinstance(error, Refused):
                raise
            raise Refused(f"the decision does not hold: {error}", advice=error.advice) from error

    def _append(
        self, caller: Caller, chain: Chain, record: Approval, declared: bytes, administration: int | None
    ) -> Acknowledgement:
        if caller.via is not None:
            raise Refused(
                f"a {caller.via.kind} cannot decide for {caller.person}",
                advice="Sign in yourself: byhand login",
            )
        about, size, now = self._about(chain), self._journal.reader.size, clock.now()
        record = msgspec.structs.replace(
            record, intent=about.index, leaf=about.leaf, governance=about.intent.governance
        )
        codec.validate(record)
        keyring = self._people.keyring()
        quorum.check_decision(record, about, keyring=keyring, at_index=size, recorded=now)
        if record.decision != "withdraw":  # whoever has decided may always take it back
            self._authorization.check(caller, "approve", self._authorization.of(about.intent))
        _, said = quorum.statement_of(record, about.origin)
        self._check_seen(said)
        details = str(record.actor.details)
        entry = Entry(
            record,
            people={details: caller.details()},
            claims=quorum.claims(record),
            expected_head=chain.head,
            expected_administration=administration,
            before=said.expires,
            declaration=declared,
        )
        (acknowledgement,) = self._chains.extend(about.intent.id, chain, [entry])
        return acknowledgement

    def _check_seen(self, said: statements.Approval) -> None:
        """What the person saw of this log before signing is a beginning of it."""
        if self._journal.reader.tree().root(said.seen_size).hex() != said.seen_root:
            raise Refused(
                f"the checkpoint of {said.seen_size} entries that was seen is of another history than this log's",
                advice="Stop, and compare with others: byhand verify",
            )

    def _about(self, chain: Chain) -> About:
        acknowledgement, intent = chain.intent
        return About(
            self._journal.origin, intent, acknowledgement.index, acknowledgement.leaf, facts_of.needs(intent)
        )

    def may_approve(self, caller: Caller, intent: Intent) -> bool:
        """Whether a policy lets ``caller`` approve, once they have proved anew who they are."""
        return self._authorization.may_sign(caller, "approve", self._authorization.of(intent))

    def standing(self, chain: Chain) -> proof.Approvals:
        """The approvals that count now, each checked once more."""
        return quorum.standing(
            self._about(chain),
            _decided(chain),
            keyring=self._people.keyring(),
            at_index=self._journal.reader.size,
            now=clock.now(),
        )

    def shown(self, intervention: str) -> Shown:
        """What an approver must know and sign, and who decided what."""
        chain = self._chains.get(intervention)
        about, standing = self._about(chain), self.standing(chain)
        return Shown(
            intervention=about.intent.id,
            origin=about.origin,
            state=chain.state.phase,
            intent_index=about.index,
            intent_leaf=about.leaf,
            requirement=about.needs.digest,
            policy=about.policy,
            expires=about.intent.declaration.expires,
            approvals_needed=about.needs.approvals,
            approvals_given=len(standing.approvers),
            approvers=about.needs.approvers,
            unfilled=standing.unfilled,
            contributors=tuple(sorted(standing.contributors)),
            decisions=tuple(
                ShownDecision(
                    person=one.record.actor.person,
                    decision=one.record.decision,
                    meaning=one.record.meaning or "",
                    recorded=one.recorded,
                    index=one.index,
                    counts=one.record.actor.person in standing.approvers,
                )
                for one in _decided(chain)
            ),
        )

    def _leave(self, caller: Caller, intervention: str, record: Approval, error: ByhandError) -> None:
        """Write down who tried in vain to decide. It changes nothing, so it may follow anything."""
        details = new_record_id()
        finding = Finding(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=intervention,
            times=Times(received=clock.now()),
            type="alert",
            about=intervention,
            verdict=APPROVAL_REFUSED,
            summary=f"{caller.person} tried to {record.decision}: {' '.join(str(error).split())}",
            actor=caller.actor(details=details),
        )
        entry = Entry(finding, people={details: caller.details()}, expected_head=ANY)
        self._chains.add(intervention, entry)


def _decided(chain: Chain) -> tuple[Decided, ...]:
    return tuple(
        Decided(link.acknowledgement.index, link.acknowledgement.recorded, link.record)
        for link in chain.links
        if isinstance(link.record, Approval)
    )


def _record(caller: Caller, intervention: str, request: ApprovalRequest) -> Approval:
    """The record of a decision, as far as its statement says it; where the intent stands is filled in later."""
    envelope = dsse.parse(request.statement.encode("utf-8", "surrogatepass"))
    if envelope.payload_type != statements.payload_type(statements.Approval):
        raise Invalid("this decides nothing", (Fault("/statement", "holds no approval statement"),))
    said = statements.parse(envelope.payload, statements.Approval)
    return Approval(
        id=request.record,
        schema=SCHEMA_VERSION,
        intervention=intervention,
        times=Times(received=clock.now()),
        actor=caller.actor(signed_by="actor", details=new_record_id()),
        decision=said.decision,
        intent=said.intent_index,
        leaf=said.intent_leaf,
        meaning=said.meaning,
        statement=request.statement,
    )
