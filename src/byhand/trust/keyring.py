# SPDX-License-Identifier: Apache-2.0
"""Which key speaks for which person at which point of the log, folded from signatures alone.

Nobody who merely operates byhand can add to it: every step is signed back to the genesis officers.

    0  the first statement is the genesis, signed by each of its keys; it has the fingerprint the verifier expects
    1  statements stand in the order of the log
    2  every signature on a statement holds, and is by a key valid at that index
    3  a statement about a person is signed by a key of that person, or by two officers (one while on trial)
    4  signed by the person alone, it grants no role and no device binding the signing key does not have; a passkey
       that can be copied elsewhere is device-bound for nobody
    5  a key belongs to one person, is enrolled once, and once revoked stays so
    6  a revocation names an enrolled key of that person, a deactivation a person who has one and ends them all; after
       either there are at least as many officers as a change then needs

A key is valid at index ``i`` when enrolled below ``i`` and not revoked at or below ``i``. A home is on trial while
only one person has ever been an officer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from byhand import errors
from byhand.signatures import dsse, public_keys, sshsig, webauthn
from byhand.trust import statements

OFFICERS_NEEDED = 2  # nobody decides alone who may speak for whom
OFFICERS_NEEDED_ON_TRIAL = 1  # there is only one to ask
NAMESPACES = (
    sshsig.NAMESPACE_LOGIN,
    sshsig.NAMESPACE_INTENT,
    sshsig.NAMESPACE_APPROVAL,
    sshsig.NAMESPACE_KEYRING,
    sshsig.NAMESPACE_ADMINISTRATION,
    sshsig.NAMESPACE_SPOOL,
)


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """One key and its life, in log indexes."""

    person: str
    blob: bytes
    fingerprint: str
    roles: tuple[str, ...]
    device_bound: bool
    enrolled_at: int
    revoked_at: int | None = None
    revocation_reason: str = ""

    @property
    def kind(self) -> public_keys.Kind:
        """Whether it signs as SSH does, or as passkeys do."""
        return public_keys.kind(self.blob)

    def valid_at(self, index: int) -> bool:
        """Whether the key speaks for its person at log index ``index``."""
        return self.enrolled_at < index and (self.revoked_at is None or index < self.revoked_at)


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys ever enrolled, by fingerprint; immutable."""

    origin: str
    officers_fingerprint: str
    last_index: int
    keys: Mapping[str, EnrolledKey]
    officer_keys: tuple[str, ...]
    """Fingerprints of all keys ever enrolled as an officer's; few, so that no check walks all keys."""
    names: Mapping[str, str]
    """Every person by the lower-case form of their id."""

    @property
    def persons(self) -> frozenset[str]:
        """Everybody who ever had a key."""
        return frozenset(self.names.values())

    def persons_at(self, at_index: int) -> frozenset[str]:
        """Everybody with a valid key at ``at_index``."""
        return frozenset(key.person for key in self.keys.values() if key.valid_at(at_index))

    def keys_of(self, person: str, at_index: int) -> tuple[EnrolledKey, ...]:
        """The valid keys of ``person`` at ``at_index``."""
        return tuple(key for key in self.keys.values() if key.person == person and key.valid_at(at_index))

    def key(self, fingerprint: str, at_index: int) -> EnrolledKey:
        """The valid key with ``fingerprint``; raises ``BadSignature`` saying whose it was and why it is not."""
        key = self.keys.get(fingerprint)
        if key is None:
            raise errors.BadSignature(
                f"The key {fingerprint[:64]} belongs to nobody in the keyring of {self.origin}.",
                advice="An officer enrols it with: byhand key add",
            )
        if key.revoked_at is not None and key.revoked_at <= at_index:
            raise errors.BadSignature(
                f"The key {fingerprint} of {key.person} was revoked at index {key.revoked_at}"
                f" ({key.revocation_reason}) and is used at {at_index}."
            )
        if not key.valid_at(at_index):
            raise errors.BadSignature(
                f"The key {fingerprint} of {key.person} was enrolled at index {key.enrolled_at}"
                f" and is used at {at_index} already."
            )
        return key

    def officers(self, at_index: int) -> frozenset[str]:
        """The persons who hold a valid officer key at ``at_index``."""
        keys = (self.keys[fingerprint] for fingerprint in self.officer_keys)
        return frozenset(key.person for key in keys if key.valid_at(at_index))

    def is_trial(self, at_index: int) -> bool:
        """Whether only one person had ever been an officer before ``at_index``."""
        keys = (self.keys[fingerprint] for fingerprint in self.officer_keys)
        ever = {key.person for key in keys if key.enrolled_at < at_index}
        return len(ever) < OFFICERS_NEEDED

    def officers_needed(self, at_index: int) -> int:
        """How many officers must sign a change to the keyring at ``at_index``."""
        return OFFICERS_NEEDED_ON_TRIAL if self.is_trial(at_index) else OFFICERS_NEEDED

    def allowed_signers(self, at_index: int) -> str:
        """The ``allowed_signers`` file of this index: with it ``ssh-keygen -Y verify`` judges our evidence by hand.

        Passkeys are not in it: ssh-keygen knows nothing of them (see ``passkeys``).
        """
        valid = (key for key in self.keys.values() if key.valid_at(at_index) and key.kind == public_keys.SSH)
        lines = (sshsig.allowed_signers_line(key.person, key.blob, NAMESPACES) for key in valid)
        return "".join(f"{line}\n" for line in lines)

    def passkeys(self, at_index: int) -> tuple[EnrolledKey, ...]:
        """The passkeys enrolled before ``at_index``, revoked ones too: what they signed before stays signed."""
        return tuple(
            key
            for key in self.keys.values()
            if key.enrolled_at < at_index and key.kind == public_keys.WEBAUTHN
        )

    def signers(self, index: int, envelope: dsse.Envelope, new: bytes) -> tuple[EnrolledKey, ...]:
        """The keys that signed an enrolment of ``new``, valid at ``index``; raises ``BadSignature``."""
        return _signers(self, index, envelope, also=new)

    def extended(self, index: int, envelope: dsse.Envelope) -> Keyring:
        """The keyring after the enrolment, revocation or deactivation in ``envelope``, which stands at ``index``.

        Raises:
            Unsound, BadSignature: naming which of the rules 1 to 6 above is broken, by whom.
            Invalid: the envelope holds no such statement.
        """
        if index <= self.last_index:  # 1
            raise errors.Unsound(
                f"A keyring statement at index {index} comes after one at {self.last_index}: out of order."
            )
        if envelope.payload_type == statements.payload_type(statements.Revocation):
            return _revoke(self, index, envelope)
        if envelope.payload_type == statements.payload_type(statements.Deactivation):
            return _deactivate(self, index, envelope)
        return _enrol(self, index, envelope)


