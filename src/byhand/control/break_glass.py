# SPDX-License-Identifier: Apache-2.0
"""Who may break the glass again: nobody whose earlier break-glass was not reviewed in time.

The findings are looked up in the index, which is brought up to the log first, and judged by the log.
"""

from __future__ import annotations

from typing import Protocol

from byhand.control.chains import Chains
from byhand.control.indexing import REVIEW_OVERDUE, Indexer
from byhand.errors import NotPermitted
from byhand.store.index import Among, Condition, Listed
from byhand.trust import break_glass

PAGE = 100  # findings looked through at a time; a company that needs more has other worries
FINDINGS = "finding"


class Listing(Protocol):
    """What this room asks of the index."""

    def listed(self, kind: str, conditions: list[Condition], limit: int, before: int | None) -> Listed:
        """Places of records, newest first."""
        ...


class BreakGlass:
    """The rule of the overdue review, for one home."""

    def __init__(self, chains: Chains, indexer: Indexer, index: Listing) -> None:
        self._chains = chains
        self._indexer = indexer
        self._index = index

    def check(self, person: str) -> None:
        """Raise NotPermitted, naming it, when a break-glass of ``person`` still lacks the reviews that are overdue."""
        self._indexer.catch_up()
        before: int | None = None
        while True:
            found = self._index.listed(FINDINGS, [Among("verdict", (REVIEW_OVERDUE,))], PAGE, before)
            for place in found.places:
                self._check_one(place, person)
            if found.following is None:
                return
            before = found.following

    def _check_one(self, place: int, person: str) -> None:
        chain = self._chains.of_entry(place)
        if chain is None or chain.intent[1].declaration.person != person:
            return
        missing = break_glass.reviews_missing(chain.state)
        if missing:
            earlier = chain.intent[1].id
            raise NotPermitted(
                f"{person} broke the glass in {earlier}, and {missing} review(s) of it are overdue",
                advice=f"Others review it first: byhand review {earlier} right|wrong TEXT",
            )
