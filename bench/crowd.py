# SPDX-License-Identifier: Apache-2.0
"""The gate beside five hundred slow, broken, oversized and malicious clients - against the same gate undisturbed.

The crowd is the one of the tests (tests/api/hostile.py), a process of its own on the same two cores. Every answer
that whole interventions wait for is timed at a client over HTTP.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from common import QUICK, Bench, bench_home, percentile, report

from byhand.client.contract import Attempt
from byhand.client.http import HttpBackend
from byhand.client.line import Line
from byhand.ids import new_record_id
from byhand.records import captured
from byhand.records.kinds import SCHEMA_VERSION, Outcome

CLIENTS = 500
TRIPS = 10 if QUICK else 50
CROWD = Path(__file__).parents[1] / "tests" / "api" / "hostile.py"
SERVES = re.compile(r"at (http://\S+)")
GATHERING_SECONDS = 2.0


def trips(bench: Bench, backend: HttpBackend) -> list[float]:
    """Seconds of every answer of the gate."""
    found: list[float] = []

    def timed(ask: object, *arguments: object) -> None:
        began = time.perf_counter()
        ask(*arguments)  # type: ignore[operator]
        found.append(time.perf_counter() - began)

    for _ in range(TRIPS):
        declaration = bench.declaration("breaker-high")
        attempt = Attempt(attempt=new_record_id(), executor="bench", before=captured.capture("HALTED"))
        outcome = Outcome(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=declaration.record,
            result="applied",
            found=captured.capture("ACTIVE"),
            attempt=attempt.attempt,
        )
        timed(backend.declare, declaration, bench.statement(declaration))
        timed(backend.permit, declaration.record, attempt)
        timed(backend.conclude, declaration.record, outcome)
    return found


def main() -> None:
    """Print p50 and p95 of the gate's answers, alone and beside the crowd."""
    with bench_home() as bench:
        environment = {**os.environ, "HOME": str(bench.folder), "XDG_STATE_HOME": str(bench.folder / "state")}
        byhand = str(Path(sys.executable).with_name("byhand"))
        command = [byhand, "serve", "--port", "0", "--home", str(bench.home.path)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            url = next(match[1] for line in server.stderr if (match := SERVES.search(line)))
            line = Line(url, bench.token)
            trips(bench, HttpBackend(line))
            alone = trips(bench, HttpBackend(line))
            crowd = subprocess.Popen(
                [sys.executable, str(CROWD), url, bench.token, str(CLIENTS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
            )
            time.sleep(GATHERING_SECONDS)
            beside = trips(bench, HttpBackend(line))
            crowd.communicate("end\n", timeout=60)
            line.close()
            server.terminate()
    for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        undisturbed, disturbed = percentile(alone, part) * 1e3, percentile(beside, part) * 1e3
        report(f"gate_answer_alone_{name}", undisturbed, "ms")
        ratio = disturbed / undisturbed
        report(f"gate_answer_beside_500_bad_clients_{name}", disturbed, "ms", ratio, "the same gate alone")


if __name__ == "__main__":
    main()