def fold(
    events: Iterable[tuple[int, dsse.Envelope]], *, origin: str, officers_fingerprint: str | None
) -> Keyring:
    """The keyring after all keyring statements of a log, given as (log index, envelope) in log order.

    ``officers_fingerprint`` comes from the verifier's own policy; with ``None`` the genesis vouches for itself,
    and the caller must say so.

    Raises:
        Unsound, BadSignature, Invalid: at the first statement that breaks a rule; nothing after it is read.
    """
    keyring: Keyring | None = None
    for index, envelope in events:
        if keyring is None:
            keyring = begin(index, envelope, origin=origin, officers_fingerprint=officers_fingerprint)
        else:
            keyring = keyring.extended(index, envelope)
    if keyring is None:
        raise errors.Unsound(f"The log of {origin} holds no genesis statement: nobody can speak in it.")
    return keyring


def begin(index: int, envelope: dsse.Envelope, *, origin: str, officers_fingerprint: str | None) -> Keyring:
    """The keyring after the genesis in ``envelope`` at ``index`` (rule 0); raises as ``fold`` does."""
    if index < 0:
        raise errors.Unsound(f"A log has no index {index}.")
    genesis = statements.read(envelope, statements.Genesis, origin=origin)
    found = statements.officers_fingerprint(envelope.payload)
    if officers_fingerprint not in (None, found):
        raise errors.BadSignature(
            f"The officers of {origin} have the fingerprint {found}, not {officers_fingerprint}.",
            advice="Compare the fingerprint with the officers themselves, over another channel.",
        )
    blobs = [statements.key_of(line) for line in genesis.keys]
    if len(set(blobs)) != len(blobs):
        raise errors.Unsound("The genesis lists the same key twice.")
    signed = signed_by(envelope, genesis.namespace, blobs, "genesis statement")
    if missing := [sshsig.fingerprint(blob) for blob in blobs if blob not in signed]:
        raise errors.BadSignature(f"The genesis lacks the signature of its own key {missing[0]}.")
    keys = [
        _new_key(genesis.person, blob, (statements.OFFICER,), public_keys.device_bound(blob), index)
        for blob in blobs
    ]
    empty = Keyring(origin, found, index, keys={}, officer_keys=(), names={})
    return _with_keys(empty, index, *keys)


