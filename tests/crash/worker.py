# SPDX-License-Identifier: Apache-2.0
"""The process that is killed: appends under load, says on stdout what was acknowledged, dies where it is told.

worker.py HOME STEP COUNT      SIGKILL itself when the durable step STEP is taken for the COUNTth time
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from pathlib import Path

from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records.actor import Actor
from byhand.records.kinds import SCHEMA_VERSION, Access
from byhand.wiring import open_home

CLIENTS = 8


def main(home: str, name: str, count: str) -> None:
    """Append from several threads until the step kills the process."""
    left = itertools.count(int(count), -1)

    def step(taken: str) -> None:
        if taken == name and next(left) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)

    opened = open_home(Path(home), step=step)
    lock = threading.Lock()

    def client() -> None:
        for number in itertools.count():
            record_id = new_record_id()
            record = Access(id=record_id, schema=SCHEMA_VERSION, actor=Actor(person="ada"), operation="show")
            pair = [Entry(record, claims=(f"once:{record_id}",))]
            if number % 3 == 0:
                other = Access(
                    id=new_record_id(), schema=SCHEMA_VERSION, actor=Actor(person="ada"), operation="search"
                )
                pair.append(Entry(other))
            acknowledgements = opened.journal.append(pair)
            if number % 5 == 0:
                opened.journal.anchor(acknowledgements[-1].index + 1)
            with lock:
                for one in acknowledgements:
                    sys.stdout.write(f"{one.record} {one.index} {one.leaf}\n")
                sys.stdout.flush()

    for _ in range(CLIENTS):
        threading.Thread(target=client, daemon=True).start()
    threading.Event().wait(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
