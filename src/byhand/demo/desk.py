# SPDX-License-Identifier: Apache-2.0
"""A market-making desk on the real nautilus_trader engine: quotes in, orders out, a breaker that halts it.

Runs inside the engine's own environment (see ``engines``) and knows nothing of byhand: it is the automated
system that a person overrides. One quote is one step, and control returns to the caller between steps.

Everything asked of the desk is read from the risk engine itself, never from its events. Measured with
nautilus_trader 1.221: ``TradingStateChanged`` names neither an actor nor the previous state; changing a notional
limit emits nothing, and a state change emitted later still reports the limit the engine was started with.
"""

# nautilus_trader is not installed where types are checked: its names are Any there.
# mypy: disable-error-code="import-not-found, misc"
from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.currencies import GBP
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import (
    AccountType,
    OmsType,
    OrderSide,
    TradingState,
    order_status_to_str,
    trading_state_from_str,
    trading_state_to_str,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

INSTRUMENT = "ACME.XLON"
OPENING_MAX_NOTIONAL = 1_000_000  # GBP an order; what the risk engine starts with
BREAKER_WINDOW_QUOTES = 5  # the move is measured from the oldest of the last five quotes to the newest
BREAKER_MOVE_MAX = Decimal("0.01")  # more than one per cent within the window halts trading
OPENING_NANOSECONDS = 1_795_507_200_000_000_000  # 2026-11-24T08:00:00Z, when the venue opens
QUOTE_EVERY_NANOSECONDS = 1_000_000_000
TRADING_STATES = ("ACTIVE", "HALTED", "REDUCING")
PENCE = Decimal("0.01")
QUOTED_SIZE = 1_000_000  # deep enough that every order of the story fills at one price
EVENTS_KEPT_MAX = 10_000  # a demo reads back a few dozen; this bounds a desk left running


@dataclass(frozen=True, slots=True)
class OrderResult:
    """What became of one order: ``status`` as the engine names it (FILLED, DENIED, ...), why, and at what price."""

    order_id: str
    quantity: int
    status: str
    reason: str = ""
    price: str = ""


class CircuitBreaker(Actor):
    """The automation: halts all trading when the price moves too far within the window.

    It starts measuring anew after every trip, so an override is not undone by the very quotes it overrode.
    """

    def __init__(self, risk: Any, instrument_id: Any) -> None:
        super().__init__()
        self._risk = risk
        self._instrument_id = instrument_id
        self._prices: deque[Decimal] = deque(maxlen=BREAKER_WINDOW_QUOTES)
        self.trips = 0

    def on_start(self) -> None:
        """Called by the engine when the strategy starts."""
        self.subscribe_quote_ticks(self._instrument_id)

    def on_quote_tick(self, quote: Any) -> None:
        """Called by the engine for each quote: trips when the price moved too far within the window."""
        self._prices.append(quote.bid_price.as_decimal())
        move = abs(self._prices[-1] / self._prices[0] - 1)
        if move > BREAKER_MOVE_MAX and self._risk.trading_state == TradingState.ACTIVE:
            self._risk.set_trading_state(TradingState.HALTED)
            self._prices.clear()
            self.trips += 1


class Desk:
    """One desk, one instrument, one breaker, on the engine's own risk checks. Use as a context manager.

    >>> with Desk() as desk:
    ...     desk.quote("100.00")
    ...     desk.buy(1_000).status
    'FILLED'
    """

    def __init__(self, *, max_notional: int = OPENING_MAX_NOTIONAL) -> None:
        self._instrument_id = InstrumentId.from_str(INSTRUMENT)
        self._engine = _engine(max_notional)
        self._risk = self._engine.kernel.risk_engine
        self._clock_nanoseconds = OPENING_NANOSECONDS
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT_MAX)
        self._add_venue()
        self.breaker = CircuitBreaker(self._risk, self._instrument_id)
        self._engine.add_actor(self.breaker)
        self._strategy = Strategy(StrategyConfig(strategy_id="MM", order_id_tag="7"))
        self._engine.add_strategy(self._strategy)
        for topic in ("events.risk*", "events.order.*"):
            self._engine.kernel.msgbus.subscribe(topic, self._keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the trading day and free the engine; the desk cannot be used afterwards."""
        self._engine.end()
        self._engine.dispose()

    def quote(self, price: str) -> None:
        """Feed one quote (bid ``price`` in GBP, ask one penny above) and let the automation react to it."""
        bid = Decimal(price)
        self._clock_nanoseconds += QUOTE_EVERY_NANOSECONDS
        size = Quantity.from_int(QUOTED_SIZE)
        now = self._clock_nanoseconds
        tick = QuoteTick(self._instrument_id, _price(bid), _price(bid + PENCE), size, size, now, now)
        self._engine.add_data([tick])
        self._engine.run(streaming=True)
        self._engine.clear_data()

    def buy(self, quantity: int) -> OrderResult:
        """Submit a market order for ``quantity`` shares; RuntimeError before the first quote.

        The answer is the engine's: FILLED with the price, or DENIED with the risk engine's reason.
        """
        if not self._strategy.is_running:
            raise RuntimeError("the venue has not opened: feed a quote first")
        order = self._strategy.order_factory.market(
            self._instrument_id, OrderSide.BUY, Quantity.from_int(quantity)
        )
        self._strategy.submit_order(order)
        filled = order.avg_px is not None and order.filled_qty > 0
        return OrderResult(
            order_id=str(order.client_order_id),
            quantity=quantity,
            status=order_status_to_str(order.status),
            reason=getattr(order.last_event, "reason", None) or "",
            price=str(_price(Decimal(str(order.avg_px)))) if filled else "",
        )

    @property
    def trading_state(self) -> str:
        """ACTIVE, HALTED or REDUCING, read from the risk engine now."""
        return str(trading_state_to_str(self._risk.trading_state))

    def set_trading_state(self, state: str) -> None:
        """Change the state of the risk engine to ACTIVE, HALTED or REDUCING; ValueError for any other."""
        if state not in TRADING_STATES:  # the engine would abort the whole process
            raise ValueError(f"{state!r} is no trading state; one of {', '.join(TRADING_STATES)}")
        self._risk.set_trading_state(trading_state_from_str(state))

    def max_notional(self, instrument: str = INSTRUMENT) -> str:
        """The largest order value in GBP the risk engine lets through, read from it now; "none" when unlimited."""
        limit = self._risk.max_notional_per_order(InstrumentId.from_str(instrument))
        return "none" if limit is None else str(limit)

    def set_max_notional(self, value: str | int, instrument: str = INSTRUMENT) -> None:
        """Change the limit in the risk engine. The engine announces nothing: read it back."""
        self._risk.set_max_notional_per_order(InstrumentId.from_str(instrument), Decimal(value))

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the engine announced so far, oldest first: ``{"event": kind, ...}`` with the engine's own fields."""
        return list(self._events)

    def _keep(self, event: Any) -> None:
        kind = type(event)
        self._events.append({"event": kind.__name__, **kind.to_dict(event)})

    def _add_venue(self) -> None:
        """A simulated exchange that answers orders at once, as a live one would, not at the next quote.

        The account is a cash account: for margin accounts the engine does not check the notional limit (measured).
        """
        self._engine.add_venue(
            Venue(self._instrument_id.venue.value),
            OmsType.NETTING,
            AccountType.CASH,
            [Money(50_000_000, GBP)],
            base_currency=GBP,
            use_message_queue=False,
        )
        self._engine.add_instrument(_share(self._instrument_id))


def _engine(max_notional: int) -> Any:
    return BacktestEngine(
        BacktestEngineConfig(
            trader_id="DESK-001",
            logging=LoggingConfig(bypass_logging=True),  # stdout belongs to the story
            run_analysis=False,
            risk_engine=RiskEngineConfig(max_notional_per_order={INSTRUMENT: max_notional}),
        )
    )


def _share(instrument_id: Any) -> Any:
    return Equity(
        instrument_id=instrument_id,
        raw_symbol=Symbol(instrument_id.symbol.value),
        currency=GBP,
        price_precision=2,
        price_increment=_price(PENCE),
        lot_size=Quantity.from_int(1),
        ts_event=OPENING_NANOSECONDS,
        ts_init=OPENING_NANOSECONDS,
    )


def _price(value: Decimal) -> Any:
    return Price(value, 2)
