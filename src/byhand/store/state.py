# SPDX-License-Identifier: Apache-2.0
"""What the server side forgets on purpose: login challenges and sessions. Not evidence, not backed up."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class SessionRow(NamedTuple):
    """A session: digest of its token (SHA-256, hex), who it is, with which key, since when, until when."""

    token: str
    person: str
    credential: str
    began: str
    expires: str
    authentication: str = ""
    """How an account's session began (JSON of ``Authentication``); empty: with the key in ``credential``."""


class PasskeyRow(NamedTuple):
    """A passkey that waits: its code, its line, until when, and the enrolment that some have signed."""

    code: str
    key: str
    expires: str
    statement: str | None = None
    display_name: str | None = None


class State(Protocol):
    """Short-lived state. Safe from any thread and process."""

    def add_challenge(self, challenge: str, expires: str) -> None:
        """Remember a challenge until it is answered or expires."""
        ...

    def use_challenge(self, challenge: str, now: str) -> bool:
        """Forget the challenge; whether it was there and still good. At most one caller gets ``True``."""
        ...

    def add_session(self, row: SessionRow) -> None:
        """Remember a session."""
        ...

    def session(self, token: str) -> SessionRow | None:
        """The session with this token digest."""
        ...

    def end_sessions(self, *, token: str | None = None, expired_at: str | None = None) -> None:
        """Forget one session, or whatever has expired."""
        ...

    def note_use(self, token: str, used: str, address: str) -> None:
        """Remember when and from where a token was used last."""
        ...

    def uses(self) -> dict[str, tuple[str, str]]:
        """When and from where each token was used last."""
        ...

    def keep_passkey(self, row: PasskeyRow) -> None:
        """Remember a passkey until somebody enrols it; of too many the ones that end first are forgotten."""
        ...

    def passkey(self, code: str, now: str) -> PasskeyRow | None:
        """The passkey that waits under this code."""
        ...

    def count_up(self, fingerprint: str, counter: int) -> bool:
        """Remember how often a passkey has signed; ``False`` when it had signed as often, or more often, before.

        One that does not count says 0 every time; one that ever counted is never taken at 0 again.
        """
        ...

    def add_login(self, handle: str, said: str, expires: str, whose: str = "") -> None:
        """Remember a login at an issuer, begun from ``whose`` site.

        Of too many, those that end first of the site that has most are forgotten: nobody's flood ends the logins of
        others.
        """
        ...

    def login(self, handle: str, now: str) -> str | None:
        """What is remembered of a login that is not over."""
        ...

    def change_login(self, handle: str, said: str) -> None:
        """Remember something else of it, if it is still there."""
        ...

    def take_login(self, handle: str, now: str) -> str | None:
        """Forget a login and return what was remembered, unless it was over. At most one caller gets it."""
        ...

    def close(self) -> None:
        """Give back files."""
        ...
