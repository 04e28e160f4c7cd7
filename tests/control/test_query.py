# SPDX-License-Identifier: Apache-2.0
"""The query language: every field by its example, every kind of value, and advice for all that is not understood."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, strategies

from byhand.cli.commands.reading import search
from byhand.control.query import (
    ACCESS_FIELDS,
    FIELDS,
    FINDING_FIELDS,
    FORMS,
    PHASES,
    Field,
    compile_query,
    span,
)
from byhand.errors import Invalid
from byhand.records.lifecycle import OPEN
from byhand.store.index import Among, Condition, Within, Words

DAY = ("2026-11-23T00:00:00.000000Z", "2026-11-24T00:00:00.000000Z")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("actor:ada", Among("person", ("ada",))),
        ("Actor:ada", Among("person", ("ada",))),
        ("person:ada,grace", Among("person", ("ada", "grace"))),
        ("target:MM-7,MM-8*", Among("target", ("MM-7",), ("MM-8",))),
        ('target:"a, b*"', Among("target", ("a, b*",))),
        ("-action:trading.*", Among("action", (), ("trading.",), negated=True)),
        ("point:*", Among("point", (), ("",))),
        ("state:applied,failed", Among("phase", ("applied", "failed"))),
        ("state:open", Among("phase", tuple(sorted(OPEN)))),
        ("risk:high", Among("tier", ("high",))),
        ("tier:>=high", Among("tier", ("high", "critical"))),
        ("risk:<=low", Among("tier", ("low",))),
        ("risk:<high", Among("tier", ("low", "medium"))),
        ("risk:low,>high", Among("tier", ("low", "critical"))),
        ("risk:>critical", Among("tier", ())),
        ("reason:OTHER", Among("code", ("OTHER",))),
        ("id:019a*", Among("id", (), ("019a",))),
        ("cause:x", Among("caused_by", ("x",))),
        ("at:2026-11-23", Within("life", *DAY)),
        ("declared:2026-11-23", Within("declared", *DAY)),
        ("changed:>=2026-11-23", Within("changed", start=DAY[0])),
        ("changed:>2026-11-23", Within("changed", start=DAY[1])),
        ("changed:<2026-11-23", Within("changed", end=DAY[0])),
        ("changed:<=2026-11-23", Within("changed", end=DAY[1])),
        ("declared:2026-11-23..2026-11-23", Within("declared", *DAY)),
        ("declared:2026-11-23..", Within("declared", start=DAY[0])),
        ("declared:..2026-11-23", Within("declared", end=DAY[1])),
        ("before:2026-11-23", Within("declared", end=DAY[0])),
        ("after:2026-11-23", Within("changed", start=DAY[1])),
        ("-after:2026-11-23", Within("changed", start=DAY[1], negated=True)),
        ("rebalance", Words(("rebalance",), begun=True)),
        ("rebal*", Words(("rebal",), begun=True)),
        ("at", Words(("at",))),
        ('"index rebalance"', Words(("index", "rebalance"))),
        ("-auction", Words(("auction",), begun=True, negated=True)),
        ("circuit_breaker", Words(("circuit", "breaker"), begun=True)),
        ("OPS-181", Words(("OPS", "181"), begun=True)),
        ("03:00", Words(("03", "00"))),
    ],
)
def test_a_term_says_one_condition(query: str, expected: Condition) -> None:
    """Fields, alternatives, beginnings, comparisons, spans, words and phrases, each excluded by a minus."""
    assert compile_query(query) == [expected]


def test_terms_stand_in_any_number_and_order() -> None:
    """All of them must hold."""
    conditions = compile_query('  state:applied  "two feeds" -actor:ada ')
    assert conditions == [
        Among("phase", ("applied",)),
        Words(("two", "feeds")),
        Among("person", ("ada",), negated=True),
    ]
    assert compile_query("") == []


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_is_understood_as_its_example_shows(name: str) -> None:
    """The example is of that field or of its other name, and is one condition; the help names the field."""
    field = FIELDS[name]
    same = [other for other, one in FIELDS.items() if one is field]
    assert field.example.partition(":")[0] in same
    assert len(compile_query(field.example)) == 1
    assert re.search(rf"\b{name}\b", search.__doc__ or "")


@pytest.mark.parametrize("form", [form for form, _ in FORMS])
def test_every_form_of_the_documentation_is_a_term(form: str) -> None:
    """What the reference shows can be typed."""
    assert len(compile_query(form)) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("actr:ada", "actr: is no field; did you mean actor:?"),
        ("xyzzy:ada", "xyzzy: is no field; fields are action:, actor:, "),
        ("http://x", "put it in quotation marks"),
        ("state:aplied", "state: must be one of .*; did you mean applied?"),
        ("state:applied,gone", "state: must be one of "),
        (
            "risk:hihg",
            r"risk: must be one of low, medium, high, critical, e.g. risk:>=high; did you mean high\?",
        ),
        ("target:", "target:: needs a value, e.g. target:MM-7"),
        ('target:""', "target: needs a value, e.g. target:MM-7"),
        ("target:a,,b", "target: needs a value"),
        ("actor:" + ",".join("abcdefghijklmnopqrstuvwxyz0123456789"), "actor: has more than 32 values"),
        ("before:yesterday", "before: is no time: write 2026, 2026-11, "),
        ("at:2026-13", "at: is no time: month must be in 1..12"),
        ("at:2026-02-30", "at: is no time: day "),
        ("at:9999", "at: is no time: years are 1970 to 9998"),
        ("at:0001", "at: is no time: years are 1970 to 9998"),
        ("at:2026,2027", "at: takes one time; for a span write "),
        ("at:2026-11-24..2026-11-23", "at: ends before it begins"),
        ("at:..", "at: is no time"),
        ("at:>=", "at: is no time"),
        ("!!!", "!!!: holds no word to search for"),
        ('""', '"": holds no word to search for'),
        ("ab*", r"ab\*: needs at least 3 letters before the \*"),
        ('"index rebalance', '"index: the quotation mark is not closed'),
        ("x" * 3_000, "has more than 2000 characters"),
        (" ".join(["a"] * 40), "has more than 32 terms"),
    ],
)
def test_what_is_not_understood_is_said_with_what_would_be(query: str, message: str) -> None:
    """The nearest field or value, the allowed ones, or an example."""
    with pytest.raises(Invalid, match=message) as refused:
        compile_query(query)
    assert refused.value.exit_code == 2


def test_all_faults_are_named_at_once() -> None:
    """One correction is enough, however many terms are wrong."""
    with pytest.raises(Invalid) as refused:
        compile_query("risk:huge actr:ada fine at:soon state:gone")
    assert [fault.pointer for fault in refused.value.faults] == ["risk", "actr", "at", "state"]
    assert refused.value.advice == "See: byhand search --help"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"),
        ("2026-12", "2026-12-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"),
        ("2028-02-29", "2028-02-29T00:00:00.000000Z", "2028-03-01T00:00:00.000000Z"),
        ("2026-11-23T03:00Z", "2026-11-23T03:00:00.000000Z", "2026-11-23T03:01:00.000000Z"),
        ("2026-11-23T03:00:59", "2026-11-23T03:00:59.000000Z", "2026-11-23T03:01:00.000000Z"),
        ("2026-11-23T03:00:59.123456Z", "2026-11-23T03:00:59.000000Z", "2026-11-23T03:01:00.000000Z"),
    ],
)
def test_a_time_as_short_as_it_was_written_is_a_span(text: str, start: str, end: str) -> None:
    """A year, month, day, minute or second, up to the next one."""
    assert span(text) == (start, end)


@given(strategies.text(max_size=80))
def test_any_text_is_a_query_or_a_refusal(text: str) -> None:
    """Nothing else comes of it, whatever is typed."""
    conditions: list[Condition] = []
    with contextlib.suppress(Invalid):
        conditions = compile_query(text)
    assert all(isinstance(one, Among | Within | Words) for one in conditions)


def test_states_that_can_be_asked_for_are_those_there_are() -> None:
    """Every state that something may follow is among them."""
    assert set(PHASES) >= OPEN


@pytest.mark.parametrize("query", ["record:*", "record:019a5d0*", "-record:0*", "record:019a5d0c-8a3e,01*"])
def test_a_beginning_that_stands_for_every_record_is_no_question(query: str) -> None:
    """A list of all that was ever shown is walked for nobody."""
    with pytest.raises(Invalid, match="at least 8"):
        compile_query(query, ACCESS_FIELDS)
    compile_query("record:019a5d0c*", ACCESS_FIELDS)
    compile_query('record:"0*"', ACCESS_FIELDS)


@pytest.mark.parametrize("fields", [ACCESS_FIELDS, FINDING_FIELDS])
def test_every_field_of_a_list_is_understood_by_its_example(fields: dict[str, Field]) -> None:
    """The documentation's examples are queries, and a field of another list is none here."""
    for field in fields.values():
        assert len(compile_query(field.example, fields)) == 1
    with pytest.raises(Invalid, match="is no field"):
        compile_query("state:applied", fields)
