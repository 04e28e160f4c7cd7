# SPDX-License-Identifier: Apache-2.0
"""Checkpoints (C2SP tlog-checkpoint): origin, size and root of a tree, as a signed note."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byhand.errors import BadSignature, MalformedProof
from byhand.log import keys, note as notes
from byhand.log.keys import ED25519, ML_DSA_44, VerifierKey
from byhand.log.note import Note, NoteSignature, Verified
from byhand.log.text import decode_hash, decode_number

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree of the first ``size`` entries of ``origin`` has ``root`` (32 bytes)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note text: one line each, extensions last."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint whose log signature holds, and everything that vouches for it."""

    checkpoint: Checkpoint
    note: Note
    verified: tuple[Verified, ...]


def parse(text: str) -> Checkpoint:
    """The checkpoint in a note text; raises MalformedProof."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not lines[0]:
        raise MalformedProof("a checkpoint is at least three lines: origin, size, root")
    size, root = decode_number(lines[1]), decode_hash(lines[2])
    extensions = tuple(lines[3:-1])
    if any(not line for line in extensions):
        raise MalformedProof("an extension line of a checkpoint is empty")
    return Checkpoint(lines[0], size, root, extensions)


def sign(
    checkpoint: Checkpoint, signers: Sequence[Ed25519PrivateKey | MLDSA44PrivateKey], *, timestamp: int
) -> bytes:
    """The checkpoint as a note signed by the log's keys, all named after the origin.

    Ed25519 signs plainly (0x01); ML-DSA-44 signs with ``timestamp`` in Unix seconds (0x06).
    Raises MalformedProof when the checkpoint cannot be written down as it is.
    """
    text, name = checkpoint.text(), checkpoint.origin
    if parse(text) != checkpoint:  # a newline inside a field would sign something else than was meant
        raise MalformedProof("a field of the checkpoint cannot be written on one line")
    signatures = []
    for private in signers:
        if isinstance(private, Ed25519PrivateKey):
            signed = keys.sign(private, name, text)
        else:
            signed = keys.cosign_ml_dsa(private, name, text, timestamp)
        signatures.append(NoteSignature(name, *signed))
    return Note(text, tuple(signatures)).encode()


def open_checkpoint(data: bytes, origin: str, known: Iterable[VerifierKey]) -> OpenedCheckpoint:
    """The checkpoint in a signed note, of ``origin`` and signed by the log's own key among ``known``.

    Every known key that signed must verify. Raises MalformedProof, BadSignature.
    """
    known = tuple(known)
    note = notes.parse(data)
    checkpoint = parse(note.text)
    if checkpoint.origin != origin:
        raise BadSignature(f"this is a checkpoint of {checkpoint.origin}, not of {origin}")
    verified = notes.verify(note, known)
    own = {one.key.kind for one in verified if one.key.name == origin}
    if ED25519 not in own:
        raise BadSignature(f"the Ed25519 key of {origin} did not sign this checkpoint")
    if ML_DSA_44 not in own and any(key.name == origin and key.kind == ML_DSA_44 for key in known):
        raise BadSignature(
            f"the ML-DSA-44 key of {origin} did not sign this checkpoint, although it is known"
        )
    return OpenedCheckpoint(checkpoint, note, verified)


def open_earlier(data: bytes, origin: str, known: Iterable[VerifierKey]) -> OpenedCheckpoint:
    """As ``open_checkpoint``, for a note of earlier times: the log may since have added a key to its first one.

    Every known key that signed must still hold, and the Ed25519 key must have signed.
    """
    signed = {one.key_id for one in notes.parse(data).signatures}
    keys_then = [key for key in known if key.kind != ML_DSA_44 or key.name != origin or key.key_id in signed]
    return open_checkpoint(data, origin, keys_then)
