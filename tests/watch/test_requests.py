# SPDX-License-Identifier: Apache-2.0
"""Requests: who is told when, when it stops, and that nothing is said twice or too much."""

from __future__ import annotations

import json
from typing import Any

import pytest

from byhand import examining
from byhand.errors import LogUnavailable
from byhand.examining import examine
from byhand.records.circles import Member
from byhand.sinks.destinations import Destinations
from byhand.store.outbox import RequestRow
from byhand.store.sqlite.outbox import OVER
from byhand.watch.requests import due_stages

FIRST = {("request", "slack:risk-desk"), ("request", "smtp:grace")}
AGAIN = {("reminder", "slack:risk-desk"), ("reminder", "smtp:grace")}
SECOND = {("second", "webhook:pager")}
GLASS = {("break-glass", "smtp:ada")}
EVERYBODY = ("slack:risk-desk", "smtp:grace", "webhook:pager")
BROKEN = {("broken", one) for one in EVERYBODY}
HALF = {("review", one) for one in EVERYBODY}
LATE = {("overdue", one) for one in (*EVERYBODY, "smtp:ada")}
DAY = 86_400


@pytest.fixture
def asked(desk: Any) -> Any:
    """The desk with its point and both circles."""
    desk.two_circles()
    desk.point()
    return desk


def test_the_circle_is_told_at_once_then_reminded_then_others_are(asked: Any) -> None:
    """At once, at 3, 5 and 10 minutes, to the second; the requester is told nothing but of the glass."""
    intent, requests = asked.ask(), asked.requests()
    for seconds, expected in (
        (0, FIRST),
        (179.9, FIRST),
        (180, FIRST | AGAIN),
        (299.9, FIRST | AGAIN),
        (300, FIRST | AGAIN | SECOND),
        (599.9, FIRST | AGAIN | SECOND),
        (600, FIRST | AGAIN | SECOND | GLASS),
        (3_000, FIRST | AGAIN | SECOND | GLASS),
    ):
        requests.turn(asked.at(intent, seconds))
        assert asked.sent(intent) == expected, seconds


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_it_stops_when_it_is_decided(asked: Any, decision: str) -> None:
    """No reminder follows, and what still waits is dropped."""
    intent, requests = asked.ask(), asked.requests()
    requests.turn(asked.at(intent, 0))
    asked.decide(intent, decision)
    requests.turn(asked.at(intent, 700))
    assert asked.sent(intent) == FIRST
    assert {one.state for one in asked.home.outbox.letters(intent.id)} == {"dropped"}
    assert asked.home.outbox.requests() == []


def test_a_request_that_lacks_a_second_approval_goes_on(asked: Any) -> None:
    """One of two is not enough: the reminder comes."""
    intent, requests = asked.ask(needed=2), asked.requests()
    requests.turn(asked.at(intent, 0))
    asked.decide(intent)
    requests.turn(asked.at(intent, 180))
    assert asked.sent(intent) == FIRST | AGAIN


def test_it_stops_when_the_intent_is_over(asked: Any) -> None:
    """Nobody is called for what cannot happen any more; what expired before anybody looked is never sent."""
    intent, requests = asked.ask(seconds=60), asked.requests()
    requests.turn(asked.at(intent, 61))
    assert asked.sent(intent) == set()
    other = asked.ask(seconds=200)
    requests.turn(asked.at(other, 0))
    requests.turn(asked.at(other, 201))
    assert asked.sent(other) == FIRST


def test_an_intent_that_needs_nobody_asks_nobody(asked: Any) -> None:
    """Without approvals needed there is no request."""
    intent = asked.ask(needed=0)
    asked.requests().turn(asked.at(intent, 700))
    assert asked.sent(intent) == set()


def test_what_was_slept_through_is_done_once(asked: Any) -> None:
    """After eight minutes without a watch the request and the second circle are told, and nobody is reminded."""
    intent = asked.ask()
    asked.requests().turn(asked.at(intent, 480))
    assert asked.sent(intent) == FIRST | SECOND
    asked.requests().turn(asked.at(intent, 481))
    assert asked.sent(intent) == FIRST | SECOND


def test_two_watches_and_a_new_one_say_everything_once(asked: Any) -> None:
    """Another process at the same moment, and one that begins anew, find done what was done."""
    intent = asked.ask()
    other = asked.office.open()
    try:
        turns = [asked.requests().turn(asked.at(intent, 0)), asked.requests(other).turn(asked.at(intent, 0))]
        assert turns == [2, 0]
        row = asked.home.outbox.requests()[0]
        assert not other.outbox.advance(row._replace(stages=()), row, ())
    finally:
        other.close()


