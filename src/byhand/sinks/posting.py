# SPDX-License-Identifier: Apache-2.0
"""One POST over HTTPS to a link that may be a secret: bounded in time and bytes, certificates checked, no redirects.

The other side may be slow, endless or hostile: what it answers beyond its status is never read, and never shown.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from byhand.errors import Fault, Invalid, NotDelivered
from byhand.settings import is_loopback
from byhand.sinks.contract import SEND_SECONDS_MAX, Place

STEP_SECONDS_MAX = 5.0  # one step of a connection: servers in reach take a fraction of it
CUT_AGAIN_SECONDS = 0.1  # between looks at what was late to connect: short beside the bound itself
LINK_LENGTH_MAX = 2_048  # characters; the links of chats have about two hundred
RETRY_AFTER_SECONDS_MAX = 300  # whoever asks to be left alone for longer is asked again after that
AGAIN = frozenset({408, 425, 429})  # of the answers that refuse, those that may be others later
TAKEN = range(200, 300)
REFUSES = range(400, 500)
SERVER_NAME = "byhand"


@dataclass(frozen=True, slots=True)
class Link:
    """Where to post; its path may be the secret itself."""

    host: str
    port: int | None
    path: str = field(repr=False)
    secure: bool = True
    context: ssl.SSLContext | None = field(default=None, repr=False)


def link_at(place: Place) -> Link:
    """The link in ``place``; raises Invalid for what is none, or would send it in the clear."""
    text = place.fields.get("link", "")
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError:
        split, port = SplitResult("", "", "", "", ""), None
    complaint = _complaint(text, split)
    if complaint is not None:
        raise Invalid(f"the destination {place.name} cannot be used", (Fault("/link", *complaint),))
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    secure = split.scheme == "https"
    return Link(split.hostname or "", port, path, secure, trusting(place.certificates) if secure else None)


def _complaint(text: str, split: SplitResult) -> tuple[str, str] | None:
    advice = "copy the whole link again: https://..."
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > LINK_LENGTH_MAX:
        return "is no link", advice
    if split.scheme not in ("https", "http") or not split.hostname or "@" in split.netloc or split.fragment:
        return "is no link of the form https://HOST/PATH", advice
    if split.scheme == "http" and not is_loopback(split.hostname):
        return "would be sent in the clear", "use https://"
    return None


def trusting(certificates: str) -> ssl.SSLContext:
    """What checks the other side's certificate and name; raises Invalid when the file holds no certificates."""
    try:
        return ssl.create_default_context(cafile=certificates or None)
    except OSError as error:
        what = "name a file of certificates in PEM"
        fault = Fault("/notify/certificates_file", f"cannot be read: {type(error).__name__}", what)
        raise Invalid("no certificate can be checked", (fault,)) from error


def post(link: Link, body: bytes, headers: Mapping[str, str]) -> None:
    """POST ``body``; returns when the other side says that it took it. Raises NotDelivered."""
    connection = _connection(link)
    try:
        with ended_in_time(lambda: connection.sock):
            connection.request("POST", link.path, body, {**headers, "User-Agent": SERVER_NAME})
            with closing(connection.getresponse()) as answer:
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        _judge(status, retry_after)
    except ssl.SSLCertVerificationError as error:
        raise NotDelivered(f"its certificate is not trusted: {error.verify_message}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        # The error's own text may repeat what the other side sent.
        raise NotDelivered(f"no answer came: {type(error).__name__}") from error
    finally:
        connection.close()


def _connection(link: Link) -> http.client.HTTPConnection:
    if link.secure:
        return http.client.HTTPSConnection(
            link.host, link.port, timeout=STEP_SECONDS_MAX, context=link.context
        )
    return http.client.HTTPConnection(link.host, link.port, timeout=STEP_SECONDS_MAX)


def _judge(status: int, retry_after: str) -> None:
    """Raise NotDelivered unless ``status`` says that it was taken."""
    if status in TAKEN:
        return
    seconds = int(retry_after) if retry_after.isascii() and retry_after.isdecimal() else 0
    for_good = (status in REFUSES and status not in AGAIN) or status not in range(400, 600)
    raise NotDelivered(
        f"it answered {status}", for_good=for_good, after_seconds=min(seconds, RETRY_AFTER_SECONDS_MAX)
    )


@contextmanager
def ended_in_time(
    connected: Callable[[], socket.socket | None], seconds: float = SEND_SECONDS_MAX
) -> Iterator[None]:
    """Cut the connection when all of it takes longer than ``seconds``, whatever trickles in meanwhile.

    Raises TimeoutError then, also where what had come so far looks like an answer.
    """
    over, done = threading.Event(), threading.Event()

    def cut() -> None:
        if done.wait(seconds):
            return
        over.set()
        while not done.is_set():  # what is connected only now is cut as well
            found = connected()
            if found is not None:
                with suppress(OSError):
                    socket.socket.shutdown(found, socket.SHUT_RDWR)
            done.wait(CUT_AGAIN_SECONDS)

    threading.Thread(target=cut, name="byhand-cut", daemon=True).start()
    try:
        yield
    finally:
        done.set()
    if over.is_set():
        raise TimeoutError
