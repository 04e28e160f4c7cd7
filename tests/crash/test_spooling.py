# SPDX-License-Identifier: Apache-2.0
"""kill -9 at each step of spooling and of sending; two at once; a disk that tore the last line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from byhand import clock
from byhand.client.signing import Signer, find_signer
from byhand.client.spool_file import SpoolFile
from byhand.errors import Invalid, NotPermitted, Refused

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.append(str(FOLDER))
from spooling import ADA, ORIGIN, act, outcome  # noqa: E402 - found by the line above

STEPS = ("line written", "line durable", "acting", "ended", "sent noted")
COUNT_MAX = 4  # a step is taken at most twice in one trip
PATIENCE_SECONDS = 60


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Ada's key."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture
def signer(key: Path) -> Signer:
    """Ada's key, ready to sign."""
    return find_signer(key_path=key, environ={})


@pytest.fixture
def file(tmp_path: Path) -> SpoolFile:
    """Ada's spool."""
    return SpoolFile(tmp_path / "spool", ORIGIN, ADA)


def _command(file: SpoolFile, key: Path, *more: str) -> list[str]:
    return [sys.executable, str(FOLDER / "spooling.py"), str(file.path.parent), str(key), *more]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_spool_goes_on(file: SpoolFile, key: Path, signer: Signer, step: str) -> None:
    """What was durable is there, an act began only on a durable line, and the next line follows the last."""
    for count in range(1, COUNT_MAX):
        done = subprocess.run(
            _command(file, key, step, str(count)),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode in (0, -9), done.stderr
        said = done.stdout.split()
        waiting = [one.statement.sequence for one in file.unsent()]
        if "sent" not in said and step != "sent noted":
            assert {int(one) for one in said if one != "began"} <= set(waiting)
        before = file.unsent()
        added = file.add(act(), signer)
        assert [*before, added] == list(file.unsent())  # read back, each follows the one before
        file.acknowledged(file.raw())
        assert file.unsent() == ()
        if done.returncode == 0:
            break
    assert 1 < count < COUNT_MAX


def test_two_processes_at_once_write_one_chain(file: SpoolFile, key: Path) -> None:
    """Eight acts at once: sixteen lines could be there, and those that are follow each other."""
    running = [subprocess.Popen(_command(file, key, "ended")) for _ in range(8)]
    assert {one.wait(PATIENCE_SECONDS) for one in running} == {-9}
    assert [one.statement.sequence for one in file.unsent()] == list(range(16))


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_a_torn_tail_is_cut_away(file: SpoolFile, signer: Signer, cut: int) -> None:
    """Bytes behind the last end of a line were never durable: they are no line, and the next one takes their place."""
    first = file.add(act(), signer)
    file.add(act(), signer)
    file.path.write_bytes(file.path.read_bytes()[:-cut])
    assert file.unsent() == (first,)
    assert file.add(act(), signer).statement.sequence == 1
    assert [one.statement.sequence for one in file.unsent()] == [0, 1]


def test_a_spool_that_was_changed_takes_nothing_more(file: SpoolFile, signer: Signer) -> None:
    """A line taken out of the middle, or changed: said where, nothing is added, and it can still be sent as it is."""
    for _ in range(3):
        file.add(act(), signer)
    rows = file.path.read_bytes().splitlines(keepends=True)
    for changed in (
        [rows[0], rows[2]],
        [rows[0], rows[1].replace(b"ACME", b"ACNE"), rows[2]],
        [rows[1], rows[0]],
    ):
        file.path.write_bytes(b"".join(changed))
        with pytest.raises(Invalid, match="was changed"):
            file.add(act(), signer)
        assert len(file.raw()) == len(changed)


def test_others_may_not_read_it(file: SpoolFile, signer: Signer) -> None:
    """It holds what a person did: a spool that others can read or write is refused."""
    file.add(act(), signer)
    file.path.chmod(0o644)
    with pytest.raises(Invalid, match="others may use"):
        file.unsent()


def test_what_could_not_be_spooled_gets_no_line(file: SpoolFile, signer: Signer) -> None:
    """The rule of gate and verifier is asked before the line is written: an act on old knowledge does not begin."""
    one = act()
    old = replace(one.spooled, viewed=clock.after(clock.now(), seconds=-9 * 3_600))
    with pytest.raises(NotPermitted, match="what was known of the point"):
        file.add(replace(one, spooled=old), signer)
    assert file.unsent() == ()


def test_a_full_spool_takes_outcomes_but_no_act(
    file: SpoolFile, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing begins that could not be written down; what began can still be told."""
    one = act()
    file.add(one, signer)
    monkeypatch.setattr("byhand.client.spool_file.SPOOL_BYTES_MAX", file.path.stat().st_size)
    with pytest.raises(Refused, match="nothing more is done"):
        file.add(act(), signer)
    file.add(outcome(one), signer)


def test_a_copy_put_back_is_sent_again_in_whole(file: SpoolFile, signer: Signer) -> None:
    """What is written on an old copy is never taken for sent, whatever its number: the log finds the fork."""
    file.add(act(), signer)
    kept = file.path.read_bytes()
    file.add(act(), signer)
    file.acknowledged(file.raw())
    file.path.write_bytes(kept)
    added = file.add(act(), signer)
    assert file.unsent()[-1] == added
    assert len(file.raw()) == 2
