# SPDX-License-Identifier: Apache-2.0
"""A proof that travels alone (C2SP tlog-proof): index, inclusion path, and the checkpoint it leads to."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from byhand.errors import MalformedProof
from byhand.log import merkle
from byhand.log.checkpoint import OpenedCheckpoint, open_checkpoint
from byhand.log.keys import VerifierKey
from byhand.log.text import decode_base64, decode_hash, decode_number

HEADER = "c2sp.org/tlog-proof@v1"
PATH_MAX = 63  # a tree of 2^63 entries
PROOF_BYTES_MAX = 512 * 1024  # a checkpoint at its limit and a path at its limit
INDEX = "index "
EXTRA = "extra "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Entry ``index`` is under ``checkpoint`` (a signed note) by ``path``; ``extra`` is not authenticated."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The file's bytes."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"{EXTRA}{b64encode(self.extra).decode()}")
        lines += [f"{INDEX}{self.index}", *(b64encode(one).decode() for one in self.path), ""]
        return ("\n".join(lines) + "\n").encode() + self.checkpoint


def parse(data: bytes) -> TlogProof:
    """The proof in ``data``; raises MalformedProof."""
    if len(data) > PROOF_BYTES_MAX:
        raise MalformedProof(f"a proof of {len(data)} bytes is too large")
    head, separator, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedProof("a proof is UTF-8 text") from error
    if not separator or lines.pop(0) != HEADER:
        raise MalformedProof(f"a proof begins with {HEADER}")
    extra = decode_base64(lines.pop(0).removeprefix(EXTRA)) if lines and lines[0].startswith(EXTRA) else None
    if not lines or not lines[0].startswith(INDEX):
        raise MalformedProof("a proof names the index of its entry")
    index = decode_number(lines.pop(0).removeprefix(INDEX))
    if len(lines) > PATH_MAX:
        raise MalformedProof(f"a path holds at most {PATH_MAX} hashes")
    return TlogProof(index, tuple(decode_hash(line) for line in lines), checkpoint, extra)


def verify(proof: TlogProof, entry: bytes, origin: str, known: Iterable[VerifierKey]) -> OpenedCheckpoint:
    """Raise unless ``entry`` stands at the proof's index under a checkpoint signed by the log.

    1 the checkpoint is of ``origin`` and signed; 2 the path leads from the entry to its root.
    """
    opened = open_checkpoint(proof.checkpoint, origin, known)  # 1
    merkle.verify_inclusion(  # 2
        merkle.leaf_hash(entry), proof.index, opened.checkpoint.size, proof.path, opened.checkpoint.root
    )
    return opened
