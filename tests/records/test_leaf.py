# SPDX-License-Identifier: Apache-2.0
"""The leaf: one way to write it, and only that way is read."""

from __future__ import annotations

import msgspec
import pytest
import rfc8785
from hypothesis import given, strategies as st

from byhand.errors import Invalid, MalformedProof
from byhand.records import leaf as leaves
from byhand.records.leaf import LEAF_BYTES_MAX, LEAF_KINDS, LEAF_VERSION, Leaf

LEAF = Leaf(
    v=LEAF_VERSION,
    id="01a21287-2bd0-76b8-9fd5-98fdfd25c771",
    recorded="2026-11-24T13:21:05.123456Z",
    kind="permit",
    retention="default-7y",
    intervention="01a21287-2bd0-76b8-9fd5-98fdfd25c772",
    previous=12,
    administration=3,
    commitment="0" * 64,
    sealed="1" * 64,
)
ENTRY = leaves.encode(LEAF)
_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(
    st.builds(
        Leaf,
        v=st.just(0),
        id=_TEXTS,
        recorded=_TEXTS,
        kind=_TEXTS,
        retention=_TEXTS,
        previous=st.integers(0, 2**53 - 1) | st.none(),
    )
)
def test_judge_agrees(leaf: Leaf) -> None:
    """A leaf's bytes are those of an independent RFC 8785 implementation, whatever text it holds."""
    assert leaves.encode(leaf) == rfc8785.dumps(msgspec.to_builtins(leaf))


@pytest.mark.parametrize("kind", sorted(LEAF_KINDS))
def test_a_leaf_of_every_kind_is_read_back(kind: str) -> None:
    """What was written is read back equal."""
    leaf = msgspec.structs.replace(LEAF, kind=kind)
    assert leaves.decode(leaves.encode(leaf)) == leaf


BENT = {
    "a space": ENTRY.replace(b'"v":0', b'"v": 0'),
    "a line end": ENTRY + b"\n",
    "a key twice": ENTRY.replace(b'"v":0', b'"v":0,"v":0'),
    "keys in another order": b'{"v":0,' + ENTRY[1:].replace(b',"v":0', b""),
    "a default written out": ENTRY.replace(b',"previous":12', b',"previous":null'),
    "an escape too many": ENTRY.replace(b"permit", b"\\u0070ermit"),
    "an unknown field": ENTRY.replace(b'"v":0', b'"v":0,"w":0'),
    "an unknown kind": ENTRY.replace(b"permit", b"Permit"),
    "another version": ENTRY.replace(b'"v":0', b'"v":1'),
    "no time": ENTRY.replace(b"2026-11-24T13:21:05.123456Z", b"yesterday"),
    "a time to the second": ENTRY.replace(b"05.123456Z", b"05Z"),
    "a time elsewhere": ENTRY.replace(b"05.123456Z", b"05.123456+01:00"),
    "a time in other digits": ENTRY.replace(b"2026-", "２０２６-".encode()),
    "too large": ENTRY.replace(b"default-7y", b"r" * LEAF_BYTES_MAX),
}


@pytest.mark.parametrize("name", BENT)
def test_anything_but_the_canonical_leaf_is_refused(name: str) -> None:
    """Two ways to write one leaf would be two leaf hashes for one record."""
    assert BENT[name] != ENTRY
    with pytest.raises(MalformedProof):
        leaves.decode(BENT[name])


def test_what_would_be_no_leaf_is_not_written() -> None:
    """Text that UTF-8 cannot write, and a leaf that nobody would read back, are refused before the log has them."""
    for retention in ("\ud800", "r" * LEAF_BYTES_MAX):
        with pytest.raises(Invalid):
            leaves.encode(msgspec.structs.replace(LEAF, retention=retention))
