# SPDX-License-Identifier: Apache-2.0
"""What receives messages in tests: real sockets, real TLS, a real mail server; each may misbehave."""

from __future__ import annotations

import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server; ``status`` is what it answers, or the next of ``statuses``."""

    url: str = ""
    status: int = 204
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    taken: Callable[[], None] = lambda: None


@contextmanager
def receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a free port."""
    found = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.received.append(
                Received(self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            )
            found.taken()
            self.send_response(found.statuses.pop(0) if found.statuses else found.status)
            for name, text in found.headers.items():
                self.send_header(name, text)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the library asks for these names

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

        def get_request(self) -> Any:
            connection, address = self.socket.accept()
            if context is None:
                return connection, address
            try:
                return context.wrap_socket(connection, server_side=True), address
            except OSError:  # whoever called did not trust us, and hung up
                connection.close()
                raise

    server = Quiet(("127.0.0.1", 0), Handler)
    found.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def speaking(say: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server that does ``say`` with every connection; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with suppress(TimeoutError, OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5)
                    say(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        listener.close()


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate for ``name`` that vouches for itself, and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.now(UTC) - timedelta(days=1)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


def serving(chain: Path, key: Path) -> ssl.SSLContext:
    """TLS for a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


@dataclass
class Mailbox:
    """What a mail server took."""

    port: int = 0
    mails: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    refuse: str = ""

    async def handle_RCPT(  # noqa: N802 - the library asks for this name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the library asks for this name
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        from email import message_from_bytes, policy

        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, mail))  # type: ignore[arg-type]
        return "250 OK"


@contextmanager
def mailbox(**options: Any) -> Iterator[Mailbox]:
    """A mail server on a free port."""
    found = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        found.port = free.getsockname()[1]
    server = Controller(found, hostname="127.0.0.1", port=found.port, **options)
    server.start()
    try:
        yield found
    finally:
        server.stop()
        if not server.loop.is_closed():
            server.loop.close()
