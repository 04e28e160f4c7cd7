# SPDX-License-Identifier: Apache-2.0
"""What this person's client remembers of every log it has met: keys, officers, and the last checkpoint seen.

Trust on first use, then memory: a log whose database, key and anchor were all forged still cannot get past
a client that saw it before. One JSON object a line, by origin, in ``~/.config/byhand/known_logs``. Whoever
can change this file can make the client forget, or suspect an honest log; it is worth a copy elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

from byhand.client.locked import locked
from byhand.errors import Fault, Invalid, LogForked, NotFound, ProofMismatch, RolledBack, Unsound
from byhand.log import checkpoint as checkpoints, merkle
from byhand.log.checkpoint import Checkpoint
from byhand.log.keys import ML_DSA_44, VerifierKey

FILE_BYTES_MAX = 4 * 1024 * 1024  # thousands of logs; a person meets a handful
KEYS_MAX = 16  # a log has one or two keys, and an old one while it changes them
FIELDS = ("checkpoint", "keys", "officers", "origin")

Prove: TypeAlias = Callable[[int, int], Sequence[bytes]]
"""``prove(old, new)``: the log's own consistency proof between two of its sizes."""


@dataclass(frozen=True, slots=True)
class KnownLog:
    """One log: verifier keys (``name+hash+key``), officers' fingerprint, the last signed checkpoint seen."""

    origin: str
    keys: tuple[str, ...]
    officers: str | None = None
    checkpoint: str | None = None

    def verifier_keys(self) -> tuple[VerifierKey, ...]:
        """The keys, ready to verify with."""
        return tuple(VerifierKey.parse(key) for key in self.keys)

    def seen(self) -> Checkpoint | None:
        """The last checkpoint seen, its signature checked again; raises Unsound."""
        if self.checkpoint is None:
            return None
        return checkpoints.open_earlier(
            self.checkpoint.encode(), self.origin, self.verifier_keys()
        ).checkpoint


