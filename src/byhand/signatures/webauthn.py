# SPDX-License-Identifier: Apache-2.0
"""A passkey's signature over bytes (W3C Web Authentication, level 3), checked with nothing but arithmetic.

What a passkey signs is ``authenticator data || SHA-256(client data)``. The client data, made by the browser, hold a
challenge; ours is the SHA-256 of the message. A signature is good when, in this order:

    0  its parts are there, and the key is a passkey's
    1  the browser made it to get an assertion over SHA-256 of exactly this message
    2  on a page of the origin that the passkey was enrolled for, not framed by another
    3  the authenticator answered for that origin's host
    4  it saw a person and made sure who (present, verified)
    5  it says of copies what it said when the passkey was made: a passkey does not become one that is synced
    6  the arithmetic holds

As a key, a passkey is one blob in the manner of SSH: its line is ``webauthn BASE64``, its fingerprint the blob's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from byhand import errors
from byhand.signatures import cose, wire
from byhand.signatures.ssh_keys import KEYS_REMEMBERED_MAX, fingerprint

__all__ = [
    "Assertion",
    "Passkey",
    "Verified",
    "blob_of",
    "challenge",
    "code_of",
    "counter_of",
    "encode",
    "fingerprint",
    "from_base64url",
    "host_of",
    "is_passkey",
    "line_of",
    "parse",
    "verify",
    "verify_challenged",
]

KIND: Final = "webauthn"

ORIGIN_LENGTH_MAX = 255  # https:// and a host name
CREDENTIAL_ID_LENGTH_MAX = 1_023  # as the standard has it
CLIENT_DATA_LENGTH_MAX = 4_096  # browsers write about 150 bytes; bounds what is parsed
AUTHENTICATOR_DATA_LENGTH_MAX = 4_096  # 37 bytes, and extensions that nobody asked for
SIGNATURE_LENGTH_MAX = 2_048  # RSA 16384
LINE_LENGTH_MAX = 4_096  # of a key's line
CODE_BYTES = 10  # 80 bits, so that nobody finds another passkey with the same code
CODE_GROUP = 4  # characters that are read out together

USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP = 0x01, 0x04, 0x08, 0x10
ATTESTED, EXTENDED = 0x40, 0x80
_KEPT_FLAGS = USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP
_HEAD_LENGTH = 37  # hash of the host, flags, counter
_AAGUID_LENGTH = 16
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORIGIN = re.compile(
    rf"(?:https://(?P<host>{_LABEL}(?:\.{_LABEL})*)|http://(?P<local>localhost))(?::[1-9][0-9]{{0,4}})?\Z"
)
_ADDRESS = re.compile(r"[0-9.]+\Z")
_URL_BASE64 = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as it was enrolled: what the browser and the authenticator said when it was made."""

    origin: str
    credential: bytes
    key: bytes
    """The public key as COSE, see ``cose``."""
    flags: int
    aaguid: bytes
    """The authenticator's model; zeros where it does not tell."""

    @property
    def host(self) -> str:
        """The relying party's id: the host of the origin."""
        return host_of(self.origin)

    @property
    def device_bound(self) -> bool:
        """Whether the authenticator says that no copy of it can leave the device."""
        return not self.flags & BACKUP_ELIGIBLE


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an authenticator answered: the three parts of a signature."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes the signature covers."""
        return self.authenticator_data + hashlib.sha256(self.client_data).digest()


