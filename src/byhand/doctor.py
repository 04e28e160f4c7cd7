# SPDX-License-Identifier: Apache-2.0
"""What is wrong with this installation, and what to do: looks at everything, changes nothing, trusts nothing.

The one thing it does, and only when told to, is to let the anchor speak for a home that was moved.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from byhand import clock
from byhand.anchor.contract import Anchor, Anchored
from byhand.client.known_logs import KnownLogs
from byhand.errors import ByhandError, Conflict, HomeRefused
from byhand.journal.tree import StoredTree
from byhand.log import checkpoint as checkpoints
from byhand.log.checkpoint import Checkpoint
from byhand.log.keys import VerifierKey
from byhand.sqlite_file import connect, refuse_network_filesystem

CLOCK_AHEAD_SECONDS_MAX = 5  # two processes of one machine differ by less: beyond, the clock was set back
UNSIGNED_SECONDS_MAX = 3_600  # embedded homes sign when used; an hour later nobody will come back to it
FREE_BYTES_MIN = 100 * 1024 * 1024  # below, the next checkpoint of the database may not fit any more
FREE_BYTES_COMFORT = 1024 * 1024 * 1024
FIRST_YEAR_MIN = "2026"  # byhand did not exist before: an older clock was never set
OTHERS_WRITE = 0o022
OTHERS_READ = 0o055
OTHERS_ANY = 0o077
Level: TypeAlias = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: how it is, and what to do when it is not as it should be."""

    part: str
    level: Level
    what: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the doctor looks at. ``identity`` tells this home from a copy; ``verifiers`` are its log's keys.

    ``recorded`` is the time of the log's last entry.
    """

    path: Path
    keys: Path
    databases: Sequence[Path]
    origin: str
    identity: str
    verifiers: tuple[VerifierKey, ...]
    anchor: Anchor
    published: bytes | None
    tree: StoredTree
    recorded: str
    indexed: Callable[[], tuple[int, Sequence[str]]] | None
    """How many entries the index knows, and what it says otherwise than the log does."""
    requests: Callable[[], Sequence[Diagnosis]] | None
    """Whether those who must decide can be told of it."""
    known: KnownLogs
    account_is_shared: bool


class Doctor:
    """Looks at one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def look(self, now: str | None = None) -> list[Diagnosis]:
        """Everything that was looked at; one that could not be looked at is wrong by itself."""
        moment = clock.now() if now is None else now
        looks: tuple[tuple[str, Callable[[], Iterator[Diagnosis]]], ...] = (
            ("clock", lambda: self._clock(moment)),
            ("permissions", self._permissions),
            ("disk", self._disk),
            ("store", self._store),
            ("anchor", self._anchor),
            ("checkpoint", lambda: self._checkpoint(moment)),
            ("index", self._index),
            ("requests", self._requests),
            ("known logs", self._known_logs),
            ("account", self._account),
        )
        found: list[Diagnosis] = []
        for part, look in looks:
            try:
                found += list(look()) or [Diagnosis(part, "ok", "")]
            except ByhandError as error:
                found.append(Diagnosis(part, "wrong", str(error), error.advice))
            except OSError as error:
                found.append(Diagnosis(part, "wrong", f"cannot be looked at: {error}"))
        return found

    def _clock(self, now: str) -> Iterator[Diagnosis]:
        recorded = self._parts.recorded
        if now[:4] < FIRST_YEAR_MIN:
            yield Diagnosis("clock", "wrong", f"it says {now}", "Set the clock; let it be synchronised.")
        elif recorded and recorded > clock.after(now, seconds=CLOCK_AHEAD_SECONDS_MAX):
            what = f"it says {now}, but the last entry was recorded at {recorded}"
            advice = "The clock was set back, or is wrong now: let it be synchronised."
            yield Diagnosis("clock", "wrong", what, advice)

    def _permissions(self) -> Iterator[Diagnosis]:
        yield from _mode(self._parts.path, OTHERS_WRITE, "wrong")
        yield from _mode(self._parts.path, OTHERS_READ, "warning")
        if not self._parts.keys.is_dir():
            yield Diagnosis("permissions", "wrong", f"there is no key store at {self._parts.keys}")
            return
        yield from _mode(self._parts.keys, OTHERS_ANY, "wrong")
        for file in sorted(self._parts.keys.iterdir()):
            yield from _mode(file, OTHERS_ANY, "wrong")

    def _disk(self) -> Iterator[Diagnosis]:
        refuse_network_filesystem(self._parts.path.resolve())
        free = shutil.disk_usage(self._parts.path).free
        what = f"{free // (1024 * 1024)} MiB are free"
        if free < FREE_BYTES_MIN:
            yield Diagnosis("disk", "wrong", what, "Make room: a full disk stops every intervention.")
        elif free < FREE_BYTES_COMFORT:
            yield Diagnosis("disk", "warning", what, "Make room before it is needed.")
        else:
            yield Diagnosis("disk", "ok", what)

    def _store(self) -> Iterator[Diagnosis]:
        for file in self._parts.databases:
            if not file.exists():
                yield Diagnosis("store", "wrong", f"{file} is missing", "Restore it from a copy.")
                continue
            complaint = quick_check(file)
            if complaint is not None:
                advice = "Keep the file, restore from a copy, then run: byhand verify HOME"
                yield Diagnosis("store", "wrong", f"{file} is damaged: {complaint}", advice)

    def _anchor(self) -> Iterator[Diagnosis]:
        parts = self._parts
        anchored = parts.anchor.read()
        if anchored is None:
            what = f"{parts.origin} was never anchored on this machine"
            advice = "If the home was moved here: byhand doctor --adopt. If it is a copy, use the first one."
            yield Diagnosis("anchor", "wrong", what, advice)
            return
        if anchored.home != parts.identity:
            what = f"it belongs to the home {anchored.home}, this is {parts.identity}"
            advice = "A copy cannot speak for the first. If the home was moved: byhand doctor --adopt"
            yield Diagnosis("anchor", "wrong", what, advice)
        checkpoint = self._contained(anchored.note)
        yield Diagnosis("anchor", "ok", f"{checkpoint.size} entries are anchored, and the log holds them")

    def _contained(self, note: bytes) -> Checkpoint:
        """The checkpoint in ``note``, which the log must contain; raises Unsound, HomeRefused."""
        checkpoint = checkpoints.open_earlier(note, self._parts.origin, self._parts.verifiers).checkpoint
        check_contains(self._parts.tree, checkpoint)
        return checkpoint

    def _checkpoint(self, now: str) -> Iterator[Diagnosis]:
        size, recorded = self._parts.tree.row.size, self._parts.recorded
        if self._parts.published is None:
            yield Diagnosis("checkpoint", "wrong", "there is none", "Finish the home with: byhand init")
            return
        behind = size - self._contained(self._parts.published).size
        old = bool(recorded) and recorded < clock.after(now, seconds=-UNSIGNED_SECONDS_MAX)
        if behind and old:
            what = f"the last {behind} entries have been unsigned since {recorded}"
            yield Diagnosis("checkpoint", "warning", what, "Sign them: byhand log checkpoint")
        else:
            yield Diagnosis("checkpoint", "ok", f"{behind} of {size} entries wait for the next one")

    def _index(self) -> Iterator[Diagnosis]:
        if self._parts.indexed is None:
            yield Diagnosis("index", "warning", "it was not looked at: the home cannot be opened")
            return
        (known, differences), size = self._parts.indexed(), self._parts.tree.row.size
        if known > size:
            what = f"it knows {known} entries, the log has {size}: it is of another log"
            yield Diagnosis("index", "wrong", what, "byhand doctor --rebuild-index")
        elif differences:
            what = f"it does not say what the log says, first of {differences[0]}: searches mislead"
            advice = "byhand doctor --rebuild-index; and find out who could write to the home"
            yield Diagnosis("index", "wrong", what, advice)
        else:
            yield Diagnosis(
                "index", "ok", f"it knows {known} of {size} entries; the rest follows at next use"
            )

    def _requests(self) -> Iterator[Diagnosis]:
        if self._parts.requests is None:
            yield Diagnosis("requests", "warning", "they were not looked at: the home cannot be opened")
            return
        yield from self._parts.requests()

    def _known_logs(self) -> Iterator[Diagnosis]:
        known = self._parts.known.get(self._parts.origin)
        if known is None:
            what = "this log is not remembered here: a forged one could not be told from it"
            yield Diagnosis("known logs", "warning", what, "byhand log checkpoint")
            return
        if not set(known.verifier_keys()) & set(self._parts.verifiers):
            what = "the log has other keys than the ones remembered"
            yield Diagnosis(
                "known logs", "wrong", what, "Do not use this home. Ask its owner by another way."
            )
            return
        seen = known.seen()
        if seen is not None:
            check_contains(self._parts.tree, seen)
            yield Diagnosis("known logs", "ok", f"{seen.size} entries are remembered, and the log holds them")

    def _account(self) -> Iterator[Diagnosis]:
        if self._parts.account_is_shared:
            what = "the account of this machine is shared: no session is kept for it"
            yield Diagnosis("account", "warning", what, "Name --person and --key with every command.")


