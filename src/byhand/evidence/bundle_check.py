# SPDX-License-Identifier: Apache-2.0
"""Does a bundle prove what it says? The same numbers as for a whole log, for two chains of it.

0  whose log it is comes from the verifier
1  the checkpoint is of this log and signed by its keys, and by as many witnesses as the policy demands
2  whatever is remembered and the checkpoint are of one history: the same root, or a consistency path between
   them, which the bundle brings or a log at hand makes; without one the bundle is not called sound
3  every entry stands under that checkpoint, by its own inclusion proof
4  both chains are whole: each entry names its predecessor, from the first one on
5  every section is the one its entry commits to; withheld sections keep their commitments
6  the keyring leads back to the officers, signatures cover what was declared, permits were due
7  what the bundle repeats for people and other tools is what the evidence gives, and there is nothing else
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from byhand.errors import ByhandError, MalformedProof, ProofMismatch, Unsound
from byhand.evidence.bundle import (
    ALLOWED_SIGNERS,
    CONSISTENCY,
    Bundle,
    BundleEntry,
    instructions,
    signer_files,
    statement_files,
)
from byhand.evidence.policy import Policy
from byhand.evidence.records_check import RecordsCheck, Seen
from byhand.evidence.report import Report, found
from byhand.evidence.sources import Prover
from byhand.evidence.tree_check import read_leaf
from byhand.evidence.verify import Remembered, check_witnesses, covering
from byhand.log import checkpoint as checkpoints, merkle, proof as proofs
from byhand.log.checkpoint import Checkpoint
from byhand.log.keys import ML_DSA_44, VerifierKey
from byhand.records import codec, payload
from byhand.records.codec import UnknownVersion
from byhand.records.leaf import ADMINISTRATION_CHAIN, Leaf
from byhand.records.payload import BODY, Section
from byhand.trust.keyring import Keyring

NOT_COMPARED = "consistent; not compared with what you remember"


def verify_bundle(
    bundle: Bundle,
    target: str,
    *,
    policy: Policy | None,
    now: str,
    remembered: Sequence[Remembered] = (),
    prover: Prover | None = None,
) -> Report:
    """Check ``bundle``; every fault becomes a finding. ``prover`` is a log at hand; it is not believed."""
    report = Report(target, origin=bundle.origin, authenticated=policy is not None)  # 0
    try:
        keys = policy.keys if policy is not None else tuple(VerifierKey.parse(key) for key in bundle.keys)
    except MalformedProof as error:
        report.add(found("bundle.malformed", "manifest", str(error)))
        return report
    if policy is not None and policy.origin != bundle.origin:
        report.add(
            found("checkpoint.origin", "manifest", f"speaks of {bundle.origin}, not of {policy.origin}")
        )
        return report
    if policy is not None:
        _check_keys(bundle, report, policy)
    checkpoint = _checkpoint(bundle, report, keys)  # 1
    if checkpoint is not None:
        report.size = checkpoint.size
        if policy is not None:
            check_witnesses(report, bundle.checkpoint, policy, now)
        _Comparison(bundle, report, checkpoint, keys, prover).run(remembered)  # 2
    opened = _entries(bundle, report, checkpoint, keys)  # 3, 5
    _chain(report, bundle.intervention, bundle.intervention_entries, opened)  # 4
    _chain(report, ADMINISTRATION_CHAIN, bundle.administration_entries, opened)
    check = RecordsCheck(report, bundle.origin, policy.officers if policy is not None else None)  # 6
    for index in sorted(opened):
        leaf, seen = opened[index]
        if seen is not None:
            check.see(seen)
        else:
            check.pass_over(index, leaf)
    if checkpoint is not None:
        _check_seen(bundle, report, checkpoint, check)
    _check_beside(bundle, report, opened, check.keyring)  # 7
    _say_what_is_open(bundle, report, check)
    if check.keyring is not None and (policy is None or policy.officers is None):
        claimed = check.keyring.officers_fingerprint
        report.notes.append(f"the officers' fingerprint is the bundle's own claim: compare {claimed}")
    report.counts |= {"entries": len(opened), "signatures": check.signatures}
    if not report.independence:
        report.independence.append("self-signed")
    return report


def _check_seen(bundle: Bundle, report: Report, checkpoint: Checkpoint, check: RecordsCheck) -> None:
    """What each approver had seen of the log before signing leads to the bundle's checkpoint (2)."""
    for index, size, root in check.seen_trees:
        path = bundle.seen.get((size, root))
        if path is None:
            what = "the bundle does not lead from what its signer had seen of the log"
            report.add(found("bundle.incomplete", f"entry {index}", what))
            continue
        try:
            merkle.verify_consistency(size, checkpoint.size, bytes.fromhex(root), checkpoint.root, path)
        except Unsound as error:
            what = f"what its signer had seen of the log is of another history: {error}"
            report.add(found("log.forked", f"entry {index}", what))


