# SPDX-License-Identifier: Apache-2.0
"""The gate: declare, permit, redeem, conclude. No act without a permit, no permit without a logged intent.

Every method returns only after the durable commit. On any error no permit is given out.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from byhand.client.contract import (
    Acknowledgement,
    ApprovalRequest,
    Attempt,
    Concluded,
    Declared,
    Permitted,
)
from byhand.control.administration import RACES_MAX, AdministrationFold
from byhand.control.approvals import Approvals
from byhand.control.authorization import Authorization
from byhand.control.chains import Chain, Chains
from byhand.control.identity import Caller
from byhand.control.judging import Judging
from byhand.control.permits import Permits
from byhand.control.point_views import PointViews
from byhand.errors import (
    ByhandError,
    ChainMoved,
    ClaimTaken,
    Conflict,
    Fault,
    Invalid,
    NotPermitted,
    Refused,
)
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import captured, codec
from byhand.records.intervention import Declaration
from byhand.records.kinds import AnyRecord, Intent, Outcome
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.records.spool import as_told


class Gate:
    """The decision point of one home. Thread-safe."""

    def __init__(
        self,
        journal: Journal,
        chains: Chains,
        administration: AdministrationFold,
        authorization: Authorization,
        views: PointViews,
        judging: Judging,
        approvals: Approvals,
        permits: Permits,
    ) -> None:
        self._journal = journal
        self._chains = chains
        self._administration = administration
        self._authorization = authorization
        self._views = views
        self._judging = judging
        self._approvals = approvals
        self._permits = permits

    # -- declare

    def declare(self, caller: Caller, declaration: Declaration, statement: str | None = None) -> Declared:
        """Put the intent in the log.

        0 the same declaration again gets the same answer; 1 its form holds, all faults named; 2 it speaks for
        the caller and nobody else; 3 action and field are the point's, its times lie ahead, its cause is in this
        log; 4 the reason stands, and a policy lets this person act here; 5 it carries what its tier requires; 6 a
        signature, when there is one, covers exactly it.

        In ``observe`` and ``warn`` what breaks 4 or 5 is written down; the others refuse in every mode.
        """
        return self._administration.deciding(
            lambda now: self._declare(caller, declaration, statement, now.expected)
        )

    async def declare_async(
        self, who: Callable[[], Caller], declaration: Declaration, statement: str | None = None
    ) -> Declared:
        """As ``declare``, for a caller on an event loop: judged there, only the durable commit is waited for.

        ``who`` is asked on the very state that the intent is judged on. At first its id and its text are taken to
        be new, as they almost always are: the append finds out if they are not. Decided anew when that was wrong,
        or when the state was overtaken meanwhile, as often as any decision is.
        """
        entry = self._judged_as_new(who, declaration, statement)
        for last in (False,) * (RACES_MAX - 1) + (True,):
            try:
                if entry is not None:
                    return self._declared(await self._chains.begin_async(entry), entry.record)
            except ClaimTaken:
                pass
            except ChainMoved as moved:
                if last or moved.chain not in (ADMINISTRATION_CHAIN, declaration.record):
                    raise
            entry = self._administration.deciding(
                lambda now: self._judging.judged(who(), declaration, statement, now.expected)
            )
            if entry is None:
                return self._declared(*self._chains.get(declaration.record).intent)
        raise Refused("the same text is being declared over and over", advice="Declare again in a moment.")

    def _judged_as_new(
        self, who: Callable[[], Caller], declaration: Declaration, statement: str | None
    ) -> Entry | None:
        """What is to be appended, judged without a look into the log; ``None`` when that look is needed."""
        if declaration.runbook is not None:  # which use of the day it is stands in the log
            return None
        try:
            return self._administration.deciding_lately(
                lambda now: self._judging.judged(who(), declaration, statement, now.expected, new=True)
            )
        except ByhandError:  # whatever it is, it is judged again, and said, by what is in the log
            return None

    def _declare(
        self, caller: Caller, declaration: Declaration, statement: str | None, administration: int | None
    ) -> Declared:
        entry = self._judging.judged(caller, declaration, statement, administration)
        if entry is None:
            return self._declared(*self._chains.get(declaration.record).intent)
        try:
            return self._declared(self._chains.begin(entry), entry.record)
        except ClaimTaken:  # the same text was declared this very moment: judge anew, knowing that
            return self._declare(caller, declaration, statement, administration)

    @staticmethod
    def _declared(acknowledgement: Acknowledgement, intent: AnyRecord) -> Declared:
        if not isinstance(intent, Intent):
            raise Conflict(f"{intent.id} is no intent")
        return Declared(
            acknowledgement=acknowledgement,
            intervention=intent.id,
            mode=intent.mode,
            tier=intent.target.tier,
            expires=intent.declaration.expires,
            approvals_missing=intent.decision.approvals_needed,
            would_refuse=intent.decision.would_refuse,
        )

    # -- approve, refuse, withdraw

    def decide(self, caller: Caller, intervention: str, request: ApprovalRequest) -> Acknowledgement:
        """Record another person's signed decision over an intent. One refusal ends it: declare anew."""
        return self._administration.deciding(
            lambda now: self._approvals.decide(caller, intervention, request, now.expected)
        )

    # -- permit and redeem

    def permit(self, caller: Caller, intervention: str, redeem: Attempt | None = None) -> Permitted:
        """Issue the permit, once the requirement is met; with ``redeem`` use it in the same commit."""
        return self._administration.deciding(
            lambda now: self._permits.permit(caller, intervention, redeem, now.expected)
        )

    def redeem(self, caller: Caller, intervention: str, attempt: Attempt) -> Permitted:
        """Use the permit, exactly once: one attempt gets one answer, also when asked again."""
        return self._administration.deciding(
            lambda now: self._permits.redeem(caller, intervention, attempt, now.expected)
        )

    # -- conclude

    def conclude(self, caller: Caller, intervention: str, outcome: Outcome) -> Concluded:
        """Record how it ended, with the value found afterwards; asked again, answer what was recorded."""
        if outcome.statement is not None:
            fault = Fault("/statement", "belongs to a line of a spool", "send it with: byhand spool send")
            raise Invalid("this outcome was spooled", (fault,))
        return self.spooled_outcome(caller, intervention, outcome, ())

    def spooled_outcome(
        self, caller: Caller, intervention: str, outcome: Outcome, claims: tuple[str, ...]
    ) -> Concluded:
        """As ``conclude``, for an outcome from a line that ``Spooling`` has judged, which takes ``claims``."""
        if self._journal.known(outcome.id, _told(outcome)) is not None:
            return self._concluded(outcome)
        codec.validate(outcome)
        return self._chains.deciding(
            intervention, lambda chain: self._conclude(caller, chain, outcome, claims)
        )

    def _concluded(self, outcome: Outcome) -> Concluded:
        chain = self._chains.get(str(outcome.intervention))
        (link,) = [link for link in chain.links if link.record.id == outcome.id]
        recorded = link.record if isinstance(link.record, Outcome) else outcome
        return Concluded(acknowledgement=link.acknowledgement, outcome=recorded)

    def _conclude(self, caller: Caller, chain: Chain, outcome: Outcome, claims: tuple[str, ...]) -> Concluded:
        _, intent = chain.intent
        if caller.person != intent.declaration.person:
            raise Refused("only the person who declared this intervention can conclude it")
        if outcome.intervention != intent.id:
            raise Invalid(
                "the outcome is of another intervention", (Fault("/intervention", "does not match"),)
            )
        redeemed = chain.permit("redeemed")
        if outcome.result != "abandoned" and redeemed is None:
            raise NotPermitted("no permit was redeemed: nothing can have been carried out under it")
        if redeemed is not None and outcome.attempt != redeemed[1].attempt:
            raise Refused("the outcome is of another attempt than the one that redeemed the permit")
        if redeemed is None:  # what was carried out under a permit is recorded, whatever policies say by now
            self._authorization.check(caller, "conclude", self._authorization.of(intent))
        judged = msgspec.structs.replace(
            outcome,
            as_declared=_as_declared(intent, outcome, self._views.ignored(intent)),
            concluded_by=caller.person,
            via=caller.via,
            governance=intent.governance,
        )
        entry = Entry(judged, claims=claims, expected_head=chain.head, declaration=_told(outcome))
        (acknowledgement,) = self._chains.extend(intent.id, chain, [entry])
        return Concluded(acknowledgement=acknowledgement, outcome=judged)


def _told(outcome: Outcome) -> bytes:
    """What a retry must equal: the same outcome, whether it comes directly or by a signed line of a spool."""
    return codec.encode(as_told(outcome))


def _as_declared(intent: Intent, outcome: Outcome, ignore: tuple[str, ...]) -> bool | None:
    declared = intent.declaration.change.new
    if (
        outcome.result != "applied"
        or declared is None
        or outcome.found is None
        or outcome.found.form == "unknown"
    ):
        return None
    return captured.same(outcome.found, declared, ignore)
