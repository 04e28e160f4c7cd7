# SPDX-License-Identifier: Apache-2.0
"""How many messages a second go through the outbox to webhooks on this machine - against bare durable commits.

Every message is claimed, signed, posted over a connection of its own, and noted: two commits of a small file, some
of them shared, and one TCP connection. A request reaches a handful of destinations; hundreds a second are plenty.
"""

from __future__ import annotations

import http.server
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import msgspec
from common import QUICK, report

from byhand import clock
from byhand.sinks.contract import Message, Place
from byhand.sinks.webhook import Webhook
from byhand.sqlite_file import connect
from byhand.store.outbox import Letter, RequestRow
from byhand.store.sqlite.outbox import SqliteOutbox
from byhand.watch.delivery import Delivery

LETTERS = 50 if QUICK else 500  # for each destination
DESTINATIONS = 8
END = "2999-01-01T00:00:00.000000Z"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the specification's own example


class Taker(http.server.BaseHTTPRequestHandler):
    """Takes everything."""

    def do_POST(self) -> None:
        """204."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


def commits(folder: Path, count: int) -> float:
    """Durable commits of one row a second."""
    path = folder / "raw.db"
    path.touch()
    raw = connect(path)
    raw.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)")
    began = time.perf_counter()
    for number in range(count):
        raw.execute("INSERT INTO row VALUES (?, ?)", (number, "x" * 500))
    raw.close()
    return count / (time.perf_counter() - began)


def filled(folder: Path) -> SqliteOutbox:
    """An outbox with messages for every destination."""
    outbox, now = SqliteOutbox(folder), clock.now()
    message = msgspec.json.encode(Message(id="x", occasion="test", title="t" * 80, text="x" * 300, time=now))
    row = RequestRow("i", now, END)
    outbox.follow(0, 1, [row])
    letters = [
        Letter(f"i-{number}", f"webhook:d{place}", "i", message, now, now, END)
        for place in range(DESTINATIONS)
        for number in range(LETTERS)
    ]
    if not outbox.advance(row, row._replace(stages=("request",)), letters):
        raise sqlite3.Error("the outbox was not filled")
    return outbox


def main() -> None:
    """Deliver all of it, and count."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = Place("webhook:x", {"link": f"http://127.0.0.1:{server.server_port}/", "secret": SECRET})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = commits(folder, DESTINATIONS * LETTERS // 4)
        outbox = filled(folder)
        delivery = Delivery(outbox, lambda _: Webhook.at(place), tries_max=3, rate=LETTERS + 1)
        began = time.perf_counter()
        while outbox.counts("").waiting:
            delivery.turn(clock.now())
            time.sleep(0.002)
        seconds = time.perf_counter() - began
        delivery.close()
        outbox.close()
    server.shutdown()
    rate = DESTINATIONS * LETTERS / seconds
    report("delivery.messages", rate, "1/s", rate / raw, "durable commits of one row")


if __name__ == "__main__":
    main()
