# SPDX-License-Identifier: Apache-2.0
"""Who is asked to decide, and who was, over HTTP."""

from __future__ import annotations

from starlette.responses import Response

from byhand import wiring
from byhand.api.door import Call, shown
from byhand.client.contract import Circles


async def list_circles(call: Call) -> Response:
    """GET /v1/circles: every circle, without an address in it."""
    desk = wiring.open_circles(call.home, call.token())
    return shown(await call.run(lambda: Circles(circles=desk.circles())))


async def asked(call: Call) -> Response:
    """GET /v1/interventions/{id}/request: who was told of one's own intervention, and whether it got there."""
    desk, intervention = wiring.open_circles(call.home, call.token()), str(call.request.path_params["id"])
    return shown(await call.run(lambda: desk.asked(intervention)))
