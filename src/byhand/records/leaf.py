# SPDX-License-Identifier: Apache-2.0
"""The leaf: the few hundred public bytes that enter the log for each record; no personal data.

See docs/spec/log-profile.md, section "Leaf".
"""

from __future__ import annotations

import re

import msgspec

from byhand.errors import Invalid, MalformedProof
from byhand.records.base import Part
from byhand.records.kinds import HEARTBEAT, KINDS

LEAF_VERSION = 0
LEAF_BYTES_MAX = 2_048  # a leaf is 300-400 bytes; far above it somebody is smuggling content past erasure
ADMINISTRATION_CHAIN = "administration"
CARRIES_ADMINISTRATION_HEAD = frozenset({"intent", "approval", "permit"})
LEAF_KINDS = frozenset({*KINDS, HEARTBEAT})
_RECORDED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


class Leaf(Part, kw_only=True):
    """One entry of the log, as canonical JSON (RFC 8785 over the safe subset)."""

    v: int
    id: str
    """Record id."""
    recorded: str
    """Stamped under the lock of the tree; never earlier than its predecessor's."""
    kind: str
    retention: str
    """Retention class."""
    intervention: str | None = None
    previous: int | None = None
    """Index of the previous leaf of the same chain: of this intervention, or of administration."""
    administration: int | None = None
    """Intents, approvals and permits: index of the administration chain's head when this was recorded."""
    commitment: str | None = None
    """SHA-256 (hex) over the list of section names and commitments; ``None`` for a heartbeat."""
    sealed: str | None = None
    """SHA-256 (hex) of the sealed payload, so that a swapped ciphertext is seen without any key."""

    @property
    def chain(self) -> str | None:
        """The chain this leaf belongs to: its intervention, the administration chain, or none."""
        if self.intervention is not None:
            return self.intervention
        return ADMINISTRATION_CHAIN if self.kind == "administration" else None


_decoder = msgspec.json.Decoder(Leaf)
_canonical = msgspec.json.Encoder(order="sorted")


def encode(leaf: Leaf) -> bytes:
    """The leaf's canonical bytes: keys sorted, defaults left out. Raises Invalid when they would be no leaf."""
    try:
        entry = _canonical.encode(leaf)
    except UnicodeEncodeError as error:  # a lone surrogate
        raise Invalid(f"the leaf of record {leaf.id!a} cannot be written: {error}") from error
    if len(entry) > LEAF_BYTES_MAX:
        raise Invalid(f"the leaf of record {leaf.id} has {len(entry)} bytes, at most {LEAF_BYTES_MAX} fit")
    return entry


def decode(entry: bytes) -> Leaf:
    """The leaf in ``entry``; raises MalformedProof on anything but one canonical leaf of a known version."""
    if len(entry) > LEAF_BYTES_MAX:
        raise MalformedProof(f"an entry of {len(entry)} bytes is no leaf (at most {LEAF_BYTES_MAX})")
    try:
        leaf = _decoder.decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedProof(f"an entry is not a leaf: {error}") from error
    if leaf.v != LEAF_VERSION:
        raise MalformedProof(f"leaf version {leaf.v} is unknown here", advice="Use a newer byhand.")
    if leaf.kind not in LEAF_KINDS:
        raise MalformedProof(f"an entry is not a leaf: there is no kind {leaf.kind!r}")
    if _RECORDED.fullmatch(leaf.recorded) is None:
        raise MalformedProof(f"an entry is not a leaf: {leaf.recorded!r} is no time of recording")
    if _canonical.encode(leaf) != entry:
        raise MalformedProof("an entry is not a leaf: its bytes are not the canonical ones")
    return leaf