def _check_keys(bundle: Bundle, report: Report, policy: Policy) -> None:
    """Who checks by hand takes the log's key from the manifest: it must be the one that the verifier knows."""
    known = {key.encode() for key in policy.keys}
    for key in [VerifierKey.parse(one) for one in bundle.keys if one not in known]:
        if key.kind == ML_DSA_44 and key.name == bundle.origin and known & set(bundle.keys):
            report.notes.append(f"the log names one more key, which you do not know: {key.encode()[:80]}...")
        else:
            report.add(found("bundle.malformed", "manifest", "names keys that are not this log's"))


def _say_what_is_open(bundle: Bundle, report: Report, check: RecordsCheck) -> None:
    """What a bundle claims beside its entries must be what they give; what it cannot show is said."""
    if check.keyring is not None and bundle.officers != check.keyring.officers_fingerprint:
        what = f"claims the officers {bundle.officers}; its entries begin with {check.keyring.officers_fingerprint}"
        report.add(found("bundle.malformed", "manifest", what))
    phase, last = check.phase(bundle.intervention), max(bundle.intervention_entries, default=None)
    if phase is not None:
        report.notes.append(
            f"as far as this bundle goes, to entry {last}, the intervention is {phase}; "
            "that nothing followed only the whole log shows"
        )


def _checkpoint(bundle: Bundle, report: Report, keys: Sequence[VerifierKey]) -> Checkpoint | None:
    try:
        return checkpoints.open_checkpoint(bundle.checkpoint, bundle.origin, keys).checkpoint
    except Unsound as error:
        report.add(found("checkpoint.forged", "checkpoint", str(error)))
        return None


@dataclass(slots=True)
class _Comparison:
    """What is remembered against the bundle's checkpoint."""

    bundle: Bundle
    report: Report
    checkpoint: Checkpoint
    keys: Sequence[VerifierKey]
    prover: Prover | None

    def run(self, remembered: Sequence[Remembered]) -> None:
        """Compare every one; what cannot be compared is said, and keeps the bundle from being called sound."""
        roots = {self.checkpoint.size: self.checkpoint.root, 0: merkle.EMPTY_ROOT, **self._earlier()}
        for one in remembered:
            try:
                old = checkpoints.open_earlier(one.note, self.report.origin, self.keys).checkpoint
            except Unsound as error:
                self._add("checkpoint.origin", one.place, f"is no checkpoint of this log: {error}")
                continue
            known = roots.get(old.size)
            agrees = known == old.root if known is not None else self._proven(one.place, old)
            if agrees is False:
                what = (
                    f"the {old.size} entries seen there are of another history than this bundle's checkpoint"
                )
                self._add("log.forked", one.place, what)
            elif agrees:
                self.report.independence.append(covering(one, old.size))

    def _add(self, code: str, where: str, what: str) -> None:
        self.report.add(found(code, where, what))

    def _earlier(self) -> dict[int, bytes]:
        """Roots of the earlier checkpoints that the bundle leads from."""
        roots: dict[int, bytes] = {}
        for one in self.bundle.earlier:
            try:
                old = checkpoints.open_earlier(one.note, self.report.origin, self.keys).checkpoint
                self._lead(old, self.checkpoint, one.path)
            except Unsound as error:
                self._add("proof.broken", CONSISTENCY, str(error))
            else:
                roots[old.size] = old.root
        return roots

    @staticmethod
    def _lead(old: Checkpoint, new: Checkpoint, path: Sequence[bytes]) -> None:
        merkle.verify_consistency(old.size, new.size, old.root, new.root, path)

    def _proven(self, place: str, seen: Checkpoint) -> bool | None:
        """Whether the log at hand shows both to be of one history; ``None``: it cannot say."""
        old, new = sorted((seen, self.checkpoint), key=lambda one: one.size)
        why = "no log is at hand to compare them with"
        if self.prover is not None:
            try:
                self._lead(old, new, self.prover.consistency(old.size, new.size))
            except ProofMismatch:
                return False
            except ByhandError as error:
                why = f"{self.prover.place} does not show it: {error}"
            else:
                return True
        self.report.reserve(NOT_COMPARED)
        self.report.notes.append(
            f"{place} holds {seen.size} entries, the bundle {self.checkpoint.size}; {why}. "
            "Compare: byhand verify BUNDLE --against HOME, FOLDER or URL; or ask for a bundle made with --since"
        )
        return None