def _with_keys(keyring: Keyring, index: int, *keys: EnrolledKey) -> Keyring:
    officers = tuple(key.fingerprint for key in keys if statements.OFFICER in key.roles)
    return replace(
        keyring,
        last_index=index,
        keys={**keyring.keys, **{key.fingerprint: key for key in keys}},
        officer_keys=keyring.officer_keys + officers,
        names={**keyring.names, **{key.person.lower(): key.person for key in keys}},
    )


def _new_key(person: str, blob: bytes, roles: tuple[str, ...], device_bound: bool, index: int) -> EnrolledKey:
    return EnrolledKey(person, blob, sshsig.fingerprint(blob), roles, device_bound, enrolled_at=index)


def _enrol(keyring: Keyring, index: int, envelope: dsse.Envelope) -> Keyring:
    enrolment = statements.read(envelope, statements.Enrolment, origin=keyring.origin)
    blob = statements.key_of(enrolment.key)
    new = _new_key(enrolment.person, blob, enrolment.roles, enrolment.device_bound, index)
    _check_unused(keyring, new)  # 5
    _check_copies(new)  # 4
    signers = _signers(keyring, index, envelope, also=blob)  # 2
    what = f"The enrolment of {new.fingerprint} for {new.person}"
    if not _enough_officers(keyring, index, signers):
        own = [key for key in signers if key.person == new.person]
        if not own:  # 3
            raise _too_few(keyring, index, signers, what)
        _check_grants_nothing(new, own, what)  # 4
    return _with_keys(keyring, index, new)


def _check_unused(keyring: Keyring, new: EnrolledKey) -> None:
    if known := keyring.keys.get(new.fingerprint):
        state = "was revoked" if known.revoked_at is not None else "is enrolled"
        raise errors.Unsound(
            f"The key {new.fingerprint} {state} as a key of {known.person}; it cannot be enrolled"
            f" for {new.person}.",
            advice="Use a fresh key: one key speaks for one person, once.",
        )
    known_as = keyring.names.get(new.person.lower(), new.person)
    if known_as != new.person:
        raise errors.Unsound(f"{new.person} and {known_as} differ in letter case only: one person, one id.")


def _check_grants_nothing(new: EnrolledKey, own: list[EnrolledKey], what: str) -> None:
    held = {role for key in own for role in key.roles}
    if more := sorted(set(new.roles) - held):
        raise errors.TooFewOfficers(
            f"{what} grants the role {more[0]}, which {new.person} cannot grant alone.",
            advice="Roles are granted by officers.",
        )
    if new.device_bound and not public_keys.device_bound(new.blob):
        raise errors.TooFewOfficers(
            f"{what} calls a plain key device-bound, which {new.person} cannot vouch for alone.",
            advice="Use a hardware key (ssh-keygen -t ed25519-sk), or have officers vouch for it.",
        )


def _check_copies(new: EnrolledKey) -> None:
    if new.device_bound and public_keys.synced(new.blob):
        raise errors.Unsound(
            f"The passkey {new.fingerprint} of {new.person} is called device-bound,"
            " but its authenticator says that it can be copied to other devices.",
            advice="Use a security key, or a passkey that stays on its device.",
        )


def _revoke(keyring: Keyring, index: int, envelope: dsse.Envelope) -> Keyring:
    revocation = statements.read(envelope, statements.Revocation, origin=keyring.origin)
    key = keyring.key(revocation.key, index)  # 6
    if key.person != revocation.person:
        raise errors.Unsound(f"The key {key.fingerprint} is {key.person}'s, not {revocation.person}'s.")
    signers = _signers(keyring, index, envelope)  # 2
    if not any(one.person == key.person for one in signers) and not _enough_officers(keyring, index, signers):
        what = f"The revocation of {key.fingerprint} of {key.person}"
        raise _too_few(keyring, index, signers, what)  # 3
    revoked = replace(key, revoked_at=index, revocation_reason=revocation.reason)
    after = replace(keyring, last_index=index, keys={**keyring.keys, key.fingerprint: revoked})
    if statements.OFFICER in key.roles:
        _check_enough_are_left(after, index + 1, key)  # 6
    return after


