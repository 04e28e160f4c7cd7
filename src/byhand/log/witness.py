# SPDX-License-Identifier: Apache-2.0
"""What a log and a witness say to each other (C2SP tlog-witness, tlog-cosignature), as bytes; no HTTP.

Who is trusted with what: a witness vouches that it saw this log only grow. One that lies here can stop us
from signing; it cannot make a false tree verify.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byhand.errors import (
    BadSignature,
    LogForked,
    MalformedProof,
    ProofMismatch,
    RolledBack,
    WitnessBehind,
    WitnessRefused,
)
from byhand.log import keys, note as notes
from byhand.log.keys import ED25519, VerifierKey
from byhand.log.merkle import FORK_ADVICE
from byhand.log.note import Note, NoteSignature, Verified
from byhand.log.text import HASH_BYTES, decode_hash, decode_number

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

PROOF_LINES_MAX = 63  # the specification's; a tree of 2^63 entries needs no more
REQUEST_BYTES_MAX = 64 * 1024  # 63 hashes and a checkpoint with several post-quantum signatures
RESPONSE_BYTES_MAX = 64 * 1024  # one or two cosignatures; more is an attack on memory
CLOCK_SKEW_SECONDS_MAX = 300  # as for clients: a clock further off is a fault to be looked at
SIZE_MEDIA_TYPE = "text/x.tlog.size"

OK, BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE = 200, 400, 403, 404, 409, 422


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign ``note``: the witness last saw ``old_size``, ``proof`` leads from there."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes


def cosign(
    private: Ed25519PrivateKey | MLDSA44PrivateKey, name: str, note_text: str, timestamp: int
) -> NoteSignature:
    """The cosignature line of ``name`` over a checkpoint's text at ``timestamp`` (Unix seconds).

    Ed25519 keys sign ``cosignature/v1`` (0x04), ML-DSA-44 keys ``subtree/v1`` (0x06).
    """
    if isinstance(private, Ed25519PrivateKey):
        return NoteSignature(name, *keys.cosign(private, name, note_text, timestamp))
    return NoteSignature(name, *keys.cosign_ml_dsa(private, name, note_text, timestamp))


def log_lines_only(note: bytes, origin: str) -> bytes:
    """``note`` with the log's own lines of Ed25519 size: common witnesses take no others.

    Raises MalformedProof, and BadSignature when the log did not sign it.
    """
    parsed = notes.parse(note)
    own = tuple(
        one
        for one in parsed.signatures
        if one.name == origin and len(one.signature) == keys.SIGNATURE_BYTES[ED25519]
    )
    if not own:
        raise BadSignature(f"{origin} did not sign this checkpoint with an Ed25519 key")
    return Note(parsed.text, own).encode()


def encode_add_checkpoint(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The body of an ``add-checkpoint`` request; raises MalformedProof when it breaks the format's limits."""
    _check_proof(old_size, proof)
    lines = [f"old {old_size}", *(b64encode(one).decode() for one in proof), ""]
    return ("\n".join(lines) + "\n").encode() + note


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """The request in ``body``; raises MalformedProof. Its note is not opened yet."""
    if len(body) > REQUEST_BYTES_MAX:
        raise MalformedProof(f"a request of {len(body)} bytes is too large")
    head, separator, note = body.partition(b"\n\n")
    if not separator or not head.isascii() or not head.startswith(b"old "):
        raise MalformedProof("a request is an old size, proof lines, an empty line and a checkpoint")
    first, *lines = head.decode("ascii").split("\n")
    old_size = decode_number(first.removeprefix("old "))
    if len(lines) > PROOF_LINES_MAX:
        raise MalformedProof(f"a request holds at most {PROOF_LINES_MAX} proof lines")
    proof = tuple(decode_hash(line) for line in lines)
    _check_proof(old_size, proof)
    return AddCheckpoint(old_size, proof, note)


