# SPDX-License-Identifier: Apache-2.0
"""Short-lived state: what it keeps, what it forgets, and that two processes share it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from byhand.errors import LogUnavailable
from byhand.store.sqlite.state import FILE_NAME, LOGINS_MAX, SqliteState
from byhand.store.state import SessionRow

T0, T1, T2 = (f"2026-11-24T13:0{minute}:00.000000Z" for minute in range(3))
ROW = SessionRow(token="d1", person="ada", credential="SHA256:x", began=T0, expires=T1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    """A fresh state."""
    opened = SqliteState(tmp_path)
    yield opened
    opened.close()


def test_a_challenge_is_used_once(state: SqliteState) -> None:
    """Before it expires; afterwards, or a second time, it is not there."""
    state.add_challenge("c1", T1)
    assert state.use_challenge("c1", T0)
    assert not state.use_challenge("c1", T0)
    state.add_challenge("c2", T1)
    assert not state.use_challenge("c2", T1)
    assert not state.use_challenge("c3", T0)


def test_of_many_who_use_a_challenge_one_succeeds(state: SqliteState, tmp_path: Path) -> None:
    """Also when they come through different connections at once."""
    state.add_challenge("c1", T1)
    others = [SqliteState(tmp_path) for _ in range(8)]
    used: list[bool] = []

    def use(one: SqliteState) -> None:
        used.append(one.use_challenge("c1", T0))

    threads = [threading.Thread(target=use, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.close()
    assert sorted(used) == [False] * 7 + [True]


def test_sessions_come_back_and_end(state: SqliteState) -> None:
    """One by its token, and all that have expired."""
    later = ROW._replace(token="d2", expires=T2)
    state.add_session(ROW)
    state.add_session(later)
    assert state.session("d1") == ROW
    state.end_sessions(expired_at=T1)
    assert state.session("d1") is None
    assert state.session("d2") == later
    state.end_sessions(token="d2")
    assert state.session("d2") is None


def test_it_survives_reopening(state: SqliteState, tmp_path: Path) -> None:
    """A session is there for the next process."""
    state.add_session(ROW)
    state.close()
    again = SqliteState(tmp_path)
    assert again.session("d1") == ROW
    again.close()


def test_the_file_is_for_its_owner_only(state: SqliteState, tmp_path: Path) -> None:
    """Nobody else reads who is signed in."""
    state.add_session(ROW)
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        assert path.stat().st_mode & 0o077 == 0


def test_what_cannot_be_kept_is_the_log_being_unavailable(tmp_path: Path) -> None:
    """A folder that is not there, and a file that is no database."""
    with pytest.raises(LogUnavailable, match="cannot be written"):
        SqliteState(tmp_path / "nowhere")
    (tmp_path / FILE_NAME).write_bytes(b"this is no database, whatever its name says" * 50)
    with pytest.raises(LogUnavailable):
        SqliteState(tmp_path)


def test_what_breaks_while_rows_are_read_is_told_like_all_else(tmp_path: Path) -> None:
    """A damaged page behind the first row: the log is unavailable, and no bare error of SQLite comes through."""
    state = SqliteState(tmp_path)
    for number in range(200):
        state.note_use(f"{number:0500}", T0, "")
    state.close()
    path = tmp_path / FILE_NAME
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 2, len(data), 4_096):
        data[place : place + 4_096] = b"\xff" * len(data[place : place + 4_096])
    path.write_bytes(data)
    damaged = SqliteState(tmp_path)
    with pytest.raises(LogUnavailable, match="cannot be kept"):
        damaged.uses()
    damaged.close()


def test_a_flood_of_logins_ends_its_own(state: SqliteState) -> None:
    """Of too many, whoever began most loses those that end first; a login from elsewhere goes on."""
    state.add_login("ada's", "{}", T1, "192.0.2.7")
    for number in range(LOGINS_MAX + 5):
        state.add_login(f"flood {number:04}", "{}", T2, "203.0.113.9")
    assert state.login("ada's", T0) == "{}"
    kept = [state.login(f"flood {number:04}", T0) is not None for number in range(LOGINS_MAX + 5)]
    assert (kept[:6], sum(kept)) == ([False] * 6, LOGINS_MAX - 1)
