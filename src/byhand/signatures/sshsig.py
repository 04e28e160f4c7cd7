# SPDX-License-Identifier: Apache-2.0
"""SSH signatures over a message in a namespace (OpenSSH PROTOCOL.sshsig): make, armour, and above all verify them.

A signature is good when, in this order:

    0  the armour is whole and holds one SSHSIG structure with nothing after it
    1  it was made for the namespace we ask about
    2  its key is among the keys handed in, and strong enough
    3  its algorithm is one that key may use (RSA with SHA-2 only)
    4  a hardware key was touched (unless the caller waives it)
    5  the arithmetic holds over exactly this message
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from byhand import errors
from byhand.signatures import ssh_keys, wire
from byhand.signatures.ssh_keys import (
    allowed_signers_line,
    authorized_line,
    check_key_strength,
    fingerprint,
    key_type,
    public_key_blob,
)

if TYPE_CHECKING:
    from byhand.signatures.primitives import PrivateKey

__all__ = [
    "NAMESPACE_ADMINISTRATION",
    "NAMESPACE_APPROVAL",
    "NAMESPACE_INTENT",
    "NAMESPACE_KEYRING",
    "NAMESPACE_LOGIN",
    "NAMESPACE_SPOOL",
    "Verified",
    "allowed_signers_line",
    "armor",
    "assemble",
    "authorized_line",
    "check_key_strength",
    "dearmor",
    "fingerprint",
    "key_type",
    "public_key_blob",
    "sign_with_private_key",
    "signing_key",
    "tbs",
    "verify",
    "verify_blob",
]

NAMESPACE_LOGIN: Final = "login@byhand"
NAMESPACE_INTENT: Final = "intent@byhand"
NAMESPACE_APPROVAL: Final = "approval@byhand"
NAMESPACE_KEYRING: Final = "keyring@byhand"
NAMESPACE_ADMINISTRATION: Final = "administration@byhand"
NAMESPACE_SPOOL: Final = "spool@byhand"

ARMOR_LENGTH_MAX = 32_768  # an RSA 16384 signature with its key needs about 5,800 characters
ARMOR_LINE_WIDTH = 70  # as ssh-keygen writes it
ARMOR_LINE_WIDTH_MAX = 76  # other makers fill the full width of RFC 7468 and MIME
NAMESPACE_LENGTH_MAX = 255  # ours have at most 21 characters; bounds what an error repeats

_MAGIC = b"SSHSIG"
_VERSION = 1
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_LINE = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
_HASHES: Final = ("sha256", "sha512")
_FLAG_USER_PRESENT = 0x01
_FLAG_USER_VERIFIED = 0x04
_ALGORITHMS: Final = {ssh_keys.RSA: ("rsa-sha2-512", "rsa-sha2-256")}  # every other key type: its own name


@dataclass(frozen=True, slots=True)
class Verified:
    """Which key signed, and for a hardware key what its authenticator attested."""

    key_blob: bytes
    key_type: str
    hardware: bool
    user_present: bool
    user_verified: bool
    counter: int

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` of the key that signed."""
        return fingerprint(self.key_blob)


@dataclass(frozen=True, slots=True)
class _Parts:
    key_blob: bytes
    namespace: bytes
    hash: str
    signature: bytes


def verify(
    message: bytes,
    armored: str,
    *,
    namespace: str,
    keys: Collection[bytes],
    presence_required: bool = True,
) -> Verified:
    """Who signed ``message`` for ``namespace``, among the public key blobs ``keys``.

    Raises:
        BadSignature: naming which of the six conditions above fails.
    """
    return verify_blob(
        message, dearmor(armored), namespace=namespace, keys=keys, presence_required=presence_required
    )


def verify_blob(
    message: bytes,
    blob: bytes,
    *,
    namespace: str,
    keys: Collection[bytes],
    presence_required: bool = True,
) -> Verified:
    """As ``verify``, over the raw SSHSIG structure that the armour holds."""
    parts = _parse(blob)  # 0
    if parts.namespace != namespace.encode():  # 1
        made_for = parts.namespace[:NAMESPACE_LENGTH_MAX].decode("utf-8", "replace")
        raise errors.BadSignature(f"The signature was made for {made_for!r}, not for {namespace!r}.")
    key = _trusted_key(parts.key_blob, keys)  # 2
    reader = wire.Reader(parts.signature, "The signature")
    algorithm, raw = reader.text(), reader.string()
    if algorithm not in _ALGORITHMS.get(key.type, (key.type,)):  # 3
        raise errors.BadSignature(f"A key of type {key.type} may not sign with {algorithm[:64]!r}.")
    signed = tbs(message, namespace, parts.hash)
    flags = counter = 0
    if key.type in ssh_keys.HARDWARE_TYPES:
        flags, counter = _attested(reader, presence_required)  # 4
        signed = _authenticator_data(key.application, flags, counter, signed)
    reader.end()
    _check(key, algorithm, raw, signed)  # 5
    return Verified(
        key_blob=parts.key_blob,
        key_type=key.type,
        hardware=key.type in ssh_keys.HARDWARE_TYPES,
        user_present=bool(flags & _FLAG_USER_PRESENT),
        user_verified=bool(flags & _FLAG_USER_VERIFIED),
        counter=counter,
    )


