# SPDX-License-Identifier: Apache-2.0
"""The gate: declare, permit, redeem, conclude. No act without a permit, no permit without an intent in the log.

Every method returns only after the durable commit. On any error no permit is given out.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn

from byhand import clock
from byhand.client.contract import Attempt, Concluded, Declared, Permitted, PointView
from byhand.control.chains import Chain, Chains
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.control.points import Points
from byhand.control.reasons import Reasons
from byhand.control.requirement import Requirement, requirement
from byhand.errors import (
    BadSignature,
    BeforeStateChanged,
    ByhandError,
    ClaimTaken,
    Fault,
    Invalid,
    NotPermitted,
    Refused,
)
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.keystore.contract import REDACTION_MAC, KeyStore
from byhand.records import captured, codec
from byhand.records.intervention import Decision, Declaration, Governance, Target, Times
from byhand.records.kinds import SCHEMA_VERSION, Intent, Outcome, Permit, Point
from byhand.settings import GateSettings
from byhand.trust import permit as permit_check
from byhand.trust import statements

CLOCK_SKEW_SECONDS_MAX = 300  # claims further off than this are flagged, see docs/spec/log-profile.md


class Gate:
    """The decision point of one home. Thread-safe."""

    def __init__(
        self,
        journal: Journal,
        chains: Chains,
        people: People,
        points: Points,
        reasons: Reasons,
        earlier_text: Callable[[str, str], str | None],
        keys: KeyStore,
        settings: GateSettings,
    ) -> None:
        self._journal = journal
        self._chains = chains
        self._people = people
        self._points = points
        self._reasons = reasons
        self._earlier_text = earlier_text
        self._mac_secret = keys.secret(REDACTION_MAC)
        self._settings = settings

    # -- what a client must know before it declares

    def point(self, name: str) -> PointView:
        """The registered point ``name``; raises NotFound."""
        return self._view(self._points.get(name), registered=True)

    def target(self, action: str, system: str, type_: str, id_: str, field: str) -> PointView:
        """An unregistered target: production, high, enforce."""
        return self._view(self._points.unregistered(action, system, type_, id_, field), registered=False)

    def _view(self, point: Point, *, registered: bool) -> PointView:
        version, reasons = self._reasons.catalogue()
        names = [self._journal.origin, point.system, point.type, point.id, point.field]
        bound = b"byhand/redaction/v1\n" + codec.canonical_bytes(names)
        return PointView(
            point=point,
            registered=registered,
            mode=point.mode,
            tier=point.tier,
            catalogue=version,
            reasons=self._reasons.for_point(point, reasons),
            mac_key=hmac.digest(self._mac_secret, bound, "sha256").hex(),
            mac_key_id=hmac.digest(self._mac_secret, b"id\n" + bound, "sha256").hex()[:16],
        )

    def _declared_point(self, declaration: Declaration) -> PointView:
        if declaration.point is not None:
            return self.point(declaration.point)
        target = declaration.target
        if target is None:
            raise Invalid("the declaration names neither a point nor a target", (Fault("/point", "is missing"),))
        return self.target(declaration.action, target.system, target.type, target.id, declaration.change.field)

    # -- declare

    def declare(self, caller: Caller, declaration: Declaration, statement: str | None = None) -> Declared:
        """Put the intent in the log.

        0 the same declaration again gets the same answer; 1 its form holds, all faults named; 2 it speaks for
        the caller and nobody else; 3 action and field are the point's; 4 the reason stands; 5 it carries what
        its tier requires; 6 a signature, when there is one, covers exactly it.
        """
        canonical = codec.encode_part(declaration)
        known = self._journal.known(declaration.record, canonical)  # 0
        if known is not None:
            return self._declared(self._chains.get(declaration.record))
        codec.validate(declaration)  # 1
        if declaration.person != caller.person:  # 2
            raise Refused(f"{caller.person} cannot declare in the name of {declaration.person}")
        view = self._declared_point(declaration)
        self._check_form(declaration, view)  # 3
        flags, objections = self._objections(caller, declaration, view, statement)  # 4, 5
        if statement is not None:
            self._check_statement(caller, declaration, statement)  # 6
        if objections and view.mode == "enforce":
            _refuse(objections)
        record = self._intent(caller, declaration, view, statement, flags, objections)
        details = new_record_id()
        people = {details: caller.details()}
        self._chains.begin(
            Entry(codec.with_details(record, details), people=people, expected_head=None, declaration=canonical)
        )
        return self._declared(self._chains.get(declaration.record))

    def _check_form(self, declaration: Declaration, view: PointView) -> None:
        faults: list[Fault] = []
        point = view.point
        if view.registered and declaration.action != point.action:
            faults.append(Fault("/action", f"this point is for {point.action}, not for {declaration.action}"))
        if view.registered and declaration.change.field != point.field:
            faults.append(Fault("/change/field", f"this point's field is {point.field!r}"))
        now = clock.now()
        if declaration.expires <= now:
            faults.append(Fault("/expires", "lies in the past", "declare again"))
        if declaration.expires > clock.after(now, seconds=self._settings.intent_seconds):
            faults.append(Fault("/expires", f"is more than {self._settings.intent_seconds} seconds away"))
        until = declaration.change.effective_until
        if until is not None and until <= now:
            faults.append(Fault("/change/effective_until", "lies in the past"))
        if faults:
            raise Invalid("the declaration does not fit its point", tuple(faults))

    def _objections(
        self, caller: Caller, declaration: Declaration, view: PointView, statement: str | None
    ) -> tuple[tuple[str, ...], list[ByhandError]]:
        """What ``enforce`` refuses; in ``observe`` and ``warn`` it is written down instead."""
        objections: list[ByhandError] = []
        flags: tuple[str, ...] = ()
        try:
            flags = self._reasons.check(
                declaration.justification, declaration.action, view.point, person=caller.person, earlier=self._earlier_text
            )
        except Invalid as error:
            objections.append(error)
        needs = requirement(view.tier)
        serious = f"{view.tier} risk"
        if needs.signed and statement is None:
            objections.append(Refused(f"{serious}: the intent must be signed by your own key", advice="byhand login"))
        if needs.new and declaration.change.new is None:
            fault = Fault("/change/new", f"{serious}: the new value must be declared", "give it with --new")
            objections.append(Invalid("the change is not exact", (fault,)))
        if needs.signed and declaration.change.original.form == "unknown":
            cause = declaration.change.original.cause
            objections.append(Refused(f"{serious}: the value before the act could not be read: {cause}"))
        return flags + self._time_flags(declaration), objections

    @staticmethod
    def _time_flags(declaration: Declaration) -> tuple[str, ...]:
        claimed = declaration.times.observed if declaration.times is not None else None
        if claimed is None:
            return ()
        off = abs((clock.parse(claimed) - clock.parse(clock.now())).total_seconds())
        return ("clock_off",) if off > CLOCK_SKEW_SECONDS_MAX else ()

    def _check_statement(self, caller: Caller, declaration: Declaration, statement: str) -> None:
        try:
            statements.check_intent(
                statement,
                origin=self._journal.origin,
                record_id=declaration.record,
                declaration_sha256=codec.declaration_digest(declaration),
                person=caller.person,
                keyring=self._people.keyring(),
                at_index=self._journal.reader.size,
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
        objections: list[ByhandError],
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
            actor=caller.actor(signed_by="actor" if statement is not None else "server", via=declaration.via),
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
            decision=_decision(view.mode, tuple(_one_line(error) for error in objections)),
            statement=statement,
            flags=flags,
        )

    @staticmethod
    def _declared(chain: Chain) -> Declared:
        acknowledgement, intent = chain.intent
        return Declared(
            acknowledgement=acknowledgement,
            intervention=intent.id,
            mode=intent.mode,
            tier=intent.target.tier,
            expires=intent.declaration.expires,
            approvals_missing=requirement(intent.target.tier).approvals,
            would_refuse=intent.decision.would_refuse,
        )

    # -- permit and redeem

    def permit(self, caller: Caller, intervention: str, redeem: Attempt | None = None) -> Permitted:
        """Issue the permit, once the intent's requirement is met; with ``redeem`` use it in the same commit."""
        return self._chains.deciding(intervention, lambda chain: self._permit(caller, chain, redeem))

    def _permit(self, caller: Caller, chain: Chain, redeem: Attempt | None) -> Permitted:
        issued = chain.permit("issued")
        if issued is not None:
            return self._redeem(caller, chain, redeem) if redeem is not None else _permitted(*issued)
        index, intent = chain.intent
        needs = requirement(intent.target.tier)
        self._check_issue(caller, chain, needs)
        if needs.anchored:
            self._journal.anchor(index.index + 1)
        permit = self._issued(chain)
        records = [permit]
        if redeem is not None:
            self._check_redeem(caller, chain, permit, redeem)
            records.append(self._redeemed(permit, redeem))
        acknowledgements = self._extend(chain, records)
        return _permitted(acknowledgements[-1], records[-1])

    def _check_issue(self, caller: Caller, chain: Chain, needs: Requirement) -> None:
        acknowledgement, intent = chain.intent
        if chain.state.phase != "declared":
            raise NotPermitted(f"this intervention is {chain.state.phase}: it gets no permit any more")
        signed = intent.statement is not None or intent.mode != "enforce"
        permit_check.check_issue(
            person=caller.person,
            persons=self._people.keyring().persons,
            intent_person=intent.declaration.person,
            intent_index=acknowledgement.index,
            intent_expires=intent.declaration.expires,
            now=clock.now(),
            approvals_required=needs.approvals,
            approvers=frozenset(),
            contributors=frozenset({intent.declaration.person}),
            signature_required=needs.signed,
            signed=signed,
        )

    def _issued(self, chain: Chain) -> Permit:
        acknowledgement, intent = chain.intent
        point = self._declared_point(intent.declaration).point
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
            change=codec.change_digest(intent.declaration.change),
            before=captured.normal_digest(intent.declaration.change.original, point.ignore),
            expires=clock.after(clock.now(), seconds=self._settings.permit_seconds),
            decision=intent.decision,
        )

    def redeem(self, caller: Caller, intervention: str, attempt: Attempt) -> Permitted:
        """Use the permit, exactly once: one attempt of one executor gets one answer, also when asked again."""
        return self._chains.deciding(intervention, lambda chain: self._redeem(caller, chain, attempt))

    def _redeem(self, caller: Caller, chain: Chain, attempt: Attempt) -> Permitted:
        issued = chain.permit("issued")
        if issued is None:
            raise NotPermitted("no permit was issued for this intervention", advice="byhand permit ID")
        redeemed = chain.permit("redeemed")
        if redeemed is not None:
            if (redeemed[1].attempt, redeemed[1].executor) == (attempt.attempt, attempt.executor):
                return _permitted(*redeemed)
            self._refuse_attempt(chain, issued[1], attempt, NotPermitted("this permit was used already"))
        if chain.state.phase != "permitted":
            raise NotPermitted(f"this intervention is {chain.state.phase}: its permit is void")
        self._check_redeem(caller, chain, issued[1], attempt)
        record = self._redeemed(issued[1], attempt)
        try:
            (acknowledgement,) = self._extend(chain, [record])
        except ClaimTaken as error:
            raise NotPermitted("this permit was used already, by somebody faster") from error
        return _permitted(acknowledgement, record)

    def _check_redeem(self, caller: Caller, chain: Chain, permit: Permit, attempt: Attempt) -> None:
        _, intent = chain.intent
        view = self._declared_point(intent.declaration)
        readable = intent.declaration.change.original.form != "unknown"
        before = captured.normal_digest(attempt.before, view.point.ignore) if readable else permit.before
        try:
            permit_check.check_redeem(
                person=caller.person,
                permit_person=permit.person,
                permit_expires=permit.expires or "",
                now=clock.now(),
                before=before,
                permit_before=permit.before,
            )
        except BeforeStateChanged as error:
            if intent.mode == "enforce":
                self._refuse_attempt(chain, permit, attempt, error)
        except NotPermitted as error:
            self._refuse_attempt(chain, permit, attempt, error)

    def _refuse_attempt(self, chain: Chain, permit: Permit, attempt: Attempt, error: Refused) -> NoReturn:
        """Write the refusal down beside the permit, then raise it. A permit not yet issued leaves no record."""
        if chain.permit("issued") is not None:
            refused = self._of_permit(permit, attempt, "refused", cause=str(error))
            self._extend(chain, [refused])
        raise error

    def _redeemed(self, permit: Permit, attempt: Attempt) -> Permit:
        return self._of_permit(permit, attempt, "redeemed")

    @staticmethod
    def _of_permit(permit: Permit, attempt: Attempt, phase: str, cause: str | None = None) -> Permit:
        return codec.replace(
            permit,
            id=new_record_id(),
            phase=phase,
            executor=attempt.executor,
            attempt=attempt.attempt,
            comparison=attempt.comparison,
            window_ms=attempt.window_ms,
            cause=cause,
            decision=None,
            times=Times(received=clock.now()),
        )

    def _extend(self, chain: Chain, records: list[Permit]) -> tuple:  # type: ignore[type-arg]
        entries: list[Entry] = []
        for position, record in enumerate(records):
            claims = (f"redemption:{record.permit}",) if record.phase == "redeemed" else ()
            expected = chain.head if position == 0 else None
            entries.append(_entry(record, claims, expected, first=position == 0))
        return self._chains.extend(str(records[0].intervention), chain, entries)

    # -- conclude

    def conclude(self, caller: Caller, intervention: str, outcome: Outcome) -> Concluded:
        """Record how it ended, with the value found afterwards."""
        known = self._journal.known(outcome.id, codec.encode(outcome))
        if known is not None:
            return Concluded(acknowledgement=known, outcome=outcome)
        codec.validate(outcome)
        return self._chains.deciding(intervention, lambda chain: self._conclude(caller, chain, outcome))

    def _conclude(self, caller: Caller, chain: Chain, outcome: Outcome) -> Concluded:
        _, intent = chain.intent
        if caller.person != intent.declaration.person:
            raise Refused(f"only {intent.declaration.person} can conclude this intervention")
        if outcome.intervention != intent.id:
            raise Invalid("the outcome is of another intervention", (Fault("/intervention", "does not match"),))
        redeemed = chain.permit("redeemed")
        if outcome.result != "abandoned" and redeemed is None:
            raise NotPermitted("no permit was redeemed: nothing can have been carried out under it")
        if redeemed is not None and outcome.attempt != redeemed[1].attempt:
            raise Refused("the outcome is of another attempt than the one that redeemed the permit")
        view = self._declared_point(intent.declaration)
        judged = codec.replace(
            outcome,
            as_declared=_as_declared(intent, outcome, view.point),
            concluded_by=caller.person,
            governance=intent.governance,
        )
        entry = Entry(judged, expected_head=chain.head, declaration=codec.encode(outcome))
        (acknowledgement,) = self._chains.extend(intent.id, chain, [entry])
        return Concluded(acknowledgement=acknowledgement, outcome=judged)


