# SPDX-License-Identifier: Apache-2.0
"""The journal under 64 concurrent clients, sealing, signing and checkpointing - against raw group commits.

The baseline inserts identical, prepared rows in group commits of the size that the journal's groups had.
"""

from __future__ import annotations

import asyncio
import time

from common import QUICK, RawStore, bench_home, percentile, report

from byhand.client.contract import Acknowledgement
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.records import captured
from byhand.records.actor import Actor, PersonDetails
from byhand.records.intervention import Target, Times
from byhand.records.kinds import SCHEMA_VERSION, Observation

CLIENTS = 64
SECONDS = 3.0 if QUICK else 10.0


def _entry() -> Entry:
    record_id = new_record_id()
    record = Observation(
        id=record_id,
        schema=SCHEMA_VERSION,
        intervention=record_id,
        actor=Actor(person="trader-7", details="details", roles=("trader",)),
        target=Target(system="risk-gateway", type="circuit_breaker", id="MM-7"),
        action="trading.circuit_breaker.override",
        connector="bench",
        instance="risk-gateway-2",
        capture="feed",
        original=captured.capture("HALTED"),
        new=captured.capture("ACTIVE"),
        absence="source_has_no_field",
        times=Times(observed="2026-11-24T10:00:00.000000Z"),
    )
    return Entry(record, people={"details": PersonDetails(display_name="A. Trader", address="10.20.30.40")})


async def _clients(journal: Journal, seconds: float) -> tuple[int, float, list[float]]:
    waits: list[float] = []
    stop = time.perf_counter() + seconds
    signed = journal.reader.size

    async def client() -> None:
        while time.perf_counter() < stop:
            start = time.perf_counter()
            acknowledged: tuple[Acknowledgement, ...] = await journal.append_async([_entry()])
            waits.append(time.perf_counter() - start)
            assert acknowledged

    async def checkpoints() -> None:
        while time.perf_counter() < stop:
            await asyncio.sleep(1.0)
            await asyncio.to_thread(journal.anchor)

    start = time.perf_counter()
    await asyncio.gather(checkpoints(), *(client() for _ in range(CLIENTS)))
    return journal.reader.size - signed, time.perf_counter() - start, waits


def main() -> None:
    """Print rate, p50, p99 and the ratio to raw inserts."""
    with bench_home() as bench:
        asyncio.run(_clients(bench.home.journal, 1.0))
        batches = bench.home.journal.batches
        count, elapsed, waits = asyncio.run(_clients(bench.home.journal, SECONDS))
        group = max(1, round(count / max(1, bench.home.journal.batches - batches)))
        raw = RawStore(bench.folder, bench.home.path)
        start, inserted = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS / 2:
            raw.commit(group)
            inserted += group
        raw_rate = inserted / (time.perf_counter() - start)
        raw.close()
        rate = count / elapsed
        report("raw_group_inserts", raw_rate, "rows/s", None, f"groups of {group}")
        report(
            "journal_append_64_clients",
            rate,
            "records/s",
            rate / raw_rate,
            "raw group inserts of the same size",
        )
        report("journal_append_64_clients_p50", percentile(waits, 0.5) * 1e3, "ms")
        report("journal_append_64_clients_p99", percentile(waits, 0.99) * 1e3, "ms")


if __name__ == "__main__":
    main()
