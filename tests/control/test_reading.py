# SPDX-License-Identifier: Apache-2.0
"""Reading on a real home: what is found, what is shown, and the access record that every read leaves."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from importlib import resources
from typing import Any

import msgspec
import pytest

from byhand import clock
from byhand.control import indexing
from byhand.errors import IllegalTransition, Invalid, LogUnavailable, NotFound, ReasonRequired
from byhand.ids import new_record_id
from byhand.records import captured
from byhand.records.kinds import SCHEMA_VERSION, Finding, Outcome
from byhand.records.standard import NAMES


def test_search_finds_by_field_word_and_time_newest_first(archive: Any) -> None:
    """Every kind of term, alone and together; a minus turns it round."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    two = archive.raise_limit("beta", "Gateway restarted with an empty cache")
    three = archive.raise_limit("gamma", "Morning auction needs larger orders")
    tomorrow, year = clock.after(clock.now(), seconds=86_400)[:10], clock.now()[:4]
    for query, expected in (
        ("", [three, two, one]),
        ("target:ALPHA", [one]),
        ("target:beta", [two]),
        ("target:risk-gateway/limits/GAMMA", [three]),
        ("actor:ada state:applied", [three, two, one]),
        ("actor:bob", []),
        ("action:trading.* reason:SYSTEM_ERROR_RECOVERY", [three, two, one]),
        ("risk:>=medium", [three, two]),
        ("risk:<medium", [one]),
        ("tier:high", [three]),
        ("morning", [three, one]),
        ('"dropped orders"', [one]),
        ("orders -auction", [one]),
        ("-target:ALPHA -target:BETA", [three]),
        ("mor", [three, one]),
        (f"before:{tomorrow}", [three, two, one]),
        (f"after:{tomorrow}", []),
        (f"at:{year}", [three, two, one]),
        (f"id:{one}", [one]),
        ("system:risk-gateway environment:production point:gam*", [three]),
        ("state:applied,failed type:limits", [three, two, one]),
        ("state:open", []),
        ("-state:open target:ALPHA,GAMMA", [three, one]),
        ("risk:>critical", []),
        ("-risk:>critical person:ada", [three, two, one]),
        (f"declared:{year} changed:{year}..", [three, two, one]),
        (f"-declared:{year}", []),
        (f"-before:{tomorrow}", []),
        ('"dropped order"', []),
        ("dropped order*", [one]),
        (f"id:{three}*,{one}", [three, one]),
        (f"-id:{three}", [two, one]),
        ("cause:*", []),
    ):
        assert archive.found(query) == expected, query


def test_pages_follow_each_other_without_gap_or_repeat(archive: Any) -> None:
    """The cursor of one page begins the next."""
    all_of_them = [archive.raise_limit("alpha", f"Number {n} of the replayed orders") for n in range(5)]
    first = archive.home.reading.search(archive.ada, "", limit=2)
    second = archive.home.reading.search(archive.ada, "", limit=2, before=first.following)
    third = archive.home.reading.search(archive.ada, "", limit=2, before=second.following)
    rows = [row.id for page in (first, second, third) for row in page.rows]
    assert rows == all_of_them[::-1]
    assert third.following is None


def test_a_query_is_data_never_sql_or_operators(archive: Any) -> None:
    """Quotes, wildcards and operators of SQL and full-text search are only characters."""
    archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    for query in (
        "target:'OR'1'='1",
        'NEAR( "a" "b" )',
        "words:* OR 1",
        'x" OR "y',
        "actor:%",
        "target:_____",
    ):
        try:
            assert archive.found(query) == [], query
        except Invalid:
            continue


