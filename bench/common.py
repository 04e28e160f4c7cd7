# SPDX-License-Identifier: Apache-2.0
"""What every benchmark shares: a scratch home with a signed-in person, raw baselines, one JSON object a line."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from byhand import clock
from byhand.client import signing
from byhand.client.contract import Attempt
from byhand.control.reasons import first_catalogue
from byhand.embedded import Embedded
from byhand.ids import new_record_id
from byhand.records import captured, codec
from byhand.records.intervention import Change, Declaration, Justification, Times
from byhand.records.kinds import SCHEMA_VERSION, Administration, Outcome, Point
from byhand.signatures import dsse, sshsig
from byhand.sqlite_file import connect
from byhand.trust import administration as trust, statements
from byhand.wiring import Home, create_home, open_backend, open_home

QUICK = "--quick" in sys.argv
SYNC = "--sync-ms"
"""``--sync-ms 3``: the same on a disk whose syncs take 3 ms longer, as an ordinary one's do."""
SLOW_SYNC = Path(__file__).with_name("slow_sync.c")


def report(
    name: str, value: float, unit: str, ratio: float | None = None, against: str | None = None
) -> None:
    """One result as one line of JSON."""
    rounded = None if ratio is None else round(ratio, 3)
    line = {"name": name, "value": round(value, 3), "unit": unit, "ratio": rounded, "against": against}
    print(json.dumps(line), flush=True)


