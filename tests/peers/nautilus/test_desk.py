# SPDX-License-Identifier: Apache-2.0
"""The desk on the real engine: what its breaker, its state and its limits do to orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

RunScript = Callable[[str], list[Any]]

PREAMBLE = """
from dataclasses import asdict
from byhand.demo.desk import Desk

def tell(value):
    print(json.dumps(value))

desk = Desk()
for price in ("100.00", "100.00", "100.20"):
    desk.quote(price)
"""


def test_quotes_within_the_limit_leave_the_desk_active(run_script: RunScript) -> None:
    """A move of 0.2 per cent trips nothing, and an order within the limit fills at the ask."""
    state, order = run_script(PREAMBLE + "tell(desk.trading_state); tell(asdict(desk.buy(1_000)))")
    assert state == "ACTIVE"
    assert (order["status"], order["price"], order["reason"]) == ("FILLED", "100.21", "")


def test_the_breaker_halts_the_desk_and_orders_are_denied(run_script: RunScript) -> None:
    """A move of more than one per cent within five quotes trips the breaker; orders are then denied with why."""
    state, trips, order = run_script(
        PREAMBLE
        + 'desk.quote("101.60"); tell(desk.trading_state); tell(desk.breaker.trips); tell(asdict(desk.buy(1_000)))'
    )
    assert (state, trips) == ("HALTED", 1)
    assert (order["status"], order["reason"]) == ("DENIED", "TradingState.HALTED")


def test_a_move_of_exactly_the_limit_does_not_trip(run_script: RunScript) -> None:
    """One per cent is allowed; one penny more is not."""
    at_limit, beyond = run_script(
        PREAMBLE
        + 'desk.quote("101.00"); tell(desk.trading_state); desk.quote("101.01"); tell(desk.trading_state)'
    )
    assert (at_limit, beyond) == ("ACTIVE", "HALTED")


def test_an_override_lets_orders_through_and_stands(run_script: RunScript) -> None:
    """Set to ACTIVE by hand the order fills, and the quotes that tripped the breaker do not trip it again."""
    order, state = run_script(
        PREAMBLE
        + """
desk.quote("101.60")
desk.set_trading_state("ACTIVE")
tell(asdict(desk.buy(1_000)))
for _ in range(10):
    desk.quote("101.60")
tell(desk.trading_state)
"""
    )
    assert (order["status"], state) == ("FILLED", "ACTIVE")


def test_the_breaker_trips_again_on_a_new_move(run_script: RunScript) -> None:
    """An override does not disarm the automation: the next move halts the desk once more."""
    (trips,) = run_script(
        PREAMBLE
        + """
desk.quote("101.60")
desk.set_trading_state("ACTIVE")
desk.quote("101.60")
desk.quote("99.00")
tell(desk.breaker.trips)
"""
    )
    assert trips == 2


def test_the_notional_limit_decides_while_it_stands(run_script: RunScript) -> None:
    """An order above the limit is denied, fills once the limit is raised, and is denied again once it is lowered."""
    *limits, first, second, third = run_script(
        PREAMBLE
        + """
orders = []
for limit in (None, 5_000_000, "1000000"):
    if limit is not None:
        desk.set_max_notional(limit)
    orders.append(asdict(desk.buy(30_000)))
    tell(desk.max_notional())
for order in orders:
    tell(order)
"""
    )
    assert limits == ["1000000", "5000000", "1000000"]
    assert [order["status"] for order in (first, second, third)] == ["DENIED", "FILLED", "DENIED"]
    assert first["reason"].startswith("NOTIONAL_EXCEEDS_MAX_PER_ORDER: max_notional=1000000.00 GBP")


def test_the_engines_events_are_no_source_of_states(run_script: RunScript) -> None:
    """A changed limit is not announced; a later state change names no one and still reports the old limit."""
    announced, limit, event = run_script(
        PREAMBLE
        + """
before = len(desk.events)
desk.set_max_notional(5_000_000)
tell(len(desk.events) - before)
tell(desk.max_notional())
desk.set_trading_state("REDUCING")
tell(desk.events[-1])
"""
    )
    assert (announced, limit) == (0, "5000000")
    assert (event["event"], event["state"]) == ("TradingStateChanged", "REDUCING")
    assert event["config"]["max_notional_per_order"] == {"ACME.XLON": 1_000_000}
    assert not {"actor", "user", "previous", "previous_state"} & set(event)


def test_what_the_desk_cannot_do_is_said(run_script: RunScript) -> None:
    """An unknown state and an order before the first quote are refused; the first would abort the engine."""
    refusals = run_script(
        PREAMBLE
        + """
desk.close()
for act in (lambda desk: desk.set_trading_state("OPEN"), lambda desk: desk.buy(1)):
    with Desk() as fresh:
        try:
            act(fresh)
        except (ValueError, RuntimeError) as error:
            tell(str(error))
"""
    )
    assert refusals == [
        "'OPEN' is no trading state; one of ACTIVE, HALTED, REDUCING",
        "the venue has not opened: feed a quote first",
    ]