def _deactivate(keyring: Keyring, index: int, envelope: dsse.Envelope) -> Keyring:
    """All of a person's keys are revoked at once; by whoever could revoke each of them."""
    deactivation = statements.read(envelope, statements.Deactivation, origin=keyring.origin)
    person = deactivation.person
    keys = keyring.keys_of(person, index)
    if not keys:  # 6
        raise errors.Unsound(f"{person} has no key at index {index} that speaks for them.")
    signers = _signers(keyring, index, envelope)  # 2
    if not any(one.person == person for one in signers) and not _enough_officers(keyring, index, signers):
        raise _too_few(keyring, index, signers, f"The deactivation of {person}")  # 3
    ended = {
        key.fingerprint: replace(key, revoked_at=index, revocation_reason=deactivation.reason) for key in keys
    }
    after = replace(keyring, last_index=index, keys={**keyring.keys, **ended})
    if any(statements.OFFICER in key.roles for key in keys):
        _check_enough_are_left(after, index + 1, keys[0])  # 6
    return after


def _check_enough_are_left(after: Keyring, index: int, revoked: EnrolledKey) -> None:
    """Officers who are too few for a change could not even enrol another: the home would be stuck for ever."""
    left, needed = len(after.officers(index)), after.officers_needed(index)
    if left < needed:
        remains = f"with {left} officer{'s' * (left > 1)} where a change takes {needed}"
        raise errors.Unsound(
            f"Revoking {revoked.fingerprint} would leave {after.origin} {remains if left else 'without an officer'}.",
            advice=f"Enrol another officer first, or another key of {revoked.person}.",
        )


def _enough_officers(keyring: Keyring, index: int, signers: tuple[EnrolledKey, ...]) -> bool:
    officers = {key.person for key in signers if statements.OFFICER in key.roles}
    return len(officers) >= keyring.officers_needed(index)


def _too_few(
    keyring: Keyring, index: int, signers: tuple[EnrolledKey, ...], what: str
) -> errors.TooFewOfficers:
    who = ", ".join(sorted({key.person for key in signers})) or "nobody enrolled"
    needed = keyring.officers_needed(index)
    return errors.TooFewOfficers(
        f"{what} at index {index} is signed by {who}; it takes {needed} officer{'s' * (needed > 1)}"
        " or a key of the person itself."
    )


def _signers(
    keyring: Keyring, index: int, envelope: dsse.Envelope, also: bytes | None = None
) -> tuple[EnrolledKey, ...]:
    """The keys that signed ``envelope``, all valid at ``index``. ``also`` may sign too, but counts for nothing."""
    own = () if also is None else (also,)
    valid = [keyring.key(one.keyid, index).blob for one in envelope.signatures if not _is(one, own)]
    what = f"statement at index {index}"
    namespace = sshsig.NAMESPACE_KEYRING
    signed = signed_by(envelope, namespace, [*valid, *own], what)
    return tuple(keyring.key(sshsig.fingerprint(blob), index) for blob in signed if blob not in own)


def _is(signature: dsse.EnvelopeSignature, blobs: tuple[bytes, ...]) -> bool:
    return signature.keyid in [sshsig.fingerprint(blob) for blob in blobs]


def signed_by(envelope: dsse.Envelope, namespace: str, blobs: Sequence[bytes], what: str) -> list[bytes]:
    """The keys among ``blobs`` that signed; raises unless there is a signature and every one of them holds.

    An SSH signature is bound to ``namespace``; a passkey's to the statement's type, which its message begins with.
    """
    if not envelope.signatures:
        raise errors.BadSignature(f"The {what} is not signed.")
    message = envelope.pae()
    signed: list[bytes] = []
    for one in envelope.signatures:
        verified = _verified(message, one, namespace, blobs)
        if one.keyid != verified.fingerprint:
            raise errors.BadSignature(
                f"The {what} names the key {one.keyid[:64]} but is signed by {verified.fingerprint}."
            )
        if verified.key_blob in signed:
            raise errors.BadSignature(f"The {what} is signed twice by {verified.fingerprint}.")
        signed.append(verified.key_blob)
    return signed


def _verified(
    message: bytes, one: dsse.EnvelopeSignature, namespace: str, blobs: Sequence[bytes]
) -> sshsig.Verified | webauthn.Verified:
    if one.format != dsse.FORMAT_WEBAUTHN:
        return sshsig.verify_blob(message, one.sig, namespace=namespace, keys=blobs)
    assertion = webauthn.Assertion(one.authenticator_data, one.client_data, one.sig)
    for blob in blobs:
        if webauthn.fingerprint(blob) == one.keyid and webauthn.is_passkey(blob):
            return webauthn.verify(message, assertion, blob)
    raise errors.BadSignature(
        f"The signature is by {one.keyid[:64]}, which is not a passkey that may sign this."
    )
