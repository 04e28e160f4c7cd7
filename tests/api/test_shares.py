# SPDX-License-Identifier: Apache-2.0
"""One noisy address never starves the others: in the lanes, of bodies, of connections, and behind a proxy."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from real_server import BYHAND, STARTED, Client, Server, prepared, signed_in

from byhand.api import server as server_room
from byhand.api.connection import FILES_KEPT
from byhand.api.lanes import Lane
from byhand.api.patience import Patience
from byhand.api.shares import NOWHERE, Shares, among, networks, site
from byhand.errors import Invalid, Overloaded
from byhand.settings import ServerSettings

NOISY, QUIET = "127.0.0.2", "127.0.0.3"
CROWD = 100
FILES = FILES_KEPT + 100  # of which the server keeps a hundred connections
PATIENCE_SECONDS = 20.0


@pytest.mark.parametrize("noisy", [1, 2, 7, 20])
def test_whoever_comes_finds_as_much_as_the_noisiest_has(noisy: int) -> None:
    """Addresses that want all they can get, however early one came: as places turn over, a share stays free."""
    shares = Shares(64)
    wanting = [f"10.0.0.{number}" for number in range(noisy)]
    for one in wanting:  # the first takes half, the second half of what is left ...
        while shares.take(one):
            pass
    chance, out = random.Random(7), [one for one in wanting for _ in range(shares._held.get(one, 0))]
    for _ in range(2_000):
        shares.give_back(out.pop(chance.randrange(len(out))))
        chance.shuffle(wanting)
        out += [one for one in wanting if shares.take(one)]
    held = Counter(shares._held)
    free = shares.limit - shares.taken
    assert 2 * free >= max(held.values()) >= min(held.values()) > 0
    assert not any(shares.take(one) for one in wanting if held[one] >= free)
    assert shares.take("10.9.9.9")


def test_what_is_given_back_is_whole_again() -> None:
    """After any order of taking and giving nothing is left behind, and never is more out than there is."""
    chance, shares = random.Random(5), Shares(16)
    out: list[str] = []
    for _ in range(5_000):
        if out and chance.random() < 0.5:
            shares.give_back(out.pop(chance.randrange(len(out))))
        elif shares.take(whose := f"{chance.randrange(6)}"):
            out.append(whose)
        assert shares.taken == len(out) <= 16
    for one in out:
        shares.give_back(one)
    assert (shares.taken, len(shares)) == (0, 0)


def test_a_lane_turns_away_who_holds_too_much_and_lets_the_next_one_in() -> None:
    """The one is told why; the other has a place while half of the lane is full."""
    lane = Lane("test", places=4, threads=1, bytes_max=1)
    with lane.place(NOISY), lane.place(NOISY):
        with pytest.raises(Overloaded, match="your address"), lane.place(NOISY):
            pass
        full = pytest.raises(Overloaded, match="4 requests")
        with lane.place(QUIET), lane.place("127.0.0.4"), full, lane.place("127.0.0.5"):
            pass
    assert (lane.inside, lane.turned_away) == (0, 2)
    lane.close()


def test_those_who_give_way_are_of_the_address_that_is_waited_for_most() -> None:
    """The oldest of these; a slow client elsewhere stays, though it is older."""
    gave_way: list[str] = []
    patience = Patience(3)
    patience.begin(lambda: gave_way.append("quiet"), QUIET)
    for number in range(5):
        patience.begin(lambda number=number: gave_way.append(f"noisy {number}"), NOISY)  # type: ignore[misc]
    assert gave_way == ["noisy 0", "noisy 1", "noisy 2"]
    patience.end_all()
    assert sorted(gave_way[3:]) == ["noisy 3", "noisy 4", "quiet"]
    assert len(patience) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        (None, NOWHERE),
        ("unknown", NOWHERE),
        ("unknown too", NOWHERE),
    ],
)
def test_what_counts_as_one_client(address: str | None, counted: str) -> None:
    """An IPv6 customer is one, however many addresses they use; whoever has none shares with all such."""
    assert site(address) == counted


def test_a_proxy_is_one_that_is_listed() -> None:
    """By address or by network; a name is no address."""
    of = networks("127.0.0.1, 10.1.0.0/16,::1")
    assert among("10.1.200.3", of)
    assert among("::1", of)
    assert not among("10.2.0.1", of)
    assert not among("proxy.example", of)


@pytest.mark.parametrize(
    "proxies", ["*", "proxy.example", "10.1.0.1/16", "0.0.0.0/0", "::/0", "10.0.0.1;10.0.0.2"]
)
def test_a_server_does_not_start_that_would_believe_everybody(proxies: str) -> None:
    """What is no address is a fault, and so is the whole world."""
    with pytest.raises(Invalid, match="/server/proxies"):
        server_room.check(ServerSettings(behind_proxy=True, proxies=proxies))
    server_room.check(ServerSettings(behind_proxy=True, proxies="10.1.0.0/16, 192.0.2.1"))


# -- a real server, clients at several addresses


def head(path: str, token: str | None, *lines: str) -> bytes:
    """A request without a body."""
    whole = [f"GET {path} HTTP/1.1", "Host: here", f"Authorization: Bearer {token}", *lines, "", ""]
    return "\r\n".join(whole).encode()


@contextmanager
def crowd(server: Server, address: str, *requests: bytes, clients: int = CROWD) -> Iterator[Counter[bytes]]:
    """Clients at one address that ask again and again; afterwards how often each status came."""
    place, statuses, stop = urlsplit(server.url), Counter[bytes](), threading.Event()
    asking = itertools.cycle(requests)

    async def client() -> None:
        while not stop.is_set():
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                reader, writer = await asyncio.open_connection(
                    place.hostname, place.port, local_addr=(address, 0)
                )
                try:
                    while not stop.is_set():
                        writer.write(next(asking))
                        async with asyncio.timeout(PATIENCE_SECONDS):
                            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
                            length = next(one for one in lines if one.startswith(b"content-length:"))
                            await reader.readexactly(int(length.split(b":")[1]))
                        statuses[lines[0].split()[1]] += 1
                finally:
                    writer.close()
            await asyncio.sleep(0.01)

    async def all_of_them() -> None:
        await asyncio.gather(*(client() for _ in range(clients)))

    thread = threading.Thread(target=lambda: asyncio.run(all_of_them()))
    thread.start()
    time.sleep(1.0)  # until they are all there
    try:
        yield statuses
    finally:
        stop.set()
        thread.join(2 * PATIENCE_SECONDS)


def asked(server: Server, address: str, path: str, token: str | None, **headers: str) -> httpx.Response:
    """One request from ``address``."""
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(transport=transport, timeout=PATIENCE_SECONDS) as client:
        return client.get(server.url + path, headers={"Authorization": f"Bearer {token}", **headers})


def test_a_crowd_at_one_address_does_not_turn_others_away(server: Server, ada: Client) -> None:
    """A hundred clients want the readers' lane; those elsewhere find a place whenever they come."""
    request = head("/v1/interventions?q=latency", ada.line.token)
    with crowd(server, NOISY, request) as statuses:
        answers = [asked(server, QUIET, "/v1/interventions", ada.line.token).status_code for _ in range(15)]
    assert answers == [200] * 15
    assert statuses[b"503"] > 0
    assert statuses[b"200"] > 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Server]:
    """A server that may keep a hundred connections."""
    one = prepared(tmp_path)
    limited = f"import os, resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({FILES}, {FILES})); "
    limited += f"os.execv({str(BYHAND)!r}, ['byhand', 'serve', '--port', '0'])"
    one.process = subprocess.Popen(
        [sys.executable, "-c", limited], env=one.environment, stderr=subprocess.PIPE, text=True
    )
    assert one.process.stderr is not None
    one.url = next(match["url"] for line in one.process.stderr if (match := STARTED.search(line)))
    yield one
    assert one.stop() == 0, "".join(one.said)


