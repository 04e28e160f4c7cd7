# SPDX-License-Identifier: Apache-2.0
"""Keys in files: private, never handed out twice, gone for good when destroyed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from byhand.errors import HomeRefused, LogUnavailable
from byhand.keystore import file as key_files
from byhand.keystore.contract import LOG_SIGNING, DataKey

Keys = key_files.FileKeyStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh key store's folder."""
    made = tmp_path / "keys"
    key_files.create(made, [LOG_SIGNING])
    return made


@pytest.fixture
def keys(folder: Path) -> Iterator[Keys]:
    """The key store, opened."""
    opened = Keys(folder)
    yield opened
    opened.close()


def test_everything_is_for_its_owner_only(keys: Keys, folder: Path) -> None:
    """Folder, secrets and database, whatever the umask says."""
    keys.take(1)
    assert folder.stat().st_mode & 0o077 == 0
    for file in folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_secret_that_others_may_read_is_refused(keys: Keys, folder: Path) -> None:
    """With the command that mends it."""
    (folder / f"{LOG_SIGNING}.key").chmod(0o644)
    with pytest.raises(HomeRefused, match="readable by others") as refused:
        keys.secret(LOG_SIGNING)
    assert "chmod 600" in str(refused.value.advice)


@pytest.mark.parametrize("content", [b"", b"!!!", b"c2hvcnQ=\n", b"\xff" * 44])
def test_a_secret_of_another_form_is_refused(keys: Keys, folder: Path, content: bytes) -> None:
    """The content stays out of the message."""
    (folder / f"{LOG_SIGNING}.key").write_bytes(content)
    with pytest.raises(HomeRefused, match="is not 32 bytes") as refused:
        keys.secret(LOG_SIGNING)
    assert "c2hvcnQ" not in str(refused.value)


def test_a_missing_secret_is_refused(keys: Keys) -> None:
    """By its path."""
    with pytest.raises(HomeRefused, match="cannot be read"):
        keys.secret("no-such-secret")


def test_keys_come_back_by_number(keys: Keys, folder: Path) -> None:
    """In this process and in the next."""
    taken = keys.take(40)
    assert keys.data_keys([one.number for one in taken]) == dict(taken)
    again = Keys(folder)
    assert again.data_keys([one.number for one in taken]) == dict(taken)
    again.close()


def test_no_key_is_handed_out_twice(folder: Path) -> None:
    """Not to two threads, not to two processes' stores, not after reopening."""
    stores = [Keys(folder), Keys(folder)]
    taken: list[DataKey] = []
    lock = threading.Lock()

    def take(store: Keys) -> None:
        for count in (1, 3, 40):
            mine = store.take(count)
            with lock:
                taken.extend(mine)

    threads = [threading.Thread(target=take, args=(stores[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    again = Keys(folder)
    taken += again.take(5)
    again.close()
    assert len(taken) == 8 * 44 + 5
    assert len({one.number for one in taken}) == len(taken)
    assert len({one.key for one in taken}) == len(taken)


def test_a_fork_gets_keys_of_its_own(keys: Keys) -> None:
    """The parent's reserve is not used by the child too: one key, one section."""
    keys.take(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(keys.take(1)[0].number).encode())
        os._exit(0)
    os.waitpid(child, 0)
    number = int(os.read(reading, 100))
    assert number not in {one.number for one in keys.take(200)}


def test_a_destroyed_key_is_missing_from_the_answer(keys: Keys, folder: Path) -> None:
    """The others still open."""
    first, second = keys.take(2)
    with sqlite3.connect(folder / key_files.DATABASE) as database:
        database.execute("DELETE FROM data_key WHERE number = ?", (first.number,))
    database.close()
    assert keys.data_keys([first.number, second.number]) == {second.number: second.key}


def test_keys_of_another_store_do_not_open(keys: Keys, folder: Path, tmp_path: Path) -> None:
    """A database beside the wrong secret says so, instead of giving wrong keys."""
    number = keys.take(1)[0].number
    other = tmp_path / "other"
    key_files.create(other, [])
    (folder / "encryption.key").write_bytes((other / "encryption.key").read_bytes())
    again = Keys(folder)
    with pytest.raises(HomeRefused, match="does not open"):
        again.data_keys([number])
    again.close()


def test_no_key_is_handed_out_before_it_is_durable(keys: Keys, folder: Path) -> None:
    """A database that cannot be written gives no keys: nothing would ever open what they encrypt."""
    with sqlite3.connect(folder / key_files.DATABASE) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON data_key BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    database.close()
    with pytest.raises(LogUnavailable, match="no data keys could be made: disk full"):
        keys.take(1)


def test_creating_twice_is_refused(folder: Path) -> None:
    """Existing keys are never written over."""
    with pytest.raises(FileExistsError):
        key_files.create(folder, [LOG_SIGNING])
    with pytest.raises(FileExistsError):
        key_files.write_secret(folder, LOG_SIGNING, bytes(32))


def test_keys_made_while_the_month_turns_are_of_one_month(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The month is asked for once: what is made for the old one is not looked for under the new one."""
    months = iter(["2026-11", *["2026-12"] * 10])
    real = key_files.connect

    def turning(path: Path, **options: bool) -> sqlite3.Connection:
        connection = real(path, **options)
        connection.create_function("strftime", 2, lambda *_: next(months))
        return connection

    monkeypatch.setattr(key_files, "connect", turning)
    keys = Keys(folder)
    first = keys.take(1)[0]
    second = keys.take(100)[0]
    monkeypatch.undo()
    assert keys.data_keys([first.number, second.number]) == dict([first, second])


def test_nothing_waits_beside_a_closed_store(folder: Path) -> None:
    """After closing, the database alone holds every key: it can be read where nothing can be written."""
    keys = Keys(folder)
    taken = keys.take(1)
    assert keys.data_keys([taken[0].number])  # a reader is open, and would be the last to leave
    keys.close()
    waiting = folder / f"{key_files.DATABASE}-wal"
    assert not waiting.exists() or waiting.stat().st_size == 0
    keys.close()
    copy = folder.with_name("copy")
    copy.mkdir()
    for path in folder.iterdir():
        if path.suffix in (".key", ".db"):
            (copy / path.name).write_bytes(path.read_bytes())
            (copy / path.name).chmod(0o600)
    again = Keys(copy)
    assert again.data_keys([taken[0].number]) == {taken[0].number: taken[0].key}
    again.close()


def test_a_store_that_is_gone_can_be_closed(folder: Path) -> None:
    """Closing says nothing of a folder that somebody took away."""
    keys = Keys(folder)
    keys.take(1)
    (folder / key_files.DATABASE).unlink()
    keys.close()
