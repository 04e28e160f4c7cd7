# SPDX-License-Identifier: Apache-2.0
"""The leaf: the few hundred public bytes that enter the log for each record; no personal data.

See docs/spec/log-profile.md, section "Leaf".
"""

from __future__ import annotations

import msgspec
import orjson

from byhand.errors import MalformedProof
from byhand.records.base import Part

LEAF_VERSION = 0
LEAF_BYTES_MAX = 2_048  # a leaf is 300-400 bytes; far above it somebody is smuggling content past erasure
ADMINISTRATION_CHAIN = "administration"


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
    """Approvals and permits: index of the administration chain's head when this was recorded."""
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


def encode(leaf: Leaf) -> bytes:
    """The leaf's canonical bytes: keys sorted, defaults left out, ASCII only."""
    return orjson.dumps(msgspec.to_builtins(leaf), option=orjson.OPT_SORT_KEYS)


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
    return leaf
