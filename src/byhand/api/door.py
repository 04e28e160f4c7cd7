# SPDX-License-Identifier: Apache-2.0
"""One way through every door: the body, a place in its lane, who asks, the answer or a problem, a count of it."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from byhand import wiring
from byhand.api import bodies, cookies, problems
from byhand.api.lanes import Lane, Lanes
from byhand.api.metrics import Metrics
from byhand.api.shares import site
from byhand.control import oidc
from byhand.embedded import Embedded, EmbeddedDesk
from byhand.errors import ByhandError, Fault, Invalid, LoginRequired
from byhand.records import codec, parts
from byhand.records.base import Part
from byhand.records.credentials import is_token

JSON = "application/json"
BEARER = "bearer "
ON_BEHALF_OF = "byhand-on-behalf-of"
TOKEN_LENGTH_MAX = 256  # ours have at most 54 characters; anything longer is no token
JUDGED_HERE_BYTES_MAX = 8_192  # judging costs up to half a microsecond a byte: the loop stands still for 4 ms
DIGITS_MAX = 16  # of a number: none of ours has more, and Python refuses to read thousands
STRANGER_PAUSE_SECONDS = 0.2  # before nobody is told so: a person hardly notices, guessing takes for ever
NOT_KEPT = {"Cache-Control": "no-store"}  # answers name persons: no proxy keeps them

Answer = TypeVar("Answer")
PartType = TypeVar("PartType", bound=Part)


@dataclass(frozen=True, slots=True)
class House:
    """What stands behind the doors."""

    home: wiring.Home
    lanes: Lanes
    metrics: Metrics
    origin: str = ""
    """Where people reach the pages, as browsers name it; empty: there are none."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way."""

    request: Request
    house: House
    lane: Lane
    body: bytes = b""

    @property
    def home(self) -> wiring.Home:
        """The opened home."""
        return self.house.home

    @property
    def origin(self) -> str:
        """Where people reach the pages, as browsers name it."""
        return self.house.origin

    @staticmethod
    def status_of(error: ByhandError) -> int:
        """The HTTP status of an error."""
        return problems.status_of(error)

    @property
    def address(self) -> str | None:
        """Where the request came from, as the network or the proxy before us says."""
        return self.request.client.host if self.request.client is not None else None

    def token(self) -> str:
        """The bearer token, or the session of the pages; raises LoginRequired, Refused."""
        header = self.request.headers.get("authorization", "")
        if not header:
            token = cookies.token_of(self.request, self.house.origin)
            if token is not None and len(token) <= TOKEN_LENGTH_MAX and _is_session(token):
                return token
        if header[: len(BEARER)].lower() != BEARER:
            raise LoginRequired("this request carries no token", advice="byhand login --url URL")
        token = header[len(BEARER) :].strip()
        if len(token) > (oidc.TOKEN_LENGTH_MAX if oidc.looks_like_token(token) else TOKEN_LENGTH_MAX):
            raise LoginRequired("what this request carries is no token", advice="byhand login --url URL")
        return token

    async def look_up(self) -> None:
        """Have a token that an issuer signed verified, whoever must be asked for its keys: the loop never waits."""
        header = self.request.headers.get("authorization", "")
        if not header or not oidc.looks_like_token(header):
            return
        token = self.token()
        if self.home.credentials.looked_up(token):
            return  # an act of a pipeline does not wait behind people who sign in
        issuers = self.house.lanes.issuers
        with issuers.place(site(self.address)):
            await issuers.run(lambda: self.home.credentials.look_up(token))

    def backend(self) -> Embedded:
        """The gate, for whoever the token stands for; nobody is looked up yet."""
        behalf = self.request.headers.get(ON_BEHALF_OF)
        return wiring.open_backend(self.home, self.token(), on_behalf_of=behalf, address=self.address)

    def desk(self) -> EmbeddedDesk:
        """The reader's desk, likewise."""
        desk = wiring.open_desk(self.home, self.token(), address=self.address)
        return desk.veiled() if self.flag("pseudonyms") else desk

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """``work``'s answer, from a thread of this lane."""
        return await self.lane.run(work)

    async def parsed(self, kind: type[PartType], inside: Mapping[str, str] | None = None) -> PartType:
        """The body as a part, see ``codec.parse``.

        What our own client writes is read in one quick pass. Everything else costs up to a thousand times as
        much: for that somebody must be signed in, and what is large is judged beside the loop.
        """
        written = codec.parse_canonical(self.body, kind)
        if written is not None:
            return written
        self.home.credentials.identity(self.token())

        def judged() -> PartType:
            return codec.parse(self.body, kind, inside=inside or {}, bytes_max=self.lane.bytes_max)

        return judged() if len(self.body) <= JUDGED_HERE_BYTES_MAX else await self.run(judged)

    def word(self, name: str, default: str = "") -> str:
        """A query parameter; raises Invalid when it stands twice."""
        found = self.request.query_params.getlist(name)
        if len(found) > 1:
            raise Invalid("the query is not understood", (Fault(f"/{name}", "stands twice", "send it once"),))
        return found[0] if found else default

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false; raises Invalid."""
        text = self.word(name, "false")
        if text not in ("true", "false"):
            raise Invalid("the query is not understood", (Fault(f"/{name}", "must be true or false"),))
        return text == "true"

    def number(self, name: str, *, high: int) -> int | None:
        """A whole number among the query parameters, at most ``high``; raises Invalid."""
        text = self.word(name)
        if not text:
            return None
        if not text.isascii() or not text.isdecimal() or len(text) > DIGITS_MAX or int(text) > high:
            fault = Fault(f"/{name}", f"is no whole number up to {high}")
            raise Invalid("the query is not understood", (fault,))
        return int(text)


def _is_session(token: str) -> bool:
    """Only a session comes in a cookie: other credentials are for programs, which no browser sends for others."""
    return not is_token(token) and not oidc.looks_like_token(token)


Handler = Callable[[Call], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def door(lane: str, handler: Handler) -> Endpoint:
    """``handler`` behind the lane of that name."""

    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        house: House = request.app.state.house
        place: Lane = getattr(house.lanes, lane)
        whose = site(request.client.host if request.client is not None else None)
        began = time.perf_counter()
        body: bytes | None = None
        try:
            body = await bodies.read(request, bytes_max=place.bytes_max, patience=place.bodies, whose=whose)
            with place.place(whose):
                call = Call(request, house, place, body)
                await call.look_up()
                answer = await handler(call)
        except ByhandError as error:
            answer = problems.problem(error)
            if body is None:
                answer.headers["Connection"] = "close"  # what still comes of that body is nobody's
            if body is None or isinstance(error, LoginRequired):
                await asyncio.sleep(STRANGER_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - told in full to whoever runs the server
            answer = problems.unexpected(error)
        house.metrics.answered(handler.__name__, answer.status_code, time.perf_counter() - began)
        return answer

    return endpoint


def shown(part: Part, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A part as the answer."""
    return Response(parts.encode_part(part), status, {**NOT_KEPT, **(headers or {})}, JSON)
