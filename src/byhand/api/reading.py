# SPDX-License-Identifier: Apache-2.0
"""Reading over HTTP. Every door here but ``resolve`` leaves an access record before it shows anything."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from byhand.api import problems
from byhand.api.door import NOT_KEPT, Call, shown
from byhand.api.interventions import CREATED
from byhand.api.shares import site
from byhand.client.contract import FindingRequest
from byhand.client.desk import Found, Timeline
from byhand.errors import Fault, Invalid, Overloaded
from byhand.records.base import Part
from byhand.records.limits import INTEGER_MAX

PAGE_MAX = 1_000  # as the desk gives at once
PAGE = 50  # a screenful; more is asked for
LINES_TOGETHER = 256  # lines of an export handed to the network at once
FORMS = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


class Resolved(Part, kw_only=True):
    """The full id of a beginning."""

    id: str


async def search(call: Call) -> Response:
    """GET /v1/interventions: what a query finds, newest first, in pages."""
    desk, query = call.desk(), call.word("q")
    limit = call.number("limit", high=PAGE_MAX) or PAGE
    before = call.number("cursor", high=INTEGER_MAX)
    found: Found = await call.run(lambda: desk.search(query, limit=limit, before=before))
    return shown(found)


async def show(call: Call) -> Response:
    """GET /v1/interventions/{id} and /v1/records/{id}: everything recorded about it."""
    desk, text = call.desk(), str(call.request.path_params["id"])
    reason = call.word("why") or None
    return shown(await call.run(lambda: desk.show(text, reason=reason)))


async def diff(call: Call) -> Response:
    """GET /v1/interventions/{id}/differences."""
    desk, text = call.desk(), str(call.request.path_params["id"])
    reason = call.word("why") or None
    return shown(await call.run(lambda: desk.diff(text, reason=reason)))


async def accesses(call: Call) -> Response:
    """GET /v1/access: who read what, newest first, in pages."""
    desk, query = call.desk(), call.word("q")
    limit = call.number("limit", high=PAGE_MAX) or PAGE
    before = call.number("cursor", high=INTEGER_MAX)
    return shown(await call.run(lambda: desk.accesses(query, limit=limit, before=before)))


async def findings(call: Call) -> Response:
    """GET /v1/findings: what was concluded, newest first, in pages."""
    desk, query, reason = call.desk(), call.word("q"), call.word("why") or None
    limit = call.number("limit", high=PAGE_MAX) or PAGE
    before = call.number("cursor", high=INTEGER_MAX)
    return shown(await call.run(lambda: desk.findings(query, limit=limit, before=before, reason=reason)))


async def facets(call: Call) -> Response:
    """GET /v1/facets: how many match, and by what."""
    desk, query = call.desk(), call.word("q")
    return shown(await call.run(lambda: desk.facets(query)))


async def timeline(call: Call) -> Response:
    """GET /v1/timeline: acts in the order of time, those of a window only when one is given."""
    desk, query = call.desk(), call.word("q")
    limit = call.number("limit", high=PAGE_MAX) or PAGE
    before = call.number("cursor", high=INTEGER_MAX)
    newest, live = call.flag("newest_first"), call.flag("live")
    around, window = call.word("around") or None, call.word("window") or None
    reason = call.word("why") or None

    def read() -> Timeline:
        return desk.timeline(
            query,
            around=around,
            window=window,
            limit=limit,
            before=before,
            newest_first=newest,
            reason=reason,
            live=live,
        )

    return shown(await call.run(read))


async def intended(call: Call) -> Response:
    """GET /v1/interventions/{id}/intent: one's own intent, to go on with it."""
    desk, text = call.desk(), str(call.request.path_params["id"])
    return shown(await call.run(lambda: desk.intended(text)))


async def conclude_afterwards(call: Call) -> Response:
    """POST /v1/findings: a correction beside the original, or hindsight."""
    desk = call.desk()
    wanted = await call.parsed(FindingRequest)
    return shown(await call.run(lambda: desk.conclude_afterwards(wanted)), CREATED)


