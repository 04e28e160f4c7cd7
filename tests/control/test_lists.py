# SPDX-License-Identifier: Apache-2.0
"""The lists of accesses and findings on a real home: what is found, who sees whose reads, what leaks to nobody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from byhand import clock, wiring
from byhand.control.lists import Lists
from byhand.control.query import QUERY_LENGTH_MAX, VALUES_MAX
from byhand.errors import Invalid, Refused
from byhand.records.standard import WITHHELD
from byhand.trust import statements

TEXT = "Replaying dropped orders of the morning"
WHY = "The quarterly review of the desk."


@pytest.fixture
def lists(archive: Any) -> Lists:
    """The lists of the archive's home."""
    home = archive.home
    return Lists(home.journal, home.indexer, home.index, home.reading)


def officer(caller: Any) -> Any:
    """The caller, signed in by an officer's key."""
    return msgspec.structs.replace(caller, roles=(statements.OFFICER,))


def test_reads_are_found_by_person_operation_record_time_and_word(archive: Any, lists: Lists) -> None:
    """Every field, alone and together, newest first; a minus turns it round."""
    one, two = archive.raise_limit("alpha", TEXT), archive.raise_limit("beta", f"{TEXT}, again")
    archive.office.enrol("bob", "ada")
    reading, ada, bob = archive.home.reading, archive.ada, archive.office.caller("bob")
    reading.show(ada, one, reason="asked by the auditor")
    reading.search(bob, "target:ALPHA")
    reading.diff(bob, two)
    tomorrow = clock.after(clock.now(), seconds=86_400)[:10]
    for query, expected in (
        ("", ["diff", "search", "show"]),
        ("actor:bob", ["diff", "search"]),
        ("-person:bob", ["show"]),
        ("operation:show,diff", ["diff", "show"]),
        (f"record:{one}", ["search", "show"]),
        (f"record:{two[:24]}* actor:bob -record:{one}", ["diff"]),
        ("auditor", ["show"]),
        ("alpha", ["search"]),
        (f"before:{tomorrow}", ["diff", "search", "show"]),
        (f"after:{tomorrow}", []),
        ("at:2020", []),
        ("result:shown", ["diff", "search", "show"]),
        ("result:refused", []),
    ):
        rows = lists.accesses(officer(ada), f"{query} -operation:accesses").rows
        assert [row.operation for row in rows] == expected, query


def test_reading_the_list_is_one_read_more_and_no_recursion(archive: Any, lists: Lists) -> None:
    """It names the access records that were listed; a refused query leaves none."""
    archive.raise_limit("alpha", TEXT)
    archive.home.reading.search(archive.ada, "")
    (listed,) = lists.accesses(archive.ada, "").rows
    before, last = archive.accesses()
    assert (last.operation, last.query, last.records, last.count) == ("accesses", "", (before.id,), 1)
    assert listed.id == before.id
    assert [row.operation for row in lists.accesses(archive.ada, "").rows] == ["accesses", "search"]
    with pytest.raises(Invalid):
        lists.accesses(archive.ada, "operation:shwo state:applied")
    assert len(archive.accesses()) == 3


def test_findings_are_found_by_type_verdict_about_time_and_word(archive: Any, lists: Lists) -> None:
    """Reviews and corrections, newest first; reading the list leaves one access record."""
    one, two = archive.raise_limit("alpha", TEXT), archive.raise_limit("beta", f"{TEXT}, again")
    findings = archive.home.findings
    findings.review(archive.ada, one, "wrong", "The limit was not the cause after all.")
    findings.review(archive.ada, two, "right", "The macro was broken, as was said.")
    findings.amend(archive.ada, two, "The ticket was OPS-7, not OPS-17.")
    for query, expected in (
        ("", ["amendment", "review", "review"]),
        ("type:review", ["review", "review"]),
        ("type:review verdict:wrong", ["review"]),
        (f"about:{two}", ["amendment", "review"]),
        (f"about:{one[:24]}* -about:{two} actor:ada", ["review"]),
        ("ticket", ["amendment"]),
        ("type:drift", []),
        ("after:2099", []),
    ):
        found = lists.findings(archive.ada, query)
        assert [row.type for row in found.rows] == expected, query
    last = archive.accesses()[-1]
    assert (last.operation, last.query, last.count) == ("findings", "after:2099", 0)
    with pytest.raises(Invalid, match="did you mean review"):
        lists.findings(archive.ada, "type:reviews")


@pytest.mark.parametrize(
    "query", ["", "actor:bob", "-actor:ada", "operation:show", "bonus", "result:refused"]
)
def test_whoever_may_not_see_others_reads_sees_their_own_and_no_count_beyond(
    archive: Any, lists: Lists, query: str
) -> None:
    """No query, no cursor and no page size shows, counts or lets somebody infer what another person read."""
    one = archive.raise_limit("alpha", TEXT)
    archive.office.enrol("bob", "ada")
    bob, ada = archive.office.caller("bob"), archive.ada
    archive.home.reading.show(ada, one, reason="The bonus of a colleague")
    archive.home.reading.show(bob, one)
    archive.home.reading.show(ada, one, reason="The bonus of a colleague")
    expected = ["show"] if query in ("", "actor:bob", "-actor:ada", "operation:show") else []
    for cursor in (None, 0, 1, 10**9, (1 << 53) - 1):
        page = lists.accesses(bob, f"{query} -operation:accesses", limit=1, before=cursor)
        assert {row.person for row in page.rows} <= {"bob"}
        assert page.following is None
        assert page.own
        if cursor is None or cursor > archive.home.journal.reader.size:
            assert [row.operation for row in page.rows] == expected
    assert archive.accesses()[-1].count == len(expected)


