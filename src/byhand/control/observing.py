# SPDX-License-Identifier: Apache-2.0
"""Observations from authenticated workloads: what a system's own feed shows, recorded as it came.

Who acted is decided here, from the links of accounts, never from what the feed claims. An act whose person is
unknown is recorded as ``UNATTRIBUTED``: never silently accepted, never silently dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement
from byhand.control.administration import AdministrationFold
from byhand.control.credentials import Credentials
from byhand.control.people import People
from byhand.control.points import Points
from byhand.errors import Fault, Invalid, SharedAccount
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import codec
from byhand.records.actor import Actor, Assurance, PersonDetails, Via
from byhand.records.classification import strictest
from byhand.records.intervention import Governance
from byhand.records.kinds import Observation
from byhand.records.shared_accounts import check_not_shared

UNATTRIBUTED = "UNATTRIBUTED"
LOCAL = "local"
"""The issuer of a person's own id, as opposed to an account of another system."""


class Observing:
    """The intake of one home. Thread-safe."""

    def __init__(
        self,
        journal: Journal,
        administration: AdministrationFold,
        credentials: Credentials,
        people: People,
        points: Points,
    ) -> None:
        self._journal = journal
        self._administration = administration
        self._credentials = credentials
        self._people = people
        self._points = points

    def accept(self, credential: str, observations: Sequence[Observation]) -> tuple[Acknowledgement, ...]:
        """Record them together or not at all; the same batch again gets the same answer.

        1 the credential is a workload's, for observing; 2 the form of each holds, every fault of every one named;
        3 one that belongs to an intervention names one that is here; 4 each act gets its person, or none; 5 each is
        kept as carefully as the points at its place say, whatever the feed says.
        """
        workload = self._credentials.workload(credential, scope="observe")  # 1
        faults = [
            fault for place, one in enumerate(observations) for fault in self._faults(place, one)
        ]  # 2, 3
        if faults:
            raise Invalid("these observations are not valid", tuple(faults))
        return self._journal.append(self._entries(observations, workload))

    def _entries(self, observations: Sequence[Observation], workload: str) -> list[Entry]:
        """All of them judged on one state of byhand, which is read once."""
        return self._administration.deciding(lambda _: [self._entry(one, workload) for one in observations])

    def _faults(self, place: int, observation: Observation) -> list[Fault]:
        found: list[Fault] = []
        try:
            codec.validate(observation)
        except Invalid as error:
            found += error.faults
        named = observation.intervention
        if named not in (None, observation.id) and self._journal.reader.head(str(named)) is None:
            found.append(Fault("/intervention", "is not in this log", "leave it out when it is not known"))
        pointer = f"/observations/{place}"
        return [Fault(f"{pointer}{fault.pointer}", fault.message, fault.advice) for fault in found]

    def _entry(self, observation: Observation, workload: str) -> Entry:
        person, assurance = self._person(observation.actor)  # 4
        details = new_record_id()
        actor = Actor(
            person=person,
            details=details,
            issuer=observation.actor.issuer,
            assurance=assurance,
            on_behalf_of=observation.actor.on_behalf_of,
            via=observation.actor.via or Via(kind="integration", id=workload),
        )
        record = msgspec.structs.replace(
            observation,
            intervention=observation.intervention or observation.id,
            actor=actor,
            governance=self._governance(observation),  # 5
            times=msgspec.structs.replace(observation.times, received=clock.now()),
        )
        people = {details: PersonDetails(subject=observation.actor.person)}
        return Entry(record, people=people, declaration=codec.encode(observation))

    def _governance(self, observation: Observation) -> Governance:
        target, claimed = observation.target, observation.governance
        here = self._points.classification(target.system, target.type, target.id, observation.field)
        return msgspec.structs.replace(claimed, classification=strictest((claimed.classification, here)))

    def _person(self, claimed: Actor) -> tuple[str, Assurance]:
        """Who it was: the person behind a linked account; an enrolled person named by the feed; or nobody."""
        if claimed.issuer != LOCAL:
            linked = self._credentials.linked(claimed.issuer, claimed.person)
            if linked is not None:
                return linked, "mapped"
        try:
            check_not_shared(claimed.person)
        except SharedAccount:
            return UNATTRIBUTED, "shared"
        enrolled = self._people.enrolled()
        if claimed.issuer == LOCAL and claimed.person in enrolled:
            return claimed.person, "asserted"
        return UNATTRIBUTED, "unattributed"
