# SPDX-License-Identifier: Apache-2.0
"""The door by which a person's spool comes back: lines in their order, each recorded in any case."""

from __future__ import annotations

from starlette.responses import Response

from byhand import wiring
from byhand.api.door import Call, shown
from byhand.api.interventions import CREATED
from byhand.client.contract import SpoolAnswers, SpoolBatch
from byhand.records import codec
from byhand.records.limits import BATCH_BYTES_MAX


async def spool(call: Call) -> Response:
    """POST /v1/spool: record what was done while the log could not be reached."""
    token = call.token()

    def accept() -> SpoolAnswers:
        caller = wiring.open_backend(call.home, token, address=call.address).caller("act")
        batch = codec.parse(call.body, SpoolBatch, inside={}, bytes_max=BATCH_BYTES_MAX)
        return SpoolAnswers(answers=call.home.spooling.accept(caller, batch.lines))

    return shown(await call.run(accept), CREATED)
