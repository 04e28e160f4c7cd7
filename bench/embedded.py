# SPDX-License-Identifier: Apache-2.0
"""One person's trip, embedded: intent, permit and redemption, outcome - against three raw commits.

Trips and raw commits alternate, so that a slow moment of the machine meets both.
"""

from __future__ import annotations

from common import QUICK, RawStore, bench_home, median, on_a_slow_disk, report, seconds

ROUNDS = 60 if QUICK else 400
WARM_UP = 20


def main() -> None:
    """Print the trip's median for a medium and a high tier, and the receipt's."""
    disk = on_a_slow_disk()
    with bench_home() as bench:
        for _ in range(WARM_UP):
            bench.trip("breaker-medium", signed=False)
        raw = RawStore(bench.folder, bench.home.path)
        times: dict[str, list[float]] = {"medium": [], "signed": [], "high": [], "raw": [], "receipt": []}
        for _ in range(ROUNDS):
            times["medium"].append(seconds(bench.prepared_trip("breaker-medium", signed=False)))
            times["raw"].append(sum(seconds(raw.commit, count) for count in (1, 2, 1)))
            times["signed"].append(seconds(bench.prepared_trip("breaker-medium", signed=True)))
            times["high"].append(seconds(bench.prepared_trip("breaker-high", signed=True)))
            record = bench.trip("breaker-medium", signed=False)
            times["receipt"].append(seconds(bench.backend.receipt, record))
        raw.close()
        base = median(times["raw"])
        report(f"three_raw_commits_p50{disk}", base * 1e3, "ms")
        for name, what in (
            ("medium", "trip_medium"),
            ("signed", "trip_medium_signed"),
            ("high", "trip_high_anchored"),
        ):
            value = median(times[name])
            report(f"{what}_p50{disk}", value * 1e3, "ms", value / base, "three raw commits of the same rows")
        value = median(times["receipt"])
        report(f"receipt_p50{disk}", value * 1e3, "ms", value / base, "three raw commits of the same rows")


if __name__ == "__main__":
    main()
