# SPDX-License-Identifier: Apache-2.0
"""What a person signs: typed statements as canonical JSON in a DSSE envelope, the only things that speak for one.

The bytes are RFC 8785 JSON over a subset without floats and with ASCII names. They are stored as signed and never
written again to verify. Times are record times (``2026-11-24T13:21:05.123456Z``), which sort as text.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

import msgspec
import orjson

from byhand import errors
from byhand.signatures import dsse, public_keys, sshsig, webauthn

STATEMENT_LENGTH_MAX = 65_536  # eight RSA 16384 lines in a genesis have 23 KB; bounds what is parsed
PERSON_LENGTH_MAX = 128  # an e-mail address or issuer subject; longer ones get a short id
KEYS_AT_GENESIS_MAX = 8  # one officer's own keys: laptop, two hardware keys, a spare
ROLES_MAX = 16  # more than byhand ships by far
REASON_LENGTH_MAX = 200  # one line; the story belongs in the administration record

Origin = Annotated[str, msgspec.Meta(pattern=r"\A[!-*,-~]{1,255}\Z")]  # C2SP note name: no space, no plus
Person = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._@+|:/=-]{0,127}\Z")]
RecordId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Digest = Annotated[
    str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")
]  # SHA-256 or 32 random bytes, lower-case hex
Time = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")]
Fingerprint = Annotated[str, msgspec.Meta(pattern=r"\ASHA256:[A-Za-z0-9+/]{43}\Z")]
KeyLine = Annotated[str, msgspec.Meta(max_length=4_096)]  # ``ssh-ed25519 AAAA...`` or ``webauthn AAAA...``
Role = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z-]{0,31}\Z")]
Index = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]

OFFICER = "officer"
"""The role whose holders enrol and revoke others, two together (one while the home is on trial)."""

_URI = "https://byhand.dev/statement/{}/v1"
_MEDIA_TYPE = "application/vnd.byhand.{}.v1+json"


class _Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="_type"):
    """What all statements share: the home they were made for."""

    kind: ClassVar[str]
    namespace: ClassVar[str]
    origin: Origin


class Genesis(_Statement, frozen=True, kw_only=True, tag=_URI.format("genesis")):
    """The first officer and their keys; signed by each of these keys."""

    kind: ClassVar[str] = "genesis"
    namespace: ClassVar[str] = sshsig.NAMESPACE_KEYRING
    person: Person
    keys: Annotated[tuple[KeyLine, ...], msgspec.Meta(min_length=1, max_length=KEYS_AT_GENESIS_MAX)]
    nonce: Digest
    time: Time


class Enrolment(_Statement, frozen=True, kw_only=True, tag=_URI.format("enrolment")):
    """A key speaks for a person from now on. ``roles`` belong to the key."""

    kind: ClassVar[str] = "enrolment"
    namespace: ClassVar[str] = sshsig.NAMESPACE_KEYRING
    person: Person
    key: KeyLine
    roles: Annotated[tuple[Role, ...], msgspec.Meta(max_length=ROLES_MAX)]
    device_bound: bool
    nonce: Digest
    time: Time


class Revocation(_Statement, frozen=True, kw_only=True, tag=_URI.format("revocation")):
    """A key no longer speaks for its person."""

    kind: ClassVar[str] = "revocation"
    namespace: ClassVar[str] = sshsig.NAMESPACE_KEYRING
    person: Person
    key: Fingerprint
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH_MAX)]
    time: Time


class Deactivation(_Statement, frozen=True, kw_only=True, tag=_URI.format("deactivation")):
    """No key speaks for a person any more; what else they could sign in with ends too."""

    kind: ClassVar[str] = "deactivation"
    namespace: ClassVar[str] = sshsig.NAMESPACE_KEYRING
    person: Person
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH_MAX)]
    nonce: Digest
    time: Time


class Login(_Statement, frozen=True, kw_only=True, tag=_URI.format("login")):
    """The answer to a server's challenge."""

    kind: ClassVar[str] = "login"
    namespace: ClassVar[str] = sshsig.NAMESPACE_LOGIN
    person: Person
    challenge: Digest
    expires: Time


class Intent(_Statement, frozen=True, kw_only=True, tag=_URI.format("intent")):
    """This person declares exactly this intent. ``declaration``: SHA-256 of the canonical declaration."""

    kind: ClassVar[str] = "intent"
    namespace: ClassVar[str] = sshsig.NAMESPACE_INTENT
    record: RecordId
    declaration: Digest
    person: Person
    nonce: Digest
    expires: Time


class Approval(_Statement, frozen=True, kw_only=True, tag=_URI.format("approval")):
    """Another person's decision over an intent in the log, made on the checkpoint they had seen."""

    kind: ClassVar[str] = "approval"
    namespace: ClassVar[str] = sshsig.NAMESPACE_APPROVAL
    record: RecordId
    intent_index: Index
    intent_leaf: Digest
    decision: Literal["approve", "refuse", "withdraw"]
    meaning: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH_MAX)]
    person: Person
    requirement: Digest
    policy: Digest
    seen_size: Index
    seen_root: Digest
    nonce: Digest
    expires: Time


class Administration(_Statement, frozen=True, kw_only=True, tag=_URI.format("administration")):
    """A change to byhand itself. ``change``: SHA-256 of the canonical administration declaration."""

    kind: ClassVar[str] = "administration"
    namespace: ClassVar[str] = sshsig.NAMESPACE_ADMINISTRATION
    record: RecordId
    change: Digest
    person: Person
    nonce: Digest
    time: Time


