# SPDX-License-Identifier: Apache-2.0
"""The last rows of numbers, oldest overwritten first."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from byhand.detectors.unusual.weights import Floats


class Ring:
    """At most ``size`` rows of ``width`` numbers."""

    def __init__(self, size: int, width: int) -> None:
        self._rows = np.zeros((size, width))
        self.count = 0

    def add(self, row: Sequence[float]) -> None:
        """Put a row in, over the oldest where it is full."""
        self._rows[self.count % len(self._rows)] = row
        self.count += 1

    def rows(self) -> Floats:
        """What is there; the order is that of the places, the same at every replay."""
        return self._rows[: min(self.count, len(self._rows))]

    def state(self) -> dict[str, Any]:
        """Everything in it, the rows as they lie in memory (64-bit floats, lowest byte first)."""
        return {"count": self.count, "rows": base64.b64encode(self.rows().astype("<f8").tobytes()).decode()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave."""
        self.count = state["count"]
        found = np.frombuffer(base64.b64decode(state["rows"]), "<f8").reshape(-1, self._rows.shape[1])
        self._rows[: len(found)] = found
