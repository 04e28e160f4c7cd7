# SPDX-License-Identifier: Apache-2.0
"""A real ssh-agent for the tests of the client, ended with the test that asked for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:  # for real_home, which tests of the client share
    sys.path.append(str(HERE))


@dataclass(frozen=True)
class RunningAgent:
    """An ssh-agent of the test's own and the environment that points to it."""

    environ: dict[str, str]

    def add(self, path: Path) -> None:
        subprocess.run(["ssh-add", "-q", str(path)], env=self.environ, check=True, capture_output=True)

    def lock(self) -> None:
        script = Path(self.environ["HOME"], "askpass")
        script.write_text("#!/bin/sh\necho locked\n")
        script.chmod(0o700)
        asking = {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-x"], env=self.environ | asking, check=True, capture_output=True)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RunningAgent]:
    """An empty agent on a socket of its own, with a HOME that holds no keys."""
    # A short folder of its own: a socket's path has at most 107 characters.
    folder = tempfile.mkdtemp(prefix="byhand-agent-")
    address = str(Path(folder, "s"))
    process = subprocess.Popen(["ssh-agent", "-D", "-a", address], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # printed once the socket listens
        yield RunningAgent({"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SSH_AUTH_SOCK": address})
    finally:
        process.terminate()
        process.communicate(timeout=10)
        shutil.rmtree(folder)