def test_a_cursor_of_a_longer_log_is_set_back(asked: Any) -> None:
    """An outbox that knows more entries than there are begins anew, and tells nobody twice."""
    intent = asked.ask()
    asked.requests().turn(asked.at(intent, 0))
    before = asked.home.outbox.letters()
    asked.home.outbox.follow(asked.home.outbox.cursor(), 1_000_000, ())
    asked.requests().turn(asked.at(intent, 1))
    assert asked.home.outbox.cursor() == asked.home.journal.reader.size
    assert asked.home.outbox.letters() == before


def test_a_message_says_where_and_until_when_and_no_more(asked: Any) -> None:
    """Point, act, risk, person, time left and link; no value, no reason."""
    intent = asked.ask()
    asked.requests().turn(asked.at(intent, 0))
    message = asked.message(intent)
    facts = dict(message["facts"])
    assert facts["Place"] == "mm7-breaker"
    assert facts["Asked by"] == "ada"
    assert facts["Decide before"].endswith("(59 minutes left)")
    assert message["link"] == f"https://byhand.example/interventions/{intent.id}"
    text = json.dumps(message)
    assert "secret before" not in text
    assert "private" not in text


@pytest.mark.parametrize("class_", ["confidential", "secret", "a word of ours"])
def test_of_a_careful_class_neither_act_nor_person_is_named(asked: Any, class_: str) -> None:
    """What readers must give a reason for is told to no chat."""
    intent = asked.ask(classification=class_)
    asked.requests().turn(asked.at(intent, 0))
    message = asked.message(intent)
    assert {"Act", "Asked by"} & set(dict(message["facts"])) == set()
    assert '"ada"' not in json.dumps(message)


def test_what_nobody_hears_is_said(asked: Any, caplog: pytest.LogCaptureFixture) -> None:
    """No point, no circle, a circle that there is not, one that reaches the requester alone: each has its words."""
    alone = Member(person="ada", destinations=("smtp:ada",))
    asked.circle("alone", alone)
    for name, circle, said in (
        (None, None, "no registered point"),
        ("mm7-breaker", None, "names no circle"),
        ("mm7-breaker", "nowhere", "which there is not"),
        ("mm7-breaker", "alone", "nobody but the requester"),
    ):
        if name is not None:
            asked.point(circle=circle)
        intent = asked.ask(point=name)
        asked.requests().turn(asked.at(intent, 0))
        (row,) = [one for one in asked.home.outbox.requests() if one.intervention == intent.id]
        assert said in row.unheard
        assert said in caplog.text
    counts = asked.home.outbox.counts("")
    assert (counts.requests, counts.unheard) == (4, 4)


def test_a_member_who_cannot_decide_any_more_is_not_asked(asked: Any) -> None:
    """Whose keys are all revoked is told nothing."""
    asked.home.people.revoke(asked.office.caller("ada"), asked.office.revocation("grace", "ada"))
    intent = asked.ask()
    asked.requests().turn(asked.at(intent, 0))
    assert asked.sent(intent) == {("request", "slack:risk-desk")}


def test_an_outbox_that_cannot_be_written_stops_neither_log_nor_gate(asked: Any) -> None:
    """The follower fails aloud; intents are recorded as before, and are told of later."""
    asked.home.outbox._opened().execute("PRAGMA query_only = ON")
    intent = asked.ask()
    with pytest.raises(LogUnavailable):
        asked.requests().turn(asked.at(intent, 0))
    later = asked.ask()
    asked.home.outbox._opened().execute("PRAGMA query_only = OFF")
    asked.requests().turn(asked.at(later, 1))
    assert asked.sent(intent) == FIRST
    assert asked.sent(later) == FIRST


def test_a_damaged_outbox_stops_neither_home_nor_log(asked: Any) -> None:
    """The home opens and records, doctor says what is damaged, and once it is taken away all are told."""
    asked.home.outbox.close()
    for one in asked.home.path.glob("outbox.db*"):
        one.unlink()
    path = asked.home.path / "outbox.db"
    path.write_bytes(b"this is no database" * 1_000)
    other = asked.office.open()
    try:
        with pytest.raises(LogUnavailable):
            asked.requests(other).turn("2026-11-25T10:00:00.000000Z")
    finally:
        other.close()
    intent = asked.ask()
    found = examine(asked.home.path, account_is_shared=False)
    assert any(one.part == "requests" and "nobody is told anything" in one.what for one in found)
    path.unlink()
    asked.requests().turn(asked.at(intent, 0))
    assert asked.sent(intent) == FIRST


