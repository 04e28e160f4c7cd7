# SPDX-License-Identifier: Apache-2.0
"""Passkeys that were made and wait: nothing is believed of one until a statement in the log enrols it.

A person makes a passkey on the device it lives on, and enrols it where their earlier key is, or an officer's. What
they carry from one to the other is a code of sixteen characters, which names that passkey and no other: a server that
hands out another one is found out. Where it takes two officers the first one's signature waits with the passkey.
"""

from __future__ import annotations

import re

import msgspec

from byhand import clock
from byhand.client.contract import PasskeyEnrolment, PasskeyWaiting
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.control.sessions import Sessions
from byhand.errors import BadSignature, Conflict, Invalid, NotFound, ProofMismatch, Refused, TooFewOfficers
from byhand.journal.journal import Journal
from byhand.signatures import dsse, webauthn
from byhand.store.state import PasskeyRow, State
from byhand.trust import statements
from byhand.trust.keyring import EnrolledKey

WAITING_SECONDS = 15 * 60  # from the phone to the desk, or to an officer on the telephone
PROPOSED_SECONDS = 24 * 3_600  # the second officer may be asleep
_CODE = re.compile(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}\Z")


class Passkeys:
    """The passkeys that wait at one home."""

    def __init__(self, journal: Journal, people: People, sessions: Sessions, state: State) -> None:
        self._journal = journal
        self._people = people
        self._sessions = sessions
        self._state = state

    def keep(self, blob: bytes) -> PasskeyWaiting:
        """Let a passkey wait; raises Invalid, BadSignature when it could not be enrolled anyway."""
        code, expires = webauthn.code_of(blob), clock.after(clock.now(), seconds=WAITING_SECONDS)
        known = self._state.passkey(code, clock.now())
        row = known or PasskeyRow(code, webauthn.line_of(blob), expires)
        self._state.keep_passkey(row)
        return self._told(row)

    def waiting(self, text: str) -> PasskeyWaiting:
        """The passkey with that code; raises Invalid, NotFound, ProofMismatch."""
        return self._told(self._row(text))

    def enrol(self, caller: Caller, text: str, enrolment: PasskeyEnrolment) -> PasskeyWaiting:
        """Record the enrolment, or keep it for another officer's signature.

        1 it is about the passkey with that code; 2 whoever hands it in has signed it; 3 every signature holds; 4 it
        has the signatures that the keyring asks for, or else an officer's, and waits for more of them.
        Raises Refused, Invalid, NotFound; Conflict: it would replace what another officer proposed. Handed in
        again after it was recorded, it is no error.
        """
        row = self._row(text)
        blob = webauthn.blob_of(row.key)
        envelope = dsse.parse(enrolment.statement.encode("utf-8", "surrogatepass"))
        said = statements.read(envelope, statements.Enrolment, origin=self._journal.origin)
        if statements.key_of(said.key) != blob:  # 1
            raise Refused("this enrols another key than the passkey with that code")
        if self._speaks_for(said.person, blob):
            return self._told(row, enrolled=True)
        signers = self._signers(caller, envelope, blob)  # 2, 3
        self._count(caller, envelope, row)
        name = enrolment.display_name or row.display_name
        try:
            self._people.enrol(caller, enrolment.statement, name)  # 4
        except Refused as error:
            if not isinstance(error.__cause__, TooFewOfficers) or not _officers(signers):
                raise
            self._check_nothing_is_lost(caller, envelope, row)
            expires = clock.after(clock.now(), seconds=PROPOSED_SECONDS)
            row = PasskeyRow(row.code, row.key, expires, enrolment.statement, name)
            self._state.keep_passkey(row)  # A crash before: the officer signs again.
            return self._told(row)
        # A crash here: it is enrolled, and waits on until it is forgotten.
        return self._told(row, enrolled=True)

    def _row(self, text: str) -> PasskeyRow:
        code = code_in(text)
        row = self._state.passkey(code, clock.now())
        if row is None:
            raise NotFound(
                f"no passkey with the code {code} waits here",
                advice="It waits a quarter of an hour: make it again, and type its code at once.",
            )
        checked(row.key, code)
        return row

    def _told(self, row: PasskeyRow, *, enrolled: bool = False) -> PasskeyWaiting:
        blob = webauthn.blob_of(row.key)
        told = PasskeyWaiting(
            code=row.code,
            key=row.key,
            fingerprint=webauthn.fingerprint(blob),
            device_bound=webauthn.parse(blob).device_bound,
            expires=row.expires,
            enrolled=enrolled,
        )
        if enrolled or row.statement is None:
            return told
        envelope = dsse.parse(row.statement.encode())
        signers = self._people.keyring().signers(self._journal.reader.size, envelope, blob)
        return msgspec.structs.replace(
            told,
            statement=row.statement,
            display_name=row.display_name,
            signed_by=tuple(sorted({key.person for key in signers})),
            missing=self._officers_needed() - len(_officers(signers)),
        )

    def _speaks_for(self, person: str, blob: bytes) -> bool:
        keys = self._people.keyring().keys_of(person, self._journal.reader.size)
        return blob in [key.blob for key in keys]

    def _signers(self, caller: Caller, envelope: dsse.Envelope, blob: bytes) -> tuple[EnrolledKey, ...]:
        try:
            signers = self._people.keyring().signers(self._journal.reader.size, envelope, blob)
        except BadSignature as error:
            raise Refused(f"the enrolment is refused: {error}", advice=error.advice) from error
        if caller.person not in {key.person for key in signers}:
            raise Refused("whoever hands in an enrolment has signed it", advice="Sign it yourself.")
        return signers

    def _count(self, caller: Caller, envelope: dsse.Envelope, row: PasskeyRow) -> None:
        """The signatures that are new here are counted; those that wait were counted when they came."""
        earlier = dsse.parse(row.statement.encode()).signatures if row.statement is not None else ()
        new = tuple(one for one in envelope.signatures if one not in earlier)
        own = {key.fingerprint for key in self._people.keys(caller.person)}
        try:
            fresh = tuple(one for one in new if one.keyid in own)
            self._sessions.count(dsse.Envelope(envelope.payload_type, envelope.payload, fresh))
        except BadSignature as error:
            raise Refused(f"the enrolment is refused: {error}", advice=error.advice) from error

    def _check_nothing_is_lost(self, caller: Caller, envelope: dsse.Envelope, row: PasskeyRow) -> None:
        """What another officer has signed and still may is signed under, not replaced; one's own may be."""
        earlier = dsse.parse(row.statement.encode()) if row.statement is not None else None
        if earlier is None:
            return
        own = {key.fingerprint for key in self._people.keys(caller.person)}
        others = [one for one in earlier.signatures if one.keyid not in own]
        if others and (envelope.payload != earlier.payload or set(others) - set(envelope.signatures)):
            raise Conflict(
                "another officer has proposed this already",
                advice="Look at what they propose and sign that, or wait until it is forgotten.",
            )

    def _officers_needed(self) -> int:
        return self._people.keyring().officers_needed(self._journal.reader.size)


def _officers(signers: tuple[EnrolledKey, ...]) -> set[str]:
    return {key.person for key in signers if statements.OFFICER in key.roles}


def code_in(text: str) -> str:
    """The code as it is kept, from what somebody typed; raises Invalid."""
    bare = re.sub(r"[\s-]", "", text.upper())
    code = "-".join(bare[at : at + webauthn.CODE_GROUP] for at in range(0, len(bare), webauthn.CODE_GROUP))
    if not _CODE.match(code):
        raise Invalid(
            "this is no passkey's code", advice="It has sixteen letters and digits: ABCD-EFGH-IJKL-MNOP"
        )
    return code


def checked(line: str, code: str) -> bytes:
    """The blob of a passkey's line, once it is the one that the code names; raises ProofMismatch."""
    blob = webauthn.blob_of(line)
    if webauthn.code_of(blob) != code:
        raise ProofMismatch(
            "this is another passkey than the one with that code",
            advice="Do not enrol it: somebody exchanged it.",
        )
    return blob
