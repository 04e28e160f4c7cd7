# SPDX-License-Identifier: Apache-2.0
"""Signing in over HTTP: a challenge, its answer signed with the person's own key, and a token for a while."""

from __future__ import annotations

from starlette.responses import Response

from byhand.api import cookies
from byhand.api.door import Call, shown
from byhand.client.contract import Challenge, LoginRequest, SignedIn
from byhand.records import codec

NOTHING = 204


async def challenge(call: Call) -> Response:
    """POST /v1/login/challenge: something fresh to sign."""
    text, expires = await call.run(call.home.sessions.challenge)
    return shown(Challenge(origin=call.home.origin, challenge=text, expires=expires))


async def login(call: Call) -> Response:
    """POST /v1/login: the signed answer; the token comes back once."""

    def signed_in() -> SignedIn:
        wanted = codec.parse(call.body, LoginRequest, inside={}, bytes_max=call.lane.bytes_max)
        token, identity = call.home.sessions.login(wanted.statement)
        return SignedIn(token=token, identity=identity)

    return shown(await call.run(signed_in))


async def logout(call: Call) -> Response:
    """DELETE /v1/login: end the session."""
    token = call.token()
    await call.run(lambda: call.home.sessions.logout(token))
    answer = Response(status_code=NOTHING)
    if cookies.name_at(call.house.origin) in call.request.cookies:
        cookies.take_back(answer, call.house.origin)
    return answer


async def identity(call: Call) -> Response:
    """GET /v1/identity: who the token stands for."""
    backend = call.backend()
    return shown(await call.run(backend.identity))
