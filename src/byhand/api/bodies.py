# SPDX-License-Identifier: Apache-2.0
"""Reading what a client sends, strictly and with an end: so many bytes, so many seconds, one exact form."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from byhand.errors import Fault, Invalid, TooLarge
from byhand.records.limits import BATCH_BYTES_MAX, RECORD_BYTES_MAX, STATEMENT_LENGTH_MAX

BODY_SECONDS_MAX = 10.0  # a mebibyte over a slow line; whoever takes longer keeps others waiting
GATE_BYTES_MAX = (
    RECORD_BYTES_MAX + 2 * STATEMENT_LENGTH_MAX
)  # a declaration and its statement, both at their largest


async def read(request: Request, *, bytes_max: int = BATCH_BYTES_MAX) -> bytes:
    """The body; raises TooLarge, or Invalid when it does not come in time or in full."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise _too_large(bytes_max)
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for part in request.stream():
                data += part
                if len(data) > bytes_max:
                    raise _too_large(bytes_max)
    except TimeoutError as error:
        raise Invalid(f"the body did not come within {BODY_SECONDS_MAX:g} seconds") from error
    except ClientDisconnect as error:
        raise Invalid("the client went before its body was here") from error
    return bytes(data)


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge("this is too large", (Fault("", f"has more than {bytes_max} bytes", "send it in parts"),))
