# SPDX-License-Identifier: Apache-2.0
"""The doors under load: declare at 64 connections, observations in batches of 100 - against journal and empty door.

Two baselines in the same run: the journal called directly with records of the same kind, and an empty Starlette
handler behind the same server and the same load generator. The load generator is a process of its own, and says how
much of a core it used.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common import QUICK, Bench, bench_home, report

from byhand import clock
from byhand.client.contract import DeclareRequest
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import parts
from byhand.records.credentials import Token, Workload, token_digest, token_text
from byhand.records.kinds import SCHEMA_VERSION, Administration, Intent, Observation
from byhand.trust import administration as trust

CONNECTIONS = 64
DECLARATIONS = 3_000 if QUICK else 25_000
BATCHES = 30 if QUICK else 400
BATCH = 100
EMPTY = 6_000 if QUICK else 40_000
JOURNAL_SECONDS = 2.0 if QUICK else 6.0
LOAD = Path(__file__).with_name("load.py")
SERVES = re.compile(r"at http://[^:]+:(\d+)")
EMPTY_DOOR = """
import functools
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from byhand.api.connection import Connections, PatientConnection

async def door(request):
    await request.body()
    return Response(b"{}", 201, media_type="application/json")

app = Starlette(routes=[Route("/v1/interventions", door, methods=["POST"])])
print("at http://x:" + sys.argv[1], file=sys.stderr, flush=True)
connection = functools.partial(PatientConnection, limits=Connections.as_files_allow())
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http=connection, access_log=False,
            log_level="warning", server_header=False, date_header=False)
"""


def request(path: str, token: str, body: bytes) -> bytes:
    """A prepared request, behind its length."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    whole = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    return struct.pack(">I", len(whole)) + whole


