# SPDX-License-Identifier: Apache-2.0
"""What a verification found, in words: what, where, what it means, what to do; and how independent it was."""

from __future__ import annotations

from dataclasses import dataclass, field

FINDINGS_MAX = 1_000  # one is enough to be unsound; a thousand show the extent, more only fill the disk


@dataclass(frozen=True, slots=True)
class Found:
    """One finding. ``tamper`` tells evidence of change from a check that could not be made."""

    code: str
    where: str
    what: str
    meaning: str
    advice: str
    tamper: bool = True


MEANINGS: dict[str, tuple[str, str]] = {
    "entry.altered": (
        "an entry is not the one that was recorded",
        "Compare it with a copy or a receipt; treat everything after it as suspect.",
    ),
    "entry.missing": (
        "an entry that was recorded is gone",
        "Restore it from the copy; find out who could delete it.",
    ),
    "entry.inserted": (
        "an entry stands where it was never recorded",
        "Find out who could write to the store.",
    ),
    "entry.swapped": (
        "entries stand in another order than recorded",
        "Find out who could write to the store.",
    ),
    "entry.duplicated": ("an entry was written a second time", "Find out who could write to the store."),
    "entry.malformed": (
        "an entry is not of the form the log profile demands",
        "Treat the log as unsound from here.",
    ),
    "tile.altered": (
        "a tile does not hold the hashes of its entries",
        "The tiles can be rebuilt; find out who changed it.",
    ),
    "tile.missing": (
        "a tile that the tree needs is gone",
        "The tiles can be rebuilt; find out who removed it.",
    ),
    "tree.altered": (
        "the tree's stored edge does not follow from its entries",
        "Do not append to this home.",
    ),
    "lookup.altered": (
        "what the store finds entries by does not follow from the entries: something may be hidden from readers",
        "Do not rely on what this home shows. Restore it from a copy, and find out who could write to the store.",
    ),
    "approval.unproven": (
        "a decision over an intent does not hold: it counts for nothing",
        "Ask the person whom it names; somebody may have written it round the gate.",
    ),
    "payload.altered": ("a sealed payload is not the one its entry names", "Restore it from the copy."),
    "payload.missing": (
        "a sealed payload is gone, and no record says it was erased",
        "Restore it from the copy.",
    ),
    "payload.unopened": (
        "a payload does not open to what its entry commits to",
        "The key store was changed or mixed up.",
    ),
    "payload.unopenable": (
        "the keys of sealed records are gone, and no record says that they were erased",
        "Restore the key store from its copy. Whoever could delete keys has destroyed evidence.",
    ),
    "payload.inserted": (
        "a sealed payload lies where no entry names one",
        "Find out who could write to the store.",
    ),
    "chain.broken": (
        "an entry does not follow its chain's previous one",
        "A record may have been left out or slipped in.",
    ),
    "record.repeated": (
        "a record id stands in the log twice",
        "One of them was written around the gate; compare both with a receipt.",
    ),
    "time.backwards": ("recorded time goes backwards", "Somebody set the clock back or forged entries."),
    "time.ahead": (
        "recorded time runs ahead of this machine's clock",
        "Set this machine's clock and look again; else the log's clock was wrong, or its times are made up.",
    ),
    "checkpoint.replayed": (
        "an older checkpoint stands where a newer one was seen",
        "After a crash the next use of the home puts it right. Else somebody put an old one back.",
    ),
    "checkpoint.missing": ("there is no signed checkpoint", "Nothing proves when this log was last whole."),
    "checkpoint.forged": (
        "the checkpoint's signature does not hold",
        "Take the log's keys from its owner, not from the log.",
    ),
    "checkpoint.mismatch": (
        "the signed root is not the root of these entries",
        "Entries were changed after signing, or the note is another log's.",
    ),
    "checkpoint.origin": ("the checkpoint is another log's", "Ask for this log's own checkpoint."),
    "log.rolled_back": (
        "the log is smaller than a checkpoint that was seen of it",
        "Entries were cut off, or a backup was restored.",
    ),
    "log.forked": (
        "the log's history is another one than was seen before",
        "Somebody rewrote history with the log's key in hand.",
    ),
    "anchor.mismatch": (
        "the log and its anchor disagree",
        "The home was rolled back, restored, or rewritten.",
    ),
    "anchor.missing": (
        "this log has a checkpoint, and no anchor on this machine",
        "Was the home brought here? Then say --no-anchor. Else the anchor was deleted, to hide that entries are gone.",
    ),
    "anchor.damaged": (
        "the anchor cannot be read",
        "Keep the file as it is. Compare the log with a checkpoint or receipt that you kept: --since FILE.",
    ),
    "keys.unreadable": (
        "the key store cannot be read: what the records say was not looked at",
        "Mend the key store, or restore it from its copy.",
    ),
    "store.altered": (
        "the store is not laid out as byhand makes it: reading it would prove nothing",
        "Restore it from a copy, and find out who could write to the store.",
    ),
    "home.copy": (
        "this home is a copy of the one that may speak for the log",
        "Use the first home, or adopt this one openly.",
    ),
    "key.changed": (
        "the log's key is not the one that was known",
        "Compare with its owner by another way before trusting it.",
    ),
    "keyring.broken": (
        "an enrolment or revocation does not lead back to the officers",
        "Somebody may speak in another's name.",
    ),
    "officers.changed": (
        "the officers are not the ones the policy names",
        "Compare the fingerprint with an officer.",
    ),
    "signature.broken": (
        "a person's signature does not cover the record",
        "Do not rely on who is said to have acted.",
    ),
    "point.contradicted": (
        "an intent says another risk, mode or target than its intervention point had at that place, or other policies",
        "Somebody wrote around the gate, perhaps to do without a signature.",
    ),
    "lifecycle.broken": (
        "the records of an intervention contradict each other",
        "Somebody wrote around the gate.",
    ),
    "permit.unproven": (
        "an act was carried out on a permit that was not due",
        "Somebody wrote around the gate.",
    ),
    "spool.forbidden": (
        "what is recorded as spooled may not be: of high risk, on old knowledge, or after a line that was left out",
        "Somebody wrote around the gate: it records a finding in such a case.",
    ),
    "proof.broken": ("a proof does not lead to the signed root", "The record is not shown to be in the log."),
    "cosignature.broken": ("a witness signed another checkpoint", "The witness does not vouch for this log."),
    "bundle.malformed": ("the bundle is not of its form", "Ask for a fresh bundle."),
    "bundle.incomplete": (
        "the bundle leaves out what it must hold",
        "Ask for a fresh bundle; something may be hidden.",
    ),
}


