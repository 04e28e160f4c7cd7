# SPDX-License-Identifier: Apache-2.0
"""The engine's environment, and a way to run a script in it."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT_SECONDS_MAX = 60  # a story takes about a second; more means that the engine hangs

RunScript = Callable[[str], list[Any]]


@pytest.fixture
def run_script(engine_python: Path, tmp_path: Path) -> RunScript:
    """Run Python source beside the engine and return what it printed, one JSON value a line."""

    def run(source: str) -> list[Any]:
        script = tmp_path / "script.py"
        script.write_text("import json\n" + textwrap.dedent(source))
        done = subprocess.run(
            [str(engine_python), "-I", "-W", "error", str(script)],
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