async def resolve(call: Call) -> Response:
    """GET /v1/ids/{text}: the full id of an unambiguous beginning."""
    desk, text = call.desk(), str(call.request.path_params["id"])
    return shown(await call.run(lambda: Resolved(id=desk.resolve(text))))


async def evidence(call: Call) -> Response:
    """GET /v1/interventions/{id}/evidence: the bundle, plaintext from then on."""
    desk, text = call.desk(), str(call.request.path_params["id"])
    reason, persons = call.word("why") or None, call.flag("persons")
    since = _notes(call.word("since"))
    bundle = await call.run(lambda: desk.evidence(text, persons=persons, reason=reason, since=since))
    name = "".join(one for one in text if one.isalnum() or one == "-")
    headers = {**NOT_KEPT, "Content-Disposition": f'attachment; filename="{name}.zip"'}
    return Response(bundle, 200, headers, "application/zip")


def _notes(text: str) -> list[bytes]:
    """Checkpoints as a client sends them: base64, several with commas between."""
    try:
        return [base64.b64decode(one, altchars=b"-_", validate=True) for one in text.split(",") if one]
    except ValueError as error:
        fault = Fault("/since", "is no base64 of checkpoints")
        raise Invalid("the query is not understood", (fault,)) from error


async def prove(call: Call) -> Response:
    """GET /v1/records/{id}/proof: the receipt, under an anchored checkpoint."""
    text = str(call.request.path_params["id"])
    if call.flag("exact"):
        backend = call.backend()
        return shown(await call.run(lambda: backend.receipt(text)))
    desk = call.desk()
    return shown(await call.run(lambda: desk.prove(text)))


async def export(call: Call) -> Response:
    """GET /v1/export: the standard view of what a query finds, as a stream."""
    desk, query = call.desk(), call.word("q")
    form, rows = call.word("format", "csv"), call.word("rows", "interventions")
    if form not in FORMS:
        fault = Fault("/format", f"must be one of {', '.join(FORMS)}")
        raise Invalid("the query is not understood", (fault,))
    reason = call.word("why") or None
    lines = await call.run(lambda: desk.export(query, rows=rows, form=form, reason=reason))
    first = await call.run(
        lambda: _some(lines)
    )  # so that a query that fails is a problem, not half an answer
    return _Stream(call, _rest(call, first, lines), FORMS[form])


class _Stream(StreamingResponse):
    """A long answer, which keeps its place in the lane until it has been read: nobody has more of them than places."""

    def __init__(self, call: Call, parts: AsyncIterator[str], media_type: str) -> None:
        super().__init__(parts, 200, NOT_KEPT, media_type)
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; or a problem, when the place was taken since the question was answered."""
        with ExitStack() as held:
            try:
                held.enter_context(self._call.lane.place(site(self._call.address)))
            except Overloaded as error:
                await problems.problem(error)(scope, receive, send)
                return
            await super().__call__(scope, receive, send)


def _some(lines: Iterator[str]) -> str:
    return "".join(line for _, line in zip(range(LINES_TOGETHER), lines, strict=False))


async def _rest(call: Call, first: str, lines: Iterator[str]) -> AsyncIterator[str]:
    """Every chunk comes from a thread of the lane, when the client has taken the one before."""
    while first:
        yield first
        first = await call.run(lambda: _some(lines))


async def approvals(call: Call) -> Response:
    """GET /v1/interventions/{id}/approvals: what is to be signed, and who decided what."""
    desk, text = call.desk(), str(call.request.path_params["id"])
    return shown(await call.run(lambda: desk.approvals(text)))


async def inbox(call: Call) -> Response:
    """GET /v1/inbox: what waits for the approval of whoever asks."""
    desk = call.desk()
    return shown(await call.run(desk.inbox))
