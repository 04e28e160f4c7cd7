# SPDX-License-Identifier: Apache-2.0
"""What a client remembers of logs: nothing can go back, fork or change its keys unseen."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.errors import BadSignature, Invalid, LogForked, MalformedProof, NotFound, RolledBack
from byhand.log import checkpoint as checkpoints, merkle
from byhand.log.checkpoint import Checkpoint
from byhand.log.keys import ED25519, VerifierKey

ORIGIN = "desk.example/log/1"
OFFICERS = "SHA256:" + "A" * 43


class Log:
    """A log of leaves, with its signing key."""

    def __init__(self, leaves: int, *, word: str = "leaf", seed: int = 1, origin: str = ORIGIN) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.origin = origin
        self.leaves = [merkle.leaf_hash(f"{word} {number}".encode()) for number in range(leaves)]

    @property
    def key(self) -> str:
        return VerifierKey(self.origin, ED25519, self.private.public_key().public_bytes_raw()).encode()

    def note(self, size: int | None = None) -> bytes:
        size = len(self.leaves) if size is None else size
        shown = Checkpoint(self.origin, size, merkle.root(self.leaves[:size]))
        return checkpoints.sign(shown, [self.private], timestamp=0)

    def prove(self, old: int, new: int) -> Sequence[bytes]:
        return merkle.consistency_path(old, new, lambda low, high: merkle.root(self.leaves[low:high]))


@pytest.fixture
def known(tmp_path: Path) -> KnownLogs:
    """An empty memory in a folder that is not there yet."""
    return KnownLogs(tmp_path / "config" / "byhand" / "known_logs")


def test_a_growing_log_is_remembered(known: KnownLogs) -> None:
    """Every checkpoint that extends the last one is taken, the same one again too, and survives reopening."""
    log = Log(9)
    known.trust(ORIGIN, [log.key], OFFICERS)
    for size in (0, 1, 3, 3, 8, 9):
        assert known.remember(ORIGIN, log.note(size), log.prove).size == size
    again = KnownLogs(known._path).get(ORIGIN)
    assert again is not None
    seen = again.seen()
    assert seen is not None
    assert (seen.size, again.officers) == (9, OFFICERS)


def test_a_log_that_went_back_is_refused(known: KnownLogs) -> None:
    """Fewer entries than were seen before is a rollback, even when everything in it verifies."""
    log = Log(9)
    known.trust(ORIGIN, [log.key])
    known.remember(ORIGIN, log.note(), log.prove)
    with pytest.raises(RolledBack, match="8 entries; 9 were seen"):
        known.remember(ORIGIN, log.note(8), log.prove)
    assert known.remember(ORIGIN, log.note(), log.prove).size == 9


@pytest.mark.parametrize("size", [5, 9])
def test_a_log_with_another_history_is_refused(known: KnownLogs, size: int) -> None:
    """A history rewritten with the log's own key in hand is named, at the same size and at a larger one."""
    log, forged = Log(5), Log(9, word="other")
    known.trust(ORIGIN, [log.key])
    known.remember(ORIGIN, log.note(), log.prove)
    before = known._path.read_bytes()
    with pytest.raises(LogForked):
        known.remember(ORIGIN, forged.note(size), forged.prove)
    assert known._path.read_bytes() == before


def test_a_log_that_proves_nothing_is_refused(known: KnownLogs) -> None:
    """A larger log that cannot hand over a proof is not believed."""
    log = Log(9)
    known.trust(ORIGIN, [log.key])
    known.remember(ORIGIN, log.note(5), log.prove)
    with pytest.raises(MalformedProof):
        known.remember(ORIGIN, log.note(), lambda *_: [])


def test_other_keys_under_a_known_name_are_refused(known: KnownLogs) -> None:
    """A log made anew under the same name, or other officers, are never taken for the one that was met."""
    log, other = Log(1), Log(1, seed=2)
    known.trust(ORIGIN, [log.key], OFFICERS)
    for keys, officers in (
        ([other.key], OFFICERS),
        ([log.key, other.key], None),
        ([log.key], "SHA256:" + "B" * 43),
    ):
        with pytest.raises(LogForked, match="other keys or officers"):
            known.trust(ORIGIN, keys, officers)
    with pytest.raises(BadSignature):
        known.remember(ORIGIN, other.note(), other.prove)
    assert known.trust(ORIGIN, [log.key]).officers == OFFICERS


def test_officers_can_be_learnt_later(known: KnownLogs) -> None:
    """A fingerprint that was not known at first sight is added, and then kept."""
    log = Log(1)
    known.trust(ORIGIN, [log.key])
    assert known.trust(ORIGIN, [log.key], OFFICERS).officers == OFFICERS


