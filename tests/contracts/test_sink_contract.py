# SPDX-License-Identifier: Apache-2.0
"""One suite over every kind of sink that byhand ships: a real receiver that takes, refuses, stalls and lies."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "sinks"))
from receivers import mailbox, receiver, speaking

from byhand import sinks
from byhand.errors import ByhandError, Invalid, NotDelivered
from byhand.sinks import posting, smtp
from byhand.sinks.contract import MailServer, Message, Place, Sink
from byhand.sinks.destinations import Destinations

HIDDEN = "xoxb-this-is-the-secret"
MESSAGE = Message(
    id="01938a5e-7a00-7000-8000-000000000001-request",
    occasion="request",
    title="Decision needed: mm7-breaker",
    text="Look at the exact change.",
    facts=(("Asked by", "ada.lovelace"), ("Risk", "high")),
    link="https://byhand.example/interventions/01938a5e-7a00-7000-8000-000000000001",
    time="2026-11-25T10:00:00.000000Z",
)


@dataclass
class Told:
    """A sink with its receiver."""

    sink: Sink
    texts: Callable[[], list[str]]
    """Everything received, as text."""
    refuse: Callable[[bool], None]
    """From now on it refuses: for good, or for now."""


def place(kind: str, port: int, scheme: str = "http", **mail: Any) -> Place:
    """Where a receiver on this machine is."""
    link = f"{scheme}://127.0.0.1:{port}/services/{HIDDEN}"
    fields = {
        "webhook": {"link": link, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        "smtp": {"to": "grace@desk.example"},
    }.get(kind, {"link": link})
    server = MailServer("127.0.0.1", port, "none", "byhand@desk.example", **mail)
    return Place(f"{kind}:desk", fields, server)


@contextmanager
def told_by(kind: str) -> Iterator[Told]:
    """The receiver of a kind."""
    made = {one.scheme: one for one in sinks.BUILT_IN}[kind]
    if kind == "smtp":
        with mailbox() as box:
            yield Told(
                made.at(place(kind, box.port)),
                lambda: [mail.as_string() for _, _, mail in box.mails],
                lambda good: setattr(box, "refuse", "550 no" if good else "451 later"),
            )
        return
    with receiver() as found:
        yield Told(
            made.at(place(kind, int(found.url.rpartition(":")[2]))),
            lambda: [one.body.decode() for one in found.received],
            lambda good: setattr(found, "status", 404 if good else 503),
        )


@pytest.fixture(params=[kind.scheme for kind in sinks.BUILT_IN])
def kind(request: pytest.FixtureRequest) -> str:
    """Every kind that is shipped."""
    return str(request.param)


@pytest.fixture
def told(kind: str) -> Iterator[Told]:
    """Every kind with its receiver."""
    with told_by(kind) as found:
        yield found


def test_what_is_told_arrives_with_its_link_and_facts(told: Told) -> None:
    """Title, facts and link are in what the receiver took; it is told once."""
    told.sink.send(MESSAGE)
    (text,) = told.texts()
    for part in ("mm7-breaker", "ada.lovelace", "byhand.example/interventions/01938a5e"):
        assert part in text.replace("=\n", "")


def test_a_repetition_is_known_by_its_id(told: Told, kind: str) -> None:
    """Both tries carry the same id, where the kind has a place for one."""
    told.sink.send(MESSAGE)
    told.sink.send(MESSAGE)
    both = told.texts()
    assert len(both) == 2
    if kind in ("webhook", "smtp"):
        assert all(MESSAGE.id in text for text in both)


def test_refusals_for_good_are_told_from_those_for_now(told: Told) -> None:
    """A receiver that will never take it is not asked again; one that is busy is."""
    for for_good in (True, False):
        told.refuse(for_good)
        with pytest.raises(NotDelivered) as failure:
            told.sink.send(MESSAGE)
        assert failure.value.for_good is for_good


def test_nobody_there_is_a_failure_without_the_link(kind: str) -> None:
    """The error says what happened, and neither link nor secret nor address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    made = {one.scheme: one for one in sinks.BUILT_IN}[kind].at(place(kind, port))
    with pytest.raises(NotDelivered) as failure:
        made.send(MESSAGE)
    assert not failure.value.for_good
    shown = f"{failure.value} {failure.value.__cause__} {made!r}"
    assert HIDDEN not in shown
    assert "grace@" not in shown