def _entries(
    bundle: Bundle, report: Report, checkpoint: Checkpoint | None, keys: Sequence[VerifierKey]
) -> dict[int, tuple[Leaf, Seen | None]]:
    opened: dict[int, tuple[Leaf, Seen | None]] = {}
    for index, entry in sorted(bundle.entries.items()):
        try:
            leaf = read_leaf(entry.leaf)
            if checkpoint is not None:
                _check_proof(bundle, entry, checkpoint, keys)  # 3
            opened[index] = (leaf, _record(entry, leaf))  # 5
        except Unsound as error:
            code = "payload.altered" if "section" in str(error) else "proof.broken"
            report.add(found(code, f"entry {index}", str(error)))
    return opened


def _check_proof(
    bundle: Bundle, entry: BundleEntry, checkpoint: Checkpoint, keys: Sequence[VerifierKey]
) -> None:
    proof = proofs.parse(entry.proof)
    if proof.index != entry.index:
        raise MalformedProof(f"its proof is about entry {proof.index}")
    under = proofs.verify(proof, entry.leaf, bundle.origin, keys).checkpoint
    if (under.size, under.root) != (checkpoint.size, checkpoint.root):
        raise MalformedProof("its proof leads to another checkpoint than the bundle's")


def _record(entry: BundleEntry, leaf: Leaf) -> Seen | None:
    """The record in the body section, once every section is what the leaf commits to; ``None`` when withheld."""
    if leaf.commitment is None:
        return None
    payload.check_list([(one.name, one.commitment) for one in entry.sections], leaf.commitment)
    body: bytes | None = None
    for one in entry.sections:
        if one.salt is not None and one.content is not None:
            payload.check_section(Section(one.name, one.salt, one.content), one.commitment)
            body = one.content if one.name == BODY else body
    if body is None:
        return None
    record = codec.decode(body)
    if isinstance(record, UnknownVersion):
        return None
    return Seen(entry.index, leaf, merkle.leaf_hash(entry.leaf), record)


def _check_beside(
    bundle: Bundle, report: Report, opened: dict[int, tuple[Leaf, Seen | None]], keyring: Keyring | None
) -> None:
    """Other tools believe these members: a changed one would mislead whoever checks by hand."""
    expected: dict[str, bytes] = {}
    for index, (_, seen) in opened.items():
        if seen is not None:
            expected |= statement_files(index, seen.record)
    if keyring is not None:
        try:
            expected |= signer_files(keyring, report.size)
        except Unsound as error:
            report.add(
                found("bundle.malformed", ALLOWED_SIGNERS, f"cannot be derived from its keys: {error}")
            )
    shipped = instructions(bundle.origin, bundle.intervention)
    for name in sorted({*expected, *bundle.beside}):
        if name in shipped:
            if bundle.beside[name] != shipped[name]:
                report.notes.append(f"{name} is not the one of this byhand: read it before you follow it")
        elif bundle.beside.get(name) != expected.get(name):
            report.add(found("bundle.malformed", name, "is not what the evidence gives"))


def _chain(
    report: Report, name: str, indexes: Sequence[int], opened: dict[int, tuple[Leaf, Seen | None]]
) -> None:
    """Each entry names its predecessor, from a first one that names none: nothing in between was left out."""
    previous: int | None = None
    for index in indexes:
        if index not in opened:
            report.add(found("bundle.incomplete", f"entry {index}", f"of the chain {name} cannot be read"))
            previous = index
            continue
        leaf, seen = opened[index]
        if leaf.chain != name:
            report.add(found("chain.broken", f"entry {index}", f"belongs to {leaf.chain}, not to {name}"))
        if leaf.previous != previous:
            what = f"follows {leaf.previous}, but the bundle's previous entry of {name} is {previous}"
            report.add(found("bundle.incomplete", f"entry {index}", what))
        if seen is None:
            report.add(found("bundle.incomplete", f"entry {index}", "its body is withheld or cannot be read"))
        previous = index
    if not indexes:
        report.add(found("bundle.incomplete", name, "the bundle holds no entry of it"))