def _parse(blob: bytes) -> _Parts:
    reader = wire.Reader(blob, "The SSH signature")
    if reader.raw(len(_MAGIC)) != _MAGIC:
        raise errors.BadSignature("This is not an SSH signature: its first bytes are not SSHSIG.")
    if (version := reader.uint32()) != _VERSION:
        raise errors.BadSignature(f"The SSH signature has version {version}; only {_VERSION} is known.")
    key_blob, namespace, reserved = reader.string(), reader.string(), reader.string()
    if reserved:
        raise errors.BadSignature("The SSH signature's reserved field is not empty.")
    hash_name, signature = reader.text(), reader.string()
    if hash_name not in _HASHES:
        raise errors.BadSignature(
            f"The SSH signature uses the hash {hash_name[:64]!r}; SHA-256 or SHA-512 are taken."
        )
    reader.end()
    return _Parts(key_blob, namespace, hash_name, signature)


def _trusted_key(blob: bytes, keys: Collection[bytes]) -> ssh_keys.PublicKey:
    if blob not in keys:
        raise errors.BadSignature(
            f"The signature is by the key {fingerprint(blob)}, which is not a key that may sign this."
        )
    try:
        check_key_strength(blob)
        return ssh_keys.parse(blob)
    except errors.Invalid as error:
        raise errors.BadSignature(
            f"The signature is by an unfit key. {error}", advice=error.advice
        ) from error


def _attested(reader: wire.Reader, presence_required: bool) -> tuple[int, int]:
    flags, counter = reader.byte(), reader.uint32()
    if presence_required and not flags & _FLAG_USER_PRESENT:
        raise errors.BadSignature("The hardware key signed without being touched.")
    return flags, counter


def _authenticator_data(application: bytes, flags: int, counter: int, message: bytes) -> bytes:
    """What a hardware key signs (PROTOCOL.u2f): application, flags and counter, then the message, hashed."""
    head = hashlib.sha256(application).digest() + bytes([flags]) + counter.to_bytes(4, "big")
    return head + hashlib.sha256(message).digest()


def _check(key: ssh_keys.PublicKey, algorithm: str, signature: bytes, signed: bytes) -> None:
    # Loaded here, not above: whoever only builds or reads statements does not pay for the arithmetic.
    from byhand.signatures import primitives

    primitives.check(key, algorithm, signature, signed)


def tbs(message: bytes, namespace: str, algorithm: str = "sha512") -> bytes:
    """The bytes an SSH signature covers (PROTOCOL.sshsig section 3): namespace and the hash of the message."""
    if not namespace or len(namespace.encode()) > NAMESPACE_LENGTH_MAX:
        raise errors.Invalid(f"A namespace has 1 to {NAMESPACE_LENGTH_MAX} bytes.")
    if algorithm not in _HASHES:
        raise errors.Invalid(f"{algorithm!r} is not a hash for SSH signatures: {' or '.join(_HASHES)}.")
    digest = hashlib.new(algorithm, message).digest()
    fields = (namespace.encode(), b"", algorithm.encode("ascii"), digest)
    return _MAGIC + b"".join(wire.string(field) for field in fields)


def assemble(key_blob: bytes, signature: bytes, namespace: str, algorithm: str = "sha512") -> bytes:
    """The SSHSIG structure around ``signature`` (``string algorithm, string signature, ...``) over ``tbs``."""
    fields = (key_blob, namespace.encode(), b"", algorithm.encode("ascii"), signature)
    return _MAGIC + _VERSION.to_bytes(4, "big") + b"".join(wire.string(field) for field in fields)


def armor(blob: bytes) -> str:
    """The SSHSIG structure as text, byte for byte as ``ssh-keygen -Y sign`` writes it."""
    text = base64.b64encode(blob).decode("ascii")
    lines = (text[at : at + ARMOR_LINE_WIDTH] for at in range(0, len(text), ARMOR_LINE_WIDTH))
    return "\n".join((_BEGIN, *lines, _END, ""))


def dearmor(armored: str) -> bytes:
    """The SSHSIG structure inside the armour; raises ``BadSignature`` when the armour is not whole."""
    if len(armored) > ARMOR_LENGTH_MAX:
        raise errors.BadSignature(f"The SSH signature has more than {ARMOR_LENGTH_MAX} characters.")
    lines = armored.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise errors.BadSignature(
            "This is not an armoured SSH signature.",
            advice=f"It begins with {_BEGIN} and ends with {_END}, with nothing before or after.",
        )
    body = lines[1:-1]
    if any(not _LINE.match(line) or len(line) > ARMOR_LINE_WIDTH_MAX for line in body):
        raise errors.BadSignature("A line inside the armoured SSH signature is not base64.")
    return wire.decode_base64("".join(body), "The armoured SSH signature")


def signing_key(blob: bytes) -> bytes:
    """The public key blob a raw SSHSIG structure names. Nothing is verified: good for a hint, never for trust."""
    return _parse(blob).key_blob


def sign_with_private_key(private_key: PrivateKey, message: bytes, namespace: str) -> str:
    """The armoured signature of ``message`` by an unencrypted key (Ed25519, ECDSA or RSA) held in memory.

    Raises:
        Invalid: the key is too weak or of a kind byhand does not take.
    """
    from byhand.signatures import primitives

    blob = primitives.public_blob(private_key)
    check_key_strength(blob)
    signature = primitives.sign(private_key, tbs(message, namespace))
    return armor(assemble(blob, signature, namespace))
