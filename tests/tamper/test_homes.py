# SPDX-License-Identifier: Apache-2.0
"""Homes and folders as they come: in use, from strangers, without an anchor, with a newer key, made to exhaust us."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.errors import ByhandError, Conflict
from byhand.evidence import sources, verify as verifying_room
from byhand.evidence.folder import export_folder
from byhand.evidence.sources import UrlSource
from byhand.log import checkpoint as checkpoints
from byhand.verifying import Knowledge, verify_target
from byhand.wiring import create_home, index_differences, open_home

ORIGIN = "byhand.test/tamper"


def test_a_home_in_use_is_sound_at_every_moment(played: Any) -> None:
    """Entries, heads, names, tree, checkpoint and anchor are read as of one moment; writers are not held up."""
    home, stop = played.open(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            home.journal.heartbeat()
            home.journal.anchor()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = Counter(one.code for _ in range(8) for one in played.verify().findings)
    finally:
        stop.set()
        writer.join()
        home.close()
    assert not found


def test_a_folder_of_an_unknown_log_is_consistent_and_no_more(played: Any) -> None:
    """Nobody said whose log it is: its structure is checked against its own claim, and nothing is called tampered."""
    report = played.verify(played.folder, use_known_logs=False)
    assert (report.verdict, report.findings) == ("consistent; signer not authenticated", [])
    assert not report.sound
    assert report.size > 256
    tile = played.folder / "tile" / "0" / "000"
    tile.write_bytes(tile.read_bytes()[:-1] + b"\x00")
    assert played.codes(played.folder, use_known_logs=False)


class _Claiming(sources.FilesSource):
    """A server that may go on for ever."""

    endless = True


def test_of_an_endless_log_that_nobody_signed_only_a_part_is_looked_at(
    played: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is bounded, what was looked at is checked, and the rest is said to be missing from the check."""
    monkeypatch.setattr(verifying_room, "UNSIGNED_ENTRIES_MAX", 256)
    report = verifying_room.verify_log(
        _Claiming(str(played.folder)),
        "a server",
        policy=None,
        now="2999-01-01T00:00:00.000000Z",
        claimed_origin=ORIGIN,
    )
    assert (report.size, report.findings) == (256, [])
    assert any("only the first 256" in note for note in report.notes)


def test_a_missing_anchor_is_named_and_a_damaged_one_too(played: Any) -> None:
    """Whoever cuts a log deletes its anchor; a home that was brought here says --no-anchor."""
    whole = played.anchor.read_bytes()
    played.anchor.write_text("rubbish")
    assert played.codes() == {"anchor.damaged"}
    played.anchor.unlink()
    report = played.verify()
    assert ({one.code for one in report.findings}, report.tampered) == ({"anchor.missing"}, False)
    assert played.verify(use_anchor=False).sound
    played.anchor.write_bytes(whole)
    assert played.verify().sound


def test_an_old_checkpoint_put_back_is_named(played: Any) -> None:
    """It is genuine and holds; what was seen since is newer: by the anchor, by a memory, in a home or a folder."""
    home = played.open()
    old = home.entries.published()
    for _ in range(4):
        home.journal.heartbeat()
    new = home.journal.anchor()
    export_folder(home.entries, home.journal.reader.tree(), new, played.folder)
    known = KnownLogs(known_logs_path(played.environment))
    known.remember(ORIGIN, new, home.journal.reader.tree().consistency)
    home.close()
    assert played.verify().sound
    (played.folder / "checkpoint").write_bytes(old)
    played.sql(f"UPDATE published SET note = x'{old.hex()}', size = 289")
    assert "log.rolled_back" in played.codes(played.folder)
    assert played.codes(use_known_logs=False) == {"checkpoint.replayed"}
    assert played.codes(use_anchor=False) == {"checkpoint.replayed"}


