# SPDX-License-Identifier: Apache-2.0
"""The journal under 64 concurrent clients, sealing, signing and checkpointing - against raw group commits.

Two baselines insert identical, prepared rows in group commits of the size that the journal's groups had: by the
same clients through one writer thread (what any journal here has to pay), and in a bare loop with no clients.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time

from common import QUICK, RawStore, bench_home, on_a_slow_disk, percentile, report

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


async def _raw_clients(raw: RawStore, seconds: float) -> float:
    """The same clients, prepared rows, one writer thread, group commits: everything but the journal. Rows/s."""
    loop = asyncio.get_running_loop()
    waiting: queue.SimpleQueue[list[asyncio.Future[None]] | None] = queue.SimpleQueue()
    gathered: list[asyncio.Future[None]] = []
    done, stop = 0, time.perf_counter() + seconds

    def write() -> None:
        while (futures := waiting.get()) is not None:
            raw.commit(len(futures))
            loop.call_soon_threadsafe(wake, futures)

    def wake(futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            future.set_result(None)

    def send() -> None:
        waiting.put(gathered[:])
        gathered.clear()

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < stop:
            future: asyncio.Future[None] = loop.create_future()
            gathered.append(future)
            if len(gathered) == 1:
                loop.call_soon(send)
            await future
            done += 1

    writer = threading.Thread(target=write)
    writer.start()
    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    waiting.put(None)
    writer.join()
    return done / (time.perf_counter() - start)


def main() -> None:
    """Print rate, p50, p99 and the ratios to raw inserts, by the same clients and in a bare loop."""
    disk = on_a_slow_disk()
    with bench_home() as bench:
        asyncio.run(_clients(bench.home.journal, 1.0))
        batches = bench.home.journal.batches
        count, elapsed, waits = asyncio.run(_clients(bench.home.journal, SECONDS))
        group = max(1, round(count / max(1, bench.home.journal.batches - batches)))
        raw = RawStore(bench.folder, bench.home.path)
        clients_rate = asyncio.run(_raw_clients(raw, SECONDS / 2))
        start, inserted = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS / 2:
            raw.commit(group)
            inserted += group
        loop_rate = inserted / (time.perf_counter() - start)
        raw.close()
        rate = count / elapsed
        same_clients = "prepared rows by the same 64 clients in group commits"
        report(f"raw_inserts_64_clients{disk}", clients_rate, "rows/s")
        report(f"raw_inserts_bare_loop{disk}", loop_rate, "rows/s", None, f"groups of {group}")
        report(f"journal_append_64_clients{disk}", rate, "records/s", rate / clients_rate, same_clients)
        report(
            f"journal_append_64_clients_bare{disk}",
            rate,
            "records/s",
            rate / loop_rate,
            "prepared rows in a bare loop",
        )
        report(f"journal_append_64_clients_p50{disk}", percentile(waits, 0.5) * 1e3, "ms")
        report(f"journal_append_64_clients_p99{disk}", percentile(waits, 0.99) * 1e3, "ms")


if __name__ == "__main__":
    main()
