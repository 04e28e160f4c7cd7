# SPDX-License-Identifier: Apache-2.0
"""Persons and their keys: enrolled and revoked by signed statements only, back to the genesis officers."""

from __future__ import annotations

from collections.abc import Mapping

from byhand.client.contract import Acknowledgement
from byhand.control.administration import Administrated, AdministrationFold, Check, anything
from byhand.control.identity import Caller, check_person
from byhand.errors import Conflict, Fault, Invalid
from byhand.ids import new_record_id
from byhand.journal.journal import Journal
from byhand.records import rules
from byhand.records.actor import Authentication, PersonDetails
from byhand.records.base import Part
from byhand.records.kinds import SCHEMA_VERSION, Administration
from byhand.signatures import dsse, sshsig
from byhand.trust import administration as trust, statements
from byhand.trust.keyring import EnrolledKey, Keyring

DISPLAY_NAME_LENGTH_MAX = 200  # the longest legal names fit; it is shown in one table column
KeyringStatement = statements.Genesis | statements.Enrolment | statements.Revocation | statements.Deactivation


class PersonRow(Part, kw_only=True):
    """One person of the directory, as the log has them."""

    person: str
    name: str | None
    roles: tuple[str, ...]
    keys: tuple[str, ...]
    """Fingerprints of the keys that speak for them now."""
    since: int
    """Index at which the first of their keys was enrolled."""
    revoked: int = 0
    """How many of their keys were revoked; with no ``keys`` left, nobody can act in their name."""