def on_a_slow_disk() -> str:
    """Start this benchmark anew with syncs that take longer, where that is asked for; what names then end with.

    A virtual disk may answer a sync at once. What a commit costs beside it then hides what an ordinary disk shows.
    """
    if SYNC not in sys.argv:
        return ""
    milliseconds = float(sys.argv[sys.argv.index(SYNC) + 1])
    if "SYNC_MICROSECONDS" not in os.environ:
        library = Path(tempfile.mkdtemp(prefix="slow-sync-")) / "slow_sync.so"
        command = ["cc", "-shared", "-fPIC", "-o", str(library), str(SLOW_SYNC), "-ldl"]
        subprocess.run(command, check=True)
        waits = {"LD_PRELOAD": str(library), "SYNC_MICROSECONDS": str(round(milliseconds * 1_000))}
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **waits})  # noqa: S606 - ourselves
    return f"_syncs_of_{milliseconds:g}_ms"


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return sorted(values)[len(values) // 2]


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which ``part`` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


@dataclass
class Bench:
    """A home, its officer, and the backend of that officer's session."""

    home: Home
    backend: Embedded
    signer: signing.Signer
    folder: Path
    token: str = ""

    def sign(self, statement: statements.Statement) -> str:
        """The statement, signed by the officer."""
        envelope = statements.unsigned(statement)
        signed = statements.add_signature(envelope, self.signer.sign(envelope.pae(), statement.namespace))
        return dsse.encode(signed).decode()

    def declaration(self, point: str) -> Declaration:
        """A fresh override."""
        return Declaration(
            record=new_record_id(),
            person="ada",
            action="trading.circuit_breaker.override",
            point=point,
            change=Change(original=captured.capture("HALTED"), new=captured.capture("ACTIVE")),
            expires=clock.after(clock.now(), seconds=600),
            justification=Justification(
                code="LIQUIDITY_PROVISIONING",
                text=f"Index rebalance until 15:00, order {secrets.token_hex(8)}",
            ),
            times=Times(observed=clock.now()),
        )

    def statement(self, declaration: Declaration) -> str:
        """The officer's signature over it."""
        return self.sign(
            statements.Intent(
                origin=self.home.origin,
                record=declaration.record,
                declaration=codec.declaration_digest(declaration),
                person="ada",
                nonce=secrets.token_hex(32),
                expires=declaration.expires,
            )
        )

    def signed(self, record: Administration) -> Administration:
        """A change to the home, signed by its officer."""
        return _signed(self, record)

    def trip(self, point: str, *, signed: bool) -> str:
        """Declare, permit and redeem, conclude: three acknowledgements."""
        return self.prepared_trip(point, signed=signed)()

    def prepared_trip(self, point: str, *, signed: bool) -> Callable[[], str]:
        """A trip with everything that the client makes made already: what is left is asked of byhand."""
        declaration = self.declaration(point)
        statement = self.statement(declaration) if signed else None
        attempt = Attempt(attempt="1", executor="bench", before=captured.capture("HALTED"))
        outcome = Outcome(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=declaration.record,
            result="applied",
            found=captured.capture("ACTIVE"),
            attempt="1",
        )

        def trip() -> str:
            self.backend.declare(declaration, statement)
            self.backend.permit(declaration.record, attempt)
            self.backend.conclude(declaration.record, outcome)
            return declaration.record

        return trip


@contextmanager
def bench_home() -> Iterator[Bench]:
    """A fresh home on the disk of the current folder, with one point of each of two tiers."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "."), prefix=".bench-") as name:
        folder = Path(name).resolve()
        environment = {"HOME": name, "XDG_STATE_HOME": str(folder / "state")}
        create_home(folder / "home", "byhand.local/bench")
        home = open_home(folder / "home", environment=environment, start=False)
        signer = signing.make_key(folder / "key", "bench")
        bench = Bench(home, None, signer, folder)  # type: ignore[arg-type]
        _begin(bench)
        yield bench
        home.close()


def _begin(bench: Bench) -> None:
    home, line = bench.home, sshsig.authorized_line(bench.signer.public_key_blob)
    genesis = statements.Genesis(
        origin=home.origin, person="ada", keys=(line,), nonce=secrets.token_hex(32), time=clock.now()
    )
    home.people.begin(bench.sign(genesis), "Ada")
    home.journal.checkpointer.begin()
    challenge, expires = home.sessions.challenge()
    login = statements.Login(origin=home.origin, person="ada", challenge=challenge, expires=expires)
    token, _ = home.sessions.login(bench.sign(login), challenge)
    bench.token, bench.backend = token, open_backend(home, token)
    caller = bench.backend.caller()
    home.reasons.submit(caller, _signed(bench, first_catalogue()))
    for tier in ("medium", "high"):
        point = Point(
            name=f"breaker-{tier}",
            action="trading.circuit_breaker.override",
            system="risk-gateway",
            type="circuit_breaker",
            id=f"MM-7-{tier}",
            owner="ada",
            tier=tier,  # type: ignore[arg-type]
            mode="enforce",
        )
        record = Administration(
            id=new_record_id(), schema=SCHEMA_VERSION, action=trust.POINT_SET, subject=point.name, point=point
        )
        home.points.submit(caller, _signed(bench, record))


def _signed(bench: Bench, record: Administration) -> Administration:
    statement = statements.Administration(
        origin=bench.home.origin,
        record=record.id,
        change=trust.administration_digest(record),
        person="ada",
        nonce=secrets.token_hex(32),
        time=clock.now(),
    )
    return msgspec.structs.replace(record, statements=(bench.sign(statement),))


class RawStore:
    """The raw baseline: the same tables, prepared rows, one commit for each group, and nothing else."""

    def __init__(self, folder: Path, home: Path) -> None:
        path = folder / "raw.db"
        path.unlink(missing_ok=True)
        path.touch()
        self._connection = connect(path)
        schema = sqlite3.connect(home / "log.db")
        wanted = ("entry", "payload", "name", "chain", "tree")
        for name, sql in schema.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            if name in wanted:
                self._connection.execute(sql)
        self._rows = schema.execute(
            "SELECT leaf, sealed FROM entry JOIN payload USING (idx) ORDER BY idx DESC LIMIT 2000"
        ).fetchall()
        schema.close()
        self._next = 0

    def commit(self, count: int) -> None:
        """Insert ``count`` prepared rows in one durable commit."""
        start = self._next
        places = range(start, start + count)
        rows = [self._rows[place % len(self._rows)] for place in places]
        names = [(f"{place:036d}", place, b"m" * 32) for place in places]
        self._connection.execute("BEGIN IMMEDIATE")
        many = self._connection.executemany
        many("INSERT INTO entry VALUES (?, ?)", [(p, row[0]) for p, row in zip(places, rows, strict=True)])
        many("INSERT INTO payload VALUES (?, ?)", [(p, row[1]) for p, row in zip(places, rows, strict=True)])
        many("INSERT INTO name VALUES (?, ?, ?)", names)
        many("INSERT OR REPLACE INTO chain VALUES (?, ?)", [(name, place) for name, place, _ in names])
        self._connection.execute("INSERT OR REPLACE INTO tree VALUES (1, ?, x'', '', NULL)", (start + count,))
        self._connection.execute("COMMIT")
        self._next += count

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def seconds(function: object, *arguments: object) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function(*arguments)  # type: ignore[operator]
    return time.perf_counter() - start
