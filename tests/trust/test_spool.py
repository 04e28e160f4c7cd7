# SPDX-License-Identifier: Apache-2.0
"""What could be spooled, judged by the function that client, gate and verifier share."""

from __future__ import annotations

import msgspec
import pytest

from byhand.errors import NotPermitted
from byhand.records import captured
from byhand.records.intervention import Change, Declaration, Spooled
from byhand.trust.spool import check_act
from byhand.trust.statements import Spooled as Statement

NOW = "2026-03-02T10:00:00.000000Z"
ID = "01948a3b-9c00-7000-8000-000000000001"
VALUE = captured.capture(1)
DECLARATION = Declaration(
    record=ID,
    person="ada.lovelace",
    action="trading.limit.raise",
    point="limit",
    change=Change(original=VALUE, new=captured.capture(2)),
    expires="2026-03-02T10:10:00.000000Z",
)
SPOOLED = Spooled(tier="low", mode="enforce", viewed=NOW, attempt=ID, executor="here", before=VALUE)
STATEMENT = Statement(
    origin="desk.example/spool",
    spool=ID,
    machine="0" * 64,
    sequence=0,
    previous="0" * 64,
    says="act",
    intervention=ID,
    content="0" * 64,
    person="ada.lovelace",
    time=NOW,
)


def check(declaration: Declaration = DECLARATION) -> None:
    check_act(STATEMENT, SPOOLED, declaration, tier="low", approvals=0, recorded=NOW)


def test_an_act_of_low_risk_could_be_spooled() -> None:
    """In time, on fresh knowledge, of low risk: nothing stands against it."""
    check()


@pytest.mark.parametrize("way", [{"break_glass": True}, {"runbook": "halt-acme"}])
def test_a_way_that_needs_the_log_could_not(way: dict[str, object]) -> None:
    """A broken glass and a runbook need the log itself: a verifier names such an act as well."""
    with pytest.raises(NotPermitted, match="never spooled"):
        check(msgspec.structs.replace(DECLARATION, **way))
