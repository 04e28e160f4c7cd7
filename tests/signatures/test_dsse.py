# SPDX-License-Identifier: Apache-2.0
"""Envelopes against the DSSE protocol's own example, and against everything that is not an envelope."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, strategies as st

from byhand import errors
from byhand.signatures import dsse

SPEC_TYPE = "http://example.com/HelloWorld"
SPEC_PAYLOAD = b"hello world"
SPEC_PAE = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

signatures = st.lists(
    st.builds(dsse.EnvelopeSignature, keyid=st.text(max_size=60), sig=st.binary(max_size=200)),
    max_size=4,
    unique_by=lambda one: one.keyid,
).map(tuple)
envelopes = st.builds(
    dsse.Envelope, payload_type=st.text(max_size=80), payload=st.binary(max_size=400), signatures=signatures
)


def test_the_specification_example_gives_its_pae() -> None:
    """The example of the DSSE protocol text encodes to the bytes printed there."""
    assert dsse.pae(SPEC_TYPE, SPEC_PAYLOAD) == SPEC_PAE


def test_pae_counts_bytes_not_characters() -> None:
    """Lengths are those of the UTF-8 form."""
    assert dsse.pae("é", "ü!".encode()) == "DSSEv1 2 é 3 ü!".encode()


@given(envelopes)
def test_an_envelope_survives_its_json(envelope: dsse.Envelope) -> None:
    """Parsing what was encoded gives an equal envelope."""
    assert dsse.parse(dsse.encode(envelope)) == envelope


@given(st.tuples(st.text(), st.binary()), st.tuples(st.text(), st.binary()))
def test_pae_is_unambiguous(one: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    """Two different pairs of type and payload never share their signed bytes."""
    assert (dsse.pae(*one) == dsse.pae(*other)) == (one == other)


def _json(payload: str = "aGk=", signature: str = '{"keyid":"k","format":"sshsig","sig":"AA=="}') -> bytes:
    return f'{{"payloadType":"t","payload":"{payload}","signatures":[{signature}]}}'.encode()


_PARTS = '"authenticatorData":"AA==","clientDataJSON":"AQ=="'


def _passkey(parts: str, kind: str = "webauthn") -> str:
    return f'{{"keyid":"k","format":"{kind}","sig":"AA==",{parts}}}'


def test_a_passkeys_signature_carries_what_it_signed() -> None:
    """Authenticator data and client data stand beside it, and survive."""
    (one,) = dsse.parse(_json(signature=_passkey(_PARTS))).signatures
    assert (one.format, one.authenticator_data, one.client_data) == ("webauthn", b"\0", b"\1")


def test_the_plain_form_is_taken() -> None:
    """The form the refusals below are made from is itself good."""
    assert dsse.parse(_json()).payload == b"hi"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", errors.Invalid),
        (b"[]", errors.Invalid),
        (b"\xff", errors.Invalid),
        (b"[" * 100_000, errors.Invalid),
        (b" " * (dsse.ENVELOPE_LENGTH_MAX + 1), errors.Invalid),
        (_json()[:-1] + b',"more":1}', errors.Invalid),
        (_json()[:-1] + b',"payload":"aGk="}', errors.Invalid),
        (b" " + _json(), errors.Invalid),
        (_json(signature='{"keyid":"k","sig":"AA=="}'), errors.Invalid),
        (_json(signature='{"keyid":"k","format":"sshsig","sig":"AA==","cert":""}'), errors.Invalid),
        (
            _json(signature=",".join(f'{{"keyid":"{n}","format":"sshsig","sig":""}}' for n in range(17))),
            errors.Invalid,
        ),
        (_json(signature=",".join(['{"keyid":"k","format":"sshsig","sig":""}'] * 2)), errors.BadSignature),
        (_json(signature='{"keyid":"k","format":"pgp","sig":"AA=="}'), errors.BadSignature),
        (_json(signature='{"keyid":"k","format":"webauthn","sig":"AA=="}'), errors.BadSignature),
        (_json(signature=_passkey('"authenticatorData":"AA=="')), errors.BadSignature),
        (_json(signature=_passkey('"authenticatorData":"","clientDataJSON":"AA=="')), errors.BadSignature),
        (_json(signature=_passkey(_PARTS, "sshsig")), errors.BadSignature),
        (_json(signature=_passkey('"clientDataJSON":"AA=="', "sshsig")), errors.BadSignature),
        (_json(signature=_passkey('"clientDataJSON":"AA==","authenticatorData":"AA=="')), errors.Invalid),
        (_json(payload="aGk"), errors.BadSignature),
        (_json(payload="aGl="), errors.BadSignature),
        (_json(payload="a-k="), errors.BadSignature),
        (_json(payload="aG k="), errors.BadSignature),
    ],
)
def test_anything_else_is_refused(data: bytes, kind: type[Exception]) -> None:
    """Unknown, repeated, missing, reordered or oversized parts and loose base64 are refused by name."""
    with pytest.raises(kind):
        dsse.parse(data)


@given(st.binary(max_size=300))
def test_noise_raises_our_errors_only(data: bytes) -> None:
    """Whatever the bytes, only byhand's own errors come out."""
    with pytest.raises(errors.ByhandError):
        dsse.parse(data)


@given(envelopes, st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_flipped_byte_never_parses_to_the_same_envelope(
    envelope: dsse.Envelope, at: int, mask: int
) -> None:
    """Changing any one byte of the JSON either fails or gives a different envelope."""
    data = bytearray(dsse.encode(envelope))
    data[at % len(data)] ^= mask
    try:
        changed = dsse.parse(bytes(data))
    except errors.ByhandError:
        return
    assert changed != envelope


def test_other_tools_read_our_base64() -> None:
    """Payload and signature are plain padded base64, as the DSSE envelope asks."""
    envelope = dsse.Envelope("t", b"\xfb\xff", (dsse.EnvelopeSignature("k", b"\x00"),))
    assert base64.b64encode(b"\xfb\xff") in dsse.encode(envelope)
