# SPDX-License-Identifier: Apache-2.0
"""Permits: issued when the intent's requirement is met, redeemed exactly once.

Whoever tries in vain to redeem an issued permit is on record. What is refused before a permit was issued leaves
the intent, which lapses. The proof is ``byhand.trust.permit``, the same numbers here and for a verifier years later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement, Attempt, Permitted
from byhand.control.approvals import Approvals
from byhand.control.authorization import Authorization, forbidden
from byhand.control.chains import Chain, Chains
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.control.point_views import PointViews
from byhand.control.runbooks import Runbooks
from byhand.control.turns import Turns
from byhand.errors import BeforeStateChanged, ChainMoved, ClaimTaken, NotPermitted, Refused
from byhand.ids import new_record_id
from byhand.journal.entry import ANY, Entry
from byhand.journal.journal import Journal
from byhand.records import captured
from byhand.records.intervention import Spooled, Times
from byhand.records.kinds import SCHEMA_VERSION, Intent, Permit
from byhand.settings import GateSettings
from byhand.trust import break_glass, facts as facts_of, permit as proof
from byhand.trust.authorization import Action

_OVERTAKEN = "others kept adding to this intervention at the same moment"
_FASTER = "somebody redeemed a permit on this target this very moment: declare anew on the value it has now"


class Permits:
    """The permits of one home. Thread-safe."""

    def __init__(
        self,
        journal: Journal,
        chains: Chains,
        people: People,
        authorization: Authorization,
        views: PointViews,
        approvals: Approvals,
        turns: Turns,
        runbooks: Runbooks,
        settings: GateSettings,
    ) -> None:
        self._journal = journal
        self._chains = chains
        self._people = people
        self._authorization = authorization
        self._views = views
        self._approvals = approvals
        self._turns = turns
        self._runbooks = runbooks
        self._settings = settings

    def permit(
        self, caller: Caller, intervention: str, redeem: Attempt | None, administration: int | None
    ) -> Permitted:
        """Issue the permit, once the requirement is met; with ``redeem`` use it in the same commit."""
        return self._deciding(
            caller, intervention, redeem, lambda chain: self._permit(caller, chain, redeem, administration)
        )

    def _deciding(
        self,
        caller: Caller,
        intervention: str,
        attempt: Attempt | None,
        decide: Callable[[Chain], Permitted],
    ) -> Permitted:
        """Run ``decide``, again when overtaken; who is overtaken too often is refused, and that is on record."""
        try:
            return self._chains.deciding(intervention, decide)
        except ChainMoved as moved:
            if moved.chain != intervention:
                raise
            overtaken = NotPermitted(_OVERTAKEN, advice="See: byhand show ID")
            issued = self._chains.get(intervention).permit("issued")
            if attempt is not None and issued is not None:
                self._record_refusal(caller, intervention, issued[1], attempt, overtaken)
            raise overtaken from moved

    def _permit(
        self, caller: Caller, chain: Chain, redeem: Attempt | None, administration: int | None
    ) -> Permitted:
        issued = chain.permit("issued")
        if issued is not None and redeem is not None:
            return self._redeem(caller, chain, redeem, administration)
        acknowledgement, intent = chain.intent
        self._check_same_person(caller, intent)
        if issued is not None:
            return _permitted(*issued)
        if chain.state.phase not in ("declared", "pending", "approved"):
            raise NotPermitted(f"this intervention is {chain.state.phase}: it gets no permit any more")
        self._check_allowed(caller, "permit", intent)
        self._views.check_still(intent)
        self._runbooks.check_still(intent)
        facts = self._facts(acknowledgement, intent)
        persons = self._people.enrolled()
        proof.check_issue(
            facts,
            self._approvals.standing(chain),
            persons=persons,
            now=clock.now(),
            permit_seconds=self._seconds(intent),
        )
        if facts_of.needs(intent).anchored:
            self._journal.anchor(acknowledgement.index + 1)
        permit = issued_permit(acknowledgement, intent, facts, self._seconds(intent))
        records = [permit]
        if redeem is None:
            return _permitted(self._extend(chain, records, administration)[-1], records[-1])
        noted = self._check_redeem(chain, permit, redeem, facts)
        records.append(of_permit(caller, permit, redeem, "redeemed", noted))
        try:
            acknowledgements = self._extend(chain, records, administration, self._turn(intent, facts))
        except ClaimTaken as error:
            raise NotPermitted(_FASTER) from error
        return _permitted(acknowledgements[-1], records[-1])

    def _seconds(self, intent: Intent) -> int:
        """How long its permit is good."""
        if break_glass.is_break_glass(intent):
            return break_glass.PERMIT_SECONDS_MAX
        return self._settings.permit_seconds

    def _check_allowed(self, caller: Caller, action: Action, intent: Intent) -> None:
        """Raise Forbidden when no policy lets the person any more; only ``enforce`` keeps anybody off."""
        verdict = self._authorization.verdict(caller, action, self._authorization.of(intent))
        if not verdict.allowed and intent.mode == "enforce":
            raise forbidden(caller.person, action, verdict)

    @staticmethod
    def _check_same_person(caller: Caller, intent: Intent) -> None:
        if caller.person != intent.declaration.person:
            raise NotPermitted(
                f"the intent is somebody else's: {caller.person} cannot act on it",
                advice="Declare your own intent.",
            )

    def _facts(self, acknowledgement: Acknowledgement, intent: Intent) -> proof.Intent:
        """What the permit's proof asks of the intent. Its signature was checked when it was declared."""
        return facts_of.facts(
            intent,
            index=acknowledgement.index,
            leaf_hash=bytes.fromhex(acknowledgement.leaf),
            ignore=self._views.ignored(intent),
            device_bound=facts_of.signed_device_bound(intent, self._people.keyring()),
        )

    def redeem(
        self, caller: Caller, intervention: str, attempt: Attempt, administration: int | None
    ) -> Permitted:
        """Use the permit, exactly once: one attempt gets one answer, also when asked again."""
        return self._deciding(
            caller, intervention, attempt, lambda chain: self._redeem(caller, chain, attempt, administration)
        )

    def _redeem(
        self, caller: Caller, chain: Chain, attempt: Attempt, administration: int | None
    ) -> Permitted:
        issued = chain.permit("issued")
        if issued is None:
            raise NotPermitted("no permit was issued for this intervention", advice="byhand permit ID")
        try:
            return self._redeemed(caller, chain, issued[1], attempt, administration)
        except Refused as error:
            self._record_refusal(caller, chain.intent[1].id, issued[1], attempt, error)
            raise

    def _redeemed(
        self, caller: Caller, chain: Chain, issued: Permit, attempt: Attempt, administration: int | None
    ) -> Permitted:
        acknowledgement, intent = chain.intent
        self._check_same_person(caller, intent)  # refused whatever else holds
        redeemed = chain.permit("redeemed")
        if redeemed is not None:
            same = (redeemed[1].attempt, redeemed[1].executor) == (attempt.attempt, attempt.executor)
            if (
                same and chain.state.phase == "redeemed"
            ):  # the answer was lost on its way, the act is still to come
                return _permitted(*redeemed)
            raise NotPermitted(
                "this permit was used already: it is good once", advice="Declare a new intent."
            )
        if chain.state.phase != "permitted":
            raise NotPermitted(f"this intervention is {chain.state.phase}: its permit is void")
        self._check_allowed(caller, "redeem", intent)
        facts = self._facts(acknowledgement, intent)
        noted = self._check_redeem(chain, issued, attempt, facts)
        record = of_permit(caller, issued, attempt, "redeemed", noted)
        try:
            (acknowledgement,) = self._extend(chain, [record], administration, self._turn(intent, facts))
        except ClaimTaken as error:
            raise NotPermitted(_FASTER) from error
        return _permitted(acknowledgement, record)

    def _turn(self, intent: Intent, facts: proof.Intent) -> tuple[str, ...]:
        """The claim that keeps others off the same target meanwhile; only ``enforce`` makes anybody wait."""
        if intent.mode != "enforce":
            return ()
        return (self._turns.claim(facts.bound.target, intent.id),)

    def _check_redeem(
        self, chain: Chain, permit: Permit, attempt: Attempt, facts: proof.Intent
    ) -> str | None:
        """What the record of the redemption has to note: what ``enforce`` would have refused."""
        _, intent = chain.intent
        before = self._before(intent, permit, attempt)
        try:
            self._check_act(intent, attempt)
            proof.check_redeem(
                facts,
                self._approvals.standing(chain),
                proof.Permit(
                    bound=replace(facts.bound, before_sha256=permit.before), expires=permit.expires or ""
                ),
                acting=facts.bound,
                attempt=attempt.attempt,
                before_now_sha256=before,
                persons=self._people.enrolled(),
                now=clock.now(),
            )
        except BeforeStateChanged as error:
            if intent.mode == "enforce":
                raise
            return f"{error} Found: {attempt.before.form}, SHA-256 {before}"
        return None

    def _check_act(self, intent: Intent, attempt: Attempt) -> None:
        """What an executor says it is about to do must be what was declared, at the place that was declared."""
        point, new = intent.target.point, intent.declaration.change.new
        if attempt.point not in (None, point):
            raise NotPermitted(
                f"this permit is for {point or intent.target.id}, not for {attempt.point}",
                advice="Declare an intent for this point.",
            )
        if attempt.new is None or (
            new is not None and captured.same(new, attempt.new, self._views.ignored(intent))
        ):
            return
        raise NotPermitted(
            f"this permit is for the new value {captured.render(new)}, not for {captured.render(attempt.new)}",
            advice="Declare an intent for exactly this change.",
        )

    def _before(self, intent: Intent, permit: Permit, attempt: Attempt) -> str:
        """Digest of the value found just before the act; one that could not be read cannot have changed."""
        if intent.declaration.change.original.form == "unknown" and attempt.before.form == "unknown":
            return permit.before
        return captured.normal_digest(attempt.before, self._views.ignored(intent))

    def _record_refusal(
        self, caller: Caller, intervention: str, permit: Permit, attempt: Attempt, error: Refused
    ) -> None:
        """Write down beside the permit who tried in vain. It changes nothing, so it may follow anything."""
        record = of_permit(caller, permit, attempt, "refused", cause=str(error))
        self._chains.add(intervention, Entry(record, expected_head=ANY, expected_administration=ANY))

    def _extend(
        self,
        chain: Chain,
        records: list[Permit],
        administration: int | None,
        turn: tuple[str, ...] = (),
    ) -> tuple[Acknowledgement, ...]:
        """Append ``records``; the first names the head they were decided on, a redemption its one claim."""
        entries = [
            Entry(
                record,
                claims=(proof.redemption_claim(record.permit), *turn) if record.phase == "redeemed" else (),
                expected_head=chain.head if position == 0 else ANY,
                expected_administration=administration,
                before=_deadline(chain.intent[1], record),
            )
            for position, record in enumerate(records)
        ]
        return self._chains.extend(str(records[0].intervention), chain, entries)


