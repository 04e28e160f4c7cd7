# SPDX-License-Identifier: Apache-2.0
"""How carefully records are kept: the classes in order, and which of them demand a reason from whoever reads.

See decision 9.
"""

from __future__ import annotations

from collections.abc import Iterable

CLASSES = ("public", "internal", "confidential", "restricted", "secret")
"""From the least to the most careful."""
OPEN = frozenset({"public", "internal"})
"""Read without a word of why; a word that is none of ours counts as confidential."""


def demands_reason(classification: str) -> bool:
    """Whether what is kept in this class is shown only to those who say why they read it."""
    return classification not in OPEN


def rank(classification: str) -> int:
    """How careful a class is, among others."""
    return CLASSES.index(classification if classification in CLASSES else "confidential")


def strictest(classifications: Iterable[str]) -> str:
    """The most careful one; the first of several that are as careful."""
    return max(classifications, key=rank)
