# SPDX-License-Identifier: Apache-2.0
"""The trader's story on the real engine: a breaker trips and is overridden, a limit is raised and comes back.

Runs in the engine's environment: ``python -m byhand.demo.story_trader HOME PERSON KEY STATE``.
"""

from __future__ import annotations

import sys

import byhand
from byhand.demo.desk import INSTRUMENT, Desk
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


def main() -> None:
    """Play it."""
    player, _ = player_from_arguments(sys.argv[1:])
    player.configure()
    with Desk(max_notional=OPENING_LIMIT) as desk:
        tell = Teller(printed)
        the_breaker_trips(desk, tell)
        nobody_overrides_without_a_reason(desk, tell)
        the_trader_overrides(desk, tell)
        a_limit_is_raised_for_a_while(desk, tell)
        and_comes_back_by_itself(desk, tell)
    byhand.close()


def the_breaker_trips(desk: Desk, tell: Teller) -> None:
    """The automation does its work: too large a move, and nothing trades any more."""
    tell.say(f"{INSTRUMENT} opens at 100.00 and jumps to 101.60 within four quotes.")
    for price in ("100.00", "100.00", "100.20", "101.60"):
        desk.quote(price)
    tell.expect("the breaker has halted the engine", desk.trading_state, "HALTED")
    order = desk.buy(1_000)
    tell.expect("an order is denied by the engine", order.status, "DENIED")
    tell.expect("and the engine says why", order.reason, "TradingState.HALTED")


def nobody_overrides_without_a_reason(desk: Desk, tell: Teller) -> None:
    """No reason, no permit; no permit, no act."""
    tell.say("The trader is in a hurry and gives no reason.")
    with (
        tell.refused("an override without a reason", byhand.Invalid),
        byhand.intervention(
            BREAKER_POINT, reason="", notes="", read=lambda: desk.trading_state, new="ACTIVE"
        ),
    ):
        desk.set_trading_state("ACTIVE")
    tell.expect("nothing has happened: the engine is still halted", desk.trading_state, "HALTED")


def the_trader_overrides(desk: Desk, tell: Teller) -> None:
    """With a reason the override passes, and what it did is read from the engine itself."""
    tell.say(f"Now with a reason, LIQUIDITY_PROVISIONING: {OVERRIDE_NOTES}")
    with byhand.intervention(
        BREAKER_POINT,
        reason="LIQUIDITY_PROVISIONING",
        notes=OVERRIDE_NOTES,
        read=lambda: desk.trading_state,
        new="ACTIVE",
        automation=byhand.Automation(
            workflow="circuit-breaker",
            decision=byhand.OverriddenDecision(rule="move of more than 1% in 5 quotes", outcome="HALTED"),
        ),
    ) as act:
        desk.set_trading_state("ACTIVE")
    tell.concluded("override", act)
    tell.expect("before, read from the engine", captured.render(act.before), "HALTED")
    tell.expect("after, read from the engine", captured.render(act.outcome.found), "ACTIVE")
    order = desk.buy(1_000)
    tell.expect(f"the same order fills, at {order.price}", order.status, "FILLED")


def a_limit_is_raised_for_a_while(desk: Desk, tell: Teller) -> None:
    """A change that is to end by itself says how, before it begins."""
    tell.expect("an order of 3 million is over the limit", desk.buy(30_000).status, "DENIED")
    tell.say(f"The limit is raised for {RAISED_FOR.seconds} seconds, SYSTEM_ERROR_RECOVERY: {LIMIT_NOTES}")
    with byhand.intervention(
        LIMIT_POINT,
        reason="SYSTEM_ERROR_RECOVERY",
        notes=LIMIT_NOTES,
        read=desk.max_notional,
        new=str(RAISED_LIMIT),
        until=RAISED_FOR,
        revert=lambda: desk.set_max_notional(OPENING_LIMIT),
    ) as act:
        desk.set_max_notional(RAISED_LIMIT)
    tell.concluded("raise", act)
    tell.expect("the limit, read from the engine", desk.max_notional(), RAISED_LIMIT)
    tell.expect("the large order fills", desk.buy(30_000).status, "FILLED")


def and_comes_back_by_itself(desk: Desk, tell: Teller) -> None:
    """The integration undoes the change when its time is over, as an intervention of its own."""
    tell.say("Time passes; the integration looks for what is due.")
    outcome = revert_when_due()
    tell.act("revert", str(outcome.intervention) if outcome else "")
    tell.expect("the revert is recorded", outcome.result if outcome else "nothing", "applied")
    tell.expect("the limit, read from the engine", desk.max_notional(), OPENING_LIMIT)
    tell.expect("a large order is denied again", desk.buy(30_000).status, "DENIED")


if __name__ == "__main__":
    main()