def issued_permit(
    acknowledgement: Acknowledgement, intent: Intent, facts: proof.Intent, seconds: int
) -> Permit:
    """A permit for ``intent``, which stands where ``acknowledgement`` says, good for ``seconds`` from now."""
    record_id = new_record_id()
    return Permit(
        id=record_id,
        schema=SCHEMA_VERSION,
        intervention=intent.id,
        times=Times(received=clock.now()),
        governance=intent.governance,
        phase="issued",
        intent=acknowledgement.index,
        leaf=acknowledgement.leaf,
        permit=record_id,
        person=intent.declaration.person,
        change=facts.bound.change_sha256,
        before=facts.bound.before_sha256,
        expires=clock.after(clock.now(), seconds=seconds),
        decision=intent.decision,
    )


def _deadline(intent: Intent, record: Permit) -> str | None:
    """Before when the record must be in the log: it may wait for its commit longer than it is good for."""
    ends = intent.declaration.expires
    return ends if record.phase == "issued" else min(ends, record.expires or ends)


def of_permit(
    caller: Caller, permit: Permit, attempt: Attempt | Spooled, phase: str, cause: str | None = None
) -> Permit:
    """What became of ``permit`` in ``attempt``, as its record."""
    return msgspec.structs.replace(
        permit,
        id=new_record_id(),
        phase=phase,
        executor=attempt.executor,
        attempt=attempt.attempt,
        comparison=attempt.comparison,
        window_ms=attempt.window_ms,
        cause=cause,
        via=caller.via,
        decision=None,
        times=Times(received=clock.now()),
    )


def _permitted(acknowledgement: Acknowledgement, record: Permit) -> Permitted:
    return Permitted(
        acknowledgement=acknowledgement,
        permit=record.permit,
        intervention=str(record.intervention),
        expires=record.expires or "",
        attempt=record.attempt,
    )
