# SPDX-License-Identifier: Apache-2.0
"""byhand behind a URL: the same gate and desk as in this process, with retries that cannot double an act.

Every request that changes something carries its own idempotency key, the id of the record or of the attempt, so
the same request may be sent again: it gets the answer that was lost. What no answer came to in the end may have
been recorded or not, and is raised as OutcomeUnknown: nothing may be done on it.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from byhand.client.contract import (
    Attempt,
    Challenge,
    Concluded,
    Declared,
    DeclareRequest,
    Identity,
    LoginRequest,
    PermitRequest,
    Permitted,
    PointView,
    Receipt,
    SignedIn,
)
from byhand.client.desk import Changes, Found, LogIdentity, Shown
from byhand.errors import (
    ByhandError,
    Fault,
    Invalid,
    LogUnavailable,
    OutcomeUnknown,
    Overloaded,
    rebuilt,
)
from byhand.records import parts
from byhand.records.base import Part
from byhand.records.intervention import Declaration
from byhand.records.kinds import Outcome

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 3.0  # a server in reach answers at once; a person waits at a terminal
ANSWER_SECONDS = 15.0  # a permit may wait for an anchored checkpoint, a search for an index that catches up
PAUSES_SECONDS = (0.1, 0.4, 1.0, 2.0)  # between tries: a restart of the server takes some two seconds
ANSWER_BYTES_MAX = 64 * 1024 * 1024  # the largest bundle that a desk hands out; more is no answer of ours
PROBLEM = "application/problem+json"
PROBLEM_TYPE = "https://byhand.dev/problems/"
NO_ANSWER = frozenset({502, 503, 504})
DECLARATION = "/declaration"

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
        return _decoded(self.ask("GET", path, words=words).body, kind)

    def post(self, path: str, body: Part | None, kind: type[PartType]) -> PartType:
        """POST a part, again and again until an answer comes; returns the part answered."""
        return _decoded(self.ask("POST", path, body=body).body, kind)

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
            raise LogUnavailable(f"{self.url} cannot be reached: {error}", advice=_REACH) from error
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
            return LogUnavailable(what, advice=_REACH)
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
    if split.scheme == "http" and not _loopback(split.hostname):
        fault = Fault("/url", "would send tokens in the clear", "use https://")
        raise Invalid("this server's URL is not safe", (fault,))
    return url.rstrip("/")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked(status: int, media: str, body: bytes, method: str) -> Answer:
    """An answer that is none of success is raised as what it is."""
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
        return Answer(status, body)
    if media.startswith(PROBLEM):
        raise _problem(body)
    what = f"the server, or something before it, answered {status}"
    if status in NO_ANSWER and method != "GET":
        raise OutcomeUnknown(f"{what}. Whether it was recorded is not known")
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
    listed = "".join(f"\n  - {fault}" for fault in faults)
    return rebuilt(code, message + listed, advice=advice, faults=faults)


def _decoded(body: bytes, kind: type[PartType]) -> PartType:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise LogUnavailable(
            f"the server's answer is not of its form: {error}", advice="Is it of this byhand's version?"
        ) from error


class HttpBackend:
    """See ``byhand.client.contract.Backend``."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._origin: str | None = None

    @property
    def origin(self) -> str:
        """The log's name, as the server claims it; whoever remembers the log compares."""
        if self._origin is None:
            self._origin = self._line.get("/v1/log", LogIdentity).origin
        return self._origin

    def identity(self) -> Identity:
        """The signed-in person."""
        return self._line.get("/v1/identity", Identity)

    def point(self, name: str) -> PointView:
        """The registered point."""
        return self._line.get(f"/v1/points/{quote(name, safe='')}", PointView)

    def target(self, action: str, system: str, type_: str, id_: str, field: str) -> PointView:
        """The view of an unregistered target."""
        words = {"action": action, "system": system, "type": type_, "id": id_, "field": field}
        return self._line.get("/v1/targets", PointView, **words)

    def declare(self, declaration: Declaration, statement: str | None) -> Declared:
        """Record the intent."""
        wanted = DeclareRequest(declaration=declaration, statement=statement)
        try:
            return self._line.post("/v1/interventions", wanted, Declared)
        except Invalid as error:
            raise _without(DECLARATION, error) from error

    def permit(self, intervention: str, redeem: Attempt | None = None) -> Permitted:
        """Issue the permit."""
        return self._line.post(_place(intervention, "permit"), PermitRequest(redeem=redeem), Permitted)

    def redeem(self, intervention: str, attempt: Attempt) -> Permitted:
        """Use the permit."""
        return self._line.post(_place(intervention, "redemption"), attempt, Permitted)

    def conclude(self, intervention: str, outcome: Outcome) -> Concluded:
        """Record how it ended."""
        return self._line.post(_place(intervention, "outcome"), outcome, Concluded)

    def receipt(self, record: str) -> Receipt:
        """The receipt of a record."""
        return self._line.get(f"/v1/records/{quote(record, safe='')}/proof", Receipt, exact="true")

    def close(self) -> None:
        """Give back connections."""
        self._line.close()


