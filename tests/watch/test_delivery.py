# SPDX-License-Identifier: Apache-2.0
"""Delivery: retried with pauses, given up aloud, one dead destination never delaying another, at least once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from receivers import Receiver, receiver

from byhand import clock
from byhand.errors import Invalid, NotDelivered
from byhand.sinks.contract import Message, Place
from byhand.sinks.slack import Slack
from byhand.store.outbox import Letter, RequestRow
from byhand.store.sqlite.outbox import CROWDED, OVER, WAITING_MAX, SqliteOutbox
from byhand.watch.delivery import LEASE_SECONDS, PAUSE_SECONDS_MAX, WORKERS_MAX, Delivery

NOW = "2026-11-25T10:00:00.000000Z"
END = "2999-11-25T11:00:00.000000Z"


def letters(*destinations: str, count: int = 1, about: str = "i") -> list[Letter]:
    """Letters that are due."""
    made = []
    for number in range(count):
        message = Message(id=f"{about}-{number}", occasion="test", title="t", text="x")
        content = msgspec.json.encode(message)
        made += [Letter(message.id, one, about, content, NOW, NOW, END) for one in destinations]
    return made


def post(outbox: SqliteOutbox, made: list[Letter], about: str = "i") -> None:
    """Put letters into the outbox, behind a request of their own."""
    row = RequestRow(about, NOW, END)
    outbox.follow(outbox.cursor(), outbox.cursor() + 1, [row])
    assert outbox.advance(row, row._replace(stages=("request",)), made)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    """An empty outbox."""
    opened = SqliteOutbox(tmp_path)
    yield opened
    opened.close()


class Scripted:
    """A sink that does what it is told, in order; then it delivers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.ids: list[str] = []

    def send(self, message: Message) -> None:
        self.ids.append(message.id)
        if self.errors:
            raise self.errors.pop(0)


def delivery(outbox: SqliteOutbox, sink: Callable[[str], Any], **changed: Any) -> Delivery:
    return Delivery(outbox, sink, **{"tries_max": 3, "rate": 100, "chance": lambda: 1.0, **changed})


def turns(one: Delivery, now: str, count: int = 1) -> None:
    for _ in range(count):
        one.turn(now)
        one.wait()


def test_what_fails_is_tried_again_later_with_the_same_id(outbox: SqliteOutbox) -> None:
    """Each pause is twice the one before, and at least what the other side asked for."""
    sink = Scripted(NotDelivered("busy"), NotDelivered("busy", after_seconds=60))
    one = delivery(outbox, lambda _: sink)
    post(outbox, letters("slack:a"))
    turns(one, clock.now())
    (letter,) = outbox.letters()
    assert (letter.state, letter.tries, letter.cause) == ("waiting", 1, "busy")
    assert clock.after(clock.now(), seconds=1) < letter.due <= clock.after(clock.now(), seconds=2)
    turns(one, clock.now())
    assert len(sink.ids) == 1
    turns(one, letter.due)
    (letter,) = outbox.letters()
    assert letter.due > clock.after(clock.now(), seconds=58)
    turns(one, letter.due)
    assert outbox.letters()[0].state == "delivered"
    assert sink.ids == ["i-0"] * 3
    one.close()


