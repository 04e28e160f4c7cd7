# SPDX-License-Identifier: Apache-2.0
"""Somebody who spools an act and its outcome, and may be killed at any step: spooling.py FOLDER KEY STEP COUNT.

On standard output: the sequence number of each line that is durable; ``began`` when the act begins; ``sent``.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from byhand import clock
from byhand.client.signing import find_signer
from byhand.client.spool_file import SpoolFile
from byhand.ids import new_record_id
from byhand.records import captured
from byhand.records.intervention import Change, Declaration, Justification, Spooled
from byhand.records.kinds import SCHEMA_VERSION, Outcome
from byhand.records.spool import SpooledAct

ORIGIN, ADA = "desk.example/spool", "ada.lovelace"


def act() -> SpooledAct:
    """Something to do."""
    now, value = clock.now(), captured.capture(1)
    declaration = Declaration(
        record=new_record_id(),
        person=ADA,
        action="trading.limit.raise",
        point="limit",
        change=Change(original=value, new=captured.capture(2)),
        expires=clock.after(now, seconds=600),
        justification=Justification(code="INCIDENT_RESPONSE", text="The desk called about ACME."),
    )
    spooled = Spooled(
        tier="low", mode="enforce", viewed=now, attempt=new_record_id(), executor="here", before=value
    )
    return SpooledAct(declaration=declaration, spooled=spooled)


def outcome(of: SpooledAct) -> Outcome:
    """How it ended."""
    return Outcome(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=of.declaration.record,
        result="applied",
        found=captured.capture(2),
        attempt=of.spooled.attempt,
    )


def main(folder: str, key: str, name: str = "", count: str = "1") -> None:
    """One act, and then all of it is sent."""
    left = itertools.count(int(count), -1)

    def step(taken: str) -> None:
        if taken == name and next(left) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)

    file = SpoolFile(Path(folder), ORIGIN, ADA, step=step)
    signer = find_signer(key_path=Path(key), environ={})
    one = act()
    print(file.add(one, signer).statement.sequence, flush=True)
    print("began", flush=True)
    step("acting")
    print(file.add(outcome(one), signer).statement.sequence, flush=True)
    step("ended")
    file.acknowledged(file.raw())
    print("sent", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
