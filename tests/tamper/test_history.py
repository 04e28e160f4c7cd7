# SPDX-License-Identifier: Apache-2.0
"""Another history, signed with the log's own keys: what sees it, and what cannot."""

from __future__ import annotations

import base64
import secrets
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from byhand.anchor.file import FileAnchor
from byhand.errors import HomeRefused
from byhand.journal.entry import Entry
from byhand.records.kinds import AnyRecord, Outcome
from byhand.records.values import CapturedValue

ORIGIN = "byhand.test/tamper"


def _forging() -> Any:
    import importlib.util

    path = Path(__file__).with_name("forging.py")
    spec = importlib.util.spec_from_file_location("forging", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _anchor(played) -> Path:  # type: ignore[no-untyped-def]
    return FileAnchor(Path(played.environment["XDG_STATE_HOME"]) / "byhand" / "anchors", ORIGIN).path


def _innocent(record: AnyRecord) -> AnyRecord:
    """The first outcome says that nothing was changed."""
    if isinstance(record, Outcome) and record.result == "applied":
        return msgspec.structs.replace(record, found=CapturedValue(form="inline", text='"HALTED"'))
    return record


def _receipt(played, path: Path) -> Path:  # type: ignore[no-untyped-def]
    home = played.open()
    path.write_text(home.journal.receipt(20).proof)
    home.close()
    return path


def test_with_database_key_and_anchor_forged_only_memory_sees_it(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Without memory: consistent, signer not authenticated, no tamper finding. With any: another history."""
    receipt = _receipt(played, tmp_path / "receipt.tlog-proof")
    _forging().rewrite(played.home, tmp_path / "scratch", _innocent, origin=ORIGIN, anchor=_anchor(played))
    without = played.verify(use_known_logs=False)
    assert (without.verdict, without.sound, without.tampered) == (
        "consistent; signer not authenticated",
        False,
        False,
    )
    assert "log.forked" in played.codes()
    assert "log.forked" in played.codes(use_known_logs=False, since=receipt)


def test_with_database_and_key_forged_the_anchor_sees_it(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A rewritten log does not have the anchored root: verify names it, and byhand refuses to open the home."""
    _forging().rewrite(played.home, tmp_path / "scratch", _innocent, origin=ORIGIN, anchor=None)
    assert "log.forked" in played.codes(use_known_logs=False)
    with pytest.raises(HomeRefused):
        played.open()


def test_a_shorter_history_is_a_rollback(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The last intervention left out, everything signed anew: smaller than what was seen before."""
    last = played.interventions[-1]
    forging = _forging()
    forging.rewrite(
        played.home,
        tmp_path / "scratch",
        lambda record: (
            None if record.intervention == last or record.__struct_config__.tag == "access" else record
        ),
        origin=ORIGIN,
        anchor=_anchor(played),
    )
    assert "log.rolled_back" in played.codes()


def test_a_longer_fork_is_seen_too(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A rewritten log that has grown past what was seen is still another history."""
    _forging().rewrite(played.home, tmp_path / "scratch", _innocent, origin=ORIGIN, anchor=_anchor(played))
    home = played.open()
    for _ in range(5):
        home.journal.heartbeat()
    home.journal.anchor()
    home.close()
    assert "log.forked" in played.codes()


def test_an_old_copy_of_the_home_is_refused_and_named(played, copying, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A restored backup is smaller than the anchor: it may not open, and verify says rolled back."""
    backup = tmp_path / "backup"
    shutil.copytree(played.home, backup)
    home = played.open()
    home.journal.heartbeat()
    home.journal.anchor()
    home.close()
    for name in ("log.db", "log.db-wal", "log.db-shm"):
        (played.home / name).unlink(missing_ok=True)
        if (backup / name).exists():
            shutil.copy2(backup / name, played.home / name)
    with pytest.raises(HomeRefused, match="rolled back"):
        played.open()
    assert "log.rolled_back" in played.codes(use_known_logs=False)


def test_a_cloned_home_cannot_speak_for_the_first(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A copy beside the first one, with all keys: it may not open, and verify names it a copy."""
    clone = tmp_path / "clone"
    shutil.copytree(played.home, clone)
    import dataclasses

    cloned = dataclasses.replace(played, home=clone)
    with pytest.raises(HomeRefused, match="belongs to the home"):
        cloned.open()
    assert "home.copy" in cloned.codes()
    played.open().close()


def test_a_home_without_its_anchor_may_not_open(played) -> None:  # type: ignore[no-untyped-def]
    """On another machine there is no anchor of this log: a copy carried there does not speak."""
    _anchor(played).unlink()
    with pytest.raises(HomeRefused, match="never anchored"):
        played.open()


def test_another_key_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """The log key swapped and the checkpoint signed with the new one: the key is not the known one."""
    (played.home / "keys" / "log-ed25519.key").write_bytes(base64.b64encode(secrets.token_bytes(32)))
    (_anchor(played)).unlink()
    home = played.open(start=False)
    note = home.journal.key.sign_checkpoint(
        home.journal.reader.size, home.journal.reader.tree().root(home.journal.reader.size), timestamp=1
    )
    home.close()
    played.sql(f"UPDATE published SET note = x'{note.hex()}'")
    assert "key.changed" in played.codes()


def test_a_checkpoint_of_another_log_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """Wrong origin, and an old checkpoint replayed over a larger log, each with its name."""
    played.sql("UPDATE published SET note = replace(CAST(note AS TEXT), 'byhand.test', 'another.test')")
    assert "checkpoint.origin" in played.codes()


def test_a_clock_set_back_does_not_set_recorded_time_back(played, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """Recorded time never goes back, whatever the clock says; one forged into the log is named."""
    home = played.open()
    before = home.journal.reader.leaf(home.journal.reader.size - 1).recorded
    monkeypatch.setattr("byhand.clock.now", lambda: "2001-01-01T00:00:00.000000Z")
    index = home.journal.heartbeat().index
    assert home.journal.reader.leaf(index).recorded == before
    home.close()
    monkeypatch.undo()
    played.sql(
        f"UPDATE entry SET leaf = replace(CAST(leaf AS TEXT), '{before[:10]}', '2001-01-01') WHERE idx = {index}"
    )
    assert "time.backwards" in played.codes()


def test_a_payload_made_by_the_operator_does_not_open_elsewhere(played) -> None:  # type: ignore[no-untyped-def]
    """A record id used twice is refused with the first declaration in place."""
    home = played.open()
    stored = home.journal.reader.find(played.interventions[0])
    assert stored is not None
    from byhand.errors import Conflict

    other = msgspec.structs.replace(stored.record, flags=("bent",))
    with pytest.raises(Conflict):
        home.journal.append([Entry(other)])
    home.close()