@pytest.mark.parametrize("by", ["show", "diff", "evidence"])
def test_an_access_record_of_somebody_else_is_refused_by_its_id_too(archive: Any, by: str) -> None:
    """Who knows the id, or guesses its beginning, learns nothing; the refusal is on record."""
    archive.raise_limit("alpha", TEXT)
    archive.home.reading.search(archive.ada, "target:ALPHA")
    (theirs,) = archive.accesses()
    archive.office.enrol("bob", "ada")
    bob = archive.office.caller("bob")
    with pytest.raises(Refused, match="officers and auditors"):
        archive.home.reading.show(bob, theirs.id, operation=by)
    last = archive.accesses()[-1]
    assert (last.actor.person, last.operation, last.records, last.count) == ("bob", by, (theirs.id,), 0)
    assert last.refused is not None
    assert archive.home.reading.show(officer(bob), theirs.id).records[0] == theirs


def test_pages_of_a_list_follow_each_other_without_gap_or_repeat(archive: Any, lists: Lists) -> None:
    """The cursor of one page begins the next, whatever is recorded meanwhile."""
    archive.raise_limit("alpha", TEXT)
    for number in range(5):
        archive.home.reading.search(archive.ada, f"number{number}")
    queries: list[str] = []
    before = None
    while True:
        page = lists.accesses(archive.ada, "operation:search", limit=2, before=before)
        queries += [row.query for row in page.rows]
        before = page.following
        if before is None:
            break
    assert queries == [f"number{number}" for number in (4, 3, 2, 1, 0)]
    for limit in (0, 1_001, -1):
        with pytest.raises(Invalid):
            lists.accesses(archive.ada, "", limit=limit)


def test_findings_about_what_a_class_keeps_are_withheld_without_a_reason(archive: Any, lists: Lists) -> None:
    """Neither the summary nor a search for its words says what a confidential intervention was about."""
    archive.classify("beta", "confidential")
    one, two = archive.raise_limit("alpha", TEXT), archive.raise_limit("beta", f"{TEXT}, again")
    for about in (one, two):
        archive.home.findings.review(archive.ada, about, "wrong", "The client was about to be insolvent.")
    assert [row.summary for row in lists.findings(archive.ada, "").rows] == [
        WITHHELD,
        "The client was about to be insolvent.",
    ]
    assert [row.about for row in lists.findings(archive.ada, "insolvent").rows] == [one]
    whole = lists.findings(archive.ada, "", reason=WHY)
    assert [row.summary for row in whole.rows] == ["The client was about to be insolvent."] * 2
    assert archive.accesses()[-1].reason == WHY
    with pytest.raises(Refused, match="says nothing"):
        lists.findings(archive.ada, "", reason="..............")
    assert archive.accesses()[-1].refused is not None


def test_the_lists_are_built_again_from_the_log(archive: Any, lists: Lists) -> None:
    """Deleted and rebuilt, the index lists the same; doctor finds no difference, and names what is missing."""
    one = archive.raise_limit("alpha", TEXT)
    archive.home.reading.search(archive.ada, "target:ALPHA")
    archive.home.findings.review(archive.ada, one, "wrong", "The limit was not the cause after all.")
    before = lists.accesses(archive.ada, "target").rows, lists.findings(archive.ada, "cause").rows
    archive.home.indexer.rebuild()
    after = (
        lists.accesses(archive.ada, "target operation:search").rows,
        lists.findings(archive.ada, "cause").rows,
    )
    assert before == after
    archive.home.indexer.catch_up()
    assert wiring.index_differences(archive.home) == []
    archive.home.index._connection.execute("DELETE FROM listing")
    assert any("listed record" in one for one in wiring.index_differences(archive.home))


@pytest.mark.parametrize(("kind", "some"), [("accesses", True), ("findings", False)])
def test_the_longest_query_is_answered(archive: Any, lists: Lists, kind: str, some: bool) -> None:
    """As many values as a term may have, in as many terms as a query has room for: the index takes them all."""
    archive.home.reading.search(archive.ada, "")
    values = ",".join(f"p{number}" for number in range(VALUES_MAX))
    query = " ".join([f"-actor:{values}"] * 15 + ["at:..2099"] * 12)
    assert QUERY_LENGTH_MAX - 10 < len(query) <= QUERY_LENGTH_MAX
    ask = getattr(lists, kind)
    assert bool(ask(archive.ada, query).rows) is some
    assert ask(archive.ada, query.replace("-actor", "actor")).rows == ()


def test_a_forged_index_shows_nobody_elses_reads_and_nothing_withheld(archive: Any, lists: Lists) -> None:
    """It may say that every record is Bob's read, and that nothing is confidential: the log says otherwise."""
    archive.classify("beta", "confidential")
    one = archive.raise_limit("beta", TEXT)
    archive.home.findings.review(archive.ada, one, "wrong", "The client was about to be insolvent.")
    archive.home.reading.search(archive.ada, "bonus")
    archive.found("")
    connection = archive.home.index._connection
    connection.execute("UPDATE intervention SET classification = 'public'")
    mine = f"zaccess g{b'bob'.hex()}"
    connection.execute("INSERT INTO listed (listed) VALUES ('delete-all')")
    for place in range(archive.home.journal.reader.size):
        terms = mine if place % 2 else f"{mine} zfinding"
        connection.execute("INSERT INTO listed (rowid, words, terms) VALUES (?, '', ?)", (place, terms))
    page = lists.accesses(archive.office.caller("bob"), "")
    assert {row.person for row in page.rows} <= {"bob"}
    found = lists.findings(archive.ada, "")
    assert {row.summary for row in found.rows} <= {WITHHELD, "$erased"}
