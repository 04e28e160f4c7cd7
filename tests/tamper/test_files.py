# SPDX-License-Identifier: Apache-2.0
"""What someone can do to an exported folder: tiles and bundles flipped, cut, extended, reordered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from byhand.errors import Conflict
from byhand.log import tiles

Bend = Callable[[bytes], bytes]
BENDS: dict[str, Bend] = {
    "flipped": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "cut": lambda data: data[:-1],
    "extended": lambda data: data + b"\x00\x01x",
    "emptied": lambda _: b"",
}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "tile").rglob("*") if path.is_file()) + sorted(
        path for path in (folder / "payload").rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("name", BENDS)
def test_every_file_of_the_folder_is_covered(played, name: str) -> None:  # type: ignore[no-untyped-def]
    """Whatever file is bent, verify finds it; put back, the folder is sound again."""
    for path in _files(played.folder):
        data = path.read_bytes()
        path.write_bytes(BENDS[name](data))
        report = played.verify(played.folder)
        assert report.findings, path
        assert not report.sound
        path.write_bytes(data)
    assert played.verify(played.folder).sound


def test_a_reordered_entry_bundle_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """Two entries of a bundle in each other's place."""
    path = played.folder / tiles.entries_path(0)
    entries = tiles.decode_bundle(path.read_bytes())
    entries[3], entries[4] = entries[4], entries[3]
    path.write_bytes(tiles.encode_bundle(entries))
    assert "entry.swapped" in played.codes(played.folder)


def test_a_missing_file_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """Entries, tiles and payloads that are gone each have a name."""
    for path in _files(played.folder):
        data = path.read_bytes()
        path.unlink()
        assert played.codes(played.folder), path
        path.write_bytes(data)


def test_an_export_never_writes_over_other_bytes(played) -> None:  # type: ignore[no-untyped-def]
    """A tile that is there already must hold the same bytes (invariant I6)."""
    from byhand.evidence.folder import export_folder

    full = played.folder / tiles.tile_path(0, 0)
    full.write_bytes(full.read_bytes()[::-1])
    home = played.open()
    with pytest.raises(Conflict, match="other bytes"):
        export_folder(home.entries, home.journal.reader.tree(), home.journal.anchor(), played.folder)
    home.close()