def test_every_read_leaves_one_access_record_before_anything_is_shown(archive: Any) -> None:
    """Show, search, diff, export: who, what, how many - and none of them twice."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    reading, ada = archive.home.reading, archive.ada
    reading.show(ada, one, reason="quarterly review")
    reading.search(ada, "target:ALPHA")
    reading.diff(ada, one)
    lines = reading.export(ada, "state:applied")
    assert [a.operation for a in archive.accesses()] == ["show", "search", "diff", "export"]
    assert next(lines).startswith("Timestamp")
    shown, searched = archive.accesses()[:2]
    assert (shown.actor.person, shown.reason, shown.count) == ("ada", "quarterly review", 4)
    assert (searched.query, searched.records, searched.count) == ("target:ALPHA", (one,), 1)


def test_facets_count_what_search_finds_and_leave_one_access_record(archive: Any) -> None:
    """By the names of the query language; the access record says how many there were, and names none."""
    for number, point in enumerate(("alpha", "beta", "alpha")):
        archive.raise_limit(point, f"Number {number} of the replayed orders")
    found = archive.home.reading.facets(archive.ada, "action:trading.*")
    assert (found.total, found.at_least) == (3, False)
    counts = {facet.column: dict(facet.values) for facet in found.facets}
    today = clock.now()[:10]
    assert counts == {
        "state": {"applied": 3},
        "person": {"ada": 3},
        "action": {"trading.limit.raise": 3},
        "system": {"risk-gateway": 3},
        "point": {"alpha": 2, "beta": 1},
        "risk": {"low": 2, "medium": 1},
        "reason": {"SYSTEM_ERROR_RECOVERY": 3},
        "environment": {"production": 3},
        "day": {today: 3},
    }
    (access,) = archive.accesses()
    assert (access.operation, access.query, access.count) == ("search", "action:trading.*", 3)
    assert access.records == ()
    assert archive.home.reading.facets(archive.ada, "orders -point:beta").total == 2
    with pytest.raises(Invalid):
        archive.home.reading.facets(archive.ada, "actr:ada")
    assert len(archive.accesses()) == 2


def test_reading_an_access_record_leaves_one_more_and_no_more(archive: Any) -> None:
    """Who reads the readers is on record as well; it does not go on for ever."""
    archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    archive.home.reading.search(archive.ada, "")
    (access,) = archive.accesses()
    archive.home.reading.show(archive.ada, access.id)
    assert [a.operation for a in archive.accesses()] == ["search", "show"]


def test_nothing_is_shown_when_the_access_cannot_be_recorded(archive: Any) -> None:
    """A log that cannot be written cannot be read by persons either."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    writer = archive.home.entries._writer
    assert writer is not None
    writer.execute("PRAGMA query_only = ON")
    for read in (
        lambda: archive.home.reading.show(archive.ada, one),
        lambda: archive.home.reading.search(archive.ada, ""),
        lambda: archive.home.reading.facets(archive.ada, ""),
        lambda: archive.home.reading.timeline(archive.ada, ""),
        lambda: archive.home.reading.export(archive.ada, ""),
    ):
        with pytest.raises(LogUnavailable):
            read()


def test_ids_may_be_cut_short_while_they_fit_one(archive: Any) -> None:
    """An unambiguous beginning is enough; an ambiguous one lists what fits; too short a one is refused."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    two = archive.raise_limit("alpha", "Once more, the gateway dropped them again")
    reading = archive.home.reading
    assert reading.resolve(one) == one
    common = next(n for n in range(36) if one[n] != two[n])
    assert reading.resolve(one[: max(common + 1, 24)]) == one
    with pytest.raises(Invalid, match="fits several"):
        reading.resolve(one[:6])
    with pytest.raises(Invalid, match="too short"):
        reading.resolve("01a")
    with pytest.raises(NotFound):
        reading.resolve("ffffffff")


def test_diff_shows_where_values_differ(archive: Any) -> None:
    """Declared and found, pointer by pointer."""
    one = archive.raise_limit(
        "alpha", "Two limits at once, as agreed", {"a": 1, "b": 2}, {"a": 5, "b": 2}, {"a": 5, "b": 3}
    )
    changes = archive.home.reading.diff(archive.ada, one)
    assert [(d.pointer, d.before, d.after) for d in changes.declared] == [("/a", "1", "5")]
    assert changes.found is not None
    assert {d.pointer for d in changes.found} == {"/a", "/b"}


def test_exports_have_exactly_the_seven_names(archive: Any) -> None:
    """CSV and NDJSON, a row an intervention or a row a record; cells are no formulas."""
    archive.raise_limit("alpha", '=HYPERLINK("http://evil") was in the ticket')
    archive.raise_limit("beta", "Gateway restarted, commas, and\nnew lines", "=1+1", "@SUM(A1)")
    reading, ada = archive.home.reading, archive.ada
    rows = list(csv.reader(io.StringIO("".join(reading.export(ada, "")))))
    assert rows[0] == list(NAMES)
    assert len(rows) == 3
    assert not any(cell.startswith(("=", "@")) for row in rows for cell in row)
    lines = [json.loads(line) for line in reading.export(ada, "", rows="records", form="ndjson")]
    assert len(lines) == 8
    assert all(tuple(line) == NAMES for line in lines)
    with pytest.raises(Invalid):
        reading.export(ada, "", form="xlsx")


def test_a_correction_stands_beside_the_original(archive: Any) -> None:
    """Amend and review add findings; the intent's bytes stay, and a review says right or wrong."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    entry = archive.home.journal.reader.find(one)
    findings = archive.home.findings
    findings.amend(
        archive.ada,
        one,
        "The ticket was OPS-7, not OPS-17.",
        field="/tickets",
        value=captured.capture("OPS-7"),
    )
    findings.review(archive.ada, one, "wrong", "The limit was not the cause after all.", led_to=("OPS-8",))
    shown = archive.home.reading.show(archive.ada, one)
    kinds = [one.type for one in shown.records if isinstance(one, Finding)]
    assert kinds == ["amendment", "review"]
    assert shown.state is not None
    assert (shown.state.reviewed, shown.state.amended, shown.state.phase) == (True, True, "applied")
    assert archive.home.journal.reader.find(one) == entry
    with pytest.raises(Invalid) as refused:
        findings.review(archive.ada, one, "maybe", "short")
    assert len(refused.value.faults) == 2
    with pytest.raises(Invalid):
        findings.amend(archive.ada, one, "A field without its value.", field="/x")
    with pytest.raises(NotFound):
        findings.amend(archive.ada, new_record_id(), "There is no such intervention.")


