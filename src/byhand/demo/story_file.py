# SPDX-License-Identifier: Apache-2.0
"""The same story where no engine can be had: a gateway that obeys a file, read by a ``file:`` probe.

Runs in a process of its own: ``python -m byhand.demo.story_file HOME PERSON KEY FILE``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

import byhand
from byhand.demo import stage
from byhand.demo.plot import (
    BREAKER_POINT,
    LIMIT_NOTES,
    LIMIT_POINT,
    OPENING_LIMIT,
    OVERRIDE_NOTES,
    RAISED_FOR,
    RAISED_LIMIT,
    revert_when_due,
)
from byhand.demo.telling import Teller, player_from_arguments, printed
from byhand.records import captured
from byhand.records.kinds import Point

STATE = "trading_state"
MAX_NOTIONAL = "max_notional_per_order"


class GatewayFile:
    """The file that the gateway reads before every order; replaced whole: no half of it is ever read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> object:
        """The value in the file now."""
        return json.loads(self._path.read_text())[name]

    def write(self, **values: object) -> None:
        """Change values in the file."""
        held = json.loads(self._path.read_text()) if self._path.exists() else {}
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({**held, **values}, indent=1))
        beside.replace(self._path)


def points(path: Path) -> tuple[Point, Point]:
    """The story's points, read from the file at ``path`` (absolute)."""
    breaker = msgspec.structs.replace(stage.BREAKER, field=f"/{STATE}", probe=f"file:{path}#/{STATE}")
    return breaker, msgspec.structs.replace(stage.LIMIT, probe=f"file:{path}#/{MAX_NOTIONAL}")


def main() -> None:
    """Play it."""
    player, (path,) = player_from_arguments(sys.argv[1:])
    player.configure()
    file, tell = GatewayFile(Path(path)), Teller(printed)
    file.write(**{STATE: "HALTED", MAX_NOTIONAL: OPENING_LIMIT})
    tell.say(f"The gateway obeys {path}; its breaker has written {STATE}: HALTED.")
    nobody_overrides_without_a_reason(file, tell)
    the_trader_overrides(file, tell)
    a_limit_is_raised_for_a_while(file, tell)
    byhand.close()


def nobody_overrides_without_a_reason(file: GatewayFile, tell: Teller) -> None:
    """No reason, no permit; no permit, no act."""
    with (
        tell.refused("an override without a reason", byhand.Invalid),
        byhand.intervention(BREAKER_POINT, reason="", notes="", new="ACTIVE"),
    ):
        file.write(**{STATE: "ACTIVE"})
    tell.expect("nothing has happened: the file still says", file.read(STATE), "HALTED")


def the_trader_overrides(file: GatewayFile, tell: Teller) -> None:
    """With a reason the override passes; byhand reads the file before and after."""
    tell.say(f"Now with a reason, LIQUIDITY_PROVISIONING: {OVERRIDE_NOTES}")
    with byhand.intervention(
        BREAKER_POINT, reason="LIQUIDITY_PROVISIONING", notes=OVERRIDE_NOTES, new="ACTIVE"
    ) as act:
        file.write(**{STATE: "ACTIVE"})
    tell.concluded("override", act)
    tell.expect("before, read from the file", captured.render(act.before), "HALTED")
    tell.expect("after, read from the file", captured.render(act.outcome.found), "ACTIVE")


def a_limit_is_raised_for_a_while(file: GatewayFile, tell: Teller) -> None:
    """A change that is to end by itself says how, before it begins; when it is due, it is undone."""
    tell.say(f"The limit is raised for {RAISED_FOR.seconds} seconds, SYSTEM_ERROR_RECOVERY: {LIMIT_NOTES}")
    with byhand.intervention(
        LIMIT_POINT,
        reason="SYSTEM_ERROR_RECOVERY",
        notes=LIMIT_NOTES,
        new=RAISED_LIMIT,
        until=RAISED_FOR,
        revert=lambda: file.write(**{MAX_NOTIONAL: OPENING_LIMIT}),
    ) as act:
        file.write(**{MAX_NOTIONAL: RAISED_LIMIT})
    tell.concluded("raise", act)
    tell.expect("the limit, read from the file", file.read(MAX_NOTIONAL), RAISED_LIMIT)
    tell.say("Time passes; the integration looks for what is due.")
    outcome = revert_when_due()
    tell.act("revert", str(outcome.intervention) if outcome else "")
    tell.expect("the revert is recorded", outcome.result if outcome else "nothing", "applied")
    tell.expect("the limit, read from the file", file.read(MAX_NOTIONAL), OPENING_LIMIT)


if __name__ == "__main__":
    main()
