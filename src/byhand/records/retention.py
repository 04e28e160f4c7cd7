# SPDX-License-Identifier: Apache-2.0
"""The retention classes byhand ships: how long a record must be kept, and which rule says so."""

from __future__ import annotations

from byhand.records.base import Part


class RetentionClass(Part, kw_only=True):
    """Term in days (at least; a legal hold or a longer rule may extend it) and the rule behind it."""

    days_min: int
    rule: str


_YEAR_DAYS = 366  # never a day short, whatever leap years fall into the term

CLASSES: dict[str, RetentionClass] = {
    "sox-7y": RetentionClass(days_min=7 * _YEAR_DAYS, rule="Sarbanes-Oxley section 802, 17 CFR 210.2-06"),
    "sec17a4-6y": RetentionClass(days_min=6 * _YEAR_DAYS, rule="17 CFR 240.17a-4"),
    "mifid2-5y": RetentionClass(days_min=5 * _YEAR_DAYS, rule="MiFID II article 16(7)"),
    "mifid2-7y": RetentionClass(
        days_min=7 * _YEAR_DAYS, rule="MiFID II article 16(7), on request of the authority"
    ),
    "hipaa-6y": RetentionClass(days_min=6 * _YEAR_DAYS, rule="45 CFR 164.316(b)(2)"),
    "pci-1y": RetentionClass(days_min=_YEAR_DAYS, rule="PCI DSS 10.5.1: three months at hand"),
    "ai-act-6m": RetentionClass(
        days_min=184, rule="Regulation (EU) 2024/1689 article 26(6): at least six months"
    ),
    "default-7y": RetentionClass(days_min=7 * _YEAR_DAYS, rule="byhand's own default"),
}
