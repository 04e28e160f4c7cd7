# SPDX-License-Identifier: Apache-2.0
"""The tile layout, entry bundles, and the right edge against the definition of the tree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from byhand.errors import MalformedProof
from byhand.log import merkle, tiles
from byhand.log.tiles import FullTile, RightEdge, TileReader

HASH = 32


class Kept:
    """The tiles of a tree as its log would keep them: full ones, and the right edge of each size."""

    def __init__(self, leaf_hashes: list[bytes]) -> None:
        self.edge, full = RightEdge.empty().append(leaf_hashes)
        self.full = {(tile.level, tile.index): tile.data for tile in full}
        self.partial: dict[tuple[int, int], bytes] = {}
        data = self.edge.encode()
        for level, number, width in tiles.partial_tiles(self.edge.size):
            self.partial[level, number], data = data[: width * HASH], data[width * HASH :]

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile."""
        kept = self.full.get((level, number)) or self.partial[level, number]
        return kept[: width * HASH]


def many(count: int) -> list[bytes]:
    """``count`` leaf hashes."""
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("tile/0/000", (0, 0, 256)),
        ("tile/0/x001/x234/067", (0, 1_234_067, 256)),
        ("tile/1/999.p/1", (1, 999, 1)),
        ("tile/63/x001/000.p/255", (63, 1_000, 255)),
        ("tile/entries/x000/001", None),
        ("tile/entries/x273/112.p/112", (None, 273_112, 112)),
    ],
)
def test_paths_are_those_of_the_specification(path: str, parts: tuple[int | None, int, int] | None) -> None:
    """A tile's number is written in groups of three digits, all but the last behind an x."""
    if parts is None:
        with pytest.raises(MalformedProof):
            tiles.parse_tile_path(path)
        return
    level, number, width = parts
    made = tiles.entries_path(number, width) if level is None else tiles.tile_path(level, number, width)
    assert made == path
    assert tiles.parse_tile_path(path) == parts


@given(
    level=st.one_of(st.none(), st.integers(0, 63)), number=st.integers(0, 1 << 55), width=st.integers(1, 256)
)
def test_a_path_reads_back(level: int | None, number: int, width: int) -> None:
    """Every path reads back as what it was made from."""
    made = tiles.entries_path(number, width) if level is None else tiles.tile_path(level, number, width)
    assert tiles.parse_tile_path(made) == (level, number, width)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/00",
        "tile/64/000",
        "tile/00/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/01",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/8/0/000",
        "tile/-1/000",
        "tile/0/٠٠٠",
        "tile/0/" + "x001/" * 2_000 + "000",
        "checkpoint",
        "",
    ],
)
def test_other_spellings_of_a_path_are_refused(path: str) -> None:
    """A path has one spelling."""
    with pytest.raises(MalformedProof):
        tiles.parse_tile_path(path)


@pytest.mark.parametrize("width", [0, 257, -1])
def test_no_tile_is_empty_or_too_wide(width: int) -> None:
    """A tile is 1 to 256 hashes wide."""
    with pytest.raises(MalformedProof):
        tiles.tile_path(0, 0, width)


def test_seventy_thousand_entries_have_the_published_layout() -> None:
    """70,000 entries: 273 full tiles and 112 hashes, above one full tile and 17 hashes, one on top."""
    assert tiles.full_tile_counts(70_000) == [273, 1]
    assert tiles.partial_tiles(70_000) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    paths = [tiles.tile_path(*one) for one in tiles.partial_tiles(70_000)]
    assert paths == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]


def test_seventy_thousand_hashes_make_those_tiles() -> None:
    """Appending 70,000 hashes fills exactly these tiles, and every hash above is a tile's root."""
    kept = Kept(many(70_000))
    assert sorted(kept.full) == [(0, number) for number in range(273)] + [(1, 0)]
    assert {len(data) for data in kept.full.values()} == {8_192}
    assert kept.full[1, 0] == b"".join(tiles.tile_root(kept.full[0, number]) for number in range(256))
    assert kept.partial[1, 1] == b"".join(tiles.tile_root(kept.full[0, number]) for number in range(256, 273))
    assert kept.partial[2, 0] == tiles.tile_root(kept.full[1, 0])


