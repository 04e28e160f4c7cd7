# SPDX-License-Identifier: Apache-2.0
"""A server from a program: its log compared with memory, its person signed in, and signed in anew in time."""

from __future__ import annotations

import os
from collections.abc import Callable

from byhand import clock
from byhand.client import http
from byhand.client.contract import Backend
from byhand.client.desk import PublicLog
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.client.line import Line
from byhand.client.session_file import SessionFile
from byhand.client.settings_file import ClientSettings, read_token
from byhand.client.signing import Signer, find_signer
from byhand.client.speaking import sign_login
from byhand.client.spool_file import spool_folder
from byhand.client.spooling import SpoolBackend
from byhand.errors import LoginRequired


class Remote:
    """One server for one person. Not thread-safe: the library holds its own lock."""

    def __init__(self, settings: ClientSettings, *, token: str | None = None) -> None:
        """``token``: given by the program itself; else the one in ``settings.token_file``, a session, or a login."""
        self._settings = settings
        self._line = Line(settings.url or "", on_behalf_of=settings.on_behalf_of)
        self._token = token
        self._ends = ""
        self._met = False
        self._spooling: SpoolBackend | None = None
        self.signer: Signer | None = None
        """The key that signed in, if one did."""

    def backend(self, *, renew_seconds: float) -> http.HttpBackend:
        """The gate, for a session or token that lasts for ``renew_seconds`` at least; raises LoginRequired."""
        if not self._met:
            meet(http.HttpLog(self._line))
            self._met = True
        if self._line.token is None or self._ends < clock.after(clock.now(), seconds=renew_seconds):
            self._sign_in()
        return http.HttpBackend(self._line)

    def acting(self, *, renew_seconds: float, signer: Callable[[], Signer]) -> Backend:
        """As ``backend``; where the settings say so, with the spool for when nobody answers."""
        if self._settings.when_unreachable != "spool":
            return self.backend(renew_seconds=renew_seconds)
        if self._spooling is None:
            self._spooling = SpoolBackend(
                lambda: self.backend(renew_seconds=renew_seconds),
                url=self._line.url,
                folder=spool_folder(os.environ),
                signer=signer,
                person=self._settings.person,
            )
        return self._spooling

    def _sign_in(self) -> None:
        token = self._token
        if token is None and self._settings.token_file is not None:
            token = read_token(self._settings.token_file)
        if token is not None:
            self._line.token = token
            self._ends = http.HttpBackend(self._line).identity().expires
            return
        if self._settings.key is None and self._from_session():
            return
        person = self._settings.person
        if person is None:
            raise LoginRequired(
                f"nobody is signed in to {self._line.url}",
                advice="Name the person: byhand.configure(url=..., person=..., key=...), or byhand login.",
            )
        self.signer = find_signer(key_path=self._settings.key, environ=os.environ)
        asked = http.challenge(self._line)
        statement = sign_login(asked.origin, person, asked.challenge, asked.expires, self.signer)
        self._ends = http.login(self._line, statement).identity.expires

    def _from_session(self) -> bool:
        """Whether a login before left a session that still holds."""
        origin = http.HttpLog(self._line).identity_of_log().origin
        saved = SessionFile(origin, os.environ).load(now=clock.now())
        if saved is None or self._settings.person not in (None, saved.person):
            return False
        self._line.token = saved.token
        try:
            self._ends = http.HttpBackend(self._line).identity().expires
        except LoginRequired:  # ended or revoked meanwhile: sign in anew
            self._line.token = None
            return False
        return True

    def close(self) -> None:
        """Give back connections."""
        self._line.close()


def meet(log: PublicLog) -> str | None:
    """Compare a log with what this person remembers of it, then remember it as it is; raises Unsound.

    Returns the log's name when it was met for the first time: it is trusted then, and whoever calls says so.
    """
    known = KnownLogs(known_logs_path(os.environ))
    identity = log.identity_of_log()
    first = known.get(identity.origin) is None
    known.trust(identity.origin, identity.keys, identity.officers)
    known.remember(identity.origin, log.published(), log.consistency)
    return identity.origin if first else None
