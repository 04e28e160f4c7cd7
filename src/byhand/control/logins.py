# SPDX-License-Identifier: Apache-2.0
"""Persons sign in at their issuer: by a code typed on another device (RFC 8628), or in the browser (code, PKCE).

byhand itself speaks to the issuer and takes a token from nobody else, so one that leaked signs nobody in
(see decision 10). Such a session never signs: what needs its person's own key needs it here too.

    1  the login was begun here, is not over and was not used
    2  in a browser: it is the one that began, and the answer is from the issuer that was asked (RFC 9207)
    3  the issuer gives its token for our verifier, and the token holds and answers this login (``oidc``)
    4  it is as fresh and as strong as was asked for
    5  a person is linked to the account, enrolled now, and no shared account
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from byhand import clock
from byhand.client.contract import DeviceLogin, Identity
from byhand.control.accounts import Accounts
from byhand.control.issuers import OK, Issuers
from byhand.control.oidc import LEEWAY_SECONDS, Verified
from byhand.control.sessions import Sessions
from byhand.errors import IssuerUnavailable, LoginPending, Refused
from byhand.records.actor import Authentication
from byhand.records.base import Part
from byhand.records.credentials import token_digest
from byhand.signatures import wire
from byhand.store.state import State

PATH_LENGTH_MAX = 4_096  # of a page to go on to: longer than any of ours with a reason in it
METHOD = "oidc"
UNDATED = "oidc-undated"
"""The issuer does not say when the person proved who they are: for no act that takes a fresh login."""
SEVERAL_FACTORS = "mfa"
HANDLE_BYTES = 32
MAX_AGE_SECONDS_MAX = (
    86_400  # whoever asks for a login that may be older than a day asks for none in particular
)
LOGIN_SECONDS = 600  # to find the phone and sign in there; RFC 8628 issuers give ten minutes or more
INTERVAL_SECONDS, INTERVAL_SECONDS_MAX = 5, 60  # RFC 8628, 3.5: unless the issuer says otherwise
SLOWER_SECONDS = 5  # RFC 8628, 3.5: how much slower after slow_down
TEXT_LENGTH_MAX = 2_048  # of what an issuer has people type or open
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
NOT_OURS = "this login was never begun here, is over, or was used already"
AGAIN = "Sign in once more."


class Underway(Part, kw_only=True):
    """A login that began: what only this server knows of it."""

    issuer: str
    began: str
    max_age: int | None = None
    strong: bool = False
    nonce: str | None = None
    verifier: str | None = None
    redirect: str | None = None
    browser: str | None = None
    """Digest of what the browser that began keeps."""
    then: str = "/"
    device_code: str | None = None
    interval: int = INTERVAL_SECONDS
    asked: str = ""
    expires: str


class Logins:
    """Logins at issuers, of one home. ``now`` is the time now unless a test says otherwise."""

    def __init__(self, issuers: Issuers, accounts: Accounts, sessions: Sessions, state: State) -> None:
        self._issuers = issuers
        self._accounts = accounts
        self._sessions = sessions
        self._state = state

    def for_persons(self) -> tuple[str, ...]:
        """The issuers at which persons sign in."""
        return tuple(sorted(name for name, one in self._issuers.table.items() if one.kind == "person"))

    # -- by a code on another device

    def begin_device(
        self, issuer: str, *, max_age: int | None = None, strong: bool = False, whose: str = ""
    ) -> DeviceLogin:
        """Begin a login whose person types a code at the issuer; raises NotFound, Refused, IssuerUnavailable.

        ``whose``: the site from which it begins.
        """
        settings = self._issuers.settings(issuer, "person")
        endpoint = self._issuers.endpoint(issuer, "device_authorization_endpoint")
        form = {"scope": " ".join(settings.scopes), **self._asked(issuer, max_age, strong=strong)}
        status, said = self._issuers.ask(issuer, "POST", endpoint, form)
        if status != OK:
            raise _refused(issuer, said)
        code = _text(said, "device_code")
        interval = _whole(said.get("interval", INTERVAL_SECONDS), INTERVAL_SECONDS_MAX)
        now = clock.now()
        expires = clock.after(now, seconds=_whole(said.get("expires_in"), LOGIN_SECONDS))
        handle = self._keep(
            Underway(
                issuer=issuer,
                began=now,
                max_age=max_age,
                strong=strong,
                device_code=code,
                interval=interval,
                expires=expires,
            ),
            whose,
        )
        complete = said.get("verification_uri_complete")
        return DeviceLogin(
            handle=handle,
            code=_text(said, "user_code"),
            place=_text(said, "verification_uri"),
            place_with_code=complete if _is_text(complete) else None,
            interval=interval,
            expires=expires,
        )

    def finish_device(self, handle: str) -> tuple[str, Identity]:
        """The session, once the person signed in; raises LoginPending until then, Refused when they will not."""
        now, digest = clock.now(), token_digest(handle)
        found = self._state.login(digest, now)
        if found is None:
            raise Refused(NOT_OURS, advice=AGAIN)  # 1
        one = msgspec.json.decode(found, type=Underway)
        if one.device_code is None:
            raise Refused(NOT_OURS, advice=AGAIN)
        if one.asked and clock.after(one.asked, seconds=one.interval) > now:
            raise LoginPending("the issuer is not to be asked that often", seconds=one.interval)
        self._again(digest, one, interval=one.interval, asked=now)
        form = {"grant_type": DEVICE_GRANT, "device_code": one.device_code}
        status, said = self._tokens(one, form)
        if status != OK and said.get("error") in ("authorization_pending", "slow_down"):
            slower = SLOWER_SECONDS if said.get("error") == "slow_down" else 0
            interval = min(one.interval + slower, INTERVAL_SECONDS_MAX)
            self._again(digest, one, interval=interval, asked=now)
            raise LoginPending("nobody has signed in at the issuer yet", seconds=interval)
        if self._state.take_login(digest, now) is None:  # 1: of two who ask at once one gets the session
            raise Refused(NOT_OURS, advice=AGAIN)
        # A crash here: the issuer's code is used up and nobody is signed in; the person begins again.
        return self._signed_in(one, status, said)[:2]

    def _again(self, digest: str, one: Underway, **changed: Any) -> None:
        kept = msgspec.structs.replace(one, **changed)
        self._state.change_login(digest, msgspec.json.encode(kept).decode())

    # -- in a browser

    def begin_browser(
        self,
        issuer: str,
        redirect: str,
        *,
        then: str = "/",
        max_age: int | None = None,
        strong: bool = False,
        whose: str = "",
    ) -> tuple[str, str]:
        """Where to send the browser, and what it must keep until it comes back; raises as ``begin_device``."""
        settings = self._issuers.settings(issuer, "person")
        endpoint = self._issuers.endpoint(issuer, "authorization_endpoint")
        verifier, nonce, browser = (secrets.token_urlsafe(HANDLE_BYTES) for _ in range(3))
        now = clock.now()
        state = self._keep(
            Underway(
                issuer=issuer,
                began=now,
                max_age=max_age,
                strong=strong,
                nonce=nonce,
                verifier=verifier,
                redirect=redirect,
                browser=token_digest(browser),
                then=then,
                expires=clock.after(now, seconds=LOGIN_SECONDS),
            ),
            whose,
        )
        words = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
            **self._asked(issuer, max_age, strong=strong),
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(words)}", browser

    def finish_browser(
        self, state: str, code: str, browser: str, *, issuer: str | None = None, error: str | None = None
    ) -> tuple[str, Identity, str]:
        """The session, and where in the pages to go on; raises Refused, SharedAccount, IssuerUnavailable.

        ``issuer``: who says to have answered (``iss``).
        """
        found = self._state.take_login(token_digest(state), clock.now())  # 1: gone, whatever comes of it
        one = msgspec.json.decode(found, type=Underway) if found is not None else None
        if one is None or one.verifier is None or one.redirect is None or one.nonce is None:
            raise Refused(NOT_OURS, advice=AGAIN)
        if not hmac.compare_digest(token_digest(browser), one.browser or ""):  # 2
            raise Refused("this login was begun in another browser", advice=AGAIN)
        self._check_answered(one, issuer)
        if error is not None or not code:
            raise Refused(f"the issuer {one.issuer} did not sign you in", advice=AGAIN)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": one.redirect,
            "code_verifier": one.verifier,
        }
        return self._signed_in(one, *self._tokens(one, form))

    def _check_answered(self, one: Underway, issuer: str | None) -> None:
        """Raise Refused unless the answer is from the issuer that was asked; one that says who it is always must."""
        says = (
            self._issuers.metadata(one.issuer).get("authorization_response_iss_parameter_supported") is True
        )
        if issuer != self._issuers.table[one.issuer].url and (says or issuer is not None):
            raise Refused("another issuer answered than the one that was asked", advice=AGAIN)

    # -- both

    def _asked(self, issuer: str, max_age: int | None, *, strong: bool) -> Mapping[str, str]:
        """How fresh and how strong a login is asked for (OpenID Connect Core, 3.1.2.1)."""
        asked = {"max_age": str(max_age)} if max_age is not None else {}
        values = self._issuers.table[issuer].acr_values
        if strong and not values:
            raise Refused(
                f"the issuer {issuer} is not known to sign anybody in strongly",
                advice=f"Sign in with your own key, or set issuers.{issuer}.acr_values.",
            )
        return asked | ({"acr_values": " ".join(values)} if strong else {})

    def _keep(self, one: Underway, whose: str) -> str:
        handle = secrets.token_urlsafe(HANDLE_BYTES)
        self._state.end_sessions(expired_at=clock.now())
        said = msgspec.json.encode(one).decode()
        self._state.add_login(token_digest(handle), said, one.expires, whose)
        return handle

    def _tokens(self, one: Underway, form: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        return self._issuers.ask(
            one.issuer, "POST", self._issuers.endpoint(one.issuer, "token_endpoint"), form
        )

    def _signed_in(self, one: Underway, status: int, said: Mapping[str, Any]) -> tuple[str, Identity, str]:
        """3 to 5, and the session. Access and refresh tokens that came along are thrown away."""
        token = said.get("id_token")
        if status != OK or not isinstance(token, str):
            raise _refused(one.issuer, said)
        found = self._issuers.verified(one.issuer, token, nonce=one.nonce)  # 3
        self._check_strength(one, found)  # 4
        person = self._accounts.person(found)  # 5
        authentication = Authentication(
            method=METHOD if found.authenticated is not None else UNDATED,
            when=found.authenticated or found.issued,
            credential=found.name,
            acr=found.acr,
            amr=found.amr,
            mfa=SEVERAL_FACTORS in found.amr,
        )
        token, identity = self._sessions.begin_elsewhere(person, authentication)
        return token, identity, one.then

    def _check_strength(self, one: Underway, found: Verified) -> None:
        if one.max_age is not None:
            oldest = clock.after(one.began, seconds=-(one.max_age + LEEWAY_SECONDS))
            if found.authenticated is None or found.authenticated < oldest:
                raise Refused("the issuer did not ask who you are once more", advice=AGAIN)
        if one.strong and found.acr not in self._issuers.table[one.issuer].acr_values:
            raise Refused("the issuer did not sign you in as strongly as was asked for", advice=AGAIN)


def _refused(issuer: str, said: Mapping[str, Any]) -> Refused:
    error = said.get("error")
    shown = error[:64] if isinstance(error, str) and error.isascii() and error.isprintable() else "no reason"
    return Refused(f"the issuer {issuer} refuses the login: {shown}", advice=AGAIN)


def _text(said: Mapping[str, Any], name: str) -> str:
    found = said.get(name)
    if not _is_text(found):
        raise IssuerUnavailable(f"the issuer's answer lacks its {name}")
    return str(found)


def _is_text(found: object) -> bool:
    return isinstance(found, str) and 0 < len(found) <= TEXT_LENGTH_MAX and found.isprintable()


def _whole(found: object, high: int) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        return high
    return min(found, high)


def _challenge(verifier: str) -> str:
    """RFC 7636, 4.2: S256."""
    return wire.base64url(hashlib.sha256(verifier.encode()).digest())


def own_path(text: str) -> str:
    """Where to go after signing in: a path of this server; whatever leads elsewhere is the first page."""
    own = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if own and text.isprintable() and text.isascii() and len(text) <= PATH_LENGTH_MAX else "/"
