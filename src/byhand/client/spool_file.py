# SPDX-License-Identifier: Apache-2.0
"""The spool of one person, machine and log: signed lines that are only added to, each durable before it counts.

Who can change the file can lose what was not sent yet, and can stop us; they cannot make a line that verifies, and a
line that is missing in between shows when the next one is sent. A tail that is gone shows only in the target's own
feed. See docs/spec/spool-format.md.
"""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from byhand import clock
from byhand.client.contract import Identity, PointView
from byhand.client.locked import locked
from byhand.client.signing import Signer
from byhand.durable import sync_folder
from byhand.errors import Fault, Invalid, LogUnavailable, Refused
from byhand.ids import new_record_id
from byhand.records import spool as lines
from byhand.records.base import Part
from byhand.records.kinds import Outcome
from byhand.records.spool import SpooledAct
from byhand.signatures import dsse
from byhand.trust import statements
from byhand.trust.spool import VIEW_SECONDS_MAX, check_act, later, statement_of

SPOOL_BYTES_MAX = 8 * 1024 * 1024  # some two thousand acts: more than people do by hand in any outage
SMALL_FILE_BYTES_MAX = (
    262_144  # a cached view or a note of what was sent; anything longer was not written here
)
PartType = TypeVar("PartType", bound=Part)
Step = Callable[[str], None]


def no_step(name: str) -> None:
    """A durable step was taken; tests pass something that kills the process here."""


class CachedView(Part, kw_only=True):
    """What a server said of a point, and who was signed in, when it was last met."""

    seen: str
    origin: str
    identity: Identity
    view: PointView


class Sent(Part, kw_only=True):
    """How far a spool is in the log."""

    line: str
    """Hash of the last line that the log has. Where the file has no such line, all of it is sent (again)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands in the file."""

    data: bytes
    statement: statements.Spooled
    content: SpooledAct | Outcome


