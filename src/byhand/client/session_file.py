# SPDX-License-Identifier: Apache-2.0
"""The session that a login left behind on this machine: one small file per origin, for its owner only.

Whoever can read the file can act as the person until the session ends, within what needs no signature. Under
a shared account nothing is stored: each act is then signed with the person's own key.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from byhand.errors import Invalid, SharedAccount
from byhand.records.base import Part

FILE_LENGTH_MAX = 4_096  # a session has some 200 bytes; anything longer was not written here


class SavedSession(Part, kw_only=True):
    """A session as it is kept: the log it is for, its token, who it is, until when."""

    origin: str
    token: str
    person: str
    expires: str


_decoder = msgspec.json.Decoder(SavedSession)


class SessionFile:
    """The saved session for one origin."""

    def __init__(self, origin: str, environment: Mapping[str, str]) -> None:
        self._origin = origin
        state = environment.get("XDG_STATE_HOME")
        root = Path(state) if state else Path(environment.get("HOME") or Path.home(), ".local", "state")
        self.path = root / "byhand" / "sessions" / f"{hashlib.sha256(origin.encode()).hexdigest()}.json"

    def load(self, *, now: str) -> SavedSession | None:
        """The saved session, ``None`` when there is none or it ended; raises Invalid when not ours alone."""
        try:
            with self.path.open("rb") as file:
                self._check_private(os.fstat(file.fileno()))
                data = file.read(FILE_LENGTH_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Invalid(f"the session {self.path} cannot be read: {error.strerror}") from error
        try:
            saved = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._damaged() from error
        if saved.origin != self._origin:
            raise self._damaged()
        return saved if now < saved.expires else None

    def _check_private(self, status: os.stat_result) -> None:
        if os.name != "posix":
            return
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid != os.geteuid() or mode & 0o077:
            raise Invalid(
                f"others may use the session {self.path} (owner {status.st_uid}, mode {mode:04o})",
                advice=f"Remove it and sign in again: rm {self.path}; byhand login",
            )

    def _damaged(self) -> Invalid:
        return Invalid(
            f"{self.path} is no session for {self._origin}",
            advice=f"Remove it and sign in again: rm {self.path}; byhand login",
        )

    def save(self, session: SavedSession, *, account_is_shared: bool) -> None:
        """Keep ``session``, in place of an earlier one; raises SharedAccount, Invalid.

        ``account_is_shared``: what ``byhand.records.shared_accounts`` says of the operating system's account.
        A crash leaves the earlier session or this one, and at worst a temporary file beside it that only its
        owner can read.
        """
        if account_is_shared:
            raise SharedAccount(
                "no session is stored for a shared account: the next person there would act as you",
                advice="Sign each act with your own key: name it with --key, or forward your ssh-agent.",
            )
        if session.origin != self._origin:
            raise Invalid(f"this session is for {session.origin}, not for {self._origin}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(msgspec.json.encode(session))
        except OSError as error:
            raise Invalid(f"the session {self.path} cannot be written: {error.strerror}") from error

    def _write(self, data: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".session-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(self.path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise

    def forget(self) -> None:
        """Remove the saved session, if there is one; raises Invalid when it cannot be removed."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise Invalid(f"the session {self.path} cannot be removed: {error.strerror}") from error
