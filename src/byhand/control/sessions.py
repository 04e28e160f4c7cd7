# SPDX-License-Identifier: Apache-2.0
"""Who is signed in: a challenge is answered with the person's own key, and a token stands for it a while.

The key may be an SSH key or a passkey. A passkey counts its signatures, if it does: one that has signed less often
than it had before is a copy, and is refused.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import msgspec

from byhand import clock
from byhand.client.contract import Identity
from byhand.control.administration import LATELY_SECONDS
from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.errors import BadSignature, Invalid, LoginRequired, Refused
from byhand.journal.journal import Journal
from byhand.records.actor import Authentication
from byhand.records.credentials import token_digest
from byhand.records.shared_accounts import check_not_shared
from byhand.signatures import dsse, public_keys, webauthn
from byhand.store.state import SessionRow, State
from byhand.trust import checks, statements
from byhand.trust.keyring import EnrolledKey

CHALLENGE_BYTES = 32
CHALLENGE_SECONDS = 120  # time to touch a key or type a passphrase, not to carry a challenge elsewhere
TOKEN_BYTES = 32
SESSION_SECONDS = 8 * 3_600  # one working day
REMEMBERED_MAX = 1_024  # sessions that ask within such a moment; each is some hundred bytes
SESSION_ID_LENGTH = 16  # hex digits of a token's digest that name the session in records
METHODS: dict[public_keys.Kind, str] = {public_keys.SSH: "ssh-key", public_keys.WEBAUTHN: "passkey"}
HARDWARE_KEY, SOFTWARE_KEY = "hwk", "swk"
"""RFC 8176: the key cannot leave its device, or it can."""
NOT_OUR_CHALLENGE = "this challenge was never given out, is used up or expired"
NO_SUCH_PASSKEY = "the login is refused: this passkey does not speak for that person here"
ENROL_ONE = "Enrol it first: byhand key add --passkey CODE"
SEVERAL_FACTORS = "mfa"
"""RFC 8176: a passkey is something one has, and it opens to a PIN, a finger or a face."""


def nobodys(account: str, person: str, since: str) -> bool:  # noqa: ARG001 - a home that knows no issuers
    """No account is anybody's."""
    return False


