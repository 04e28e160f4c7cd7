# SPDX-License-Identifier: Apache-2.0
"""Reading what a client sends, strictly and with an end: so many bytes, so many seconds, one exact form.

A body is read before its request takes a place in a lane: whoever trickles it in keeps nobody from the gate.
"""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from byhand.api.patience import Patience
from byhand.errors import Fault, Invalid, Overloaded, TooLarge, UnknownMedia

BODY_SECONDS_MAX = 10.0  # a mebibyte over a slow line; whoever takes longer keeps others waiting
JSON = "application/json"
IN_FULL = "byhand.in_full"
"""Set in a request's scope once all of it has come: then nothing is waited for, and nobody has to be patient."""
GONE = "the client went before its body was here"
WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})


async def read(request: Request, *, bytes_max: int, patience: Patience, whose: str) -> bytes:
    """The body; raises UnknownMedia, TooLarge, Overloaded, or Invalid when it does not come in time or in full."""
    if request.method in WITHOUT_BODY:
        return b""
    media = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media != JSON:
        raise UnknownMedia("this body is no JSON")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise _too_large(bytes_max)
    if request.scope.get(IN_FULL):
        message = await request.receive()
        if message["type"] == "http.request" and not message["more_body"]:
            return _bounded(message["body"], bytes_max)
        raise Invalid(GONE)
    given_up = asyncio.timeout(BODY_SECONDS_MAX)
    gave_way = False

    def give_way() -> None:
        nonlocal gave_way
        gave_way = True
        given_up.reschedule(0)

    try:
        async with given_up:
            with patience.waiting(give_way, whose):
                return await _whole(request, bytes_max)
    except TimeoutError as error:
        if gave_way:
            raise Overloaded("too many bodies are on their way, and this one took the longest") from error
        raise Invalid(f"the body did not come within {BODY_SECONDS_MAX:g} seconds") from error
    except ClientDisconnect as error:
        raise Invalid(GONE) from error


async def _whole(request: Request, bytes_max: int) -> bytes:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > bytes_max:
            raise _too_large(bytes_max)
    return bytes(data)


def _bounded(data: bytes, bytes_max: int) -> bytes:
    if len(data) > bytes_max:
        raise _too_large(bytes_max)
    return data


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge("this is too large", (Fault("", f"has more than {bytes_max} bytes", "send it in parts"),))
