# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note): a text and the signatures under it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byhand.errors import BadSignature, MalformedProof
from byhand.log import keys
from byhand.log.keys import KEY_ID_BYTES, VerifierKey, check_name
from byhand.log.text import decode_base64

NOTE_BYTES_MAX = 256 * 1024  # a checkpoint with 64 post-quantum cosignatures; more is an attack on memory
SIGNATURES_MAX = 64  # the specification asks for at least 16
_DASH = "— "


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who says it (a claim), which key (4 bytes), and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """``— <name> base64(key id || signature)`` and a newline."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text ending in a newline, and its signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note's bytes: text, blank line, signature lines."""
        return (self.text + "\n" + "".join(one.line() for one in self.signatures)).encode()


class Verified(NamedTuple):
    """A signature that holds: the key, the line, and for a cosignature its Unix time."""

    key: VerifierKey
    signature: NoteSignature
    timestamp: int | None


def parse(data: bytes) -> Note:
    """The note in ``data``; raises MalformedProof."""
    if len(data) > NOTE_BYTES_MAX:
        raise MalformedProof(f"a note of {len(data)} bytes is too large")
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedProof("a note is UTF-8 text") from error
    if any(ord(character) < 0x20 and character != "\n" for character in content):
        raise MalformedProof("a note holds no control characters but newlines")
    text, separator, tail = content.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise MalformedProof("a note is a text, a blank line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise MalformedProof(f"a note with more than {SIGNATURES_MAX} signatures is not read")
    return Note(text + "\n", tuple(_signature(line) for line in lines))


def _signature(line: str) -> NoteSignature:
    if not line.startswith(_DASH):
        raise MalformedProof("a signature line begins with an em dash and a space")
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    check_name(name)
    data = decode_base64(encoded)
    if len(data) <= KEY_ID_BYTES:
        raise MalformedProof("a signature line holds a key id and a signature")
    return NoteSignature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def sign_ed25519(private: Ed25519PrivateKey, name: str, text: str) -> NoteSignature:
    """The plain Ed25519 line (0x01) of ``name`` over ``text``; raises MalformedProof for a bad name."""
    return NoteSignature(name, *keys.sign(private, name, text))


def verify(note: Note, known: Iterable[VerifierKey]) -> tuple[Verified, ...]:
    """The signatures by ``known`` keys. Others are passed over; one known key that fails rejects the note.

    Raises BadSignature when a known key's signature does not hold, or when none of them signed, and
    MalformedProof when two different known keys share name and key id.
    """
    by_id = _by_id(known)
    verified: dict[tuple[str, bytes], Verified] = {}
    for one in note.signatures:
        place = (one.name, one.key_id)
        if place not in by_id or place in verified:
            continue
        key = by_id[place]
        verified[place] = Verified(key, one, keys.check(key, note.text, one.signature))
    if not verified:
        raise BadSignature(
            "none of the known keys signed this note", advice="Ask the log's owner for its keys."
        )
    return tuple(verified.values())


def _by_id(known: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    by_id: dict[tuple[str, bytes], VerifierKey] = {}
    for key in known:
        if by_id.setdefault((key.name, key.key_id), key) != key:
            raise MalformedProof(
                f"two different keys of {key.name} share one id", advice="Name only one of them."
            )
    return by_id
