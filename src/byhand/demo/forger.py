# SPDX-License-Identifier: Apache-2.0
"""The forger: what someone can do to a home who holds its files, then its key, then its anchor too.

He works on copies only. Each copy stands as if it lay in the first home's place: its anchor is a copy too and
names it, so that what a check says is about the forgery and not about the copying. Nothing here is pretended:
entries, payloads, tiles and checkpoints are made with the journal's own rooms; the verifier is given no hint.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byhand import clock, wiring
from byhand.anchor.contract import Anchored
from byhand.errors import Conflict, NotFound
from byhand.journal.entry import Draft, Entry
from byhand.journal.reader import Reader, Stored
from byhand.keystore.contract import LOG_SIGNING
from byhand.log import checkpoint as checkpoints, merkle, note as notes
from byhand.log.tiles import RightEdge
from byhand.records import leaf as leaves
from byhand.records.kinds import AnyRecord, Intent, Permit
from byhand.records.payload import BODY, PERSON_PREFIX

Rewrite = Callable[[AnyRecord], AnyRecord]
"""What the forger wants a record to say; an unchanged record is returned as it is."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copied home with an anchor of its own."""

    home: Path
    anchors: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the machine says on which the copy stands in the first home's place."""
        return {"BYHAND_ANCHOR__FOLDER": str(self.anchors)}

    def read(self) -> AbstractContextManager[wiring.ReadHome]:
        """The copy, opened read-only, beside its own anchor."""
        return wiring.read_home(self.home, environment=self.environment)


def copy_home(home: Path, environment: Mapping[str, str], place: Path) -> Copy:
    """Copy the closed ``home`` and its anchor to ``place``, which must not exist; raises Conflict."""
    if place.exists():
        raise Conflict(f"{place} is there already")
    copy = Copy(place / "home", place / "anchors")
    shutil.copytree(home, copy.home)
    with wiring.read_home(home, environment=environment) as first:
        anchored = first.anchor.read()
    if anchored is None:
        raise NotFound(f"{home} was never anchored on this machine")
    _anchor(copy, None, anchored.note)
    return copy


def _anchor(copy: Copy, held: bytes | None, note: bytes) -> None:
    with copy.read() as home:
        if not home.anchor.advance(held, Anchored(note, wiring.home_identity(copy.home))):
            raise Conflict(f"the anchor of {copy.home} is another one")


# -- with nothing but the database


