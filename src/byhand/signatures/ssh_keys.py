# SPDX-License-Identifier: Apache-2.0
"""Public keys as OpenSSH writes them: parse, judge, name and write them out again; no arithmetic happens here."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from byhand import errors
from byhand.signatures import wire

ED25519: Final = "ssh-ed25519"
RSA: Final = "ssh-rsa"
SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
SK_ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"
ECDSA_CURVES: Final = {  # key type -> (curve name, bytes in a coordinate)
    "ecdsa-sha2-nistp256": ("nistp256", 32),
    "ecdsa-sha2-nistp384": ("nistp384", 48),
    "ecdsa-sha2-nistp521": ("nistp521", 66),
}
HARDWARE_TYPES: Final = frozenset({SK_ED25519, SK_ECDSA})

KEY_LINE_LENGTH_MAX = 16_384  # an RSA 16384 line has about 2,800 characters; files with many keys are refused
_FIELD = 2**255 - 19  # the field of Ed25519 (RFC 8032 section 5.1)
_SMALL_ORDER = frozenset(  # y of the points of order 1, 2, 4 and 8: under these a signature fits any message
    {
        0,
        1,
        _FIELD - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)

RSA_BITS_MIN = 3072  # 128 bits of strength until 2030 and beyond (NIST SP 800-57 part 1)
RSA_BITS_MAX = 16_384  # OpenSSH makes none larger; bounds the time one verification can take
RSA_EXPONENT_BITS_MAX = 32  # 65537 in practice; bounds the time one verification can take

_ADVICE = "Make a key with: ssh-keygen -t ed25519"
_COMMENT = re.compile(r"[^\x00-\x1f\x7f]*\Z")
_PERSON = re.compile(r"[^\s\x00-\x1f\x7f\"#*?!,]+\Z")


KEYS_REMEMBERED_MAX = 1_024  # the same few keys sign everything in a log; a kilobyte each


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The parts of a public key. ``point`` is the raw Ed25519 key or uncompressed curve point."""

    type: str
    point: bytes = b""
    modulus: int = 0
    exponent: int = 0
    application: bytes = b""


@lru_cache(maxsize=KEYS_REMEMBERED_MAX)
def parse(blob: bytes) -> PublicKey:
    """The parts of the public key in ``blob`` (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, PROTOCOL.u2f).

    Raises:
        BadSignature: it is malformed.
        Invalid: its type is not one byhand takes (the message says which are).
    """
    reader = wire.Reader(blob, "The public key")
    kind = reader.text()
    if kind == RSA:
        exponent, modulus = reader.positive(), reader.positive()
        key = PublicKey(kind, modulus=modulus, exponent=exponent)
    elif kind in (ED25519, SK_ED25519):
        key = PublicKey(kind, _sized(reader.string(), 32), application=_application(kind, reader))
    elif kind in ECDSA_CURVES or kind == SK_ECDSA:
        point = _curve_point(kind, reader)
        key = PublicKey(kind, point, application=_application(kind, reader))
    else:
        raise _unknown_type(kind)
    reader.end()
    return key


def _application(kind: str, reader: wire.Reader) -> bytes:
    return reader.string() if kind in HARDWARE_TYPES else b""


def _curve_point(kind: str, reader: wire.Reader) -> bytes:
    curve, width = ECDSA_CURVES.get(kind, ("nistp256", 32))
    if (named := reader.text()) != curve:
        raise errors.BadSignature(f"The public key of type {kind} names the curve {named!r}.")
    point = _sized(reader.string(), 1 + 2 * width)
    if point[0] != 4:
        raise errors.BadSignature("The public key's curve point is not in uncompressed form.")
    return point