class Sessions:
    """Logins and sessions of one home. ``now`` is the time now unless a test says otherwise."""

    def __init__(
        self,
        journal: Journal,
        people: People,
        state: State,
        still: Callable[[str, str, str], bool] = nobodys,
    ) -> None:
        """``still``: whether an account (``issuer:account``) still is a person's, and was since a time."""
        self._journal = journal
        self._people = people
        self._state = state
        self._still = still
        self._remembered: dict[str, tuple[float, SessionRow]] = {}

    def challenge(self, *, now: str | None = None) -> tuple[str, str]:
        """A fresh challenge (64 hex digits) and when it expires; good for one answer."""
        now = now or clock.now()
        self._state.end_sessions(expired_at=now)
        challenge = secrets.token_hex(CHALLENGE_BYTES)
        expires = clock.after(now, seconds=CHALLENGE_SECONDS)
        self._state.add_challenge(challenge, expires)
        return challenge, expires

    def login(
        self, envelope: str, challenge: str | None = None, *, now: str | None = None
    ) -> tuple[str, Identity]:
        """A token for whoever answered a challenge of ours; raises Refused, SharedAccount, Invalid.

        ``challenge`` may name the one that must be answered. The token is 256 random bits and is kept nowhere
        here but as SHA-256.

        1 the statement answers a challenge that was given out here, is fresh and unused; 2 its key speaks for
        the person now; 3 that person is nobody's shared account; 4 no copy of a passkey answered.
        """
        now = now or clock.now()
        try:
            key = self._key(dsse.parse(envelope.encode("utf-8", "surrogatepass")), challenge, now)
        except BadSignature as error:
            raise Refused(f"the login is refused: {error}", advice=error.advice) from error
        check_not_shared(key.person)  # 3
        return self._kept(key.person, key.fingerprint, now)

    def login_by_passkey(
        self,
        person: str,
        challenge: str,
        expires: str,
        credential: bytes,
        assertion: webauthn.Assertion,
        *,
        now: str | None = None,
    ) -> tuple[str, Identity]:
        """As ``login``, for a browser that knows its passkey by the id that only authenticators use.

        Whether there is such a person, or such a passkey, is told to nobody.
        """
        try:
            login = statements.Login(
                origin=self._journal.origin, person=person, challenge=challenge, expires=expires
            )
            envelope = statements.add_assertion(
                statements.unsigned(login), self._passkey(person, credential), assertion
            )
        except (BadSignature, Invalid) as error:
            self._state.use_challenge(challenge, now or clock.now())
            raise Refused(NO_SUCH_PASSKEY, advice=ENROL_ONE) from error
        return self.login(dsse.encode(envelope).decode("ascii"), challenge, now=now)

    def _passkey(self, person: str, credential: bytes) -> bytes:
        """The passkey of that person with that id; raises BadSignature."""
        for key in self._people.keyring().keys_of(person, self._journal.reader.size):
            if key.kind == public_keys.WEBAUTHN and webauthn.parse(key.blob).credential == credential:
                return key.blob
        raise BadSignature(NO_SUCH_PASSKEY)

    def begin_elsewhere(
        self, person: str, authentication: Authentication, *, now: str | None = None
    ) -> tuple[str, Identity]:
        """A session for a person whom an issuer signed in; whoever calls has verified that."""
        said = msgspec.json.encode(authentication).decode()
        return self._kept(person, authentication.credential, now or clock.now(), said)

    def _kept(self, person: str, credential: str, now: str, said: str = "") -> tuple[str, Identity]:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires = clock.after(now, seconds=SESSION_SECONDS)
        self._state.add_session(SessionRow(token_digest(token), person, credential, now, expires, said))
        return token, self.identity(token, now=now)

    def _key(self, envelope: dsse.Envelope, challenge: str | None, now: str) -> EnrolledKey:
        origin = self._journal.origin
        answered = challenge or statements.read(envelope, statements.Login, origin=origin).challenge
        if not self._state.use_challenge(answered, now):  # 1
            raise Refused(NOT_OUR_CHALLENGE, advice="byhand login")
        key = checks.check_login(  # 1, 2
            envelope,
            origin=origin,
            challenge=answered,
            keyring=self._people.keyring(),
            at_index=self._journal.reader.size,
            now=now,
        )
        self.count(envelope)  # 4
        return key

    def count(self, envelope: dsse.Envelope) -> None:
        """Remember how often the passkeys that signed a verified ``envelope`` have signed; raises BadSignature."""
        for one in envelope.signatures:
            if not one.authenticator_data:
                continue  # no passkey's: an SSH key counts nothing
            if not self._state.count_up(one.keyid, webauthn.counter_of(one.authenticator_data)):
                raise BadSignature(
                    f"The passkey {one.keyid} has signed less often than it had before: a copy of it is in use.",
                    advice="Revoke it and enrol a new one: byhand key revoke",
                )

    def use(self, challenge: str) -> None:
        """Use up a challenge that something else than a login answers; raises Refused."""
        if not self._state.use_challenge(challenge, clock.now()):
            raise Refused(NOT_OUR_CHALLENGE, advice="Ask for a new one.")

    def _signed_in(self, token: str, now: str) -> tuple[SessionRow, EnrolledKey | None]:
        """The session behind ``token`` and its key, valid now, or its account still linked; raises LoginRequired.

        Looked up by digest, so that timing tells nothing about tokens.
        """
        row = self._row(token_digest(token))
        if row is None or row.expires <= now:
            raise LoginRequired("nobody is signed in here, or the session has ended")
        if row.began <= self._people.left(row.person):
            raise LoginRequired(f"{row.person} was deactivated after this session began")
        if row.authentication:
            if not self._still(row.credential, row.person, row.began):
                raise LoginRequired(f"the account of this session is not {row.person}'s any more")
            return row, None
        try:
            return row, self._people.key(row.credential)
        except BadSignature as error:
            raise LoginRequired(f"the key of this session speaks for nobody any more: {error}") from error

    def _row(self, digest: str) -> SessionRow | None:
        """The session; in a decision on a state that may be a moment old, as it was a moment ago."""
        moment = time.monotonic()
        remembered = self._remembered.get(digest) if self._people.lately() else None
        if remembered is not None and moment - remembered[0] < LATELY_SECONDS:
            return remembered[1]
        row = self._state.session(digest)
        if row is not None:
            if len(self._remembered) >= REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[digest] = (moment, row)
        return row

    def identity(self, token: str, *, now: str | None = None) -> Identity:
        """Who the token stands for; raises LoginRequired when it ended or its key was revoked meanwhile."""
        row, key = self._signed_in(token, now or clock.now())
        return Identity(
            person=row.person,
            credential=row.credential,
            expires=row.expires,
            name=self._people.display_name(row.person),
            roles=key.roles if key is not None else (),
            trial=self._people.trial(),
        )

    def caller(self, token: str, *, now: str | None = None) -> Caller:
        """The caller behind the token; raises LoginRequired."""
        row, key = self._signed_in(token, now or clock.now())
        return Caller(
            person=row.person,
            credential=row.credential,
            authentication=_by_key(row, key)
            if key is not None
            else msgspec.json.decode(row.authentication, type=Authentication),
            roles=key.roles if key is not None else (),
            session=row.token[:SESSION_ID_LENGTH],
            display_name=self._people.display_name(row.person),
        )

    def logout(self, token: str) -> None:
        """End the session; ending one that has ended already is no error."""
        digest = token_digest(token)
        self._state.end_sessions(token=digest)
        self._remembered.pop(digest, None)

    def close(self) -> None:
        """Give back files."""
        self._state.close()


def _by_key(row: SessionRow, key: EnrolledKey) -> Authentication:
    kind = HARDWARE_KEY if key.device_bound else SOFTWARE_KEY
    several = key.kind == public_keys.WEBAUTHN
    return Authentication(
        method=METHODS[key.kind],
        when=row.began,
        credential=row.credential,
        amr=(kind, SEVERAL_FACTORS) if several else (kind,),
        mfa=several,
    )
