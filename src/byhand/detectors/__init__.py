# SPDX-License-Identifier: Apache-2.0
"""Detectors: what can be said of an act from the acts before it. Pure: no input or output, time is an argument."""

from __future__ import annotations

from byhand.detectors.contract import DetectorKind
from byhand.detectors.unusual.kind import Unusual

BUILT_IN: tuple[type[DetectorKind], ...] = (Unusual,)
