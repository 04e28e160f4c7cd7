# SPDX-License-Identifier: Apache-2.0
"""The session on this machine: for its owner only, never under a shared account."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from byhand.client.session_file import SavedSession, SessionFile
from byhand.errors import Invalid, SharedAccount

ORIGIN = "desk.example/log/1"
NOW = "2026-11-24T13:00:00.000000Z"
LATER = "2026-11-24T21:00:00.000000Z"
SAVED = SavedSession(origin=ORIGIN, token="t0ken", person="ada", expires=LATER)


@pytest.fixture
def file(tmp_path: Path) -> SessionFile:
    """Where the session of ``ORIGIN`` lies."""
    return SessionFile(ORIGIN, {"XDG_STATE_HOME": str(tmp_path / "state")})


def test_a_session_comes_back(file: SessionFile) -> None:
    """Until it expires, and until it is forgotten."""
    assert file.load(now=NOW) is None
    file.save(SAVED, account_is_shared=False)
    assert file.load(now=NOW) == SAVED
    assert file.load(now=LATER) is None
    file.forget()
    file.forget()
    assert file.load(now=NOW) is None


def test_it_lies_where_state_belongs(tmp_path: Path) -> None:
    """Under ``XDG_STATE_HOME``, else in ``~/.local/state``; each origin has its own."""
    chosen = SessionFile(ORIGIN, {"XDG_STATE_HOME": str(tmp_path / "x")}).path
    usual = SessionFile(ORIGIN, {"HOME": str(tmp_path)}).path
    assert chosen.parent == tmp_path / "x" / "byhand" / "sessions"
    assert usual.parent == tmp_path / ".local" / "state" / "byhand" / "sessions"
    assert chosen.name == usual.name
    assert SessionFile("desk.example/log/2", {"HOME": str(tmp_path)}).path != usual


def test_only_its_owner_can_read_it(file: SessionFile) -> None:
    """File 0600 in a folder 0700, also when it replaces one that was open to others."""
    file.save(SAVED, account_is_shared=False)
    file.path.chmod(0o644)
    with pytest.raises(Invalid, match="others may use the session"):
        file.load(now=NOW)
    file.save(SAVED, account_is_shared=False)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


def test_a_shared_account_keeps_no_session(file: SessionFile) -> None:
    """The next person there would act as this one; the advice says how to act instead."""
    with pytest.raises(SharedAccount) as refusal:
        file.save(SAVED, account_is_shared=True)
    assert "your own key" in refusal.value.advice
    assert not file.path.exists()


def test_another_logs_session_is_not_kept_here(file: SessionFile) -> None:
    """A session says which log it is for, and is believed for no other."""
    other = msgspec.structs.replace(SAVED, origin="desk.example/log/2")
    with pytest.raises(Invalid, match=r"not for desk\.example/log/1"):
        file.save(other, account_is_shared=False)
    file.save(SAVED, account_is_shared=False)
    file.path.write_bytes(msgspec.json.encode(other))
    with pytest.raises(Invalid, match="is no session"):
        file.load(now=NOW)


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"\xff", b'{"origin":"x"}', b"[" * 5_000])
def test_a_damaged_file_is_named_with_what_to_do(file: SessionFile, data: bytes) -> None:
    """Never a bare error, never half a session, and the content is not repeated."""
    file.save(SAVED, account_is_shared=False)
    file.path.write_bytes(data)
    with pytest.raises(Invalid) as refusal:
        file.load(now=NOW)
    assert "byhand login" in refusal.value.advice


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "state").write_text("")
    file = SessionFile(ORIGIN, {"XDG_STATE_HOME": str(tmp_path / "state")})
    with pytest.raises(Invalid, match="cannot be written"):
        file.save(SAVED, account_is_shared=False)
    with pytest.raises(Invalid, match="cannot be read"):
        file.load(now=NOW)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
def test_somebody_elses_file_is_not_believed(file: SessionFile) -> None:
    """A session planted by another account is refused."""
    file.save(SAVED, account_is_shared=False)
    os.chown(file.path, 65_534, -1)
    with pytest.raises(Invalid, match="others may use"):
        file.load(now=NOW)
