# SPDX-License-Identifier: Apache-2.0
"""The connection to a server: requests that may be repeated, answers with an end, errors as what they are.

Every request that changes something carries its own idempotency key, the id of the record or of the attempt, so
the same request may be sent again: it gets the answer that was lost. What no answer came to in the end may have
been recorded or not, and is raised as OutcomeUnknown: nothing may be done on it.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from byhand.errors import (
    ByhandError,
    Fault,
    Invalid,
    LoginTooWeak,
    LogUnavailable,
    OutcomeUnknown,
    Overloaded,
    Unreachable,
    code_of,
    rebuilt,
)
from byhand.records import parts
from byhand.records.base import Part
from byhand.settings import is_loopback

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 3.0  # a server in reach answers at once; a person waits at a terminal
ANSWER_SECONDS = 15.0  # a permit may wait for an anchored checkpoint, a search for an index that catches up
PAUSES_SECONDS = (0.1, 0.4, 1.0, 2.0)  # between tries: a restart of the server takes some two seconds
ANSWER_BYTES_MAX = 64 * 1024 * 1024  # the largest bundle that a desk hands out; more is no answer of ours
PROBLEM = "application/problem+json"
PROBLEM_TYPE = "https://byhand.dev/problems/"
NO_ANSWER = frozenset({502, 503, 504})

PartType = TypeVar("PartType", bound=Part)


class Answer(NamedTuple):
    """What a server said."""

    status: int
    body: bytes


class Line:
    """The connection to one server. Thread-safe; a forked process makes its own."""

    def __init__(self, url: str, token: str | None = None, *, on_behalf_of: str | None = None) -> None:
        """``on_behalf_of``: the account (``issuer:account``) for whose person a workload uses a permit."""
        self.url = checked(url)
        self.token = token
        self.on_behalf_of = on_behalf_of
        self._client: httpx.Client | None = None

    def client(self) -> httpx.Client:
        """The connections, opened at first use."""
        if self._client is None:
            import httpx

            self._client = httpx.Client(
                base_url=self.url,
                timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                follow_redirects=False,  # a token goes to the server that was named, and nowhere else
                verify=ssl.create_default_context(),
            )
        return self._client

    def get(self, path: str, kind: type[PartType], **words: str | int | None) -> PartType:
        """GET a part."""
        return decoded(self.ask("GET", path, words=words).body, kind)

    def post(self, path: str, body: Part | None, kind: type[PartType]) -> PartType:
        """POST a part, again and again until an answer comes; returns the part answered."""
        return decoded(self.ask("POST", path, body=body).body, kind)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Part | None = None,
        words: Mapping[str, str | int | None] | None = None,
    ) -> Answer:
        """The server's answer to a request that may be repeated; raises what the server names.

        1 it is tried until an answer comes that is no "come back later"; 2 a connection that was never made left
        nothing behind: LogUnavailable; 3 one that broke may have: OutcomeUnknown when something was to be changed.
        """
        content = parts.encode_part(body) if body is not None else None
        asked = {name: str(word) for name, word in (words or {}).items() if word is not None}
        failure: ByhandError | None = None
        for pause in (*PAUSES_SECONDS, None):
            try:
                return self._once(method, path, content, asked)
            except Overloaded as error:
                failure = error  # the server said itself that nothing was recorded
            except OutcomeUnknown as error:
                failure = error
            except LogUnavailable as error:
                # Once an earlier try may have got through, that this one did not says nothing about it.
                failure = failure if isinstance(failure, OutcomeUnknown) else error
            if pause is not None:
                time.sleep(pause)
        if failure is None:  # pragma: no cover - the loop ends by an answer or with a failure
            raise LogUnavailable("nothing was asked")
        raise failure

    def _once(self, method: str, path: str, content: bytes | None, words: Mapping[str, str]) -> Answer:
        import httpx

        headers = self._headers()
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self.client().stream(method, path, content=content, params=words, headers=headers) as answer:
                body = self._body(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(f"{self.url} cannot be reached: {error}") from error
        except httpx.HTTPError as error:
            raise self._broken(method, error) from error
        return _checked(answer.status_code, answer.headers.get("content-type", ""), body, method)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.on_behalf_of is not None:
            headers["Byhand-On-Behalf-Of"] = self.on_behalf_of
        return headers

    def _body(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        for part in answer.iter_raw():
            body += part
            if len(body) > ANSWER_BYTES_MAX:
                raise LogUnavailable(f"{self.url} sends more than {ANSWER_BYTES_MAX} bytes")
        return bytes(body)

    def _broken(self, method: str, error: Exception) -> LogUnavailable:
        what = f"{self.url} did not answer: {type(error).__name__}"
        if method == "GET":
            return Unreachable(what)
        return OutcomeUnknown(f"{what}. Whether it was recorded is not known")

    def stream(self, path: str, **words: str) -> Iterator[str]:
        """The lines of a long answer, as they come; raises what the server names."""
        import httpx

        try:
            with self.client().stream("GET", path, params=words, headers=self._headers()) as answer:
                if answer.status_code != httpx.codes.OK:
                    _checked(answer.status_code, answer.headers.get("content-type", ""), answer.read(), "GET")
                yield from answer.iter_text()
        except httpx.HTTPError as error:
            raise self._broken("GET", error) from error

    def close(self) -> None:
        """Give back connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


