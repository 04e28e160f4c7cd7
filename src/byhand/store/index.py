# SPDX-License-Identifier: Apache-2.0
"""The index: what makes the log searchable. Rebuildable from the log at any time, never evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias


class InterventionRow(NamedTuple):
    """One intervention as the index sees it. Times are record times; empty text where there is nothing."""

    id: str
    first: int
    head: int
    phase: str
    person: str
    action: str
    system: str
    type: str
    target: str
    point: str
    environment: str
    tier: str
    code: str
    declared: str
    changed: str
    due: str
    """When something must be said of it, if nobody does: intent, permit or effect ends. Empty: never."""
    until: str
    """When a time-limited change counts as overdue; becomes ``due`` once it is applied, or may be."""
    executor: str
    caused_by: str
    state: bytes
    """The lifecycle's state, as the indexer encodes it."""
    words: str
    """Free text that searches look into."""
    classification: str = ""
    """How carefully its records are kept."""


class RecordRow(NamedTuple):
    """One record of the log; ``place`` is its index there."""

    place: int
    id: str
    kind: str
    intervention: str
    person: str
    recorded: str


class ListedRow(NamedTuple):
    """One record that stands in a list of its own: an access, or a finding."""

    place: int
    kind: str
    recorded: str
    values: tuple[tuple[str, str], ...]
    """Columns of LISTED with their values; a column may have several."""
    words: str
    """Free text that searches look into."""


FACETS = ("phase", "person", "action", "system", "point", "tier", "code", "environment", "day")
"""What matches are counted by: columns of the row, and the day it was declared."""
COLUMNS = (
    "phase", "person", "action", "system", "type", "target", "point", "tier", "code", "environment",
    "classification",
)  # fmt: skip
"""What a condition on values may name. ``target`` also stands for the point and for system/type/target."""
LISTED = ("person", "operation", "record", "result", "type", "verdict", "about")
"""What a condition on listed records may name."""
Moments: TypeAlias = Literal["declared", "changed", "life", "recorded"]


class Among(NamedTuple):
    """A column (or ``id``, ``caused_by``) has one of ``values``, or begins with one of ``begins``."""

    column: str
    values: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    negated: bool = False


class Within(NamedTuple):
    """From ``start`` on and before ``end``, whole seconds of record time; empty: no such bound.

    ``life`` lasts from ``declared`` to ``changed``, and need only touch the span. ``recorded`` is of listed records.
    """

    moments: Moments
    start: str = ""
    end: str = ""
    negated: bool = False


class Words(NamedTuple):
    """Words that follow each other in the free text; the last one may only be ``begun``."""

    words: tuple[str, ...]
    begun: bool = False
    negated: bool = False


class AnyOf(NamedTuple):
    """All conditions of at least one of ``groups`` are met; a group without conditions is met by everything."""

    groups: tuple[tuple[Among, ...], ...]
    negated: bool = False


Condition: TypeAlias = Among | Within | Words | AnyOf


class Found(NamedTuple):
    """A page of a search: rows, newest first, and where the next page begins (``None``: no more)."""

    rows: tuple[InterventionRow, ...]
    following: int | None


class Listed(NamedTuple):
    """A page of a list: places in the log, newest first, and where the next page begins (``None``: no more)."""

    places: tuple[int, ...]
    following: int | None


class Facet(NamedTuple):
    """How many matches have which value of one column: the most frequent ones, or the newest days."""

    column: str
    values: tuple[tuple[str, int], ...]
    others: int
    """How many further values there are."""


class Facets(NamedTuple):
    """How many match, and by what; ``at_least``: there are more, the newest were counted."""

    total: int
    at_least: bool
    facets: tuple[Facet, ...]


class IndexWriter(Protocol):
    """What the indexer asks."""

    def cursor(self) -> int:
        """Index of the next entry that is not indexed yet."""
        ...

    def interventions(self, ids: Sequence[str]) -> dict[str, InterventionRow]:
        """The rows of interventions that are indexed."""
        ...

    def write(
        self,
        expected: int,
        following: int,
        records: Sequence[RecordRow],
        interventions: Sequence[InterventionRow],
        texts: Sequence[tuple[str, str, str]],
        listed: Sequence[ListedRow] = (),
    ) -> bool:
        """Write a batch and move the cursor from ``expected``; ``False`` when another process was faster."""
        ...

    def clear(self) -> None:
        """Forget everything, to index anew."""
        ...


class IndexReader(Protocol):
    """What the gate and readers ask."""

    def earlier_text(self, person: str, digest: str) -> str | None:
        """The record in which ``person`` first used the text with this digest."""
        ...

    def due(self, now: str) -> list[str]:
        """Interventions of which something must be said by ``now``, or that an executor is carrying out."""
        ...

    def caused(self, intervention: str) -> list[str]:
        """Interventions caused by this one that were applied, e.g. its revert."""
        ...

    def search(self, conditions: Sequence[Condition], limit: int, before: int | None) -> Found:
        """Interventions that meet all conditions, newest first, below the place ``before``."""
        ...

    def listed(self, kind: str, conditions: Sequence[Condition], limit: int, before: int | None) -> Listed:
        """Places of the records of a ``kind`` that meet all conditions, newest first, below ``before``."""
        ...

    def facets(self, conditions: Sequence[Condition]) -> Facets:
        """How many interventions meet all conditions, and how they are spread over the columns of FACETS."""
        ...

    def resolve(self, prefix: str, limit: int) -> list[str]:
        """Ids of records and interventions that begin with ``prefix``, at most ``limit``."""
        ...
