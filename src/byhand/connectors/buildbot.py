# SPDX-License-Identifier: Apache-2.0
"""What a Buildbot build found: its failed steps, the tests named in their logs, and the digests of those logs.

Read over Buildbot's REST (``/api/v2``), which shows builds to everybody unless the master says otherwise.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from byhand import clock
from byhand.errors import Fault, Invalid, ProbeFailed
from byhand.records.intervention import Automation, FailedCheck, OverriddenDecision

ANSWER_SECONDS = 10.0  # a person waits for it
ANSWER_BYTES_MAX = 64 * 1024 * 1024  # the whole log of a step; a longer one is not digested in part
CHECKS_MAX = 100  # who overrides more failed tests than fit a page overrides "the tests"
MESSAGE_LENGTH_MAX = 500
OWN_STEPS = ("byhand gate", "byhand outcome")  # a gate that refused is no finding of the system
PASSED = (0, 1, 3)  # SUCCESS, WARNINGS, SKIPPED (buildbot.process.results)
RESULTS = ("success", "warnings", "failure", "skipped", "exception", "retry", "cancelled")
NAMED = (
    re.compile(r"^(?:FAIL|ERROR): (?P<name>[^\s(]+)", re.MULTILINE),  # unittest
    re.compile(r"^FAILED (?P<name>[^\s(]\S*)(?: - (?P<message>.*))?$", re.MULTILINE),  # pytest's summary
    re.compile(r"^--- FAIL: (?P<name>\S+)", re.MULTILINE),  # go test
    re.compile(r"^not ok \d+ -? ?(?P<name>.+)$", re.MULTILINE),  # TAP
)
"""How test runners name what failed."""


class Buildbot:
    """``buildbot:URL/BUILDER/BUILD``, e.g. ``buildbot:https://ci.example/deploy-prod/7``."""

    scheme: ClassVar[str] = "buildbot"

    def collect(self, address: str) -> Automation:
        """The build's failed steps and tests; raises Invalid, ProbeFailed."""
        url, builder, number = _parts(address)
        build = _one(
            _get(f"{url}/api/v2/builders/{quote(builder, safe='')}/builds/{number}", "property=*"), "builds"
        )
        steps = _list(_get(f"{url}/api/v2/builds/{build['buildid']}/steps"), "steps")
        failed = [
            step for step in steps if step["results"] not in (*PASSED, None) and step["name"] not in OWN_STEPS
        ]
        revision = (build.get("properties") or {}).get("revision", [None])[0]
        return Automation(
            workflow=f"{self.scheme}/{builder}",
            version=str(revision) if revision else None,
            run=f"{url}/#/builders/{build['builderid']}/builds/{number}",
            **(_found(url, failed) if failed else {}),
        )


def _found(url: str, failed: list[dict[str, Any]]) -> dict[str, Any]:
    """The first failed step is the decision; its log's digest is what the decision stands on."""
    logs = {step["stepid"]: _log(url, step["stepid"]) for step in failed}
    first = failed[0]
    checks = [check for step in failed for check in _checks(step["name"], logs[step["stepid"]])]
    data = logs[first["stepid"]]
    return {
        "decision": OverriddenDecision(
            rule=f"step {first['name']} must pass",
            outcome=RESULTS[first["results"]],
            made_at=clock.write(datetime.fromtimestamp(first["complete_at"], UTC))
            if first["complete_at"]
            else None,
            inputs_digest=hashlib.sha256(data).hexdigest() if data is not None else None,
        ),
        "failed_checks": tuple(checks[:CHECKS_MAX]),
    }


def _checks(step: str, data: bytes | None) -> list[FailedCheck]:
    """The tests that a step's log names; the step itself where it names none."""
    text = (data or b"").decode("utf-8", "replace")
    found: dict[str, FailedCheck] = {}
    for pattern in NAMED:
        for match in pattern.finditer(text):
            name, message = match["name"], match.groupdict().get("message")
            found.setdefault(
                name, FailedCheck(name=name[:200], message=(message or "")[:MESSAGE_LENGTH_MAX] or None)
            )
    return list(found.values()) or [FailedCheck(name=step)]


def _log(url: str, step: int) -> bytes | None:
    """The first log of a step, as ``/raw`` serves it; ``None`` when there is none."""
    logs = _list(_get(f"{url}/api/v2/steps/{step}/logs"), "logs")
    return _get(f"{url}/api/v2/logs/{logs[0]['logid']}/raw") if logs else None


def _parts(address: str) -> tuple[str, str, int]:
    url, _, number = address.rpartition("/")
    url, _, builder = url.rpartition("/")
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname or not builder or not number.isdecimal():
        fault = Fault("/automation", "is no build", "write buildbot:https://HOST/BUILDER/NUMBER")
        raise Invalid("nothing can be collected there", (fault,))
    return url, builder, int(number)


def _get(url: str, query: str = "") -> bytes:
    import httpx

    try:
        answer = httpx.get(f"{url}?{query}" if query else url, timeout=ANSWER_SECONDS, follow_redirects=False)
    except httpx.HTTPError as error:
        raise ProbeFailed(f"{url} cannot be read: {type(error).__name__}") from error
    if answer.status_code != httpx.codes.OK:
        raise ProbeFailed(f"{url} answers {answer.status_code}")
    if len(answer.content) > ANSWER_BYTES_MAX:
        raise ProbeFailed(f"{url} sends more than {ANSWER_BYTES_MAX} bytes")
    return answer.content


def _list(body: bytes, name: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(body)[name]
    except (ValueError, KeyError, TypeError) as error:
        raise ProbeFailed(f"Buildbot's answer has no {name}") from error
    return list(found)


def _one(body: bytes, name: str) -> dict[str, Any]:
    found = _list(body, name)
    if len(found) != 1:
        raise ProbeFailed(f"Buildbot's answer has {len(found)} {name}, not one")
    return found[0]
