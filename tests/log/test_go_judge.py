# SPDX-License-Identifier: Apache-2.0
"""Go's checksum-database code accepts what we make and refuses what we refuse, and the other way round."""

from __future__ import annotations

from base64 import b64encode

import pytest
from log_keys import Keys

from byhand.errors import BadSignature, ProofMismatch, Unsound
from byhand.log import checkpoint as checkpoints, merkle, note as notes, tiles
from byhand.log.checkpoint import Checkpoint, open_checkpoint
from byhand.log.keys import VerifierKey
from byhand.log.note import Note, NoteSignature
from byhand.log.tiles import RightEdge, TileReader
from peers.gosumdb.peer import Judge, Refused

NOW = 1_790_000_000
ENTRIES = [f"entry {number}".encode() for number in range(600)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
PLACES = [
    (0, 1, 1),
    (0, 1, 2),
    (1, 1, 2),
    (4, 3, 5),
    (6, 6, 7),
    (5, 8, 8),
    (255, 255, 256),
    (255, 256, 257),
    (256, 1, 257),
    (0, 511, 512),
    (511, 257, 600),
    (599, 512, 600),
]


def flipped(data: bytes) -> bytes:
    """``data`` with its last bit turned."""
    return data[:-1] + bytes([data[-1] ^ 1])


def published(leaf_hashes: list[bytes]) -> dict[str, bytes]:
    """Path and bytes of every tile that a checkpoint of the tree needs."""
    edge, full = RightEdge.empty().append(leaf_hashes)
    kept = {tiles.tile_path(tile.level, tile.index): tile.data for tile in full}
    data = edge.encode()
    for level, number, width in tiles.partial_tiles(edge.size):
        kept[tiles.tile_path(level, number, width)], data = data[: width * 32], data[width * 32 :]
    return kept


def reader(leaf_hashes: list[bytes]) -> TileReader:
    """Our proofs, out of our tiles."""
    kept = published(leaf_hashes)
    return TileReader(lambda *tile: kept[tiles.tile_path(*tile)], len(leaf_hashes))


def test_go_opens_our_checkpoints(go_judge: Judge, keys: Keys) -> None:
    """A checkpoint with all the signatures we make opens with our Ed25519 key as we write it."""
    head = Checkpoint(keys.origin, 600, merkle.root(LEAVES))
    note = checkpoints.sign(head, [keys.ed25519, keys.ml_dsa], timestamp=NOW)
    assert go_judge.open(note, [keys.ed25519_known.encode()]) == (head.text(), [keys.origin])


def test_go_refuses_what_we_refuse(go_judge: Judge, keys: Keys) -> None:
    """A changed text, a false signature by a known key, and a note by strangers are refused by both."""
    head = Checkpoint(keys.origin, 600, merkle.root(LEAVES))
    note = checkpoints.sign(head, [keys.ed25519], timestamp=NOW)
    own = notes.parse(note).signatures[0]
    false = NoteSignature(own.name, own.key_id, flipped(own.signature))
    key = keys.ed25519_known
    other = VerifierKey(key.name, key.kind, keys.witness_known.public)
    for bent, known in (
        (note.replace(b"\n600\n", b"\n601\n"), key),
        (Note(head.text(), (false, own)).encode(), key),
        (note, other),
    ):
        with pytest.raises(Refused):
            go_judge.open(bent, [known.encode()])
        with pytest.raises(BadSignature):
            notes.verify(notes.parse(bent), [known])


LINE = b64encode(b"abcdsignature").decode()


@pytest.mark.parametrize(
    "bent",
    [
        "text\n",
        "text\n\n",
        f"text\n— name {LINE}\n",
        f"text\n\n— name {LINE}",
        f"text\n\n- name {LINE}\n",
        f"text\n\n— na+me {LINE}\n",
        f"te\x01xt\n\n— name {LINE}\n",
        "text\n\n— name !!!!\n",
        "text\n\n— name YWJj\n",
    ],
)
def test_go_and_we_refuse_the_same_shapes(go_judge: Judge, keys: Keys, bent: str) -> None:
    """What is malformed for us is malformed for Go."""
    with pytest.raises(Refused, match="malformed"):
        go_judge.open(bent.encode(), [keys.ed25519_known.encode()])
    with pytest.raises(Unsound):
        notes.parse(bent.encode())


def test_we_open_what_go_signs(go_judge: Judge) -> None:
    """A key that Go makes reads as a verifier key, and what it signs opens as a checkpoint."""
    secret, key = go_judge.key("go.example/log")
    head = Checkpoint("go.example/log", 8, merkle.root(LEAVES[:8]))
    note = go_judge.sign(secret, head.text())
    known = VerifierKey.parse(key)
    assert known.encode() == key
    assert open_checkpoint(note, "go.example/log", [known]).checkpoint == head
    with pytest.raises(BadSignature):
        open_checkpoint(note.replace(b"\n8\n", b"\n9\n"), "go.example/log", [known])


@pytest.mark.parametrize(("index", "old", "size"), PLACES)
def test_go_accepts_our_proofs(go_judge: Judge, index: int, old: int, size: int) -> None:
    """Our inclusion and consistency proofs hold for Go, and with one bit turned they do not."""
    subtree, root, old_root = (
        reader(LEAVES[:size]).subtree,
        merkle.root(LEAVES[:size]),
        merkle.root(LEAVES[:old]),
    )
    path = merkle.inclusion_path(index, size, subtree)
    go_judge.check_record(path, size, root, index, LEAVES[index])
    with pytest.raises(Refused):
        go_judge.check_record(path, size, root, index, flipped(LEAVES[index]))
    path = merkle.consistency_path(old, size, subtree)
    go_judge.check_tree(path, size, root, old, old_root)
    with pytest.raises(Refused):
        go_judge.check_tree(path, size, root, old, flipped(old_root))
    if path:
        with pytest.raises(Refused):
            go_judge.check_tree([*path[:-1], flipped(path[-1])], size, root, old, old_root)


@pytest.mark.parametrize(("index", "old", "size"), PLACES)
def test_we_accept_gos_proofs(go_judge: Judge, index: int, old: int, size: int) -> None:
    """Go's own tree has our leaf hashes and root, and its proofs are ours, hash for hash."""
    said = go_judge.prove(ENTRIES[:size], index, old)
    ours = reader(LEAVES[:size])
    assert (said["leaf"], said["root"]) == (LEAVES[index], ours.root())
    assert said["inclusion"] == merkle.inclusion_path(index, size, ours.subtree)
    assert said["consistency"] == merkle.consistency_path(old, size, ours.subtree)
    merkle.verify_inclusion(said["leaf"], index, size, said["inclusion"], said["root"])
    merkle.verify_consistency(old, size, merkle.root(LEAVES[:old]), said["root"], said["consistency"])
    with pytest.raises(ProofMismatch):
        merkle.verify_inclusion(said["leaf"], index, size, said["inclusion"], flipped(said["root"]))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600])