def test_a_log_that_nobody_follows_is_said_by_the_doctor(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries older than a minute that nobody looked at; nothing is said of younger ones, and of none."""

    def said() -> bool:
        found = examine(asked.home.path, account_is_shared=False)
        return any("were not looked at: nobody follows the log" in one.what for one in found)

    intent = asked.ask()
    assert not said()
    monkeypatch.setattr(examining, "UNFOLLOWED_SECONDS", 0.0)
    assert said()
    asked.requests().turn(asked.at(intent, 0))
    assert not said()


def test_a_request_that_expired_undecided_leaves_dead_letters(asked: Any) -> None:
    """What waited until it was over got to nobody, and is said to be lost."""
    intent, requests = asked.ask(seconds=200), asked.requests()
    requests.turn(asked.at(intent, 0))
    requests.turn(asked.at(intent, 201))
    assert {(one.state, one.cause) for one in asked.home.outbox.letters(intent.id)} == {("dead", OVER)}
    assert asked.home.outbox.counts("").dead == len(FIRST)
    assert asked.asking().asked(asked.office.caller("ada"), intent.id).unheard


def test_letters_that_fail_again_and_again_are_unheard_before_they_are_dead(asked: Any) -> None:
    """Three tries in vain at every destination; the offer that the requester got is no sign, a delivery is."""
    outbox, intent = asked.home.outbox, asked.ask()

    def is_unheard() -> bool:
        said = bool(asked.asking().asked(asked.office.caller("ada"), intent.id).unheard)
        assert outbox.counts("").unheard == said
        return said

    asked.requests().turn(asked.at(intent, 0))
    first, second = outbox.letters(intent.id)
    outbox.settle(first._replace(tries=3))
    assert not is_unheard()
    outbox.settle(second._replace(tries=3))
    assert is_unheard()
    asked.requests().turn(asked.at(intent, 600))
    for letter in outbox.letters(intent.id):
        done = letter.id.endswith("-break-glass")
        outbox.settle(letter._replace(tries=3, state="delivered" if done else "waiting"))
    assert is_unheard()
    outbox.settle(first._replace(state="delivered"))
    assert not is_unheard()


def test_a_request_whose_chain_cannot_be_read_ends_with_its_time(asked: Any) -> None:
    """It is warned about until then, and no longer."""
    now = "2026-11-25T10:00:00.000000Z"
    asked.home.outbox.follow(0, 0, [RequestRow("nowhere", now, "2026-11-25T11:00:00.000000Z")])
    asked.requests().turn(now)
    assert [row.intervention for row in asked.home.outbox.requests()] == ["nowhere"]
    asked.requests().turn("2026-11-25T11:00:00.000000Z")
    assert asked.home.outbox.requests() == []


def test_no_reminder_of_what_is_only_being_sent() -> None:
    """The plan alone: at four minutes the first turn sends the request, not its reminder."""
    row = RequestRow("i", "2026-11-25T10:00:00.000000Z", "2026-11-25T11:00:00.000000Z")
    assert due_stages(row, "2026-11-25T10:04:00.000000Z") == ["request"]
    assert due_stages(row._replace(stages=("request",)), "2026-11-25T10:04:00.000000Z") == ["reminder"]
    assert due_stages(row, "2026-11-25T09:00:00.000000Z") == []


def test_destinations_are_named_in_records_and_nowhere_shown(asked: Any, tmp_path: Any) -> None:
    """The circle in the log has names; the link behind one is in no error about it."""
    file = tmp_path / "d.toml"
    file.write_text('[slack.risk-desk]\nlink = "http://hooks.example/SECRET"\n')
    file.chmod(0o600)
    error = Destinations(file).fault("slack:risk-desk")
    assert error is not None
    assert "SECRET" not in str(error)


# -- a broken glass


def test_a_broken_glass_is_told_to_both_circles_at_once_and_until_it_is_reviewed(asked: Any) -> None:
    """At once, at half of the day and when it is over, to the second, each once; whoever broke it hears the last."""
    intent, requests = asked.ask(broken=True), asked.requests()
    requests.turn(asked.at(intent, 0))
    assert asked.sent(intent) == BROKEN
    asked.act(intent)
    for seconds, expected in (
        (700, BROKEN),
        (DAY / 2 - 0.1, BROKEN),
        (DAY / 2, BROKEN | HALF),
        (DAY - 0.1, BROKEN | HALF),
        (DAY, BROKEN | HALF | LATE),
        (2 * DAY - 1, BROKEN | HALF | LATE),
        (2 * DAY, BROKEN | HALF | LATE),
    ):
        requests.turn(asked.at(intent, seconds))
        assert asked.sent(intent) == expected, seconds
    assert len(asked.home.outbox.letters(intent.id)) == len(BROKEN | HALF | LATE)
    assert asked.home.outbox.requests() == []


@pytest.mark.parametrize(
    ("reviewers", "expected"),
    [((), HALF | LATE), (("grace",), HALF | LATE), (("grace", "alan"), set())],
    ids=["nobody", "one", "two"],
)
def test_reminders_to_review_end_with_the_second_review(
    asked: Any, reviewers: tuple[str, ...], expected: set[tuple[str, str]]
) -> None:
    """One other person is not enough; after two nobody is reminded, and nothing waits any more."""
    intent, requests = asked.ask(broken=True), asked.requests()
    requests.turn(asked.at(intent, 0))
    asked.act(intent)
    asked.review(intent, *reviewers)
    requests.turn(asked.at(intent, DAY / 2))
    requests.turn(asked.at(intent, DAY))
    assert asked.sent(intent) == BROKEN | expected
    assert asked.asking().asked(asked.office.caller("ada"), intent.id).open is bool(expected)


def test_a_glass_broken_for_nothing_is_told_and_nobody_is_to_review_it(asked: Any) -> None:
    """Nothing was done under it: it is news all the same, and there is nothing to look at."""
    intent, requests = asked.ask(broken=True), asked.requests()
    for seconds in (0, DAY / 2, DAY):
        requests.turn(asked.at(intent, seconds))
    assert asked.sent(intent) == BROKEN


def test_a_review_before_the_watch_woke_takes_no_news_back(asked: Any) -> None:
    """Acted and reviewed by two within a moment: both circles are told that the glass was broken."""
    intent = asked.ask(broken=True)
    asked.act(intent)
    asked.review(intent, "grace", "alan")
    asked.requests().turn(asked.at(intent, 5))
    asked.requests().turn(asked.at(intent, 6))
    assert asked.sent(intent) == BROKEN
    assert {one.state for one in asked.home.outbox.letters(intent.id)} == {"waiting"}


def test_a_watch_that_slept_a_day_says_both_and_no_reminder(asked: Any) -> None:
    """What was broken and that it is overdue; after two days a new outbox calls nobody for it."""
    intent = asked.ask(broken=True)
    asked.act(intent)
    asked.requests().turn(asked.at(intent, DAY + 1))
    assert asked.sent(intent) == BROKEN | LATE
    other = asked.ask(broken=True)
    asked.requests().turn(asked.at(other, 2 * DAY))
    assert asked.sent(other) == set()


def test_of_a_broken_glass_who_where_and_why_are_told_as_the_class_allows(asked: Any) -> None:
    """Person, point, the reason's code and the link; never a value or the reason's text."""
    intent, careful = asked.ask(broken=True), asked.ask(broken=True, classification="confidential")
    asked.requests().turn(asked.at(careful, 0))
    message, hidden = asked.message(intent, "broken"), asked.message(careful, "broken")
    facts = dict(message["facts"])
    assert message["title"] == "Glass broken: mm7-breaker"
    assert (facts["Broken by"], facts["Reason"]) == ("ada", "SYSTEM_ERROR_RECOVERY")
    assert facts["Review before"].endswith("(1439 minutes left)")
    assert message["link"] == f"https://byhand.example/interventions/{intent.id}"
    assert {"Act", "Broken by", "Reason"} & set(dict(hidden["facts"])) == set()
    for one in (message, hidden):
        assert not any(word in json.dumps(one) for word in ("secret before", "secret after", "private"))


def test_a_glass_broken_where_nobody_is_on_call_is_said_aloud(asked: Any) -> None:
    """Without a circle the person, the log of the watch and the figures are told that nobody hears of it."""
    asked.point(circle=None)
    intent = asked.ask(broken=True)
    asked.requests().turn(asked.at(intent, 0))
    assert "names no circle" in asked.asking().asked(asked.office.caller("ada"), intent.id).unheard
    assert asked.home.outbox.counts("").unheard == 1