@pytest.mark.parametrize(
    "errors",
    [
        (NotDelivered("gone", for_good=True),),
        (NotDelivered("a"), NotDelivered("b"), NotDelivered("gone")),
        (Invalid("a"), ZeroDivisionError("b"), NotDelivered("gone")),
    ],
)
def test_what_never_gets_there_is_dead_and_says_why(
    outbox: SqliteOutbox, errors: tuple[Exception, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """At once when it is refused for good, else after the last try; a fault of a plug-in counts as one."""
    sink = Scripted(*errors)
    one = delivery(outbox, lambda _: sink)
    post(outbox, letters("slack:a"))
    for _ in errors:
        turns(one, clock.after(clock.now(), seconds=PAUSE_SECONDS_MAX))
    (letter,) = outbox.letters()
    assert (letter.state, letter.tries) == ("dead", len(errors))
    assert "gone" in letter.cause
    assert "is given up" in caplog.text
    assert outbox.counts("")[1:] == (1, 0, 1)
    one.close()


def test_dead_destinations_delay_no_other(outbox: SqliteOutbox) -> None:
    """A dozen that hang hold a worker each; the one that works gets its letters meanwhile."""
    hanging = threading.Event()

    class Hangs:
        def send(self, _: Message) -> None:
            hanging.wait(20)

    sink = Scripted()
    dead = [f"slack:dead-{number}" for number in range(WORKERS_MAX - 2)]
    post(outbox, [*letters(*dead, count=3), *letters("webhook:good", count=3)])
    one = delivery(outbox, lambda name: sink if name == "webhook:good" else Hangs())
    ends = time.monotonic() + 10
    while len(sink.ids) < 3 and time.monotonic() < ends:
        one.turn(clock.now())
        time.sleep(0.01)
    assert sink.ids == ["i-0", "i-1", "i-2"]
    hanging.set()
    one.close()


def test_a_crowded_destination_loses_its_own_letters_only(outbox: SqliteOutbox) -> None:
    """Beyond the limit its letters are dead at once, and said to be; another's are taken."""
    post(outbox, [*letters("slack:a", count=WAITING_MAX + 5), *letters("slack:b")])
    dead = outbox.letters(state="dead")
    assert [(one.destination, one.cause) for one in dead] == [("slack:a", CROWDED)] * 5
    assert {one.destination for one in outbox.claim(NOW, lease=END, busy=frozenset(), rate=9)} == {
        "slack:a",
        "slack:b",
    }


def test_a_destination_is_left_in_peace(outbox: SqliteOutbox) -> None:
    """No more than so many a minute; the rest waits and is not lost."""
    sink = Scripted()
    post(outbox, letters("slack:a", count=5))
    one = delivery(outbox, lambda _: sink, rate=2)
    now = clock.now()
    turns(one, now, 5)
    assert len(sink.ids) == 2
    turns(one, clock.after(now, seconds=61), 5)
    assert len(sink.ids) == 4
    one.close()


def test_one_letter_is_claimed_by_one_process(outbox: SqliteOutbox, tmp_path: Path) -> None:
    """Another process gets it only when the lease is over."""
    other = SqliteOutbox(tmp_path)
    post(outbox, letters("slack:a"))
    lease = clock.after(NOW, seconds=LEASE_SECONDS)
    assert len(outbox.claim(NOW, lease=lease, busy=frozenset(), rate=9)) == 1
    assert other.claim(NOW, lease=lease, busy=frozenset(), rate=9) == []
    assert len(other.claim(lease, lease=END, busy=frozenset(), rate=9)) == 1
    other.close()


def test_what_is_over_is_not_delivered(outbox: SqliteOutbox) -> None:
    """A letter that would tell nothing any more is dead, and one dropped while it was on its way stays so."""
    post(outbox, [one._replace(until=NOW) for one in letters("slack:a")])
    assert outbox.claim(NOW, lease=END, busy=frozenset(), rate=9) == []
    post(outbox, letters("slack:b", about="j"), "j")
    (claimed,) = outbox.claim(NOW, lease=END, busy=frozenset(), rate=9)
    outbox.end("j")
    outbox.settle(claimed._replace(cause="busy"))
    assert {one.destination: (one.state, one.cause) for one in outbox.letters()} == {
        "slack:a": ("dead", OVER),
        "slack:b": ("dropped", ""),
    }


def test_the_file_is_for_its_owner_and_holds_no_address(outbox: SqliteOutbox, tmp_path: Path) -> None:
    """Nobody else reads who is asked."""
    post(outbox, letters("slack:a"))
    for path in tmp_path.glob("outbox.db*"):
        assert path.stat().st_mode & 0o077 == 0


@pytest.fixture
def channel() -> Iterator[Receiver]:
    """A chat's channel."""
    with receiver() as found:
        yield found


def test_a_receiver_that_comes_back_gets_everything(outbox: SqliteOutbox, channel: Receiver) -> None:
    """Down at first, then busy, then there: over real connections every letter arrives once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        down = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
    links = iter([down, channel.url, channel.url])
    channel.statuses = [503]
    post(outbox, letters("slack:a"))
    one = delivery(outbox, lambda name: Slack.at(Place(name, {"link": next(links)})))
    for _ in range(3):
        turns(one, clock.after(clock.now(), seconds=PAUSE_SECONDS_MAX))
    assert outbox.letters()[0].state == "delivered"
    assert len(channel.received) == 2
    one.close()