def test_time_that_runs_ahead_is_named(played: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry recorded in the future tells of a wrong clock, or of times that were made up."""
    home = played.open()
    with monkeypatch.context() as ahead:
        ahead.setattr("byhand.clock.now", lambda: "2998-01-01T00:00:00.000000Z")
        home.journal.heartbeat()
    home.journal.anchor()
    home.close()
    assert played.codes() == {"time.ahead"}


def test_a_second_key_switched_on_raises_no_alarm(played: Any) -> None:
    """Notes from before carry one signature; once the log signs with both, a memory may add the new key."""
    (played.home / "byhand.toml").write_text("[log]\nml_dsa = true\n")
    first = played.verify(use_known_logs=False)
    assert not first.findings, first.findings
    home = played.open()
    home.journal.heartbeat()
    note = home.journal.anchor()
    keys = [key.encode() for key in home.journal.key.verifiers]
    known = KnownLogs(known_logs_path(played.environment))
    before = known.get(ORIGIN)
    known.trust(ORIGIN, keys)
    assert set(known.get(ORIGIN).keys) == set(keys) > set(before.keys)
    known.remember(ORIGIN, note, home.journal.reader.tree().consistency)
    home.close()
    assert played.verify().sound


def test_a_first_checkpoint_of_nothing_is_no_rollback(tmp_path: Path) -> None:
    """A log is anchored when it is empty, and its entries follow."""
    environment = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    create_home(tmp_path / "home", "byhand.test/empty")
    home = open_home(tmp_path / "home", environment=environment, start=False)
    home.journal.checkpointer.begin()
    home.journal.heartbeat()
    home.close()
    report = verify_target(str(tmp_path / "home"), Knowledge(environment=environment, use_known_logs=False))
    assert not report.findings


def test_an_export_does_not_replace_the_checkpoint_of_another_history(tmp_path: Path) -> None:
    """Two short logs of one name share no full tile, and yet the folder keeps the first."""
    folder = tmp_path / "folder"
    for number, entries in ((1, 10), (2, 20)):
        environment = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / f"state{number}")}
        path = tmp_path / f"home{number}"
        create_home(path, "byhand.test/same")
        home = open_home(path, environment=environment, start=False)
        home.journal.checkpointer.begin()
        for _ in range(entries):
            home.journal.heartbeat()
        note = home.journal.anchor()
        if number == 1:
            export_folder(home.entries, home.journal.reader.tree(), note, folder)
        else:
            with pytest.raises(Conflict, match="another history"):
                export_folder(home.entries, home.journal.reader.tree(), note, folder)
        home.close()
    assert checkpoints.parse((folder / "checkpoint").read_text().split("\n\n")[0] + "\n").size == 10


ENDLESS = (
    "ALTER TABLE entry RENAME TO kept",
    (
        "CREATE VIEW entry AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) "
        "SELECT n.i AS idx, kept.leaf AS leaf FROM n JOIN kept ON kept.idx = n.i"
    ),
)


def test_a_view_in_the_place_of_a_table_is_named_and_not_read(played: Any) -> None:
    """Reading it would never end: the layout is compared before the first row is asked for."""
    played.sql(*ENDLESS)
    assert played.codes() == {"store.altered"}


def test_a_trigger_of_somebody_elses_is_named(played: Any) -> None:
    """It could change every row that an honest byhand writes."""
    played.sql("CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM payload; END")
    assert played.codes() == {"store.altered"}


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM intervention WHERE id = '{0}'",
        "UPDATE intervention SET words = 'innocent' WHERE id = '{0}'",
        "UPDATE intervention SET phase = 'failed' WHERE id = '{0}'",
        "DELETE FROM record WHERE intervention = '{0}'",
        "INSERT INTO search (search) VALUES ('delete-all')",
        "UPDATE facet SET person = code WHERE first = (SELECT first FROM intervention WHERE id = '{0}')",
        "UPDATE rollup SET count = count - 1 WHERE pair = (SELECT max(pair) FROM rollup WHERE count > 0)",
    ],
)
def test_an_index_that_says_otherwise_than_the_log_is_named(played: Any, edit: str) -> None:
    """The index is never evidence, but people search with it: the doctor folds the log again and compares."""
    home = played.open()
    home.settle()
    assert index_differences(home) == []
    home.close()
    with sqlite3.connect(played.home / "index.db") as database:
        database.execute(edit.format(played.interventions[5]))
    database.close()
    home = played.open()
    assert index_differences(home)
    home.journal.heartbeat()
    home.indexer.rebuild()
    assert index_differences(home) == []
    home.close()


def test_an_index_that_lags_behind_is_not_blamed(played: Any) -> None:
    """What is still to be indexed is no difference."""
    home = played.open()
    home.settle()
    played.intervene(home, "Quoting obligation until the close of the auction")
    assert home.index.cursor() < home.journal.reader.size
    assert index_differences(home) == []
    home.close()


def test_a_file_larger_than_a_log_can_have_is_not_read_whole(
    played: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse file of a gigabyte costs its maker nothing; it is read to the limit and named."""
    monkeypatch.setattr(sources, "BUNDLE_BYTES_MAX", 1 << 20)
    os.truncate(played.folder / "tile" / "entries" / "000", 1 << 40)
    assert "tile.altered" in played.codes(played.folder)


def test_a_partial_tile_may_go_once_the_full_one_is_there(played: Any) -> None:
    """A folder that has grown serves an older checkpoint from its full tiles, as the specification allows."""
    old = (played.folder / "checkpoint").read_bytes()
    home = played.open()
    for _ in range(256):
        home.journal.heartbeat()
    export_folder(home.entries, home.journal.reader.tree(), home.journal.anchor(), played.folder)
    home.close()
    for place in ("tile/0", "tile/entries", "payload"):
        shutil.rmtree(played.folder / place / "001.p")
    (played.folder / "checkpoint").write_bytes(old)
    assert played.verify(played.folder).sound, played.verify(played.folder)


def test_files_that_are_no_part_of_the_log_are_said(played: Any) -> None:
    """They prove nothing and contradict nothing; whoever looks should know."""
    (played.folder / "read-me-first.txt").write_text("all is well")
    report = played.verify(played.folder)
    assert report.sound
    assert any("read-me-first.txt" in note for note in report.notes)


class _Answer:
    """What a server sends, part by part."""

    def __init__(self, parts: list[bytes], headers: dict[str, str]) -> None:
        self.headers = headers
        self._parts = parts

    def iter_raw(self) -> Any:
        """The parts."""
        yield from self._parts


def test_an_answer_is_never_unpacked(played: Any) -> None:
    """A few kilobytes of packed zeros would fill the memory; nobody asked for an encoding."""
    source = UrlSource("http://127.0.0.1:9")
    bomb = gzip.compress(gzip.compress(bytes(1 << 24)))
    with pytest.raises(ByhandError, match="encoding that nobody asked for"):
        source._body(_Answer([bomb], {"Content-Encoding": "gzip, gzip"}), "tile/0/000")  # type: ignore[arg-type]
    assert source._client.headers["Accept-Encoding"] == "identity"


def test_a_dripping_server_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience is measured at every part that comes in, however small."""
    moments = iter(range(0, 10_000, 50))
    monkeypatch.setattr(sources.time, "monotonic", lambda: float(next(moments)))
    source = UrlSource("http://127.0.0.1:9")
    with pytest.raises(ByhandError, match="takes longer than"):
        source._body(_Answer([b"x"] * 100, {}), "tile/0/000")  # type: ignore[arg-type]
