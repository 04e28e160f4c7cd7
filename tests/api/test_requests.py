# SPDX-License-Identifier: Apache-2.0
"""Requests that are not as they should be: each gets its status, its problem document, and no more of the server."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
import pytest
from real_server import Client, Server, other

from byhand.api.connection import HEAD_BYTES_MAX
from byhand.api.lanes import GATE_BYTES_MAX
from byhand.api.patience import Patience
from byhand.records.limits import FAULTS_MAX, NOTES_LENGTH_MAX


def test_a_method_that_there_is_not_gets_all_that_there_are(server: Server) -> None:
    """405 with Allow of every door of the path, also where two doors share it; the problem says 405 as well."""
    answer = httpx.put(server.url + "/v1/login")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, POST")
    assert answer.json()["status"] == 405
    assert httpx.get(server.url + "/v1/login/").status_code == 404


def test_a_body_that_is_no_json_by_its_own_word_is_not_looked_at(ada: Client) -> None:
    """415, with the advice how to say that it is."""
    answer = ada.raw("POST", "/v1/interventions", data={"declaration": "x"})
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["advice"]


def test_a_body_that_is_too_large_ends_its_connection(ada: Client) -> None:
    """413 before it has come, and nothing more of it is taken."""
    answer = ada.raw("POST", "/v1/interventions", content=b"[" * (GATE_BYTES_MAX + 1))
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


def test_faults_have_an_end(ada: Client) -> None:
    """Thirty thousand floats are a hundred faults: an answer is no larger than its question."""
    answer = ada.raw("POST", "/v1/interventions", json=[1.5] * 30_000)
    assert answer.status_code == 400
    assert len(answer.json()["faults"]) == FAULTS_MAX


def test_nobody_has_anything_judged_at_length(server: Server) -> None:
    """Without a token in force a body that is not as we write it is not parsed: 401, whatever is in it."""
    headers = {"Authorization": "Bearer nobody"}
    answer = httpx.post(server.url + "/v1/interventions", json=[1.5] * 30_000, headers=headers)
    assert answer.status_code == 401


def test_a_reason_for_reading_is_refused_when_it_is_too_long(server: Server, ada: Client) -> None:
    """It goes into a record, and what goes there is never cut."""
    with ada.act(other(server.state())) as act:
        server.state(other(server.state()))
    words = {"why": "x" * (NOTES_LENGTH_MAX + 1)}
    assert ada.raw("GET", f"/v1/records/{act.id}", params=words).status_code == 400


def test_a_choice_is_true_or_false(ada: Client) -> None:
    """A slip of the finger is no silent "no"."""
    assert ada.raw("GET", "/v1/timeline", params={"newest_first": "yes"}).status_code == 400


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (
            b"GET /v1/identity HTTP/1.1\r\nHost: here\r\nX-Long: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n",
            b"431",
        ),
        (b"GET /v1/identity HTTP/1.1\r\nHost: here\r\nX-Long: " + b"x" * (2 * HEAD_BYTES_MAX), b"431"),
        (b"what is this\r\n\r\n", b"400"),
        (b"POST /v1/login HTTP/1.1\r\nHost: here\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /v1/login HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}", b"400"),
    ],
)
def test_what_is_no_http_or_too_much_of_it_is_a_problem_like_any_other(
    server: Server, sent: bytes, status: bytes
) -> None:
    """Its status, its document, and the end of the connection."""
    place = urlsplit(server.url)
    with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=10) as connection:
        connection.sendall(sent)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in answer


def test_whoever_was_waited_for_longest_gives_way() -> None:
    """With two places, the first of three gives way; one who came in time does not."""
    gave_way: list[str] = []
    patience = Patience(2)
    first = patience.begin(lambda: gave_way.append("first"))
    second = patience.begin(lambda: gave_way.append("second"))
    patience.begin(lambda: gave_way.append("third"))
    assert (gave_way, len(patience)) == (["first"], 2)
    patience.end(second)
    patience.end(first)
    patience.begin(lambda: gave_way.append("fourth"))
    assert gave_way == ["first"]


def test_a_session_that_was_ended_is_nobodys(server: Server, ada: Client) -> None:
    """Ending it twice is no error, and then the token is nobody's."""
    assert ada.raw("DELETE", "/v1/login").status_code == 204
    assert ada.raw("GET", "/v1/identity").status_code == 401
    assert ada.raw("DELETE", "/v1/login").status_code == 204