@dataclass(frozen=True, slots=True)
class Verified:
    """Which passkey signed, and what its authenticator attested."""

    key_blob: bytes
    counter: int

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` of the passkey that signed."""
        return fingerprint(self.key_blob)


# -- the key


def encode(passkey: Passkey) -> bytes:
    """The passkey as one blob; raises ``Invalid`` or ``BadSignature`` when a part breaks its rule."""
    parts = (KIND.encode(), passkey.origin.encode(), passkey.credential, passkey.key)
    blob = b"".join(wire.string(part) for part in parts) + bytes([passkey.flags]) + passkey.aaguid
    parse(blob)
    return blob


def is_passkey(blob: bytes) -> bool:
    """Whether ``blob`` is a passkey's, not an SSH key."""
    return blob.startswith(wire.string(KIND.encode()))


@lru_cache(maxsize=KEYS_REMEMBERED_MAX)
def parse(blob: bytes) -> Passkey:
    """The passkey in ``blob``; raises ``BadSignature`` when it is malformed, ``Invalid`` when it is not taken."""
    reader = wire.Reader(blob, "The passkey")
    if reader.text() != KIND:
        raise errors.BadSignature("This is no passkey.")
    origin, credential, key = reader.text(), reader.string(), reader.string()
    flags, aaguid = reader.byte(), reader.raw(_AAGUID_LENGTH)
    reader.end()
    host_of(origin)
    if not 0 < len(credential) <= CREDENTIAL_ID_LENGTH_MAX:
        raise errors.BadSignature(f"The passkey's id has {len(credential)} bytes.")
    _check_made(flags)
    cose.parse(key)
    return Passkey(origin, credential, key, flags, aaguid)


def _check_made(flags: int) -> None:
    if flags & ~_KEPT_FLAGS:
        raise errors.BadSignature("The passkey carries flags that say nothing about it.")
    if not (flags & USER_PRESENT and flags & USER_VERIFIED):
        raise errors.Invalid(
            "The passkey was made without making sure who its person is.",
            advice="Use an authenticator with a PIN, a finger or a face.",
        )
    _check_copies(flags)


def _check_copies(flags: int) -> None:
    if flags & BACKED_UP and not flags & BACKUP_ELIGIBLE:
        raise errors.BadSignature("The authenticator says that a passkey was copied which cannot be copied.")


def host_of(origin: str) -> str:
    """The host in ``origin``; raises ``Invalid`` for what no browser makes passkeys for."""
    match = _ORIGIN.match(origin) if len(origin) <= ORIGIN_LENGTH_MAX else None
    host = (match["host"] or match["local"]) if match is not None else ""
    if not host or _ADDRESS.match(host):
        raise errors.Invalid(
            f"Passkeys cannot be used at {origin[:ORIGIN_LENGTH_MAX]!r}.",
            advice="They need https:// and a host name, or http://localhost on this machine.",
        )
    return str(host)


def line_of(blob: bytes) -> str:
    """The passkey as one line of text: ``webauthn BASE64``."""
    return f"{KIND} {base64.b64encode(blob).decode('ascii')}"


def blob_of(line: str) -> bytes:
    """The blob of a passkey's line; raises ``Invalid``, ``BadSignature``."""
    kind, _, encoded = line.strip().partition(" ")
    if kind != KIND or len(line) > LINE_LENGTH_MAX:
        raise errors.Invalid("This is no passkey's line.", advice=f"It has the form: {KIND} AAAA...")
    blob = wire.decode_base64(encoded, "The passkey")
    parse(blob)
    return blob


def code_of(blob: bytes) -> str:
    """The beginning of the passkey's digest as people read it from one screen to another: ``ABCD-EFGH-...``.

    Whoever types it names this passkey and no other: 16 characters are 80 bits.
    """
    text = base64.b32encode(hashlib.sha256(blob).digest()[:CODE_BYTES]).decode("ascii")
    return "-".join(text[at : at + CODE_GROUP] for at in range(0, len(text), CODE_GROUP))


def from_base64url(text: str, what: str) -> bytes:
    """Bytes as browsers write them: base64 of URLs, without padding, in its one spelling; raises BadSignature."""
    decoded = _bytes(text)
    if not decoded or wire.base64url(decoded) != text:
        raise errors.BadSignature(f"{what} is not base64 as browsers write it.")
    return decoded


# -- the signature


def challenge(message: bytes) -> bytes:
    """What the browser is asked to have signed for ``message``."""
    return hashlib.sha256(message).digest()


def verify(message: bytes, assertion: Assertion, blob: bytes) -> Verified:
    """What the passkey ``blob`` attested with its signature over ``message``.

    Raises:
        BadSignature: naming which of the conditions above fails.
    """
    return verify_challenged(challenge(message), assertion, blob)


def verify_challenged(challenged: bytes, assertion: Assertion, blob: bytes) -> Verified:
    """As ``verify``, where the challenge itself is known."""
    _check_sizes(assertion)  # 0
    passkey = _enrolled(blob)
    _check_client_data(assertion.client_data, challenged, passkey.origin)  # 1, 2
    data = assertion.authenticator_data
    if data[:32] != hashlib.sha256(passkey.host.encode()).digest():  # 3
        raise errors.BadSignature(f"The authenticator answered for another host than {passkey.host}.")
    flags = data[32]
    _check_flags(flags, passkey)  # 4, 5
    if not flags & (ATTESTED | EXTENDED) and len(data) != _HEAD_LENGTH:
        raise errors.BadSignature("The authenticator data have more bytes than they speak of.")
    _check_arithmetic(passkey, assertion)  # 6
    return Verified(blob, counter_of(data))


def counter_of(authenticator_data: bytes) -> int:
    """How often the authenticator says it has signed; 0 from those that do not count."""
    return int.from_bytes(authenticator_data[33:_HEAD_LENGTH], "big")


def _check_sizes(assertion: Assertion) -> None:
    if not _HEAD_LENGTH <= len(assertion.authenticator_data) <= AUTHENTICATOR_DATA_LENGTH_MAX:
        raise errors.BadSignature(
            f"The passkey's signature has {len(assertion.authenticator_data)} bytes of authenticator data."
        )
    if not 0 < len(assertion.client_data) <= CLIENT_DATA_LENGTH_MAX:
        raise errors.BadSignature(
            f"The passkey's signature has {len(assertion.client_data)} bytes of client data."
        )
    if not 0 < len(assertion.signature) <= SIGNATURE_LENGTH_MAX:
        raise errors.BadSignature(f"The passkey's signature has {len(assertion.signature)} bytes.")


def _enrolled(blob: bytes) -> Passkey:
    try:
        return parse(blob)
    except errors.Invalid as error:
        raise errors.BadSignature(
            f"The signature is by an unfit passkey. {error}", advice=error.advice
        ) from error


def _check_client_data(data: bytes, challenged: bytes, origin: str) -> None:
    said = _client_data(data)
    if said.get("type") != "webauthn.get":  # 1
        raise errors.BadSignature(f"The browser made this for {str(said.get('type'))[:40]!r}, not to sign.")
    if _bytes(said.get("challenge")) != challenged:
        raise errors.BadSignature(
            "The passkey signed something else than this.",
            advice="Sign what is shown to you now; a signature cannot be moved to something else.",
        )
    if said.get("origin") != origin:  # 2
        shown = str(said.get("origin"))[:ORIGIN_LENGTH_MAX]
        raise errors.BadSignature(f"The passkey signed on a page of {shown!r}, not of {origin}.")
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise errors.BadSignature("The passkey signed inside a page of somebody else.")


def _client_data(data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data.decode("utf-8"), object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise errors.BadSignature("The browser's client data are no JSON.") from error
    if not isinstance(said, dict):
        raise errors.BadSignature("The browser's client data are no JSON object.")
    return said


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of one text must not read different things in it."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _bytes(text: object) -> bytes:
    """Base64 as browsers write it: of URLs, without padding."""
    if not isinstance(text, str) or not _URL_BASE64.match(text):
        return b""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


def _check_flags(flags: int, passkey: Passkey) -> None:
    if not flags & USER_PRESENT:  # 4
        raise errors.BadSignature("The authenticator signed without anybody being there.")
    if not flags & USER_VERIFIED:
        raise errors.BadSignature(
            "The authenticator did not make sure who was there.",
            advice="Unlock it: with its PIN, your finger or your face.",
        )
    _check_copies(flags)  # 5
    if (flags ^ passkey.flags) & BACKUP_ELIGIBLE:
        raise errors.BadSignature(
            "The authenticator says otherwise than when the passkey was made whether copies of it can exist.",
            advice="Revoke this passkey and enrol a new one.",
        )


def _check_arithmetic(passkey: Passkey, assertion: Assertion) -> None:
    # Loaded here, not above: whoever only builds or reads statements does not pay for the arithmetic.
    from byhand.signatures import primitives

    primitives.check_cose(cose.parse(passkey.key), assertion.signature, assertion.signed)
