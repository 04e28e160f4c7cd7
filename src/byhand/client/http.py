# SPDX-License-Identifier: Apache-2.0
"""byhand behind a URL: the same gate and desk as in this process, with retries that cannot double an act."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from byhand.client.contract import (
    Acknowledgement,
    ApprovalRequest,
    Approvals,
    Asked,
    Attempt,
    Challenge,
    Circles,
    Concluded,
    Declared,
    DeclareRequest,
    DeviceAsked,
    DeviceLogin,
    DeviceRequest,
    DeviceWaits,
    FindingRequest,
    Identity,
    Inbox,
    IssuerNames,
    LoginRequest,
    PasskeyEnrolment,
    PasskeyWaiting,
    PermitRequest,
    Permitted,
    PointView,
    PolicyView,
    Receipt,
    RunbookRow,
    Runbooks,
    SignedIn,
    SpoolAnswers,
    SpoolBatch,
)
from byhand.client.desk import (
    Accesses,
    Changes,
    Facets,
    Found,
    FoundFindings,
    Intended,
    LogIdentity,
    Shown,
    Timeline,
)
from byhand.client.line import Line, decoded
from byhand.errors import Fault, Invalid, LoginPending
from byhand.records.base import Part
from byhand.records.circles import Circle
from byhand.records.intervention import Declaration
from byhand.records.kinds import Outcome

WAITING = 202
DECLARATION = "/declaration"


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

    def policy(self) -> PolicyView:
        """The policies in force."""
        return self._line.get("/v1/policy", PolicyView)

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

    def decide(self, intervention: str, request: ApprovalRequest) -> Acknowledgement:
        """Record a signed decision."""
        return self._line.post(_place(intervention, "approvals"), request, Acknowledgement)

    def permit(self, intervention: str, redeem: Attempt | None = None) -> Permitted:
        """Issue the permit."""
        return self._line.post(_place(intervention, "permit"), PermitRequest(redeem=redeem), Permitted)

    def redeem(self, intervention: str, attempt: Attempt) -> Permitted:
        """Use the permit."""
        return self._line.post(_place(intervention, "redemption"), attempt, Permitted)

    def conclude(self, intervention: str, outcome: Outcome) -> Concluded:
        """Record how it ended."""
        return self._line.post(_place(intervention, "outcome"), outcome, Concluded)

    def send_spool(self, lines: Sequence[str]) -> SpoolAnswers:
        """Record what was spooled, line by line; may be sent again as it is."""
        return self._line.post("/v1/spool", SpoolBatch(lines=tuple(lines)), SpoolAnswers)

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

    def __init__(self, line: Line, *, veiled: bool = False) -> None:
        self._line = line
        self._view = {"pseudonyms": "true"} if veiled else {}

    def veiled(self) -> HttpDesk:
        """The same desk, which shows persons under their pseudonyms."""
        return HttpDesk(self._line, veiled=True)

    def inbox(self) -> Inbox:
        """What waits for one's approval."""
        return self._line.get("/v1/inbox", Inbox)

    def approvals(self, text: str) -> Approvals:
        """What is to be signed, and who decided what."""
        return self._line.get(_place(text, "approvals"), Approvals)

    def resolve(self, text: str) -> str:
        """The full id of a beginning."""
        return self._line.get(f"/v1/ids/{quote(text, safe='')}", _Resolved).id

    def show(self, text: str, *, reason: str | None = None) -> Shown:
        """Everything recorded about it."""
        return self._line.get(f"/v1/records/{quote(text, safe='')}", Shown, why=reason, **self._view)

    def search(self, query: str, *, limit: int = 50, before: int | None = None) -> Found:
        """Interventions that match."""
        return self._line.get("/v1/interventions", Found, q=query, limit=limit, cursor=before, **self._view)

    def accesses(self, query: str, *, limit: int = 50, before: int | None = None) -> Accesses:
        """Who read what."""
        return self._line.get("/v1/access", Accesses, q=query, limit=limit, cursor=before, **self._view)

    def findings(
        self, query: str, *, limit: int = 50, before: int | None = None, reason: str | None = None
    ) -> FoundFindings:
        """What was concluded."""
        words = {"limit": limit, "cursor": before, "why": reason}
        return self._line.get("/v1/findings", FoundFindings, q=query, **words, **self._view)

    def facets(self, query: str) -> Facets:
        """How many match, and by what."""
        return self._line.get("/v1/facets", Facets, q=query, **self._view)

    def timeline(
        self,
        query: str,
        *,
        around: str | None = None,
        window: str | None = None,
        limit: int = 50,
        before: int | None = None,
        newest_first: bool = False,
        reason: str | None = None,
        live: bool = False,
    ) -> Timeline:
        """Acts in the order of time."""
        newest, looked = "true" if newest_first else None, "true" if live else None
        words = {
            "around": around,
            "window": window,
            "limit": limit,
            "cursor": before,
            "newest_first": newest,
            "live": looked,
        }
        return self._line.get("/v1/timeline", Timeline, q=query, why=reason, **words, **self._view)

    def intended(self, intervention: str) -> Intended:
        """One's own intent."""
        return self._line.get(_place(intervention, "intent"), Intended)

    def conclude_afterwards(self, finding: FindingRequest) -> Acknowledgement:
        """A correction beside the original, or hindsight."""
        return self._line.post("/v1/findings", finding, Acknowledgement)

    def diff(self, text: str, *, reason: str | None = None) -> Changes:
        """Where the values differ."""
        return self._line.get(_place(text, "differences"), Changes, why=reason, **self._view)

    def export(
        self,
        query: str,
        *,
        rows: str = "interventions",
        form: str = "csv",
        reason: str | None = None,
    ) -> Iterator[str]:
        """Lines of an export."""
        why = {} if reason is None else {"why": reason}
        return self._line.stream("/v1/export", q=query, rows=rows, format=form, **why, **self._view)

    def evidence(
        self,
        text: str,
        *,
        persons: bool = False,
        reason: str | None = None,
        since: Sequence[bytes] = (),
    ) -> bytes:
        """The bundle."""
        noted = ",".join(base64.urlsafe_b64encode(note).decode() for note in since) or None
        words = {"persons": "true" if persons else None, "why": reason, "since": noted, **self._view}
        return self._line.ask("GET", f"/v1/interventions/{quote(text, safe='')}/evidence", words=words).body

    def prove(self, text: str) -> Receipt:
        """The receipt of a record, or of an intervention's latest."""
        return self._line.get(f"/v1/records/{quote(text, safe='')}/proof", Receipt)