class People:
    """The directory of persons of one home."""

    def __init__(self, journal: Journal, administration: AdministrationFold) -> None:
        self._journal = journal
        self._administration = administration

    def keyring(self) -> Keyring:
        """The keyring as of now; raises NotFound in a home without officers."""
        return self._administration.keyring()

    def key(self, fingerprint: str) -> EnrolledKey:
        """The key with that fingerprint, if it speaks for its person now; raises BadSignature."""
        return self.keyring().key(fingerprint, self.position())

    def enrolled(self) -> frozenset[str]:
        """Everybody who has a key that speaks for them now."""
        return self._administration.enrolled()

    def position(self) -> int:
        """The place in the log from which the keyring is looked at now."""
        return self._administration.current().position

    def lately(self) -> bool:
        """Whether this is asked within a decision on a state that may be LATELY_SECONDS old."""
        return self._administration.lately

    def trial(self) -> bool:
        """Whether only one officer ever was: a trial home, marked in every receipt."""
        return self.keyring().is_trial(self.position())

    def submit(self, caller: Caller, envelope: str, display_name: str | None = None) -> Acknowledgement:
        """Record whatever keyring statement ``envelope`` holds; raises as the three methods below."""
        kind = dsse.parse(envelope.encode()).payload_type
        if kind == statements.payload_type(statements.Genesis):
            return self.begin(envelope, display_name)
        if kind == statements.payload_type(statements.Revocation):
            return self.revoke(caller, envelope)
        if kind == statements.payload_type(statements.Deactivation):
            return self.deactivate(caller, envelope)
        return self.enrol(caller, envelope, display_name)

    def begin(self, envelope: str, display_name: str | None = None) -> Acknowledgement:
        """Name the first officer (the genesis statement); raises Conflict in a home that has one."""
        genesis = statements.read(
            dsse.parse(envelope.encode()), statements.Genesis, origin=self._journal.origin
        )
        credential = sshsig.fingerprint(statements.key_of(genesis.keys[0]))
        signed = Authentication(method="ssh-key", when=genesis.time, credential=credential)
        first = Caller(
            person=genesis.person, credential=credential, authentication=signed, roles=(statements.OFFICER,)
        )

        def check(now: Administrated) -> None:
            if now.keyring is not None:
                raise Conflict(
                    "this home has its officers already", advice="Enrol others with: byhand person add"
                )
            check_person(genesis.person)

        return self._submit(first, trust.HOME_CREATE, genesis, envelope, display_name, check)

    def enrol(self, caller: Caller, envelope: str, display_name: str | None = None) -> Acknowledgement:
        """Enrol a key for a person; raises Refused, SharedAccount, Conflict for a name like another's."""
        enrolment = statements.read(
            dsse.parse(envelope.encode()), statements.Enrolment, origin=self._journal.origin
        )

        def check(now: Administrated) -> None:
            check_person(enrolment.person)
            others = now.keyring.persons if now.keyring is not None else frozenset()
            for other in sorted(others):
                if rules.confusable(enrolment.person, other):
                    raise Conflict(
                        f"{enrolment.person} looks like {other}, who is enrolled",
                        advice="Choose a name that nobody can mistake for another.",
                    )

        return self._submit(caller, trust.PERSON_ENROL, enrolment, envelope, display_name, check)

    def revoke(self, caller: Caller, envelope: str) -> Acknowledgement:
        """Revoke a key; from this place in the log on it speaks for nobody."""
        revocation = statements.read(
            dsse.parse(envelope.encode()), statements.Revocation, origin=self._journal.origin
        )
        return self._submit(caller, trust.KEY_REVOKE, revocation, envelope, None, anything)

    def deactivate(self, caller: Caller, envelope: str) -> Acknowledgement:
        """End everything that a person could come with: keys, tokens, account links, sessions."""
        deactivation = statements.read(
            dsse.parse(envelope.encode()), statements.Deactivation, origin=self._journal.origin
        )
        return self._submit(caller, trust.PERSON_DEACTIVATE, deactivation, envelope, None, anything)

    def left(self, person: str) -> str:
        """When the person was deactivated last; empty: never."""
        return self._administration.current().left.get(person, "")

    def _submit(
        self,
        caller: Caller,
        action: str,
        statement: KeyringStatement,
        envelope: str,
        display_name: str | None,
        check: Check,
    ) -> Acknowledgement:
        record = Administration(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            action=action,
            subject=statement.person,
            statements=(envelope,),
        )
        people = {}
        if display_name:
            _check_display_name(display_name)
            people[new_record_id()] = PersonDetails(display_name=display_name, subject=statement.person)
        return self._administration.submit(caller, record, people, check)

    def persons(self, *, everybody: bool = False) -> list[PersonRow]:
        """Who can act now, by name; with ``everybody`` also those whose keys are all revoked."""
        size, keyring = self._journal.reader.size, self.keyring()
        names = self._administration.current().names
        keys: dict[str, list[EnrolledKey]] = {}
        for key in keyring.keys.values():
            keys.setdefault(key.person, []).append(key)
        rows = (_row(person, keys[person], names.get(person), size) for person in sorted(keys))
        return [row for row in rows if everybody or row.keys]

    def keys(self, person: str | None = None) -> list[EnrolledKey]:
        """Every key ever enrolled, revoked ones too."""
        return [key for key in self.keyring().keys.values() if person in (None, key.person)]

    def display_names(self) -> Mapping[str, str]:
        """Everybody's display name that was given and not erased, by person."""
        return self._administration.current().names

    def display_name(self, person: str) -> str | None:
        """The person's display name, unless it was never given or has been erased."""
        return self._administration.current().names.get(person)


def _row(person: str, keys: list[EnrolledKey], name: str | None, size: int) -> PersonRow:
    valid = [key for key in keys if key.valid_at(size)]
    return PersonRow(
        person=person,
        name=name,
        roles=tuple(sorted({role for key in valid for role in key.roles})),
        keys=tuple(key.fingerprint for key in valid),
        since=min(key.enrolled_at for key in keys),
        revoked=sum(key.revoked_at is not None for key in keys),
    )


def _check_display_name(name: str) -> None:
    if (
        not name.strip()
        or len(name) > DISPLAY_NAME_LENGTH_MAX
        or not name.isprintable()
        or rules.hidden(name)
    ):
        complaint = f"must be 1 to {DISPLAY_NAME_LENGTH_MAX} visible characters"
        raise Invalid("this person cannot be enrolled", (Fault("/display_name", complaint),))