def test_connections_of_one_address_leave_room_for_others(small: Server) -> None:
    """Though each of them has a request under way that never ends, and there are more than the server takes."""
    place = urlsplit(small.url)
    unending = (
        b"POST /v1/interventions HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer nobody\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    held: list[socket.socket] = []
    try:
        for _ in range(120):
            connection = socket.create_connection(
                (str(place.hostname), int(place.port or 0)), timeout=10, source_address=(NOISY, 0)
            )
            held.append(connection)
            with suppress(OSError):
                connection.sendall(unending)
        time.sleep(0.5)
        for address in (QUIET, "127.0.0.4", "127.0.0.5"):
            assert asked(small, address, "/healthz", None).status_code == 200
    finally:
        for connection in held:
            connection.close()


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Server]:
    """A server behind a proxy at 127.0.0.9, and no other."""
    one = prepared(tmp_path).start(BYHAND_SERVER__BEHIND_PROXY="true", BYHAND_SERVER__PROXIES="127.0.0.9")
    yield one
    assert one.stop() == 0, "".join(one.said)


def noted(server: Server, client: Client, text: str) -> str:
    """The address in the access record of the search for ``text``."""
    (row,) = client.desk.accesses(f'operation:search "{text}"').rows
    (entry,) = client.desk.show(row.id).entries
    (person,) = entry.people.values()
    return str(person["address"])


