# SPDX-License-Identifier: Apache-2.0
"""Checks that the records hold together.

The keyring leads back to the officers, signatures cover what was declared, permits were due, and each
intervention's life is a possible one.

Fed in log order with every opened record, from a home or from a bundle:

    a  administration: keyring statements lead back to the genesis officers; others are signed by officers
    b  intent: by a person enrolled at that place in the log, made in the knowledge of all administration before
       it; it says of its target what the registered point says there (``trust.points``); the person's signature
       covers exactly the declaration, and there is one where that point demands it
       one that a runbook let pass: the proof of ``trust.runbook``, each use counted, and again at its permit
       one that was spooled: the signed line of the person's spool, and what ``trust.spool`` says of it
    c  permit: for an intent that stands where it says, made in the knowledge of all administration before it,
       by the proof of ``trust.permit`` at the time of its entry, or for a spooled act at the time of the act, redeemed
       at most once
       approvals by the proof of ``trust.quorum``: each decision at its own place, all of them at the permit's
    d  outcome and the rest: the lifecycle allows it; one that was spooled is covered by its person's line
    e  access: with the reason that the class of what was shown demands; without one it is told, for the evidence
       itself is none the worse for it

A record that cannot be opened leaves a hole in its chain: what follows there is not judged by what is not known,
and the hole itself is a finding (``payload_check``, ``bundle_check``).

Memory: one state for each intervention under way, two numbers for each that has ended, and one for each day of a
runbook.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from byhand import clock
from byhand.errors import (
    ByhandError,
    Invalid,
    LoginTooWeak,
    NotPermitted,
    ProofMismatch,
    Refused,
    Unsound,
)
from byhand.evidence.report import Report, found
from byhand.records import codec, lifecycle, spool as lines
from byhand.records.intervention import Spooled, Tier
from byhand.records.kinds import Administration, AnyRecord, Approval, Intent, Outcome, Permit, Point
from byhand.records.leaf import ADMINISTRATION_CHAIN, Leaf
from byhand.records.lifecycle import State
from byhand.signatures import dsse
from byhand.trust import (
    authorization as policies,
    break_glass,
    checks,
    facts as facts_of,
    permit as proof,
    quorum,
    reverts,
    runbook,
    spool as spools,
)
from byhand.trust.accounts import Accounts
from byhand.trust.administration import check_record
from byhand.trust.freshness import COMMIT_SECONDS_MAX, check_fresh
from byhand.trust.keyring import Keyring
from byhand.trust.points import Register, check_demands, check_says
from byhand.trust.quorum import About, Decided
from byhand.trust.reading import Reads
from byhand.trust.requirement import Requirement, demanded

ENDED = (lifecycle.ENDED - {"unknown"}) | {"explained"}  # after "unknown" an outcome may still follow
ENDINGS = tuple(sorted(ENDED))
ENDING_BITS = 4  # room for sixteen endings


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
    decided: tuple[Decided, ...] = ()
    """The decisions of other persons that held at their places."""


@dataclass(slots=True)
class RecordsCheck:
    """See the module. ``officers`` is the fingerprint in the verifier's policy, or ``None``."""

    report: Report
    origin: str
    officers: str | None
    keyring: Keyring | None = None
    signatures: int = 0
    reads: Reads = field(default_factory=Reads)
    _lives: dict[str, _Life] = field(default_factory=dict)
    _ended: dict[int, int] = field(default_factory=dict)
    """By hash of the intervention: how it ended, and the hash of its permit."""
    _administration: int | None = None
    _points: Register = field(default_factory=Register)
    _runbooks: runbook.Shelf = field(default_factory=runbook.Shelf)
    _uses: dict[tuple[str, str], int] = field(default_factory=dict)
    """By version of a runbook and day: how many acts it let pass."""
    _accounts: Accounts = field(default_factory=Accounts)
    _policy: str = ""
    """Digest of the policies in force; "": those shipped with the byhand that decided, which nobody can know here."""
    seen_trees: list[tuple[int, int, str]] = field(default_factory=list)
    """Of each decision that holds: its index, and size and root (hex) of the tree that the person had seen."""
    _claimed: set[int] = field(default_factory=set)
    _originals: dict[str, reverts.Original] = field(default_factory=dict)
    """What is known of changes that were to end, for the intents that undo them."""
    _holes: set[int] = field(default_factory=set)
    """Chains, by hash, of which a record could not be opened."""

    def see(self, seen: Seen) -> None:
        """Check the next record; what fails becomes a finding."""
        record = seen.record
        self._same_as_leaf(seen)
        self.reads.see(record)
        if isinstance(record, Intent | Approval | Permit):
            self._knows_administration(seen)
        if isinstance(record, Administration):
            self._administration = seen.index
            if not self._hole(ADMINISTRATION_CHAIN):
                self._see_administration(seen, record)
        elif isinstance(record, Intent):
            self._see_intent(seen, record)
        elif isinstance(record, Outcome) and record.statement is not None:
            self._see_spooled_outcome(seen, record, record.statement)
        if record.intervention is not None and not self._hole(record.intervention):
            if isinstance(record, Permit) and not self._hole(ADMINISTRATION_CHAIN):
                self._see_permit(seen, record)
            if isinstance(record, Approval) and not self._hole(ADMINISTRATION_CHAIN):
                self._see_approval(seen, record)
            self._advance(seen)

    def pass_over(self, index: int, leaf: Leaf) -> None:
        """A record that could not be opened stands here: its successors are not to blame for what it says."""
        if leaf.chain is not None:
            self._holes.add(hash(leaf.chain))
        if leaf.chain == ADMINISTRATION_CHAIN:
            self._administration = index

    def _hole(self, chain: str) -> bool:
        return bool(self._holes) and hash(chain) in self._holes

    def phase(self, intervention: str) -> str | None:
        """How far an intervention had come with the last record seen."""
        ended = self._ended.get(hash(intervention))
        if ended is not None:
            return _ending(ended)
        life = self._lives.get(intervention)
        return life.state.phase if life is not None else None

    def redeemed_target(self, seen: Seen) -> str | None:
        """The target (a digest) whose turn the redemption just seen took; ``None`` where nobody takes turns."""
        life = self._lives.get(str(seen.record.intervention))
        if life is None or life.intent is None or not isinstance(life.intent.record, Intent):
            return None
        intent = life.intent.record
        if intent.mode != "enforce" or intent.spooled is not None:  # what is over takes no turn
            return None
        return self._facts(life, life.intent, intent).bound.target

    def _same_as_leaf(self, seen: Seen) -> None:
        record, leaf = seen.record, seen.leaf
        kind, retention = record.__struct_config__.tag, record.governance.retention_class
        if (record.id, kind, record.intervention) != (leaf.id, leaf.kind, leaf.intervention):
            self._add("lifecycle.broken", seen, "its leaf speaks of another record than its body")
        if retention != leaf.retention:
            what = f"its leaf says the retention class {leaf.retention}, its body {retention}"
            self._add("lifecycle.broken", seen, what)

    def _knows_administration(self, seen: Seen) -> None:
        """Nothing may be decided on a keyring or point that was no longer in force."""
        if seen.leaf.administration != self._administration:
            code = "permit.unproven" if isinstance(seen.record, Permit) else "chain.broken"
            what = f"knows administration up to {seen.leaf.administration}, but it had reached {self._administration}"
            self._add(code, seen, what)

    def _add(self, code: str, seen: Seen, what: str) -> None:
        self.report.add(found(code, f"entry {seen.index}", what))

    # -- a

    def _see_administration(self, seen: Seen, record: Administration) -> None:
        try:
            self.keyring = check_record(
                record,
                index=seen.index,
                keyring=self.keyring,
                origin=self.origin,
                officers_fingerprint=self.officers,
            )
            self.signatures += len(record.statements)
            self._runbooks = self._runbooks.after(record, self._points.points, seen.leaf.recorded)
            self._points = self._points.after(record)
            self._accounts = self._accounts.after(record)
            self._policy = policies.digest(record.policy) if record.policy else self._policy
        except (Unsound, Invalid) as error:
            code = "officers.changed" if self.keyring is None else "keyring.broken"
            self._add(code, seen, str(error))

    # -- b

    def _see_intent(self, seen: Seen, record: Intent) -> None:
        person, actor = record.declaration.person, record.actor
        original = reverts.original(record)
        if original is not None:
            self._originals[record.id] = original
        if actor.person != person:
            self._add("signature.broken", seen, f"the actor is {actor.person}, but {person} declared it")
        if (actor.signed_by == "actor") != (record.statement is not None):
            self._add(
                "signature.broken", seen, f"says it is signed by the {actor.signed_by}, which is not so"
            )
        if self._hole(ADMINISTRATION_CHAIN):
            return
        if self.keyring is None:
            self._add("keyring.broken", seen, "an intent stands before anybody was enrolled")
            return
        if person not in self.keyring.persons_at(seen.index):
            self._add(
                "signature.broken", seen, f"{person} had no valid key at this place: nobody speaks for them"
            )
        try:
            self._accounts.check(actor)
        except ProofMismatch as error:
            self._add("signature.broken", seen, str(error))
        self._check_point(seen, record)
        if self._policy and record.decision.policy != self._policy:
            what = f"says it was judged by the policies {record.decision.policy or 'of nobody'}, not by those in force"
            self._add("point.contradicted", seen, what)
        if record.statement is not None:
            self._check_statement(seen, record, record.statement, self.keyring)

    def _check_point(self, seen: Seen, record: Intent) -> None:
        """What counts is the registered point, not what the record says of it."""
        try:
            point = self._points.counting(record)
            needs = self._demanded(seen, record, point)
            if break_glass.is_break_glass(record):
                needs = facts_of.of_break_glass(point.tier)
            cause = record.decision.authorised_by
            if cause is not None:
                if cause != record.declaration.caused_by:
                    raise ProofMismatch("it says it was authorised with something else than its cause")
                reverts.check(
                    record,
                    self._originals.get(cause),
                    self.phase(cause),
                    at=seen.leaf.recorded,
                    late_seconds=COMMIT_SECONDS_MAX,
                )
            if needs.signature != "none" and record.statement is None:
                what = f"{point.tier} risk under {point.mode}, but the actor did not sign the intent"
                self._add("signature.broken", seen, what)
            seconds = needs.authenticated_seconds
            since = clock.after(seen.leaf.recorded, seconds=-(seconds or 0) - COMMIT_SECONDS_MAX)
            check_fresh(record.actor.authentication, since, seconds)
            self._check_runbook(seen, record, point)
            check_demands(record, needs)
            check_says(record, point)
            self._check_spooled(seen, record, point.tier, needs.approvals)
        except LoginTooWeak as error:
            self._add("signature.broken", seen, f"{record.target.tier} risk: {error}")
        except ProofMismatch as error:
            self._add("point.contradicted", seen, str(error))

    def _check_runbook(self, seen: Seen, record: Intent, point: Point) -> None:
        if record.declaration.runbook is None and not runbook.is_runbook(record):
            return
        runbook.check_received(record, seen.leaf.recorded)
        runbook.check(record, self._runbooks, point, lambda version, day: self._uses.get((version, day), 0))
        use = (record.decision.runbook or "", runbook.day_of(record.times.received or ""))
        self._uses[use] = self._uses.get(use, 0) + 1

    def _demanded(self, seen: Seen, record: Intent, point: Point) -> Requirement:
        trial = self.keyring is not None and self.keyring.is_trial(seen.index)
        return demanded(
            point.tier,
            point.mode,
            point,
            record.declaration.change,
            trial=trial,
            by_agent=facts_of.by_agent(record.actor.via),
        )

    def _check_spooled(self, seen: Seen, record: Intent, tier: Tier, approvals: int) -> None:
        """What was done without the log could be: by what counted where its records stand."""
        spooled = record.spooled
        if (spooled is not None) != (record.decision.path == spools.PATH):
            self._add("spool.forbidden", seen, "its path and what it says of a spool contradict each other")
        if spooled is None:
            return
        try:
            said = spools.statement_of(record.statement or "")
            spools.check_act(
                said,
                spooled,
                record.declaration,
                tier=tier,
                approvals=approvals,
                recorded=seen.leaf.recorded,
            )
            spools.check_marked(
                said, record.flags, judged=clock.after(seen.leaf.recorded, seconds=-COMMIT_SECONDS_MAX)
            )
        except (Refused, Unsound, Invalid) as error:
            self._add("spool.forbidden", seen, str(error))

    def _see_spooled_outcome(self, seen: Seen, record: Outcome, statement: str) -> None:
        if self._hole(ADMINISTRATION_CHAIN) or self.keyring is None:
            return
        try:
            checks.check_spooled(
                dsse.parse(statement.encode()),
                origin=self.origin,
                says="outcome",
                intervention=str(record.intervention),
                content_sha256=lines.content_digest(record),
                person=record.concluded_by or "",
                keyring=self.keyring,
                at_index=seen.index,
            )
            self.signatures += 1
        except (Unsound, Invalid) as error:
            self._add("signature.broken", seen, str(error))

    def _check_statement(self, seen: Seen, record: Intent, statement: str, keyring: Keyring) -> None:
        if record.spooled is not None:
            self._check_line(seen, record, record.spooled, statement, keyring)
            return
        try:
            key = checks.check_intent(
                dsse.parse(statement.encode()),
                origin=self.origin,
                record_id=record.id,
                declaration_sha256=codec.declaration_digest(record.declaration),
                person=record.declaration.person,
                keyring=keyring,
                at_index=seen.index,
                now=seen.leaf.recorded,
            )
            self.signatures += 1
        except (Unsound, Invalid) as error:
            self._add("signature.broken", seen, str(error))
            return
        if break_glass.is_break_glass(record):
            try:
                break_glass.check_declared(record, key)
            except NotPermitted as error:
                self._add("point.contradicted", seen, str(error))

    def _check_line(
        self, seen: Seen, record: Intent, spooled: Spooled, statement: str, keyring: Keyring
    ) -> None:
        act = lines.SpooledAct(declaration=record.declaration, spooled=spooled)
        try:
            checks.check_spooled(
                dsse.parse(statement.encode()),
                origin=self.origin,
                says="act",
                intervention=record.id,
                content_sha256=lines.content_digest(act),
                person=record.declaration.person,
                keyring=keyring,
                at_index=seen.index,
            )
            self.signatures += 1
        except (Unsound, Invalid) as error:
            self._add("signature.broken", seen, str(error))

    # -- c

    def _see_permit(self, seen: Seen, record: Permit) -> None:
        life = self._lives.get(str(record.intervention))
        if record.phase == "refused" and hash(record.intervention) in self._ended:
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
        ignore = self._points.ignored(intent.target.point)
        if life.facts is None or life.ignore != ignore:
            bound = self.keyring is not None and facts_of.signed_device_bound(intent, self.keyring)
            life.facts = facts_of.facts(
                intent, index=stands.index, leaf_hash=stands.leaf_hash, ignore=ignore, device_bound=bound
            )
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
        if intent.spooled is not None and record.phase in ("issued", "redeemed"):
            acted = spools.statement_of(intent.statement or "").time
            standing = self._standing(seen, life, stands, intent)
            proof.check_spooled(facts, standing, acted=acted, persons=persons, acting=bound)
        elif record.phase == "issued":
            runbook.check_still(intent, self._runbooks)
            proof.check_issue(
                facts,
                self._standing(seen, life, stands, intent),
                persons=persons,
                now=recorded,
                permit_seconds=facts.permit_seconds_max,
            )
            proof.check_bound(facts, bound, facts.bound)
        if record.phase == "issued":
            if expires > clock.after(recorded, seconds=facts.permit_seconds_max):
                raise ProofMismatch(f"it was good until {expires}, longer than a permit may be")
            life.issued = record
        elif record.phase == "redeemed":
            if life.issued is None or life.issued.id != record.permit or life.redeemed:
                raise ProofMismatch("it was redeemed without being issued, or twice")
            if intent.spooled is not None:
                if (record.attempt, record.executor) != (intent.spooled.attempt, intent.spooled.executor):
                    raise ProofMismatch("it was redeemed by another attempt than the one that was spooled")
                life.redeemed = True
                return
            proof.check_redeem(
                facts,
                self._standing(seen, life, stands, intent),
                proof.Permit(bound=bound, expires=life.issued.expires or ""),
                acting=facts.bound,
                attempt=record.attempt or "",
                before_now_sha256=None,
                persons=persons,
                now=recorded,
            )
            life.redeemed = True

    def _about(self, stands: Seen, intent: Intent) -> About:
        return About(self.origin, intent, stands.index, stands.leaf_hash.hex(), facts_of.needs(intent))

    def _standing(self, seen: Seen, life: _Life, stands: Seen, intent: Intent) -> proof.Approvals:
        if self.keyring is None:
            raise ProofMismatch("nobody was enrolled who could have approved it")
        return quorum.standing(
            self._about(stands, intent),
            life.decided,
            keyring=self.keyring,
            at_index=seen.index,
            now=seen.leaf.recorded,
        )

    def _see_approval(self, seen: Seen, record: Approval) -> None:
        life = self._lives.get(str(record.intervention))
        if life is None or life.intent is None or not isinstance(life.intent.record, Intent):
            self._add("approval.unproven", seen, "there is no intent under way for this decision")
            return
        about = self._about(life.intent, life.intent.record)
        try:
            if self.keyring is None:
                raise ProofMismatch("nobody was enrolled who could have decided")
            recorded = seen.leaf.recorded
            quorum.check_decision(record, about, keyring=self.keyring, at_index=seen.index, recorded=recorded)
            _, said = quorum.statement_of(record, self.origin)
            self._check_first(record)
        except (Unsound, Refused, Invalid) as error:
            self._add("approval.unproven", seen, str(error))
            return
        self.signatures += 1
        self.seen_trees.append((seen.index, said.seen_size, said.seen_root))
        life.decided = (*life.decided, Decided(seen.index, recorded, record))

    def _check_first(self, record: Approval) -> None:
        """A statement, and a nonce, decide once."""
        for claim in quorum.claims(record):
            if hash(claim) in self._claimed:
                raise ProofMismatch("its statement or nonce was used before: it was replayed")
            self._claimed.add(hash(claim))

    # -- d

    def _advance(self, seen: Seen) -> None:
        intervention = str(seen.record.intervention)
        ended, life = self._ended.get(hash(intervention)), self._lives.get(intervention)
        before = (
            _ended_state(ended, seen.record)
            if ended is not None
            else life.state
            if life is not None
            else None
        )
        try:
            state = lifecycle.advance(before, seen.record)
        except ByhandError as error:
            self._add("lifecycle.broken", seen, str(error))
            return
        if state.phase in ENDED:
            self._lives.pop(intervention, None)
            if ended is None:
                self._ended[hash(intervention)] = (hash(state.permit) << ENDING_BITS) + ENDINGS.index(
                    state.phase
                )
        elif life is None:
            intent = seen if isinstance(seen.record, Intent) else None
            self._lives[intervention] = _Life(state, intent)
        else:
            life.state = state


def _ending(ended: int) -> str:
    return ENDINGS[ended & ((1 << ENDING_BITS) - 1)]


def _ended_state(ended: int, record: AnyRecord) -> State:
    """As much of the state at the end as the lifecycle asks for afterwards."""
    named = record.permit if isinstance(record, Permit) else None
    same = hash(named) == ended >> ENDING_BITS
    return State(phase=_ending(ended), permit=named if same else "another")
