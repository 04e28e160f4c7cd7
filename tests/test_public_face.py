# SPDX-License-Identifier: Apache-2.0
"""The names a person types after ``import byhand``: cheap to import, and a whole trip by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import byhand
from byhand import errors

IMPORT_MODULES_MAX = 40  # threading and typing with what they bring; dataclasses alone would add a dozen
HERE = Path(__file__).resolve().parent


def run(code: str, **environ: str) -> str:
    """What a fresh Python prints."""
    paths = {"PYTHONPATH": str(HERE / "client")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **paths, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_loads_next_to_nothing() -> None:
    """Import byhand loads no other package and no other room of our own."""
    code = "import sys; before = set(sys.modules); import byhand; print(*sorted(set(sys.modules) - before))"
    loaded = run(code).split()
    assert [name for name in loaded if name.startswith("byhand")] == ["byhand"]
    assert all(name.partition(".")[0] in sys.stdlib_module_names for name in loaded if name != "byhand")
    assert len(loaded) <= IMPORT_MODULES_MAX


def test_every_public_name_is_there() -> None:
    """Each name of __all__ can be had, errors included; any other is an AttributeError."""
    for name in byhand.__all__:
        assert getattr(byhand, name).__doc__
    assert byhand.Refused is errors.Refused
    assert set(byhand.__all__) <= set(dir(byhand))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        byhand.nothing  # noqa: B018


TRIP = """
import pathlib
from real_home import RealHome
folder = pathlib.Path({folder!r})
made = RealHome(folder); made.add_point(); made.close()
import byhand
byhand.configure(home=made.path, key=made.key_path)
state = ["HALTED"]
breaker = byhand.point("mm7-breaker")
print(breaker.owner, breaker.tier, breaker.mode, breaker.environment, len(breaker.reasons) > 0)
with byhand.intervention(
    breaker, "trading.circuit_breaker.override", reason="LIQUIDITY_PROVISIONING",
    notes="Index rebalance: quoting obligation on XLON until 15:00.", read=lambda: state[0], new="ACTIVE",
    until=60, revert=lambda: state.__setitem__(0, "HALTED"),
) as act:
    state[0] = "ACTIVE"
print(act.outcome.result, act.outcome.as_declared, act.receipt.proof.splitlines()[0])
print(byhand.run_due_reverts(), end=" ")
print(byhand.run_due_reverts("2100-01-01T00:00:00.000000Z")[0].outcome.as_declared, state[0])
"""


def test_a_whole_trip_with_the_public_names(isolated: Path, tmp_path: Path) -> None:
    """configure, point, intervention, receipt, revert: the embedded default needs nothing else."""
    lines = run(TRIP.format(folder=str(tmp_path)), XDG_STATE_HOME=str(tmp_path / "state")).splitlines()
    assert lines[0] == "ada.lovelace medium enforce production True"
    assert lines[1] == "applied True c2sp.org/tlog-proof@v1"
    assert lines[2] == "() True HALTED"


def test_the_environment_says_which_home(isolated: Path, tmp_path: Path) -> None:
    """Without configure, BYHAND_HOME and the key in ~/.ssh are used; a forked child opens the home anew."""
    run(
        f"import pathlib; from real_home import RealHome; h = RealHome(pathlib.Path({str(tmp_path)!r})); "
        "h.add_point(); h.close()",
        XDG_STATE_HOME=str(tmp_path / "state"),
    )
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "id_ed25519").rename(tmp_path / ".ssh" / "id_ed25519")
    code = """
import os, warnings, byhand
print(byhand.point("mm7-breaker").owner, flush=True)
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads, rightly
child = os.fork()
if child == 0:
    print(byhand.point("mm7-breaker").tier, flush=True)
    os._exit(0)
os.waitpid(child, 0)
byhand.close()
print(byhand.point("mm7-breaker").mode, flush=True)
"""
    environ = {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "BYHAND_HOME": str(tmp_path / "home"),
    }
    assert run(code, **environ).split() == ["ada.lovelace", "medium", "enforce"]


def test_a_key_of_nobody_is_told_so(isolated: Path, tmp_path: Path) -> None:
    """A key that speaks for nobody in the home is LoginRequired, with advice; no home is HomeRefused."""
    run(
        f"import pathlib; from real_home import RealHome; RealHome(pathlib.Path({str(tmp_path)!r})).close()\n"
        "from byhand.client.signing import make_key\n"
        f"make_key(pathlib.Path({str(tmp_path / 'other')!r}), 'x')",
        XDG_STATE_HOME=str(tmp_path / "state"),
    )
    code = f"""
import byhand
byhand.configure(home={str(tmp_path / "home")!r}, key={str(tmp_path / "other")!r})
try:
    byhand.point("x").owner
except byhand.LoginRequired as error:
    print("speaks for nobody" in str(error), error.advice)
byhand.configure(home={str(tmp_path / "none")!r})
try:
    byhand.point("x").owner
except byhand.LogUnavailable as error:
    print(error.advice)
"""
    out = run(code, XDG_STATE_HOME=str(tmp_path / "state"))
    assert out.startswith("True Ask an officer")
    assert "byhand init" in out


def test_a_fork_beside_a_thread_inside_the_client_does_not_hang(isolated: Path, tmp_path: Path) -> None:
    """The child's lock is its own, and so are its reverts, whatever the parent's threads were at."""
    code = f"""
import os, signal, threading, warnings, byhand
client = byhand._client
parents = client.reverter()
held, go = threading.Event(), threading.Event()
def hold():
    with client._lock:
        held.set()
        go.wait(20)
threading.Thread(target=hold).start()
held.wait()
warnings.simplefilter("ignore", DeprecationWarning)
child = os.fork()
if child == 0:
    signal.alarm(10)
    byhand.configure(home={str(tmp_path)!r})
    os._exit(0 if client.reverter() is not parents else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
go.set()
"""
    assert run(code).split() == ["0"]


def test_a_home_whose_due_work_fails_is_opened_anew_the_next_time(isolated: Path, tmp_path: Path) -> None:
    """What was not settled is not used: the next call opens the home again, and settles it."""
    code = f"""
import pathlib, byhand
from real_home import RealHome
from byhand import wiring
made = RealHome(pathlib.Path({str(tmp_path)!r})); made.add_point(); made.close()
byhand.configure(home=made.path, key=made.key_path)
settle, tries = wiring.Home.settle, []
def failing(home):
    tries.append(home)
    if len(tries) == 1:
        raise byhand.LogUnavailable("disk full")
    return settle(home)
wiring.Home.settle = failing
try:
    byhand.point("mm7-breaker").owner
except byhand.LogUnavailable:
    print(byhand.point("mm7-breaker").owner, len(tries), tries[0].closed)
"""
    assert run(code, XDG_STATE_HOME=str(tmp_path / "state")).split() == ["ada.lovelace", "2", "True"]
