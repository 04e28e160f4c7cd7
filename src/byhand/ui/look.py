# SPDX-License-Identifier: Apache-2.0
"""How pages look and what browsers may do with them: templates, the one way a text is shown, headers, assets.

Whatever others wrote is escaped, and what a reader could not see, or would see elsewhere, is spelt out. A page loads
nothing but our own style sheet and script, sends nothing anywhere else, and is framed by nobody.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import Response

from byhand.records.lookalikes import INVISIBLE
from byhand.records.visible import visible

ASSETS = {
    "check.js": "text/javascript; charset=utf-8",
    "sign.js": "text/javascript; charset=utf-8",
    "byhand.css": "text/css; charset=utf-8",
    "byhand.js": "text/javascript; charset=utf-8",
    "byhand.svg": "image/svg+xml",
}
HTML = "text/html; charset=utf-8"
DIGEST_LENGTH = 16  # hex digits of an asset's digest in its address: a changed one has another address
ASSET_SECONDS = 31_536_000  # a year, as an address never changes its content
LINES_KEPT = "\n"
RECORD_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z", re.ASCII)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), "
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
}
NOT_KEPT = {"Cache-Control": "no-store"}  # pages name persons: no proxy and no Back button keeps them
HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


def shown(text: object) -> Markup:
    """A text that somebody wrote, for a page: escaped, and whatever cannot be seen in it spelt out and marked."""
    parts = []
    for character in str(text):
        hidden = INVISIBLE.match(character) is not None
        seen = _spelt(character) if hidden else visible(character, keep=LINES_KEPT)
        parts.append(
            escape(seen) if seen == character else Markup('<span class="hidden">{}</span>').format(seen)
        )
    return Markup("").join(parts)


def place(text: str) -> Markup:
    """As ``shown``, for names with slashes: a line may end behind one."""
    return Markup("/<wbr>").join(shown(part) for part in text.split("/"))


def moment(text: str) -> Markup:
    """A time of the log for people, to the second; the whole of it stands behind it for machines."""
    said = f"{text[:10]} {text[11:19]} UTC" if RECORD_TIME.match(text) else text
    return Markup('<time datetime="{}">{}</time>').format(text, shown(said))


def _spelt(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("byhand.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "place": place, "moment": moment}
    environment.globals["asset"] = address_of
    return environment


def page(template: str, origin: str, status: int = 200, **shows: Any) -> Response:
    """The page that ``template`` makes of what it shows."""
    text = _environment().get_template(template).render(shows)
    https = HTTPS_ONLY if origin.startswith("https://") else {}
    return Response(text, status, {**HEADERS, **NOT_KEPT, **https, "Content-Type": HTML})


@cache
def content_of(name: str) -> bytes:
    """The bytes of an asset."""
    return resources.files("byhand.ui").joinpath("assets", name).read_bytes()


@cache
def address_of(name: str) -> str:
    """Where a page finds an asset."""
    return f"/assets/{hashlib.sha256(content_of(name)).hexdigest()[:DIGEST_LENGTH]}/{name}"


def asset(name: str) -> Response:
    """An asset, kept by browsers for good."""
    kept = {"Cache-Control": f"public, max-age={ASSET_SECONDS}, immutable"}
    return Response(content_of(name), 200, {**HEADERS, **kept, "Content-Type": ASSETS[name]})