@pytest.mark.parametrize(
    ("size", "expected"), [(0, []), (1, [(0, 0, 1)]), (256, [(1, 0, 1)]), (65_536, [(2, 0, 1)])]
)
def test_no_partial_tile_is_empty(size: int, expected: list[tuple[int, int, int]]) -> None:
    """A level that has no hashes beyond its full tiles has no partial tile."""
    assert tiles.partial_tiles(size) == expected


@settings(deadline=None, max_examples=60)
@given(batches=st.lists(st.integers(0, 300), max_size=8))
def test_batches_do_not_matter(leaves: list[bytes], batches: list[int]) -> None:
    """However the hashes are split into batches, the tiles, edge and root are those of the whole tree."""
    edge, made, done = RightEdge.empty(), list[FullTile](), 0
    for count in batches:
        part = leaves[done % 500 :][:count]
        done += len(part)
        edge, full = edge.append(part)
        made += full
    start, whole = 0, list[bytes]()
    for count in batches:
        part = leaves[start % 500 :][:count]
        start += len(part)
        whole += part
    expected, expected_full = RightEdge.empty().append(whole)
    assert edge.size == len(whole)
    assert edge.root() == merkle.root(whole)
    assert edge.encode() == expected.encode()
    assert made == expected_full
    assert RightEdge.decode(edge.size, edge.encode()).root() == edge.root()


def test_an_edge_does_not_change() -> None:
    """Appending leaves the edge it started from as it was."""
    edge, _ = RightEdge.empty().append(many(300))
    before = edge.encode()
    edge.append(many(700))
    assert (edge.size, edge.encode()) == (300, before)


@pytest.mark.parametrize(
    ("size", "length"), [(1, 0), (1, 31), (1, 64), (0, 32), (256, 8_192), (-1, 0), (-1, 32)]
)
def test_an_edge_of_another_size_is_refused(size: int, length: int) -> None:
    """The length of an encoded edge follows from the size of the tree."""
    with pytest.raises(MalformedProof):
        RightEdge.decode(size, bytes(length))


def test_a_leaf_hash_of_another_length_is_not_appended() -> None:
    """Only hashes of 32 bytes enter the tree."""
    with pytest.raises(MalformedProof):
        RightEdge.empty().append([bytes(32), bytes(31)])


@settings(deadline=None, max_examples=40)
@given(data=st.data(), size=st.integers(1, 1_000))
def test_tiles_give_the_proofs_of_the_definition(leaves: list[bytes], data: st.DataObject, size: int) -> None:
    """Root, inclusion and consistency paths read out of tiles are those of the definition, at any size."""
    reader = TileReader(Kept(leaves[:size]).tile, size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))

    def subtree(low: int, high: int) -> bytes:
        return merkle.root(leaves[low:high])

    assert reader.root() == merkle.root(leaves[:size])
    assert merkle.inclusion_path(index, size, reader.subtree) == merkle.inclusion_path(index, size, subtree)
    assert merkle.consistency_path(old, size, reader.subtree) == merkle.consistency_path(old, size, subtree)


def test_proofs_span_three_levels_of_tiles() -> None:
    """In a tree of 70,000 entries proofs out of tiles verify at its edges and in its middle."""
    kept = Kept(many(70_000))
    reader, root = TileReader(kept.tile, 70_000), kept.edge.root()
    assert reader.root() == root
    for index in (0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999):
        leaf = merkle.leaf_hash(index.to_bytes(4, "big"))
        merkle.verify_inclusion(
            leaf, index, 70_000, merkle.inclusion_path(index, 70_000, reader.subtree), root
        )
    for old in (1, 256, 257, 65_536, 69_999):
        path = merkle.consistency_path(old, 70_000, reader.subtree)
        merkle.verify_consistency(old, 70_000, RightEdge.empty().append(many(old))[0].root(), root, path)


