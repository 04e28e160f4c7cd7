# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line need: keys as ssh-keygen makes them, and a player of scripts."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from byhand import cli

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:  # for scripts, which tests of the command line share
    sys.path.append(str(FOLDER))
from scripts import Ended, in_shell  # noqa: E402 - found by the line above

BYHAND = Path(sys.executable).with_name("byhand")
PERSONS = ("ada", "grace", "alan", "nobody")
ACCOUNT = 12_345  # an account's number that is not root's; no such account need exist


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
def own_account(
    made_keys: Path, monkeypatch: pytest.MonkeyPatch, missing: Callable[[str, str], None]
) -> Iterator[tuple[Path, Sequence[str]]]:
    """The folder of an account that is one person's, and what runs a command under it."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        missing("setpriv", "Debian: apt-get install util-linux")
    with tempfile.TemporaryDirectory(prefix="byhand-account-") as folder:
        home = Path(folder).resolve()
        shutil.copytree(made_keys, home / "keys")
        for name, value in {"HOME": str(home), "BYHAND_HOME": str(home / "home"), "LOGNAME": "ada"}.items():
            monkeypatch.setenv(name, value)
        for name in [name for name in os.environ if name.startswith(("XDG_", "COVERAGE_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PATH", f"{BYHAND.parent}{os.pathsep}{os.environ['PATH']}")
        yield home, _becoming_somebody(home)


def _becoming_somebody(home: Path) -> Sequence[str]:
    """Root becomes an ordinary account, which may still read where this Python lies; others are one."""
    if os.geteuid() != 0:
        return ()
    for path in (home, *home.rglob("*")):
        os.chown(path, ACCOUNT, ACCOUNT)
    capability = "+dac_override"
    ids = (f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups")
    return ("setpriv", *ids, f"--inh-caps={capability}", f"--ambient-caps={capability}")


@pytest.fixture
def typed(desk: Path, here: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Ended]:
    """Runs what is typed: a plain ``byhand ...`` in this process, everything else in a shell."""

    def run(line: str) -> Ended:
        words = shlex.split(line)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            monkeypatch.setenv(name, value)
            return Ended(0, "", "")
        if words[0] == "byhand" and is_plain(line):
            return here(*words[1:])
        return in_shell(line)

    return run


def is_plain(line: str) -> bool:
    """Whether a shell would do nothing with the line but split it into words."""
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()$`")
    reader.whitespace_split = True
    reader.commenters = ""
    return all(set(word) - set("|&;<>()$`") or not word for word in reader) and "$(" not in line