def check_contains(tree: StoredTree, checkpoint: Checkpoint) -> None:
    """Raise HomeRefused unless the log holds the tree of ``checkpoint``."""
    advice = "Do not use this home. Run: byhand verify HOME"
    if tree.row.size < checkpoint.size:
        raise HomeRefused(
            f"the log holds {tree.row.size} entries; {checkpoint.size} were signed: it was cut or restored",
            advice=advice,
        )
    if tree.root(checkpoint.size) != checkpoint.root:
        raise HomeRefused(
            f"the first {checkpoint.size} entries are not the ones that were signed", advice=advice
        )


def _mode(path: Path, forbidden: int, level: Level) -> Iterator[Diagnosis]:
    """A complaint when others may do with ``path`` what they must not."""
    if os.name != "posix":
        return
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    closed = "700" if path.is_dir() else "600"
    if mode & forbidden:
        what = f"others may use {path} (mode {mode:04o})"
        yield Diagnosis("permissions", level, what, f"chmod {closed} {path}")
    if level == "wrong" and status.st_uid != os.geteuid():
        what = f"{path} belongs to the account {status.st_uid}"
        yield Diagnosis("permissions", "warning", what, "Let each account have its own home.")


def quick_check(file: Path) -> str | None:
    """What SQLite's own check complains of, in one line; ``None`` when it finds nothing."""
    try:
        with closing(connect(file, read_only=True)) as connection:
            lines = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except (sqlite3.Error, ByhandError) as error:
        return str(error)
    return None if lines == ["ok"] else "; ".join(line.replace("\n", " ") for line in lines)


