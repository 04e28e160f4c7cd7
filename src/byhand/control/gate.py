# SPDX-License-Identifier: Apache-2.0
"""The gate: declare, permit, redeem, conclude. No act without a permit, no permit without a logged intent.

Every method returns only after the durable commit. On any error no permit is given out.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn

import msgspec

from byhand import clock
from byhand.client.contract import (
    Acknowledgement,
    ApprovalRequest,
    Attempt,
    Concluded,
    Declared,
    Permitted,
    PointView,
)
from byhand.control.administration import RACES_MAX, AdministrationFold
from byhand.control.approvals import Approvals
from byhand.control.authorization import FRESH, Authorization, forbidden, resource_of
from byhand.control.break_glass import BreakGlass
from byhand.control.chains import Chain, Chains
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.control.permits import Permits
from byhand.control.point_views import PointViews
from byhand.control.reasons import Reasons, text_digest
from byhand.control.runbooks import Runbooks
from byhand.errors import (
    BadSignature,
    ByhandError,
    ChainMoved,
    ClaimTaken,
    Conflict,
    Fault,
    Forbidden,
    HomeRefused,
    Invalid,
    LoginTooWeak,
    NotFound,
    NotPermitted,
    ProofMismatch,
    Refused,
)
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import captured, codec, parts
from byhand.records.intervention import Decision, Declaration, Governance, Target, Times
from byhand.records.kinds import SCHEMA_VERSION, AnyRecord, Intent, Outcome
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.records.spool import SpooledAct
from byhand.settings import GateSettings
from byhand.signatures import dsse
from byhand.trust import break_glass, checks, facts as facts_of, reverts, spool as spools
from byhand.trust.authorization import Verdict
from byhand.trust.freshness import COMMIT_SECONDS_MAX, check_fresh
from byhand.trust.keyring import EnrolledKey
from byhand.trust.requirement import Requirement, requirement

CLOCK_SKEW_SECONDS_MAX = 300  # claims further off than this are flagged, see docs/spec/log-profile.md


class Gate:
    """The decision point of one home. Thread-safe."""

    def __init__(
        self,
        journal: Journal,
        chains: Chains,
        administration: AdministrationFold,
        people: People,
        authorization: Authorization,
        views: PointViews,
        reasons: Reasons,
        approvals: Approvals,
        permits: Permits,
        breaking: BreakGlass,
        runbooks: Runbooks,
        text_secret: bytes,
        settings: GateSettings,
    ) -> None:
        self._journal = journal
        self._chains = chains
        self._administration = administration
        self._people = people
        self._authorization = authorization
        self._views = views
        self._reasons = reasons
        self._approvals = approvals
        self._permits = permits
        self._break_glass = breaking
        self._runbooks = runbooks
        self._text_secret = text_secret
        self._settings = settings

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
                lambda now: self._judged(who(), declaration, statement, now.expected)
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
                lambda now: self._judged(who(), declaration, statement, now.expected, new=True)
            )
        except ByhandError:  # whatever it is, it is judged again, and said, by what is in the log
            return None

    def _declare(
        self, caller: Caller, declaration: Declaration, statement: str | None, administration: int | None
    ) -> Declared:
        entry = self._judged(caller, declaration, statement, administration)
        if entry is None:
            return self._declared(*self._chains.get(declaration.record).intent)
        try:
            return self._declared(self._chains.begin(entry), entry.record)
        except ClaimTaken:  # the same text was declared this very moment: judge anew, knowing that
            return self._declare(caller, declaration, statement, administration)

    def _judged(
        self,
        caller: Caller,
        declaration: Declaration,
        statement: str | None,
        administration: int | None,
        *,
        new: bool = False,
    ) -> Entry | None:
        """What is to be appended; ``None`` when it is in the log already. Raises what is wrong with it.

        ``new``: nobody looks whether id and text are in the log; the entry cannot be appended if they are.
        """
        declared = parts.encode_part(declaration)
        if not new and self._journal.known(declaration.record, declared) is not None:  # 0
            return None
        codec.validate(declaration)  # 1
        if declaration.person != caller.person:  # 2
            raise Refused(f"{caller.person} cannot declare in the name of {declaration.person}")
        view = self._views.declared(declaration)
        self._check_form(caller, declaration, view)  # 3
        claim = self._text_claim(declaration)
        first = self._journal.reader.claimed(claim) if claim is not None and not new else None
        used = first.id if first is not None else None
        needs = self._needs(caller, declaration, view)
        key = self._check_statement(caller, declaration, statement) if statement is not None else None  # 6
        flags, objections = self._objections(caller, declaration, view, used, needs, key)  # 4, 5
        verdict = self._judged_by_policies(caller, view, objections)  # 4
        if objections and view.mode == "enforce":
            _refuse(objections)
        if self._authorization.fresh():
            flags = (*flags, FRESH)
        details = new_record_id()
        would_refuse = tuple(_one_line(error) for error in objections)
        decision = self._path(declaration, view, needs, would_refuse)
        record = self._intent(caller, declaration, view, statement, flags, decision, details, verdict)
        if needs.approvals and self._undoes(record):
            decision = msgspec.structs.replace(
                self._decision(view.mode, requirement(view.tier, trial=True), would_refuse),
                authorised_by=declaration.caused_by,
            )
            record = self._intent(caller, declaration, view, statement, flags, decision, details, verdict)
        if declaration.break_glass:
            break_glass.check_declared(record, key)
            self._break_glass.check(caller.person)
        people = {details: caller.details()}
        claims = (claim,) if claim is not None and first is None else ()
        before = _deadline(caller, declaration, view)
        if declaration.runbook is not None:
            record, use = self._runbooks.followed(record, view.point)
            claims, before = (*claims, use), min(before, self._runbooks.deadline(record))
        return Entry(
            record,
            people=people,
            claims=claims,
            expected_head=None,
            expected_administration=administration,
            before=before,
            declaration=declared,
            new=new,
        )

    def _judged_by_policies(self, caller: Caller, view: PointView, objections: list[ByhandError]) -> Verdict:
        """What policies say of an act there; that they deny it is one more objection."""
        about = resource_of(view.point, person=caller.person, registered=view.registered)
        verdict = self._authorization.verdict(caller, "declare", about)
        if not verdict.allowed:
            objections.append(forbidden(caller.person, "declare", verdict))
        return verdict

    def spooled_intent(
        self,
        caller: Caller,
        act: SpooledAct,
        statement: str,
        claims: tuple[str, ...],
        administration: int | None,
    ) -> Entry | None:
        """The intent of an act that was spooled, to be appended; ``None`` when its id is in the log already.

        As for a declaration, 1 to 3 refuse; but the act has happened: its times may lie behind, and what breaks 4 or
        5 is written down in every mode. Its signature, and whether it may be spooled, is for ``Spooling``.
        """
        declaration = act.declaration
        declared = parts.encode_part(declaration)
        if self._journal.known(declaration.record, declared) is not None:
            return None
        codec.validate(declaration)
        view = self._views.declared(declaration)
        self._check_form(caller, declaration, view, spooled=True)
        claim = self._text_claim(declaration)
        first = self._journal.reader.claimed(claim) if claim is not None else None
        used = first.id if first is not None else None
        needs = self._needs(caller, declaration, view)
        signing = dsse.parse(statement.encode()).signatures
        key = self._people.keyring().keys.get(signing[0].keyid) if signing else None
        flags, objections = self._objections(caller, declaration, view, used, needs, key, spooled=True)
        verdict = self._judged_by_policies(caller, view, objections)
        line = spools.statement_of(statement)
        flags = (spools.SPOOLED, *((spools.LATE,) if spools.late(line, clock.now()) else ()), *flags)
        details = new_record_id()
        decision = msgspec.structs.replace(
            self._decision(view.mode, needs, ()),
            path="spool",
            would_refuse=tuple(_one_line(error) for error in objections),
        )
        record = msgspec.structs.replace(
            self._intent(caller, declaration, view, statement, flags, decision, details, verdict),
            spooled=act.spooled,
        )
        return Entry(
            record,
            people={details: caller.details()},
            claims=(*claims, *((claim,) if claim is not None and first is None else ())),
            expected_head=None,
            expected_administration=administration,
            declaration=declared,
        )

    def _text_claim(self, declaration: Declaration) -> str | None:
        """The name that a person's text takes by its first use, in the append itself: no two can be first.

        Keyed, so that names do not give texts away.
        """
        justification = declaration.justification
        if justification is None:
            return None
        words = f"{declaration.person}\n{text_digest(justification.text)}".encode()
        return "text:" + hmac.digest(self._text_secret, words, "sha256").hex()

    def _said(self, intervention: str) -> str | None:
        """Digest of the reason given in another intent; ``None`` where there is none to be read."""
        try:
            _, intent = self._chains.get(intervention).intent
        except (NotFound, HomeRefused):
            return None
        given = intent.declaration.justification
        return text_digest(given.text) if given is not None else None

    def _check_form(
        self, caller: Caller, declaration: Declaration, view: PointView, *, spooled: bool = False
    ) -> None:
        faults: list[Fault] = []
        point = view.point
        if view.registered and declaration.action != point.action:
            faults.append(Fault("/action", f"this point is for {point.action}, not for {declaration.action}"))
        if view.registered and declaration.change.field != point.field:
            faults.append(Fault("/change/field", f"this point's field is {point.field!r}"))
        self._check_cause(declaration, faults)
        _check_author(caller, declaration, faults)
        if not spooled:
            self._check_times(declaration, view, clock.now(), faults)
        elif declaration.break_glass:
            faults.append(Fault("/break_glass", "cannot be spooled: others have to hear of it at once"))
        if declaration.runbook is not None:
            _check_runbook(declaration, view, faults, spooled=spooled)
        if faults:
            raise Invalid("the declaration does not fit its point", tuple(faults))

    def _check_times(self, declaration: Declaration, view: PointView, now: str, faults: list[Fault]) -> None:
        if declaration.expires <= now:
            faults.append(Fault("/expires", "lies in the past", "declare again"))
        seconds = self._settings.intent_seconds
        if declaration.break_glass:
            seconds = break_glass.PERMIT_SECONDS_MAX
            if view.mode != "enforce":
                complaint = f"is not needed: this point only {view.mode}s, and a permit is issued at once"
                faults.append(Fault("/break_glass", complaint, "byhand run"))
        if declaration.expires > clock.after(now, seconds=seconds):
            faults.append(Fault("/expires", f"is more than {seconds} seconds away"))
        until = declaration.change.effective_until
        if until is not None and until <= now:
            faults.append(Fault("/change/effective_until", "lies in the past"))

    def _check_cause(self, declaration: Declaration, faults: list[Fault]) -> None:
        """What led to this is in this log; a reason is inherited from there or not at all."""
        cause, given = declaration.caused_by, declaration.justification
        if cause is not None and self._journal.reader.head(cause) is None:
            faults.append(Fault("/caused_by", "is no intervention of this log"))
        if given is None or given.collected != "inherited":
            return
        if cause is None or self._said(cause) != text_digest(given.text):
            complaint = "is inherited from no cause that says the same"
            faults.append(Fault("/justification/collected", complaint))

    def _objections(
        self,
        caller: Caller,
        declaration: Declaration,
        view: PointView,
        used: str | None,
        needs: Requirement,
        key: EnrolledKey | None,
        *,
        spooled: bool = False,
    ) -> tuple[tuple[str, ...], list[ByhandError]]:
        """What ``enforce`` refuses; in ``observe`` and ``warn`` it is written down instead.

        ``used``: the record in which this person used this text first.
        """
        objections: list[ByhandError] = []
        flags: tuple[str, ...] = ()
        try:
            flags = self._reasons.check(
                declaration.justification,
                view.point,
                person=caller.person,
                earlier=lambda _person, _digest: used,
                said=self._said,
            )
        except Invalid as error:
            objections.append(error)
        oldest = _since(clock.now(), needs.authenticated_seconds)
        try:
            check_fresh(caller.authentication, oldest, needs.authenticated_seconds)
        except LoginTooWeak as error:
            objections.append(error)
        serious = f"{view.tier} risk"
        if needs.signature != "none" and key is None:
            objections.append(
                Refused(f"{serious}: the intent must be signed by your own key", advice="byhand login")
            )
        elif needs.signature == "device-key" and key is not None and not key.device_bound:
            advice = "Sign in with a hardware key (ssh-keygen -t ed25519-sk)."
            what = f"{serious}: the intent must be signed by a key that is bound to a device"
            objections.append(Refused(what, advice=advice))
        if needs.new and declaration.change.new is None:
            fault = Fault("/change/new", f"{serious}: the new value must be declared", "give it with --new")
            objections.append(Invalid("the change is not exact", (fault,)))
        if needs.readable and declaration.change.original.form == "unknown":
            cause = declaration.change.original.cause
            objections.append(Refused(f"{serious}: the value before the act could not be read: {cause}"))
        return flags + (() if spooled else self._time_flags(declaration)), objections

    @staticmethod
    def _time_flags(declaration: Declaration) -> tuple[str, ...]:
        claimed = declaration.times.observed if declaration.times is not None else None
        if claimed is None:
            return ()
        off = abs((clock.parse(claimed) - clock.parse(clock.now())).total_seconds())
        return ("clock_off",) if off > CLOCK_SKEW_SECONDS_MAX else ()

    def _needs(self, caller: Caller, declaration: Declaration, view: PointView) -> Requirement:
        """What ``enforce`` demands of it; while the home is on trial there is nobody to ask for an approval."""
        if declaration.break_glass:
            return facts_of.of_break_glass(view.tier)
        return requirement(
            view.tier,
            view.point,
            declaration.change,
            trial=self._people.trial(),
            by_agent=facts_of.by_agent(caller.via or declaration.via),
        )

    def _undoes(self, intent: Intent) -> bool:
        """Whether it is the way back of a change that was to end: then it was authorised with that."""
        cause = intent.declaration.caused_by
        if cause is None or not reverts.is_revert(intent.declaration):
            return False
        try:
            chain = self._chains.get(cause)
            original = reverts.original(chain.intent[1])
            reverts.check(intent, original, chain.state.phase, at=clock.now())
        except (NotFound, HomeRefused, ProofMismatch):
            return False  # it is judged like any other intent
        return True

    def _path(
        self, declaration: Declaration, view: PointView, needs: Requirement, would_refuse: tuple[str, ...]
    ) -> Decision:
        if declaration.break_glass:
            return self._broken(declaration, view, would_refuse)
        return self._decision(view.mode, needs, would_refuse)

    def _broken(self, declaration: Declaration, view: PointView, would_refuse: tuple[str, ...]) -> Decision:
        """Let pass without waiting for anybody; how many would have been waited for is written down."""
        trial = self._people.trial()
        missing = requirement(view.tier, view.point, declaration.change, trial=trial).approvals
        said = (f"{missing} approval(s) would be needed",) if missing else ()
        return Decision(path=break_glass.PATH, would_refuse=would_refuse + said, trial=trial)

    def _decision(self, mode: str, needs: Requirement, would_refuse: tuple[str, ...]) -> Decision:
        trial = self._people.trial()
        if mode == "enforce":
            return Decision(
                path="approved" if needs.approvals else "automatic",
                approvals_needed=needs.approvals,
                approvers=needs.approvers,
                requirement=needs.digest,
                trial=trial,
            )
        missing = (f"{needs.approvals} approval(s) would be needed",) if needs.approvals else ()
        return Decision(
            path="observe" if mode == "observe" else "warn", would_refuse=would_refuse + missing, trial=trial
        )

    def _check_statement(self, caller: Caller, declaration: Declaration, statement: str) -> EnrolledKey:
        try:
            return checks.check_intent(
                dsse.parse(statement.encode()),
                origin=self._journal.origin,
                record_id=declaration.record,
                declaration_sha256=codec.declaration_digest(declaration),
                person=caller.person,
                keyring=self._people.keyring(),
                at_index=self._people.position(),
                now=clock.now(),
            )
        except BadSignature as error:
            raise Refused(f"the intent's signature does not hold: {error}") from error

    def _intent(
        self,
        caller: Caller,
        declaration: Declaration,
        view: PointView,
        statement: str | None,
        flags: tuple[str, ...],
        decision: Decision,
        details: str,
        verdict: Verdict,
    ) -> Intent:
        point = view.point
        return Intent(
            id=declaration.record,
            schema=SCHEMA_VERSION,
            intervention=declaration.record,
            caused_by=declaration.caused_by,
            times=Times(received=clock.now()),
            governance=Governance(retention_class=point.retention_class, classification=point.classification),
            declaration=declaration,
            actor=caller.actor(
                signed_by="actor" if statement is not None else "server", via=declaration.via, details=details
            ),
            target=Target(
                system=point.system,
                type=point.type,
                id=point.id,
                point=point.name if view.registered else None,
                environment=point.environment,
                tier=point.tier,
            ),
            mode=view.mode,
            catalogue=view.catalogue,
            decision=msgspec.structs.replace(
                decision, policy=self._authorization.digest(), policies=verdict.policies
            ),
            statement=statement,
            flags=flags,
        )

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
        if self._journal.known(outcome.id, codec.encode(outcome)) is not None:
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
        entry = Entry(judged, claims=claims, expected_head=chain.head, declaration=codec.encode(outcome))
        (acknowledgement,) = self._chains.extend(intent.id, chain, [entry])
        return Concluded(acknowledgement=acknowledgement, outcome=judged)


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


def _one_line(error: ByhandError) -> str:
    return "; ".join(str(error).split("\n"))


def _check_author(caller: Caller, declaration: Declaration, faults: list[Fault]) -> None:
    """What an agent writes says so, for whoever reads it years later."""
    given, via = declaration.justification, caller.via
    if given is not None and via is not None and via.kind == "agent" and given.written_by != "agent":
        advice = 'write "agent": what an agent writes is no person\'s word'
        faults.append(Fault("/justification/written_by", "is not the person, but an agent", advice))


def _check_runbook(declaration: Declaration, view: PointView, faults: list[Fault], *, spooled: bool) -> None:
    """Uses are counted in the log, and only where somebody would have to approve."""
    if declaration.break_glass:
        faults.append(Fault("/runbook", "is followed, or the glass is broken: not both"))
    elif spooled:
        faults.append(Fault("/runbook", "cannot be spooled: its uses are counted in the log"))
    elif view.mode != "enforce":
        complaint = f"is not needed: this point only {view.mode}s, and a permit is issued at once"
        faults.append(Fault("/runbook", complaint, "leave it out"))


def _deadline(caller: Caller, declaration: Declaration, view: PointView) -> str:
    """Before when it must be in the log: a login that was fresh here must be so for the verifier as well."""
    seconds = requirement(view.tier).authenticated_seconds if view.mode == "enforce" else None
    if seconds is None:
        return declaration.expires
    last = clock.after(caller.authentication.when, seconds=seconds + COMMIT_SECONDS_MAX)
    return min(declaration.expires, last)


def _since(now: str, seconds: int | None) -> str:
    return clock.after(now, seconds=-seconds) if seconds is not None else now


def _refuse(objections: list[ByhandError]) -> NoReturn:
    """Raise them all as one: every fault at once, usage before refusal."""
    faults = tuple(fault for error in objections if isinstance(error, Invalid) for fault in error.faults)
    if faults:
        raise Invalid("the declaration is refused", faults)
    if all(isinstance(error, LoginTooWeak) for error in objections):
        raise objections[0]  # everything else is as it must be: sign in anew, and declare the same once more
    kind = Forbidden if all(isinstance(error, Forbidden) for error in objections) else Refused
    raise kind("; ".join(_one_line(error) for error in objections), advice=objections[0].advice)
