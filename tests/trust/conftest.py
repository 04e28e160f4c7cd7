# SPDX-License-Identifier: Apache-2.0
"""People with keys, who sign statements for one home."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from authenticator import Authenticator
from byhand.signatures import dsse, sshsig
from byhand.trust import keyring, statements

ORIGIN = "byhand.local/test/1"
NOW = "2026-11-24T13:00:00.000000Z"
LATER = "2026-11-24T13:10:00.000000Z"
NONCE = "5a" * 32


class Key:
    """One key, made from its name, so that every run uses the same."""

    def __init__(self, name: str) -> None:
        self.private = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        public = self.private.public_key()
        line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self.blob = sshsig.public_key_blob(line.decode())
        self.line = sshsig.authorized_line(self.blob)
        self.fingerprint = sshsig.fingerprint(self.blob)


class Signing:
    """Builds and signs each statement; every field can be changed by name."""

    origin = ORIGIN
    now = NOW
    later = LATER

    def __init__(self) -> None:
        self.passkeys: dict[str, Authenticator] = {}

    def key(self, name: str) -> Key:
        return Key(name)

    def passkey(self, name: str, **options: Any) -> Authenticator:
        """A passkey of that name; whatever is signed by that name afterwards is signed with it."""
        self.passkeys[name] = Authenticator(name, **options)
        return self.passkeys[name]

    def signed(self, statement: Any, *names: str, namespace: str | None = None) -> dsse.Envelope:
        envelope = statements.unsigned(statement)
        for name in names:
            if name in self.passkeys:
                envelope = self.passkeys[name].sign(envelope)
                continue
            armored = sshsig.sign_with_private_key(
                Key(name).private, envelope.pae(), namespace or statement.namespace
            )
            envelope = statements.add_signature(envelope, armored)
        return envelope

    def genesis(self, person: str = "ada", *names: str, **changed: Any) -> statements.Genesis:
        keys = tuple(Key(name).line for name in names or (person,))
        fields = {"origin": ORIGIN, "person": person, "keys": keys, "nonce": NONCE, "time": NOW}
        return statements.Genesis(**{**fields, **changed})

    def enrolment(self, person: str, name: str = "", **changed: Any) -> statements.Enrolment:
        fields = {
            "origin": ORIGIN,
            "person": person,
            "key": Key(name or person).line,
            "roles": (),
            "nonce": NONCE,
        }
        return statements.Enrolment(**{**fields, "device_bound": False, "time": NOW, **changed})

    def revocation(self, person: str, name: str = "", **changed: Any) -> statements.Revocation:
        fields = {"origin": ORIGIN, "person": person, "key": Key(name or person).fingerprint, "time": NOW}
        return statements.Revocation(**{**fields, "reason": "lost laptop", **changed})

    def fold(self, *events: tuple[int, dsse.Envelope], fingerprint: str | None = None) -> keyring.Keyring:
        return keyring.fold(events, origin=ORIGIN, officers_fingerprint=fingerprint)

    def begun(self) -> tuple[int, dsse.Envelope]:
        return (0, self.signed(self.genesis(), "ada"))

    def second_officer(self) -> tuple[int, dsse.Envelope]:
        return (1, self.signed(self.enrolment("bob", roles=("officer",)), "ada"))

    def operator(self) -> tuple[int, dsse.Envelope]:
        return (2, self.signed(self.enrolment("cyd"), "ada", "bob"))


@pytest.fixture
def signing() -> Signing:
    """The pen."""
    return Signing()


@pytest.fixture
def two_officers(signing: Signing) -> keyring.Keyring:
    """Ada and bob are officers, cyd is enrolled at index 2."""
    return signing.fold(signing.begun(), signing.second_officer(), signing.operator())
