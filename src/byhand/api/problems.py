# SPDX-License-Identifier: Apache-2.0
"""Errors as RFC 9457 problem details: every fault at once, with its JSON pointer and advice, never a secret."""

from __future__ import annotations

import logging

import orjson
from starlette.responses import Response

from byhand import errors
from byhand.api.lanes import RETRY_AFTER_SECONDS

MEDIA_TYPE = "application/problem+json"
TYPE = "https://byhand.dev/problems/"
STATUS: dict[type[errors.ByhandError], int] = {
    errors.TooLarge: 413,
    errors.UnknownMedia: 415,
    errors.Invalid: 400,
    errors.LoginRequired: 401,
    errors.BeforeStateChanged: 409,
    errors.Refused: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LogUnavailable: 503,
}
"""The nearest class in an error's line of ancestors decides; whatever is not here is our own fault."""
OUR_FAULT = 500
POINTER_SHOWN = (
    1_000  # characters; a longer one is made of keys that are no names, and a hundred faults repeat it
)
logger = logging.getLogger("byhand.api")


def status_of(error: errors.ByhandError) -> int:
    """The HTTP status of an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), OUR_FAULT)


def problem(error: errors.ByhandError, status: int | None = None) -> Response:
    """The answer that tells a client what went wrong, and what to do; ``status`` where HTTP has its own."""
    status = status or status_of(error)
    body: dict[str, object] = {
        "type": TYPE + errors.code_of(type(error)),
        "title": type(error).__name__,
        "status": status,
        "detail": _detail(error),
    }
    if error.advice:
        body["advice"] = error.advice
    if isinstance(error, errors.Invalid):
        body["faults"] = [
            {"pointer": fault.pointer[:POINTER_SHOWN], "message": fault.message, "advice": fault.advice}
            for fault in error.faults
        ]
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, errors.LoginRequired):
        headers["WWW-Authenticate"] = 'Bearer realm="byhand"' + _step_up(error)
    if isinstance(error, errors.LoginTooWeak):
        body |= {"max_age": error.max_age} if error.max_age is not None else {}
        body |= {"acr_values": list(error.acr_values)} if error.acr_values else {}
    if isinstance(error, errors.LogUnavailable):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def _step_up(error: errors.LoginRequired) -> str:
    """RFC 9470, 3: what a login must be like for this."""
    if not isinstance(error, errors.LoginTooWeak):
        return ""
    words = ', error="insufficient_user_authentication"'
    if error.max_age is not None:
        words += f", max_age={error.max_age}"
    return words + (f', acr_values="{" ".join(error.acr_values)}"' if error.acr_values else "")


def _detail(error: errors.ByhandError) -> str:
    """The sentence without the list of faults, which stands beside it."""
    return str(error).partition("\n")[0]


def unexpected(error: Exception) -> Response:
    """A fault of ours: told in full to whoever runs the server, and to the client that it was one."""
    logger.error("a request failed", exc_info=error)
    failure = errors.LogUnavailable("the server failed", advice="Whoever runs it finds the cause in its log.")
    return problem(failure, OUR_FAULT)