def adopt(parts: Parts) -> Checkpoint:
    """Let the anchor speak for this home, which was moved; the home it spoke for can speak no more.

    1 a checkpoint of this log is anchored, or published by the home itself; 2 the log's own key signed it;
    3 the log holds it; 4 the log holds what this person remembers of it; 5 the anchor is swapped, unless
    somebody else was faster. Raises HomeRefused, Unsound, Conflict. A crash leaves the old anchor or the new.
    """
    anchored = parts.anchor.read()
    note = anchored.note if anchored is not None else parts.published  # 1
    if note is None:
        raise HomeRefused("no checkpoint was ever signed here", advice="Finish the home with: byhand init")
    if anchored is not None and anchored.home == parts.identity:
        raise Conflict("the anchor speaks for this home already")
    checkpoint = checkpoints.open_earlier(note, parts.origin, parts.verifiers).checkpoint  # 2
    check_contains(parts.tree, checkpoint)  # 3
    known = parts.known.get(parts.origin)
    seen = known.seen() if known is not None else None
    if seen is not None:
        check_contains(parts.tree, seen)  # 4
    swapped = parts.anchor.advance(
        anchored.note if anchored is not None else None, Anchored(note, parts.identity)
    )
    if not swapped:  # 5
        raise Conflict("the anchor moved meanwhile: the first home is in use", advice="Use the first home.")
    return checkpoint


def sound(found: Sequence[Diagnosis]) -> bool:
    """Whether nothing is wrong; warnings are no more than that."""
    return all(one.level != "wrong" for one in found)
