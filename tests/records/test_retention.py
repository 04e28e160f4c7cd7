# SPDX-License-Identifier: Apache-2.0
"""The retention classes byhand ships."""

from __future__ import annotations

from byhand.records.kinds import Point
from byhand.records.retention import CLASSES

NAMED = {"sox-7y", "sec17a4-6y", "mifid2-5y", "mifid2-7y", "hipaa-6y", "pci-1y", "ai-act-6m", "default-7y"}


def test_every_named_class_is_shipped() -> None:
    """Each rule that names a term has its class; a rule without a term of its own has none."""
    assert set(CLASSES) == NAMED


def test_a_class_keeps_at_least_what_its_name_says() -> None:
    """Whatever leap years fall into the term, it is never a day short."""
    for name, kept in CLASSES.items():
        number, unit = int(name[-2]), name[-1]
        assert kept.days_min >= number * (365.25 if unit == "y" else 30.6)
        assert kept.rule


def test_a_point_is_kept_under_a_shipped_class_by_default() -> None:
    """Nobody has to choose for a record to be kept."""
    point = Point(name="p", action="a.b.c", system="s", type="t", id="i", owner="o")
    assert point.retention_class in CLASSES
