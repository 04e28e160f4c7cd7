# SPDX-License-Identifier: Apache-2.0
"""Merkle tree hashing and proofs, as RFC 6962 section 2 and RFC 9162 section 2.1 define them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from byhand.errors import MalformedProof, ProofMismatch
from byhand.log.text import HASH_BYTES

FORK_ADVICE = "Keep both checkpoints: together with the proof they show whether the log was rewritten."
ENTRY_ADVICE = "Compare the entry with the log's own: either it was altered or the proof belongs to another."
EMPTY_ROOT = hashlib.sha256(b"").digest()
Subtree = Callable[[int, int], bytes]
"""``subtree(lo, hi)``: hash of the full, aligned subtree over leaves ``lo`` to ``hi - 1``."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over ``leaf_hashes`` straight from the definition (RFC 6962 section 2.1); slow."""
    if not leaf_hashes:
        return EMPTY_ROOT
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = _split(len(leaf_hashes))
    return node_hash(root(leaf_hashes[:split]), root(leaf_hashes[split:]))


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(low: int, high: int, subtree: Subtree) -> bytes:
    size = high - low
    if size & (size - 1) == 0:
        return subtree(low, high)
    middle = low + _split(size)
    return node_hash(_range_hash(low, middle, subtree), _range_hash(middle, high, subtree))


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The audit path of leaf ``index`` in a tree of ``size`` leaves (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise MalformedProof(f"there is no leaf {index} in a tree of {size}")
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_hash(middle, high, subtree))
            high = middle
        else:
            path.append(_range_hash(low, middle, subtree))
            low = middle
    return path[::-1]


def consistency_path(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """The consistency path from ``old`` to ``new`` leaves (RFC 6962 section 2.1.2)."""
    if not 0 <= old <= new:
        raise MalformedProof(f"a tree of {new} leaves does not extend one of {old}")
    if old in (0, new):
        return []
    low, high, path, complete = 0, new, [], True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_range_hash(middle, high, subtree))
            high = middle
        else:
            path.append(_range_hash(low, middle, subtree))
            low, complete = middle, False
    if not complete:
        path.append(_range_hash(low, high, subtree))
    return path[::-1]


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise MalformedProof(f"every hash of a proof must be {HASH_BYTES} bytes long")


def _climb(node: int, last: int, path: Sequence[bytes], kind: str) -> Iterator[tuple[bytes, bool]]:
    """Each hash of ``path`` and whether it stands to the left, from ``node`` up to the root.

    ``node`` and ``last`` (the last place) are those of one level. Raises MalformedProof unless ``path`` ends
    at the root.
    """
    for sibling in path:
        if last == 0:
            raise MalformedProof(f"the {kind} proof is too long")
        left = bool(node & 1) or node == last
        yield sibling, left
        while left and node and not node & 1:  # the last node of a level without sibling moves up as it is
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    if last != 0:
        raise MalformedProof(f"the {kind} proof is too short")


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], tree_root: bytes) -> None:
    """Raise unless ``path`` leads from ``leaf`` at ``index`` to ``tree_root`` (RFC 9162 section 2.1.3.2)."""
    _check_hashes([leaf, tree_root, *path])
    if not 0 <= index < size:
        raise MalformedProof(f"there is no leaf {index} in a tree of {size}")
    found = leaf
    for sibling, left in _climb(index, size - 1, path, "inclusion"):
        found = node_hash(sibling, found) if left else node_hash(found, sibling)
    if found != tree_root:
        raise ProofMismatch(
            "the inclusion proof leads to another root than the one signed", advice=ENTRY_ADVICE
        )


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Raise unless ``path`` shows that the tree ``new`` extends ``old`` (RFC 9162 section 2.1.4.2)."""
    _check_hashes([old_root, new_root, *path])
    if not 0 <= old <= new or (old == 0 and new != 0):
        raise MalformedProof(f"no consistency can be shown from {old} to {new} leaves")
    if old == new:
        _check_same(old, old_root, new_root, path)
        return
    if not path:
        raise MalformedProof("the consistency proof is empty")
    start, *rest = [old_root, *path] if old & (old - 1) == 0 else path
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = start
    for sibling, left in _climb(node, last, rest, "consistency"):
        if left:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
        else:
            second = node_hash(second, sibling)
    if first != old_root or second != new_root:
        raise ProofMismatch("the consistency proof leads to other roots than those given", advice=FORK_ADVICE)


def _check_same(size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    if path:
        raise MalformedProof("between two trees of one size there is nothing to prove")
    if old_root != new_root:
        raise ProofMismatch(f"there are two different trees of {size} leaves", advice=FORK_ADVICE)
