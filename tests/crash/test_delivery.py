# SPDX-License-Identifier: Apache-2.0
"""kill -9 between the sending of a message and the note that it was sent: it comes once more, with the same id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from byhand import clock
from byhand.sinks.contract import Message
from byhand.store.outbox import Letter, RequestRow
from byhand.store.sqlite.outbox import SqliteOutbox
from byhand.watch.delivery import LEASE_SECONDS

TESTS = Path(__file__).resolve().parents[1]
sys.path.append(str(TESTS / "sinks"))
from receivers import receiver  # noqa: E402 - found by the line above

WORKER = Path(__file__).with_name("delivery_worker.py")
PATIENCE_SECONDS = 30
END = "2999-11-25T11:00:00.000000Z"


def test_a_message_that_was_sent_and_not_noted_comes_again(tmp_path: Path) -> None:
    """Its receiver gets it twice under one id; before the lease is over nobody sends it, and then it is noted."""
    now = clock.now()
    outbox = SqliteOutbox(tmp_path)
    row = RequestRow("i", now, END)
    message = msgspec.json.encode(Message(id="i-request", occasion="request", title="t", text="x"))
    outbox.follow(0, 1, [row])
    letter = Letter("i-request", "webhook:x", "i", message, now, now, END)
    assert outbox.advance(row, row._replace(stages=("request",)), [letter])
    with receiver() as found:
        workers: list[subprocess.Popen[bytes]] = []
        found.taken = lambda: os.kill(workers[0].pid, signal.SIGKILL)
        workers.append(_worker(tmp_path, found.url))
        assert workers[0].wait(PATIENCE_SECONDS) == -signal.SIGKILL
        found.taken = lambda: None
        assert _worker(tmp_path, found.url).wait(PATIENCE_SECONDS) == 0
        assert len(found.received) == 1
        (letter,) = outbox.letters()
        assert (letter.state, letter.tries) == ("waiting", 1)
        assert letter.due > clock.after(now, seconds=LEASE_SECONDS - 1)
        outbox.settle(letter._replace(due=now))  # the lease is over
        assert _worker(tmp_path, found.url).wait(PATIENCE_SECONDS) == 0
        assert {one.headers["webhook-id"] for one in found.received} == {"i-request"}
        assert len(found.received) == 2
    assert outbox.letters()[0].state == "delivered"
    outbox.close()


def _worker(folder: Path, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(WORKER), str(folder), url])
