# SPDX-License-Identifier: Apache-2.0
"""The lists in the index against a plain reading of every row: what is found, in which order, over any pages."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from byhand import clock
from byhand.store.index import LISTED, Among, Condition, ListedRow, RecordRow, Within, Words
from byhand.store.sqlite import listing
from byhand.store.sqlite.index import FILE_NAME, MIGRATIONS, SqliteIndex

START = "2026-11-20T00:00:00.000000Z"
ROWS, QUERIES = 200, 300
KINDS = ("access", "finding")
VALUES = {
    "person": ("ada", "ada.lovelace", "grace", "o'neil"),
    "operation": ("show", "search", "export"),
    "record": tuple(f"{number:08x}" for number in range(40)),
    "result": ("shown", "refused"),
    "type": ("review", "amendment"),
    "verdict": ("right", "wrong", ""),
    "about": tuple(f"{number:08x}" for number in range(20)),
}
TEXTS = ("quarterly review", "state:applied orders", "the review was late", "")


def rows() -> list[ListedRow]:
    """Rows of chance at increasing places and times."""
    choice, made, time = random.Random(3), [], START
    for number in range(ROWS):
        time = clock.after(time, seconds=choice.choice((0, 1, 60, 7_200)))
        values = [(name, choice.choice(VALUES[name])) for name in LISTED if name != "record"]
        values += [("record", one) for one in choice.sample(VALUES["record"], choice.randrange(4))]
        row = ListedRow(number * 3 + 1, choice.choice(KINDS), time, tuple(values), choice.choice(TEXTS))
        made.append(row)
    return made


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqliteIndex]:
    """An index with every row in it, written in batches."""
    opened, made = SqliteIndex(tmp_path), rows()
    for start in range(0, ROWS, 32):
        part = made[start : start + 32]
        at = opened.cursor()
        records = [RecordRow(at + n, f"r{at + n}", "access", "", "ada", START) for n in range(96)]
        assert opened.write(at, at + 96, records, [], [], part)
    yield opened
    opened.close()


def holds(condition: Condition, row: ListedRow) -> bool:
    """Whether a row meets a condition."""
    if isinstance(condition, Within):
        found = (not condition.start or row.recorded >= condition.start) and (
            not condition.end or row.recorded < condition.end
        )
    elif isinstance(condition, Words):
        said, wanted = re.findall(r"[^\W_]+", row.words), list(condition.words)
        places = [said[at : at + len(wanted)] for at in range(len(said))]
        found = any(
            place == wanted
            or (condition.begun and len(place) == len(wanted) and place[-1].startswith(wanted[-1]))
            for place in places
            if place[:-1] == wanted[:-1]
        )
    else:
        names = [value for column, value in row.values if column == condition.column and value]
        found = any(name in condition.values or name.startswith(condition.begins) for name in names)
    return found != condition.negated


def condition(choice: random.Random) -> Condition:
    """A condition of chance."""
    negated, kind = choice.random() < 0.3, choice.random()
    if kind < 0.2:
        return Words(choice.choice((("review",), ("the", "rev"), ("nowhere",))), begun=True, negated=negated)
    if kind < 0.5:
        start, end = sorted(clock.after(START, seconds=choice.randrange(0, 86_400 * 6)) for _ in range(2))
        start, end = (f"{time[:19]}.000000Z" for time in (start, end))
        return Within("recorded", *choice.choice(((start, end), (start, ""), ("", end))), negated=negated)
    column = choice.choice(LISTED)
    known = [value for value in VALUES[column] if value]
    begins = (choice.choice(known)[:5],) if choice.random() < 0.3 else ()
    return Among(column, tuple(choice.sample(known, choice.randrange(3))), begins, negated=negated)


def test_it_lists_what_reading_every_row_finds(index: SqliteIndex) -> None:
    """Any conditions, alone and together: the same places, newest first, over any pages."""
    choice, hits = random.Random(4), 0
    for _ in range(QUERIES):
        kind = choice.choice(KINDS)
        conditions = [condition(choice) for _ in range(choice.randrange(4))]
        wanted = [
            row.place
            for row in reversed(rows())
            if row.kind == kind and all(holds(one, row) for one in conditions)
        ]
        hits += bool(wanted)
        limit, before = choice.choice((1, 7, 1_000)), None
        found: list[int] = []
        while True:
            page = index.listed(kind, conditions, limit, before)
            found += page.places
            before = page.following
            if before is None:
                break
        assert found == wanted, (kind, conditions)
    assert QUERIES // 4 < hits < QUERIES


def test_a_list_is_walked_in_its_own_order(index: SqliteIndex) -> None:
    """Nothing is sorted, however much matches: the plan of SQLite has no sorter."""
    walk = (
        "EXPLAIN QUERY PLAN SELECT rowid FROM listed WHERE listed MATCH 'terms : zaccess' AND rowid >= 0 "
        "AND rowid < 900 ORDER BY rowid DESC LIMIT 50"
    )
    assert [step[3] for step in index._all(walk) if "TEMP B-TREE" in step[3]] == []


def test_an_index_of_before_the_lists_is_filled_anew(tmp_path: Path) -> None:
    """Its cursor stands at the beginning again, and what it held is gone."""
    path = tmp_path / FILE_NAME
    with sqlite3.connect(path) as old:
        for name in ("0001_index.sql", "0002_search.sql"):
            old.executescript(resources.files(MIGRATIONS).joinpath(name).read_text("utf-8"))
        old.execute("INSERT INTO search (rowid, words, terms) VALUES (1, 'left', 'z')")
        old.execute("INSERT INTO record VALUES (0, 'r0', 'access', '', 'ada', ?)", (START,))
        old.execute("UPDATE cursor SET next = 20")
        old.execute("PRAGMA user_version = 2")
    old.close()
    index = SqliteIndex(tmp_path)
    assert index.cursor() == 0
    assert index.search([], 10, None).rows == ()
    assert index.search([Words(("left",))], 10, None).rows == ()
    index.close()


def test_an_index_of_before_the_strictest_class_is_filled_anew(tmp_path: Path) -> None:
    """Lists, searches and rows of classes that were too low are gone."""
    with sqlite3.connect(tmp_path / FILE_NAME) as old:
        for name in ("0001_index.sql", "0002_search.sql", "0003_lists.sql"):
            old.executescript(resources.files(MIGRATIONS).joinpath(name).read_text("utf-8"))
        old.execute("INSERT INTO search (rowid, words, terms) VALUES (1, 'left', 'z')")
        listing.write(old, [ListedRow(1, "access", START, (("person", "ada"),), "left")])
        old.execute("UPDATE cursor SET next = 20")
        old.execute("PRAGMA user_version = 3")
    old.close()
    index = SqliteIndex(tmp_path)
    assert index.cursor() == 0
    assert index.search([Words(("left",))], 10, None).rows == ()
    assert index.listed("access", [], 10, None).places == ()
    index.close()
