# SPDX-License-Identifier: Apache-2.0
"""Why somebody reads: every way to the body of a confidential record demands a reason, and a refusal is on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from byhand.control.lists import Lists
from byhand.errors import Invalid, ReasonRequired
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records.actor import Actor
from byhand.records.classification import CLASSES, demands_reason, strictest
from byhand.records.intervention import Governance, Target
from byhand.records.kinds import SCHEMA_VERSION, Finding, Observation
from byhand.records.standard import WITHHELD
from byhand.trust.reading import Reads, says_why

SECRET = "The client Zorblax is about to be insolvent"
WHY = "The quarterly review of the desk."
WAYS: dict[str, Callable[[Any, str, str | None], object]] = {
    "show": lambda reading, who, one, why: reading.show(who, one, reason=why),
    "show by a beginning": lambda reading, who, one, why: reading.show(who, one[:30], reason=why),
    "evidence": lambda reading, who, one, why: reading.show(who, one, operation="evidence", reason=why),
    "diff": lambda reading, who, one, why: reading.diff(who, one, reason=why),
    "export": lambda reading, who, one, why: list(reading.export(who, "", reason=why)),
    "export of records": lambda reading, who, one, why: list(
        reading.export(who, f"id:{one}", rows="records", form="ndjson", reason=why)
    ),
}  # type: ignore[dict-item]
NO_REASONS = (
    None,
    "",
    "short",
    "          ",
    "..............",
    "aaaaaaaaaaaaaa",
    "\u200b" * 20,
    "12345 67890 123",
    "\x00\x01 hidden here in the text",
    "\u202e read from right to left",
)


@pytest.fixture
def confidential(archive: Any) -> str:
    """An intervention at a confidential point."""
    archive.classify("beta", "confidential")
    archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    return str(archive.raise_limit("beta", SECRET, old="calm", new="Zorblax"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("why", NO_REASONS)
def test_without_a_reason_nothing_is_shown_and_the_refusal_is_recorded(
    archive: Any, confidential: str, way: str, why: str | None
) -> None:
    """Who tried, how and on what stands in the log; an officer is no exception."""
    before = len(archive.accesses())
    with pytest.raises(ReasonRequired):
        WAYS[way](archive.home.reading, archive.ada, confidential, why)  # type: ignore[call-arg]
    (refused,) = archive.accesses()[before:]
    assert (refused.actor.person, refused.count, refused.operation) == ("ada", 0, way.split(maxsplit=1)[0])
    assert refused.refused is not None
    assert confidential in refused.records
    assert refused.reason == (why or None)


@pytest.mark.parametrize("way", WAYS)
def test_with_a_reason_it_is_shown_and_the_reason_recorded(archive: Any, confidential: str, way: str) -> None:
    """The same reads go through, each with its reason in one access record."""
    before = len(archive.accesses())
    WAYS[way](archive.home.reading, archive.ada, confidential, WHY)  # type: ignore[call-arg]
    (access,) = archive.accesses()[before:]
    assert (access.reason, access.refused) == (WHY, None)


def test_a_timeline_withholds_what_it_may_not_show_and_shows_the_rest(
    archive: Any, confidential: str
) -> None:
    """One confidential act does not keep somebody on call from the others; with a reason all are whole."""
    reading, ada = archive.home.reading, archive.ada
    withheld, shown = reading.timeline(ada, "", newest_first=True).acts
    assert withheld.id == confidential
    assert (withheld.before, withheld.after, withheld.reason) == (WITHHELD,) * 3
    assert shown.after == "2"
    whole, _ = reading.timeline(ada, "", newest_first=True, reason=WHY).acts
    assert (whole.before, whole.after) == ("calm", "Zorblax")
    assert archive.accesses()[-1].reason == WHY
    with pytest.raises(ReasonRequired):
        reading.timeline(ada, "", reason="..............")


@pytest.mark.parametrize("query", ["Zorblax", '"about to be insolvent"', "insolv*", "-insolvent", "calm"])
def test_no_search_tells_what_a_confidential_record_holds(
    archive: Any, confidential: str, query: str
) -> None:
    """Words, counts and facets are the same whatever its values and notes say; its place is found by fields."""
    found = archive.found(query)
    assert (confidential in found) == query.startswith("-")
    counted = archive.home.reading.facets(archive.ada, query).total
    assert counted == len(found)
    assert archive.found("class:confidential point:beta actor:ada") == [confidential]


def test_what_is_found_afterwards_is_not_searched_either(archive: Any, confidential: str) -> None:
    """A review of a confidential intervention adds no word to it."""
    archive.home.findings.review(archive.ada, confidential, "wrong", "Grumbuk had known it all along.")
    assert archive.found("Grumbuk") == []


@pytest.mark.parametrize("indexed", [False, True])
def test_one_later_record_of_a_class_keeps_the_whole_intervention(archive: Any, indexed: bool) -> None:
    """It is found by its class and by no word any more, and an export is refused before its first line."""
    one = archive.raise_limit("alpha", SECRET, old="calm", new="Zorblax")
    archive.home.findings.review(archive.ada, one, "wrong", "Grumbuk had known it all along.")
    if indexed:
        assert archive.found("Zorblax Grumbuk") == [one]
    record = Finding(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=one,
        governance=Governance(classification="secret"),
        type="review",
        verdict="wrong",
        about=one,
        summary="It was the insolvency that was known.",
    )
    archive.home.journal.append([Entry(record, expected_head=archive.home.journal.reader.head(one))])
    assert archive.found("class:secret") == archive.found("point:alpha") == archive.found("alpha") == [one]
    assert archive.found("Zorblax") == archive.found("Grumbuk") == archive.found("insolvency") == []
    with pytest.raises(ReasonRequired):
        archive.home.reading.export(archive.ada, "")
    home = archive.home
    lists = Lists(home.journal, home.indexer, home.index, home.reading)
    assert {row.summary for row in lists.findings(archive.ada, "").rows} == {WITHHELD}


def test_an_export_without_what_demands_a_reason_needs_none(archive: Any, confidential: str) -> None:
    """The class can be left out by the query; what is recorded while lines are made is not among them."""
    reading = archive.home.reading
    lines = reading.export(archive.ada, "-class:confidential")
    late = archive.raise_limit("beta", f"{SECRET}, they say")
    text = "".join(lines)
    assert "Replaying dropped orders" in text
    assert "Zorblax" not in text
    assert late not in text


def test_a_forged_index_does_not_open_a_confidential_record(archive: Any, confidential: str) -> None:
    """What the index calls public is judged once more from the log before its line is written."""
    archive.found("")
    connection = archive.home.index._connection
    connection.execute("INSERT INTO search (search) VALUES ('delete-all')")
    terms = "'z r' || lower(hex('internal'))"
    connection.execute(
        f"INSERT INTO search (rowid, words, terms) SELECT first, '', {terms} FROM intervention"
    )
    with pytest.raises(ReasonRequired):
        list(archive.home.reading.export(archive.ada, ""))


@pytest.mark.parametrize(
    ("target", "field", "claimed", "kept"),
    [
        (("risk-gateway", "limits", "BETA"), "", "internal", "confidential"),
        (("Risk-Gateway", "limits", "BETA"), "/max", "public", "confidential"),
        (("risk-gateway", "limits", "BETA"), "", "secret", "secret"),
        (("risk-gateway", "limits", "ALPHA"), "", "internal", "internal"),
        (("risk-gateway", "limits", "elsewhere"), "", "public", "internal"),
        (("risk-gateway", "limits", "elsewhere"), "", "restricted", "restricted"),
    ],
)
def test_what_a_feed_shows_is_kept_as_carefully_as_the_point_there(
    archive: Any, target: tuple[str, str, str], field: str, claimed: str, kept: str
) -> None:
    """The feed's own word may make it more careful, and never less."""
    archive.classify("beta", "confidential")
    system, type_, id_ = target
    observation = Observation(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        governance=Governance(classification=claimed),
        actor=Actor(person="somebody", issuer="gateway"),
        target=Target(system=system, type=type_, id=id_),
        field=field,
        action="trading.limit.raise",
        connector="test",
        instance="test",
        capture="feed",
        absence="source_has_no_field",
    )
    assert archive.home.observing._governance(observation).classification == kept


