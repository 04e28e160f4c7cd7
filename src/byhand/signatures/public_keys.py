# SPDX-License-Identifier: Apache-2.0
"""A person's public key, of whatever kind: SSH keys and passkeys share lines, blobs and fingerprints."""

from __future__ import annotations

from typing import Final, Literal

from byhand.signatures import ssh_keys, sshsig, webauthn

Kind = Literal["ssh", "webauthn"]
SSH: Final = "ssh"
WEBAUTHN: Final = "webauthn"


def kind(blob: bytes) -> Kind:
    """Whether the key signs as SSH does or as passkeys do."""
    return WEBAUTHN if webauthn.is_passkey(blob) else SSH


def named(blob: bytes) -> str:
    """The kind of key in a word for people: ``ssh-ed25519``, ``passkey`` ..."""
    return "passkey" if webauthn.is_passkey(blob) else sshsig.key_type(blob)


def blob_of(text: str) -> bytes:
    """The blob of a public key's line; raises ``Invalid``, ``BadSignature``."""
    if text.lstrip().startswith(f"{webauthn.KIND} "):
        return webauthn.blob_of(text)
    return sshsig.public_key_blob(text)


def line_of(blob: bytes) -> str:
    """The key as one line, without a comment."""
    return webauthn.line_of(blob) if webauthn.is_passkey(blob) else sshsig.authorized_line(blob)


def check_strength(blob: bytes) -> None:
    """Raises ``Invalid`` (with advice) for a key unfit to sign with."""
    if webauthn.is_passkey(blob):
        webauthn.parse(blob)  # which takes no weak one
    else:
        sshsig.check_key_strength(blob)


def device_bound(blob: bytes) -> bool:
    """Whether the key itself says that it cannot leave its device; whoever made it may have lied."""
    if webauthn.is_passkey(blob):
        return webauthn.parse(blob).device_bound
    return sshsig.key_type(blob) in ssh_keys.HARDWARE_TYPES


def synced(blob: bytes) -> bool:
    """Whether the key itself says that copies of it may exist elsewhere: then nobody may call it device-bound."""
    return webauthn.is_passkey(blob) and not webauthn.parse(blob).device_bound
