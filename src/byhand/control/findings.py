# SPDX-License-Identifier: Apache-2.0
"""Corrections and hindsight: always beside the original, never instead of it."""

from __future__ import annotations

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement
from byhand.control.chains import Chain, Chains
from byhand.control.identity import Caller
from byhand.errors import Fault, Invalid, Refused
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import codec, parts, rules
from byhand.records.intervention import Times
from byhand.records.kinds import SCHEMA_VERSION, Expectation, Finding, Intent, Observation
from byhand.records.values import CapturedValue

SUMMARY_LENGTH_MIN = 10  # as for reasons: shorter says nothing in five years
VERDICTS = ("right", "wrong")
DISPOSITIONS = ("expected", "true", "noise")
EXPECTED_DAYS_MAX = (
    366  # what is to be expected for longer is what the person usually does, and learned as that
)


class Findings:
    """What persons conclude about interventions afterwards."""

    def __init__(self, journal: Journal, chains: Chains) -> None:
        self._journal = journal
        self._chains = chains

    def amend(
        self,
        caller: Caller,
        intervention: str,
        summary: str,
        *,
        field: str | None = None,
        value: CapturedValue | None = None,
        record: str | None = None,
    ) -> Acknowledgement:
        """Put a correction beside the original; ``field`` is a JSON pointer into the record it corrects.

        ``record``: the new record's id; the same one with the same words is the same answer.
        """
        faults: list[Fault] = []
        if field is not None:
            rules.pointer_fault(field, "/field", faults)
        if (field is None) != (value is None):
            faults.append(Fault("/value", "a field and its corrected value go together"))
        _check_summary(summary, faults)
        return self._add(
            caller, intervention, "amendment", summary, faults, record=record, field=field, value=value
        )

    def review(
        self,
        caller: Caller,
        intervention: str,
        verdict: str,
        summary: str,
        *,
        led_to: tuple[str, ...] = (),
        record: str | None = None,
    ) -> Acknowledgement:
        """Say in hindsight whether it was right, and what it led to. ``record``: as in ``amend``."""
        faults: list[Fault] = []
        if verdict not in VERDICTS:
            faults.append(Fault("/verdict", f"must be one of {', '.join(VERDICTS)}"))
        _check_summary(summary, faults)
        return self._add(
            caller, intervention, "review", summary, faults, record=record, verdict=verdict, references=led_to
        )

    def dispose(
        self,
        caller: Caller,
        intervention: str,
        alert: str,
        verdict: str,
        summary: str,
        *,
        expectation: Expectation | None = None,
        record: str | None = None,
    ) -> Acknowledgement:
        """Say what an alert was: expected, truly what it said, or noise. ``record``: as in ``amend``.

        1 the words hold; 2 the alert is one, of this intervention; 3 nobody disposes of what is said of themselves.
        """
        faults: list[Fault] = []
        if verdict not in DISPOSITIONS:
            faults.append(Fault("/verdict", f"must be one of {', '.join(DISPOSITIONS)}"))
        _check_summary(summary, faults)
        _check_expectation(expectation, verdict, faults)  # 1
        found = self._journal.reader.find(alert) if rules.is_record_id(alert) else None
        said = found.record if found is not None else None
        if not isinstance(said, Finding) or said.type != "alert" or said.intervention != intervention:  # 2
            faults.append(Fault("/about", "is no alert about this intervention"))
        elif caller.person in _acting(self._chains.get(intervention)):  # 3
            raise Refused(
                "what is said of one's own act is for others to judge",
                advice="Ask a colleague: byhand disposition",
            )
        return self._add(
            caller,
            intervention,
            "disposition",
            summary,
            faults,
            record=record,
            verdict=verdict,
            about=alert,
            expectation=expectation,
        )

    def _add(
        self,
        caller: Caller,
        intervention: str,
        kind: str,
        summary: str,
        faults: list[Fault],
        *,
        record: str | None,
        verdict: str | None = None,
        field: str | None = None,
        value: CapturedValue | None = None,
        references: tuple[str, ...] = (),
        about: str | None = None,
        expectation: Expectation | None = None,
    ) -> Acknowledgement:
        if faults:
            raise Invalid(f"the {kind} is not valid", tuple(faults))
        details = new_record_id()
        finding = Finding(
            id=record or new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=intervention,
            times=Times(received=clock.now()),
            type=kind,  # type: ignore[arg-type]
            about=about or intervention,
            expectation=expectation,
            summary=summary,
            actor=caller.actor(details=details),
            verdict=verdict,
            field=field,
            value=value,
            references=references,
            amends=intervention if kind == "amendment" else None,
        )
        codec.validate(finding)
        said = parts.encode_part(msgspec.structs.replace(finding, actor=None, times=Times()))
        declaration = caller.person.encode() + b"\n" + said
        known = self._journal.known(finding.id, declaration) if record is not None else None
        if known is not None:
            return known

        def append(chain: Chain) -> Acknowledgement:
            entry = Entry(
                finding,
                people={details: caller.details()},
                expected_head=chain.head,
                declaration=declaration,
            )
            (acknowledgement,) = self._chains.extend(intervention, chain, [entry])
            return acknowledgement

        return self._chains.deciding(intervention, append)


def _acting(chain: Chain) -> set[str]:
    """The persons who acted, as far as the records name them."""
    found = set()
    for link in chain.links:
        if isinstance(link.record, Intent | Observation):
            found |= {link.record.actor.person, link.record.actor.on_behalf_of or ""}
    return found


def _check_expectation(expectation: Expectation | None, verdict: str, faults: list[Fault]) -> None:
    if expectation is None:
        return
    if verdict != "expected":
        faults.append(Fault("/expectation", "goes with the verdict expected"))
    now = clock.now()
    rules.time_fault(expectation.until, "/expectation/until", faults)
    if faults:
        return
    if not now < expectation.until <= clock.after(now, seconds=EXPECTED_DAYS_MAX * 86_400):
        faults.append(Fault("/expectation/until", f"must lie within the next {EXPECTED_DAYS_MAX} days"))


def _check_summary(summary: str, faults: list[Fault]) -> None:
    if len(summary.strip()) < SUMMARY_LENGTH_MIN:
        faults.append(
            Fault("/summary", f"is shorter than {SUMMARY_LENGTH_MIN} characters", "say what you found")
        )
    if rules.hidden(summary):
        faults.append(Fault("/summary", "holds invisible or direction-changing characters"))
