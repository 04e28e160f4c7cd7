# SPDX-License-Identifier: Apache-2.0
"""What is collected of a build: addresses, and how runners name what failed; real builds in tests/journeys."""

from __future__ import annotations

import pytest

from byhand.connectors import collect
from byhand.connectors.buildbot import CHECKS_MAX, _checks
from byhand.errors import Invalid, ProbeFailed

LOGS = {
    "unittest": (
        "FAIL: test_latency (t.Checkout.test_latency)\nERROR: test_sum (t)\nFAILED (failures=1)\n",
        2,
    ),
    "pytest": ("FAILED tests/test_a.py::test_latency - assert 900 < 250\n", 1),
    "go": ("--- FAIL: TestLatency (0.90s)\n", 1),
    "tap": ("ok 1 - sum\nnot ok 2 - latency\n", 1),
}


@pytest.mark.parametrize("runner", LOGS)
def test_the_failed_tests_of_a_log_are_named(runner: str) -> None:
    """Each runner's own line names the test, once."""
    text, count = LOGS[runner]
    found = _checks("tests", (text * 2).encode())
    assert len(found) == count
    assert "atency" in found[0].name


def test_a_log_without_names_leaves_the_step() -> None:
    """Where no test is named, or no log is there, the failed step itself is the check."""
    assert [one.name for one in _checks("tests", b"make: *** [all] Error 2\n")] == ["tests"]
    assert [one.name for one in _checks("tests", None)] == ["tests"]


def test_a_hostile_log_is_kept_within_limits() -> None:
    """Names and messages of any length, in bytes that are no text: cut, never refused."""
    (found,) = _checks("tests", b"FAILED " + b"\xff" * 9_000 + b" - " + b"y" * 9_000)
    assert (len(found.name), len(found.message or "")) == (200, 500)
    assert CHECKS_MAX < 1_000


@pytest.mark.parametrize(
    "address",
    ["", "jenkins:https://ci/a/1", "buildbot:", "buildbot:deploy/1", "buildbot:https://ci/deploy/x"],
)
def test_what_is_no_address_says_what_would_be(address: str) -> None:
    """The fault points to the automation part and shows the form."""
    with pytest.raises(Invalid) as caught:
        collect(address)
    assert caught.value.faults[0].pointer == "/automation"
    assert "buildbot:" in caught.value.faults[0].advice


def test_a_system_that_does_not_answer_is_named() -> None:
    """Nothing is declared on a build that could not be read."""
    with pytest.raises(ProbeFailed, match=r"127\.0\.0\.1:9/.* cannot be read"):
        collect("buildbot:http://127.0.0.1:9/deploy-prod/7")
