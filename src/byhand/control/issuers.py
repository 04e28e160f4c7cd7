# SPDX-License-Identifier: Apache-2.0
"""Where issuers are asked: who they say they are, their keys, and logins; every answer with an end.

Keys are kept. One that is not known is asked for at most once a minute, so nobody makes us ask more often by inventing
ids. When an issuer cannot be reached its keys are good for an hour more, and then nobody is taken at its word.
Whoever can answer in an issuer's name, over TLS that this machine trusts, can say who is signed in.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from byhand import clock
from byhand.control import oidc
from byhand.errors import Invalid, IssuerUnavailable, LoginRequired, NotFound, Refused
from byhand.records.credentials import token_digest
from byhand.settings import IssuerSettings, secured
from byhand.sinks.posting import ended_in_time

if TYPE_CHECKING:
    import httpx

KEYS_FRESH_SECONDS = 300  # as long a key that an issuer took back is still believed
KEYS_SECONDS_MAX = 3_600  # an issuer that is away for an hour: fail closed
REFETCH_SECONDS = 60  # between two questions because of an unknown key, or after one that failed
ANSWER_SECONDS_MAX = 5.0  # all of an answer; a person waits, and a place in a lane is taken
ANSWER_BYTES_MAX = 262_144  # the largest key sets of public issuers have some twenty kilobytes
KEYS_MAX = 64  # of one issuer at once
VERIFIED_SECONDS = (
    60  # a token that was verified is not computed anew; whether its person may act is asked anew
)
RENEWED_SECONDS = VERIFIED_SECONDS / 2  # at a door: so that what the event loop asks for is remembered still
VERIFIED_MAX = 4_096  # tokens at once; each is a pipeline that runs now
SECRET_BYTES_MAX = 4_096  # of a client's secret; longer is another file
DISCOVERY = "/.well-known/openid-configuration"
OK = 200

Document = Mapping[str, Any]
Monotonic = Callable[[], float]


@dataclass(slots=True)
class _Kept:
    """What is known of one issuer. ``at`` is this process's own time, which no clock moves."""

    metadata: Document | None = None
    keys: tuple[oidc.Key, ...] = ()
    at: float = float("-inf")
    asked: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class _Before:
    token: oidc.Verified
    at: float


