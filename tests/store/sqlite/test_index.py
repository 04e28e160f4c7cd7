# SPDX-License-Identifier: Apache-2.0
"""The index against a plain reading of every row: what it finds, in which order, and what it counts."""

from __future__ import annotations

import random
import re
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from byhand import clock
from byhand.errors import LogUnavailable
from byhand.store.index import COLUMNS, FACETS, Among, Condition, InterventionRow, RecordRow, Within, Words
from byhand.store.sqlite import rollups, search
from byhand.store.sqlite.index import FILE_NAME, MIGRATIONS, SqliteIndex

START = "2026-11-20T00:00:00.000000Z"
VALUES = {
    "phase": ("applied", "failed", "pending"),
    "person": ("ada", "ada.lovelace", "grace", "o'neil"),
    "action": ("trading.limit.raise", "trading.limit.lower", "deployment.gate.bypass"),
    "system": ("risk-gateway", "déploiement"),
    "type": ("limits", "gate"),
    "target": ("MM-7", "MM-77", 'a "quoted" one', "x,y"),
    "point": ("", "mm7", "gate"),
    "tier": ("low", "high"),
    "code": ("", "FALSE_POSITIVE", "TEST"),
    "environment": ("production", "staging"),
    "classification": ("internal", "confidential", "of our own"),
}
TEXTS = ("index rebalance", "the index was rebuilt", "Größe, naïve: OPS-181", "rebalance the index", "")
QUERIES = 400
ROWS = 300


def row(choice: random.Random, number: int, before: str) -> InterventionRow:
    """A row of chance, declared up to a day after ``before``."""
    declared = clock.after(before, seconds=choice.choice((0, 0.5, 60, 40_000)))
    lasts = choice.choice((0, 1, 3_600, 90_000, 86_400 * 40))
    return InterventionRow(
        **{name: choice.choice(values) for name, values in VALUES.items()},
        id=f"{number:08x}",
        first=number * 3 + 1,
        head=number * 3 + 2,
        declared=declared,
        changed=clock.after(declared, seconds=lasts),
        due="",
        until="",
        executor="",
        caused_by=f"{number // 2:08x}" if number % 5 == 1 else "",
        state=b"{}",
        words=choice.choice(TEXTS),
    )


def rows(count: int = ROWS) -> list[InterventionRow]:
    """Rows in the order of the log."""
    choice = random.Random(5)
    made: list[InterventionRow] = []
    for number in range(count):
        made.append(row(choice, number, made[-1].declared if made else START))
    return made


