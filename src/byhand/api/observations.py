# SPDX-License-Identifier: Apache-2.0
"""The feeds' door: batches of canonical observations from authenticated workloads."""

from __future__ import annotations

from starlette.responses import Response

from byhand.api.door import Call, shown
from byhand.api.interventions import CREATED
from byhand.client.contract import Acknowledged, ObservationBatch
from byhand.records import codec
from byhand.records.limits import BATCH_BYTES_MAX


async def observe(call: Call) -> Response:
    """POST /v1/observations: record a batch, together or not at all."""
    token = call.token()

    def accept() -> Acknowledged:
        call.home.credentials.token(token, scope="observe")  # nobody's mebibyte is judged
        batch = codec.parse(
            call.body, ObservationBatch, inside={"/observations/*": "Observation"}, bytes_max=BATCH_BYTES_MAX
        )
        return Acknowledged(acknowledgements=call.home.observing.accept(token, batch.observations))

    return shown(await call.run(accept), CREATED)
