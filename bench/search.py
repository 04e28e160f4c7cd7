# SPDX-License-Identifier: Apache-2.0
"""Lists and facets over 10,000, 100,000 and 1,000,000 indexed records - against 50 rows read by their key.

The rows are written as the indexer writes them: in its batches, through the index's own contract. Persons, targets,
words and the rest are as uneven as in life: a few are everywhere, most are rare. Queries are drawn from the same
rows, so that some find everything and some find nothing. First pages and deep pages, each as a search would ask.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from common import QUICK, percentile, report

from byhand.control.indexing import BATCH
from byhand.control.query import compile_query
from byhand.store.index import InterventionRow, RecordRow
from byhand.store.sqlite.index import FILE_NAME, SqliteIndex

SIZES = (10_000, 100_000) if QUICK else (10_000, 100_000, 1_000_000)
RECORDS = 4  # of one intervention: intent, permit issued, permit redeemed, outcome
ROUNDS = 25  # of every kind of query
PAGE = 50
YEAR_SECONDS = 365 * 86_400
FIRST_SECOND = 1_767_225_600  # 2026-01-01
PERSONS = [f"person.{number:03}" for number in range(400)]
SYSTEMS = ["risk-gateway", "deploy", "payments", "k8s-prod", *(f"system-{number}" for number in range(20))]
TYPES = ["circuit_breaker", "limits", "pipeline", "payment", "permission"]
TARGETS = [f"MM-{number}" for number in range(5_000)]
ACTIONS = [f"{a}.{b}.{c}" for a in ("trading", "deployment", "payment", "access")
           for b in ("limit", "gate", "release", "breaker") for c in ("raise", "override", "bypass")]  # fmt: skip
CODES = ["FALSE_POSITIVE", "LIQUIDITY_PROVISIONING", "SYSTEM_ERROR_RECOVERY", "INCIDENT_RESPONSE",
         "PLANNED_MAINTENANCE", "CUSTOMER_REQUEST", "TEST", "OTHER"]  # fmt: skip
PHASES = {"applied": 820, "failed": 40, "refused": 30, "lapsed": 40, "abandoned": 20, "withdrawn": 10,
          "observed": 30, "unknown": 5, "pending": 4, "void": 1}  # fmt: skip
TIERS = {"low": 45, "medium": 30, "high": 20, "critical": 5}
ENVIRONMENTS = {"production": 90, "staging": 9, "laboratory": 1}
COMMON = ["the", "of", "on", "for", "until", "limit", "order", "orders", "quote", "stale", "index", "rebalance",
          "gateway", "restarted", "cache", "feed"]  # fmt: skip
SYLLABLES = ["ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "xa", "zu"]
LATE_PART = 0.02  # of interventions that are reviewed or amended up to a month afterwards


def skewed(choice: random.Random, values: list[str]) -> str:
    """A value; the first ones far more often than the last."""
    return values[min(len(values) - 1, int(len(values) * choice.random() ** 3))]


def moment(second: float) -> str:
    """A record time."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(FIRST_SECOND + second))


def interventions(count: int) -> Iterator[InterventionRow]:
    """Rows over one year, in the order of the log."""
    choice = random.Random(7)
    rare = ["".join(choice.choices(SYLLABLES, k=choice.randint(2, 5))) for _ in range(20_000)]
    drawn = {
        name: choice.choices(list(table), list(table.values()), k=count)
        for name, table in (("phase", PHASES), ("tier", TIERS), ("environment", ENVIRONMENTS))
    }
    for number in range(count):
        declared = number * YEAR_SECONDS / count
        late = choice.random() < LATE_PART
        target, action, person = skewed(choice, TARGETS), skewed(choice, ACTIONS), skewed(choice, PERSONS)
        system, type_, code = skewed(choice, SYSTEMS), skewed(choice, TYPES), skewed(choice, CODES)
        said = [skewed(choice, COMMON) for _ in range(10)] + [skewed(choice, rare) for _ in range(4)]
        yield InterventionRow(
            id=f"{number:08x}-0000-7000-8000-000000000000",
            first=number * RECORDS,
            head=number * RECORDS + RECORDS - 1,
            phase=drawn["phase"][number],
            person=person,
            action=action,
            system=system,
            type=type_,
            target=target,
            point=f"point-{target}" if number % 3 else "",
            environment=drawn["environment"][number],
            tier=drawn["tier"][number],
            code=code,
            declared=moment(declared),
            changed=moment(declared + choice.random() * (30 * 86_400 if late else 600)),
            due="",
            until="",
            executor="",
            caused_by="",
            state=b'{"phase":"applied","intent":"01234567-0123-7000-8000-000000000000","approvals":[]}',
            words=" ".join(
                [action, system, type_, target, person, "HALTED", "ACTIVE", code, *said, f"OPS-{number}"]
            ),
        )


