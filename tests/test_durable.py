# SPDX-License-Identifier: Apache-2.0
"""A new name survives a power cut: after the file its folder is synced, wherever byhand makes one that counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from byhand.durable import sync_folder
from byhand.evidence import folder as folders
from byhand.keystore import file as key_files
from byhand.wiring import create_home, open_home, read_home


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that this process has synced, in order, as they were called then."""
    paths: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        paths.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_a_secret_and_its_name_are_synced(tmp_path: Path, synced: list[str]) -> None:
    """First what it holds, then that it is there."""
    key_files.write_secret(tmp_path, "one", bytes(32))
    assert synced == [str(tmp_path / "one.key"), str(tmp_path)]


def test_a_new_home_is_synced_before_and_after_it_gets_its_name(tmp_path: Path, synced: list[str]) -> None:
    """Its folder while it is unfinished, and the folder that names it afterwards."""
    create_home(tmp_path / "home", "byhand.test/durable")
    assert synced[-2:] == [str(tmp_path / ".home.unfinished"), str(tmp_path)]


def test_a_replaced_file_and_its_name_are_synced(tmp_path: Path, synced: list[str]) -> None:
    """As an exported log's files are written."""
    folders._replace(tmp_path / "tile" / "checkpoint", b"note")
    assert synced == [str(tmp_path / "tile" / ".checkpoint.new"), str(tmp_path / "tile")]
    assert (tmp_path / "tile" / "checkpoint").read_bytes() == b"note"


def test_a_folder_that_is_not_there_is_no_success(tmp_path: Path) -> None:
    """Nothing that was not synced counts as durable."""
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "nowhere")


def test_a_home_is_for_its_owner_only(tmp_path: Path) -> None:
    """Every file of a new home, its settings among them, whatever the umask says."""
    before = os.umask(0)
    try:
        create_home(tmp_path / "home", "byhand.test/durable")
    finally:
        os.umask(before)
    for path in (tmp_path / "home", *(tmp_path / "home").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_home_that_was_read_leaves_no_file_open(tmp_path: Path) -> None:
    """Log and keys are closed when the reading ends, however many homes are verified one after the other."""
    create_home(tmp_path / "home", "byhand.test/durable")
    home = open_home(tmp_path / "home", start=False)
    home.journal.heartbeat()
    number = home.keys.take(1)[0].number
    home.close()
    with read_home(tmp_path / "home") as read:
        assert read.vault is not None
        assert read.vault._keys.data_keys([number])
        assert read.entries.tree().size == 1
        assert _open_below(tmp_path)
    assert _open_below(tmp_path) == []


def _open_below(folder: Path) -> list[str]:
    files = []
    for one in Path("/proc/self/fd").iterdir():
        try:
            files.append(str(one.readlink()))
        except FileNotFoundError:  # the listing itself
            continue
    return [file for file in files if file.startswith(str(folder))]
