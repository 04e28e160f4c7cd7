# SPDX-License-Identifier: Apache-2.0
"""Persons and their keys: enrolled and revoked by signed statements only, back to the genesis officers."""

from __future__ import annotations

from byhand.client.contract import Acknowledgement
from byhand.control.administration import AdministrationFold
from byhand.control.identity import Caller, check_person
from byhand.errors import Conflict
from byhand.ids import new_record_id
from byhand.journal.journal import Journal
from byhand.records import rules
from byhand.records.actor import PersonDetails
from byhand.records.base import Part
from byhand.records.kinds import SCHEMA_VERSION, Administration
from byhand.signatures import dsse
from byhand.trust import administration as trust
from byhand.trust import statements
from byhand.trust.keyring import EnrolledKey, Keyring


class PersonRow(Part, kw_only=True):
    """One person of the directory, as the log has them."""

    person: str
    name: str | None
    roles: tuple[str, ...]
    keys: tuple[str, ...]
    """Fingerprints of the keys that speak for them now."""
    since: int
    """Index at which the first of their keys was enrolled."""


class People:
    """The directory of persons of one home."""

    def __init__(self, journal: Journal, administration: AdministrationFold) -> None:
        self._journal = journal
        self._administration = administration

    def keyring(self) -> Keyring:
        """The keyring as of now; raises NotFound in a home without officers."""
        return self._administration.keyring()

    def trial(self) -> bool:
        """Whether only one officer ever was: a trial home, marked in every receipt."""
        return self.keyring().is_trial(self._journal.reader.size)

    def begin(self, envelope: str, display_name: str | None = None) -> Acknowledgement:
        """Name the first officer (the genesis statement); raises Conflict in a home that has one."""
        if self._administration.current().keyring is not None:
            raise Conflict("this home has its officers already", advice="Enrol others with: byhand person add")
        genesis = statements.read(dsse.parse(envelope.encode()), statements.Genesis, origin=self._journal.origin)
        check_person(genesis.person)
        return self._submit(None, trust.HOME_CREATE, genesis.person, envelope, display_name)

    def enrol(self, caller: Caller, envelope: str, display_name: str | None = None) -> Acknowledgement:
        """Enrol a key for a person; raises Refused, SharedAccount, Conflict for a name that looks like another's."""
        statement = statements.read(dsse.parse(envelope.encode()), statements.Enrolment, origin=self._journal.origin)
        check_person(statement.person)
        for other in self.keyring().persons:
            if rules.confusable(statement.person, other):
                raise Conflict(
                    f"{statement.person} looks like {other}, who is enrolled", advice="Choose a name nobody can mistake."
                )
        return self._submit(caller, trust.PERSON_ENROL, statement.person, envelope, display_name)

    def revoke(self, caller: Caller, envelope: str) -> Acknowledgement:
        """Revoke a key; from this place in the log on it speaks for nobody."""
        statement = statements.read(dsse.parse(envelope.encode()), statements.Revocation, origin=self._journal.origin)
        return self._submit(caller, trust.KEY_REVOKE, statement.person, envelope, None)

    def _submit(
        self, caller: Caller | None, action: str, subject: str, envelope: str, display_name: str | None
    ) -> Acknowledgement:
        record = Administration(
            id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=subject, statements=(envelope,)
        )
        people = {}
        if display_name:
            people[new_record_id()] = PersonDetails(display_name=display_name, subject=subject)
        return self._administration.submit(caller, record, people)

    def persons(self) -> list[PersonRow]:
        """Everybody who has a valid key now, by name."""
        size, keyring = self._journal.reader.size, self.keyring()
        names = self._administration.current().names
        rows = []
        for person in sorted(keyring.persons_at(size)):
            keys = keyring.keys_of(person, size)
            roles = tuple(sorted({role for key in keys for role in key.roles}))
            since = min(key.enrolled_at for key in keys)
            prints = tuple(key.fingerprint for key in keys)
            rows.append(PersonRow(person=person, name=names.get(person), roles=roles, keys=prints, since=since))
        return rows

    def keys(self, person: str | None = None) -> list[EnrolledKey]:
        """Every key ever enrolled, revoked ones too."""
        return [key for key in self.keyring().keys.values() if person in (None, key.person)]

    def display_name(self, person: str) -> str | None:
        """The person's display name, unless it was never given or has been erased."""
        return self._administration.current().names.get(person)