def spool_folder(environ: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/byhand/spool``, by default under ``~/.local/state``."""
    state = environ.get("XDG_STATE_HOME")
    root = Path(state) if state else Path(environ.get("HOME") or Path.home(), ".local", "state")
    return root / "byhand" / "spool"


def machine_digest() -> str:
    """SHA-256 (hex) of what tells this machine from others; it names nothing by itself."""
    try:
        own = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):  # not on this system: then its name must do
        own = ""
    return hashlib.sha256(f"byhand/machine/v1\n{own}\n{socket.gethostname()}".encode()).hexdigest()


class Views:
    """What servers said of points, for as long as it may be relied on. Holds MAC keys: for its owner only."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder / "views" / hashlib.sha256(url.encode()).hexdigest()

    def keep(self, view: CachedView) -> None:
        """Remember ``view`` in place of an earlier one; a crash leaves one of the two."""
        _write(self._file(view.view.point.name), view)

    def fresh(self, name: str, *, now: str) -> CachedView:
        """The view of the point ``name``; raises Refused when it is missing, too old, or of the future."""
        found = _read(self._file(name), CachedView)
        if found is None:
            raise Refused(
                f"the server was never asked about {name} from here, so its risk is not known",
                advice="Wait until the log is back. Before an outage: byhand point show POINT",
            )
        if not found.seen <= now < later(found.seen, VIEW_SECONDS_MAX):
            hours = VIEW_SECONDS_MAX // 3_600
            raise Refused(
                f"what is known of {name} is of {found.seen}; it counts for {hours} hours, and it is {now}",
                advice="Wait until the log is back.",
            )
        return found

    def last(self) -> CachedView | None:
        """The view seen last, for who it was and of which log."""
        views = [_read(file, CachedView) for file in sorted(self._folder.glob("*.json"))]
        return max((one for one in views if one is not None), key=lambda one: one.seen, default=None)

    def _file(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.json"


def spool_files(environ: Mapping[str, str]) -> Iterator[SpoolFile]:
    """Every spool on this machine, of whatever log and person; raises Invalid when one cannot even be named."""
    folder = spool_folder(environ)
    for path in sorted(folder.glob("*.spool")):
        yield SpoolFile(folder, "", "", path=path)


class SpoolFile:
    """The spool of one person for one log, on this machine. Safe for several processes."""

    def __init__(
        self,
        folder: Path,
        origin: str,
        person: str,
        *,
        path: Path | None = None,
        step: Step = no_step,
    ) -> None:
        """``path``: an existing one, to be looked at."""
        name = hashlib.sha256(f"{origin}\n{person}".encode()).hexdigest()
        self.path = path or folder / f"{name}.spool"
        self._sent = self.path.with_suffix(".sent")
        self._lock = self.path.with_suffix(".lock")
        self._origin = origin
        self._person = person
        self._step = step

    # -- adding

    def add(self, content: SpooledAct | Outcome, signer: Signer) -> Line:
        """Sign ``content`` and add it; returns when it is durable. Raises Refused, Invalid, LogUnavailable.

        1 one process at a time; 2 what a crash tore off is cut away: it was never durable, nothing was done on it;
        3 the spool is this machine's and has room; 4 the line names the one before it; 5 it is on the disk.
        """
        with self._locked():  # 1
            before, torn = self._read()  # 2
            self._check(before, content)  # 3
            line = self._signed(before, content, signer)  # 4
            self._append(line.data, whole=sum(len(one.data) + 1 for one in before), torn=torn)  # 5
            return line

    def _check(self, before: Sequence[Line], content: SpooledAct | Outcome) -> None:
        if before and before[-1].statement.machine != machine_digest():
            raise Refused(
                f"the spool {self.path} was written on another machine",
                advice="Send it from there, or here with: byhand spool send; then move it away.",
            )
        size = sum(len(one.data) + 1 for one in before)
        if isinstance(content, SpooledAct) and size >= SPOOL_BYTES_MAX:
            raise Refused(
                f"the spool has more than {SPOOL_BYTES_MAX} bytes: nothing more is done without the log",
                advice="byhand spool send",
            )

    def _signed(self, before: Sequence[Line], content: SpooledAct | Outcome, signer: Signer) -> Line:
        last = before[-1] if before else None
        is_act = isinstance(content, SpooledAct)
        about = content.declaration.record if isinstance(content, SpooledAct) else content.intervention
        statement = statements.Spooled(
            origin=self._origin,
            spool=last.statement.spool if last is not None else new_record_id(),
            machine=machine_digest(),
            sequence=last.statement.sequence + 1 if last is not None else 0,
            previous=lines.line_digest(last.data) if last is not None else lines.FIRST,
            says="act" if is_act else "outcome",
            intervention=str(about),
            content=lines.content_digest(content),
            person=self._person,
            time=clock.now(),
        )
        if isinstance(content, SpooledAct):
            known = content.spooled
            check_act(
                statement, known, content.declaration, tier=known.tier, approvals=0, recorded=statement.time
            )
        envelope = statements.unsigned(statement)
        armored = signer.sign(envelope.pae(), statement.namespace)
        signed = dsse.encode(statements.add_signature(envelope, armored)).decode("ascii")
        data = lines.encode_line(content, signed)
        if len(data) > lines.LINE_BYTES_MAX:
            raise Invalid("this is too much for a line of a spool", (Fault("", f"is {len(data)} bytes"),))
        return Line(data, statement, content)

    def _append(self, data: bytes, *, whole: int, torn: bool) -> None:
        created = not self.path.exists()
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            if torn:
                os.ftruncate(handle, whole)
            _write_all(handle, data + b"\n", whole)
            self._step("line written")
            # A crash exactly here leaves a line that may be torn: its act has not begun, it is cut away or sent.
            _datasync(handle)
            if created:
                sync_folder(self.path.parent)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            os.close(handle)
        self._step("line durable")
        # A crash exactly here leaves a line whose act has not begun: it is sent, and byhand notes it as unknown.

    # -- reading

    def unsent(self) -> tuple[Line, ...]:
        """Lines that the log does not have yet, oldest first; raises Invalid where the file was changed."""
        if not self.path.exists():
            return ()
        with self._locked():
            return self._unsent()

    def _unsent(self) -> tuple[Line, ...]:
        read, _ = self._read()
        return tuple(read[self._told([one.data for one in read]) :])

    def _told(self, rows: Sequence[bytes]) -> int:
        """How many of ``rows`` the log has."""
        known = _read(self._sent, Sent)
        digests = [lines.line_digest(row) for row in rows]
        return digests.index(known.line) + 1 if known is not None and known.line in digests else 0

    def _rows(self) -> list[bytes]:
        """Lines as they stand there; behind the last end of a line is what a crash tore off."""
        return [row for row in self._data().split(b"\n")[:-1] if row]

    def raw(self) -> tuple[str, ...]:
        """The lines that were not sent, exactly as they stand there, also those that nobody here can read."""
        if not self.path.exists():
            return ()
        with self._locked():
            rows = self._rows()
            return tuple(row.decode("utf-8", "replace") for row in rows[self._told(rows) :])

    def acknowledged(self, sent: Sequence[str]) -> None:
        """The log has these lines: they need not be sent again, and only the last one is still needed here.

        A crash leaves them in the file: they are sent again, and get the same answers.
        """
        with self._locked():
            rows = self._rows()
            first = self._told(rows)
            waiting = [row.decode("utf-8", "replace") for row in rows[first:]]
            if not sent or waiting[: len(sent)] != list(sent):
                return  # another process sent them meanwhile, or the file was changed: what is there is sent again
            told = first + len(sent)
            _write(self._sent, Sent(line=lines.line_digest(rows[told - 1])))
            self._step("sent noted")
            try:
                self._replace(b"".join(row + b"\n" for row in rows[told - 1 :]))
            except OSError as error:
                raise self._unwritable(error) from error

    def _replace(self, data: bytes) -> None:
        beside = self.path.with_suffix(".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(handle, data, 0)
            _datasync(handle)
        finally:
            os.close(handle)
        beside.replace(self.path)
        sync_folder(self.path.parent)
        # A crash before the rename is durable brings back the longer file; what it holds more was noted as sent.

    def _read(self) -> tuple[list[Line], bool]:
        """The whole lines, checked to follow each other, and whether a torn one stands behind them."""
        data = self._data()
        whole, _, torn = data.rpartition(b"\n")
        found: list[Line] = []
        for number, row in enumerate(whole.split(b"\n") if whole else (), start=1):
            try:
                line = lines.parse_line(row)
                one = Line(row, statement_of(line.statement), lines.content_of(line))
                _check_follows(found[-1] if found else None, one)
            except Exception as error:
                raise Invalid(
                    f"line {number} of the spool {self.path} was changed: {error}",
                    advice="Send it as it is: byhand spool send. Nothing more is spooled into it.",
                ) from error
            found.append(one)
        return found, bool(torn)

    def _data(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                _check_private(file.fileno(), self.path)
                data = file.read(2 * SPOOL_BYTES_MAX + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Invalid(f"the spool {self.path} cannot be read: {error.strerror}") from error
        if len(data) > 2 * SPOOL_BYTES_MAX:
            raise Invalid(f"the spool {self.path} has more than {2 * SPOOL_BYTES_MAX} bytes")
        return data

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as held:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                held.enter_context(locked(self._lock))
            except OSError as error:
                raise self._unwritable(error) from error
            yield

    def _unwritable(self, error: OSError) -> LogUnavailable:
        return LogUnavailable(f"the spool {self.path} cannot be written: {error.strerror}")


def _check_follows(before: Line | None, one: Line) -> None:
    if before is None:
        return
    said, was = one.statement, before.statement
    if (said.sequence, said.previous) != (was.sequence + 1, lines.line_digest(before.data)):
        raise Invalid("it does not follow the line before it")


def _write_all(handle: int, data: bytes, at: int) -> None:
    os.lseek(handle, at, os.SEEK_SET)
    while data:
        data = data[os.write(handle, data) :]


def _datasync(handle: int) -> None:
    getattr(os, "fdatasync", os.fsync)(handle)


def _check_private(handle: int, path: Path) -> None:
    status = os.fstat(handle)
    if os.name == "posix" and (status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077):
        raise Invalid(f"others may use {path}", advice=f"Look who could, then: chmod 600 {path}")


def _read(path: Path, kind: type[PartType]) -> PartType | None:
    """What is kept in a small file, ``None`` when there is none; raises Invalid when it is damaged."""
    try:
        with path.open("rb") as file:
            _check_private(file.fileno(), path)
            data = file.read(SMALL_FILE_BYTES_MAX + 1)
        return msgspec.json.decode(data, type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{path} cannot be read: {type(error).__name__}", advice=f"Remove it: rm {path}"
        ) from error


def _write(path: Path, part: Part) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(handle, msgspec.json.encode(part), 0)
            _datasync(handle)
        finally:
            os.close(handle)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise LogUnavailable(f"{path} cannot be written: {error.strerror}") from error
