# SPDX-License-Identifier: Apache-2.0
"""The detector: judge, then learn. Its state follows from the acts alone and can be written down and taken up.

1 An act becomes numbers (``features``). 2 The weights make one number of them: how much likelier it is somebody
else's, or at any time. 3 The chance of such a pace adds what a chance may say at most. 4 The parts are told in words.

The weights are fitted anew at the first act after midnight (UTC), from the recent acts as they were and the same
acts with parts of others', each judged before it was learned.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import orjson

from byhand.detectors.contract import Act, Judgement
from byhand.detectors.unusual.chance import Chance
from byhand.detectors.unusual.decay import DAY, Weights
from byhand.detectors.unusual.features import NAMES, Counters, Seen
from byhand.detectors.unusual.others import somebody_else
from byhand.detectors.unusual.ring import Ring
from byhand.detectors.unusual.weights import Fitted, fit
from byhand.detectors.unusual.words import reasons
from byhand.errors import Invalid

VERSION = 2
"""Of the method: another one learns something else from the same acts."""
ROWS = 6_144  # acts that the weights are fitted to: several weeks of a large organisation
OTHERS = 3_000  # acts that parts are taken from
NEW_ACTS_MIN = 100  # fewer since the last fit change no weight that matters
FIT_ACTS_MIN = 500  # before it nothing is judged
REGROUP_ACTS = 5_000  # roles are learned anew after so many acts ...
REGROUP_FIRST = 1_000  # ... and first after these
PACE_EVIDENCE = 0.5  # a chance p speaks at most as loud as odds of p^-0.5 / 2, whatever it is held against


class Model:
    """Not thread-safe; one follower owns it."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.fitted: Fitted | None = None
        self.learned = 0
        self.fitted_at = 0
        self.regrouped_at = 0
        self.day = 0
        self.own = Ring(ROWS, len(NAMES))
        self.changed = Ring(ROWS, len(NAMES))
        self.recent: list[Act] = []
        self._last: tuple[Act, Seen] | None = None

    def judge(self, act: Act) -> Judgement:
        """How unusual an act is."""
        seen = self._look(act)
        known = seen.habits.known(act.at)
        if self.fitted is None:
            return Judgement(0.0, (), known)
        logit = self.fitted.logit(seen.features)
        pace = max(0.0, (PACE_EVIDENCE * seen.pace - 1.0) * math.log(2))
        return Judgement(logit + pace, reasons(act, seen, self.fitted, pace), known)

    def learn(self, act: Act) -> None:
        """Take it as something this person does."""
        now = Weights(act.at)
        self._begin_day(act, now)
        seen = self._look(act)
        self.own.add(seen.features)
        if len(self.recent) >= OTHERS // 10:
            other = somebody_else(act, self.recent, Chance(self.learned))
            self.changed.add(self.counters.look(other, Weights(other.at)).features)
        self.counters.add(act, now)
        if len(self.recent) < OTHERS:
            self.recent.append(act)
        else:
            self.recent[self.learned % OTHERS] = act
        self.learned += 1
        self._last = None

    def _look(self, act: Act) -> Seen:
        if self._last is not None and self._last[0] is act:
            return self._last[1]
        seen = self.counters.look(act, Weights(act.at))
        self._last = (act, seen)
        return seen

    def _begin_day(self, act: Act, now: Weights) -> None:
        day = int(act.at // DAY)
        if day <= self.day:
            return
        if self.learned - self.fitted_at < NEW_ACTS_MIN or self.learned < FIT_ACTS_MIN:
            return
        self.day = day
        since = self.learned - self.regrouped_at
        if since >= REGROUP_ACTS or (self.regrouped_at == 0 and since >= REGROUP_FIRST):
            self.counters.regroup(now)
            self.regrouped_at = self.learned
            self._last = None
        self.fitted = fit(self.own.rows(), self.changed.rows(), self.fitted)
        self.fitted_at = self.learned

    def state(self) -> dict[str, Any]:
        """Everything learned, as plain values."""
        return {
            "version": VERSION,
            "learned": self.learned,
            "fitted_at": self.fitted_at,
            "regrouped_at": self.regrouped_at,
            "day": self.day,
            "fitted": self.fitted,
            "own": self.own.state(),
            "changed": self.changed.state(),
            "recent": self.recent,
            "counters": self.counters.state(),
        }

    def encode(self) -> bytes:
        """Everything learned: equal states give equal bytes."""
        return orjson.dumps(msgspec.to_builtins(self.state()), option=orjson.OPT_SORT_KEYS)

    @classmethod
    def decode(cls, encoded: bytes) -> Model:
        """Take up where ``encode`` left. Raises Invalid on the state of another version of the method."""
        return cls.restore(orjson.loads(encoded))

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Model:
        """As ``decode``, from plain values."""
        if state.get("version") != VERSION:
            raise Invalid(
                "what was learned was written by another version of the method",
                advice="Remove what the follower learned: it learns again from the log.",
            )
        model = cls()
        model.learned, model.fitted_at = state["learned"], state["fitted_at"]
        model.regrouped_at, model.day = state["regrouped_at"], state["day"]
        if state["fitted"] is not None:
            model.fitted = Fitted(*(tuple(one) for one in state["fitted"]))
        model.own.restore(state["own"])
        model.changed.restore(state["changed"])
        model.recent = [Act(*one) for one in state["recent"]]
        model.counters.restore(state["counters"])
        return model
