# SPDX-License-Identifier: Apache-2.0
"""The anchor as a file: compare-and-swap, whole or old, and never another log's."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from byhand.anchor.contract import Anchored
from byhand.anchor.file import FileAnchor
from byhand.errors import HomeRefused, LogUnavailable

ORIGIN = "byhand.test/anchor"


@pytest.fixture
def anchor(tmp_path: Path) -> FileAnchor:
    """An anchor that was never used."""
    return FileAnchor(tmp_path / "anchors", ORIGIN)


def note(number: int) -> Anchored:
    """The anchor's content; what the note says is not its business."""
    return Anchored(f"note {number}".encode(), "home")


def test_it_swaps_only_what_is_expected(anchor: FileAnchor) -> None:
    """First from nothing, then from what stands there."""
    assert anchor.read() is None
    assert not anchor.advance(b"something", note(1))
    assert anchor.advance(None, note(1))
    assert not anchor.advance(None, note(2))
    assert anchor.advance(note(1).note, note(2))
    assert anchor.read() == note(2)


def test_of_many_who_swap_one_succeeds(anchor: FileAnchor) -> None:
    """Each through a handle of its own, as processes would."""
    anchor.advance(None, note(0))
    swapped: list[int] = []

    def swap(number: int) -> None:
        if FileAnchor(anchor.path.parent, ORIGIN).advance(note(0).note, note(number)):
            swapped.append(number)

    threads = [threading.Thread(target=swap, args=(number,)) for number in range(1, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(swapped) == 1
    assert anchor.read() == note(swapped[0])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"note":1}',
        b'{"origin":"a","home":"b"}',
        b'{"origin":"a","home":"b","note":"c","administration":"3"}',
        b'{"origin":"a","home":"b","note":"c","administration":true}',
        b'{"origin":"a","home":"b","note":"c","administration":-2}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_damaged_anchor_is_refused(anchor: FileAnchor, content: bytes) -> None:
    """Not taken for a log that was never anchored: that would open the door to a rollback."""
    anchor.path.parent.mkdir(parents=True)
    anchor.path.write_bytes(content)
    with pytest.raises(HomeRefused, match="is damaged"):
        anchor.read()
    with pytest.raises(HomeRefused):
        anchor.advance(None, note(1))


def test_another_logs_anchor_is_refused(anchor: FileAnchor) -> None:
    """Somebody renamed a file."""
    anchor.advance(None, note(1))
    other = FileAnchor(anchor.path.parent, "byhand.test/other")
    anchor.path.rename(other.path)
    with pytest.raises(HomeRefused, match=f"belongs to {ORIGIN}"):
        other.read()


def test_a_crash_before_the_rename_leaves_the_old_one(
    anchor: FileAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next swap is not troubled by what lies beside it."""
    anchor.advance(None, note(1))
    with monkeypatch.context() as crash:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        crash.setattr(os, "replace", die)
        crash.setattr(Path, "replace", die)
        crash.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            anchor.advance(note(1).note, note(2))
    assert anchor.read() == note(1)
    assert anchor.advance(note(1).note, note(3))
    assert anchor.read() == note(3)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """No act rests on an anchor that is not there."""
    (tmp_path / "file").touch()
    with pytest.raises(LogUnavailable, match="cannot be written"):
        FileAnchor(tmp_path / "file" / "anchors", ORIGIN).advance(None, note(1))


def test_the_file_is_small_and_readable(anchor: FileAnchor) -> None:
    """One JSON object: an auditor reads it without byhand."""
    anchor.advance(None, note(1))
    held = json.loads(anchor.path.read_bytes())
    assert (held["origin"], held["home"], held["note"]) == (ORIGIN, "home", "note 1")


@pytest.mark.parametrize("head", [None, -1, 0, 7])
def test_it_keeps_where_administration_ended(anchor: FileAnchor, head: int | None) -> None:
    """Beside the note, not in it: also that there is none, and that nobody said."""
    anchor.advance(None, note(1)._replace(administration=head))
    held = anchor.read()
    assert held is not None
    assert held.administration == head
