# SPDX-License-Identifier: Apache-2.0
"""The log as a static folder in the exact C2SP tlog-tiles layout, which any verifier can check or serve.

Order of publishing (invariant I7): entries and payloads, then tiles, then the checkpoint. A crash in between
leaves files that no checkpoint speaks of yet; the next export completes them. A file that is there already
must hold the same bytes (invariant I6).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from byhand.durable import sync_folder
from byhand.errors import Conflict, LogUnavailable, MalformedProof
from byhand.evidence.sources import CHECKPOINT_NAME, KeptLog, encode_payloads, payload_path
from byhand.journal.tree import StoredTree
from byhand.log import checkpoint as checkpoints, note as notes, tiles
from byhand.log.checkpoint import Checkpoint
from byhand.log.tiles import TILE_WIDTH


def export_folder(
    entries: KeptLog,
    tree: StoredTree,
    note: bytes,
    folder: Path,
    *,
    progress: Callable[[int], None] = lambda n: None,
) -> int:
    """Write the tree that ``note`` signs into ``folder``; returns its size. Full bundles there are kept.

    Raises Conflict when the folder holds another log or other bytes, LogUnavailable when it cannot be written.
    """
    checkpoint = checkpoints.parse(notes.parse(note).text)
    _check_same_log(folder, tree, checkpoint)
    for number in range(-(-checkpoint.size // TILE_WIDTH)):
        low = number * TILE_WIDTH
        width = min(TILE_WIDTH, checkpoint.size - low)
        _bundles(entries, folder, number, low, width)
        progress(low + width)
    for level, count in enumerate(tiles.full_tile_counts(checkpoint.size)):
        for number in range(count):
            _write(folder / tiles.tile_path(level, number), tree.tile(level, number, TILE_WIDTH))
    for level, number, width in tiles.partial_tiles(checkpoint.size):
        _write(folder / tiles.tile_path(level, number, width), tree.tile(level, number, width))
    _replace(folder / CHECKPOINT_NAME, note)
    return checkpoint.size


def _check_same_log(folder: Path, tree: StoredTree, checkpoint: Checkpoint) -> None:
    origin, size = checkpoint.origin, checkpoint.size
    file = folder / CHECKPOINT_NAME
    if not file.exists():
        return
    try:
        held = checkpoints.parse(notes.parse(file.read_bytes()).text)
    except MalformedProof as error:
        raise Conflict(f"{file} is no checkpoint", advice="Export to an empty folder.") from error
    if held.origin != origin:
        raise Conflict(f"{folder} holds the log {held.origin}", advice="Export to another folder.")
    if held.size > size:
        raise Conflict(
            f"{folder} holds {held.size} entries already, this log has {size}: it was rolled back?"
        )
    if tree.root(held.size) != held.root:
        raise Conflict(
            f"{folder} holds another history of {origin}: its {held.size} entries are not this log's first",
            advice="Keep the folder as evidence: byhand verify HOME --since FOLDER/checkpoint",
        )


def _bundles(entries: KeptLog, folder: Path, number: int, low: int, width: int) -> None:
    """The entry bundle and the payload bundle of one tile's width."""
    path = folder / tiles.entries_path(number, width)
    sealed_path = folder / payload_path(number, width)
    if width == TILE_WIDTH and path.exists() and sealed_path.exists():
        return
    leaves = dict(entries.leaves(low, low + width))
    if len(leaves) != width:
        raise LogUnavailable(
            f"entries are missing between {low} and {low + width - 1}", advice="byhand verify HOME"
        )
    sealed = dict(entries.payloads(low, low + width))
    _write(path, tiles.encode_bundle([leaves[index] for index in range(low, low + width)]))
    _write(sealed_path, encode_payloads([sealed.get(index, b"") for index in range(low, low + width)]))


def _write(path: Path, data: bytes) -> None:
    """Write a file that never changes."""
    if path.exists():
        if path.read_bytes() != data:
            raise Conflict(f"{path} is there with other bytes", advice="Run: byhand verify FOLDER")
        return
    _replace(path, data)


def _replace(path: Path, data: bytes) -> None:
    """Write beside and rename, so that a reader sees the old file or the new one, never half of one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)  # a crash before: the old file stands again, and the next export goes on
    except OSError as error:
        raise LogUnavailable(f"{path} cannot be written: {error.strerror}") from error