_REACH = "Nothing was recorded and nothing may be done. Check the URL, or ask whoever runs the server."


def checked(url: str) -> str:
    """``url`` without its last slash; raises Invalid where tokens would cross a network in the clear."""
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname or split.username or split.query:
        raise Invalid("this is no server's URL", (Fault("/url", "is no http(s)://HOST[:PORT]"),))
    if split.scheme == "http" and not is_loopback(split.hostname):
        fault = Fault("/url", "would send tokens in the clear", "use https://")
        raise Invalid("this server's URL is not safe", (fault,))
    return url.rstrip("/")


def _checked(status: int, media: str, body: bytes, method: str) -> Answer:
    """An answer that is none of success is raised as what it is."""
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
        return Answer(status, body)
    if media.startswith(PROBLEM):
        raise _problem(body)
    what = f"the server, or something before it, answered {status}"
    if status in NO_ANSWER:
        if method != "GET":
            raise OutcomeUnknown(f"{what}. Whether it was recorded is not known")
        raise Unreachable(what)
    raise LogUnavailable(what, advice=_REACH)


def _problem(body: bytes) -> ByhandError:
    """The error in a problem document (RFC 9457), as if it had been raised here."""
    try:
        document: dict[str, Any] = json.loads(body)
        code = str(document["type"]).removeprefix(PROBLEM_TYPE)
        faults = tuple(
            Fault(str(one["pointer"]), str(one["message"]), str(one.get("advice", "")))
            for one in document.get("faults", ())
        )
        message, advice = str(document["detail"]), str(document.get("advice", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return LogUnavailable(
            f"the server's answer is not of its form: {type(error).__name__}", advice=_REACH
        )
    if code == code_of(Unreachable):
        code = code_of(LogUnavailable)  # somebody answered: nobody who answers is out of reach
    listed = "".join(f"\n  - {fault}" for fault in faults)
    named = rebuilt(code, message + listed, advice=advice, faults=faults)
    if isinstance(named, LoginTooWeak):
        max_age, acr_values = document.get("max_age"), document.get("acr_values", ())
        named.max_age = max_age if isinstance(max_age, int) else None
        named.acr_values = tuple(str(one) for one in acr_values) if isinstance(acr_values, list) else ()
    return named


def decoded(body: bytes, kind: type[PartType]) -> PartType:
    """The part in an answer; raises LogUnavailable when there is another thing in it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise LogUnavailable(
            f"the server's answer is not of its form: {error}", advice="Is it of this byhand's version?"
        ) from error