def records(row: InterventionRow) -> Iterator[RecordRow]:
    """The records of an intervention."""
    kinds = ("intent", "permit", "permit", "outcome")
    for number, kind in enumerate(kinds):
        record_id = row.id if number == 0 else f"{row.id[:-1]}{number}"
        yield RecordRow(row.first + number, record_id, kind, row.id, row.person, row.declared)


def load(index: SqliteIndex, size: int) -> float:
    """Write ``size`` records in the indexer's batches; records a second that the index took."""
    rows = interventions(size // RECORDS)
    elapsed, place = 0.0, 0
    while batch := list(islice(rows, BATCH // RECORDS)):
        written = [one for row in batch for one in records(row)]
        begun = time.perf_counter()
        assert index.write(place, place + len(written), written, batch, [])
        elapsed += time.perf_counter() - begun
        place += len(written)
    return place / elapsed


def one_by_one(index: SqliteIndex, size: int, count: int) -> float:
    """Write further interventions record by record, as a lone command does; records a second."""
    rows = list(islice(interventions(size // RECORDS), count))
    place, begun = size, time.perf_counter()
    for row in rows:
        for number, phase in enumerate(("declared", "permitted", "redeemed", "applied")):
            record_id = f"{place + number:08x}-ffff-7000-8000-000000000000"
            now = row._replace(id=f"{place:08x}-ffff-7000-8000-000000000000", first=place, phase=phase)
            record = RecordRow(place + number, record_id, "intent", now.id, now.person, now.declared)
            assert index.write(place + number, place + number + 1, [record], [now], [])
        place += RECORDS
    return count * RECORDS / (time.perf_counter() - begun)


def queries(size: int) -> dict[str, Callable[[random.Random], str]]:
    """Kinds of queries, by name."""
    rows = list(islice(interventions(size // RECORDS), 20_000))

    def of(*names: str) -> Callable[[random.Random], str]:
        fields = {"phase": "state", "tier": "risk", "code": "reason"}
        return lambda choice: (
            " ".join(f"{fields.get(name, name)}:{getattr(row, name)}" for name in names)
            if (row := choice.choice(rows))
            else ""
        )

    def day(choice: random.Random) -> str:
        return choice.choice(rows).declared[:10]

    return {
        "everything": lambda choice: "",
        "target": of("target"),
        "person": of("person"),
        "action": of("action"),
        "reason": of("code"),
        "state": of("phase"),
        "common_word": lambda choice: choice.choice(COMMON),
        "rare_word": lambda choice: choice.choice(rows).words.split()[-2],
        "phrase": lambda choice: '"stale index"',
        "begun_word": lambda choice: f"{choice.choice(SYLLABLES)}{choice.choice(SYLLABLES)[0]}*",
        "day": lambda choice: f"at:{day(choice)}",
        "month": lambda choice: f"at:2026-{choice.randint(1, 12):02}",
        "before": lambda choice: f"before:{day(choice)}",
        "after": lambda choice: f"after:{day(choice)}",
        "prefix": lambda choice: f"action:{choice.choice(ACTIONS).partition('.')[0]}.*",
        "person_and_reason": lambda choice: f"{of('person')(choice)} {of('code')(choice)}",
        "system_risk_not_applied": lambda choice: f"{of('system')(choice)} risk:>=high -state:applied",
        "word_person_month": lambda choice: (
            f"orders {of('person')(choice)} at:2026-{choice.randint(1, 12):02}"
        ),
        "word_month": lambda choice: f"{choice.choice(COMMON)} at:2026-{choice.randint(1, 12):02}",
        "common_word_rare_state": lambda choice: "rebalance state:void",
        "nothing_in_common": lambda choice: f"{of('target')(choice)} {of('target')(choice)} state:applied",
        "excluded_only": lambda choice: f"-{of('person')(choice)} -at:2026-{choice.randint(1, 12):02}",
    }


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1e3


def baseline(path: Path, size: int) -> float:
    """Median milliseconds of 50 rows read by their key, by SQLite alone."""
    raw = sqlite3.connect(path)
    choice = random.Random(3)
    keys = ", ".join("?" * PAGE)
    waits = []
    for _ in range(200):
        places = [choice.randrange(size // RECORDS) * RECORDS for _ in range(PAGE)]
        sql = f"SELECT * FROM intervention WHERE first IN ({keys})"  # noqa: S608 - question marks only
        waits.append(timed(lambda sql=sql, places=places: raw.execute(sql, places).fetchall()))
    raw.close()
    return percentile(waits, 0.5)


def measure(
    index: SqliteIndex, size: int, kinds: dict[str, Callable[[random.Random], str]]
) -> dict[str, list[float]]:
    """Milliseconds of first pages, deep pages and facets, over all kinds and for each."""
    found: dict[str, list[float]] = {}
    choice = random.Random(11)
    for kind, make in kinds.items():
        for _ in range(ROUNDS):
            query = make(choice)
            deep = choice.randrange(size)
            first = timed(lambda: index.search(compile_query(query), PAGE, None))  # noqa: B023 - called at once
            later = timed(lambda: index.search(compile_query(query), PAGE, deep))  # noqa: B023
            facets = timed(lambda: index.facets(compile_query(query)))  # noqa: B023
            for name, value in (("list", first), ("list_deep", later), ("facets", facets)):
                found.setdefault(name, []).append(value)
                found.setdefault(f"{name}_{kind}", []).append(value)
    return found


def main() -> None:
    """Print rates, medians, p99 and growth, each with its ratio to reading 50 rows by key."""
    p99: dict[tuple[str, int], float] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="byhand-bench-") as folder:
            index = SqliteIndex(Path(folder))
            report(f"index_{size}_records", load(index, size), "records/s", None, f"batches of {BATCH}")
            raw = baseline(Path(folder) / FILE_NAME, size)
            bytes_each = (Path(folder) / FILE_NAME).stat().st_size / size
            report(f"index_{size}_size", bytes_each, "bytes/record")
            against = "50 rows by primary key, SQLite alone"
            report(f"raw_rows_{size}_p50", raw, "ms", 1.0, against)
            for name, waits in sorted(measure(index, size, queries(size)).items()):
                if name in ("list", "list_deep", "facets"):
                    half = percentile(waits, 0.5)
                    report(f"search_{name}_{size}_p50", half, "ms", half / raw, against)
                p99[name, size] = percentile(waits, 0.99)
                report(f"search_{name}_{size}_p99", p99[name, size], "ms", p99[name, size] / raw, against)
            report(f"index_{size}_one_by_one", one_by_one(index, size, 500), "records/s", None, "one a write")
            index.close()
    for name in ("list", "list_deep", "facets"):
        growth = p99[name, SIZES[-1]] / p99[name, SIZES[0]]
        report(f"search_{name}_p99_growth", growth, "times", growth, f"{SIZES[0]} to {SIZES[-1]} records")


if __name__ == "__main__":
    main()
