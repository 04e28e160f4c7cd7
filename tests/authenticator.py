# SPDX-License-Identifier: Apache-2.0
"""An authenticator and a browser made of software: real keys, real bytes, and any lie that a test likes."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from byhand.signatures import dsse, webauthn
from byhand.trust import statements

ORIGIN = "https://byhand.example"
PRESENT, VERIFIED, ELIGIBLE, COPIED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
HONEST = PRESENT | VERIFIED


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Authenticator:
    """One passkey. ``flags``, ``origin`` and ``counter`` may be changed to see what happens."""

    def __init__(
        self, name: str = "ada", *, algorithm: str = "ES256", flags: int = HONEST, origin: str = ORIGIN
    ) -> None:
        self.origin = origin
        self.flags = flags
        self.counter = 0
        self.credential = hashlib.sha256(name.encode()).digest()
        seed = hashlib.sha256(f"key of {name}".encode()).digest()
        if algorithm == "EdDSA":
            self.private: Any = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
            fields = {1: 1, 3: -8, -1: 6, -2: self.private.public_key().public_bytes_raw()}
        elif algorithm == "RS256":
            self.private = rsa.generate_private_key(65_537, 3_072)
            numbers = self.private.public_key().public_numbers()
            fields = {1: 3, 3: -257, -1: _shortest(numbers.n), -2: _shortest(numbers.e)}
        else:
            self.private = ec.derive_private_key(int.from_bytes(seed, "big"), ec.SECP256R1())
            numbers = self.private.public_key().public_numbers()
            fields = {
                1: 2,
                3: -7,
                -1: 1,
                -2: numbers.x.to_bytes(32, "big"),
                -3: numbers.y.to_bytes(32, "big"),
            }
        self.fields = fields
        self.key = cbor2.dumps(fields)

    @property
    def blob(self) -> bytes:
        return webauthn.encode(
            webauthn.Passkey(self.origin, self.credential, self.key, self.flags, bytes(16))
        )

    @property
    def line(self) -> str:
        return webauthn.line_of(self.blob)

    @property
    def fingerprint(self) -> str:
        return webauthn.fingerprint(self.blob)

    def data(self, *, flags: int | None = None, host: str | None = None) -> bytes:
        """Authenticator data, without the key."""
        self.counter += 1
        host = host or webauthn.host_of(self.origin)
        flags = self.flags if flags is None else flags
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def client_data(self, over: bytes, type_: str = "webauthn.get", **changed: Any) -> bytes:
        """What a browser writes."""
        said = {"type": type_, "challenge": base64url(over), "origin": self.origin, "crossOrigin": False}
        return json.dumps({**said, **changed}, separators=(",", ":")).encode()

    def signature(self, data: bytes) -> bytes:
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return bytes(self.private.sign(data, ec.ECDSA(hashes.SHA256())))

    def answer(self, message: bytes, *, client_data: bytes | None = None, **data: Any) -> webauthn.Assertion:
        """The signature over ``message``; everything about it may be told otherwise."""
        client_data = client_data or self.client_data(webauthn.challenge(message))
        authenticator_data = self.data(**data)
        signed = authenticator_data + hashlib.sha256(client_data).digest()
        return webauthn.Assertion(authenticator_data, client_data, self.signature(signed))

    def sign(self, envelope: dsse.Envelope) -> dsse.Envelope:
        """The envelope with this passkey's signature."""
        return statements.add_assertion(envelope, self.blob, self.answer(envelope.pae()))

    def attestation(self, *, flags: int | None = None, key: bytes | None = None) -> bytes:
        """The attestation object of a registration, in the format ``none``."""
        data = self.data(flags=(self.flags if flags is None else flags) | ATTESTED)
        data += bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + (key or self.key)
        return cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})


def _shortest(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
