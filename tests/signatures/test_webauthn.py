# SPDX-License-Identifier: Apache-2.0
"""Passkeys' signatures, judged by the standard's own vectors, by the library made for them, and by openssl."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from webauthn import verify_authentication_response
from webauthn.helpers.exceptions import WebAuthnException

from authenticator import (
    ATTESTED,
    COPIED,
    ELIGIBLE,
    HONEST,
    ORIGIN,
    PRESENT,
    VERIFIED,
    Authenticator,
    base64url,
)
from byhand import errors
from byhand.signatures import cose, primitives, webauthn

MESSAGE = b"DSSEv1 4 type 9 statement"
ALGORITHMS = ("ES256", "EdDSA", "RS256")
W3C = {  # W3C Web Authentication level 3, section 16, as of July 2026
    one["name"]: {name: bytes.fromhex(text) for name, text in one.items() if name != "name"}
    for one in json.loads(Path(__file__).with_name("webauthn_vectors.json").read_text())
}
TAKEN = ("none-es256-long-credential-id", "packed-es256", "tpm-es256")
REFUSED = {
    "none-es256": "did not make sure",
    "packed-self-es256": "did not make sure",
    "android-key-es256": "did not make sure",
    "apple-es256": "did not make sure",
    "fido-u2f-es256": "did not make sure",
    "packed-rs256": "did not make sure",
    "packed-eddsa": "did not make sure",
    "none-es256-crossOrigin": "inside a page of somebody else",
    "none-es256-topOrigin": "inside a page of somebody else",
    "packed-es384": "not taken",
    "packed-es512": "not taken",
    "packed-ed448": "not taken",
}


def _answer(vector: dict[str, bytes]) -> webauthn.Assertion:
    return webauthn.Assertion(vector["authenticator_data"], vector["client_data"], vector["signature"])


def _key(vector: dict[str, bytes]) -> bytes:
    """The passkey of a vector, as if it had been made with the person verified."""
    flags = HONEST | vector["authenticator_data"][32] & ELIGIBLE
    passkey = webauthn.Passkey(
        "https://example.org", vector["credential"], vector["key"], flags, vector["aaguid"]
    )
    return webauthn.encode(passkey)


def test_every_vector_of_the_standard_is_judged_here() -> None:
    """None is left out."""
    assert {*TAKEN, *REFUSED} == W3C.keys()


@pytest.mark.parametrize("name", TAKEN)
def test_the_standards_vectors_hold(name: str) -> None:
    """Those whose authenticator made sure of its person, on a page of its own."""
    vector = W3C[name]
    found = webauthn.verify_challenged(vector["challenge"], _answer(vector), _key(vector))
    assert found.key_blob == _key(vector)
    with pytest.raises(errors.BadSignature, match="something else"):
        webauthn.verify_challenged(bytes(32), _answer(vector), _key(vector))


@pytest.mark.parametrize("name", REFUSED)
def test_the_standards_other_vectors_are_refused_for_what_they_lack(name: str) -> None:
    """Nobody verified, a frame around the page, or an algorithm that byhand does not take."""
    vector = W3C[name]
    with pytest.raises((errors.BadSignature, errors.Invalid), match=REFUSED[name]):
        webauthn.verify_challenged(vector["challenge"], _answer(vector), _key(vector))


@pytest.mark.parametrize("name", ["none-es256", "packed-rs256", "packed-eddsa", "none-es256-topOrigin"])
def test_the_arithmetic_holds_over_the_standards_vectors(name: str) -> None:
    """Of each algorithm, also where the rest is refused; one bit more, and it does not."""
    vector = W3C[name]
    key, answer = cose.parse(vector["key"]), _answer(vector)
    primitives.check_cose(key, answer.signature, answer.signed)
    with pytest.raises(errors.BadSignature, match="does not fit"):
        primitives.check_cose(key, answer.signature, answer.signed + b"\0")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_library_and_openssl_take_what_we_take(algorithm: str, tmp_path: Path) -> None:
    """Three judges of one signature."""
    passkey = Authenticator("ada", algorithm=algorithm)
    answer = passkey.answer(MESSAGE)
    assert webauthn.verify(MESSAGE, answer, passkey.blob).counter == 1
    _library(passkey, answer)
    assert _openssl(passkey, answer, tmp_path)
    (tmp_path / "signed").write_bytes(answer.signed + b"\0")
    assert not _openssl_again(algorithm, tmp_path)


def _library(passkey: Authenticator, answer: webauthn.Assertion) -> None:
    credential = base64url(passkey.credential)
    response = {
        "clientDataJSON": base64url(answer.client_data),
        "authenticatorData": base64url(answer.authenticator_data),
        "signature": base64url(answer.signature),
    }
    verify_authentication_response(
        credential={"id": credential, "rawId": credential, "type": "public-key", "response": response},
        expected_challenge=webauthn.challenge(MESSAGE),
        expected_rp_id=webauthn.host_of(passkey.origin),
        expected_origin=passkey.origin,
        credential_public_key=passkey.key,
        credential_current_sign_count=0,
        require_user_verification=True,
    )


def _openssl(passkey: Authenticator, answer: webauthn.Assertion, folder: Path) -> bool:
    (folder / "key.pem").write_bytes(primitives.pem_of_cose(cose.parse(passkey.key)))
    (folder / "signed").write_bytes(answer.signed)
    (folder / "sig").write_bytes(answer.signature)
    algorithm = cose.ALGORITHMS[cose.parse(passkey.key).algorithm]
    return _openssl_again(algorithm, folder)


def _openssl_again(algorithm: str, folder: Path) -> bool:
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "signed"]
    if algorithm == "EdDSA":
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"]
        command += ["-in", "signed", "-sigfile", "sig"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


ADA = Authenticator("ada")
CHALLENGE = webauthn.challenge(MESSAGE)
FORGERIES: dict[str, tuple[dict[str, Any], str]] = {
    "made to enrol": ({"client_data": ADA.client_data(CHALLENGE, "webauthn.create")}, "not to sign"),
    "over another message": ({"client_data": ADA.client_data(bytes(32))}, "something else"),
    "over nothing": ({"client_data": ADA.client_data(CHALLENGE, challenge=None)}, "something else"),
    "over padded base64": (
        {"client_data": ADA.client_data(CHALLENGE, challenge=base64url(CHALLENGE) + "=")},
        "else",
    ),
    "on another site": (
        {"client_data": ADA.client_data(CHALLENGE, origin="https://evil.example")},
        "on a page of",
    ),
    "on another port": ({"client_data": ADA.client_data(CHALLENGE, origin=f"{ORIGIN}:444")}, "on a page of"),
    "without TLS": (
        {"client_data": ADA.client_data(CHALLENGE, origin="http://byhand.example")},
        "on a page of",
    ),
    "in a frame": ({"client_data": ADA.client_data(CHALLENGE, crossOrigin=True)}, "inside a page"),
    "in a frame, said oddly": (
        {"client_data": ADA.client_data(CHALLENGE, crossOrigin="no")},
        "inside a page",
    ),
    "below another page": ({"client_data": ADA.client_data(CHALLENGE, topOrigin=ORIGIN)}, "inside a page"),
    "for another host": ({"host": "evil.example"}, "another host"),
    "by nobody": ({"flags": VERIFIED}, "without anybody"),
    "by anybody": ({"flags": PRESENT}, "did not make sure"),
    "synced all of a sudden": ({"flags": HONEST | ELIGIBLE}, "otherwise than when"),
    "copied what cannot be": ({"flags": HONEST | COPIED}, "cannot be copied"),
    "with a name twice": (
        {"client_data": ADA.client_data(CHALLENGE)[:-1] + b',"origin":"https://byhand.example"}'},
        "no JSON",
    ),
    "with a list": ({"client_data": b"[]"}, "no JSON object"),
    "nested without end": ({"client_data": b"[" * 4_000}, "no JSON"),
    "with endless client data": ({"client_data": b" " * 4_097}, "4097 bytes"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_signature_made_otherwise_is_refused(what: str) -> None:
    """Each is a good signature by the right key, over something that is not what was asked for."""
    changed, message = FORGERIES[what]
    answer = ADA.answer(MESSAGE, **changed)
    primitives.check_cose(cose.parse(ADA.key), answer.signature, answer.signed)
    with pytest.raises(errors.BadSignature, match=message):
        webauthn.verify(MESSAGE, answer, ADA.blob)


@pytest.mark.parametrize("part", ["authenticator_data", "client_data", "signature"])
def test_a_part_that_is_missing_or_changed_is_refused(part: str) -> None:
    """Empty, cut, longer, or with one bit turned."""
    good = ADA.answer(MESSAGE)
    parts = {name: getattr(good, name) for name in ("authenticator_data", "client_data", "signature")}
    for changed in (
        b"",
        parts[part][:-1],
        parts[part] + b"\0",
        bytes([parts[part][0] ^ 1]) + parts[part][1:],
    ):
        with pytest.raises(errors.BadSignature):
            webauthn.verify(MESSAGE, webauthn.Assertion(**{**parts, part: changed}), ADA.blob)


def test_another_passkeys_signature_is_refused() -> None:
    """The arithmetic does not hold under the wrong key, even of the same person and page."""
    with pytest.raises(errors.BadSignature, match="does not fit"):
        webauthn.verify(MESSAGE, Authenticator("grace").answer(MESSAGE), ADA.blob)


def test_what_an_authenticator_adds_is_signed_and_passed_over() -> None:
    """Extensions behind the counter, when it says that there are some."""
    data = ADA.data(flags=HONEST | 0x80) + b"\xa0"
    client = ADA.client_data(CHALLENGE, more="other keys can be added here")
    signature = ADA.signature(data + hashlib.sha256(client).digest())
    webauthn.verify(MESSAGE, webauthn.Assertion(data, client, signature), ADA.blob)


def test_a_passkey_survives_its_blob_and_its_line() -> None:
    """Every part comes back, the line is one line, and the code names this passkey alone."""
    passkey = webauthn.parse(ADA.blob)
    assert (passkey.origin, passkey.credential, passkey.key) == (ADA.origin, ADA.credential, ADA.key)
    assert webauthn.blob_of(ADA.line) == ADA.blob
    assert webauthn.code_of(ADA.blob) != webauthn.code_of(Authenticator("grace").blob)
    assert len(webauthn.code_of(ADA.blob)) == 19


@pytest.mark.parametrize(
    ("flags", "bound"), [(HONEST, True), (HONEST | ELIGIBLE, False), (HONEST | ELIGIBLE | COPIED, False)]
)
def test_only_a_passkey_that_cannot_be_copied_is_bound(flags: int, bound: bool) -> None:
    """As its authenticator says; where it says that there is a copy already, likewise."""
    assert webauthn.parse(Authenticator("ada", flags=flags).blob).device_bound is bound


@pytest.mark.parametrize("flags", [PRESENT, VERIFIED, HONEST | COPIED, HONEST | ATTESTED, 0])
def test_a_passkey_made_carelessly_is_no_key(flags: int) -> None:
    """Nobody verified, flags that contradict each other, or flags that say nothing of it."""
    with pytest.raises((errors.Invalid, errors.BadSignature)):
        _ = Authenticator("ada", flags=flags).blob


@pytest.mark.parametrize(
    "origin",
    [
        "http://byhand.example",
        "https://127.0.0.1",
        "https://byhand.example/",
        "https://BYHAND.example",
        "https://byhand.example:0443",
        "https://ada@byhand.example",
        "https://-byhand.example",
        "https://byhand..example",
        "http://localhost.evil.example",
        "https://byhand.example\n",
        "null",
        "",
        f"https://{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 63}.example",
    ],
)
def test_passkeys_exist_for_names_over_tls_only(origin: str) -> None:
    """And for localhost; never for an address, another scheme, or a name in another spelling."""
    with pytest.raises(errors.Invalid, match="cannot be used at"):
        webauthn.host_of(origin)


def test_hosts_are_those_that_browsers_name() -> None:
    """The relying party is the origin's host."""
    assert webauthn.host_of("https://byhand.example:8443") == "byhand.example"
    assert webauthn.host_of("http://localhost:8420") == "localhost"


