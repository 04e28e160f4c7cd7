# SPDX-License-Identifier: Apache-2.0
"""How far behind a hook is: a small file in Prometheus' text format, for node_exporter's textfile collector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".part"  # the collector reads files that end in .prom alone


@dataclass(slots=True)
class Gauges:
    """What is written. Times are in Unix seconds; 0 stands for never."""

    unsent_acts: int = 0
    unsent_outcomes: int = 0
    quarantined: int = 0
    failing: bool = False
    failing_since: float = 0.0
    delivered_at: float = 0.0

    def text(self) -> str:
        """The exposition."""
        lines = (
            ("unsent_acts", "gauge", "Acts that were seen and are not acknowledged yet.", self.unsent_acts),
            ("unsent_outcomes", "gauge", "Outcomes that are not acknowledged yet.", self.unsent_outcomes),
            ("quarantined_total", "counter", "Records quarantined since this start.", self.quarantined),
            ("failing", "gauge", "1 while what is unsent cannot be delivered.", int(self.failing)),
            ("failing_since_seconds", "gauge", "Since when that is so.", self.failing_since),
            ("delivered_seconds", "gauge", "When all was last delivered.", self.delivered_at),
        )
        return "".join(
            f"# HELP byhand_hook_{name} {told}\n# TYPE byhand_hook_{name} {kind}\nbyhand_hook_{name} {value}\n"
            for name, kind, told, value in lines
        )

    def write(self, file: Path) -> None:
        """Replace ``file``; raises OSError. Lost in a power cut it is written again within a minute."""
        part = file.with_name(file.name + SUFFIX)
        part.write_text(self.text(), encoding="ascii")
        part.replace(file)