def test_an_address_is_believed_from_a_proxy_that_is_listed_and_from_nobody_else(proxied: Server) -> None:
    """What anybody else forwards counts for nothing; of a chain the last step that no proxy of ours made counts."""
    ada = signed_in(proxied.url, proxied.folder / "key")
    for number, (through, forwarded, counts) in enumerate(
        (
            ("127.0.0.9", "192.0.2.7", "192.0.2.7"),
            ("127.0.0.9", "203.0.113.5, 192.0.2.7", "192.0.2.7"),
            ("127.0.0.9", "203.0.113.5, 192.0.2.7, 127.0.0.9", "192.0.2.7"),
            ("127.0.0.2", "192.0.2.7", "127.0.0.2"),
            ("127.0.0.1", "192.0.2.7", "127.0.0.1"),
        )
    ):
        headers = {"X-Forwarded-For": forwarded}
        answer = asked(proxied, through, f"/v1/interventions?q=sought{number}", ada.line.token, **headers)
        assert answer.status_code == 200
        assert noted(proxied, ada, f"sought{number}") == counts
    ada.line.close()


def test_clients_behind_a_proxy_are_told_apart(proxied: Server) -> None:
    """A crowd at one of them turns only itself away, though all come over the proxy's connections."""
    ada = signed_in(proxied.url, proxied.folder / "key")
    request = head("/v1/interventions?q=latency", ada.line.token, "X-Forwarded-For: 192.0.2.7")
    with crowd(proxied, "127.0.0.9", request) as statuses:
        answers = [
            asked(proxied, "127.0.0.9", "/v1/points", ada.line.token, **{"X-Forwarded-For": "192.0.2.8"})
            for _ in range(5)
        ] + [
            asked(
                proxied, "127.0.0.9", "/v1/interventions", ada.line.token, **{"X-Forwarded-For": "192.0.2.8"}
            )
            for _ in range(10)
        ]
    assert [one.status_code for one in answers] == [200] * 15
    assert statuses[b"503"] > 0
    ada.line.close()


def test_a_long_answer_keeps_its_place_until_it_has_been_read(server: Server, ada: Client) -> None:
    """Whoever asks for exports and reads them slowly holds no more than the share of an address."""
    with ada.act("ACTIVE" if server.state() == "HALTED" else "HALTED") as act:
        server.state("ACTIVE" if server.state() == "HALTED" else "HALTED")
    assert act.outcome.result == "applied"
    place = urlsplit(server.url)
    request = head("/v1/export?rows=records&format=ndjson", ada.line.token)
    held: list[socket.socket] = []
    try:
        for _ in range(60):
            connection = socket.create_connection(
                (str(place.hostname), int(place.port or 0)), timeout=10, source_address=(NOISY, 0)
            )
            held.append(connection)
            connection.sendall(request)
        answers = [asked(server, QUIET, "/v1/interventions", ada.line.token).status_code for _ in range(5)]
        assert answers == [200] * 5
    finally:
        for connection in held:
            connection.close()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while 'byhand_lane_inside{lane="api"} 1.0' not in asked(server, QUIET, "/metrics", None).text:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_made_up_forwarded_address_gives_no_share_of_its_own(server: Server, ada: Client) -> None:
    """Without a proxy in the settings the header is nothing, however many addresses it invents."""
    invented = [
        head("/v1/interventions?q=latency", ada.line.token, f"X-Forwarded-For: 192.0.2.{number}")
        for number in range(200)
    ]
    with crowd(server, NOISY, *invented) as statuses:
        answers = [asked(server, QUIET, "/v1/interventions", ada.line.token).status_code for _ in range(5)]
    assert answers == [200] * 5
    assert statuses[b"503"] > 0
