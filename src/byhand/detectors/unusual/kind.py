# SPDX-License-Identifier: Apache-2.0
"""The detector by its name, without loading what it computes with."""

from __future__ import annotations

from typing import ClassVar

from byhand.detectors.contract import Detector


class Unusual:
    """Compares an act with what its person, the person's role and everyone usually do."""

    scheme: ClassVar[str] = "unusual"

    @classmethod
    def empty(cls) -> Detector:
        """One that has learned nothing yet. Needs numpy (``byhand[watch]``)."""
        from byhand.detectors.unusual.model import Model

        return Model()
