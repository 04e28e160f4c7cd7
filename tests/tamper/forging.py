# SPDX-License-Identifier: Apache-2.0
"""What someone can do who holds a home's database and all its keys: write another history, and sign it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from byhand.anchor.file import FileAnchor
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.keystore.file import FileKeyStore
from byhand.records.kinds import AnyRecord, Intent, Permit
from byhand.store.sqlite import entries as sqlite_entries
from byhand.trust import facts
from byhand.wiring import KEYS_FOLDER, home_identity

Change = Callable[[AnyRecord], AnyRecord | None]


def rewrite(home: Path, scratch: Path, change: Change, *, origin: str, anchor: Path | None) -> None:
    """Replace the log of ``home`` by one in which every record went through ``change`` (``None``: left out).

    Every leaf, chain, payload, tile and the checkpoint are made anew with the home's own keys. ``anchor`` is the
    file of the anchor to forge as well; without one the anchor stays as it was.
    """
    scratch.mkdir()
    old = sqlite_entries.SqliteEntries(home, read_only=True)
    sqlite_entries.create(scratch, {"origin": origin, "created": "2026-01-01T00:00:00.000000Z"})
    keys = FileKeyStore(home / KEYS_FOLDER)
    reading = Journal(origin, old, keys, FileAnchor(scratch, "none"), "none")
    forged = Journal(
        origin, sqlite_entries.SqliteEntries(scratch), keys, FileAnchor(scratch, origin), home_identity(home)
    )
    places: dict[str, tuple[int, str]] = {}
    targets: dict[str, str] = {}
    turns: Counter[str] = Counter()
    for stored in reading.reader.scan(0):
        record = change(stored.record) if stored.record is not None else None
        if record is None:
            continue
        if isinstance(record, Permit):
            index, leaf = places[str(record.intervention)]
            record = msgspec.structs.replace(record, intent=index, leaf=leaf)
        claims: tuple[str, ...] = ()
        if isinstance(record, Permit) and record.phase == "redeemed":
            target = targets[str(record.intervention)]
            claims = (f"redemption:{record.permit}", f"turn:{target}:{turns[target]}")
            turns[target] += 1
        (acknowledgement,) = forged.append([Entry(record, people=stored.people, claims=claims)])
        if isinstance(record, Intent):
            places[record.id] = (acknowledgement.index, acknowledgement.leaf)
            targets[record.id] = facts.bound(record, ()).target
    forged.checkpointer.begin()
    reading.close()
    forged.close()
    _put_in_place(home, scratch, FileAnchor(scratch, origin).path, anchor)


def _put_in_place(home: Path, scratch: Path, made: Path, anchor: Path | None) -> None:
    for suffix in ("", "-wal", "-shm"):
        (home / f"log.db{suffix}").unlink(missing_ok=True)
        if (scratch / f"log.db{suffix}").exists():
            shutil.move(scratch / f"log.db{suffix}", home / f"log.db{suffix}")
    (home / "index.db").unlink(missing_ok=True)
    if anchor is not None:
        held = json.loads(made.read_text())
        anchor.write_text(json.dumps({**held, "home": home_identity(home)}))
