# SPDX-License-Identifier: Apache-2.0
"""Runbooks: set by officers' signatures, followed by declarations, each use counted in the append itself.

What lets an act pass is said by ``byhand.trust.runbook``, the same numbers here and for a verifier years later.
"""

from __future__ import annotations

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement, RunbookRow
from byhand.control.administration import Administrated, AdministrationFold
from byhand.control.identity import Caller
from byhand.errors import Conflict, Fault, Invalid, NotFound, NotPermitted, ProofMismatch, Refused, Unsound
from byhand.journal.journal import Journal
from byhand.records.kinds import Administration, Intent, Point
from byhand.trust import administration as trust, runbook as proof
from byhand.trust.freshness import COMMIT_SECONDS_MAX
from byhand.trust.runbook import Version

ACTIONS = (trust.RUNBOOK_SET, trust.RUNBOOK_RETIRE)
_SEE = "See: byhand runbook list"


class Runbooks:
    """The runbooks of one home."""

    def __init__(self, journal: Journal, administration: AdministrationFold) -> None:
        self._journal = journal
        self._administration = administration

    def all(self) -> tuple[RunbookRow, ...]:
        """The last version of every runbook, by name."""
        versions = self._administration.current().runbooks.versions
        return tuple(self._row(versions[name], clock.now()) for name in sorted(versions))

    def _row(self, version: Version, now: str) -> RunbookRow:
        ended = now >= version.runbook.ends
        return RunbookRow(
            record=version.record,
            runbook=version.runbook,
            state="retired" if version.retired else "ended" if ended else "in force",
            used_today=self._used(version.record, proof.day_of(now)),
        )

    def _used(self, record: str, day: str) -> int:
        """How many uses of a day are taken: they are taken one after the other, without a gap."""
        reader, used = self._journal.reader, 0
        while used < proof.USES_MAX and reader.claimed(proof.use_claim(record, day, used + 1)) is not None:
            used += 1
        return used

    # -- following one

    def followed(self, intent: Intent, point: Point) -> tuple[Intent, str]:
        """``intent`` as the runbook that it names lets it pass, and the name that this use takes; raises Refused.

        Somebody who takes the same use at the same moment makes the append raise ClaimTaken: judge anew.
        """
        shelf = self._administration.current().runbooks
        try:
            version = shelf.in_force(intent.declaration.runbook)
            decision = msgspec.structs.replace(
                intent.decision,
                path=proof.PATH,
                runbook=version.record,
                approvals_needed=0,
                approvers=(),
                requirement=None,
                authorised_by=None,
            )
            passed = msgspec.structs.replace(intent, decision=decision)
            day = proof.day_of(intent.times.received or "")
            used = self._used(version.record, day)  # once: what is judged is what the name says
            proof.check(passed, shelf, point, lambda _version, _day: used)
        except ProofMismatch as error:
            advice = f"{_SEE}; without --runbook others approve it."
            raise Refused(f"the runbook does not let this pass: {error}", advice=advice) from error
        return passed, proof.use_claim(version.record, day, used + 1)

    @staticmethod
    def deadline(intent: Intent) -> str:
        """Before when it must be in the log: a day that counts here must be so for the verifier as well."""
        return clock.after(intent.times.received or "", seconds=COMMIT_SECONDS_MAX)

    def check_still(self, intent: Intent) -> None:
        """Raise NotPermitted when the version that let ``intent`` pass is no longer in force."""
        try:
            proof.check_still(intent, self._administration.current().runbooks)
        except ProofMismatch as error:
            raise NotPermitted(str(error), advice="Declare anew.") from error

    # -- setting one

    def submit(self, caller: Caller, record: Administration) -> Acknowledgement:
        """Set or retire a runbook.

        Raises Invalid naming every fault, NotFound, Conflict when another version came between, Refused when the
        officers' signatures do not hold.
        """
        if record.action not in ACTIONS:
            advice = f"one of {', '.join(ACTIONS)}"
            raise Invalid("this changes no runbook", (Fault("/action", "is not about runbooks", advice),))
        return self._administration.submit(caller, record, check=lambda now: self._check(record, now))

    def _check(self, record: Administration, now: Administrated) -> None:
        known, runbook = now.runbooks.versions.get(record.subject), record.runbook
        if record.action == trust.RUNBOOK_RETIRE:
            if known is None or known.retired:
                raise NotFound(f"there is no runbook {record.subject!r} in force", advice=_SEE)
            return
        if runbook is None or runbook.name != record.subject:
            raise Invalid(
                "the change names no runbook", (Fault("/runbook", "is missing or not the subject"),)
            )
        expected = known.runbook.version + 1 if known is not None else 1
        if runbook.version != expected:
            raise Conflict(f"the next version of {runbook.name} is {expected}", advice="Set it anew.")
        faults = self._faults(record, now)
        if faults:
            raise Invalid(f"the runbook {runbook.name!r} is not valid", tuple(faults))

    def _faults(self, record: Administration, now: Administrated) -> list[Fault]:
        runbook, faults = record.runbook, []
        if runbook is None:
            return []
        point = now.points.get(runbook.point)
        if point is None:
            faults.append(Fault("/runbook/point", "is no registered point", "see: byhand point list"))
        elif point.tier == "critical":
            faults.append(Fault("/runbook/point", "is of critical risk", "others approve there, each time"))
        if now.keyring is None or runbook.owner not in now.keyring.persons_at(self._journal.reader.size):
            faults.append(Fault("/runbook/owner", "is enrolled here as nobody", "byhand person list"))
        if not runbook.text.strip():
            faults.append(
                Fault("/runbook/text", "says nothing", "say what whoever follows it does, and when")
            )
        try:
            now.runbooks.after(record, now.points, clock.now())
        except Unsound as error:
            faults.append(Fault("/runbook", str(error)))
        return faults