@contextmanager
def database(copy: Copy) -> Iterator[sqlite3.Connection]:
    """The copy's database; the triggers that guard it are taken away and put back, which leaves no trace."""
    with closing(sqlite3.connect(copy.home / wiring.LOG_FILE)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, text in triggers:
            connection.execute(text)
        connection.commit()


def edit_row(copy: Copy, index: int) -> None:
    """Put the time of one entry an hour back, with SQL."""
    with database(copy) as connection:
        (entry,) = connection.execute("SELECT leaf FROM entry WHERE idx = ?", (index,)).fetchone()
        leaf = leaves.decode(bytes(entry))
        earlier = msgspec.structs.replace(leaf, recorded=clock.after(leaf.recorded, seconds=-3600))
        connection.execute("UPDATE entry SET leaf = ? WHERE idx = ?", (leaves.encode(earlier), index))


def delete_tail(copy: Copy, size: int) -> None:
    """Delete every entry from ``size`` on, with SQL."""
    with database(copy) as connection:
        for table in ("entry", "payload", "name"):
            connection.execute(f"DELETE FROM {table} WHERE idx >= ?", (size,))  # noqa: S608 - fixed names


def roll_back(copy: Copy, note: bytes) -> None:
    """Cut the log back to an old checkpoint that the forger kept: nothing in the home contradicts it."""
    size = checkpoints.parse(notes.parse(note).text).size
    with copy.read() as home:
        entries = [entry for _, entry in home.entries.leaves(0, size)]
    delete_tail(copy, size)
    with database(copy) as connection:
        connection.execute("DELETE FROM tile")
        _write_tree(connection, entries, note)


# -- with the log's key as well


def rewrite_history(copy: Copy, rewrite: Rewrite) -> bytes:
    """Compute the whole log anew so that its records say what ``rewrite`` wants; returns the new checkpoint.

    Entries that change get new payloads, salts and leaves; permits name the new intents; tiles, root and
    checkpoint follow, signed with the log's own key. What the forger cannot make is a person's signature.
    """
    entries, payloads, macs = _computed_anew(copy, rewrite)
    edge, _ = RightEdge.empty().append([merkle.leaf_hash(entry) for entry in entries])
    with copy.read() as home:
        if home.key is None:
            raise NotFound("the copy came without its keys")
        note = home.key.sign_checkpoint(edge.size, edge.root(), timestamp=int(time.time()))
    with database(copy) as connection:
        connection.execute("DELETE FROM tile")
        connection.executemany("UPDATE entry SET leaf = ? WHERE idx = ?", _places(entries))
        connection.executemany("UPDATE payload SET sealed = ? WHERE idx = ?", _places(payloads))
        connection.executemany("UPDATE name SET mac = ? WHERE idx = ?", _places(macs))
        _write_tree(connection, entries, note)
    return note


def _places(values: list[bytes]) -> list[tuple[bytes, int]]:
    return [(value, index) for index, value in enumerate(values) if value]


def _computed_anew(copy: Copy, rewrite: Rewrite) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Every leaf, every sealed payload and every changed digest of a declaration, as the forger wants them."""
    entries: list[bytes] = []
    payloads: list[bytes] = []
    macs: list[bytes] = []
    places: dict[str, str] = {}
    with copy.read() as home:
        if home.vault is None:
            raise NotFound("the copy came without its keys")
        sealed_of = dict(home.entries.payloads(0, home.entries.tree().size))
        for stored in Reader(home.entries, home.vault).scan(0):
            entry, sealed, mac = stored.entry, sealed_of.get(stored.index, b""), b""
            record = _rewritten(stored, rewrite, places)
            if record is not None:
                draft = home.vault.seal([_entry(stored, record)])[0]
                entry, sealed, mac = _leaf(stored, draft), draft.payload or b"", draft.mac
            if isinstance(stored.record, Intent):
                places[stored.record.id] = merkle.leaf_hash(entry).hex()
            entries.append(entry)
            payloads.append(sealed)
            macs.append(mac)
    return entries, payloads, macs


def _rewritten(stored: Stored, rewrite: Rewrite, places: dict[str, str]) -> AnyRecord | None:
    """The record as it shall be; ``None`` when it stays as it is."""
    record = stored.record
    if record is None or not isinstance(record, AnyRecord):
        return None
    wanted = rewrite(record)
    if isinstance(wanted, Permit):
        wanted = msgspec.structs.replace(wanted, leaf=places[str(wanted.intervention)])
    return wanted if wanted != record else None


def _entry(stored: Stored, record: AnyRecord) -> Entry:
    attachments = {
        name: section.content
        for name, section in stored.sections.items()
        if name != BODY and not name.startswith(PERSON_PREFIX)
    }
    return Entry(record, people=stored.people, attachments=attachments)


def _leaf(stored: Stored, draft: Draft) -> bytes:
    """The leaf in its old place, at its old time, with the new content."""
    return leaves.encode(
        msgspec.structs.replace(stored.leaf, commitment=draft.commitment, sealed=draft.sealed)
    )


def _write_tree(connection: sqlite3.Connection, entries: list[bytes], note: bytes) -> None:
    """Tiles, right edge, heads of chains and checkpoint that belong to ``entries``."""
    edge, full = RightEdge.empty().append([merkle.leaf_hash(entry) for entry in entries])
    connection.executemany(
        "INSERT INTO tile VALUES (?, ?, ?)", [(tile.level, tile.index, tile.data) for tile in full]
    )
    decoded = [leaves.decode(entry) for entry in entries]
    heads = {leaf.chain: index for index, leaf in enumerate(decoded) if leaf.chain is not None}
    connection.execute("DELETE FROM chain")
    connection.executemany("INSERT INTO chain VALUES (?, ?)", list(heads.items()))
    row = (edge.size, edge.encode(), decoded[-1].recorded, heads.get(leaves.ADMINISTRATION_CHAIN))
    connection.execute("UPDATE tree SET size = ?, edge = ?, recorded = ?, administration = ?", row)
    connection.execute("UPDATE published SET size = ?, note = ?", (edge.size, note))


def forge_anchor(copy: Copy, note: bytes) -> None:
    """Let the copy's anchor hold the forged checkpoint too."""
    with copy.read() as home:
        anchored = home.anchor.read()
    _anchor(copy, anchored.note if anchored is not None else None, note)


def own_key(copy: Copy) -> None:
    """Replace the log's key by one of the forger's own, as one must who could not get at it."""
    path = copy.home / wiring.KEYS_FOLDER / f"{LOG_SIGNING}.key"
    path.unlink()
    secret = Ed25519PrivateKey.generate().private_bytes_raw()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(b64encode(secret) + b"\n")


# -- what the forger wants it to say


def reword(old: str, new: str, *, keep_signature: bool) -> Rewrite:
    """Let every intent that was justified with ``old`` say ``new``.

    Without the person's key the old signature no longer fits. It can stay and be seen, or be taken out, as if
    the person had never signed: that passes only where the risk asks for no signature.
    """

    def rewrite(record: AnyRecord) -> AnyRecord:
        if not isinstance(record, Intent) or record.declaration.justification is None:
            return record
        if record.declaration.justification.text != old:
            return record
        justification = msgspec.structs.replace(record.declaration.justification, text=new)
        declaration = msgspec.structs.replace(record.declaration, justification=justification)
        if keep_signature:
            return msgspec.structs.replace(record, declaration=declaration)
        actor = msgspec.structs.replace(record.actor, signed_by="server")
        return msgspec.structs.replace(record, declaration=declaration, actor=actor, statement=None)

    return rewrite