def test_a_log_never_met_is_unknown(known: KnownLogs) -> None:
    """Nothing is remembered of, or forgotten about, a log that nobody trusted."""
    log = Log(1)
    assert known.get(ORIGIN) is None
    assert known.all() == ()
    with pytest.raises(NotFound):
        known.remember(ORIGIN, log.note(), log.prove)
    with pytest.raises(NotFound):
        known.forget(ORIGIN)


def test_a_log_can_be_forgotten(known: KnownLogs) -> None:
    """Forgetting one log leaves the others."""
    for origin in ("b.example/log", "a.example/log"):
        known.trust(origin, [Log(1, origin=origin).key])
    known.forget("b.example/log")
    assert [one.origin for one in known.all()] == ["a.example/log"]


@pytest.mark.parametrize("keys", [[], ["nonsense"], [Log(1, origin="other.example").key]])
def test_keys_that_are_not_the_log_s_own_are_refused(known: KnownLogs, keys: list[str]) -> None:
    """No key, no verifier key, or one of another name: refused before anything is written."""
    with pytest.raises((Invalid, MalformedProof)):
        known.trust(ORIGIN, keys)
    assert not known._path.exists()


def test_the_file_is_for_its_owner_only(known: KnownLogs) -> None:
    """0600 in a folder 0700, and nothing left beside it but the lock."""
    known.trust(ORIGIN, [Log(1).key])
    assert stat.S_IMODE(known._path.stat().st_mode) == 0o600
    assert stat.S_IMODE(known._path.parent.stat().st_mode) == 0o700
    assert {one.name for one in known._path.parent.iterdir()} == {"known_logs", "known_logs.lock"}


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"origin": 1, "keys": []}',
        '{"origin": "x", "keys": [], "more": 1}',
        '{"origin": "x", "keys": ["x"]}',
        '{"origin": "x", "keys": [1]}',
        '{"origin": "x", "keys": [], "officers": 1}',
    ],
)
def test_a_damaged_file_is_never_taken_for_an_empty_one(known: KnownLogs, line: str) -> None:
    """Every damaged line is named, and nothing is written over them."""
    known.trust(ORIGIN, [Log(1).key])
    with known._path.open("a") as file:
        file.write(f"{line}\n{line}\n")
    before = known._path.read_bytes()
    with pytest.raises(Invalid, match="damaged") as refusal:
        known.trust("other.example/log", [Log(1, origin="other.example/log").key])
    assert [fault.pointer for fault in refusal.value.faults] == ["/2", "/3"]
    assert known._path.read_bytes() == before


def test_a_log_named_twice_is_damage(known: KnownLogs) -> None:
    """Two lines for one log: nobody can say which counts."""
    known.trust(ORIGIN, [Log(1).key])
    known._path.write_bytes(known._path.read_bytes() * 2)
    with pytest.raises(Invalid, match="another line names too"):
        known.all()


def test_a_checkpoint_changed_in_the_file_is_seen(known: KnownLogs) -> None:
    """What is remembered is signed: it cannot be changed in place to let a rollback through."""
    log = Log(9)
    known.trust(ORIGIN, [log.key])
    known.remember(ORIGIN, log.note(), log.prove)
    row = json.loads(known._path.read_text())
    row["checkpoint"] = row["checkpoint"].replace("\n9\n", "\n2\n")
    known._path.write_text(json.dumps(row) + "\n")
    with pytest.raises(BadSignature):
        known.remember(ORIGIN, log.note(3), log.prove)


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    """A folder in the file's place, or a file in the folder's, is refused with the path."""
    (tmp_path / "known_logs").mkdir()
    with pytest.raises(Invalid, match="cannot be read"):
        KnownLogs(tmp_path / "known_logs").all()
    (tmp_path / "plain").touch()
    with pytest.raises(Invalid, match="cannot be written"):
        KnownLogs(tmp_path / "plain" / "known_logs").trust(ORIGIN, [Log(1).key])


TRUST_MANY = """
import sys
from pathlib import Path
from byhand.client.known_logs import KnownLogs
for line in sys.stdin:
    origin, key = line.split()
    KnownLogs(Path(sys.argv[1])).trust(origin, [key])
"""


def test_two_processes_lose_nothing(known: KnownLogs) -> None:
    """Changes made at the same time by several processes are all there afterwards."""
    command = [sys.executable, "-c", TRUST_MANY, str(known._path)]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(2)]
    for number, one in enumerate(writers):
        assert one.stdin is not None
        origins = [f"log-{number}-{count}.example" for count in range(10)]
        one.stdin.writelines(f"{origin} {Log(1, origin=origin).key}\n" for origin in origins)
        one.stdin.close()
    assert [one.wait(60) for one in writers] == [0, 0]
    assert len(known.all()) == 20


def test_the_place_honours_xdg() -> None:
    """$XDG_CONFIG_HOME where it is set, else ~/.config."""
    assert known_logs_path({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/byhand/known_logs")
    assert known_logs_path({"HOME": "/h"}) == Path("/h/.config/byhand/known_logs")
