# SPDX-License-Identifier: Apache-2.0
"""The timeline of a real home: which acts, in which order, what each says, and the record that it was read."""

from __future__ import annotations

import secrets
import sqlite3
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from byhand import clock
from byhand.client.desk import Act, Window
from byhand.control.timeline import term_of, window_of, within
from byhand.errors import Invalid
from byhand.ids import new_record_id
from byhand.records import captured, codec
from byhand.records.intervention import Change, Declaration, Justification
from byhand.trust import statements

ACT = Act(
    id="1",
    index=0,
    time="2026-11-23T03:00:05.000000Z",
    declared="2026-11-23T03:00:00.000000Z",
    ended="2026-11-23T03:00:05.000000Z",
    until=None,
    person="ada",
    action="trading.limit.raise",
    target="risk-gateway/limits/ALPHA",
    point="alpha",
    environment="production",
    tier="low",
    before="1",
    after="2",
    read_back=True,
    state="applied",
    reason="OTHER: why",
)


def test_acts_stand_in_the_order_of_time(archive: Any) -> None:
    """Oldest first, or newest first; each says who, where, from what to what, and what came of it."""
    ids = [archive.raise_limit("alpha", f"Number {n} of the replayed orders", n, n + 1) for n in range(3)]
    told = archive.home.reading.timeline(archive.ada, "target:ALPHA")
    assert [act.id for act in told.acts] == ids
    assert [(act.before, act.after, act.read_back) for act in told.acts] == [
        ("0", "1", True),
        ("1", "2", True),
        ("2", "3", True),
    ]
    (act, *_) = told.acts
    assert (act.person, act.target, act.point) == ("ada", "risk-gateway/limits/ALPHA", "alpha")
    assert (act.state, act.until, act.reason) == (
        "applied",
        None,
        "SYSTEM_ERROR_RECOVERY: Number 0 of the replayed orders",
    )
    assert act.declared < act.time == act.ended
    turned = archive.home.reading.timeline(archive.ada, "", newest_first=True)
    assert turned.acts == told.acts[::-1]


def test_one_page_holds_the_newest_and_says_where_earlier_ones_begin(archive: Any) -> None:
    """Going on from there shows the rest, again in the order of time."""
    ids = [archive.raise_limit("alpha", f"Number {n} of the replayed orders") for n in range(3)]
    reading = archive.home.reading
    first = reading.timeline(archive.ada, "", limit=2)
    assert [act.id for act in first.acts] == ids[1:]
    rest = reading.timeline(archive.ada, "", limit=2, before=first.following)
    assert ([act.id for act in rest.acts], rest.following) == (ids[:1], None)
    with pytest.raises(Invalid, match="1 to 1000"):
        reading.timeline(archive.ada, "", limit=0)


def test_reading_a_timeline_leaves_one_access_record(archive: Any) -> None:
    """It names the acts shown and the query with its window, which search understands as well."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    window = window_of("now", "1h")
    told = archive.home.reading.timeline(archive.ada, "target:ALPHA", window)
    assert [act.id for act in told.acts] == [one]
    (access,) = archive.accesses()
    assert (access.operation, access.records, access.count) == ("timeline", (one,), 1)
    assert access.query == f"target:ALPHA {term_of(window)}"
    assert archive.found(access.query) == [one]


def test_only_what_was_under_way_in_the_window_is_shown(archive: Any) -> None:
    """Neither what came before it nor what came after."""
    archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    for away in (-7_200, 7_200):
        moment = clock.after(clock.now(), seconds=away)
        assert archive.home.reading.timeline(archive.ada, "", window_of(moment, "1h")).acts == ()


def test_what_is_said_later_of_an_act_is_no_part_of_it() -> None:
    """A review next week does not put the act into next week's window; one that is still open is there."""
    window = window_of("2026-11-23T03:30Z", "30m")
    assert within(ACT, window)
    assert not within(replace(ACT, ended="2026-11-23T02:59:59.999999Z"), window)
    assert within(replace(ACT, ended=None), window)
    assert within(ACT, None)