def test_go_reads_our_tiles(go_judge: Judge, size: int) -> None:
    """Out of our tiles alone Go finds our root, leaf hashes and proofs, checked against the root."""
    kept, root = published(LEAVES[:size]), merkle.root(LEAVES[:size])
    said = go_judge.read_tiles(kept, size, root, size - 1, (size + 1) // 2)
    assert (said["root"], said["leaf"]) == (root, LEAVES[size - 1])
    merkle.verify_inclusion(said["leaf"], size - 1, size, said["inclusion"], root)


def test_go_finds_every_tile_that_was_altered(go_judge: Judge) -> None:
    """A tile of ours with one bit turned, cut or missing is noticed by Go when the proof needs it."""
    root = merkle.root(LEAVES)
    for path, index in (("tile/0/000", 0), ("tile/0/002.p/88", 599), ("tile/1/000.p/2", 0)):
        for bent in (flipped(published(LEAVES)[path]), published(LEAVES)[path][:-32], None):
            kept = published(LEAVES)
            del kept[path]
            if bent is not None:
                kept[path] = bent
            with pytest.raises(Refused):
                go_judge.read_tiles(kept, 600, root, index, 1)
    with pytest.raises(Refused):
        go_judge.read_tiles(published(LEAVES), 600, flipped(root), 0, 1)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000, 1_234_567])
def test_go_lays_out_the_same_tiles(go_judge: Judge, size: int) -> None:
    """The tiles of a tree have the same paths for Go, which also names narrower partial ones, and for us."""
    widest: dict[tuple[int | None, int], str] = {}
    for path in go_judge.layout(size):  # narrower ones come first
        level, number, _ = tiles.parse_tile_path(path)
        widest[level, number] = path
    ours = [tiles.tile_path(*tile) for tile in tiles.partial_tiles(size)]
    for level, count in enumerate(tiles.full_tile_counts(size)):
        ours += [tiles.tile_path(level, number) for number in range(count)]
    assert sorted(widest.values()) == sorted(ours)


def test_go_reads_three_levels_of_our_tiles(go_judge: Judge) -> None:
    """In a tree of 70,000 entries Go's proofs out of our tiles are ours."""
    leaf_hashes = [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(70_000)]
    kept, ours = published(leaf_hashes), reader(leaf_hashes)
    said = go_judge.read_tiles(kept, 70_000, ours.root(), 65_535, 69_888)
    assert said["inclusion"] == merkle.inclusion_path(65_535, 70_000, ours.subtree)
    assert said["consistency"] == merkle.consistency_path(69_888, 70_000, ours.subtree)
