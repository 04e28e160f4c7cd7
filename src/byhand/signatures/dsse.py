# SPDX-License-Identifier: Apache-2.0
"""The envelope a signed statement travels in: DSSE v1 (github.com/secure-systems-lab/dsse, envelope and protocol)."""

from __future__ import annotations

import base64

import msgspec

from byhand import errors
from byhand.signatures import wire

FORMAT_SSHSIG = "sshsig"
FORMAT_WEBAUTHN = "webauthn"
ENVELOPE_LENGTH_MAX = 262_144  # real ones: a statement of 4 KiB and signatures of 1; bounds what is parsed
SIGNATURES_MAX = 16  # more persons than any quorum asks for; bounds the work an unread envelope can cause


class EnvelopeSignature(msgspec.Struct, frozen=True):
    """One signature: ``keyid`` (``SHA256:...``, a hint that proves nothing), ``format`` and the raw bytes.

    A passkey does not sign our bytes themselves: what it signed lies beside its signature.
    """

    keyid: str
    sig: bytes
    format: str = FORMAT_SSHSIG
    authenticator_data: bytes = b""
    client_data: bytes = b""


class Envelope(msgspec.Struct, frozen=True):
    """The exact payload bytes that were signed, their type, and the signatures over ``pae`` of the two."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...] = ()

    def pae(self) -> bytes:
        """The bytes each signature covers."""
        return pae(self.payload_type, self.payload)


class _SignatureOnWire(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    keyid: str
    format: str
    sig: str
    authenticator_data: str = msgspec.field(name="authenticatorData", default="")
    client_data: str = msgspec.field(name="clientDataJSON", default="")


class _EnvelopeOnWire(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    payload_type: str
    payload: str
    signatures: list[_SignatureOnWire]


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding: ``DSSEv1 LEN(type) type LEN(payload) payload``, lengths in bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def encode(envelope: Envelope) -> bytes:
    """The envelope as JSON bytes; ``parse`` gives back an equal envelope."""
    return msgspec.json.encode(
        _EnvelopeOnWire(
            payload_type=envelope.payload_type,
            payload=_text(envelope.payload),
            signatures=[
                _SignatureOnWire(
                    one.keyid,
                    one.format,
                    _text(one.sig),
                    _text(one.authenticator_data),
                    _text(one.client_data),
                )
                for one in envelope.signatures
            ],
        )
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def parse(data: bytes) -> Envelope:
    """The envelope in ``data``.

    Only the bytes ``encode`` writes are taken: one envelope has one text, which also leaves no room for
    duplicate names, other spellings or superfluous space.

    Raises:
        Invalid: the JSON is malformed, has unknown, missing or repeated fields, or too many signatures.
        BadSignature: payload or signature is not canonical base64, or the same key appears twice.
    """
    if len(data) > ENVELOPE_LENGTH_MAX:
        raise errors.Invalid(f"The envelope has {len(data)} bytes; at most {ENVELOPE_LENGTH_MAX} are read.")
    try:
        read = msgspec.json.decode(data, type=_EnvelopeOnWire)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.Invalid(f"The envelope is not DSSE JSON: {error}.") from error
    envelope = Envelope(
        payload_type=read.payload_type,
        payload=wire.decode_base64(read.payload, "The envelope's payload"),
        signatures=tuple(_signature(one) for one in read.signatures),
    )
    _check_signatures(envelope.signatures)
    if encode(envelope) != data:
        raise errors.Invalid(
            "The envelope is not in canonical form: a field is repeated, reordered or spaced differently.",
            advice="Use the envelope exactly as byhand wrote it.",
        )
    return envelope


def _signature(read: _SignatureOnWire) -> EnvelopeSignature:
    what = "A signature of the envelope"
    return EnvelopeSignature(
        keyid=read.keyid,
        sig=wire.decode_base64(read.sig, what),
        format=read.format,
        authenticator_data=wire.decode_base64(read.authenticator_data, what),
        client_data=wire.decode_base64(read.client_data, what),
    )


def _check_signatures(signatures: tuple[EnvelopeSignature, ...]) -> None:
    if len(signatures) > SIGNATURES_MAX:
        raise errors.Invalid(
            f"The envelope has {len(signatures)} signatures; at most {SIGNATURES_MAX} are read."
        )
    keyids = [one.keyid for one in signatures]
    if len(set(keyids)) != len(keyids):
        raise errors.BadSignature("The envelope holds two signatures of the same key.")
    for one in signatures:
        if one.format not in (FORMAT_SSHSIG, FORMAT_WEBAUTHN):
            raise errors.BadSignature(f"The envelope has a signature of unknown format {one.format[:40]!r}.")
        complete = bool(one.authenticator_data) and bool(one.client_data)
        if complete != (one.format == FORMAT_WEBAUTHN) or (
            not complete and one.authenticator_data + one.client_data
        ):
            raise errors.BadSignature(
                "A passkey's signature comes with what it signed, and an SSH signature with nothing else."
            )
