# SPDX-License-Identifier: Apache-2.0
"""What byhand's own records say about byhand: keyring, points and reasons, folded from the administration chain.

Files and settings are proposals; the log is the authority. A record that does not verify has no effect and is
kept in ``rejected``: it is never silently passed over.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement
from byhand.control.identity import Caller
from byhand.errors import Invalid, NotFound, Refused, Unsound
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import codec
from byhand.records.actor import PersonDetails
from byhand.records.intervention import Times
from byhand.records.kinds import Administration, Point, Reason
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.trust import administration as trust
from byhand.trust.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Administrated:
    """Everything in force after the administration record at index ``head`` (-1: before the first)."""

    head: int = -1
    keyring: Keyring | None = None
    points: Mapping[str, Point] = field(default_factory=dict)
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    catalogue: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    """Display names of persons, as far as they have not been erased."""
    rejected: tuple[tuple[int, str], ...] = ()


class AdministrationFold:
    """The fold, remembered per head of the chain. Thread-safe."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._now = Administrated()

    def current(self) -> Administrated:
        """What is in force now; reads only what is new in the chain."""
        head = self._journal.reader.head(ADMINISTRATION_CHAIN)
        with self._lock:
            if head is not None and head > self._now.head:
                for stored in self._journal.reader.chain(ADMINISTRATION_CHAIN, after=self._now.head):
                    self._now = _after(self._now, stored.index, stored.record, self._journal.origin, stored.people)
            return self._now

    def keyring(self) -> Keyring:
        """The keyring; raises NotFound in a home without officers."""
        keyring = self.current().keyring
        if keyring is None:
            raise NotFound("this home has no officer yet", advice="Finish it with: byhand init")
        return keyring

    def submit(
        self, caller: Caller | None, record: Administration, people: Mapping[str, PersonDetails] | None = None
    ) -> Acknowledgement:
        """Verify and append ``record``; raises Refused, Invalid, ChainMoved. Retried as it is: the same answer.

        The expected head makes two officers who race safe: the slower one decides on what the faster one did.
        """
        now = self.current()
        declared = codec.encode(record)
        known = self._journal.known(record.id, declared)
        if known is not None:
            return known
        codec.validate(record)
        index = self._journal.reader.size
        try:
            trust.check_record(
                record, index=index, keyring=now.keyring, origin=self._journal.origin, officers_fingerprint=None
            )
        except Unsound as error:
            raise Refused(f"the change is not authorised: {error}", advice=error.advice) from error
        details = new_record_id()
        stamped = msgspec.structs.replace(
            record,
            actor=caller.actor(signed_by="actor", details=details) if caller is not None else None,
            times=Times(received=clock.now()),
        )
        sections = dict(people or {})
        if caller is not None:
            sections[details] = caller.details()
        expected = now.head if now.head >= 0 else None
        entry = Entry(stamped, people=sections, expected_head=expected, declaration=declared)
        (acknowledgement,) = self._journal.append([entry])
        return acknowledgement


def _after(now: Administrated, index: int, record: object, origin: str, people: Mapping[str, PersonDetails]) -> Administrated:
    if not isinstance(record, Administration):
        return _rejected(now, index, "cannot be read: erased, or written by a newer byhand")
    try:
        keyring = trust.check_record(
            record, index=index, keyring=now.keyring, origin=origin, officers_fingerprint=None
        )
    except (Unsound, Invalid) as error:
        return _rejected(now, index, str(error))
    now = dataclasses.replace(now, head=index, keyring=keyring)
    return _with(dataclasses.replace(now, names={**now.names, **_names(record, people)}), record)


def _names(record: Administration, people: Mapping[str, PersonDetails]) -> dict[str, str]:
    """The display name that an enrolment carries for its person."""
    return {record.subject: p.display_name for p in people.values() if p.subject == record.subject and p.display_name}


def _with(now: Administrated, record: Administration) -> Administrated:
    """``now`` with the effect of a verified record."""
    point = record.point
    if record.action == trust.POINT_SET and point is not None:
        return dataclasses.replace(now, points={**now.points, point.name: point})
    if record.action == trust.POINT_MODE and point is not None and point.name in now.points:
        return dataclasses.replace(now, points={**now.points, point.name: point})
    if record.action == trust.POINT_RETIRE:
        return dataclasses.replace(now, points={n: p for n, p in now.points.items() if n != record.subject})
    if record.action == trust.REASONS_SET:
        reasons = {**now.reasons, **{reason.code: reason for reason in record.reasons}}
        return dataclasses.replace(now, reasons=reasons, catalogue=now.catalogue + 1)
    return now


def _rejected(now: Administrated, index: int, why: str) -> Administrated:
    return dataclasses.replace(now, head=index, rejected=(*now.rejected, (index, why)))