def test_a_review_does_not_lengthen_an_act(archive: Any) -> None:
    """It ended with its outcome."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    (before,) = archive.home.reading.timeline(archive.ada, "").acts
    archive.home.findings.review(archive.ada, one, "right", "It was the right thing to do, as we know now.")
    (after,) = archive.home.reading.timeline(archive.ada, "").acts
    assert after == before


def test_what_was_only_declared_is_open_and_not_read_back(archive: Any) -> None:
    """Its new value is the declared one."""
    declared = Declaration(
        record=new_record_id(),
        person="ada",
        action="trading.limit.raise",
        point="alpha",
        change=Change(original=captured.capture(1), new=captured.capture(2)),
        expires=clock.after(clock.now(), seconds=600),
        justification=Justification(code="SYSTEM_ERROR_RECOVERY", text="Orders of the morning are replayed."),
    )
    statement = statements.Intent(
        origin=archive.home.origin,
        record=declared.record,
        declaration=codec.declaration_digest(declared),
        person="ada",
        nonce=secrets.token_hex(32),
        expires=declared.expires,
    )
    archive.home.gate.declare(archive.ada, declared, archive.office.pens.sign(statement, "ada"))
    (act,) = archive.home.reading.timeline(archive.ada, "").acts
    assert (act.before, act.after, act.read_back) == ("1", "2", False)
    assert (act.state, act.ended, act.time) == ("declared", None, act.declared)


def test_what_is_erased_is_marked(archive: Any) -> None:
    """Its place, its person and its state are known; its values and words are not."""
    one = archive.raise_limit("alpha", "Replaying dropped orders of the morning")
    stored = archive.home.journal.reader.find(one)
    sealed = dict(archive.home.entries.payloads(stored.index, stored.index + 1))[stored.index]
    rows = msgspec.json.decode(sealed)["sections"]
    archive.found("")
    with sqlite3.connect(archive.home.path / "keys" / "data-keys.db") as database:
        database.execute("DELETE FROM data_key WHERE number = ?", (rows[0]["key"],))
    database.close()
    (act,) = archive.home.reading.timeline(archive.ada, "").acts
    assert (act.before, act.after, act.reason, act.read_back) == ("$erased", "$erased", "$erased", False)
    assert (act.id, act.person, act.state) == (one, "ada", "applied")


@pytest.mark.parametrize(
    ("around", "window", "start", "end"),
    [
        ("2026-11-23T03:00:00Z", "90s", "02:58:30", "03:01:31"),
        ("2026-11-23T03:00Z", "30m", "02:30:00", "03:31:00"),
        ("2026-11-23T03:00Z", "2h", "01:00:00", "05:01:00"),
    ],
)
def test_a_window_lies_on_both_sides_of_its_moment(around: str, window: str, start: str, end: str) -> None:
    """The moment is as long as it was written, and the window as a term finds the same span."""
    found = window_of(around, window)
    assert found == Window(
        moment="2026-11-23T03:00:00.000000Z",
        start=f"2026-11-23T{start}.000000Z",
        end=f"2026-11-23T{end}.000000Z",
    )


@pytest.mark.parametrize(
    ("around", "window", "named"),
    [
        ("noon", "2h", ["around"]),
        ("now", "2 hours", ["window"]),
        ("now", "0s", ["window"]),
        ("now", "53w", ["window"]),
        ("now", "999999999w", ["window"]),
        ("x", "y", ["around", "window"]),
    ],
)
def test_a_window_that_is_not_understood_names_every_fault(
    around: str, window: str, named: list[str]
) -> None:
    """What is no time, what is no duration, and what is too long."""
    with pytest.raises(Invalid) as refused:
        window_of(around, window)
    assert [fault.pointer for fault in refused.value.faults] == named
