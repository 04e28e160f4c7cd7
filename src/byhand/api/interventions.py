# SPDX-License-Identifier: Apache-2.0
"""The gate's doors: declare, permit, redeem, conclude. Each answers only after the durable commit.

A retry is the same request: the record's id, and the attempt's, are the idempotency keys. A client that got no
answer asks again and gets the answer it would have got; it never has to guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.responses import Response

from byhand.api.door import Call, shown
from byhand.client.contract import ApprovalRequest, Attempt, Declared, DeclareRequest, PermitRequest
from byhand.embedded import Embedded
from byhand.errors import Fault, Invalid, NotFound
from byhand.records import rules
from byhand.records.kinds import Outcome

CREATED = 201


async def declare(call: Call) -> Response:
    """POST /v1/interventions: record an intent."""
    backend = call.backend()
    wanted = await call.parsed(DeclareRequest, {"/declaration": "Declaration"})
    with _within("/declaration"):
        declared = await _declared(call, backend, wanted)
    return shown(declared, CREATED, {"Location": f"/v1/interventions/{declared.intervention}"})


async def decide(call: Call) -> Response:
    """POST /v1/interventions/{id}/approvals: record a signed decision of another person."""
    intervention, backend = _intervention(call), call.backend()
    wanted = await call.parsed(ApprovalRequest)
    return shown(await call.run(lambda: backend.decide(intervention, wanted)), CREATED)


async def _declared(call: Call, backend: Embedded, wanted: DeclareRequest) -> Declared:
    """Judged on the loop, as almost all are; beside it what has to look through log or index first."""
    declaration, statement = wanted.declaration, wanted.statement
    if declaration.break_glass or declaration.runbook is not None:
        return await call.run(lambda: backend.declare(declaration, statement))
    return await backend.declare_async(declaration, statement)


async def permit(call: Call) -> Response:
    """POST /v1/interventions/{id}/permit: issue the permit, and use it when the body says so."""
    intervention, backend = _intervention(call), call.backend()
    wanted = await call.parsed(PermitRequest) if call.body else PermitRequest()
    return shown(await call.run(lambda: backend.permit(intervention, wanted.redeem)), CREATED)


async def redeem(call: Call) -> Response:
    """POST /v1/interventions/{id}/redemption: use the permit, exactly once."""
    intervention, backend = _intervention(call), call.backend()
    attempt = await call.parsed(Attempt)
    return shown(await call.run(lambda: backend.redeem(intervention, attempt)), CREATED)


async def conclude(call: Call) -> Response:
    """POST /v1/interventions/{id}/outcome: record how it ended."""
    intervention, backend = _intervention(call), call.backend()
    outcome = await call.parsed(Outcome, {"": "Outcome"})
    return shown(await call.run(lambda: backend.conclude(intervention, outcome)), CREATED)


def _intervention(call: Call) -> str:
    """The id in the path; the gate takes whole ids only."""
    found = str(call.request.path_params["id"])
    if not rules.is_record_id(found):
        raise NotFound("there is no such intervention", advice="The gate takes whole ids: /v1/ids/BEGINNING")
    return found


@contextmanager
def _within(place: str) -> Iterator[None]:
    """Let faults point into the request's body, where the part judged stands at ``place``."""
    try:
        yield
    except Invalid as error:
        faults = tuple(Fault(f"{place}{one.pointer}", one.message, one.advice) for one in error.faults)
        raise Invalid(str(error).partition("\n")[0], faults, advice=error.advice) from error
