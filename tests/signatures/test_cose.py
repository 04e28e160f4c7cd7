# SPDX-License-Identifier: Apache-2.0
"""Keys as authenticators write them, against cbor2, the library made for them, and every other spelling."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given, strategies as st
from webauthn.helpers import decode_credential_public_key

from authenticator import Authenticator
from byhand import errors
from byhand.signatures import cose

ALGORITHMS = ("ES256", "EdDSA", "RS256")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_form_is_read_as_the_library_reads_it(algorithm: str) -> None:
    """The same numbers come out."""
    passkey = Authenticator("ada", algorithm=algorithm)
    key, theirs = cose.parse(passkey.key), decode_credential_public_key(passkey.key)
    assert cose.ALGORITHMS[key.algorithm] == algorithm
    if algorithm == "RS256":
        assert (key.modulus, key.exponent) == (
            int.from_bytes(theirs.n, "big"),
            int.from_bytes(theirs.e, "big"),
        )
    else:
        assert key.point[-64:] == theirs.x + (theirs.y if algorithm == "ES256" else b"")


def _other(passkey: Authenticator, **changed: Any) -> bytes:
    labels = {"kty": 1, "alg": 3, "first": -1, "second": -2, "third": -3, "more": 4}
    return cbor2.dumps({**passkey.fields, **{labels[name]: value for name, value in changed.items()}})


ADA = Authenticator("ada")
EDDSA = Authenticator("ada", algorithm="EdDSA")
FAULTY = {
    "a curve of another kind": _other(ADA, first=2),
    "another key type": _other(ADA, kty=1),
    "a field more": _other(ADA, more=b""),
    "a coordinate too short": _other(ADA, second=bytes(31)),
    "a coordinate that is a number": _other(ADA, second=7),
    "a point beside the curve": _other(ADA, third=bytes(32)),
    "a coordinate beyond the field": _other(ADA, second=b"\xff" * 32),
    "text in it": _other(ADA, second="x" * 32),
    "another order": cbor2.dumps(dict(reversed(ADA.fields.items()))),
    "a byte behind it": ADA.key + b"\0",
    "a byte too few": ADA.key[:-1],
    "no map": cbor2.dumps([1, 2]),
    "nothing": b"",
    "a length without end": b"\xbf" + ADA.key[1:] + b"\xff",
    "a number written longer": ADA.key.replace(b"\x01\x02", b"\x01\x18\x02", 1),
    "a label twice": b"\xa2\x01\x02\x01\x02",
    "far too much": bytes(cose.COSE_LENGTH_MAX + 1),
}


@pytest.mark.parametrize("what", FAULTY)
def test_one_key_has_one_spelling(what: str) -> None:
    """Every other one is refused as malformed."""
    with pytest.raises(errors.BadSignature, match="passkey's key"):
        cose.parse(FAULTY[what])


UNFIT = {
    "ES384": cbor2.dumps({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)}),
    "no algorithm": cbor2.dumps({1: 2}),
    "RSA of 2048 bits": cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 256, -2: b"\1\0\1"}),
    "an even exponent": cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 384, -2: b"\4"}),
    "a degenerate Ed25519 point": _other(EDDSA, second=bytes(32)),
}


@pytest.mark.parametrize("what", UNFIT)
def test_unfit_keys_are_refused_with_advice(what: str) -> None:
    """Another algorithm, a weak key, or one under which anybody could have signed."""
    with pytest.raises(errors.Invalid) as caught:
        cose.parse(UNFIT[what])
    assert caught.value.advice


@given(st.binary(max_size=120))
def test_garbage_is_refused_and_nothing_else(data: bytes) -> None:
    """No bytes make it fail in another way."""
    with pytest.raises((errors.BadSignature, errors.Invalid)):
        cose.parse(data)


@given(st.integers(0, 76), st.integers(1, 255))
def test_a_changed_byte_makes_another_key_or_none(place: int, change: int) -> None:
    """What is still read spells itself exactly so: cbor2 writes the same bytes again."""
    data = bytearray(ADA.key)
    data[place] ^= change
    try:
        cose.parse(bytes(data))
    except (errors.BadSignature, errors.Invalid):
        return
    assert cbor2.dumps(cbor2.loads(bytes(data))) == bytes(data)
