# SPDX-License-Identifier: Apache-2.0
"""HTTPS: certificates and names are checked, against the system's authorities or one's own."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from receivers import certificate, receiver, serving

from byhand.errors import Invalid, NotDelivered
from byhand.sinks.contract import Message, Place
from byhand.sinks.posting import ended_in_time
from byhand.sinks.slack import Slack

MESSAGE = Message(id="id-1", occasion="test", title="t", text="x")


def test_a_certificate_that_is_trusted_lets_it_pass(tmp_path: Path) -> None:
    """With the authority named it arrives."""
    chain, key = certificate(tmp_path)
    with receiver(serving(chain, key)) as found:
        Slack.at(Place("slack:x", {"link": f"{found.url}/x"}, certificates=str(chain))).send(MESSAGE)
        assert len(found.received) == 1


@pytest.mark.parametrize("name", ["127.0.0.1", "other.example"])
def test_a_certificate_of_nobody_or_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    """One that no authority vouches for, and one of another name: nothing is sent."""
    chain, key = certificate(tmp_path, name)
    trusted = "" if name == "127.0.0.1" else str(chain)
    with receiver(serving(chain, key)) as found:
        sink = Slack.at(Place("slack:x", {"link": f"{found.url}/x"}, certificates=trusted))
        with pytest.raises(NotDelivered, match="certificate is not trusted"):
            sink.send(MESSAGE)
        assert found.received == []


def test_what_connects_after_the_bound_is_cut_as_well() -> None:
    """A name that took long to find or an address that took long to answer opens no new time."""
    ours, theirs = socket.socketpair()
    began = time.monotonic()
    ours.settimeout(10)

    def connected() -> socket.socket | None:
        return ours if time.monotonic() - began > 0.5 else None

    with ours, theirs, pytest.raises(TimeoutError), ended_in_time(connected, 0.05):
        assert ours.recv(1) == b""
    assert time.monotonic() - began < 5


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    """Before anything is sent."""
    (tmp_path / "empty.pem").touch()
    for file in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        with pytest.raises(Invalid, match="no certificate can be checked"):
            Slack.at(Place("slack:x", {"link": "https://127.0.0.1/x"}, certificates=str(file)))
