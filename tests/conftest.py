# SPDX-License-Identifier: Apache-2.0
"""What every test stands on: its own HOME, none of the caller's variables, loopback only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY / "tests") not in sys.path:  # for helpers that tests of several rooms share
    sys.path.append(str(REPOSITORY / "tests"))
CACHE = Path(os.environ.get("BYHAND_CACHE") or Path.home() / ".cache" / "byhand")
IN_CI = os.environ.get("CI") == "true"
# Variables that would lead a test to the caller's own keys, homes and servers.
CALLERS_OWN = (
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SUDO_USER",
    "LOGNAME",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
)
XDG_FOLDERS = {
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_RUNTIME_DIR": ".run",
    "XDG_STATE_HOME": ".local/state",
}

_QUIET = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)  # two shared cores are slow at times
settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=200, suppress_health_check=_QUIET
)
settings.register_profile("local", deadline=None, max_examples=50, suppress_health_check=_QUIET)
settings.register_profile("long", deadline=None, max_examples=5_000, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if IN_CI else "local"))


@pytest.fixture(scope="session")
def missing() -> Callable[[str, str], None]:
    """Says that something is missing, with advice: a failure with ``CI=true``, elsewhere a skip."""

    def said(what: str, advice: str) -> None:
        if IN_CI:
            pytest.fail(f"{what} is missing, and CI skips nothing: {advice}", pytrace=False)
        pytest.skip(f"{what} is missing: {advice}")

    return said


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own HOME, and no variable that leads outside; what peers built stays cached."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith("BYHAND_") or name in CALLERS_OWN:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("BYHAND_CACHE", str(CACHE))
    monkeypatch.setenv("TZ", "UTC")
    for name, folder in XDG_FOLDERS.items():
        monkeypatch.setenv(name, str(home / folder))
    return home


def _samples() -> Path:
    named = os.environ.get("BYHAND_SAMPLES")
    if named and not Path(named).is_dir():
        pytest.fail(f"BYHAND_SAMPLES names no folder: {named}", pytrace=False)
    beside = Path(named) if named else REPOSITORY.parent / "shared" / "samples"
    return beside if beside.is_dir() else REPOSITORY / "tests" / "corpus"


SAMPLES = _samples()  # read when this file is: the fixtures below run after the variable is gone


@pytest.fixture(scope="session")
def samples() -> Path:
    """Events as real systems sent them: BYHAND_SAMPLES, a folder beside us, or the records of our own corpus."""
    return SAMPLES


@pytest.fixture(scope="session")
def engine(missing: Callable[[str, str], None]) -> Callable[[str], Path]:
    """The Python beside a story's real engine; built when it is not in the cache yet, and never silently left out."""

    def ensured(name: str) -> Path:
        from byhand.demo import engines
        from byhand.errors import EngineUnavailable

        try:
            return engines.ensure(name, show=print)
        except EngineUnavailable as error:
            missing(str(error), error.advice)
            raise

    return ensured


@pytest.fixture(scope="session")
def engine_python(engine: Callable[[str], Path]) -> Path:
    """The Python beside the trading engine."""
    return engine("nautilus")


@pytest.fixture(scope="session")
def buildbot_python(engine: Callable[[str], Path]) -> Path:
    """The Python beside Buildbot."""
    return engine("buildbot")
