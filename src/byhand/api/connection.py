# SPDX-License-Identifier: Apache-2.0
"""One client's connection: uvicorn's protocol, with an end to whatever a client may make the server wait for.

By itself it waits for ever on headers that never end, on answers that nobody reads, and keeps headers of any size.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from byhand import errors
from byhand.api import bodies, problems
from byhand.api.door import STRANGER_PAUSE_SECONDS
from byhand.api.patience import Patience
from byhand.api.shares import NOWHERE, Network, Shares, among, site

HEAD_BYTES_MAX = (
    32_768  # request line and headers: ours have hundreds of bytes, those of proxies some thousands
)
HEAD_SECONDS_MAX = 10.0  # from connection to whole headers; longer is a client that only holds a place
IDLE_SECONDS = 20  # between two requests of a kept connection
UNREAD_SECONDS_MAX = 10.0  # an answer that is not read for so long is read by nobody
CONNECTIONS_MAX = 4_096  # of all kinds; each costs some ten kilobytes
FILES_KEPT = 256  # files and sockets that the log, its readers and a restart need beside the connections
HEAD_TOO_LARGE = 431
INVALID = 400


@dataclass(slots=True)
class Connections:
    """How many there may be, of which an address holds no more than it leaves to the others.

    Those which are waited for, without a request under way, give way to new ones. A proxy's connections are
    everybody's: each counts as a client of its own.
    """

    shares: Shares = field(default_factory=lambda: Shares(CONNECTIONS_MAX))
    waiting: Patience = field(default_factory=lambda: Patience(CONNECTIONS_MAX // 2))
    proxies: tuple[Network, ...] = ()

    @classmethod
    def as_files_allow(cls, proxies: tuple[Network, ...] = ()) -> Connections:
        """As many as this process may have files open; asks the system for as many as it needs."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = CONNECTIONS_MAX + FILES_KEPT
        if soft < wanted and soft != resource.RLIM_INFINITY:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        limit = CONNECTIONS_MAX if soft == resource.RLIM_INFINITY else min(CONNECTIONS_MAX, soft - FILES_KEPT)
        return cls(Shares(limit), Patience(limit // 2), proxies)

    def whose(self, client: tuple[str, int] | None) -> str:
        """Whose a connection is."""
        host, port = client or (NOWHERE, 0)
        return f"{host} {port}" if self.proxies and among(host, self.proxies) else site(host)


class PatientConnection(HttpToolsProtocol):
    """See the module. No timer outlives its connection."""

    def __init__(self, *arguments: Any, limits: Connections, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._limits = limits
        self._whose: str | None = None
        self._waited_for: int | None = None
        self._impatience: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._under_way: RequestResponseCycle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client came: it has so long to say what it wants."""
        super().connection_made(transport)
        whose = self._limits.whose(self.client)
        if not self._limits.shares.take(whose):
            transport.abort()
            return
        self._whose = whose
        self._wait(HEAD_SECONDS_MAX)

    def data_received(self, data: bytes) -> None:
        """Something came; headers that do not end with it are counted."""
        began_earlier = self._in_head
        super().data_received(data)
        if began_earlier and self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """It said what it wants."""
        self._head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if self._head_bytes > HEAD_BYTES_MAX:
            raise errors.TooLarge(
                "these headers are too large"
            )  # which ends the parsing, by send_400_response
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it came."""
        super().on_message_complete()
        self.scope[bodies.IN_FULL] = True  # type: ignore[literal-required]

    def on_response_complete(self) -> None:
        """The next request of this connection has as long; an idle one is ended sooner, by ``IDLE_SECONDS``."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
            self._wait(HEAD_SECONDS_MAX + IDLE_SECONDS)

    def pause_writing(self) -> None:
        """The client does not read what it asked for."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS_MAX, self._give_up)

    def resume_writing(self) -> None:
        """It goes on reading."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """It went."""
        self._stop_waiting()
        self._tell_it_is_over()
        if self._unread is not None:
            self._unread.cancel()
        if self._whose is not None:
            self._limits.shares.give_back(self._whose)
            self._whose = None
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are not for clients
        """What came is no HTTP, or too much of it: the answer is a problem like any other, and the end."""
        failure, status = errors.Invalid("this is no HTTP request"), INVALID
        if self._head_bytes > HEAD_BYTES_MAX:
            failure = errors.TooLarge(f"the headers have more than {HEAD_BYTES_MAX} bytes")
            status = HEAD_TOO_LARGE
        answer = problems.problem(failure, status)
        head = [f"HTTP/1.1 {status} {failure.__class__.__name__}".encode(), *_lines(answer.raw_headers)]
        self._stop_waiting()
        self._tell_it_is_over()
        self.flow.pause_reading()
        refusal = b"\r\n".join([*head, b"connection: close", b"", bytes(answer.body)])
        self.loop.call_later(STRANGER_PAUSE_SECONDS, self._refuse, refusal)

    def _refuse(self, refusal: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(refusal)
            self.transport.close()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._waited_for = self._limits.waiting.begin(self._give_up, self._whose or NOWHERE)
        self._impatience = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waited_for is not None and self._impatience is not None:
            self._limits.waiting.end(self._waited_for)
            self._impatience.cancel()
            self._waited_for = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._under_way = cycle
        super()._start_asgi_task(cycle, app)

    def _tell_it_is_over(self) -> None:
        """Whatever is still being answered on this connection is answered to nobody."""
        if self._under_way is not None:
            self._under_way.disconnected = True
            self._under_way.message_event.set()

    def _give_up(self) -> None:
        self._stop_waiting()
        self._tell_it_is_over()
        if not self.transport.is_closing():
            self.transport.abort()


def _lines(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [name + b": " + value for name, value in headers]
