# SPDX-License-Identifier: Apache-2.0
"""Whether the server lives, whether it can record acts, and its figures. For load balancers and Prometheus."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from byhand import clock, examining
from byhand.api.door import Call, shown
from byhand.client.contract import Diagnosed, Diagnoses, Ready
from byhand.errors import LogUnavailable, Refused
from byhand.trust import statements

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


async def alive(_: Request) -> Response:
    """GET /healthz: the process answers. Says nothing about the log."""
    return PlainTextResponse("ok\n")


async def ready(call: Call) -> Response:
    """GET /readyz: the log can be written; else 503 with the reason."""

    def look() -> None:
        _ = call.home.journal.reader.size  # raises LogUnavailable when the store cannot be read
        if not call.home.journal.writing:
            raise LogUnavailable("the log cannot be written: its writer has ended")

    await call.run(look)
    return shown(Ready(time=clock.now()))


async def doctor(call: Call) -> Response:
    """GET /v1/doctor: what is wrong with this installation, for its officers."""
    backend, path = call.backend(), call.home.path

    def look() -> Diagnoses:
        if statements.OFFICER not in backend.identity().roles:
            raise Refused("only an officer is told what is wrong here", advice="Ask one, or sign in as one.")
        found = examining.examine(path, account_is_shared=False)
        return Diagnoses(diagnoses=tuple(Diagnosed(**asdict(one)) for one in found))

    return shown(await call.run(look))


async def metrics(call: Call) -> Response:
    """GET /metrics: figures in Prometheus' text form."""
    return Response(await call.run(call.house.metrics.text), 200, None, PROMETHEUS)