class Issuers:
    """The issuers of one home. Thread-safe. May be slow where an issuer is asked."""

    def __init__(self, table: Mapping[str, IssuerSettings], monotonic: Monotonic = time.monotonic) -> None:
        self.table = table
        self._kept = {name: _Kept() for name in table}
        self._monotonic = monotonic
        self._before: OrderedDict[str, _Before] = OrderedDict()
        self._lock = threading.Lock()

    def settings(self, name: str, *kinds: str) -> IssuerSettings:
        """The issuer of that name; raises NotFound naming those there are."""
        found = self.table.get(name)
        if found is None or (kinds and found.kind not in kinds):
            there = ", ".join(sorted(one for one in self.table if not kinds or self.table[one].kind in kinds))
            raise NotFound(
                f"there is no issuer {name[:64]!r} for that here",
                advice=f"There are: {there}"
                if there
                else "See: docs/how-to/sign-in-with-an-identity-provider.md",
            )
        return found

    # -- tokens

    def remembers(self, token: str, *, within: float = VERIFIED_SECONDS) -> bool:
        """Whether the token was verified in the last seconds: then ``bearer`` asks nobody, and computes nothing."""
        return self._remembered(token_digest(token), within) is not None

    def _remembered(self, digest: str, within: float) -> oidc.Verified | None:
        with self._lock:
            before = self._before.get(digest)
        return before.token if before is not None and self._monotonic() - before.at < within else None

    def bearer(
        self, token: str, *, now: str | None = None, within: float = VERIFIED_SECONDS
    ) -> oidc.Verified:
        """What a token that somebody sent says; only of pipelines and workloads. Raises LoginRequired, Refused.

        A person's token is taken from its issuer alone, never from whoever sends one. ``within``: verified so
        many seconds ago is verified.
        """
        moment, digest = self._monotonic(), token_digest(token)
        before = self._remembered(digest, within)
        if before is not None:
            return _in_force(before, now or clock.now())
        found = self.verified(self._named(token), token, now=now)
        with self._lock:
            self._before[digest] = _Before(found, moment)
            self._before.move_to_end(digest)
            while len(self._before) > VERIFIED_MAX:
                self._before.popitem(last=False)
        return found

    def _named(self, token: str) -> str:
        """The issuer that the token says it is from, if machines of ours come from there."""
        claimed = oidc.issuer_of(token)
        for name, settings in self.table.items():
            if settings.url == claimed and settings.kind != "person":
                return name
        raise LoginRequired(
            "this token is from no issuer whose pipelines or workloads are known here",
            advice="Persons sign in with: byhand login. See [issuers.NAME] in docs/reference/settings.md",
        )

    def verified(
        self, name: str, token: str, *, nonce: str | None = None, now: str | None = None
    ) -> oidc.Verified:
        """What ``token`` of the issuer says; raises Refused, SharedAccount, IssuerUnavailable."""
        settings = self.settings(name)
        header = oidc.header_of(token, settings)
        key = oidc.key_for(header, self.keys(name))
        if key is None:
            key = oidc.key_for(header, self.keys(name, anew=True))
        if key is None:
            raise Refused(
                "the issuer's token is refused: it is signed by no key that the issuer has now",
                advice="Ask the issuer for a fresh one.",
            )
        return oidc.verify(token, key, name=name, settings=settings, now=now or clock.now(), nonce=nonce)

    # -- what an issuer publishes

    def keys(self, name: str, *, anew: bool = False) -> tuple[oidc.Key, ...]:
        """The issuer's keys; ``anew``: one is missing. Raises IssuerUnavailable."""
        kept = self._kept[name]
        with kept.lock:
            moment = self._monotonic()
            wanted = anew or moment - kept.at >= KEYS_FRESH_SECONDS
            if wanted and moment - kept.asked >= REFETCH_SECONDS:
                kept.asked = moment
                self._renew(name, kept)
            if self._monotonic() - kept.at >= KEYS_SECONDS_MAX:
                raise IssuerUnavailable(f"the keys of the issuer {name} are not known, or too old to go by")
            return kept.keys

    def _renew(self, name: str, kept: _Kept) -> None:
        """Ask for the keys; while they are not too old the ones known stay good."""
        try:
            keys = self._published(name, kept)
        except IssuerUnavailable:
            if self._monotonic() - kept.at >= KEYS_SECONDS_MAX:
                raise
            return
        kept.keys, kept.at = keys, self._monotonic()

    def _published(self, name: str, kept: _Kept) -> tuple[oidc.Key, ...]:
        settings = self.table[name]
        if settings.keys_file:
            return _usable(name, _object(name, _file(settings.keys_file)))
        kept.metadata = self._discovered(name)
        return _usable(name, self.ask(name, "GET", str(kept.metadata["jwks_uri"]))[1])

    def metadata(self, name: str) -> Document:
        """What the issuer says of itself; raises IssuerUnavailable."""
        kept = self._kept[name]
        self.keys(name)
        if kept.metadata is None:
            with kept.lock:
                kept.metadata = self._discovered(name)
        return kept.metadata

    def _discovered(self, name: str) -> Document:
        url = self.table[name].url
        status, document = self.ask(name, "GET", url.rstrip("/") + DISCOVERY)
        if status != OK or document.get("issuer") != url:
            raise IssuerUnavailable(f"what answers for the issuer {name} says that it is another")
        if not secured(str(document.get("jwks_uri", ""))):
            raise IssuerUnavailable(f"the issuer {name} has no keys that can be fetched safely")
        return document

    def endpoint(self, name: str, what: str) -> str:
        """The address that the issuer gives for ``what``; raises Refused when it has none that is safe."""
        address = self.metadata(name).get(what)
        if not isinstance(address, str) or not secured(address.partition("?")[0]):
            raise Refused(f"the issuer {name} offers no {what}", advice="Sign in with your own key.")
        return address

    # -- asking

    def secret(self, name: str) -> str | None:
        """The secret that byhand has at the issuer, read when it is used; raises Invalid."""
        file = self.table[name].client_secret_file
        if not file:
            return None
        try:
            data = Path(file).expanduser().read_bytes()[: SECRET_BYTES_MAX + 1]
            text = data.decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"the secret for the issuer {name} cannot be read from {file}") from error
        if not text or len(data) > SECRET_BYTES_MAX:
            raise Invalid(f"{file} holds no secret for the issuer {name}")
        return text

    def ask(
        self, name: str, method: str, url: str, form: Mapping[str, str] | None = None
    ) -> tuple[int, Document]:
        """Status and JSON of an answer; raises IssuerUnavailable. Redirects are not followed."""
        import httpx

        settings = self.table[name]
        secret = self.secret(name) if form is not None else None
        said = dict(form or {})
        if form is not None:
            said["client_id"] = settings.client_id
        try:
            # Without TLS there is nothing to verify: only this machine is asked so (settings.secured).
            context = _trusting(settings) if url.startswith("https:") else False
            login = httpx.BasicAuth(_encoded(settings.client_id), _encoded(secret)) if secret else None
            with (
                _Line() as line,
                ended_in_time(line.handle, ANSWER_SECONDS_MAX),
                httpx.Client(
                    verify=context,
                    timeout=ANSWER_SECONDS_MAX,
                    follow_redirects=False,
                    trust_env=url.startswith("https:"),  # no proxy is handed what is for this machine alone
                ) as client,
                client.stream(
                    method,
                    url,
                    data=said or None,
                    auth=login,
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                    extensions={"trace": line.follow},
                ) as answer,
            ):
                return answer.status_code, _object(name, _body(name, answer))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise IssuerUnavailable(f"the issuer {name} cannot be asked: {type(error).__name__}") from error


