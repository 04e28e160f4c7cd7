# SPDX-License-Identifier: Apache-2.0
"""The keys behind signed notes, and what each type of key signs: notes, and timestamped cosignatures.

C2SP signed-note (0x01) and tlog-cosignature (0x04 Ed25519, 0x06 ML-DSA-44).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from byhand.errors import BadSignature, MalformedProof
from byhand.log.text import NUMBER_MAX, decode_base64, decode_hash, decode_number

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

ED25519 = 0x01
ED25519_COSIGNATURE = 0x04
ML_DSA_44 = 0x06
PUBLIC_BYTES = {ED25519: 32, ED25519_COSIGNATURE: 32, ML_DSA_44: 1_312}
SIGNATURE_BYTES = {ED25519: 64, ED25519_COSIGNATURE: 64, ML_DSA_44: 2_420}  # without the timestamp
KEY_ID_BYTES = 4
TIMESTAMP_BYTES = 8
NAME_BYTES_MAX = 255  # the ML-DSA-44 message prefixes names with one length byte
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]+\Z")


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """SHA-256(name || 0x0A || type || key), first four bytes."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:KEY_ID_BYTES]


def check_name(name: str) -> None:
    """Raise MalformedProof unless ``name`` may name a key: not empty, no spaces, no plus."""
    if _NAME.match(name) is None:
        raise MalformedProof(f"{name!r} cannot name a key: no spaces, no plus, not empty")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name and type, as a verifier's policy writes it: ``name+hash+base64``."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if PUBLIC_BYTES.get(self.kind) != len(self.public):
            raise MalformedProof(
                f"a key of type {self.kind:#04x} with {len(self.public)} bytes is not known here"
            )

    @property
    def key_id(self) -> bytes:
        """The four bytes that signatures name it by."""
        return key_id(self.name, self.kind, self.public)

    def encode(self) -> str:
        """``name+hash+base64(type || key)``."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key in ``text``; raises MalformedProof."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise MalformedProof("a verifier key is written name+hash+base64", advice="See: byhand log keys")
        key = decode_base64(parts[2])
        if not key:
            raise MalformedProof("the verifier key is empty")
        parsed = cls(parts[0], key[0], key[1:])
        if parsed.key_id.hex() != parts[1]:
            raise MalformedProof(f"the hash of the verifier key {parts[0]} does not match its key")
        return parsed


def check(key: VerifierKey, text: str, signature: bytes) -> int | None:
    """Raise BadSignature unless ``key`` signed ``text``; returns a cosignature's Unix time."""
    if key.kind == ED25519:
        _check_ed25519(key, text.encode(), signature)
        return None
    if len(signature) <= TIMESTAMP_BYTES:
        raise BadSignature(f"the cosignature of {key.name} is too short")
    timestamp = int.from_bytes(signature[:TIMESTAMP_BYTES], "big")
    if timestamp > NUMBER_MAX:
        raise BadSignature(f"the time of the cosignature of {key.name} is beyond what the format allows")
    body = signature[TIMESTAMP_BYTES:]
    if key.kind == ED25519_COSIGNATURE:
        _check_ed25519(key, cosignature_message(text, timestamp), body)
    else:
        _check_ml_dsa(key, subtree_message(key.name, text, timestamp), body)
    return timestamp


def _check_ed25519(key: VerifierKey, message: bytes, signature: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise BadSignature(f"the signature of {key.name} does not cover this text") from error


def _check_ml_dsa(key: VerifierKey, message: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    try:
        MLDSA44PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise BadSignature(f"the signature of {key.name} does not cover this text") from error
    except UnsupportedAlgorithm as error:
        raise BadSignature(
            "the OpenSSL behind cryptography cannot check ML-DSA-44",
            advice="Install cryptography >= 50 from PyPI; its wheels bring an OpenSSL that can.",
        ) from error


def cosignature_message(text: str, timestamp: int) -> bytes:
    """What an Ed25519 cosigner signs: ``cosignature/v1``, ``time N``, the whole note text."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def subtree_message(name: str, text: str, timestamp: int) -> bytes:
    """What an ML-DSA-44 cosigner signs over the whole tree of a checkpoint text (start 0, end size).

    Raises MalformedProof when ``text`` is no checkpoint.
    """
    lines = text.split("\n")
    if len(lines) < 4:
        raise MalformedProof("the text is no checkpoint: nothing to cosign")
    size, root = decode_number(lines[1]), decode_hash(lines[2])
    name_bytes, origin = name.encode(), lines[0].encode()
    if not 1 <= min(len(name_bytes), len(origin)) <= max(len(name_bytes), len(origin)) <= NAME_BYTES_MAX:
        raise MalformedProof(f"a name that ML-DSA-44 signs for is 1 to {NAME_BYTES_MAX} bytes long")
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(name_bytes)]),
            name_bytes,
            _timestamp(timestamp),
            bytes([len(origin)]),
            origin,
            bytes(8),  # start: a checkpoint covers the log from its first entry
            size.to_bytes(8, "big"),
            root,
        )
    )


def _timestamp(seconds: int) -> bytes:
    if not 0 <= seconds <= NUMBER_MAX:
        raise MalformedProof(f"{seconds} is no Unix time in seconds")
    return seconds.to_bytes(TIMESTAMP_BYTES, "big")


def sign(private: Ed25519PrivateKey, name: str, text: str) -> tuple[bytes, bytes]:
    """Key id and signature of a log's plain Ed25519 key (0x01) over ``text``."""
    check_name(name)
    public = private.public_key().public_bytes_raw()
    return key_id(name, ED25519, public), private.sign(text.encode())


def cosign(private: Ed25519PrivateKey, name: str, text: str, timestamp: int) -> tuple[bytes, bytes]:
    """Key id and cosignature (0x04) with ``timestamp`` (Unix seconds)."""
    check_name(name)
    public = private.public_key().public_bytes_raw()
    signature = private.sign(cosignature_message(text, timestamp))
    return key_id(name, ED25519_COSIGNATURE, public), _timestamp(timestamp) + signature


def cosign_ml_dsa(private: MLDSA44PrivateKey, name: str, text: str, timestamp: int) -> tuple[bytes, bytes]:
    """Key id and ML-DSA-44 signature (0x06) with ``timestamp`` (Unix seconds)."""
    check_name(name)
    public = private.public_key().public_bytes_raw()
    signature = private.sign(subtree_message(name, text, timestamp))
    return key_id(name, ML_DSA_44, public), _timestamp(timestamp) + signature
