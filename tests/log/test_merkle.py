# SPDX-License-Identifier: Apache-2.0
"""Hashes and proofs against published roots and proofs, and against every way to bend them."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given, settings, strategies as st

from byhand.errors import MalformedProof, ProofMismatch, Unsound
from byhand.log import merkle

# The eight inputs and roots of the Certificate Transparency reference implementations.
REFERENCE_ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
REFERENCE_LEAVES = [merkle.leaf_hash(entry) for entry in REFERENCE_ENTRIES]
# Published proofs in the tree of eight: of leaf 0, and from 1 to 8 leaves, are the same three hashes.
REFERENCE_PATH = [
    b64decode(text)
    for text in (
        "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
        "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
        "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
    )
]
SIZES = st.integers(min_value=1, max_value=300)


def subtree_of(leaf_hashes: list[bytes]) -> merkle.Subtree:
    """Hashes of subtrees straight from the definition."""
    return lambda low, high: merkle.root(leaf_hashes[low:high])


def flipped(data: bytes, bit: int) -> bytes:
    """``data`` with one bit turned."""
    return (int.from_bytes(data, "big") ^ (1 << (bit % (8 * len(data))))).to_bytes(len(data), "big")


def test_roots_are_those_of_the_reference() -> None:
    """The roots of the first one to eight reference entries are the published ones."""
    assert [merkle.root(REFERENCE_LEAVES[: size + 1]).hex() for size in range(8)] == REFERENCE_ROOTS


def test_empty_tree_has_the_hash_of_nothing() -> None:
    """The root of the empty tree is SHA-256 of the empty string."""
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root([]) == merkle.EMPTY_ROOT


def test_published_proofs_are_ours() -> None:
    """Inclusion of leaf 0 and consistency from 1 leaf, in the tree of eight, are the published hashes."""
    subtree = subtree_of(REFERENCE_LEAVES)
    assert merkle.inclusion_path(0, 8, subtree) == REFERENCE_PATH
    assert merkle.consistency_path(1, 8, subtree) == REFERENCE_PATH


def test_figure_of_the_rfc_has_its_proofs() -> None:
    """The proofs in the seven-leaf example of RFC 6962 section 2.1.3 consist of the nodes it names."""
    d = REFERENCE_LEAVES[:7]
    subtree = subtree_of(d)
    g, h, i, j = d[0:2], d[2:4], d[4:6], d[6:7]
    node = merkle.root
    assert merkle.inclusion_path(0, 7, subtree) == [d[1], node(h), node(i + j)]
    assert merkle.inclusion_path(3, 7, subtree) == [d[2], node(g), node(i + j)]
    assert merkle.inclusion_path(4, 7, subtree) == [d[5], node(j), node(g + h)]
    assert merkle.inclusion_path(6, 7, subtree) == [node(i), node(g + h)]
    assert merkle.consistency_path(3, 7, subtree) == [d[2], d[3], node(g), node(i + j)]
    assert merkle.consistency_path(4, 7, subtree) == [node(i + j)]
    assert merkle.consistency_path(6, 7, subtree) == [node(i), node(j), node(g + h)]


def test_every_small_proof_verifies(leaves: list[bytes]) -> None:
    """In all trees of up to 40 leaves every leaf is included and every earlier tree is a beginning."""
    subtree = subtree_of(leaves)
    roots = [merkle.root(leaves[:size]) for size in range(41)]
    for size in range(1, 41):
        for index in range(size):
            path = merkle.inclusion_path(index, size, subtree)
            merkle.verify_inclusion(leaves[index], index, size, path, roots[size])
        for old in range(1, size + 1):
            path = merkle.consistency_path(old, size, subtree)
            merkle.verify_consistency(old, size, roots[old], roots[size], path)


@settings(deadline=None, max_examples=150)
@given(data=st.data(), size=SIZES)
def test_one_bit_breaks_an_inclusion_proof(leaves: list[bytes], data: st.DataObject, size: int) -> None:
    """A proof with one bit turned in leaf, path or root is refused."""
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, size, subtree_of(leaves))
    hashes = [leaves[index], merkle.root(leaves[:size]), *path]
    merkle.verify_inclusion(hashes[0], index, size, hashes[2:], hashes[1])
    where = data.draw(st.integers(0, len(hashes) - 1))
    hashes[where] = flipped(hashes[where], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofMismatch):
        merkle.verify_inclusion(hashes[0], index, size, hashes[2:], hashes[1])


@settings(deadline=None, max_examples=150)
@given(data=st.data(), size=SIZES)
def test_one_bit_breaks_a_consistency_proof(leaves: list[bytes], data: st.DataObject, size: int) -> None:
    """A proof with one bit turned in either root or in the path is refused."""
    old = data.draw(st.integers(1, size))
    path = merkle.consistency_path(old, size, subtree_of(leaves))
    hashes = [merkle.root(leaves[:old]), merkle.root(leaves[:size]), *path]
    merkle.verify_consistency(old, size, hashes[0], hashes[1], hashes[2:])
    where = data.draw(st.integers(0, len(hashes) - 1))
    hashes[where] = flipped(hashes[where], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofMismatch):
        merkle.verify_consistency(old, size, hashes[0], hashes[1], hashes[2:])


@settings(deadline=None, max_examples=150)
@given(data=st.data(), size=st.integers(2, 300))
def test_bent_inclusion_proofs_are_refused(leaves: list[bytes], data: st.DataObject, size: int) -> None:
    """Another index, a shorter, longer or reordered path, and another leaf are refused."""
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, size, subtree_of(leaves))
    root, leaf = merkle.root(leaves[:size]), leaves[index]
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index))
    bent = [path[:-1], path[1:], [*path, root], [leaf, *path], [*path, path[-1]]]
    bent += [path[::-1]] if path != path[::-1] else []
    for one in bent:
        with pytest.raises(Unsound):
            merkle.verify_inclusion(leaf, index, size, one, root)
    with pytest.raises(Unsound):
        merkle.verify_inclusion(leaf, other, size, path, root)
    with pytest.raises(Unsound):
        merkle.verify_inclusion(leaves[other], index, size, path, root)


@settings(deadline=None, max_examples=150)
@given(data=st.data(), size=st.integers(2, 300))
def test_bent_consistency_proofs_are_refused(leaves: list[bytes], data: st.DataObject, size: int) -> None:
    """A cut, extended or reordered path, swapped roots and swapped sizes are refused."""
    old = data.draw(st.integers(1, size - 1))
    path = merkle.consistency_path(old, size, subtree_of(leaves))
    before, after = merkle.root(leaves[:old]), merkle.root(leaves[:size])
    bent = [path[:-1], path[1:], [*path, after], [*path, before], [before, *path], [after, *path], []]
    bent += [path[::-1]] if path != path[::-1] else []
    for one in bent:
        with pytest.raises(Unsound):
            merkle.verify_consistency(old, size, before, after, one)
    with pytest.raises(Unsound):
        merkle.verify_consistency(old, size, after, before, path)
    with pytest.raises(Unsound):
        merkle.verify_consistency(size, old, before, after, path)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_hash_of_another_length_is_refused(length: int) -> None:
    """Every hash of a proof is 32 bytes long, wherever it stands."""
    root, bad = merkle.root(REFERENCE_LEAVES), bytes(length)
    for leaf, path, top in (
        (bad, REFERENCE_PATH, root),
        (REFERENCE_LEAVES[0], REFERENCE_PATH, bad),
        (REFERENCE_LEAVES[0], [*REFERENCE_PATH[:2], bad], root),
    ):
        with pytest.raises(MalformedProof):
            merkle.verify_inclusion(leaf, 0, 8, path, top)
        with pytest.raises(MalformedProof):
            merkle.verify_consistency(1, 8, leaf, top, path)
    with pytest.raises(MalformedProof):
        merkle.verify_consistency(1, 1, bad, bad, [])


def test_nothing_can_be_shown_from_an_empty_tree() -> None:
    """Size 0 against a larger one is refused whatever the proof; against itself it is the same tree."""
    for path in ([], REFERENCE_PATH):
        with pytest.raises(MalformedProof):
            merkle.verify_consistency(0, 8, merkle.EMPTY_ROOT, merkle.root(REFERENCE_LEAVES), path)
    merkle.verify_consistency(0, 0, merkle.EMPTY_ROOT, merkle.EMPTY_ROOT, [])


def test_trees_of_one_size_must_be_equal() -> None:
    """Two roots at one size are a fork, and a proof between equal trees is no proof."""
    root = merkle.root(REFERENCE_LEAVES)
    merkle.verify_consistency(8, 8, root, root, [])
    with pytest.raises(ProofMismatch):
        merkle.verify_consistency(8, 8, root, REFERENCE_LEAVES[0], [])
    with pytest.raises(MalformedProof):
        merkle.verify_consistency(8, 8, root, root, [root])


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (0, 0), (9, 8)])
def test_places_outside_the_tree_are_refused(index: int, size: int) -> None:
    """No proof is made or accepted for a place outside the tree."""
    with pytest.raises(MalformedProof):
        merkle.inclusion_path(index, size, subtree_of(REFERENCE_LEAVES))
    with pytest.raises(MalformedProof):
        merkle.verify_inclusion(REFERENCE_LEAVES[0], index, size, [], REFERENCE_LEAVES[0])


@pytest.mark.parametrize(("old", "new"), [(-1, 8), (9, 8)])
def test_sizes_out_of_order_are_refused(old: int, new: int) -> None:
    """No consistency is proved between a tree and a smaller or impossible one."""
    with pytest.raises(MalformedProof):
        merkle.consistency_path(old, new, subtree_of(REFERENCE_LEAVES))
