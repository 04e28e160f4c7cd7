# SPDX-License-Identifier: Apache-2.0
"""Proofs that travel alone."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from log_keys import Keys

from byhand.errors import BadSignature, MalformedProof, ProofMismatch, Unsound
from byhand.log import checkpoint as checkpoints, merkle, proof
from byhand.log.checkpoint import Checkpoint
from byhand.log.proof import TlogProof

ENTRY = b"entry 5"
SIZE = 300


@pytest.fixture
def travelling(keys: Keys, leaves: list[bytes]) -> TlogProof:
    """The proof of entry 5 in a tree of 300."""
    path = merkle.inclusion_path(5, SIZE, lambda low, high: merkle.root(leaves[low:high]))
    head = Checkpoint(keys.origin, SIZE, merkle.root(leaves[:SIZE]))
    return TlogProof(5, tuple(path), checkpoints.sign(head, [keys.ed25519], timestamp=0))


def test_a_proof_verifies_alone(keys: Keys, travelling: TlogProof) -> None:
    """From the file, the entry and the log's key alone one learns that the entry is in the log."""
    read = proof.parse(travelling.encode())
    assert read == travelling
    opened = proof.verify(read, ENTRY, keys.origin, [keys.ed25519_known])
    assert opened.checkpoint.size == SIZE


def test_the_file_is_laid_out_as_specified(keys: Keys, travelling: TlogProof) -> None:
    """Header, extra, index, hashes, empty line, checkpoint."""
    lines = replace(travelling, extra=b"more").encode().decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra bW9yZQ==", "index 5"]
    hashes = [b64encode(one).decode() for one in travelling.path]
    assert lines[3 : 3 + len(hashes)] == hashes
    assert lines[3 + len(hashes) : 5 + len(hashes)] == ["", keys.origin]


@pytest.mark.parametrize("extra", [None, b"", b"\0\xff"])
def test_extra_data_reads_back(travelling: TlogProof, extra: bytes | None) -> None:
    """No extra data, empty extra data and any bytes are three different things."""
    assert proof.parse(replace(travelling, extra=extra).encode()).extra == extra


def test_the_only_entry_needs_no_path(keys: Keys) -> None:
    """In a tree of one entry the leaf is the root."""
    head = Checkpoint(keys.origin, 1, merkle.leaf_hash(ENTRY))
    alone = TlogProof(0, (), checkpoints.sign(head, [keys.ed25519], timestamp=0))
    proof.verify(proof.parse(alone.encode()), ENTRY, keys.origin, [keys.ed25519_known])


def test_another_entry_index_or_path_is_refused(keys: Keys, travelling: TlogProof) -> None:
    """The proof is of one entry at one index."""
    for bent, entry in (
        (travelling, b"entry 6"),
        (replace(travelling, index=4), ENTRY),
        (replace(travelling, path=travelling.path[::-1]), ENTRY),
    ):
        with pytest.raises(ProofMismatch):
            proof.verify(bent, entry, keys.origin, [keys.ed25519_known])
    for bent in (replace(travelling, index=SIZE), replace(travelling, path=travelling.path[1:])):
        with pytest.raises(MalformedProof):
            proof.verify(bent, ENTRY, keys.origin, [keys.ed25519_known])


def test_a_proof_from_another_log_is_refused(keys: Keys, travelling: TlogProof) -> None:
    """Origin and keys come from the verifier, never from the proof."""
    with pytest.raises(BadSignature):
        proof.verify(travelling, ENTRY, "other.example", [keys.ed25519_known])
    with pytest.raises(BadSignature):
        proof.verify(travelling, ENTRY, keys.origin, [keys.witness_known])


def test_one_bit_of_the_file_breaks_it(keys: Keys, travelling: TlogProof) -> None:
    """Whichever bit of a proof file is turned, it no longer verifies."""
    data = travelling.encode()
    for bit in range(len(data) * 8):
        bent = bytearray(data)
        bent[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(Unsound):
            proof.verify(proof.parse(bytes(bent)), ENTRY, keys.origin, [keys.ed25519_known])


HEAD = "c2sp.org/tlog-proof@v1\n"
LINE = b64encode(bytes(32)).decode() + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        HEAD + "index 1\n",
        HEAD + "\nnote",
        "c2sp.org/tlog-proof@v2\nindex 1\n\nnote",
        HEAD + "index 01\n\nnote",
        HEAD + "index -1\n\nnote",
        HEAD + "index\n\nnote",
        HEAD + "index " + "9" * 5_000 + "\n\nnote",
        HEAD + "extra !\nindex 1\n\nnote",
        HEAD + "extra bW9yZR==\nindex 1\n\nnote",
        HEAD + "index 1\nextra bW9yZQ==\n\nnote",
        HEAD + "extra bW9yZQ==\n\nnote",
        HEAD + "index 1\nAAAA\n\nnote",
        HEAD + "index 1\n" + LINE * 64 + "\nnote",
        HEAD + "index 1\n" + LINE.replace("\n", "\r\n") + "\nnote",
    ],
)
def test_malformed_proofs_are_refused(text: str) -> None:
    """What departs from the format in any place is no proof."""
    with pytest.raises(MalformedProof):
        proof.parse(text.encode())


def test_files_that_are_not_text_or_huge_are_refused() -> None:
    """Bytes that are no UTF-8, and files above the limit, are refused."""
    for data in (b"\xff\n\nnote", bytes(proof.PROOF_BYTES_MAX + 1)):
        with pytest.raises(MalformedProof):
            proof.parse(data)