def write(index: SqliteIndex, changed: list[InterventionRow], count: int = 10) -> None:
    """Write rows as one batch of the log."""
    at = index.cursor()
    records = [RecordRow(at + n, f"r{at + n}", "intent", "", "ada", START) for n in range(count)]
    assert index.write(at, at + count, records, changed, [])


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqliteIndex]:
    """An empty index."""
    opened = SqliteIndex(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def filled(index: SqliteIndex) -> tuple[SqliteIndex, list[InterventionRow]]:
    """An index of rows that were written twice over: half of them came to something else later."""
    choice, last = random.Random(6), rows()
    begun = [one._replace(phase="pending", words="", changed=one.declared) for one in last]
    for start in range(0, ROWS, 64):
        write(index, begun[start : start + 64])
    late = choice.sample(last, ROWS // 2)
    for start in range(0, len(late), 20):
        write(index, late[start : start + 20])
    now = {one.id: one for one in late}
    return index, [now.get(one.id, one) for one in begun]


# -- the plain reading


def holds(condition: Condition, one: InterventionRow) -> bool:
    """Whether a row meets a condition."""
    if isinstance(condition, Within):
        found = _within(condition, one)
    elif isinstance(condition, Words):
        wanted, words = condition.words, re.findall(r"[^\W_]+", one.words.lower())
        wanted = tuple(word.lower() for word in wanted)
        places = [words[at : at + len(wanted)] for at in range(len(words))]
        exact = [list(wanted)]
        found = any(
            place in exact
            or (condition.begun and place[:-1] == exact[0][:-1] and place[-1].startswith(wanted[-1]))
            for place in places
            if len(place) == len(wanted)
        )
    else:
        names = (getattr(one, condition.column),)
        if condition.column == "target":
            names = (one.target, one.point, f"{one.system}/{one.type}/{one.target}")
        found = any(
            name and (name in condition.values or name.startswith(condition.begins)) for name in names
        )
    return found != condition.negated


def _within(condition: Within, one: InterventionRow) -> bool:
    begins = one.changed if condition.moments != "declared" else one.declared
    ends = one.changed if condition.moments == "changed" else one.declared
    return (not condition.start or begins >= condition.start) and (not condition.end or ends < condition.end)


def condition(choice: random.Random) -> Condition:
    """A condition of chance."""
    negated = choice.random() < 0.25
    kind = choice.random()
    if kind < 0.2:
        words = choice.choice((("index",), ("the", "index"), ("reb",), ("ops", "181"), ("nowhere",)))
        return Words(words, begun=choice.random() < 0.5, negated=negated)
    if kind < 0.5:
        start, end = sorted(clock.after(START, seconds=choice.randrange(0, 86_400 * 40)) for _ in range(2))
        start, end = (f"{time[:19]}.000000Z" for time in (start, end))
        if choice.random() < 0.3:
            start, end = f"{start[:10]}T00:00:00.000000Z", f"{end[:10]}T00:00:00.000000Z"
        bounds = choice.choice(((start, end), (start, ""), ("", end)))
        return Within(choice.choice(("declared", "changed", "life")), *bounds, negated=negated)
    if kind < 0.6:
        column = choice.choice(("id", "caused_by"))
        value = f"{choice.randrange(ROWS):08x}"
        return Among(column, (value,), (value[:7],) if choice.random() < 0.5 else (), negated=negated)
    column = choice.choice(COLUMNS)
    known = [value for value in VALUES[column] if value]
    if column == "target":
        known += ["mm7", "risk-gateway/limits/MM-7"]
    values = tuple(choice.sample(known, choice.randrange(1, 3)))
    begins = (choice.choice(known)[: choice.randrange(1, 6)],) if choice.random() < 0.3 else ()
    return Among(column, values, begins, negated=negated)


# -- what it finds


def test_it_finds_what_reading_every_row_finds(filled: tuple[SqliteIndex, list[InterventionRow]]) -> None:
    """Any conditions, alone and together: the same rows, newest first, over any pages."""
    index, known = filled
    choice = random.Random(8)
    sizes: Counter[bool] = Counter()
    for _ in range(QUERIES):
        conditions = [condition(choice) for _ in range(choice.choice((0, 1, 1, 2, 3)))]
        expected = [one for one in reversed(known) if all(holds(each, one) for each in conditions)]
        found: list[InterventionRow] = []
        before, limit = None, choice.choice((1, 7, 50, 1_000))
        for _ in range(ROWS):
            page = index.search(conditions, limit, before)
            found += page.rows
            before = page.following
            if before is None or len(found) > 3 * limit:
                break
        assert found == expected[: len(found)], conditions
        assert before is not None or len(found) == len(expected), conditions
        sizes[bool(expected)] += 1
    assert min(sizes[True], sizes[False]) > QUERIES // 20


def test_it_counts_what_counting_every_row_counts(
    filled: tuple[SqliteIndex, list[InterventionRow]],
) -> None:
    """From rollups and from matches alike: by every column of the facets, the empty value left out."""
    index, known = filled
    choice = random.Random(9)
    for _ in range(QUERIES):
        conditions = [condition(choice) for _ in range(choice.choice((0, 1, 1, 1, 2)))]
        matching = [one for one in known if all(holds(each, one) for each in conditions)]
        found = index.facets(conditions)
        assert (found.total, found.at_least) == (len(matching), False), conditions
        assert [facet.column for facet in found.facets] == list(FACETS)
        for place, facet in enumerate(found.facets):
            counts = Counter(rollups.values_of(one)[place] for one in matching)
            counts.pop("", None)
            assert dict(facet.values) == dict(counts), (conditions, facet)
            assert facet.others == 0


def test_a_single_condition_is_answered_from_rollups(
    filled: tuple[SqliteIndex, list[InterventionRow]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No matching row is read for it: everything, a value, some values, all others, a beginning, days."""
    index, known = filled
    monkeypatch.setattr(rollups.Rollups, "_counted", lambda *_: pytest.fail("rows were counted"))
    days = Within("declared", "2026-11-21T00:00:00.000000Z", "2026-12-01T00:00:00.000000Z")
    for conditions in (
        [],
        [Among("phase", ("applied",))],
        [Among("phase", ("applied", "failed"))],
        [Among("phase", ("applied",), negated=True)],
        [Among("action", (), ("trading.",))],
        [Among("person", ("nobody",))],
        [days],
    ):
        expected = [one for one in known if all(holds(each, one) for each in conditions)]
        assert index.facets(conditions).total == len(expected)


def test_no_value_at_all_is_had_by_none(filled: tuple[SqliteIndex, list[InterventionRow]]) -> None:
    """A condition without alternatives finds nothing, and excludes nothing."""
    index, _ = filled
    for column in ("tier", "id"):
        assert index.search([Among(column)], 10, None).rows == ()
        assert len(index.search([Among(column, negated=True)], ROWS, None).rows) == ROWS
        assert index.facets([Among(column)]).total == 0
        assert index.facets([Among(column, negated=True)]).total == ROWS


def test_more_matches_than_are_counted_are_said_to_be_more(
    filled: tuple[SqliteIndex, list[InterventionRow]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest ones are counted then, and the total is a lower bound."""
    index, known = filled
    monkeypatch.setattr(rollups, "FACET_ROWS_MAX", 10)
    found = index.facets([Words(("index",))])
    assert (found.total, found.at_least) == (10, True)
    matching = [one for one in known if holds(Words(("index",)), one)]
    assert dict(found.facets[1].values) == Counter(one.person for one in matching[-10:])


def test_a_facet_lists_the_most_frequent_values_and_the_newest_days(
    index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left out is counted, and ties are in the order of their names."""
    monkeypatch.setattr(rollups, "FACET_VALUES_MAX", 2)
    monkeypatch.setattr(rollups, "FACET_DAYS_MAX", 3)
    base = rows(1)[0]
    made = []
    for number in range(10):
        time = clock.after(START, seconds=86_400 * number)
        person = f"p{min(number, 4)}"
        made.append(base._replace(id=f"{number}", first=number, person=person, declared=time, changed=time))
    write(index, made)
    facets = {facet.column: facet for facet in index.facets([]).facets}
    assert facets["person"].values == (("p4", 6), ("p0", 1))
    assert facets["person"].others == 3
    assert [day for day, _ in facets["day"].values] == ["2026-11-29", "2026-11-28", "2026-11-27"]
    assert facets["day"].others == 7


def test_nothing_is_sorted_however_much_matches(filled: tuple[SqliteIndex, list[InterventionRow]]) -> None:
    """Every walk follows the full-text index in its own order; the plan of SQLite has no sorter."""
    index, _ = filled
    asked: list[tuple[str, tuple[object, ...]]] = []
    plain = index._all

    def noting(statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        asked.append((statement, values))
        return plain(statement, values)

    searcher = search.Searcher(noting)
    choice = random.Random(10)
    for _ in range(QUERIES // 4):
        conditions = [condition(choice) for _ in range(3)]
        searcher.find(conditions, search.PLACE, 51, choice.randrange(ROWS * 3))
        searcher.find(conditions, "facet.person", 51)
    walks = [one for one in asked if "search MATCH" in one[0]]
    assert walks
    for statement, values in walks:
        steps = [step[3] for step in plain(f"EXPLAIN QUERY PLAN {statement}", values)]
        assert not [step for step in steps if "TEMP B-TREE" in step], (statement, steps)
        assert steps[0].startswith("SCAN search VIRTUAL TABLE"), steps


# -- that it may be thrown away


def test_an_older_index_is_thrown_away_and_begun_anew(tmp_path: Path) -> None:
    """Its tables are replaced, its cursor stands at the beginning again, and it is filled as a new one."""
    with sqlite3.connect(tmp_path / FILE_NAME) as old:
        old.executescript(resources.files(MIGRATIONS).joinpath("0001_index.sql").read_text("utf-8"))
        known = InterventionRow._fields[:-1]  # without the class, which came later
        places = ", ".join("?" * len(known))
        old.executemany(f"INSERT INTO intervention VALUES ({places})", [row[: len(known)] for row in rows(5)])
        old.execute("UPDATE cursor SET next = 20")
        old.execute("PRAGMA user_version = 1")
    old.close()
    index = SqliteIndex(tmp_path)
    assert index.cursor() == 0
    assert index.search([], 10, None).rows == ()
    write(index, rows(5))
    assert list(index.search([Among("phase", VALUES["phase"])], 10, None).rows) == rows(5)[::-1]
    index.close()


def test_a_newer_index_is_thrown_away(tmp_path: Path) -> None:
    """What a newer byhand made of it cannot be read, and need not be."""
    index = SqliteIndex(tmp_path)
    write(index, rows(5))
    index.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    index = SqliteIndex(tmp_path)
    assert (index.cursor(), index.facets([]).total) == (0, 0)
    index.close()


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
import test_index
from pathlib import Path
from byhand.store.sqlite.index import SqliteIndex
index = SqliteIndex(Path(sys.argv[1]))
test_index.write(index, test_index.rows(20))
index._connection.set_trace_callback(lambda sql: os._exit(9) if sql.startswith(sys.argv[3]) else None)
test_index.write(index, [one._replace(phase="failed") for one in test_index.rows(40)])
"""


@pytest.mark.parametrize(
    "at", ["UPDATE cursor", "INSERT INTO record", "INSERT INTO search", "INSERT INTO rollup", "COMMIT"]
)
def test_a_crash_within_a_batch_leaves_the_batch_before(at: str, tmp_path: Path) -> None:
    """Killed at any statement: rows, words, counts and cursor are those of the last batch, and it goes on."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, str(tmp_path), here, at]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    index = SqliteIndex(tmp_path)
    assert index.cursor() == 10
    assert list(index.search([], 100, None).rows) == rows(20)[::-1]
    assert index.facets([]).total == 20
    write(index, [one._replace(phase="failed") for one in rows(40)])
    found = index.facets([Among("phase", ("failed",))])
    assert found.total == len(index.search([Among("phase", ("failed",))], 100, None).rows) == 40
    assert index.facets([Among("phase", ("applied", "pending"))]).total == 0
    index.close()


def test_of_two_that_write_one_batch_one_succeeds(index: SqliteIndex, tmp_path: Path) -> None:
    """The other one is told, and has changed nothing."""
    other = SqliteIndex(tmp_path)
    write(index, rows(5))
    assert not other.write(0, 10, [], [one._replace(phase="failed") for one in rows(5)], [])
    assert list(other.search([], 10, None).rows) == rows(5)[::-1]
    assert other.facets([]).total == 5
    other.close()


def test_a_search_does_not_wait_for_a_batch(index: SqliteIndex) -> None:
    """While a batch is being written, searches answer from the batch before."""
    write(index, rows(5))
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with index._lock:
            index._connection.execute("BEGIN IMMEDIATE")
            index._connection.execute("DELETE FROM facet")
            held.set()
            done.wait(30)
            index._connection.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    assert index.facets([Words(("nowhere",))]).total == 0
    assert len(index.search([], 10, None).rows) == 5
    done.set()
    thread.join()


def test_an_index_that_is_cleared_is_searched_anew(index: SqliteIndex) -> None:
    """Both its connections lead to the new file."""
    write(index, rows(5))
    index.clear()
    assert (index.search([], 10, None).rows, index.cursor()) == ((), 0)
    write(index, rows(3))
    assert index.facets([]).total == 3


def test_what_cannot_be_written_is_not_half_written(index: SqliteIndex) -> None:
    """A batch that fails leaves no open transaction and moves nothing."""
    write(index, rows(5))
    again = [RecordRow(0, "r0", "intent", "", "ada", START)]
    with pytest.raises(LogUnavailable, match="cannot be written"):
        index.write(10, 20, again, rows(6), [])
    assert (index.cursor(), index.facets([]).total) == (10, 5)
    write(index, rows(6))
    assert index.facets([]).total == 6
