# SPDX-License-Identifier: Apache-2.0
"""Where people can intervene, as a client must know it before it declares."""

from __future__ import annotations

from starlette.responses import Response

from byhand.api.door import Call, shown
from byhand.records.base import Part
from byhand.records.kinds import Point


class Points(Part, kw_only=True):
    """The inventory."""

    points: tuple[Point, ...]


async def list_points(call: Call) -> Response:
    """GET /v1/points: every registered point."""
    backend = call.backend()

    def listed() -> Points:
        backend.identity()
        return Points(points=tuple(call.home.points.all()))

    return shown(await call.run(listed))


async def point(call: Call) -> Response:
    """GET /v1/points/{name}: rules, secret fields and their MAC key, for whoever is signed in."""
    backend, name = call.backend(), str(call.request.path_params["name"])
    return shown(await call.run(lambda: backend.point(name)))


async def target(call: Call) -> Response:
    """GET /v1/targets: the view of a target that is not registered."""
    backend = call.backend()
    words = [call.word(name) for name in ("action", "system", "type", "id", "field")]
    action, system, type_, id_, field = words
    return shown(await call.run(lambda: backend.target(action, system, type_, id_, field)))


async def policy(call: Call) -> Response:
    """GET /v1/policy: the policies in force, for whoever is signed in."""
    backend = call.backend()
    return shown(await call.run(backend.policy))