def _check_proof(old_size: int, proof: Sequence[bytes]) -> None:
    if old_size < 0 or len(proof) > PROOF_LINES_MAX or any(len(one) != HASH_BYTES for one in proof):
        raise MalformedProof(f"a proof is at most {PROOF_LINES_MAX} hashes of {HASH_BYTES} bytes")
    if old_size == 0 and proof:
        raise MalformedProof("from an empty tree there is nothing to prove")


def check_response(status: int, media_type: str, body: bytes, *, request: AddCheckpoint, size: int) -> None:
    """Raise unless ``status`` says that the witness cosigned the checkpoint of ``size`` entries.

    WitnessBehind: ask again with the proof from its size. WitnessRefused: this witness does not know the log
    or does not answer as it should. RolledBack, LogForked, ProofMismatch speak against the log: stop signing.
    """
    if status == OK:
        return
    if status == CONFLICT:
        _check_conflict(media_type, body, request.old_size, size)
    if status == UNPROCESSABLE:
        what = f"the witness does not find that the tree of {size} extends its own of {request.old_size}"
        raise ProofMismatch(what, advice=FORK_ADVICE)
    raise WitnessRefused(
        f"the witness answered {status}: {_MEANINGS.get(status, 'not an answer of the protocol')}"
    )


_MEANINGS = {
    BAD_REQUEST: "it cannot read the request",
    FORBIDDEN: "it trusts none of the keys that signed; some witnesses say this of a log they do not know",
    NOT_FOUND: "it does not know this log; ask its operator to add the origin and key",
}


def _check_conflict(media_type: str, body: bytes, old_size: int, size: int) -> None:
    """409: the witness is at another size, or, when we proved nothing new, holds another root at ours."""
    if media_type.partition(";")[0].strip().lower() == SIZE_MEDIA_TYPE:
        seen = _size(body)
        if seen > size:
            raise RolledBack(f"the witness saw a tree of {seen} entries, this log has {size}")
        if seen != old_size:
            raise WitnessBehind(seen)
    if old_size == size:
        raise LogForked(f"the witness holds another tree of {size} entries")
    raise WitnessRefused(f"the witness answered 409 without naming another size than {old_size}")


def _size(body: bytes) -> int:
    if not body.isascii() or not body.endswith(b"\n"):
        raise MalformedProof("the size in a witness's answer is a number and a newline")
    return decode_number(body[:-1].decode("ascii"))


def encode_size(size: int) -> bytes:
    """The body of a witness's 409 answer, of type ``text/x.tlog.size``."""
    return f"{size}\n".encode()


def verify_response(
    body: bytes, note_text: str, known: Iterable[VerifierKey], *, now: int
) -> tuple[Verified, ...]:
    """The cosignatures in a witness's answer that hold, by ``known`` witness keys; others are passed over.

    1 the lines are a note's; 2 a known key signed, and none of them wrongly; 3 each says when, and that is
    not in the future (``now``: Unix seconds). Raises MalformedProof, BadSignature.
    """
    if len(body) > RESPONSE_BYTES_MAX:
        raise MalformedProof(f"an answer of {len(body)} bytes is too large")
    note = notes.parse(note_text.encode() + b"\n" + body)  # 1
    if note.text != note_text:
        raise MalformedProof("the answer holds more than signature lines")
    verified = notes.verify(note, known)  # 2
    for one in verified:  # 3
        check_time(one, now=now)
    return verified


def check_time(verified: Verified, *, now: int) -> None:
    """Raise BadSignature unless this is a cosignature that says when it was made, and not in the future."""
    if not verified.timestamp:
        raise BadSignature(f"{verified.key.name} does not say when it saw the tree: no witness signature")
    if verified.timestamp > now + CLOCK_SKEW_SECONDS_MAX:
        raise BadSignature(
            f"the cosignature of {verified.key.name} is from the future", advice="Check both clocks."
        )
