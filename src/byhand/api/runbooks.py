# SPDX-License-Identifier: Apache-2.0
"""What officers allowed in advance, over HTTP."""

from __future__ import annotations

from starlette.responses import Response

from byhand import wiring
from byhand.api.door import Call, shown
from byhand.client.contract import Runbooks


async def list_runbooks(call: Call) -> Response:
    """GET /v1/runbooks: the last version of every runbook, and how often it was used today."""
    desk = wiring.open_runbooks(call.home, call.token())
    return shown(await call.run(lambda: Runbooks(runbooks=desk.runbooks())))