def test_a_reader_remembers_few_tiles() -> None:
    """However many proofs are made, a reader keeps a bounded number of tiles, and asks once for each."""
    kept, asked = Kept(many(70_000)), list[tuple[int, int]]()

    def tile(level: int, number: int, width: int) -> bytes:
        asked.append((level, number))
        return kept.tile(level, number, width)

    reader = TileReader(tile, 70_000)
    merkle.inclusion_path(5, 70_000, reader.subtree)
    once = len(asked)
    merkle.inclusion_path(6, 70_000, reader.subtree)
    assert len(asked) == once
    for index in range(0, 70_000, 256):
        merkle.inclusion_path(index, 70_000, reader.subtree)
    assert len(reader._remembered) <= tiles.TILES_REMEMBERED_MAX


def test_a_tile_of_another_length_is_refused() -> None:
    """A reader believes no tile that is cut or extended."""
    for change in (-1, 1, 32):
        reader = TileReader(lambda *tile, change=change: bytes(tile[2] * HASH + change), 300)
        with pytest.raises(MalformedProof):
            reader.root()


@pytest.mark.parametrize(("low", "high"), [(0, 3), (1, 3), (256, 256), (5, 4), (256, 512), (512, 513)])
def test_only_full_subtrees_are_read(low: int, high: int) -> None:
    """A range that is no full, aligned subtree of the tree is refused."""
    kept = Kept(many(300))
    with pytest.raises(MalformedProof):
        TileReader(kept.tile, 300).subtree(low, high)


@pytest.mark.parametrize("length", [0, 31, 33, 96])
def test_a_ragged_tile_has_no_root(length: int) -> None:
    """Only a power of two of hashes has the root of a full subtree."""
    with pytest.raises(MalformedProof):
        tiles.tile_root(bytes(length))


@given(entries=st.lists(st.binary(max_size=70), max_size=256))
def test_a_bundle_reads_back(entries: list[bytes]) -> None:
    """Entries come out of a bundle as they went in."""
    assert tiles.decode_bundle(tiles.encode_bundle(entries)) == entries


def test_a_bundle_has_the_lengths_of_the_specification() -> None:
    """Each entry stands behind its length in two bytes, most significant first."""
    assert tiles.encode_bundle([b"", b"ab", bytes(258)]) == b"\0\0" + b"\0\2ab" + b"\1\2" + bytes(258)


@given(entries=st.lists(st.binary(max_size=20), min_size=1, max_size=5), cut=st.integers(1, 3))
def test_a_cut_bundle_is_refused_or_shorter(entries: list[bytes], cut: int) -> None:
    """A bundle that lost bytes never yields the entries it had."""
    data = tiles.encode_bundle(entries)[:-cut]
    try:
        assert tiles.decode_bundle(data) != entries
    except MalformedProof:
        assert cut


@pytest.mark.parametrize(
    "data", [b"\0", b"\0\1", b"\0\2a", b"\0\0\0", b"\xff\xff" + bytes(65_534), b"\0\0" * 257]
)
def test_a_malformed_bundle_is_refused(data: bytes) -> None:
    """A bundle that is cut, trails bytes or holds more than 256 entries is refused."""
    with pytest.raises(MalformedProof):
        tiles.decode_bundle(data)


def test_what_no_bundle_can_hold_is_refused() -> None:
    """An entry of 65,535 bytes fits, one more byte or a 257th entry does not."""
    assert tiles.decode_bundle(tiles.encode_bundle([bytes(65_535)])) == [bytes(65_535)]
    for entries in ([bytes(65_536)], [b""] * 257):
        with pytest.raises(MalformedProof):
            tiles.encode_bundle(entries)
