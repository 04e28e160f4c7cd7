# SPDX-License-Identifier: Apache-2.0
"""What the gate makes of a declaration: everything that is wrong with it at once, or the intent to be appended.

Nothing is appended here, and nothing is decided about approvals: that follows from what stands in the log.
"""

from __future__ import annotations

import hmac
from typing import NoReturn

import msgspec

from byhand import clock
from byhand.client.contract import PointView
from byhand.control.authorization import FRESH, Authorization, forbidden, resource_of
from byhand.control.break_glass import BreakGlass
from byhand.control.chains import Chains
from byhand.control.fitting import Fitting
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.control.point_views import PointViews
from byhand.control.reasons import Reasons, text_digest
from byhand.control.runbooks import Runbooks
from byhand.errors import (
    BadSignature,
    ByhandError,
    Fault,
    Forbidden,
    HomeRefused,
    Invalid,
    LoginTooWeak,
    NotFound,
    ProofMismatch,
    Refused,
)
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import codec, parts
from byhand.records.intervention import Decision, Declaration, Governance, Target, Times
from byhand.records.kinds import SCHEMA_VERSION, Intent
from byhand.records.spool import SpooledAct
from byhand.signatures import dsse
from byhand.trust import break_glass, checks, facts as facts_of, reverts, spool as spools
from byhand.trust.authorization import Verdict
from byhand.trust.freshness import COMMIT_SECONDS_MAX, check_fresh
from byhand.trust.keyring import EnrolledKey
from byhand.trust.requirement import Requirement, requirement

CLOCK_SKEW_SECONDS_MAX = 300  # claims further off than this are flagged, see docs/spec/log-profile.md


class Judging:
    """Judges declarations for one home. Thread-safe; on the state of byhand that the caller holds."""

    def __init__(
        self,
        journal: Journal,
        chains: Chains,
        people: People,
        authorization: Authorization,
        views: PointViews,
        reasons: Reasons,
        fitting: Fitting,
        breaking: BreakGlass,
        runbooks: Runbooks,
        text_secret: bytes,
    ) -> None:
        self._journal = journal
        self._chains = chains
        self._people = people
        self._authorization = authorization
        self._views = views
        self._reasons = reasons
        self._fitting = fitting
        self._break_glass = breaking
        self._runbooks = runbooks
        self._text_secret = text_secret

    def judged(
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
        self._fitting.check(caller, declaration, view)  # 3
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
        self._fitting.check(caller, declaration, view, spooled=True)
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
                said=self._fitting.said,
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


def _one_line(error: ByhandError) -> str:
    return "; ".join(str(error).split("\n"))


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
