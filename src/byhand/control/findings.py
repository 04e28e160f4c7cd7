# SPDX-License-Identifier: Apache-2.0
"""Corrections and hindsight: always beside the original, never instead of it."""

from __future__ import annotations

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement
from byhand.control.chains import Chain, Chains
from byhand.control.identity import Caller
from byhand.errors import Fault, Invalid
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import codec, parts, rules
from byhand.records.intervention import Times
from byhand.records.kinds import SCHEMA_VERSION, Finding
from byhand.records.values import CapturedValue

SUMMARY_LENGTH_MIN = 10  # as for reasons: shorter says nothing in five years
VERDICTS = ("right", "wrong")


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
            about=intervention,
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


def _check_summary(summary: str, faults: list[Fault]) -> None:
    if len(summary.strip()) < SUMMARY_LENGTH_MIN:
        faults.append(
            Fault("/summary", f"is shorter than {SUMMARY_LENGTH_MIN} characters", "say what you found")
        )
    if rules.hidden(summary):
        faults.append(Fault("/summary", "holds invisible or direction-changing characters"))
