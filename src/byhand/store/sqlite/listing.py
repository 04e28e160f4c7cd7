# SPDX-License-Identifier: Apache-2.0
"""Lists of accesses and findings: conditions as one full-text expression and ranges of places, as in search.

Log time never runs back, so a span of recorded times is a range of places, and nothing is sorted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from byhand.store.index import LISTED, Among, AnyOf, Condition, ListedRow, Within, Words
from byhand.store.sqlite.search import END, Range, Rows, phrase, seconds

_LETTERS = dict(zip(LISTED, "ghijklm", strict=True))  # none of them a hexadecimal digit
_KIND = "z"
_DIGITS = frozenset("0123456789abcdef")


def term(column: str, value: str) -> str:
    """The term of a value; what begins with a value has a term that begins with its term."""
    if column == "record":  # a thousand of them may stand in one row, each of 32 digits
        value = value.replace("-", "")
        if _DIGITS.issuperset(value):
            return _LETTERS[column] + value
    return _LETTERS[column] + value.encode("utf-8", "surrogatepass").hex()


def write(connection: sqlite3.Connection, rows: Sequence[ListedRow]) -> None:
    """Add rows, inside an open transaction."""
    connection.executemany(
        "INSERT INTO listing VALUES (?, ?)", [(row.place, seconds(row.recorded)) for row in rows]
    )
    connection.executemany(
        "INSERT INTO listed (rowid, words, terms) VALUES (?, ?, ?)",
        [(row.place, row.words, " ".join((_KIND + row.kind, *_terms(row)))) for row in rows],
    )


def _terms(row: ListedRow) -> list[str]:
    return [term(column, value) for column, value in row.values if value]


class Lister:
    """Finds the places of matching records, over the tables ``listed`` and ``listing``."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def find(self, kind: str, conditions: Sequence[Condition], limit: int, before: int | None) -> list[int]:
        """At most ``limit`` places of a ``kind`` below ``before``, newest first."""
        wanted, unwanted = [f"terms : {_KIND}{kind}"], list[str]()
        ranges: list[Range] = [(0, END if before is None else before)]
        for condition in conditions:
            if isinstance(condition, Within):
                ranges = _both(ranges, self._ranges(condition))
                continue
            expression = _expression(condition)
            if expression is None:
                ranges = ranges if condition.negated else []  # none of no values
            else:
                (unwanted if condition.negated else wanted).append(expression)
        match = " AND ".join(wanted)
        match = f"({match}) NOT ({' OR '.join(unwanted)})" if unwanted else match
        found: list[int] = []
        for low, high in ranges:
            if len(found) < limit:
                found += self._walk(match, low, high, limit - len(found))
        return found

    def _walk(self, match: str, low: int, high: int, limit: int) -> list[int]:
        sql = (
            "SELECT rowid FROM listed WHERE listed MATCH ? AND rowid >= ? AND rowid < ? "
            "ORDER BY rowid DESC LIMIT ?"
        )
        return [row[0] for row in self._rows(sql, (match, low, high, limit))]

    def _ranges(self, condition: Within) -> list[Range]:
        """The places recorded within a span, or outside of it; newest first."""
        low = self._place(condition.start) if condition.start else 0
        high = self._place(condition.end) if condition.end else END
        return [(high, END), (0, low)] if condition.negated else [(low, high)]

    def _place(self, time: str) -> int:
        """The first place that was recorded at or after ``time``."""
        sql = "SELECT place FROM listing WHERE recorded >= ? ORDER BY recorded, place LIMIT 1"
        found = self._rows(sql, (seconds(time),))
        return int(found[0][0]) if found else END


def _both(ranges: Sequence[Range], others: Sequence[Range]) -> list[Range]:
    both = [(max(a, c), min(b, d)) for a, b in ranges for c, d in others]
    return sorted((one for one in both if one[0] < one[1]), reverse=True)


def _expression(condition: Among | Words | AnyOf) -> str | None:
    """What the full-text index is asked; ``None`` for a condition without alternatives."""
    if isinstance(condition, AnyOf):
        groups = [" AND ".join(filter(None, map(_expression, group))) for group in condition.groups]
        return f"({' OR '.join(f'({one})' for one in groups if one)})" if any(groups) else None
    if isinstance(condition, Words):
        return phrase(condition)
    exact = [f"terms : {term(condition.column, value)}" for value in condition.values]
    begun = [f"terms : {term(condition.column, value)} *" for value in condition.begins]
    return f"({' OR '.join((*exact, *begun))})" if exact or begun else None
