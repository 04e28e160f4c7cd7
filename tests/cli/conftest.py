# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line need: keys as ssh-keygen makes them, and a player of scripts."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from byhand import cli

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:  # for scripts, which tests of the command line share
    sys.path.append(str(FOLDER))
from scripts import Ended  # noqa: E402 - found by the line above

BYHAND = Path(sys.executable).with_name("byhand")
PERSONS = ("ada", "grace", "alan", "nobody")
COMMAND_SECONDS_MAX = 60  # of one command; they take a fraction of a second


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key for each of the persons, made once by ssh-keygen."""
    folder = tmp_path_factory.mktemp("keys")
    for name in PERSONS:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


@pytest.fixture
def desk(isolated: Path, made_keys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with keys/ beside the home to be; Ada is named by the environment."""
    shutil.copytree(made_keys, isolated / "keys")
    folder = str(BYHAND.parent)
    for name, value in {
        "BYHAND_HOME": str(isolated / "home"),
        "BYHAND_PERSON": "ada.lovelace",
        "BYHAND_KEY": str(isolated / "keys" / "ada"),
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(isolated)
    return isolated


@pytest.fixture
def here(desk: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs one command line in this process, as the console script would."""

    def run(*words: str) -> Ended:
        capfd.readouterr()
        code = cli.main(words)
        sys.stdout.flush()
        return Ended(code, *capfd.readouterr())

    return run


@pytest.fixture
def shell(desk: Path) -> Callable[[str], Ended]:
    """Runs one line in a shell of its own, where ``byhand`` is the console script."""

    def run(line: str) -> Ended:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def typed(
    here: Callable[..., Ended], shell: Callable[[str], Ended], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Ended]:
    """Runs what is typed: a plain ``byhand ...`` in this process, everything else in a shell."""

    def run(line: str) -> Ended:
        words = shlex.split(line)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            monkeypatch.setenv(name, value)
            return Ended(0, "", "")
        if words[0] == "byhand" and is_plain(line):
            return here(*words[1:])
        return shell(line)

    return run


def is_plain(line: str) -> bool:
    """Whether a shell would do nothing with the line but split it into words."""
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()$`")
    reader.whitespace_split = True
    reader.commenters = ""
    return all(set(word) - set("|&;<>()$`") or not word for word in reader) and "$(" not in line
