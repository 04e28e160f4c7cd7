# SPDX-License-Identifier: Apache-2.0
"""Whether a declaration fits its point: action, field, times, cause and author; every fault at once, in every mode."""

from __future__ import annotations

from byhand import clock
from byhand.client.contract import PointView
from byhand.control.chains import Chains
from byhand.control.identity import Caller
from byhand.control.reasons import text_digest
from byhand.errors import Fault, HomeRefused, Invalid, NotFound
from byhand.journal.journal import Journal
from byhand.records.intervention import Declaration
from byhand.settings import GateSettings
from byhand.trust import break_glass


class Fitting:
    """Looks at declarations for one home. Thread-safe."""

    def __init__(self, journal: Journal, chains: Chains, settings: GateSettings) -> None:
        self._journal = journal
        self._chains = chains
        self._settings = settings

    def check(
        self, caller: Caller, declaration: Declaration, view: PointView, *, spooled: bool = False
    ) -> None:
        """Raise Invalid naming every fault; ``spooled``: the act has happened, its times may lie behind."""
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
        if cause is None or self.said(cause) != text_digest(given.text):
            complaint = "is inherited from no cause that says the same"
            faults.append(Fault("/justification/collected", complaint))

    def said(self, intervention: str) -> str | None:
        """Digest of the reason given in another intent; ``None`` where there is none to be read."""
        try:
            _, intent = self._chains.get(intervention).intent
        except (NotFound, HomeRefused):
            return None
        given = intent.declaration.justification
        return text_digest(given.text) if given is not None else None


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
