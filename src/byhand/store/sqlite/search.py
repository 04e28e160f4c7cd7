# SPDX-License-Identifier: Apache-2.0
"""Conditions as one full-text expression and ranges of places, so that matches come newest first, unsorted.

Every value of a column stands in the index as a term: the letter of its column, then its bytes in hexadecimal. Word
lists and value lists are then intersected by the same engine, in the order of the log. Log time never runs back,
so a span of declared times is a range of places. What was still changed on a later day has terms for these days:
for pairs, fours, eights of days and so on, so that a year takes no more than a score of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from byhand import clock
from byhand.store.index import COLUMNS, Among, AnyOf, Condition, InterventionRow, Within, Words

PLACES_MAX = 500  # places named in a query: as many parameters as every SQLite takes
DAY_LEVELS = 16  # days taken together at most: 2^15 of them, ninety years
DAY_SECONDS = 86_400
END = (1 << 63) - 1  # behind every place
EVERYTHING = "z"
"""The term that every intervention has."""
_DAYS = "q"
_LETTERS = dict(zip(COLUMNS, "ghijklmnopr", strict=True))  # none of them a hexadecimal digit
_BESIDE = ("id", "caused_by")
PLACE = "search.rowid"
Rows: TypeAlias = Callable[[str, Sequence[object]], list[tuple]]  # type: ignore[type-arg]
Range: TypeAlias = tuple[int, int]


def term(column: str, value: str) -> str:
    """The term of a value; what begins with a value has a term that begins with its term."""
    return _LETTERS[column] + value.encode("utf-8", "surrogatepass").hex()


def terms(row: InterventionRow) -> str:
    """All terms of an intervention."""
    found = [EVERYTHING]
    found += [term(column, value) for column in COLUMNS if (value := getattr(row, column))]
    found.append(term("target", f"{row.system}/{row.type}/{row.target}"))
    if row.point:
        found.append(term("target", row.point))
    found += [f"{_DAYS}{level:02}{number}" for level, number in _cover(row)]
    return " ".join(found)


def _cover(row: InterventionRow) -> Iterator[tuple[int, int]]:
    """The days behind the one it was declared on, up to its last change, as few aligned powers of two."""
    low, high = seconds(row.declared) // DAY_SECONDS + 1, seconds(row.changed) // DAY_SECONDS + 1
    for level in range(DAY_LEVELS):
        if low >= high:
            return
        if low & 1:
            yield level, low
        if high & 1:
            yield level, high - 1
        low, high = (low + 1) >> 1, high >> 1


def _on(day: int) -> str:
    """The expression for what was declared before ``day`` and still changed on it or later."""
    return f"({' OR '.join(f'terms : {_DAYS}{level:02}{day >> level}' for level in range(DAY_LEVELS))})"


def seconds(time: str) -> int:
    """A record time in whole seconds since 1970."""
    return int(clock.parse(time).timestamp())


@dataclass
class _Plan:
    """What a search asks of the index, in parts that each can be answered quickly."""

    wanted: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=lambda: [(0, END)])
    filters: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    since: int | None = None
    """Matches were changed at or after this second."""

    def match(self, *further: str) -> str:
        """The full-text expression; matches meet ``further`` ones as well."""
        wanted = " AND ".join((*self.wanted, *further)) or f"terms : {EVERYTHING}"
        return f"({wanted}) NOT ({' OR '.join(self.unwanted)})" if self.unwanted else wanted

    def narrow(self, ranges: Sequence[Range]) -> None:
        """Only places in ``ranges``, newest first, are left."""
        both = [(max(a, c), min(b, d)) for a, b in self.ranges for c, d in ranges]
        self.ranges = sorted((one for one in both if one[0] < one[1]), reverse=True)

    def filter(self, sql: str, *values: object) -> None:
        """Only rows of ``facet`` that meet ``sql`` are left."""
        self.filters.append(sql)
        self.values += values

    def only(self, places: Sequence[int]) -> None:
        """Only ``places`` are left. The ``+`` keeps SQLite from asking the full-text index for each of them."""
        self.narrow([(min(places), max(places) + 1)] if places else [])
        self.filter(f"+search.rowid IN ({', '.join('?' * len(places))})", *places)


class Searcher:
    """Finds the places of matching interventions, over the tables ``search``, ``facet`` and ``intervention``."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def find(
        self, conditions: Sequence[Condition], columns: str, limit: int, before: int | None = None
    ) -> list[tuple]:  # type: ignore[type-arg]
        """PLACE or ``columns`` of ``facet`` for at most ``limit`` matches below ``before``, newest first."""
        plan = self._plan(conditions)
        if before is not None:
            plan.narrow([(0, before)])
        found: list[tuple] = []  # type: ignore[type-arg]
        for match, within in self._walks(plan):
            if len(found) < limit:
                found += self._walk(plan, columns, match, within, limit - len(found))
        return found

    def _plan(self, conditions: Sequence[Condition]) -> _Plan:
        plan = _Plan()
        for condition in conditions:
            if isinstance(condition, Within):
                self._within(plan, condition)
            elif isinstance(condition, Among) and not (condition.values or condition.begins):
                plan.narrow([(0, END)] if condition.negated else [])  # none of no values
            elif isinstance(condition, Among) and condition.column in _BESIDE:
                self._beside(plan, condition)
            else:
                expression = _expression(condition)
                (plan.unwanted if condition.negated else plan.wanted).append(expression)
        return plan

    def _walks(self, plan: _Plan) -> Iterator[tuple[str, Range]]:
        """Expressions and the ranges in which to look for them, newest first."""
        if plan.since is None:
            yield from ((plan.match(), one) for one in plan.ranges)
            return
        day = plan.since // DAY_SECONDS
        border = self._place(day * DAY_SECONDS)  # what was declared before that day was still changed later
        for low, high in plan.ranges:
            if border < high:
                yield plan.match(), (max(low, border), high)
            if low < border:
                yield plan.match(_on(day)), (low, min(high, border))

    def _walk(self, plan: _Plan, columns: str, match: str, within: Range, limit: int) -> list[tuple]:  # type: ignore[type-arg]
        clauses = ["search MATCH ?", "search.rowid >= ?", "search.rowid < ?", *plan.filters]
        joined = "CROSS JOIN facet ON facet.first = search.rowid" if plan.filters or columns != PLACE else ""
        sql = (
            f"SELECT {columns} FROM search {joined} WHERE {' AND '.join(clauses)} "  # noqa: S608
            "ORDER BY search.rowid DESC LIMIT ?"
        )
        return self._rows(sql, (match, *within, *plan.values, limit))

    def _place(self, second: int) -> int:
        """The first place that was declared at or after ``second``."""
        sql = "SELECT first FROM facet WHERE declared >= ? ORDER BY declared, first LIMIT 1"
        found = self._rows(sql, (second,))
        return int(found[0][0]) if found else END

    def _within(self, plan: _Plan, condition: Within) -> None:
        moments, start, end, negated = condition
        if moments == "life" and not (start and end):  # one bound is one moment
            moments = "changed" if start else "declared"
        if negated and not (start and end):  # the other side of the one bound
            start, end, negated = end, start, False
        since, until = seconds(start) if start else 0, seconds(end) if end else END
        if moments == "declared":
            self._declared(plan, start, end, since, until, negated=negated)
            return
        column = "declared" if moments == "life" else "changed"
        not_ = "NOT " if negated else ""
        plan.filter(f"{not_}(facet.changed >= ? AND facet.{column} < ?)", since, until)
        if not negated:
            if end:
                plan.narrow([(0, self._place(until))])
            if start:
                plan.since = max(plan.since or since, since)
        elif moments == "life":
            plan.narrow([(self._place(until), END), (0, self._place(since))])

    def _declared(self, plan: _Plan, start: str, end: str, since: int, until: int, *, negated: bool) -> None:
        low = self._place(since) if start else 0
        high = self._place(until) if end else END
        plan.narrow([(high, END), (0, low)] if negated else [(low, high)])

    def _beside(self, plan: _Plan, condition: Among) -> None:
        """A condition on what has an index of its own in ``intervention``."""
        column, values = condition.column, list[object](condition.values)
        alternatives = [f"{column} = ?" for _ in condition.values]
        for start in condition.begins:
            alternatives.append(f"{column} >= ? AND {column} < ?")
            values += (start, start + "\U0010ffff")
        chosen = f"{column} <> '' AND ({' OR '.join(alternatives)})"
        if not condition.negated:
            sql = f"SELECT first FROM intervention WHERE {chosen} LIMIT ?"  # noqa: S608
            places = [row[0] for row in self._rows(sql, (*values, PLACES_MAX + 1))]
            if len(places) <= PLACES_MAX:
                plan.only(places)
                return
        exists = f"EXISTS (SELECT 1 FROM intervention WHERE intervention.first = search.rowid AND {chosen})"  # noqa: S608
        plan.filter(f"NOT {exists}" if condition.negated else exists, *values)


def _among(condition: Among) -> str:
    exact = (f"terms : {term(condition.column, value)}" for value in condition.values)
    begun = (f"terms : {term(condition.column, value)} *" for value in condition.begins)
    return f"({' OR '.join((*exact, *begun))})"


def _expression(condition: Words | Among | AnyOf) -> str:
    if isinstance(condition, Words):
        return phrase(condition)
    return _any_of(condition) if isinstance(condition, AnyOf) else _among(condition)


def _any_of(condition: AnyOf) -> str:
    every = f"terms : {EVERYTHING}"
    groups = (" AND ".join(map(_among, group)) or every for group in condition.groups)
    return f"({' OR '.join(f'({one})' for one in groups)})"


def phrase(condition: Words) -> str:
    """The words as a phrase; quoted, nothing in it is an operator."""
    said = " ".join(condition.words).replace('"', '""')
    return f'words : "{said}"{" *" if condition.begun else ""}'
