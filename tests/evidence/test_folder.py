# SPDX-License-Identifier: Apache-2.0
"""The static folder: the exact layout, grown in place, and nothing in it is ever written over."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from byhand import wiring
from byhand.errors import Conflict, LogUnavailable
from byhand.evidence import folder as folders
from byhand.evidence.folder import export_folder
from byhand.journal.tree import StoredTree
from byhand.log import checkpoint as checkpoints, note as notes, tiles


def export(log: Any, folder: Path) -> int:
    """Everything so far."""
    home = log.home
    note = home.journal.anchor(home.journal.reader.size)
    return export_folder(home.entries, StoredTree(home.entries, home.entries.tree()), note, folder)


def files(folder: Path) -> dict[str, str]:
    """Every file with its digest."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_the_layout_is_that_of_the_specification(log: Any, tmp_path: Path) -> None:
    """Names of C2SP tlog-tiles for 600 entries: full and partial tiles of both levels, bundles, checkpoint."""
    log.grow(600)
    assert export(log, tmp_path) == 600
    names = set(files(tmp_path))
    assert {name for name in names if name.startswith("tile/")} == {
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
    }
    assert names - {name for name in names if name.startswith(("tile/", "payload/"))} == {"checkpoint"}
    assert (tmp_path / "tile" / "0" / "000").stat().st_size == tiles.TILE_BYTES
    entries = tiles.decode_bundle((tmp_path / "tile" / "entries" / "002.p" / "88").read_bytes())
    assert len(entries) == 88


def test_it_grows_in_place(log: Any, tmp_path: Path) -> None:
    """What stood there stays byte for byte, but for the checkpoint, which speaks of more entries."""
    log.grow(300)
    export(log, tmp_path)
    before = files(tmp_path)
    log.grow(300)
    export(log, tmp_path)
    after = files(tmp_path)
    assert {name for name in before if after[name] != before[name]} == {"checkpoint"}
    assert checkpoints.parse(notes.parse((tmp_path / "checkpoint").read_bytes()).text).size == 600


def test_other_bytes_are_never_written_over(log: Any, tmp_path: Path) -> None:
    """A bent tile is evidence: the export stops in front of it."""
    log.grow(300)
    export(log, tmp_path)
    tile = tmp_path / "tile" / "0" / "000"
    tile.write_bytes(bytes(tiles.TILE_BYTES))
    with pytest.raises(Conflict, match="is there with other bytes"):
        export(log, tmp_path)
    assert tile.read_bytes() == bytes(tiles.TILE_BYTES)


def test_a_folder_of_another_log_is_refused(log: Any, other: Any, tmp_path: Path) -> None:
    """Two logs never share a folder; nor does a younger state of the same log replace an older, longer one."""
    for one in (log, other):
        one.grow(5)
    export(log, tmp_path)
    with pytest.raises(Conflict, match="holds the log"):
        export(other, tmp_path)
    (tmp_path / "checkpoint").write_text("rubbish")
    with pytest.raises(Conflict, match="is no checkpoint"):
        export(log, tmp_path)


def test_a_shorter_log_does_not_replace_a_longer_one(log: Any, tmp_path: Path) -> None:
    """Rolled back: the folder keeps the proof of it."""
    log.grow(5)
    home = log.home
    short = home.journal.anchor(5), StoredTree(home.entries, home.entries.tree())
    log.grow(5)
    export(log, tmp_path)
    with pytest.raises(Conflict, match="was rolled back"):
        export_folder(home.entries, short[1], short[0], tmp_path)


def test_dying_anywhere_leaves_a_folder_that_the_next_export_completes(
    log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I7: the checkpoint comes last, so it never speaks of what is not there yet."""
    log.grow(300)
    whole = tmp_path / "whole"
    export(log, whole)
    steps = len(files(whole))
    real, left = folders._replace, 0

    def replace(path: Path, data: bytes) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        real(path, data)

    for dying in range(steps):
        folder = tmp_path / str(dying)
        left = dying

        with monkeypatch.context() as crash:
            crash.setattr(folders, "_replace", replace)
            with pytest.raises(KeyboardInterrupt):
                export(log, folder)
        assert not (folder / "checkpoint").exists()
        export(log, folder)
        assert files(folder) == files(whole)


def test_a_log_that_lacks_entries_is_not_exported(log: Any, tmp_path: Path) -> None:
    """A folder with a hole would accuse the wrong one."""
    log.grow(5)
    log.sql("DROP TRIGGER entry_kept", "DELETE FROM entry WHERE idx = 3")
    with pytest.raises(LogUnavailable, match="entries are missing between 0 and 4"):
        export(log, tmp_path)


def test_a_place_that_cannot_be_written_is_named(log: Any, tmp_path: Path) -> None:
    """With the path and the reason."""
    log.grow(5)
    (tmp_path / "tile").touch()
    with pytest.raises(LogUnavailable, match="cannot be written"):
        export(log, tmp_path)


def test_opening_for_reading_changes_nothing(log: Any) -> None:
    """A verifier leaves no trace in what the home holds; SQLite's shared memory may lie beside it, empty."""
    log.grow(5)
    log.home.journal.anchor(5)
    log.home.close()
    before = files(log.home.path)
    with wiring.read_home(log.home.path, environment=log.environment) as home:
        list(home.entries.leaves(0, 5))
    after = files(log.home.path)
    assert {name for name in after if after[name] != before.get(name)} <= {"log.db-shm", "log.db-wal"}
    assert not (log.home.path / "log.db-wal").stat().st_size
