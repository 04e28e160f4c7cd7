# SPDX-License-Identifier: Apache-2.0
"""Counts kept beside the rows: of every value, and of every pair of values that interventions have together.

A value has a number: its facet, then a running number. A row's numbers in pairs say all that a condition on one
column can ask. They are written in the transaction of the rows, and are as rebuildable as these.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from byhand.store.index import FACETS, Among, Condition, Facet, Facets, InterventionRow, Within
from byhand.store.sqlite.search import Rows, Searcher, seconds

FACET_VALUES_MAX = 20  # a screen of values; whoever wants the next one narrows the query
FACET_DAYS_MAX = 400  # a year and some, which is what a chart shows
FACET_ROWS_MAX = 20_000  # matches counted one by one: a twentieth of a second
ROLLUP_VALUES_MAX = (
    64  # values of one condition whose counts are added up: two months of days, every tier and state
)
ALL = 0
_RUNNING_BITS = 26
_PAIR_BITS = 31
_DAY = FACETS.index("day")
_LENGTH_OF_DAY = 10
_MIDNIGHT = "T00:00:00.000000Z"
Numbers: TypeAlias = tuple[int, ...]


def values_of(row: InterventionRow) -> tuple[str, ...]:
    """The values that a row is counted by, in the order of FACETS."""
    return (*(getattr(row, name) for name in FACETS[:_DAY]), row.declared[:_LENGTH_OF_DAY])


class Rollups:
    """The tables ``value``, ``facet`` and ``rollup``."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._searcher = Searcher(rows)

    def write(
        self,
        connection: sqlite3.Connection,
        before: dict[str, InterventionRow],
        after: Sequence[InterventionRow],
    ) -> None:
        """Bring the tables from the rows ``before`` (by id) to ``after``, inside an open transaction."""
        known = _Values(connection)
        changes: Counter[int] = Counter()
        rows = []
        for row in after:
            numbers = known.numbers(values_of(row))
            was = before.get(row.id)
            if was is not None:
                changes.subtract(_pairs(known.numbers(values_of(was))))
            changes.update(_pairs(numbers))
            rows.append((row.first, *numbers, seconds(row.declared), seconds(row.changed)))
        places = ", ".join("?" * (len(FACETS) + 3))
        connection.executemany(f"INSERT OR REPLACE INTO facet VALUES ({places})", rows)  # noqa: S608
        connection.executemany(
            "INSERT INTO rollup VALUES (?, ?) ON CONFLICT (pair) DO UPDATE SET count = count + excluded.count",
            sorted(change for change in changes.items() if change[1]),
        )

    def facets(self, conditions: Sequence[Condition]) -> Facets:
        """Counts of what matches: from the rollups where one column decides, else of the newest matches."""
        chosen = self._chosen(conditions)
        if chosen is None:
            return self._counted(conditions)
        counts: Counter[int] = Counter()
        for number in chosen:
            counts.update(self._rolled_up(number))
        if conditions and conditions[0].negated:
            kept = self._rolled_up(ALL)
            kept.subtract(counts)
            counts = kept
        total = counts.pop(ALL, 0)
        return Facets(total, at_least=False, facets=self._facets(counts))

    def _rolled_up(self, number: int) -> Counter[int]:
        sql = "SELECT pair, count FROM rollup WHERE pair >= ? AND pair < ? AND count > 0"
        low = number << _PAIR_BITS
        found = self._rows(sql, (low, low + (1 << _PAIR_BITS)))
        return Counter({pair - low: count for pair, count in found})

    def _chosen(self, conditions: Sequence[Condition]) -> list[int] | None:
        """The numbers of the values that a single condition chooses; ``None`` where rollups do not say."""
        if not conditions:
            return [ALL]
        (first, *others) = conditions
        if others:
            return None
        if isinstance(first, Among) and first.column in FACETS:
            return self._among(first)
        whole = (
            isinstance(first, Within) and first.start.endswith(_MIDNIGHT) and first.end.endswith(_MIDNIGHT)
        )
        if isinstance(first, Within) and whole and first.moments == "declared":
            days = first.start[:_LENGTH_OF_DAY], first.end[:_LENGTH_OF_DAY]
            return self._numbers("text >= ? AND text < ?", days, _DAY)
        return None

    def _among(self, condition: Among) -> list[int] | None:
        alternatives = [f"text IN ({', '.join('?' * len(condition.values))})"]
        values = list(condition.values)
        for start in condition.begins:
            alternatives.append("text >= ? AND text < ?")
            values += (start, start + "\U0010ffff")
        return self._numbers(f"({' OR '.join(alternatives)})", values, FACETS.index(condition.column))

    def _numbers(self, sql: str, values: Sequence[str], facet: int) -> list[int] | None:
        query = f"SELECT number FROM value WHERE facet = ? AND {sql} LIMIT ?"  # noqa: S608
        found = self._rows(query, (facet, *values, ROLLUP_VALUES_MAX + 1))
        return [row[0] for row in found] if len(found) <= ROLLUP_VALUES_MAX else None

    def _counted(self, conditions: Sequence[Condition]) -> Facets:
        columns = ", ".join(f"facet.{name}" for name in FACETS)
        found = self._searcher.find(conditions, columns, FACET_ROWS_MAX + 1)
        counted = found[:FACET_ROWS_MAX]
        counts: Counter[int] = Counter()
        for column in zip(*counted, strict=True):
            counts.update(column)
        counts.pop(0, None)
        return Facets(len(counted), at_least=len(found) > len(counted), facets=self._facets(counts))

    def _facets(self, counts: Counter[int]) -> tuple[Facet, ...]:
        by_facet: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, count in counts.items():
            if count > 0:
                by_facet[number >> _RUNNING_BITS].append((count, number))
        return tuple(self._facet(facet, by_facet[facet + 1]) for facet in range(len(FACETS)))

    def _facet(self, facet: int, found: list[tuple[int, int]]) -> Facet:
        if facet == _DAY:
            texts = self._texts([number for _, number in found])
            days = sorted(((texts[number], count) for count, number in found), reverse=True)
            return Facet(FACETS[facet], tuple(days[:FACET_DAYS_MAX]), max(0, len(days) - FACET_DAYS_MAX))
        top = sorted(found, key=lambda one: (-one[0], one[1]))[:FACET_VALUES_MAX]
        texts = self._texts([number for _, number in top])
        listed = sorted(((texts[number], count) for count, number in top), key=lambda one: (-one[1], one[0]))
        return Facet(FACETS[facet], tuple(listed), len(found) - len(top))

    def _texts(self, numbers: Sequence[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        for start in range(0, len(numbers), ROLLUP_VALUES_MAX):
            part = numbers[start : start + ROLLUP_VALUES_MAX]
            sql = f"SELECT number, text FROM value WHERE number IN ({', '.join('?' * len(part))})"  # noqa: S608
            found.update(self._rows(sql, part))
        return found


def _pairs(numbers: Numbers) -> list[int]:
    """Every two numbers of a row, both ways round, each with itself and with all."""
    known = [ALL, *filter(None, numbers)]
    return [one << _PAIR_BITS | other for one in known for other in known]


class _Values:
    """The numbers of values, looked up once in a batch; new values get the next number of their facet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[int, str], int] = {}

    def numbers(self, values: Iterable[str]) -> Numbers:
        """A number for each value, 0 for an empty one."""
        return tuple(self._number(facet, text) if text else 0 for facet, text in enumerate(values))

    def _number(self, facet: int, text: str) -> int:
        key = (facet, text)
        number = self._known.get(key)
        if number is None:
            row = self._connection.execute(
                "SELECT number FROM value WHERE facet = ? AND text = ?", key
            ).fetchone()
            number = self._known[key] = int(row[0]) if row is not None else self._new(facet, text)
        return number

    def _new(self, facet: int, text: str) -> int:
        low = facet + 1 << _RUNNING_BITS
        query = "SELECT max(number) FROM value WHERE number >= ? AND number < ?"
        (last,) = self._connection.execute(query, (low, low + (1 << _RUNNING_BITS))).fetchone()
        number = low if last is None else int(last) + 1
        self._connection.execute("INSERT INTO value VALUES (?, ?, ?)", (number, facet, text))
        return number