def _entry(record: Permit, claims: tuple[str, ...], expected: int | None, *, first: bool) -> Entry:
    return Entry(record, claims=claims, expected_head=expected) if first else Entry(record, claims=claims)


def _permitted(acknowledgement, record: Permit) -> Permitted:  # type: ignore[no-untyped-def]
    return Permitted(
        acknowledgement=acknowledgement,
        permit=record.permit,
        intervention=str(record.intervention),
        expires=record.expires or "",
        attempt=record.attempt,
    )


def _as_declared(intent: Intent, outcome: Outcome, point: Point) -> bool | None:
    declared = intent.declaration.change.new
    if outcome.result != "applied" or declared is None or outcome.found is None or outcome.found.form == "unknown":
        return None
    return captured.same(outcome.found, declared, point.ignore)


def _decision(mode: str, would_refuse: tuple[str, ...]) -> Decision:
    if mode == "enforce":
        return Decision(path="automatic")
    return Decision(path="observe" if mode == "observe" else "warn", would_refuse=would_refuse)


def _one_line(error: ByhandError) -> str:
    return "; ".join(str(error).split("\n"))


def _refuse(objections: list[ByhandError]) -> NoReturn:
    """Raise them all as one: every fault at once, usage before refusal."""
    faults = tuple(fault for error in objections if isinstance(error, Invalid) for fault in error.faults)
    if faults:
        raise Invalid("the declaration is refused", faults)
    raise Refused("; ".join(_one_line(error) for error in objections), advice=objections[0].advice)
