# SPDX-License-Identifier: Apache-2.0
"""Who is signed in: a challenge is answered with the person's own key, and a token stands for it a while."""

from __future__ import annotations

import hashlib
import secrets

from byhand import clock
from byhand.client.contract import Identity
from byhand.control.identity import Caller, check_not_shared
from byhand.control.people import People
from byhand.errors import BadSignature, LoginRequired, Refused
from byhand.journal.journal import Journal
from byhand.records.actor import Authentication
from byhand.signatures import dsse
from byhand.store.state import SessionRow, State
from byhand.trust import checks

CHALLENGE_BYTES = 32
CHALLENGE_SECONDS = 120  # time to touch a hardware key or type a passphrase, not to carry a challenge elsewhere
TOKEN_BYTES = 32
SESSION_SECONDS = 8 * 3_600  # one working day
SESSION_ID_LENGTH = 16  # hex digits of a token's digest that name the session in records


class Sessions:
    """Logins and sessions of one home."""

    def __init__(self, journal: Journal, people: People, state: State) -> None:
        self._journal = journal
        self._people = people
        self._state = state

    def challenge(self) -> tuple[str, str]:
        """A fresh challenge (64 hex digits) and when it expires; good for one answer."""
        now = clock.now()
        self._state.end_sessions(expired_at=now)
        challenge = secrets.token_hex(CHALLENGE_BYTES)
        expires = clock.after(now, seconds=CHALLENGE_SECONDS)
        self._state.add_challenge(challenge, expires)
        return challenge, expires

    def login(self, envelope: str, challenge: str) -> tuple[str, Identity]:
        """A session for whoever answered ``challenge``; raises Refused, SharedAccount.

        1 the challenge was given out here, is fresh and unused; 2 the statement answers it; 3 its key speaks for
        the person now.
        """
        now = clock.now()
        if not self._state.use_challenge(challenge, now):  # 1
            raise Refused("this challenge was never given out, is used up or expired", advice="byhand login")
        keyring = self._people.keyring()
        try:
            key = checks.check_login(  # 2, 3
                dsse.parse(envelope.encode()),
                origin=self._journal.origin,
                challenge=challenge,
                keyring=keyring,
                at_index=self._journal.reader.size,
                now=now,
            )
        except BadSignature as error:
            raise Refused(f"the login is refused: {error}", advice=error.advice) from error
        check_not_shared(key.person)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires = clock.after(now, seconds=SESSION_SECONDS)
        self._state.add_session(SessionRow(_digest(token), key.person, key.fingerprint, now, expires))
        return token, self.identity(token)

    def _row(self, token: str) -> SessionRow:
        """The session behind ``token``; looked up by digest, so that timing tells nothing about tokens."""
        row = self._state.session(_digest(token))
        if row is None or row.expires <= clock.now():
            raise LoginRequired("nobody is signed in here, or the session has ended")
        return row

    def identity(self, token: str) -> Identity:
        """Who the token stands for; raises LoginRequired when its key was revoked meanwhile."""
        row = self._row(token)
        return Identity(
            person=row.person,
            credential=row.credential,
            expires=row.expires,
            roles=self._roles(row),
            trial=self._people.trial(),
        )

    def caller(self, token: str) -> Caller:
        """The caller behind the token; raises LoginRequired."""
        row = self._row(token)
        return Caller(
            person=row.person,
            credential=row.credential,
            authentication=Authentication(method="ssh-key", when=row.began, credential=row.credential),
            roles=self._roles(row),
            session=row.token[:SESSION_ID_LENGTH],
            display_name=self._people.display_name(row.person),
        )

    def _roles(self, row: SessionRow) -> tuple[str, ...]:
        try:
            key = self._people.keyring().key(row.credential, self._journal.reader.size)
        except BadSignature as error:
            raise LoginRequired(f"the key of this session speaks for nobody any more: {error}") from error
        return key.roles

    def logout(self, token: str) -> None:
        """End the session."""
        self._state.end_sessions(token=_digest(token))

    def close(self) -> None:
        """Give back files."""
        self._state.close()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