NOT_MADE = frozenset({"anchor.missing", "keys.unreadable"})
"""Findings that say no more than that a check could not be made."""


def found(code: str, where: str, what: str) -> Found:
    """A finding with its standing meaning and advice."""
    meaning, advice = MEANINGS[code]
    return Found(code, where, what, meaning, advice, tamper=code not in NOT_MADE)


@dataclass(slots=True)
class Report:
    """The answer of ``verify``. Sound only when nothing was found and the signer is known."""

    target: str
    origin: str = ""
    size: int = 0
    authenticated: bool = False
    independence: list[str] = field(default_factory=list)
    findings: list[Found] = field(default_factory=list)
    reservations: list[str] = field(default_factory=list)
    """What keeps a log without findings from being called sound, each as a verdict of its own."""
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, finding: Found) -> None:
        """Keep ``finding``; past FINDINGS_MAX only count it."""
        self.counts["findings"] = self.counts.get("findings", 0) + 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)

    def reserve(self, verdict: str) -> None:
        """Nothing was found, but not everything could be looked at: the verdict is ``verdict`` at best."""
        if verdict not in self.reservations:
            self.reservations.append(verdict)

    @property
    def tampered(self) -> bool:
        """Whether anything shows that evidence was changed."""
        return any(finding.tamper for finding in self.findings)

    @property
    def sound(self) -> bool:
        """Whether everything was looked at and held, and the log's identity is the verifier's own knowledge."""
        return self.authenticated and not self.findings and not self.reservations

    @property
    def verdict(self) -> str:
        """One line for people."""
        if self.findings:
            return f"NOT SOUND: {self.counts['findings']} finding(s)"
        if not self.authenticated:
            return "consistent; signer not authenticated"
        return self.reservations[0] if self.reservations else "sound"
