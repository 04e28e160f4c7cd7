# SPDX-License-Identifier: Apache-2.0
"""How long a person waits before anything happens: ``import byhand``, and ``byhand run POINT -- true`` end to end.

Fresh interpreters, in turns with ``python -c pass`` and a bare ``true``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from common import QUICK, bench_home, median, report, seconds

ROUNDS = 8 if QUICK else 25


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, check=True, capture_output=True)


def main() -> None:
    """Print both, with their ratios."""
    plain, imported, ran = [], [], []
    with bench_home() as bench:
        home, key = str(bench.home.path), str(bench.folder / "key")
        (bench.folder / "limits.json").write_text('{"max": 5}')
        environment = {
            **os.environ,
            "HOME": str(bench.folder),
            "XDG_STATE_HOME": str(bench.folder / "state"),
            "BYHAND_HOME": home,
            "BYHAND_PERSON": "ada",
            "BYHAND_KEY": key,
        }
        byhand = str(Path(sys.executable).with_name("byhand"))
        probe = f"file:{bench.folder}/limits.json#/max"
        point = ["lim", "--action", "ops.limit.change", "--target", "files/limit/max", "--owner", "ada"]
        _run(
            [byhand, "point", "add", *point, "--tier", "low", "--mode", "enforce", "--probe", probe],
            environment,
        )
        for number in range(ROUNDS):
            notes = f"Timing the command, round number {number} of many"
            command = [byhand, "run", "lim", "--reason", "FALSE_POSITIVE", "--notes", notes, "--", "true"]
            plain.append(seconds(_run, [sys.executable, "-c", "pass"], environment))
            imported.append(seconds(_run, [sys.executable, "-c", "import byhand"], environment))
            ran.append(seconds(_run, command, environment))
    base = median(plain)
    report("python_start_p50", base * 1e3, "ms")
    report(
        "import_byhand_p50", (median(imported) - base) * 1e3, "ms", median(imported) / base, "python -c pass"
    )
    report("byhand_run_true_p50", median(ran) * 1e3, "ms", median(ran) / base, "python -c pass")


if __name__ == "__main__":
    main()