class _Line:
    """The one connection of a question, by a handle of its own: it can be cut whatever is under way, TLS too."""

    def __init__(self) -> None:
        self._handle: socket.socket | None = None
        self._late = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.close()

    def handle(self) -> socket.socket | None:
        """What to cut; asked for when the time is over. If there is none yet, none is used any more."""
        self._late = True
        return self._handle

    def follow(self, event: str, said: Mapping[str, Any]) -> None:
        """What httpx calls as a question goes its way."""
        if event.endswith(".connect_tcp.complete"):
            self._handle = said["return_value"].get_extra_info("socket").dup()
            if self._late:
                raise TimeoutError


def _body(name: str, answer: httpx.Response) -> bytes:
    body = bytearray()
    for part in answer.iter_raw():
        body += part
        if len(body) > ANSWER_BYTES_MAX:
            raise IssuerUnavailable(f"the issuer {name} answers too much")
    return bytes(body)


def _trusting(settings: IssuerSettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.ca_file or None)


def _usable(name: str, document: Document) -> tuple[oidc.Key, ...]:
    """Public keys with an id of their own. Of two with the same id neither is used; no secret ever is one."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise IssuerUnavailable(f"the issuer {name} publishes no keys, or more than {KEYS_MAX}")
    found = [key for key in listed if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP")]
    ids = [key.get("kid") for key in found]
    return tuple(key for key in found if ids.count(key.get("kid")) == 1)


def _object(name: str, data: bytes) -> Document:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IssuerUnavailable(f"the issuer {name} answers something else than JSON") from error
    if not isinstance(found, dict):
        raise IssuerUnavailable(f"the issuer {name} answers something else than an object")
    return found


def _file(path: str) -> bytes:
    try:
        with Path(path).expanduser().open("rb") as file:
            data = file.read(ANSWER_BYTES_MAX + 1)
    except OSError as error:
        raise IssuerUnavailable(f"the issuer's keys in {path} cannot be read: {error.strerror}") from error
    if len(data) > ANSWER_BYTES_MAX:
        raise IssuerUnavailable(f"{path} has more than {ANSWER_BYTES_MAX} bytes: these are no keys")
    return data


def _encoded(text: str) -> str:
    """RFC 6749, 2.3.1: id and secret are form-encoded before they are put together."""
    from urllib.parse import quote_plus

    return quote_plus(text)


def _in_force(token: oidc.Verified, now: str) -> oidc.Verified:
    if clock.after(token.expires, seconds=oidc.LEEWAY_SECONDS) <= now:
        raise Refused(
            "the issuer's token is refused: it has expired", advice="Ask the issuer for a fresh one."
        )
    if clock.after(token.issued, seconds=-oidc.LEEWAY_SECONDS) > now:
        raise Refused(
            "the issuer's token is refused: it is not in force yet; or the clock here is wrong",
            advice="Ask the issuer for a fresh one; if it is as new as can be, set the clock here.",
        )
    return token
