# SPDX-License-Identifier: Apache-2.0
"""How declare and observations over HTTP grow with the log: at 10,000, 100,000 and 1,000,000 records in it.

The log is filled through the journal with copies of whole interventions (intent, permit issued and redeemed, outcome)
and observations, indexed, then served; at each size the same load as in bench/doors.py is measured. Every size has
the empty door of its own beside it, so a machine that is slower for a while is not taken for a log that is.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from common import QUICK, Bench, bench_home, report
from doors import CONNECTIONS, EMPTY_DOOR, load, observation, record_of, request, served, workload_token

from byhand.client.contract import DeclareRequest
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import parts
from byhand.records.kinds import Intent, Observation, Outcome, Permit, Record

SIZES = (10_000, 30_000) if QUICK else (10_000, 100_000, 1_000_000)
DECLARATIONS = 1_000 if QUICK else 10_000
BATCHES, BATCH = (10, 100) if QUICK else (100, 100)
EMPTY = 2_000 if QUICK else 20_000
UNITS = 20  # whole interventions and as many observations handed to the journal at once
FILLERS = 4
EMPTY_PORT = "18433"


def unit(chain: list[Record], seen: Observation) -> Iterator[Entry]:
    """A fresh copy of a whole intervention, and of an observation."""
    intervention, permit = new_record_id(), new_record_id()
    for record in chain:
        ids = {"id": new_record_id(), "intervention": intervention}
        if isinstance(record, Intent):
            ids["id"] = intervention
        elif isinstance(record, Permit):
            ids |= {"permit": permit, "id": permit if record.phase == "issued" else ids["id"]}
        yield Entry(msgspec.structs.replace(record, **ids))  # type: ignore[arg-type]
    yield Entry(msgspec.structs.replace(seen, id=new_record_id()))


async def fill(bench: Bench, size: int, chain: list[Record], seen: Observation) -> None:
    """Append until the log has ``size`` records, then index them."""
    journal = bench.home.journal

    async def filler() -> None:
        while journal.reader.size < size:
            await journal.append_async([entry for _ in range(UNITS) for entry in unit(chain, seen)])

    await asyncio.gather(*(filler() for _ in range(FILLERS)))
    bench.home.indexer.catch_up()


def prepared(bench: Bench, feed: str) -> tuple[Path, Path, Path]:
    """Requests never sent before: declarations, batches, and one that the empty door is sent again and again."""
    declare, batch, empty = (bench.folder / name for name in ("declare", "batch", "empty"))
    with declare.open("wb") as out:
        for _ in range(DECLARATIONS):
            declaration = bench.declaration("breaker-medium")
            body = DeclareRequest(declaration=declaration, statement=bench.statement(declaration))
            out.write(request("/v1/interventions", bench.token, parts.encode_part(body)))
    with batch.open("wb") as out:
        for _ in range(BATCHES):
            body = json.dumps({"observations": [observation() for _ in range(BATCH)]}, separators=(",", ":"))
            out.write(request("/v1/observations", feed, body.encode()))
    one = declare.read_bytes()
    (length,) = struct.unpack_from(">I", one)
    empty.write_bytes(one[: 4 + length] * EMPTY)
    return declare, batch, empty


def measured(bench: Bench, feed: str, environment: dict[str, str]) -> dict[str, float]:
    """The figures at the size that the log has now."""
    declare, batch, empty = prepared(bench, feed)
    byhand = str(Path(sys.executable).with_name("byhand"))
    with served([sys.executable, "-c", EMPTY_DOOR, EMPTY_PORT], environment) as port:
        baseline = load(port, CONNECTIONS, empty)
    with served([byhand, "serve", "--port", "0", "--home", str(bench.home.path)], environment) as port:
        declared = load(port, CONNECTIONS, declare)
        observed = load(port, 4, batch)
    return {
        "declare_rate": declared["rate"],
        "declare_p50": declared["p50"] * 1e3,
        "declare_p99": declared["p99"] * 1e3,
        "observations_rate": observed["rate"] * BATCH,
        "observations_p99": observed["p99"] * 1e3,
        "empty_rate": baseline["rate"],
        "empty_p50": baseline["p50"] * 1e3,
        "empty_p99": baseline["p99"] * 1e3,
    }


def tell(size: int, figures: dict[str, float]) -> None:
    """The figures of one size, each against the empty door beside it."""
    against = "empty Starlette handler"
    for name in ("declare_rate", "observations_rate"):
        unit_name = "1/s" if name == "declare_rate" else "records/s"
        report(
            f"http_{name}_{size}", figures[name], unit_name, figures[name] / figures["empty_rate"], against
        )
    for name in ("declare_p50", "declare_p99", "observations_p99"):
        empty = figures[f"empty_{name.rpartition('_')[2]}"]
        report(f"http_{name}_{size}", figures[name], "ms", figures[name] / empty, against)


def main() -> None:
    """Fill, measure, fill on; then how each figure grew."""
    found: dict[int, dict[str, float]] = {}
    with bench_home() as bench:
        environment = {**os.environ, "HOME": str(bench.folder), "XDG_STATE_HOME": str(bench.folder / "state")}
        feed = workload_token(bench)
        done = bench.trip("breaker-medium", signed=True)
        kinds = Intent | Permit | Outcome
        chain = [one.record for one in bench.home.journal.reader.chain(done) if isinstance(one.record, kinds)]
        bench.home.observing.accept(feed, (msgspec.convert(observation(), Observation),))
        seen = record_of(bench, Observation)
        for size in SIZES:
            began, before = time.perf_counter(), bench.home.journal.reader.size
            asyncio.run(fill(bench, size, chain, seen))  # type: ignore[arg-type]
            filled = (bench.home.journal.reader.size - before) / (time.perf_counter() - began)
            report(f"filled_{size}", filled, "records/s", None, "appended and indexed")
            found[size] = measured(bench, feed, environment)
            tell(size, found[size])
            bench.home.indexer.catch_up()
    first, last = found[SIZES[0]], found[SIZES[-1]]
    for name in ("declare_rate", "declare_p99", "observations_rate", "observations_p99", "empty_rate"):
        growth = last[name] / first[name]
        report(f"http_{name}_growth", growth, "times", growth, f"{SIZES[0]} to {SIZES[-1]} records")


if __name__ == "__main__":
    main()