# -- the index


def test_the_index_may_be_deleted_or_damaged_at_any_time(archive: Any) -> None:
    """It is built again from the log, and finds what it found."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    assert archive.found("") == [one]
    archive.home.indexer.rebuild()
    assert archive.found("morning") == [one]
    archive.home.index.close()
    for content in (b"", b"this is no database" * 100):
        (archive.home.path / "index.db").write_bytes(content)
        for suffix in ("-wal", "-shm"):
            (archive.home.path / f"index.db{suffix}").unlink(missing_ok=True)
        second = archive.office.open()
        assert [row.id for row in second.reading.search(archive.ada, "").rows] == [one]
        second.close()


def test_an_index_that_an_older_byhand_wrote_is_built_again(archive: Any) -> None:
    """It finds by the new fields what the old tables held under others."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    assert archive.found("type:limits") == [one]
    archive.home.index.close()
    path = archive.home.path / "index.db"
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"index.db{suffix}").unlink(missing_ok=True)
    script = resources.files("byhand.store.sqlite.migrations_index").joinpath("0001_index.sql")
    with sqlite3.connect(path) as old:
        old.executescript(script.read_text("utf-8"))
        old.execute("UPDATE cursor SET next = ?", (archive.home.journal.reader.size,))
        old.execute("PRAGMA user_version = 1")
    old.close()
    second = archive.office.open()
    assert [row.id for row in second.reading.search(archive.ada, "type:limits morning").rows] == [one]
    assert second.reading.facets(archive.ada, "").total == 1
    second.close()


def test_a_crash_between_two_batches_is_harmless(archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was indexed stays, the rest follows at the next opening, and nothing is counted twice."""
    ids = [archive.raise_limit("alpha", f"Number {n} of the replayed orders") for n in range(4)]
    archive.home.indexer.rebuild()
    archive.home.index.clear()
    monkeypatch.setattr(indexing, "BATCH", 5)  # less than two interventions: one is cut in two

    def die(done: int) -> None:
        if done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.home.indexer.catch_up(die)
    archive.home.index.close()
    second = archive.office.open()
    found = second.reading.search(archive.ada, "state:applied")
    assert [row.id for row in found.rows] == ids[::-1]
    assert dict(second.reading.facets(archive.ada, "").facets[0].values) == {"applied": 4}
    second.close()


def test_an_index_of_a_longer_log_is_thrown_away(archive: Any) -> None:
    """It belongs to another log, or to one that was rolled back: it is never believed."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    archive.found("")
    with sqlite3.connect(archive.home.path / "index.db") as database:
        database.execute("UPDATE cursor SET next = next + 1000")
    database.close()
    assert archive.found("") == [one]


def test_a_forged_index_opens_no_gate(archive: Any) -> None:
    """What the index says of an intervention decides nothing: the gate reads the log."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    archive.found("")
    with sqlite3.connect(archive.home.path / "index.db") as database:
        database.execute("UPDATE intervention SET phase = 'redeemed', due = '2000', executor = 'x/1/1'")
    database.close()
    assert archive.home.settle() == 0
    outcome = Outcome(
        id=new_record_id(), schema=SCHEMA_VERSION, intervention=one, result="applied", attempt="1"
    )
    with pytest.raises(IllegalTransition):
        archive.home.gate.conclude(archive.ada, one, outcome)


def test_two_homes_index_one_log_without_getting_in_each_others_way(archive: Any) -> None:
    """Whoever is faster moves the cursor; the other goes on from there."""
    second = archive.office.open()
    ids = []
    for number in range(6):
        ids.append(archive.raise_limit("alpha", f"Number {number} of the replayed orders"))
        home = (archive.home, second)[number % 2]
        assert home.indexer.catch_up() == home.journal.reader.size
    assert [row.id for row in second.reading.search(archive.ada, "").rows] == ids[::-1]
    second.close()


def test_an_erased_body_is_said_to_be_erased(archive: Any) -> None:
    """A destroyed key leaves entry, proof and the rest readable, to those who say why: its class is gone too."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    stored = archive.home.journal.reader.find(one)
    assert stored is not None
    sealed = dict(archive.home.entries.payloads(stored.index, stored.index + 1))[stored.index]
    rows = msgspec.json.decode(sealed)["sections"]
    with sqlite3.connect(archive.home.path / "keys" / "data-keys.db") as database:
        database.execute("DELETE FROM data_key WHERE number = ?", (rows[0]["key"],))
    database.close()
    with pytest.raises(ReasonRequired):
        archive.home.reading.show(archive.ada, one)
    shown = archive.home.reading.show(archive.ada, one, reason="What is left after the erasure?")
    assert shown.entries[0].erased == ("body",)
    assert shown.state is None
    assert len(shown.records) == 3
