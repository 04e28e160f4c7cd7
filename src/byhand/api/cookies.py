# SPDX-License-Identifier: Apache-2.0
"""The session of the pages: a cookie that no script reads, no other site sends, and no other page can use.

Three things keep a stranger's page from acting in a person's name: the cookie is ``SameSite=Strict``; what changes
something carries an ``Origin``, which browsers write themselves, and it must be ours; bodies are JSON, which no form of
another site sends. On ``http://localhost`` (for trying things out) cookies cannot be ``Secure``, and every server on
that machine's localhost gets them, whatever its port.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from byhand.errors import Refused

SECURE_NAME, LOCAL_NAME = "__Host-byhand", "byhand"
READING = frozenset({"GET", "HEAD"})
OWN_PAGES = frozenset({"same-origin", "none"})  # none: typed, or a bookmark


def name_at(origin: str) -> str:
    """The cookie's name: with ``__Host-`` browsers let no neighbour set it, and send it over TLS only."""
    return SECURE_NAME if origin.startswith("https://") else LOCAL_NAME


def give(answer: Response, origin: str, token: str) -> None:
    """Put the session into the browser; it goes when the browser is closed, and ends by itself before."""
    secure = origin.startswith("https://")
    answer.set_cookie(name_at(origin), token, path="/", secure=secure, httponly=True, samesite="strict")


def take_back(answer: Response, origin: str) -> None:
    """Let the browser forget the session."""
    secure = origin.startswith("https://")
    answer.delete_cookie(name_at(origin), path="/", secure=secure, httponly=True, samesite="strict")


def token_of(request: Request, origin: str) -> str | None:
    """The session in the cookie, if there is one and the request comes from our own pages; raises Refused."""
    token = request.cookies.get(name_at(origin)) if origin else None
    if token is not None:
        check_page(request, origin)
    return token


def check_page(request: Request, origin: str) -> None:
    """Raise Refused unless a page of ours sent this request, as far as browsers say who did."""
    site = request.headers.get("sec-fetch-site")
    said = request.headers.get("origin")
    if site is not None and site not in OWN_PAGES:
        raise Refused(
            "this request comes from a page of another site",
            advice=f"Use the pages at {origin}" if origin else "Set server.public_url.",
        )
    if said != origin and (said is not None or request.method not in READING):
        raise Refused(
            "this request comes from no page of this server",
            advice=f"Use the pages at {origin}" if origin else "Set server.public_url.",
        )
