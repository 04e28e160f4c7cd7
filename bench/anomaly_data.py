# SPDX-License-Identifier: Apache-2.0
"""Events for bench/anomaly.py: read in the form of the shared data, generated, or with anomalies put in.

The form: one JSON object a line with ``id``, ``timestamp`` (Unix seconds), ``tz_minutes``, ``actor_id``,
``approver_id`` (``self``: nobody else), ``target``, ``action``, ``files_changed``. Other names are left alone.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from byhand.detectors.contract import Act

DATA = Path(os.environ.get("BYHAND_DATA", "../shared/data")) / "interventions"
WARM_UP = 0.55  # of the events have no anomalies
ANOMALIES = 0.012  # of the events behind it are
KINDS = ("off_hours", "new_target", "both", "masquerade", "burst")
BURST_ACTS = (8, 20)  # of one person, within ten minutes
BURST_SECONDS = 600
HISTORY_MIN = 20  # acts of a person before anything is put in under that name
Event = dict[str, Any]


class Labelled(NamedTuple):
    """An event and the kind of anomaly it is; empty: none."""

    event: Event
    kind: str


def read(names: Iterable[str]) -> Iterator[Event]:
    """The events of files, plain or gzip, in order; ``-`` is standard input."""
    for name in names:
        with _opened(name) as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)


def _opened(name: str) -> io.TextIOBase:
    raw = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115 - closed by the caller
    buffered = io.BufferedReader(raw) if not isinstance(raw, io.BufferedReader) else raw
    packed = buffered.peek(2)[:2] == b"\x1f\x8b"
    return io.TextIOWrapper(gzip.GzipFile(fileobj=buffered) if packed else buffered, encoding="utf-8")


def act(event: Event) -> Act:
    """An event as the detector knows it."""
    approver = str(event.get("approver_id") or "self")
    target = str(event["target"])
    return Act(
        id=str(event["id"]),
        at=float(event["timestamp"]),
        zone=int(event.get("tz_minutes") or 0),
        person=str(event["actor_id"]),
        target=target,
        family=target.rpartition("/")[0],
        action=str(event.get("action") or ""),
        approver="" if approver in {"self", event["actor_id"]} else approver,
        size=float(event.get("files_changed") or 1),
    )


def shared() -> list[Event]:
    """The shared data, oldest first; empty where there is none."""
    return list(read(map(str, sorted(DATA.glob("*.jsonl.gz")))))


def generated(seed: int = 1, count: int = 12_000) -> list[Event]:
    """Made-up events of forty persons in four teams, for machines without the shared data."""
    rng = random.Random(seed)
    teams = [[f"team{team}/service{number}" for number in range(30)] for team in range(4)]
    actions = ("modify", "deploy", "restart", "upgrade", "revert")
    persons = []
    for number in range(40):
        own = rng.sample(teams[number % 4], 12)
        zone = rng.choice((-300, 0, 60, 330))
        persons.append((f"person{number}", own, zone, rng.randint(7, 11), rng.sample(actions, 3)))
    events, at = [], 1_420_070_400.0
    while len(events) < count:
        at += rng.expovariate(1 / 900)
        name, own, zone, start, usual = rng.choice(persons)
        local = (at + zone * 60) % 86_400 / 3600
        weekend = int((at + zone * 60) // 86_400 + 3) % 7 >= 5
        if not start <= local < start + 9 or (weekend and rng.random() < 0.95):
            continue
        place = rng.choice(own) if rng.random() < 0.97 else rng.choice(rng.choice(teams))
        approver = "self" if rng.random() < 0.3 else rng.choice(persons)[0]
        events.append(
            {
                "id": f"e{len(events)}",
                "timestamp": int(at),
                "tz_minutes": zone,
                "actor_id": name,
                "approver_id": approver,
                "target": place,
                "action": rng.choice(usual),
                "files_changed": 1 + int(rng.expovariate(0.7)),
            }
        )
    return events


def with_anomalies(events: list[Event], seed: int, share: float = ANOMALIES) -> tuple[list[Labelled], int]:
    """The events with anomalies of all kinds in equal parts put in; and where the warm-up ends."""
    rng = random.Random(seed)
    begin = int(len(events) * WARM_UP)
    wanted = round(share * (len(events) - begin) / (1 - share))
    maker = _Maker(rng, events, begin)
    made: list[Labelled] = []
    for kind in KINDS:
        own: list[Labelled] = []
        while len(own) < wanted / len(KINDS):
            own += maker.make(kind)
        made += own[: round(wanted / len(KINDS))]
    labelled = [Labelled(event, "") for event in events] + made
    labelled.sort(key=lambda one: one.event["timestamp"])
    start = events[begin]["timestamp"]
    return labelled, next(place for place, one in enumerate(labelled) if one.event["timestamp"] >= start)


class _Maker:
    """Makes anomalies from what persons had done before the moment they are put in at."""

    def __init__(self, rng: random.Random, events: list[Event], begin: int) -> None:
        self.rng, self.events, self.begin, self.number = rng, events, begin, 0
        self.places: dict[str, list[int]] = defaultdict(list)
        for place, event in enumerate(events):
            self.places[event["actor_id"]].append(place)

    def make(self, kind: str) -> list[Labelled]:
        """One anomaly: one event, or a burst of them."""
        place = self.rng.randrange(self.begin, len(self.events))
        base = self.events[place]
        before = [one for one in self.places[base["actor_id"]] if one <= place]
        if len(before) < HISTORY_MIN:
            return []
        found = getattr(self, f"_{kind}")(base, before)
        if any(event["timestamp"] < self.events[self.begin]["timestamp"] for event in found):
            return []  # moved into the warm-up
        made = []
        for event in found:
            self.number += 1
            made.append(Labelled({**event, "id": f"made-{kind}-{self.number}"}, kind))
        return made

    def _off_hours(self, base: Event, before: list[int]) -> list[Event]:
        used = Counter(_hour(self.events[one]) for one in before)
        week = [hour for hour in range(168) if not any(used[(hour + near) % 168] for near in (-1, 0, 1))]
        if not week:
            return []
        return [_moved(base, self.rng.choice(week), self.rng)]

    def _elsewhere(self, before: list[int]) -> Event | None:
        own = {self.events[one]["target"] for one in before}
        for _ in range(50):
            other = self.events[self.rng.randrange(max(0, before[-1] - 5_000), before[-1])]
            if other["target"] not in own:
                return {name: other[name] for name in ("target", "action", "files_changed")}
        return None

    def _new_target(self, base: Event, before: list[int]) -> list[Event]:
        other = self._elsewhere(before)
        return [] if other is None else [_moved({**base, **other}, _hour(base), self.rng)]

    def _both(self, base: Event, before: list[int]) -> list[Event]:
        other = self._elsewhere(before)
        return [] if other is None else [_moved({**base, **other}, 6 * 24 + 3, self.rng)]

    def _masquerade(self, base: Event, before: list[int]) -> list[Event]:
        for _ in range(50):
            other = self.events[self.rng.randrange(max(0, before[-1] - 2_000), before[-1])]
            if other["actor_id"] != base["actor_id"]:
                return [_moved({**other, "actor_id": base["actor_id"]}, _hour(other), self.rng)]
        return []

    def _burst(self, base: Event, before: list[int]) -> list[Event]:
        count, found = self.rng.randint(*BURST_ACTS), []
        for _ in range(count):
            like = self.events[self.rng.choice(before[-200:])]
            kept = {name: like[name] for name in ("target", "action", "files_changed")}
            found.append({**base, **kept, "timestamp": base["timestamp"] + self.rng.randrange(BURST_SECONDS)})
        return found


def _hour(event: Event) -> int:
    local = event["timestamp"] + event["tz_minutes"] * 60
    return (local // 86_400 + 3) % 7 * 24 + local % 86_400 // 3600


def _moved(event: Event, hour: int, rng: random.Random) -> Event:
    """The event at another hour of the same week, in the person's own time."""
    by = (hour - _hour(event)) * 3600
    by -= math.copysign(7 * 86_400, by) if abs(by) > 84 * 3600 else 0
    start = (event["timestamp"] + event["tz_minutes"] * 60) // 3600 * 3600 - event["tz_minutes"] * 60
    return {**event, "timestamp": int(start + by + rng.randrange(3600))}
