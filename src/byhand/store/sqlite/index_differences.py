# SPDX-License-Identifier: Apache-2.0
"""What one index says otherwise than another: the one that people search with, and one just built from the log."""

# ruff: noqa: S608 - every query is put together from this file's own words

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from byhand.errors import LogUnavailable
from byhand.sqlite_file import connect
from byhand.store.index import FACETS, InterventionRow
from byhand.store.sqlite.index import FILE_NAME

DIFFERENCES_MAX = 100  # of each table; more would only say the same
_COLUMNS = ", ".join(InterventionRow._fields)
_LATER = "(SELECT first FROM fresh.intervention WHERE head >= (SELECT next FROM main.cursor))"
"""Interventions of which the log says more than is indexed yet: what is still to come is no difference."""


def differences(folder: Path, rebuilt: Path) -> list[str]:
    """What differs between the index in ``folder`` and the one in ``rebuilt``, as far as the first one goes."""
    try:
        with closing(connect(folder / FILE_NAME, read_only=True)) as connection:
            connection.execute("ATTACH ? AS fresh", (f"{(rebuilt / FILE_NAME).absolute().as_uri()}?mode=ro",))
            for schema in ("main", "fresh"):
                for words, table in (("words", "search"), ("listed_words", "listed")):
                    vocabulary = f"fts5vocab({schema}, {table}, instance)"
                    connection.execute(f"CREATE VIRTUAL TABLE temp.{schema}_{words} USING {vocabulary}")
            return [
                f"{what} {row[0]}"
                for what, query in _comparisons(connection)
                for row in connection.execute(query)
            ]
    except sqlite3.Error as error:
        raise LogUnavailable(
            f"the index cannot be read: {error}", advice="byhand doctor --rebuild-index"
        ) from error


def _comparisons(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """What is compared, and the query for what stands in one index only."""
    yield from _both("intervention", f"SELECT {_COLUMNS} FROM {{0}}.intervention WHERE first NOT IN {_LATER}")
    records = "SELECT id, * FROM {0}.record WHERE idx < (SELECT next FROM main.cursor)"
    yield from _both("record", records)
    known = "(SELECT id FROM {0}.record WHERE idx < (SELECT next FROM main.cursor))"
    yield from _both(
        "the first use of a text by", "SELECT person, digest, record FROM {0}.text WHERE record IN " + known
    )
    words = f"SELECT doc, col, term, offset FROM temp.{{0}}_words WHERE doc NOT IN {_LATER}"
    yield from _both("the words of the intervention at entry", words)
    listed = (
        "SELECT doc, col, term, offset FROM temp.{0}_listed_words WHERE doc < (SELECT next FROM main.cursor)"
    )
    yield from _both("the words of the listed record at entry", listed)
    places = "SELECT place, recorded FROM {0}.listing WHERE place < (SELECT next FROM main.cursor)"
    yield from _both("the time of the listed record at entry", places)
    for name in FACETS:
        values = "JOIN {0}.value ON number = " + name
        columns = "first, text, facet.declared, facet.changed"
        facet = f"SELECT {columns} FROM {{0}}.facet {values} WHERE first NOT IN {_LATER}"
        yield from _both(f"the {name} of the intervention at entry", facet)
    (whole,) = connection.execute(
        "SELECT main.cursor.next = fresh.cursor.next FROM main.cursor, fresh.cursor"
    )
    if whole[0]:
        sides = "LEFT JOIN {0}.value a ON a.number = pair >> 31 LEFT JOIN {0}.value b ON b.number = pair & 2147483647"
        counts = f"SELECT a.text, a.facet, b.text, b.facet, count FROM {{0}}.rollup {sides} WHERE count <> 0"
        yield from _both("the count of", counts)


def _both(what: str, query: str) -> Iterator[tuple[str, str]]:
    here, there = query.format("main"), query.format("fresh")
    for one, other in ((here, there), (there, here)):
        yield what, f"SELECT * FROM ({one} EXCEPT {other}) LIMIT {DIFFERENCES_MAX}"