@given(st.binary(max_size=200))
def test_garbage_is_no_passkey(data: bytes) -> None:
    """No bytes make it fail in another way."""
    for blob in (data, ADA.blob[:12] + data, ADA.blob[: len(data)]):
        with pytest.raises((errors.BadSignature, errors.Invalid)):
            webauthn.parse(blob)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_never_the_same_passkey(place: int, change: int) -> None:
    """What is still read is another blob with another fingerprint, and does not verify."""
    blob = bytearray(ADA.blob)
    blob[place % len(blob)] ^= change
    try:
        found = webauthn.verify(MESSAGE, ADA.answer(MESSAGE), bytes(blob))
    except errors.BadSignature:
        return
    assert (
        found.fingerprint != ADA.fingerprint
    )  # only its id or model was changed, which say nothing of the key
    assert webauthn.parse(bytes(blob)).key == ADA.key


@given(st.binary(max_size=400))
def test_garbage_as_client_data_is_refused(data: bytes) -> None:
    """Whatever stands there."""
    with pytest.raises(errors.BadSignature):
        webauthn.verify(MESSAGE, ADA.answer(MESSAGE, client_data=data or b"{}"), ADA.blob)


def test_the_library_refuses_what_we_refuse() -> None:
    """One forgery of each condition that both look at."""
    for what in (
        "made to enrol",
        "over another message",
        "on another site",
        "for another host",
        "by anybody",
    ):
        changed, _ = FORGERIES[what]
        with pytest.raises(WebAuthnException):
            _library(ADA, ADA.answer(MESSAGE, **changed))
