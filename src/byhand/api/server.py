# SPDX-License-Identifier: Apache-2.0
"""Runs the application: loopback unless told, TLS by files or behind a proxy, clients with an end, a stop in order."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from byhand import wiring
from byhand.api.app import build
from byhand.errors import Fault, Invalid, LogUnavailable
from byhand.settings import ServerSettings

FIRST_REQUEST_SECONDS = 10.0  # from connection to whole headers; longer is a client that only holds a place
IDLE_SECONDS = 20  # between two requests of a kept connection
CONNECTIONS_WAITING_MAX = 2_048  # in the kernel's queue, when thousands come back at once
PROXY = "127.0.0.1,::1"  # whose word about a client's address counts, when there is a proxy


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself waits for ever on a client that never ends its headers."""

    def connection_made(self, transport: Any) -> None:
        """A client came: it has so long to say what it wants."""
        super().connection_made(transport)
        self._impatience = self.loop.call_later(FIRST_REQUEST_SECONDS, self._give_up)

    def on_headers_complete(self) -> None:
        """It said it."""
        self._impatience.cancel()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The next request of this connection has as long; an idle one is ended sooner, by ``IDLE_SECONDS``."""
        super().on_response_complete()
        self._impatience.cancel()
        self._impatience = self.loop.call_later(FIRST_REQUEST_SECONDS + IDLE_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """It went."""
        self._impatience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def check(settings: ServerSettings) -> None:
    """Raise Invalid where acts and tokens would cross a network in the clear."""
    faults = []
    if bool(settings.tls_certificate_file) != bool(settings.tls_key_file):
        faults.append(Fault("/server/tls_key_file", "certificate and key go together", "set both files"))
    elif settings.tls_certificate_file:
        faults += _tls_faults(settings)
    secured = settings.tls_certificate_file or settings.behind_proxy
    if not is_loopback(settings.host) and not secured:
        advice = "set server.tls_certificate_file and tls_key_file, or server.behind_proxy"
        faults.append(Fault("/server/host", "is no loopback address, and there is no TLS", advice))
    if faults:
        raise Invalid("the server's settings are not safe", tuple(faults))


def _tls_faults(settings: ServerSettings) -> list[Fault]:
    """Whether certificate and key are there, are such, and belong together."""
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings.tls_certificate_file, settings.tls_key_file)
    except OSError as error:  # ssl.SSLError is one
        advice = "name the files of a certificate chain and of its key, in PEM"
        return [Fault("/server/tls_certificate_file", f"cannot be used: {error.strerror or error}", advice)]
    return []


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(settings: ServerSettings) -> socket.socket:
    """The listening socket; raises LogUnavailable when the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise LogUnavailable(
            f"{settings.host} port {settings.port} cannot be listened on: {error.strerror}",
            advice="Choose another: --port, or server.port.",
        ) from error
    return listening


def serve(
    home: wiring.Home,
    settings: ServerSettings,
    *,
    started: Callable[[str], None],
    watch: bool = True,
) -> None:
    """Serve ``home`` until the process is told to stop (SIGTERM, SIGINT); ``started`` hears the URL.

    At the stop nobody new is let in, requests that began end, and the home is closed.
    """
    check(settings)
    listening = listen(settings)
    scheme = "https" if settings.tls_certificate_file else "http"
    host, port = listening.getsockname()[:2]
    config = uvicorn.Config(
        build(home, watch=watch),
        http=PatientProtocol,
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_level="warning",
        backlog=CONNECTIONS_WAITING_MAX,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=settings.stop_seconds,
        server_header=False,
        date_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips=PROXY,
        ssl_certfile=settings.tls_certificate_file or None,
        ssl_keyfile=settings.tls_key_file or None,
        ws="none",
    )
    server = _Server(config, lambda: started(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"))
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve([listening]))


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the server in order; that is how it is meant to end, so the exit code is 0."""
        earlier = {sign: signal.signal(sign, self.handle_exit) for sign in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for sign, handler in earlier.items():
                signal.signal(sign, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._listening()
