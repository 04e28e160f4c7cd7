# SPDX-License-Identifier: Apache-2.0
"""Appends until the disk fails, then goes on asking: says what was acknowledged and how the rest was answered.

disk_worker.py HOME FAIL_WHEN       FAIL_WHEN is created after ten appends
"""

from __future__ import annotations

import sys
from pathlib import Path

from byhand.errors import ByhandError
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records.actor import Actor
from byhand.records.kinds import SCHEMA_VERSION, Access
from byhand.wiring import open_home

GOOD, AFTERWARDS = 10, 5


def main(home: str, trigger: str) -> None:
    """Append before and after the failure."""
    opened = open_home(Path(home))
    for number in range(GOOD + AFTERWARDS):
        if number == GOOD:
            Path(trigger).touch()
        record_id = new_record_id()
        record = Access(id=record_id, schema=SCHEMA_VERSION, actor=Actor(person="ada"), operation="show")
        try:
            (acknowledgement,) = opened.journal.append([Entry(record)])
        except ByhandError as error:
            print(f"refused {record_id} {error.exit_code} {type(error).__name__}", flush=True)
        else:
            print(f"acknowledged {record_id} {acknowledgement.index}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
