# SPDX-License-Identifier: Apache-2.0
"""What a reader asks of byhand: the same contract whether the log is in this process or behind a URL.

Every method that shows somebody's record leaves an access record first; nothing is shown when that fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from byhand.client.contract import Receipt
from byhand.records.base import Part


class ShownEntry(Part, kw_only=True):
    """One entry as readers see it: its place, its leaf, its record as far as it still opens, a standard row."""

    index: int
    leaf: dict[str, Any]
    leaf_hash: str
    record: dict[str, Any] | None = None
    people: dict[str, Any] = msgspec.field(default_factory=dict)
    erased: tuple[str, ...] = ()
    row: dict[str, str] = msgspec.field(default_factory=dict)


class Shown(Part, kw_only=True):
    """An intervention, or one record outside of any, as it stands in the log."""

    id: str
    entries: tuple[ShownEntry, ...]
    state: str | None = None
    standard: dict[str, str] = msgspec.field(default_factory=dict)


class FoundRow(Part, kw_only=True):
    """One intervention that a search found."""

    id: str
    index: int
    declared: str
    changed: str
    person: str
    action: str
    target: str
    environment: str
    tier: str
    state: str
    reason: str = ""
    point: str | None = None


class Found(Part, kw_only=True):
    """A page of a search, newest first; ``following`` is the cursor of the next page."""

    rows: tuple[FoundRow, ...]
    following: int | None = None


class FieldDifference(Part, kw_only=True):
    """Where two values differ: JSON pointer, and both sides in words."""

    pointer: str
    before: str | None = None
    after: str | None = None


class Changes(Part, kw_only=True):
    """What an intervention declared and what was found, against the value before."""

    id: str
    declared: tuple[FieldDifference, ...] = ()
    found: tuple[FieldDifference, ...] | None = None
    outcome: str | None = None


class LogIdentity(Part, kw_only=True):
    """What a verifier must know of a log: its name, its keys, its officers' fingerprint."""

    origin: str
    keys: tuple[str, ...]
    officers: str


class Desk(Protocol):
    """Reading, for the person signed in. Each may be retried; ``export`` and ``evidence`` may be slow."""

    def resolve(self, text: str) -> str:
        """The full id of an unambiguous beginning; raises NotFound, Invalid. Shows nothing, records nothing."""
        ...

    def show(self, text: str, *, reason: str | None = None) -> Shown:
        """Everything recorded about an intervention, or one record."""
        ...

    def search(self, query: str, *, limit: int = 50, before: int | None = None) -> Found:
        """Interventions that match, newest first."""
        ...

    def diff(self, text: str) -> Changes:
        """Before against declared, and before against what was found."""
        ...

    def export(self, query: str, *, rows: str = "interventions", form: str = "csv") -> Iterator[str]:
        """Lines of an export; the access record is in the log before the first one."""
        ...

    def evidence(self, text: str, *, persons: bool = False, reason: str | None = None) -> bytes:
        """The evidence bundle of an intervention."""
        ...

    def prove(self, text: str) -> Receipt:
        """The receipt of a record, or of an intervention's latest one, under an anchored checkpoint."""
        ...

    def identity_of_log(self) -> LogIdentity:
        """The log's name, keys and officers, as it claims them."""
        ...

    def checkpoint(self) -> bytes:
        """A signed, anchored checkpoint that covers everything acknowledged so far."""
        ...

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The consistency proof between two sizes of the log."""
        ...
