# SPDX-License-Identifier: Apache-2.0
"""The names that a home's store keeps: each record id and claim leads to its entry, and there are no others.

A claim that is gone lets a permit be used twice; one too many refuses an honest act. The digest beside a name
tells a retry from another declaration: where it can be made again from the record, it must be that one.

Lines of spools stand in their places: each names the line before it, and one that is not in the log is told missing by
a finding, for an honest gate writes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from byhand.errors import Invalid, Unsound
from byhand.evidence.report import Report, found
from byhand.evidence.sources import KeptLookups
from byhand.journal.vault import Vault
from byhand.records import parts, spool as lines
from byhand.records.kinds import Access, AnyRecord, Approval, Finding, Intent, Outcome, Permit
from byhand.trust import quorum, runbook, spool as spools
from byhand.trust.permit import redemption_claim

TOLD = (spools.GAP, spools.FORK, spools.REFUSED)
"""Findings about a line that is not where the line before it leads to, or that is no record at all."""
TEXT_CLAIMS = "text:"  # the first use of a person's text; keyed, so only their number can be judged


def turn_claim(target: str, number: int) -> str:
    """The name that the ``number``-th redemption on a target (a digest) takes in the log."""
    return f"turn:{target}:{number}"


class _Line(NamedTuple):
    """A line that became a record, and the one that it names."""

    entry: int
    before: str | None
    """The place of the line before it; ``None`` for the first one."""
    previous: str


@dataclass(slots=True)
class NamesCheck:
    """Fed with every opened record in log order, then asked to ``finish``."""

    lookups: KeptLookups
    vault: Vault
    report: Report
    _waiting: list[tuple[str, int, tuple[bytes, ...]]] = field(default_factory=list)
    _claims: int = 0
    _intents: int = 0
    _turns: dict[str, int] = field(default_factory=dict)
    _uses: dict[tuple[str, str], int] = field(default_factory=dict)
    _whole: bool = True
    _lines: set[int] = field(default_factory=set)
    """Places of lines, by hash: what was spooled is little beside the rest of a log."""
    _places: dict[str, set[str]] = field(default_factory=dict)
    """Which lines were told for a place."""
    _told: set[str] = field(default_factory=set)
    """Lines of which a finding says that something is wrong with their place."""
    _follows: dict[str, _Line] = field(default_factory=dict)

    def see(self, index: int, record: AnyRecord, body: bytes, target: str | None) -> None:
        """``target`` is the one whose turn a redemption took, ``None`` where nobody takes turns."""
        self._waiting.append((record.id, index, self._macs(record, body)))
        if isinstance(record, Intent):
            self._intents += 1
            self._use(record, index)
        for name in self._line_claims(record):
            self._claim(name, index)
        self._line(record, index)
        if isinstance(record, Approval):
            for claim in quorum.claims(record):
                self._claim(claim, index)
        if isinstance(record, Permit) and record.phase == "redeemed":
            self._claim(redemption_claim(record.permit), index)
            if target is not None and self._whole:
                number = self._turns.get(target, 0)
                self._turns[target] = number + 1
                self._claim(turn_claim(target, number), index)

    def pass_over(self) -> None:
        """A record that could not be opened may have claimed names: from here on turns and uses cannot be counted."""
        self._whole = False

    def _use(self, record: Intent, index: int) -> None:
        """The use of a runbook, the next one of its day."""
        if not runbook.is_runbook(record) or not self._whole:
            return
        use = (record.decision.runbook or "", runbook.day_of(record.times.received or ""))
        self._uses[use] = self._uses.get(use, 0) + 1
        self._claim(runbook.use_claim(*use, self._uses[use]), index)

    def _claim(self, name: str, index: int) -> None:
        self._claims += 1
        self._waiting.append((name, index, ()))

    def _line_claims(self, record: AnyRecord) -> tuple[str, ...]:
        """What a line of a spool claimed; a second line for one place claims nothing."""
        if isinstance(record, Finding):
            names = spools.claims_of_finding(record)
        elif isinstance(record, Intent | Outcome):
            try:
                claimed = spools.claim_of_record(record)
            except (Invalid, Unsound):
                return ()  # its signature does not hold either, which is said of it
            names = (claimed,) if claimed is not None else ()
        else:
            return ()
        fresh = tuple(name for name in names if hash(name) not in self._lines)
        self._lines.update(hash(name) for name in names)
        return fresh

    def _line(self, record: AnyRecord, index: int) -> None:
        """Where a line stands, and which one it follows; or what is said of one."""
        if isinstance(record, Finding):
            self._said(record)
        elif isinstance(record, Intent | Outcome) and record.statement is not None:
            try:
                place, data = spools.claim_of_record(record), lines.line_of(record)
                said = spools.statement_of(record.statement) if place is not None else None
            except (Invalid, Unsound):
                return  # its signature does not hold either, which is said of it
            if place is None or data is None or said is None:
                return
            digest = lines.line_digest(data)
            self._places.setdefault(place, set()).add(digest)
            before = spools.line_claim(said, before=1) if said.sequence else None
            self._follows[digest] = _Line(index, before, said.previous)

    def _said(self, finding: Finding) -> None:
        if finding.verdict in spools.VERDICTS and finding.references:
            digest, *claimed = finding.references
            for place in claimed:
                self._places.setdefault(place, set()).add(digest)
            if finding.verdict in TOLD:
                self._told.add(digest)

    def _macs(self, record: AnyRecord, body: bytes) -> tuple[bytes, ...]:
        """What may stand beside the record's id; empty where the declaration was not the record."""
        if isinstance(record, Intent):
            declared = parts.encode_part(record.declaration)
            return (self.vault.declaration_mac(declared), self.vault.declaration_mac(body))
        if isinstance(record, Access | Permit):
            return (self.vault.declaration_mac(body),)
        return ()

    def flush(self) -> None:
        """Compare what was seen since the last time."""
        waiting, self._waiting = self._waiting, []
        taken = self.lookups.takings([name for name, _, _ in waiting])
        for name, index, macs in waiting:
            place, mac = taken.get(name, (None, b""))
            if place != index:
                what = (
                    f"its name {name} leads to {place}" if place is not None else f"its name {name} is gone"
                )
                self.report.add(found("lookup.altered", f"entry {index}", what))
            elif macs and mac not in macs:
                what = "the digest that tells its retry from another declaration is not its own"
                self.report.add(found("lookup.altered", f"entry {index}", what))

    def finish(self, size: int) -> None:
        """No name stands for anything else: ids and claims of ``size`` entries are all there are."""
        self.flush()
        if not self._whole:
            return
        texts = self.lookups.name_count(TEXT_CLAIMS)
        others = self.lookups.name_count() - texts - size - self._claims
        if others:
            what = f"hold {others:+d} than the ids and claims of {size} entries"
            self.report.add(found("lookup.altered", "names", what))
        if texts > self._intents:
            what = f"hold the first use of {texts} texts; there are {self._intents} intents"
            self.report.add(found("lookup.altered", "names", what))
        self._finish_lines()

    def _finish_lines(self) -> None:
        """No line was taken out unseen: the one before it is in the log, or a finding says that it is not."""
        for digest, line in self._follows.items():
            known = {lines.FIRST} if line.before is None else self._places.get(line.before, set())
            if digest not in self._told and line.previous not in known:
                what = "the line of a spool before it is not in the log, and no finding says so"
                self.report.add(found("spool.forbidden", f"entry {line.entry}", what))