class HttpCircles:
    """See ``byhand.client.contract.CircleDesk``."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def circles(self) -> tuple[Circle, ...]:
        """Every circle."""
        return self._line.get("/v1/circles", Circles).circles

    def asked(self, intervention: str) -> Asked:
        """Who was told about one's own intervention."""
        return self._line.get(_place(intervention, "request"), Asked)


class HttpRunbooks:
    """See ``byhand.client.contract.RunbookDesk``."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def runbooks(self) -> tuple[RunbookRow, ...]:
        """Every runbook."""
        return self._line.get("/v1/runbooks", Runbooks).runbooks


class HttpPasskeys:
    """See ``byhand.client.contract.PasskeyDesk``."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def waiting(self, code: str) -> PasskeyWaiting:
        """The passkey with that code."""
        return self._line.get(f"/v1/passkeys/{quote(code, safe='')}", PasskeyWaiting)

    def enrol(self, code: str, enrolment: PasskeyEnrolment) -> PasskeyWaiting:
        """Record the enrolment, or keep it."""
        return self._line.post(f"/v1/passkeys/{quote(code, safe='')}/enrolment", enrolment, PasskeyWaiting)


class HttpLog:
    """See ``byhand.client.desk.PublicLog``."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def identity_of_log(self) -> LogIdentity:
        """Name, keys and officers."""
        return self._line.get("/v1/log", LogIdentity)

    def published(self) -> bytes:
        """The latest one."""
        return self._line.ask("GET", "/log/checkpoint").body

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


def issuers(line: Line) -> tuple[str, ...]:
    """Where persons sign in, beside with their keys."""
    return line.get("/v1/login/issuers", IssuerNames).issuers


def begin_device(line: Line, issuer: str, *, max_age: int | None = None, strong: bool = False) -> DeviceLogin:
    """Begin a login whose person types a code at the issuer."""
    wanted = DeviceRequest(issuer=issuer, max_age=max_age, strong=strong)
    return line.post("/v1/login/device", wanted, DeviceLogin)


def finish_device(line: Line, handle: str) -> SignedIn:
    """The session, once the person has signed in; the line carries its token. Raises LoginPending until then."""
    answer = line.ask("POST", "/v1/login/device/session", body=DeviceAsked(handle=handle))
    if answer.status == WAITING:
        seconds = decoded(answer.body, DeviceWaits).interval
        raise LoginPending("nobody has signed in at the issuer yet", seconds=seconds)
    signed_in = decoded(answer.body, SignedIn)
    line.token = signed_in.token
    return signed_in


def logout(line: Line) -> None:
    """End the session."""
    line.ask("DELETE", "/v1/login")
    line.token = None
