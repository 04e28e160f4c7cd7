# SPDX-License-Identifier: Apache-2.0
"""Every door of the server, in one table: method, path, lane, handler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from byhand import errors, wiring
from byhand.api import (
    circles,
    elsewhere,
    health,
    interventions,
    log,
    observations,
    openapi,
    passkeys,
    points,
    problems,
    reading,
    runbooks,
    signing_in,
    spool,
)
from byhand.api.door import Endpoint, Handler, House, door
from byhand.api.lanes import Lanes
from byhand.api.metrics import Metrics

Door = tuple[str, str, str, Handler]
DOORS: tuple[Door, ...] = (
    ("POST", "/v1/login/challenge", "entrance", signing_in.challenge),
    ("POST", "/v1/login", "entrance", signing_in.login),
    ("GET", "/v1/login/issuers", "entrance", elsewhere.issuers),
    ("POST", "/v1/login/device", "issuers", elsewhere.begin_device),
    ("POST", "/v1/login/device/session", "issuers", elsewhere.finish_device),
    ("GET", "/v1/login/at/{issuer}", "issuers", elsewhere.begin_browser),
    ("GET", elsewhere.CALLBACK, "issuers", elsewhere.finish_browser),
    ("POST", "/v1/login/passkey", "entrance", passkeys.login),
    ("DELETE", "/v1/login", "entrance", signing_in.logout),
    ("POST", "/v1/passkeys", "entrance", passkeys.made),
    ("GET", "/v1/passkeys/{code}", "gate", passkeys.waiting),
    ("POST", "/v1/passkeys/{code}/enrolment", "gate", passkeys.enrol),
    ("GET", "/v1/identity", "gate", signing_in.identity),
    ("GET", "/v1/points", "gate", points.list_points),
    ("GET", "/v1/points/{name}", "gate", points.point),
    ("GET", "/v1/policy", "gate", points.policy),
    ("GET", "/v1/targets", "gate", points.target),
    ("GET", "/v1/circles", "api", circles.list_circles),
    ("GET", "/v1/runbooks", "api", runbooks.list_runbooks),
    ("GET", "/v1/interventions/{id}/request", "gate", circles.asked),
    ("POST", "/v1/interventions", "gate", interventions.declare),
    ("POST", "/v1/interventions/{id}/approvals", "gate", interventions.decide),
    ("GET", "/v1/interventions/{id}/approvals", "api", reading.approvals),
    ("GET", "/v1/inbox", "api", reading.inbox),
    ("POST", "/v1/interventions/{id}/permit", "gate", interventions.permit),
    ("POST", "/v1/interventions/{id}/redemption", "gate", interventions.redeem),
    ("POST", "/v1/interventions/{id}/outcome", "gate", interventions.conclude),
    ("POST", "/v1/observations", "feeds", observations.observe),
    ("POST", "/v1/spool", "feeds", spool.spool),
    ("GET", "/v1/interventions", "api", reading.search),
    ("GET", "/v1/facets", "api", reading.facets),
    ("GET", "/v1/timeline", "api", reading.timeline),
    ("GET", "/v1/access", "api", reading.accesses),
    ("GET", "/v1/findings", "api", reading.findings),
    ("POST", "/v1/findings", "api", reading.conclude_afterwards),
    ("GET", "/v1/interventions/{id}", "api", reading.show),
    ("GET", "/v1/interventions/{id}/intent", "gate", reading.intended),
    ("GET", "/v1/interventions/{id}/differences", "api", reading.diff),
    ("GET", "/v1/interventions/{id}/evidence", "api", reading.evidence),
    ("GET", "/v1/records/{id}", "api", reading.show),
    ("GET", "/v1/records/{id}/proof", "gate", reading.prove),
    ("GET", "/v1/ids/{id}", "api", reading.resolve),
    ("GET", "/v1/export", "api", reading.export),
    ("GET", "/v1/log", "gate", log.identity_of_log),
    ("GET", "/v1/log/consistency", "api", log.consistency),
    ("POST", "/v1/log/checkpoint", "gate", log.fresh_checkpoint),
    ("GET", "/log/checkpoint", "api", log.checkpoint),
    ("GET", "/log/tile/{path:path}", "api", log.tile),
    ("GET", "/v1/doctor", "api", health.doctor),
    ("GET", "/readyz", "gate", health.ready),
    ("GET", "/metrics", "api", health.metrics),
)
BESIDE_THE_LANES = (("/healthz", health.alive), ("/openapi.json", openapi.describe))
"""Cost nothing and know nothing: a full server is alive all the same, and says what there is."""

METHOD_NOT_ALLOWED = 405
PATH_SHOWN = 200  # characters of a path that is repeated to whoever asked for it


def build(
    home: wiring.Home, *, watch: bool = True, origin: str = "", pages: Sequence[Door] = ()
) -> Starlette:
    """The server's application over an opened home; closes the home when the server ends.

    ``watch``: followers are started with the server, in a process beside this one. ``pages``: what people see,
    reached at ``origin``; they stand behind the same lanes.
    """
    lanes = Lanes()
    watching = wiring.watch_process(home)
    house = House(home, lanes, Metrics(home, lanes, watching), origin)
    doors = (*DOORS, *pages)
    routes = [Route(path, door(lane, handler), methods=[method]) for method, path, lane, handler in doors]
    routes += [Route(path, handler, methods=["GET"]) for path, handler in BESIDE_THE_LANES]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        home.keep()
        if watch:
            watching.start()
        yield
        watching.close()
        lanes.close()  # what began is finished, and acknowledged in the log, before the log is closed
        home.close()

    app = _Application(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _no_such_door})
    app.router.redirect_slashes = False  # one path, one door
    app.state.house = house
    return app


class _Application(Starlette):
    """Starlette, with a straight way to every door whose path has no variable part.

    Its routes are tried one after the other, behind five layers of its own; together they cost more than the
    signature of an intent. Doors raise nothing: they answer problems themselves.
    """

    def __init__(self, routes: Sequence[Route], **more: Any) -> None:
        super().__init__(routes=routes, **more)
        self._straight: dict[tuple[str, str], Endpoint] = {
            (method, route.path): route.endpoint
            for route in routes
            if "{" not in route.path
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = None
        if scope["type"] == "http":
            endpoint = self._straight.get((scope["method"], scope["path"]))
        if endpoint is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        answer = await endpoint(Request(scope, receive, send))
        await answer(scope, receive, send)


async def _no_such_door(request: Request, error: Exception) -> Response:
    """404 and 405 in the form of every other problem; 405 names every method that there is."""
    what = f"there is no {request.method} {request.url.path[:PATH_SHOWN]}"
    missing = errors.NotFound(what, advice="See /openapi.json for what there is.")
    if not isinstance(error, HTTPException) or error.status_code != METHOD_NOT_ALLOWED:
        return problems.problem(missing)
    answer = problems.problem(missing, METHOD_NOT_ALLOWED)
    answer.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return answer


def _methods(request: Request) -> set[str]:
    """Every method that a door of this path takes."""
    return {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
