# SPDX-License-Identifier: Apache-2.0
"""Figures for whoever keeps the server running, in Prometheus' text form. They name nobody."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from byhand import clock, wiring
from byhand.api.lanes import Lanes
from byhand.errors import ByhandError
from byhand.store.outbox import DEAD_SECONDS
from byhand.watch.process import WatchProcess

SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    1.0,
    5.0,
)  # an act waits milliseconds, a reader less


class Metrics:
    """The figures of one server."""

    def __init__(self, home: wiring.Home, lanes: Lanes, watch: WatchProcess) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "byhand_http_answers", "Answers by door and status.", ["door", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "byhand_http_seconds",
            "Seconds until the answer.",
            ["door"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._registry.register(_State(home, lanes, watch))
        self._counted = cache(lambda door, status: self._answers.labels(door, str(status)))
        self._timed = cache(self._seconds.labels)

    def answered(self, door: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._counted(door, status).inc()
        self._timed(door).observe(seconds)

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self._registry)


class _State(Collector):
    """What is read when somebody asks, instead of being counted along."""

    def __init__(self, home: wiring.Home, lanes: Lanes, watch: WatchProcess) -> None:
        self._home = home
        self._lanes = lanes
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """The log's size, what waits, and how full the lanes are."""
        size = self._home.journal.reader.size
        yield GaugeMetricFamily("byhand_log_entries", "Entries in the log.", value=size)
        lag = size - self._home.index.cursor()
        yield GaugeMetricFamily(
            "byhand_index_lag_entries", "Entries that the index does not know yet.", value=lag
        )
        inside = GaugeMetricFamily("byhand_lane_inside", "Requests inside a lane.", labels=["lane"])
        away = CounterMetricFamily(
            "byhand_lane_turned_away", "Requests that found no place.", labels=["lane"]
        )
        for lane in self._lanes.all:
            inside.add_metric([lane.name], lane.inside)
            away.add_metric([lane.name], lane.turned_away)
        yield inside
        yield away
        failures = GaugeMetricFamily(
            "byhand_follower_failures", "Turns of a follower that failed in a row.", labels=["follower"]
        )
        for name, standing in list(self._watch.standings.items()):
            failures.add_metric([name], standing.failures)
        yield failures
        yield GaugeMetricFamily(
            "byhand_followers_starts",
            "How often the followers' process was started.",
            value=self._watch.starts,
        )
        yield GaugeMetricFamily(
            "byhand_followers_silent_seconds",
            "Seconds since the followers' process was last heard of.",
            value=self._watch.silent_seconds,
        )
        yield from _requests(self._home)


def _requests(home: wiring.Home) -> Iterator[Metric]:
    """Whether those who must decide hear of it."""
    readable = GaugeMetricFamily(
        "byhand_outbox_readable", "1: what is to be sent can be read and kept; else 0."
    )
    try:
        counts = home.outbox.counts(clock.after(clock.now(), seconds=-DEAD_SECONDS))
        lag = home.journal.reader.size - home.outbox.cursor()
    except ByhandError:  # told by the figure itself: all others are shown beside it
        readable.add_metric([], 0)
        yield readable
        return
    readable.add_metric([], 1)
    yield readable
    for name, meaning, value in (
        ("byhand_requests_open", "Interventions that wait for a decision.", counts.requests),
        ("byhand_requests_unheard", "Those of them of which nobody can have heard.", counts.unheard),
        ("byhand_messages_waiting", "Messages that are on their way.", counts.waiting),
        ("byhand_messages_dead", "Messages of the last day that were given up.", counts.dead),
        ("byhand_requests_lag_entries", "Entries in which no request was looked for yet.", lag),
    ):
        yield GaugeMetricFamily(name, meaning, value=value)