def _trickle(connection: socket.socket) -> None:
    """A byte of a header now and then: no single wait is ever too long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with suppress(OSError):
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.02)


def _mail_trickle(connection: socket.socket) -> None:
    with suppress(OSError):
        for _ in range(200):
            connection.sendall(b"2")
            time.sleep(0.02)


def _silence(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.recv(65_536)
        time.sleep(0.6)


def _endless(connection: socket.socket) -> None:
    """An answer whose headers never end."""
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100_000):
            connection.sendall(b"X-More: " + b"y" * 1_000 + b"\r\n")


def _garbage(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.recv(65_536)
        connection.sendall(bytes(range(256)) * 4 + HIDDEN.encode())


@pytest.mark.parametrize("say", [_trickle, _mail_trickle, _silence, _endless, _garbage])
def test_a_hostile_receiver_costs_little_time(
    say: Callable[[socket.socket], None], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow, endless, silent or nonsense: it ends in time, as a failure that repeats nothing of what was said."""
    for room in (posting, smtp):
        monkeypatch.setattr(room, "STEP_SECONDS_MAX", 0.3)
    short = posting.ended_in_time
    for room in (posting, smtp):
        monkeypatch.setattr(room, "ended_in_time", lambda connected: short(connected, 0.5))
    with speaking(say) as port:
        made = {one.scheme: one for one in sinks.BUILT_IN}[kind].at(place(kind, port))
        began = time.monotonic()
        with pytest.raises(NotDelivered) as failure:
            made.send(MESSAGE)
        assert time.monotonic() - began < 2.5
    assert HIDDEN not in str(failure.value)


def test_what_others_wrote_is_nothing_but_text(told: Told, kind: str) -> None:
    """Mentions, links, markup and line breaks of a name arrive as they are written, or not at all."""
    nasty = "<!channel> <https://evil.example|click> [x](https://evil.example) *b*"
    message = Message(
        id="01938a5e-7a00-7000-8000-000000000002-request", occasion="request", title=nasty, text=nasty,
        facts=(("Place", nasty),),
    )  # fmt: skip
    told.sink.send(message)
    (text,) = told.texts()
    if kind == "slack":
        assert json.loads(text)["text"].startswith("&lt;!channel&gt;")
        assert "mrkdwn" not in text
    if kind == "teams":
        blocks = json.loads(text)["attachments"][0]["content"]["body"]
        assert {block["type"] for block in blocks} == {"RichTextBlock"}


def test_a_header_cannot_be_smuggled_in(told: Told, kind: str) -> None:
    """A title with a line break gets no header of its own: mail is not sent, elsewhere it is escaped text."""
    message = Message(
        id="01938a5e-7a00-7000-8000-000000000003-request",
        occasion="request",
        title="x\r\nBcc: eve@evil.example",
        text="y",
    )
    if kind == "smtp":
        with pytest.raises(NotDelivered):
            told.sink.send(message)
        assert told.texts() == []
    else:
        told.sink.send(message)
        assert "\nBcc:" not in told.texts()[0]


@pytest.mark.parametrize(
    "link",
    [
        "", "x", "ftp://127.0.0.1/x", "http://hooks.example/x", "https://", "https://a@b.example/", "https://b.example/#x",
        "https://b.example/a b", "https://b.example/a\r\nX: y", "https://b.example:x/",
        "https://b.example/" + "x" * 3_000,
        "https://ü.example/", "http://127.0.0.1.evil.example/",
    ],
)  # fmt: skip
def test_a_link_that_is_none_or_would_be_sent_in_the_clear_is_refused(link: str, kind: str) -> None:
    """Before anything is sent, with advice, and without the link itself."""
    made = {one.scheme: one for one in sinks.BUILT_IN}[kind]
    if "link" not in made.fields:
        return
    fields = {"link": link, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    with pytest.raises(Invalid) as refusal:
        made.at(Place(f"{kind}:desk", fields))
    assert all(fault.advice for fault in refusal.value.faults)
    assert len(link) < 12 or link not in str(refusal.value)


def test_kinds_of_other_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package offers a kind under the entry point group; what byhand ships cannot be replaced by one."""
    (tmp_path / "offered_sink.py").write_text(
        "from byhand.sinks.slack import Slack\nclass Offered(Slack):\n    scheme = 'offered'\n"
    )
    info = tmp_path / "offered-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[byhand.sinks]\noffered = offered_sink:Offered\nslack = offered_sink:Offered\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert sinks.kinds()["offered"].scheme == "offered"
    assert sinks.kinds()["slack"] is sinks.Slack


def test_a_broken_package_keeps_no_other_kind_from_being_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own kind is refused with advice, also where it loads and fails later; all others are as before."""
    (tmp_path / "broken_sink.py").write_text("class Late:\n    fields = ('link',)\n")
    info = tmp_path / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[byhand.sinks]\nbroken = no_such_module:Broken\nlate = broken_sink:Late\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "destinations.toml"
    link = 'link = "https://127.0.0.1/x"'
    file.write_text("".join(f"[{kind}.desk]\n{link}\n" for kind in ("slack", "broken", "late")))
    file.chmod(0o600)
    places = Destinations(file)
    assert isinstance(places.open("slack:desk"), sinks.Slack)
    for name in ("broken:desk", "late:desk"):
        fault = places.fault(name)
        assert isinstance(fault, Invalid)
        assert "package that offers" in fault.advice
        assert "127.0.0.1" not in str(fault)
    assert {"broken", "late", "slack"} <= sinks.schemes()


def test_every_error_of_a_sink_is_one_of_ours(kind: str) -> None:
    """An empty place is refused naming its faults."""
    with pytest.raises(ByhandError):
        {one.scheme: one for one in sinks.BUILT_IN}[kind].at(Place(f"{kind}:desk", {}))