class Spooled(_Statement, frozen=True, kw_only=True, tag=_URI.format("spooled")):
    """One line of a spool: what its person did, or how it ended, while the log could not be reached.

    A statement of its own: a signed intent that the gate refused cannot be turned into an act that was spooled.
    """

    kind: ClassVar[str] = "spooled"
    namespace: ClassVar[str] = sshsig.NAMESPACE_SPOOL
    spool: RecordId
    machine: Digest
    sequence: Index
    previous: Digest
    says: Literal["act", "outcome"]
    intervention: RecordId
    content: Digest
    person: Person
    time: Time


Statement: TypeAlias = (
    Genesis | Enrolment | Revocation | Deactivation | Login | Intent | Approval | Administration | Spooled
)
StatementType = TypeVar("StatementType", bound=_Statement)


def payload_type(kind: type[_Statement]) -> str:
    """The DSSE payload type, e.g. ``application/vnd.byhand.intent.v1+json``."""
    return _MEDIA_TYPE.format(kind.kind)


def statement_bytes(statement: Statement) -> bytes:
    """The canonical bytes of ``statement``; raises ``Invalid`` when a field breaks its rule."""
    try:
        data = orjson.dumps(msgspec.to_builtins(statement), option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise errors.Invalid(f"The {statement.kind} statement cannot be written: {error}.") from error
    parse(data, type(statement))
    return data


def parse(data: bytes, kind: type[StatementType]) -> StatementType:
    """The statement of type ``kind`` in ``data``.

    Raises:
        Invalid: not such a statement; a field is unknown, missing, repeated or breaks its rule; not canonical.
    """
    if len(data) > STATEMENT_LENGTH_MAX:
        raise errors.Invalid(f"The statement has {len(data)} bytes; at most {STATEMENT_LENGTH_MAX} are read.")
    try:
        statement = msgspec.json.decode(data, type=kind)
        canonical = orjson.dumps(msgspec.to_builtins(statement), option=orjson.OPT_SORT_KEYS)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise errors.Invalid(f"This is no {kind.kind} statement: {error}.") from error
    if canonical != data:
        raise errors.Invalid(f"The {kind.kind} statement is not in canonical form (RFC 8785).")
    _check_texts(statement)
    return statement


def _check_texts(statement: Any) -> None:
    for field in ("reason", "meaning"):
        text = getattr(statement, field, "")
        if not text.isprintable():
            raise errors.Invalid(f"The {statement.kind} statement's {field} holds control characters.")
    roles = getattr(statement, "roles", ())
    if list(roles) != sorted(set(roles)):
        raise errors.Invalid("An enrolment lists each role once, in alphabetical order.")
    for line in _key_lines(statement):
        key_of(line)


def _key_lines(statement: Any) -> tuple[str, ...]:
    if isinstance(statement, Genesis):
        return statement.keys
    return (statement.key,) if isinstance(statement, Enrolment) else ()


def key_of(line: str) -> bytes:
    """The key blob of a statement's key line; raises ``Invalid`` on a weak key or any superfluous character."""
    blob = public_keys.blob_of(line)
    public_keys.check_strength(blob)
    if public_keys.line_of(blob) != line:
        raise errors.Invalid("A statement holds a key as type and base64 only, without a comment.")
    return blob


def unsigned(statement: Statement) -> dsse.Envelope:
    """The envelope of ``statement``, without signatures. Sign its ``pae()`` under ``statement.namespace``."""
    return dsse.Envelope(payload_type(type(statement)), statement_bytes(statement))


def add_signature(envelope: dsse.Envelope, armored: str) -> dsse.Envelope:
    """``envelope`` with one more SSH signature; only its form is checked. Raises ``BadSignature``."""
    raw = sshsig.dearmor(armored)
    one = dsse.EnvelopeSignature(keyid=sshsig.fingerprint(sshsig.signing_key(raw)), sig=raw)
    return dsse.Envelope(envelope.payload_type, envelope.payload, (*envelope.signatures, one))


def add_assertion(envelope: dsse.Envelope, blob: bytes, assertion: webauthn.Assertion) -> dsse.Envelope:
    """``envelope`` with one more signature, by the passkey ``blob``; nothing is checked."""
    one = dsse.EnvelopeSignature(
        keyid=webauthn.fingerprint(blob),
        sig=assertion.signature,
        format=dsse.FORMAT_WEBAUTHN,
        authenticator_data=assertion.authenticator_data,
        client_data=assertion.client_data,
    )
    return dsse.Envelope(envelope.payload_type, envelope.payload, (*envelope.signatures, one))


def read(envelope: dsse.Envelope, kind: type[StatementType], *, origin: str) -> StatementType:
    """The statement inside ``envelope``, made for ``origin``; no signature is checked here.

    Raises:
        Invalid: it is no statement of type ``kind``.
        BadSignature: it was made for another home or epoch.
    """
    if envelope.payload_type != payload_type(kind):
        raise errors.Invalid(
            f"The envelope holds {envelope.payload_type[:100]!r}, not a {kind.kind} statement."
        )
    statement = parse(envelope.payload, kind)
    if statement.origin != origin:
        raise errors.BadSignature(
            f"The {kind.kind} statement was signed for {statement.origin}, not for {origin}."
        )
    return statement


def officers_fingerprint(genesis: bytes) -> str:
    """``SHA256:`` and unpadded base64 of the genesis statement's bytes: what a verifier puts in its policy."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(genesis).digest()).decode("ascii").rstrip("=")
