# SPDX-License-Identifier: Apache-2.0
"""Checks that the records hold together.

The keyring leads back to the officers, signatures cover what was declared, permits were due, and each
intervention's life is a possible one.

Fed in log order with every opened record, from a home or from a bundle:

    a  administration: keyring statements lead back to the genesis officers; others are signed by officers
    b  intent: the actor's signature covers exactly the declaration, by a key valid at that place in the log;
       for high and critical risk under ``enforce`` there must be one
    c  permit: for an intent that stands where it says, made in the knowledge of all administration before it,
       by the proof of ``trust.permit`` at the time of its entry, redeemed at most once
    d  outcome and the rest: the lifecycle allows it

Memory: one state for each intervention that has not ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from byhand import clock
from byhand.errors import ByhandError, Invalid, ProofMismatch, Refused, Unsound
from byhand.evidence.report import Report, found
from byhand.records import codec, lifecycle
from byhand.records.kinds import Administration, AnyRecord, Intent, Permit
from byhand.records.leaf import Leaf
from byhand.records.lifecycle import State
from byhand.signatures import dsse
from byhand.trust import checks, facts as facts_of, permit as proof
from byhand.trust.administration import check_record
from byhand.trust.keyring import Keyring

SIGNED_TIERS = frozenset({"high", "critical"})
ENDED = (lifecycle.ENDED - {"unknown"}) | {"explained"}  # after "unknown" an outcome may still follow


@dataclass(frozen=True, slots=True)
class Seen:
    """One opened record in its place."""

    index: int
    leaf: Leaf
    leaf_hash: bytes
    record: AnyRecord


@dataclass(slots=True)
class _Life:
    """What the check remembers of an intervention under way."""

    state: State
    intent: Seen | None = None
    facts: proof.Intent | None = None
    ignore: tuple[str, ...] | None = None
    """The pointers left out of comparison when ``facts`` were made."""
    issued: Permit | None = None
    redeemed: bool = False


@dataclass(slots=True)
class RecordsCheck:
    """See the module. ``officers`` is the fingerprint in the verifier's policy, or ``None``."""

    report: Report
    origin: str
    officers: str | None
    keyring: Keyring | None = None
    signatures: int = 0
    _lives: dict[str, _Life] = field(default_factory=dict)
    _administration: int | None = None
    _ignored: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def see(self, seen: Seen) -> None:
        """Check the next record; what fails becomes a finding."""
        record = seen.record
        self._same_as_leaf(seen)
        if isinstance(record, Administration):
            self._see_administration(seen, record)
            self._administration = seen.index
        elif isinstance(record, Intent):
            self._see_intent(seen, record)
        elif isinstance(record, Permit):
            self._see_permit(seen, record)
        if record.intervention is not None:
            self._advance(seen)

    def phase(self, intervention: str) -> str | None:
        """How far an intervention had come with the last record seen."""
        life = self._lives.get(intervention)
        return life.state.phase if life is not None else None

    def _same_as_leaf(self, seen: Seen) -> None:
        record, leaf = seen.record, seen.leaf
        kind = record.__struct_config__.tag
        if (record.id, kind, record.intervention) != (leaf.id, leaf.kind, leaf.intervention):
            self._add("lifecycle.broken", seen, "its leaf speaks of another record than its body")

    def _add(self, code: str, seen: Seen, what: str) -> None:
        self.report.add(found(code, f"entry {seen.index}", what))

    # -- a

    def _see_administration(self, seen: Seen, record: Administration) -> None:
        if record.point is not None:
            self._ignored[record.point.name] = record.point.ignore
        try:
            self.keyring = check_record(
                record,
                index=seen.index,
                keyring=self.keyring,
                origin=self.origin,
                officers_fingerprint=self.officers,
            )
            self.signatures += len(record.statements)
        except (Unsound, Invalid) as error:
            code = "officers.changed" if self.keyring is None else "keyring.broken"
            self._add(code, seen, str(error))

    # -- b

    def _see_intent(self, seen: Seen, record: Intent) -> None:
        if record.statement is None:
            if record.target.tier in SIGNED_TIERS and record.mode == "enforce":
                self._add(
                    "signature.broken",
                    seen,
                    f"{record.target.tier} risk, but the actor did not sign the intent",
                )
            return
        if self.keyring is None:
            self._add("keyring.broken", seen, "an intent stands before anybody was enrolled")
            return
        try:
            checks.check_intent(
                dsse.parse(record.statement.encode()),
                origin=self.origin,
                record_id=record.id,
                declaration_sha256=codec.declaration_digest(record.declaration),
                person=record.declaration.person,
                keyring=self.keyring,
                at_index=seen.index,
                now=seen.leaf.recorded,
            )
            self.signatures += 1
        except (Unsound, Invalid) as error:
            self._add("signature.broken", seen, str(error))
        if record.actor.person != record.declaration.person:
            self._add("signature.broken", seen, "the actor is another person than the one who signed")

    # -- c

    def _see_permit(self, seen: Seen, record: Permit) -> None:
        life = self._lives.get(str(record.intervention))
        if seen.leaf.administration != self._administration:
            what = f"knows administration up to {seen.leaf.administration}, but it had reached {self._administration}"
            self._add("permit.unproven", seen, what)
        if life is not None and record.phase == "refused" and life.state.phase in ENDED:
            return  # an attempt in vain after the end changes nothing; its facts are forgotten by then
        if life is None or life.intent is None or not isinstance(life.intent.record, Intent):
            self._add("permit.unproven", seen, "there is no intent under way for this permit")
            return
        try:
            self._check_permit(seen, record, life, life.intent, life.intent.record)
        except (Unsound, Refused) as error:
            self._add("permit.unproven", seen, str(error))

    def _facts(self, life: _Life, stands: Seen, intent: Intent) -> proof.Intent:
        """The facts as they are here: the point may have been changed since the intent."""
        ignore = self._ignored.get(intent.target.point or "", ())
        if life.facts is None or life.ignore != ignore:
            life.facts = facts_of.facts(intent, index=stands.index, leaf_hash=stands.leaf_hash, ignore=ignore)
            life.ignore = ignore
        return life.facts

    def _check_permit(self, seen: Seen, record: Permit, life: _Life, stands: Seen, intent: Intent) -> None:
        """The proof that the gate went through, at the time and with the persons of that place in the log."""
        facts = self._facts(life, stands, intent)
        if (record.intent, record.leaf) != (facts.index, (facts.leaf_hash or b"").hex()):
            raise ProofMismatch("it names another intent than the one in the log")
        persons = self.keyring.persons_at(seen.index) if self.keyring is not None else frozenset()
        bound = replace(
            facts.bound, person=record.person, change_sha256=record.change, before_sha256=record.before
        )
        recorded, expires = seen.leaf.recorded, record.expires or ""
        if record.phase == "issued":
            proof.check_issue(
                facts,
                facts_of.approvals(intent),
                persons=persons,
                now=recorded,
                permit_seconds=proof.PERMIT_SECONDS_MAX,
            )
            proof.check_bound(facts, bound, facts.bound)
            if expires > clock.after(recorded, seconds=proof.PERMIT_SECONDS_MAX):
                raise ProofMismatch(f"it was good until {expires}, longer than a permit may be")
            life.issued = record
        elif record.phase == "redeemed":
            if life.issued is None or life.issued.id != record.permit or life.redeemed:
                raise ProofMismatch("it was redeemed without being issued, or twice")
            proof.check_redeem(
                facts,
                facts_of.approvals(intent),
                proof.Permit(bound=bound, expires=life.issued.expires or ""),
                acting=facts.bound,
                attempt=record.attempt or "",
                before_now_sha256=None,
                persons=persons,
                now=recorded,
            )
            life.redeemed = True

    # -- d

    def _advance(self, seen: Seen) -> None:
        intervention = str(seen.record.intervention)
        life = self._lives.get(intervention)
        try:
            state = lifecycle.advance(life.state if life is not None else None, seen.record)
        except ByhandError as error:
            self._add("lifecycle.broken", seen, str(error))
            return
        if life is None:
            intent = seen if isinstance(seen.record, Intent) else None
            self._lives[intervention] = _Life(state, intent)
        else:
            life.state = state
            if state.phase in ENDED:
                life.intent = life.facts = life.issued = None
