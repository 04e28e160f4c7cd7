# SPDX-License-Identifier: Apache-2.0
"""Signing in at an issuer over HTTP: by a code typed on another device, or in a browser with code and PKCE.

In the browser a second cookie holds what the answer is tied to until it comes: it is ``SameSite=Lax``, since the
answer comes from the issuer's page, and it signs nobody in.
"""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from byhand.api import cookies
from byhand.api.door import NOT_KEPT, Call, shown
from byhand.api.shares import site
from byhand.client.contract import (
    DeviceAsked,
    DeviceLogin,
    DeviceRequest,
    DeviceWaits,
    Identity,
    IssuerNames,
    SignedIn,
)
from byhand.control.logins import LOGIN_SECONDS, MAX_AGE_SECONDS_MAX, own_path
from byhand.errors import Fault, Invalid, LoginPending, Refused
from byhand.records import codec

CALLBACK = "/v1/login/callback"
WAITING = 202
SEE_OTHER = 303
WORD_LENGTH_MAX = 4_096  # of a code or state that comes back; issuers' have some hundred characters
BOUND = "-login"
"""What the second cookie's name ends with."""
_ARRIVED = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>'
    '<meta http-equiv="refresh" content="0; url={place}"><p><a href="{place}">Signed in: go on</a></p></html>'
)
_ALONE = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def issuers(call: Call) -> Response:
    """GET /v1/login/issuers: where persons sign in, beside here."""
    return shown(IssuerNames(issuers=call.home.logins.for_persons()))


async def begin_device(call: Call) -> Response:
    """POST /v1/login/device: a code for the person, and what to ask with."""

    def begun() -> DeviceLogin:
        wanted = codec.parse(call.body, DeviceRequest, inside={}, bytes_max=call.lane.bytes_max)
        if wanted.max_age is not None and not 0 <= wanted.max_age <= MAX_AGE_SECONDS_MAX:
            fault = Fault("/max_age", f"is no whole number up to {MAX_AGE_SECONDS_MAX}")
            raise Invalid("the login cannot begin", (fault,))
        return call.home.logins.begin_device(
            wanted.issuer, max_age=wanted.max_age, strong=wanted.strong, whose=site(call.address)
        )

    return shown(await call.run(begun))


async def finish_device(call: Call) -> Response:
    """POST /v1/login/device/session: the session, once the person has signed in; until then, how long to wait."""

    def finished() -> SignedIn:
        wanted = codec.parse(call.body, DeviceAsked, inside={}, bytes_max=call.lane.bytes_max)
        token, identity = call.home.logins.finish_device(wanted.handle)
        return SignedIn(token=token, identity=identity)

    try:
        return shown(await call.run(finished))
    except LoginPending as waiting:
        return shown(DeviceWaits(interval=waiting.seconds), WAITING)


async def begin_browser(call: Call) -> Response:
    """GET /v1/login/at/{issuer}: to the issuer's own page."""
    if not call.origin:
        raise Refused("this server has no pages to sign in to", advice="Set server.public_url.")
    issuer, then = str(call.request.path_params["issuer"]), own_path(call.word("after", "/"))
    strong, max_age = call.flag("strong"), call.number("max_age", high=MAX_AGE_SECONDS_MAX)
    place, browser = await call.run(
        lambda: call.home.logins.begin_browser(
            issuer,
            call.origin + CALLBACK,
            then=then,
            max_age=max_age,
            strong=strong,
            whose=site(call.address),
        )
    )
    answer = RedirectResponse(place, SEE_OTHER, {**NOT_KEPT, "Referrer-Policy": "no-referrer"})
    secure = call.origin.startswith("https://")
    answer.set_cookie(
        cookies.name_at(call.origin) + BOUND,
        browser,
        max_age=LOGIN_SECONDS,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return answer


async def finish_browser(call: Call) -> Response:
    """GET /v1/login/callback: back from the issuer, with a code for us.

    The page leads on by itself: from a redirect that began at another site browsers would not send our cookie.
    """
    words = {name: call.word(name) for name in ("state", "code", "iss", "error")}
    if any(len(word) > WORD_LENGTH_MAX for word in words.values()):
        raise Invalid("the query is not understood", (Fault("", "is longer than any issuer's answer"),))
    browser = call.request.cookies.get(cookies.name_at(call.origin) + BOUND, "")

    def finished() -> tuple[str, Identity, str]:
        return call.home.logins.finish_browser(
            words["state"],
            words["code"],
            browser,
            issuer=words["iss"] or None,
            error=words["error"] or None,
        )

    token, _, then = await call.run(finished)
    place = escape(quote(then, safe="/?=&-._~%"), quote=True)
    answer = Response(
        _ARRIVED.format(place=place), headers={**NOT_KEPT, **_ALONE}, media_type="text/html; charset=utf-8"
    )
    secure = call.origin.startswith("https://")
    answer.delete_cookie(
        cookies.name_at(call.origin) + BOUND, path="/", secure=secure, httponly=True, samesite="lax"
    )
    cookies.give(answer, call.origin, token)
    return answer