def test_a_reason_that_is_too_long_is_a_fault_of_its_own(archive: Any, confidential: str) -> None:
    """As for notes: nothing is cut."""
    with pytest.raises(Invalid, match="too long"):
        archive.home.reading.show(archive.ada, confidential, reason="because " * 600)


@pytest.mark.parametrize(
    ("classification", "demands"),
    [
        ("public", False),
        ("internal", False),
        ("confidential", True),
        ("restricted", True),
        ("secret", True),
        ("Confidential", True),
        ("streng geheim", True),
        ("", True),
    ],
)
def test_a_word_that_is_no_class_of_ours_is_as_careful_as_confidential(
    classification: str, demands: bool
) -> None:
    """A company's own word opens nothing by being unknown."""
    assert demands_reason(classification) is demands


def test_the_strictest_class_wins() -> None:
    """In the order of the classes, an unknown word beside confidential."""
    assert strictest(CLASSES) == "secret"
    assert strictest(("public", "internal")) == "internal"
    assert strictest(("streng geheim", "internal")) == "streng geheim"
    assert strictest(("streng geheim", "restricted")) == "restricted"


def test_what_says_why() -> None:
    """A sentence does, filler does not."""
    assert says_why(WHY)
    assert not any(says_why(one) for one in NO_REASONS)


def test_the_verifier_names_reads_without_the_reason_that_a_class_demands(
    archive: Any, confidential: str
) -> None:
    """What a changed server let pass years ago is told from the log alone; what was refused or explained is not."""
    reading, ada = archive.home.reading, archive.ada
    with pytest.raises(ReasonRequired):
        reading.show(ada, confidential)
    reading.show(ada, confidential, reason=WHY)
    chain = archive.home.journal.reader.chain(confidential)
    ids = tuple(one.leaf.id for one in chain)
    reading.leave(
        ada, "show", records=ids, count=len(ids), reason=".............."
    )  # as a changed server would
    reads = Reads()
    for stored in archive.home.journal.reader.scan(0):
        assert stored.record is not None
        reads.see(stored.record)
    assert reads.unexplained == [archive.accesses()[-1].id]