def load(port: int, connections: int, file: Path) -> dict[str, float]:
    """What the load generator measured; every answer must be 201."""
    command = [sys.executable, str(LOAD), str(port), str(connections), str(file)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert set(found["statuses"]) == {"201"}, found
    return {name: float(value) for name, value in found.items() if name != "statuses"}


@contextmanager
def served(command: Sequence[str], environment: dict[str, str]) -> Iterator[int]:
    """A server in a process of its own; the port it listens on."""
    with subprocess.Popen(list(command), env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = next(match for line in process.stderr if (match := SERVES.search(line)))
        time.sleep(0.5)
        yield int(found[1])
        process.terminate()


def declarations(bench: Bench, token: str, file: Path) -> None:
    """Signed declarations, as a client sends them."""
    with file.open("wb") as out:
        for _ in range(DECLARATIONS):
            declaration = bench.declaration("breaker-medium")
            body = DeclareRequest(declaration=declaration, statement=bench.statement(declaration))
            out.write(request("/v1/interventions", token, parts.encode_part(body)))


def observation() -> dict[str, object]:
    """An act as a feed reports it."""
    return {
        "kind": "observation",
        "id": new_record_id(),
        "schema": SCHEMA_VERSION,
        "actor": {"person": "ada@example.com", "issuer": "buildbot"},
        "target": {"system": "risk-gateway", "type": "circuit_breaker", "id": "MM-7"},
        "action": "trading.circuit_breaker.override",
        "connector": "bench",
        "instance": "risk-gateway-2",
        "capture": "feed",
        "original": {"form": "inline", "text": "HALTED", "media_type": "text/plain"},
        "new": {"form": "inline", "text": "ACTIVE", "media_type": "text/plain"},
        "absence": "source_has_no_field",
        "times": {"observed": clock.now()},
    }


def batches(token: str, file: Path) -> None:
    """Batches as a feed sends them."""
    with file.open("wb") as out:
        for _ in range(BATCHES):
            body = json.dumps({"observations": [observation() for _ in range(BATCH)]}, separators=(",", ":"))
            out.write(request("/v1/observations", token, body.encode()))


def workload_token(bench: Bench) -> str:
    """A workload that may observe, and its token."""
    text = token_text(os.urandom(32))
    digest = token_digest(text)
    workload = Workload(name="feed", owner="ada", scopes=("observe",), issuer="buildbot")
    ends = clock.after(clock.now(), seconds=86_400)
    token = Token(
        id=digest[:12], owner="ada", digest=digest, scopes=("observe",), expires=ends, workload="feed"
    )
    for action, subject, what in (
        (trust.WORKLOAD_SET, "feed", {"workload": workload}),
        (trust.TOKEN_ISSUE, token.id, {"token": token}),
    ):
        record = Administration(
            id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=subject, **what
        )  # type: ignore[arg-type]
        bench.home.credentials.submit(bench.backend.caller(), bench.signed(record))
    return text


async def journal_rate(journal: Journal, entries: Iterator[list[Entry]], clients: int) -> float:
    """Records a second of the journal itself, with as many callers at once."""
    done, stop = 0, time.perf_counter() + JOURNAL_SECONDS
    began = time.perf_counter()

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < stop:
            batch = next(entries)
            await journal.append_async(batch)
            done += len(batch)

    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (time.perf_counter() - began)


def copies(record: Intent | Observation, count: int) -> Iterator[list[Entry]]:
    """Batches of ``count`` fresh copies of a record."""
    import msgspec

    while True:
        batch = []
        for _ in range(count):
            record_id = new_record_id()
            batch.append(Entry(msgspec.structs.replace(record, id=record_id, intervention=record_id)))
        yield batch


def record_of(bench: Bench, kind: type[Intent | Observation]) -> Intent | Observation:
    """The first record of a kind in the log."""
    scanned = bench.home.journal.reader.scan(0)
    return next(one.record for one in scanned if isinstance(one.record, kind))


def main() -> None:
    """Print declare and observe, with their ratios to both baselines."""
    with bench_home() as bench:
        environment = {**os.environ, "HOME": str(bench.folder), "XDG_STATE_HOME": str(bench.folder / "state")}
        session = bench.token
        feed = workload_token(bench)
        declare_file, batch_file = bench.folder / "declare", bench.folder / "batch"
        declarations(bench, session, declare_file)
        batches(feed, batch_file)
        empty_file = bench.folder / "empty"
        one = declare_file.read_bytes()
        (length,) = struct.unpack_from(">I", one)
        empty_file.write_bytes(one[: 4 + length] * EMPTY)
        empty_port = "18431"
        with served([sys.executable, "-c", EMPTY_DOOR, empty_port], environment) as port:
            empty = load(port, CONNECTIONS, empty_file)
        serve = [
            str(Path(sys.executable).with_name("byhand")),
            "serve",
            "--port",
            "0",
            "--home",
            str(bench.home.path),
        ]
        with served(serve, environment) as port:
            declared = load(port, CONNECTIONS, declare_file)
            observed = load(port, 4, batch_file)
        intents = asyncio.run(
            journal_rate(bench.home.journal, copies(record_of(bench, Intent), 1), CONNECTIONS)
        )
        feeds = asyncio.run(journal_rate(bench.home.journal, copies(record_of(bench, Observation), BATCH), 4))
        tell(empty, declared, observed, intents, feeds)


def tell(
    empty: dict[str, float],
    declared: dict[str, float],
    observed: dict[str, float],
    intents: float,
    feeds: float,
) -> None:
    """The figures, one a line."""
    report("empty_door_rate", empty["rate"], "1/s")
    report("empty_door_p99", empty["p99"] * 1e3, "ms")
    report("empty_door_generator_cpu", empty["cpu_share"], "cores")
    report("journal_intents_rate", intents, "records/s")
    report("journal_observations_rate", feeds, "records/s")
    report(
        "http_declare_rate", declared["rate"], "1/s", declared["rate"] / intents, "journal called directly"
    )
    report(
        "http_declare_rate",
        declared["rate"],
        "1/s",
        declared["rate"] / empty["rate"],
        "empty Starlette handler",
    )
    report(
        "http_declare_p50",
        declared["p50"] * 1e3,
        "ms",
        declared["p50"] / empty["p50"],
        "empty Starlette handler",
    )
    report(
        "http_declare_p99",
        declared["p99"] * 1e3,
        "ms",
        declared["p99"] / empty["p99"],
        "empty Starlette handler",
    )
    report("http_declare_generator_cpu", declared["cpu_share"], "cores")
    rate = observed["rate"] * BATCH
    report("http_observations_rate", rate, "records/s", rate / feeds, "journal called directly")
    report(
        "http_observations_rate", rate, "records/s", rate / empty["rate"], "empty Starlette handler, requests"
    )
    report(
        "http_observations_p99",
        observed["p99"] * 1e3,
        "ms",
        observed["p99"] / empty["p99"],
        "empty Starlette handler",
    )
    report("http_observations_generator_cpu", observed["cpu_share"], "cores")


if __name__ == "__main__":
    main()