def _place(intervention: str, what: str) -> str:
    return f"/v1/interventions/{quote(intervention, safe='')}/{what}"


def _without(place: str, error: Invalid) -> Invalid:
    """Faults that point into what was handed in here, not into the request that carried it."""
    faults = tuple(Fault(one.pointer.removeprefix(place), one.message, one.advice) for one in error.faults)
    return Invalid(str(error).partition("\n")[0], faults, advice=error.advice)


class HttpDesk:
    """See ``byhand.client.desk.Desk``."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def resolve(self, text: str) -> str:
        """The full id of a beginning."""
        return self._line.get(f"/v1/ids/{quote(text, safe='')}", _Resolved).id

    def show(self, text: str, *, reason: str | None = None) -> Shown:
        """Everything recorded about it."""
        return self._line.get(f"/v1/records/{quote(text, safe='')}", Shown, why=reason)

    def search(self, query: str, *, limit: int = 50, before: int | None = None) -> Found:
        """Interventions that match."""
        return self._line.get("/v1/interventions", Found, q=query, limit=limit, cursor=before)

    def diff(self, text: str) -> Changes:
        """Where the values differ."""
        return self._line.get(f"/v1/interventions/{quote(text, safe='')}/differences", Changes)

    def export(self, query: str, *, rows: str = "interventions", form: str = "csv") -> Iterator[str]:
        """Lines of an export."""
        return self._line.stream("/v1/export", q=query, rows=rows, format=form)

    def evidence(self, text: str, *, persons: bool = False, reason: str | None = None) -> bytes:
        """The bundle."""
        words = {"persons": "true" if persons else None, "why": reason}
        return self._line.ask("GET", f"/v1/interventions/{quote(text, safe='')}/evidence", words=words).body

    def prove(self, text: str) -> Receipt:
        """The receipt of a record, or of an intervention's latest."""
        return self._line.get(f"/v1/records/{quote(text, safe='')}/proof", Receipt)

    def identity_of_log(self) -> LogIdentity:
        """Name, keys and officers."""
        return self._line.get("/v1/log", LogIdentity)

    def checkpoint(self) -> bytes:
        """Signed and anchored now."""
        return self._line.ask("POST", "/v1/log/checkpoint").body

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The proof between two sizes."""
        proof = self._line.get("/v1/log/consistency", _Consistency, old=old, new=new)
        return [bytes.fromhex(one) for one in proof.hashes]


class _Resolved(Part, kw_only=True):
    id: str


class _Consistency(Part, kw_only=True):
    old: int
    new: int
    hashes: tuple[str, ...]


def challenge(line: Line) -> Challenge:
    """Something fresh to sign."""
    return line.post("/v1/login/challenge", None, Challenge)


def login(line: Line, statement: str) -> SignedIn:
    """Answer a challenge; the line carries the token from then on."""
    signed_in = line.post("/v1/login", LoginRequest(statement=statement), SignedIn)
    line.token = signed_in.token
    return signed_in


def logout(line: Line) -> None:
    """End the session."""
    line.ask("DELETE", "/v1/login")
    line.token = None
