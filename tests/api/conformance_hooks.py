# SPDX-License-Identifier: Apache-2.0
"""What a tester that knows only the description cannot guess: who is asking, and what the log says already.

Loaded by schemathesis. Only data that is meant to be right is changed; whatever is meant to be wrong is sent as is.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from real_server import ADA
from schemathesis import Case, GenerationMode, HookContext, Response

from byhand import clock
from byhand.ids import new_record_id

POINT, ACTION = "open", "deployment.gate.bypass"
TOKEN, WORKLOAD = os.environ["CONFORMANCE_TOKEN"], os.environ["CONFORMANCE_WORKLOAD"]
originals: dict[str, Any] = {}
attempts: dict[str, str] = {}


@schemathesis.auth()
class Bearer:
    """Ada for people's doors, a workload for the feeds."""

    def get(self, case: Case, context: schemathesis.AuthContext) -> str:
        return WORKLOAD if context.operation.label == "POST /v1/observations" else TOKEN

    def set(self, case: Case, data: str, context: schemathesis.AuthContext) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Make right what is meant to be right."""
    meta = case.meta
    if meta is None or meta.generation.mode is not GenerationMode.POSITIVE or not isinstance(case.body, dict):
        return
    make = {
        "POST /v1/interventions": _declare,
        "POST /v1/interventions/{id}/permit": _permit,
        "POST /v1/interventions/{id}/redemption": _redeem,
        "POST /v1/interventions/{id}/outcome": _conclude,
        "POST /v1/findings": _find,
        "POST /v1/observations": _observe,
    }.get(case.operation.label)
    if make is not None:
        if case.headers is not None:
            case.headers.pop("Byhand-On-Behalf-Of", None)
        make(case)


def _declare(case: Case) -> None:
    declaration = case.body["declaration"]
    for name in ("target", "via", "caused_by", "automation", "times"):
        declaration.pop(name, None)
    case.body.pop("statement", None)
    declaration.update(record=new_record_id(), person=ADA, action=ACTION, point=POINT)
    declaration["expires"] = clock.after(clock.now(), seconds=300)
    failed, passed = ({"form": "inline", "text": text} for text in ('"failed"', '"passed"'))
    declaration["change"] = {"original": failed, "new": passed}
    declaration["justification"] = {
        "code": "FALSE_POSITIVE",
        "text": f"Network latency between runner and registry ({declaration['record']}).",
    }
    originals[declaration["record"]] = failed


def _attempt(case: Case, attempt: dict[str, Any]) -> None:
    intervention = (case.path_parameters or {}).get("id", "")
    if intervention in originals:
        attempt["before"] = originals[intervention]
        attempt["attempt"] = attempts.setdefault(intervention, attempt["attempt"])
        attempt["executor"] = "runner-1"


def _permit(case: Case) -> None:
    if isinstance(case.body.get("redeem"), dict):
        _attempt(case, case.body["redeem"])


def _redeem(case: Case) -> None:
    _attempt(case, case.body)


def _conclude(case: Case) -> None:
    intervention = (case.path_parameters or {}).get("id", "")
    if intervention in attempts:
        result = "applied" if case.body.get("result") not in ("failed", "unknown") else case.body["result"]
        case.body = {
            "kind": "outcome",
            "id": new_record_id(),
            "schema": 0,
            "intervention": intervention,
            "result": result,
            "attempt": attempts[intervention],
            "found": {"form": "inline", "text": '"passed"'},
        }


def _find(case: Case) -> None:
    if originals:
        case.body["intervention"] = next(reversed(originals))
        case.body["record"] = new_record_id()


def _observe(case: Case) -> None:
    for one in case.body["observations"]:
        one.pop("intervention", None)
        one["id"] = new_record_id()


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    """Count what really went through the gate."""
    if response.status_code == 201:
        with open(os.environ["CONFORMANCE_COUNT"], "a", encoding="utf-8") as count:  # noqa: PTH123
            count.write(f"{case.operation.label}\n")
