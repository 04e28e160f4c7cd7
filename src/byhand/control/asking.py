# SPDX-License-Identifier: Apache-2.0
"""What became of the request for a decision, for whoever made it: nobody waits unknowingly."""

from __future__ import annotations

from typing import Protocol

import msgspec

from byhand.client.contract import Asked, Told
from byhand.control.chains import Chains
from byhand.control.identity import Caller
from byhand.errors import Refused
from byhand.store.outbox import Letter, Outbox, RequestBook
from byhand.trust.break_glass import is_break_glass, reviews_missing

DEAD_EVERYWHERE = "no destination could be reached"


class Book(RequestBook, Outbox, Protocol):
    """Requests with their letters."""


class Asking:
    """Looks at the requests of one home."""

    def __init__(self, chains: Chains, book: Book) -> None:
        self._chains = chains
        self._book = book

    def asked(self, caller: Caller, intervention: str) -> Asked:
        """Who was told about ``intervention``; raises Refused unless it is the caller's own, NotFound."""
        chain = self._chains.get(intervention)
        _, intent = chain.intent
        if caller.person != intent.declaration.person:
            raise Refused(
                "the intent is somebody else's",
                advice=f"Read it with: byhand show {intervention}",
            )
        rows = [row for row in self._book.requests() if row.intervention == intervention]
        letters = self._book.letters(intervention)
        unheard = rows[0].unheard if rows else ""
        if not unheard and self._book.is_unheard(intervention):
            unheard = DEAD_EVERYWHERE
        waits = bool(rows) and (not is_break_glass(intent) or reviews_missing(chain.state) > 0)
        told = tuple(_told(letter) for letter in reversed(letters))
        return Asked(intervention=intervention, open=waits, told=told, unheard=unheard)


def _told(letter: Letter) -> Told:
    fields = {
        "occasion": letter.id.removeprefix(f"{letter.about}-"),
        "destination": letter.destination,
        "state": letter.state,
        "cause": letter.cause,
    }
    return msgspec.convert(fields, Told)
