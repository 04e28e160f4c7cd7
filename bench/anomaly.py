# SPDX-License-Identifier: Apache-2.0
"""How well unusual acts are found: scores for events, and the measurement with anomalies put in.

    bench/anomaly.py score FILE...        reads events in order (plain, gzip, ``-``), judges each, then learns it;
                                          prints {"id", "score", "reasons"} for each
    bench/anomaly.py evaluate             the shared data (BYHAND_DATA, default ../shared/data) with five kinds of
                                          anomalies put in: average precision, recall, precision, cold start, speed
        --seeds 1,2,3  --thin 4  --baselines  --quick
    bench/anomaly.py                      the same as evaluate: one JSON object a line, as every benchmark

``--thin N`` keeps every Nth person. ``--baselines`` measures scikit-learn, PyOD and River on the same events
(``uv pip install scikit-learn pyod river``) and prints the table to standard error.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import anomaly_data as data
from common import report

from byhand.detectors.unusual.model import Model

BUDGET, BUDGET_SMALL = 0.01, 0.001
COLD_ACTS = 20  # acts of a person before it counts as established
THIN_QUICK = 6


class Scored(NamedTuple):
    """Everything behind the warm-up: scores, what each event is, and how many acts its person had before it."""

    scores: list[float]
    kinds: list[str]
    acts: list[int]


def main() -> None:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few events, one seed")
    commands = parser.add_subparsers(dest="command")
    score = commands.add_parser("score", help="score events of files")
    score.add_argument("files", nargs="+", metavar="FILE")
    evaluate = commands.add_parser("evaluate", help="measure with anomalies put in")
    evaluate.add_argument("--seeds", default="1,2,3")
    evaluate.add_argument("--thin", type=int, default=1)
    evaluate.add_argument("--baselines", action="store_true")
    evaluate.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    if chosen.command == "score":
        score_files(chosen.files)
        return
    seeds = [int(one) for one in getattr(chosen, "seeds", "1,2,3").split(",")]
    if chosen.quick:
        measure(seeds[:1], THIN_QUICK, baselines=False)
    else:
        measure(seeds, getattr(chosen, "thin", 1), baselines=getattr(chosen, "baselines", False))


def score_files(names: Sequence[str]) -> None:
    """Judge, print, learn."""
    model = Model()
    for event in data.read(names):
        act = data.act(event)
        found = model.judge(act)
        model.learn(act)
        reasons = [
            {"aspect": one.aspect, "words": one.words, "bits": round(one.bits, 2)} for one in found.reasons
        ]
        print(json.dumps({"id": event["id"], "score": found.score, "reasons": reasons}, ensure_ascii=False))


def events(thin: int) -> tuple[list[data.Event], str]:
    """The events to measure with, and what they are."""
    found, named = data.shared(), "shared"
    if not found:
        found, named = data.generated(), "generated"
    if thin > 1:
        persons = sorted({one["actor_id"] for one in found})
        kept = set(persons[::thin])
        found, named = [one for one in found if one["actor_id"] in kept], f"{named}_1_of_{thin}"
    return found, named


def measure(seeds: Sequence[int], thin: int, *, baselines: bool) -> None:
    """Mean and spread over the seeds, one line a figure."""
    found, named = events(thin)
    results: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        labelled, begin = data.with_anomalies(found, seed)
        scored, speed = ours(labelled, begin)
        results.setdefault("byhand", []).append({**figures(scored), "events_per_s": speed})
        if baselines:
            import anomaly_baselines

            for name, scores in anomaly_baselines.scores(labelled, begin):
                other = figures(scored._replace(scores=scores))
                results.setdefault(name, []).append(other)
    for method, runs in results.items():
        for name in runs[0]:
            values = [run[name] for run in runs if not math.isnan(run[name])]
            mean = sum(values) / len(values) if values else math.nan
            spread = max(values) - min(values) if values else math.nan
            unit = "events/s" if name == "events_per_s" else "share"
            against = f"{named}, {len(found)} events, seeds {','.join(map(str, seeds))}, spread {spread:.3f}"
            report(f"anomaly_{method}_{name}", mean, unit, None, against)
    table(results)


def ours(labelled: Sequence[data.Labelled], begin: int) -> tuple[Scored, float]:
    """Our scores behind the warm-up, and events a second over everything (processor time)."""
    acts = [data.act(one.event) for one in labelled]
    model, counts = Model(), Counter[str]()
    scored = Scored([], [], [])
    start = time.process_time()
    for place, act in enumerate(acts):
        judgement = model.judge(act)
        model.learn(act)
        if place >= begin:
            scored.scores.append(judgement.score)
            scored.kinds.append(labelled[place].kind)
            scored.acts.append(counts[act.person])
        counts[act.person] += 1
    return scored, len(acts) / (time.process_time() - start)


def figures(scored: Scored) -> dict[str, float]:
    """What is reported of one run."""
    order = sorted(range(len(scored.scores)), key=lambda place: (-scored.scores[place], place))
    made = sum(kind != "" for kind in scored.kinds)
    top = set(order[: max(1, int(len(order) * BUDGET))])
    small = order[: max(1, int(len(order) * BUDGET_SMALL))]
    found, precision = 0, 0.0
    for rank, place in enumerate(order, 1):
        if scored.kinds[place]:
            found += 1
            precision += found / rank
    kinds = {
        f"recall_{kind}": _share(top, [place for place in order if scored.kinds[place] == kind])
        for kind in data.KINDS
    }
    natural = [place for place in order if not scored.kinds[place]]
    cold = _share(top, [place for place in natural if scored.acts[place] < COLD_ACTS])
    known = _share(top, [place for place in natural if scored.acts[place] >= COLD_ACTS])
    return {
        "average_precision": precision / made,
        "recall_at_1_percent": sum(scored.kinds[place] != "" for place in top) / made,
        "precision_at_1_percent": sum(scored.kinds[place] != "" for place in top) / len(top),
        "precision_at_0.1_percent": sum(scored.kinds[place] != "" for place in small) / len(small),
        **kinds,
        "cold_start_ratio": cold / known if known else math.nan,
    }


def _share(top: set[int], places: Sequence[int]) -> float:
    return sum(place in top for place in places) / len(places) if places else math.nan


def table(results: dict[str, list[dict[str, float]]]) -> None:
    """All methods beside each other, for a person."""
    names = [name for name in results["byhand"][0] if name != "events_per_s"]
    print(f"{'':28}" + " ".join(f"{name[:16]:>16}" for name in names), file=sys.stderr)
    for method, runs in results.items():
        means = [sum(run[name] for run in runs) / len(runs) for name in names]
        print(f"{method:28}" + " ".join(f"{mean:16.3f}" for mean in means), file=sys.stderr)


if __name__ == "__main__":
    main()
