# SPDX-License-Identifier: Apache-2.0
"""Runs the application: loopback unless told, TLS by files or behind a proxy, clients with an end, a stop in order."""

from __future__ import annotations

import asyncio
import functools
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from byhand import wiring
from byhand.api import logs
from byhand.api.app import Door, build
from byhand.api.connection import IDLE_SECONDS, Connections, PatientConnection
from byhand.api.lanes import Lanes
from byhand.api.shares import networks
from byhand.errors import Fault, Invalid, LogUnavailable
from byhand.settings import ServerSettings, is_loopback
from byhand.signatures import webauthn

CONNECTIONS_WAITING_MAX = 2_048  # in the kernel's queue, when thousands come back at once
SWITCH_SECONDS = 0.001  # Python's own five milliseconds are what the loop waits for each reader that computes


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
    try:
        proxies = networks(settings.proxies)
    except ValueError as error:
        proxies = ()
        faults.append(Fault("/server/proxies", str(error), "name addresses or networks, with commas between"))
    if any(one.prefixlen == 0 for one in proxies):
        what = "would believe everybody's word about where they come from"
        faults.append(Fault("/server/proxies", what, "name the proxies alone"))
    if settings.public_url:
        try:
            webauthn.host_of(settings.public_url)
        except Invalid as error:
            faults.append(Fault("/server/public_url", "is no address of pages", error.advice))
    if faults:
        raise Invalid("the server's settings are not safe", tuple(faults))


def origin_of(settings: ServerSettings, port: int) -> str:
    """Where people reach the pages: the setting, or localhost when only this machine is served, without TLS.

    Elsewhere it must be said: passkeys belong to a name, and what a client calls us is not believed.
    """
    plain = is_loopback(settings.host) and not settings.tls_certificate_file and not settings.behind_proxy
    return settings.public_url or (f"http://localhost:{port}" if plain else "")


def _tls_faults(settings: ServerSettings) -> list[Fault]:
    """Whether certificate and key are there, are such, and belong together."""
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings.tls_certificate_file, settings.tls_key_file)
    except OSError as error:  # ssl.SSLError is one
        advice = "name the files of a certificate chain and of its key, in PEM"
        return [Fault("/server/tls_certificate_file", f"cannot be used: {error.strerror or error}", advice)]
    return []


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
    pages: Sequence[Door] = (),
) -> None:
    """Serve ``home`` and its ``pages`` until the process is told to stop (SIGTERM, SIGINT); ``started`` hears the URL.

    At the stop nobody new is let in, requests that began end, and the home is closed.
    """
    check(settings)
    listening = listen(settings)
    scheme = "https" if settings.tls_certificate_file else "http"
    host, port = listening.getsockname()[:2]
    app = build(home, watch=watch, origin=origin_of(settings, port), pages=pages)
    proxies = networks(settings.proxies) if settings.behind_proxy else ()
    limits = Connections.as_files_allow(proxies)
    config = uvicorn.Config(
        app,
        http=functools.partial(PatientConnection, limits=limits),  # type: ignore[arg-type]
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="error",  # what clients send wrongly is told to them; it must not fill this log
        backlog=CONNECTIONS_WAITING_MAX,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=settings.stop_seconds,
        server_header=False,
        date_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips=[str(one) for one in proxies],
        ssl_certfile=settings.tls_certificate_file or None,
        ssl_keyfile=settings.tls_key_file or None,
        ws="none",
    )
    lanes: Lanes = app.state.house.lanes
    server = _Server(
        config, lanes, lambda: started(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    with logs.writing(), asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve([listening]))


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens."""

    def __init__(self, config: uvicorn.Config, lanes: Lanes, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._lanes = lanes
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in order: no half a request is waited for, and whoever has not read an answer by then goes without."""
        for lane in self._lanes.all:
            lane.bodies.end_all()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if isinstance(connection, PatientConnection):
                connection.transport.abort()
        await asyncio.sleep(0)
