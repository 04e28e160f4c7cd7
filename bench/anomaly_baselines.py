# SPDX-License-Identifier: Apache-2.0
"""What others do on the same events: isolation forest, ECOD, COPOD, HBOS, half-space trees on plain features.

Needs scikit-learn, PyOD and River, which nothing else here does: ``uv pip install scikit-learn pyod river``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import anomaly_data as data
import numpy as np
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from river import anomaly, compose, preprocessing
from sklearn.ensemble import IsolationForest


def scores(labelled: Sequence[data.Labelled], begin: int) -> Iterator[tuple[str, list[float]]]:
    """Name and scores behind the warm-up of every baseline, fitted to the warm-up."""
    rows = np.array(list(_plain(labelled)))
    fitted, judged = rows[:begin], rows[begin:]
    forest = IsolationForest(n_estimators=200, max_samples=4096, random_state=0).fit(fitted)
    yield "sklearn_isolation_forest", (-forest.score_samples(judged)).tolist()
    for name, model in (("pyod_ecod", ECOD()), ("pyod_copod", COPOD()), ("pyod_hbos", HBOS(n_bins=30))):
        yield name, model.fit(fitted).decision_function(judged).tolist()
    yield "river_half_space_trees", list(_river(fitted, judged))


def _plain(labelled: Sequence[data.Labelled]) -> Iterator[list[float]]:
    """What one would take first: the clock as a circle, how often person, target and both were seen, size, action."""
    persons, targets, pairs = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    actions: dict[str, int] = {}
    for one in labelled:
        act = data.act(one.event)
        local = act.at + act.zone * 60
        hour, day = local % 86_400 / 3600, (local // 86_400 + 3) % 7
        yield [
            math.sin(hour / 24 * math.tau),
            math.cos(hour / 24 * math.tau),
            math.sin(day / 7 * math.tau),
            math.cos(day / 7 * math.tau),
            math.log1p(persons[act.person]),
            math.log1p(targets[act.target]),
            math.log1p(pairs[act.person, act.target]),
            math.log1p(act.size),
            float(act.approver == ""),
            float(actions.setdefault(act.action, len(actions))),
        ]
        persons[act.person] += 1
        targets[act.target] += 1
        pairs[act.person, act.target] += 1


def _river(fitted: np.ndarray, judged: np.ndarray) -> Iterator[float]:
    model = compose.Pipeline(
        preprocessing.MinMaxScaler(),
        anomaly.HalfSpaceTrees(n_trees=25, height=10, window_size=1000, seed=0),
    )
    for row in fitted[-8_000:]:
        model.learn_one(dict(enumerate(row.tolist())))
    for row in judged:
        named = dict(enumerate(row.tolist()))
        yield model.score_one(named)
        model.learn_one(named)