def _sized(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise errors.BadSignature(f"The public key holds {len(data)} bytes where {length} belong.")
    return data


def _unknown_type(kind: str) -> errors.Invalid:
    if kind.endswith("-cert-v01@openssh.com"):
        return errors.Invalid(
            "This is a certificate, not a public key.",
            advice="Hand in the plain public key the certificate was made for (the .pub file without -cert).",
        )
    if kind == "ssh-dss":
        return errors.Invalid("DSA keys are too weak to sign with.", advice=_ADVICE)
    return errors.Invalid(f"Keys of type {kind[:64]!r} are not taken.", advice=_ADVICE)


def key_type(blob: bytes) -> str:
    """The type named in a public key blob, e.g. ``ssh-ed25519``; raises as ``parse`` does."""
    return parse(blob).type


def check_key_strength(blob: bytes) -> None:
    """Raises ``Invalid`` (with advice) for a key unfit to sign with.

    That is: unknown types and DSA; RSA below 3072 bits; Ed25519 keys made so that anybody could have signed.
    """
    key = parse(blob)
    if key.type in (ED25519, SK_ED25519):
        check_ed25519(key.point)
    if key.type == RSA:
        check_rsa(key.modulus, key.exponent)


def check_ed25519(point: bytes) -> None:
    """Raises ``Invalid`` for one of the few points under which a signature fits any message."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    if y >= _FIELD or y in _SMALL_ORDER:
        raise errors.Invalid("The Ed25519 key is degenerate: anybody could sign with it.", advice=_ADVICE)


def check_rsa(modulus: int, exponent: int, *, advice: str = _ADVICE) -> None:
    """Raises ``Invalid`` for a key that is too short, or so long or odd that checking it is the attack."""
    bits = modulus.bit_length()
    if not RSA_BITS_MIN <= bits <= RSA_BITS_MAX:
        raise errors.Invalid(
            f"The RSA key has {bits} bits; {RSA_BITS_MIN} to {RSA_BITS_MAX} are taken.", advice=advice
        )
    if not (exponent & 1 and exponent >= 3 and exponent.bit_length() <= RSA_EXPONENT_BITS_MAX):
        raise errors.Invalid("The RSA key has an unsafe exponent: even, 1, or too long.", advice=advice)


def public_key_blob(text: str) -> bytes:
    """The key blob of one OpenSSH public key line (``ssh-ed25519 AAAA... comment``).

    Raises:
        Invalid: it is a private key, a certificate, several lines, has options, or its type is not taken.
        BadSignature: the blob in it is malformed.
    """
    line = _only_line(text)
    kind, _, rest = line.partition(" ")
    encoded, _, _comment = rest.strip().partition(" ")
    if not encoded or any(character in kind for character in '="'):
        raise errors.Invalid(
            "This is not a public key line.",
            advice="Hand in one line of the form: ssh-ed25519 AAAA... comment (no options before the type).",
        )
    if kind not in {ED25519, RSA, SK_ED25519, SK_ECDSA, *ECDSA_CURVES}:
        raise _not_a_type(kind)
    blob = wire.decode_base64(encoded, "The public key")
    if (named := key_type(blob)) != kind:
        raise errors.BadSignature(f"The public key line says {kind} but holds a key of type {named}.")
    return blob


def _not_a_type(kind: str) -> errors.Invalid:
    if re.fullmatch(r"(ssh|sk|ecdsa|rsa|x509|webauthn)-[\w.@-]+", kind):
        return _unknown_type(kind)
    return errors.Invalid(
        "Options or other words stand before the key type.",
        advice="Hand in the line from the .pub file, without anything before the type.",
    )


def _only_line(text: str) -> str:
    if "PRIVATE KEY" in text:
        raise errors.Invalid(
            "This is a private key. It must never leave your machine.",
            advice="Hand in the file that ends in .pub instead.",
        )
    if len(text) > KEY_LINE_LENGTH_MAX:
        raise errors.Invalid(f"A public key line has at most {KEY_LINE_LENGTH_MAX} characters.")
    lines = [line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#")]
    if len(lines) != 1:
        raise errors.Invalid(f"One public key line is needed; there are {len(lines)}.", advice=_ADVICE)
    return lines[0].replace("\t", " ")


@lru_cache(maxsize=KEYS_REMEMBERED_MAX)
def fingerprint(blob: bytes) -> str:
    """``SHA256:`` and the unpadded base64 of the blob's SHA-256, as ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def authorized_line(blob: bytes, comment: str = "") -> str:
    """The key as one line of a ``.pub`` file, without a line end; raises ``Invalid`` on a comment with controls."""
    if not _COMMENT.match(comment):
        raise errors.Invalid("A key's comment holds no line breaks or control characters.")
    return f"{key_type(blob)} {base64.b64encode(blob).decode('ascii')} {comment}".rstrip()


def allowed_signers_line(person: str, blob: bytes, namespaces: Sequence[str]) -> str:
    """One line of an ``allowed_signers`` file (ssh-keygen(1)), so that ``ssh-keygen -Y verify`` takes our evidence.

    Raises:
        Invalid: person or namespace would mean something else there (space, quote, wildcard, comma).
    """
    for word in (person, *namespaces):
        if not _PERSON.match(word):
            raise errors.Invalid(f"{word!r} cannot stand in an allowed_signers line.")
    return f'{person} namespaces="{",".join(namespaces)}" {authorized_line(blob)}'
