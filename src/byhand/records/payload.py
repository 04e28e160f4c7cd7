# SPDX-License-Identifier: Apache-2.0
"""The payload: named sections, each committed to with a salt of its own, and the sealed form they rest in.

A section can be erased or withheld alone: its commitment stays in the list, the leaf commits to the list.
See docs/spec/log-profile.md, section "Payload".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import orjson

from byhand.errors import MalformedProof, ProofMismatch
from byhand.records.base import Part

BODY = "body"
PERSON_PREFIX = "person:"
COMMITMENT_PREFIX = b"byhand/payload/v1\n"
SALT_BYTES = 32
SECTIONS_MAX = 64  # a record names a handful of persons and attachments
SEALED_BYTES_MAX = (
    16 * 1024 * 1024
)  # one record with its attachments; more belongs in the system it came from


class Section(NamedTuple):
    """An opened section: its name, its salt (32 bytes) and its exact bytes."""

    name: str
    salt: bytes
    content: bytes


class SealedSection(Part, kw_only=True):
    """One section at rest, its fields in the order of the bytes."""

    commitment: str
    """Hex."""
    key: int
    """Number of its data key."""
    name: str
    sealed: bytes
    """AES-256-GCM over salt and content, tag included; base64 in the bytes."""


class SealedPayload(Part, kw_only=True):
    """All sections of one record at rest."""

    sections: tuple[SealedSection, ...]
    v: int


_decoder = msgspec.json.Decoder(SealedPayload)
_encoder = msgspec.json.Encoder()


def section_commitment(salt: bytes, content: bytes) -> str:
    """HMAC-SHA-256 (hex) of ``byhand/payload/v1`` newline ``content``, keyed by the section's salt."""
    return hmac.digest(salt, COMMITMENT_PREFIX + content, "sha256").hex()


def list_commitment(sections: list[tuple[str, str]]) -> str:
    """SHA-256 (hex) of the canonical JSON list of ``[name, commitment]`` pairs: what the leaf holds."""
    return hashlib.sha256(orjson.dumps(sections)).hexdigest()  # a pair is written as a list


def associated_data(origin: str, record_id: str, name: str) -> bytes:
    """What a section's ciphertext is bound to, so that it opens nowhere else."""
    return orjson.dumps([origin, record_id, name])


def encode_sealed(sections: Sequence[SealedSection]) -> bytes:
    """The sealed payload's bytes."""
    return _encoder.encode(SealedPayload(sections=tuple(sections), v=0))


def decode_sealed(data: bytes) -> SealedPayload:
    """The sealed payload in ``data``; raises MalformedProof."""
    try:
        payload = _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedProof(f"a sealed payload is not of its form: {error}") from error
    if payload.v != 0 or len(payload.sections) > SECTIONS_MAX:
        raise MalformedProof("a sealed payload has an unknown version or too many sections")
    return payload


def sealed_digest(data: bytes) -> str:
    """SHA-256 (hex) of a sealed payload: what the leaf's ``sealed`` holds."""
    return hashlib.sha256(data).hexdigest()


def check_section(section: Section, commitment: str) -> None:
    """Raise ProofMismatch unless ``section`` is what ``commitment`` was made over."""
    if not hmac.compare_digest(section_commitment(section.salt, section.content), commitment):
        raise ProofMismatch(f"section {section.name!r} is not the one the leaf commits to")


def check_list(payload: list[tuple[str, str]], commitment: str | None) -> None:
    """Raise ProofMismatch unless the list of ``(name, commitment)`` pairs is the one in the leaf.

    Raises MalformedProof when no record has such a list: ``body`` comes first, and each name once.
    """
    count = len(payload)
    if not 0 < count <= SECTIONS_MAX or payload[0][0] != BODY or (count > 1 and len(dict(payload)) != count):
        raise MalformedProof(f"a record has 1 to {SECTIONS_MAX} sections, body first, each name once")
    if commitment is None or not hmac.compare_digest(list_commitment(payload), commitment):
        raise ProofMismatch("the list of sections is not the one the leaf commits to")