def known_logs_path(environ: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/byhand/known_logs``, by default under ``~/.config``."""
    base = environ.get("XDG_CONFIG_HOME")
    folder = Path(base) if base else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "byhand" / "known_logs"


class KnownLogs:
    """The file of remembered logs. Safe for several processes; a crash leaves the old file or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> tuple[KnownLog, ...]:
        """Every remembered log, by origin; raises Invalid when the file is damaged."""
        logs = self._read()
        return tuple(logs[origin] for origin in sorted(logs))

    def get(self, origin: str) -> KnownLog | None:
        """The log of that name, or ``None`` when it was never met."""
        return self._read().get(origin)

    def trust(self, origin: str, keys: Iterable[str], officers: str | None = None) -> KnownLog:
        """Remember a log at first sight; a known one must come with the keys and officers it had.

        It may add an ML-DSA-44 key beside all that are known: from then on both must sign. A second Ed25519 key
        could speak alone. Raises LogForked: somebody else speaks under this name, or the log was made anew.
        """
        met = KnownLog(origin, tuple(sorted(set(keys))), officers)
        _check(met)
        with self._changing() as logs:
            known = logs.get(origin)
            if known is None:
                logs[origin] = met
                return met
            if not _extends(known, met) or (known.officers and officers and known.officers != officers):
                raise LogForked(f"{origin} speaks with other keys or officers than when it was last seen")
            logs[origin] = replace(known, keys=met.keys, officers=known.officers or officers)
            return logs[origin]

    def remember(self, origin: str, note: bytes, prove: Prove) -> Checkpoint:
        """Check a checkpoint against memory, then remember it; returns it.

        1 the log is known; 2 its known keys signed; 3 it is no smaller than the one seen; 4 it extends that
        one. Raises NotFound, MalformedProof, BadSignature, RolledBack, LogForked. A refused one changes
        nothing.
        """
        with self._changing() as logs:
            known = logs.get(origin)
            if known is None:  # 1
                raise NotFound(f"{origin} is not among the known logs", advice="trust its keys first")
            shown = checkpoints.open_checkpoint(note, origin, known.verifier_keys()).checkpoint  # 2
            seen = known.seen()
            if seen is not None:
                _check_extends(seen, shown, prove)  # 3, 4
            logs[origin] = replace(known, checkpoint=note.decode())
            return shown

    def forget(self, origin: str) -> None:
        """Forget a log, e.g. one that was made anew on purpose; raises NotFound."""
        with self._changing() as logs:
            if logs.pop(origin, None) is None:
                raise NotFound(f"{origin} is not among the known logs")

    # -- the file

    def _read(self) -> dict[str, KnownLog]:
        try:
            with self._path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Invalid(f"{self._path} cannot be read: {error.strerror}") from error
        if len(data) > FILE_BYTES_MAX:
            raise Invalid(f"{self._path} has more than {FILE_BYTES_MAX} bytes")
        return self._parse(data)

    def _parse(self, data: bytes) -> dict[str, KnownLog]:
        logs: dict[str, KnownLog] = {}
        faults: list[Fault] = []
        for number, line in enumerate(data.split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                known = _from_line(line)
                if known.origin in logs:
                    raise ValueError("names a log that another line names too")
            except (ValueError, TypeError, Unsound, Invalid) as error:
                faults.append(Fault(f"/{number}", str(error)))
                continue
            logs[known.origin] = known
        if faults:
            advice = "Put back a copy of it; forgetting what was seen makes a forged log look new."
            raise Invalid(f"{self._path} is damaged", tuple(faults), advice=advice)
        return logs

    @contextmanager
    def _changing(self) -> Iterator[dict[str, KnownLog]]:
        """The logs, to be changed; written back when the block ends well. One process at a time."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self._path.with_name(self._path.name + ".lock")):
                logs = self._read()
                before = dict(logs)
                yield logs
                if logs != before:
                    self._write(logs)
        except OSError as error:
            raise Invalid(f"{self._path} cannot be written: {error.strerror}") from error

    def _write(self, logs: dict[str, KnownLog]) -> None:
        lines = (json.dumps(asdict(logs[origin]), sort_keys=True) + "\n" for origin in sorted(logs))
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except BaseException:
            with suppress(FileNotFoundError):
                beside.unlink()
            raise
        # A crash exactly here may bring back the old file: something is forgotten, nothing false is held.
        _sync_folder(self._path.parent)


def _extends(known: KnownLog, met: KnownLog) -> bool:
    more = set(met.keys) - set(known.keys)
    return set(known.keys) <= set(met.keys) and {VerifierKey.parse(key).kind for key in more} <= {ML_DSA_44}


def _check_extends(seen: Checkpoint, shown: Checkpoint, prove: Prove) -> None:
    if shown.size < seen.size:
        raise RolledBack(f"{seen.origin} shows {shown.size} entries; {seen.size} were seen of it before")
    if shown.size == seen.size and shown.root != seen.root:
        raise LogForked(f"{seen.origin} shows another tree of {seen.size} entries than was seen before")
    if seen.size in (0, shown.size):
        return
    try:
        merkle.verify_consistency(seen.size, shown.size, seen.root, shown.root, prove(seen.size, shown.size))
    except ProofMismatch as error:
        raise LogForked(
            f"{seen.origin} cannot show that its {shown.size} entries extend the {seen.size} seen before"
        ) from error


def _from_line(line: bytes) -> KnownLog:
    raw = json.loads(line)
    if not isinstance(raw, dict) or not set(raw) <= set(FIELDS) or not isinstance(raw.get("keys"), list):
        raise ValueError(f"is no object with {', '.join(FIELDS)}")
    if any(not isinstance(value, str) for value in [raw.get("origin"), *raw["keys"]]):
        raise ValueError("origin and keys are text")
    if any(not isinstance(raw.get(name), str | None) for name in ("officers", "checkpoint")):
        raise ValueError("officers and checkpoint are text")
    known = KnownLog(raw["origin"], tuple(raw["keys"]), raw.get("officers"), raw.get("checkpoint"))
    _check(known)
    return known


def _check(known: KnownLog) -> None:
    keys = known.verifier_keys()
    if not any(key.name == known.origin for key in keys) or len(keys) > KEYS_MAX:
        advice = "ask the log's owner for: byhand log keys"
        raise Invalid(
            "the keys are not this log's", (Fault("/keys", f"none is named {known.origin}", advice),)
        )


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # folders cannot be opened there; NTFS orders a rename by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
