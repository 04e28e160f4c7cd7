# SPDX-License-Identifier: Apache-2.0
"""Every page, in one table. Whoever is signed in reads through the reader's desk, which records that they did."""

from __future__ import annotations

import functools
import json
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from byhand import clock, wiring
from byhand.client.contract import Identity, Inbox
from byhand.control.identity import Caller
from byhand.control.logins import own_path
from byhand.errors import ByhandError, Invalid, LoginRequired, NotFound, ReasonRequired
from byhand.evidence import bundle as bundles, bundle_check, report as reports
from byhand.evidence.policy import Policy
from byhand.records.limits import NOTES_LENGTH_MAX, TEXT_LENGTH_MIN
from byhand.signatures import dsse
from byhand.trust import statements
from byhand.ui import look, told
from byhand.ui.deciding import Deciding, deciding, left, own_passkeys
from byhand.ui.visit import Door, Page, Visit

NEWEST = 20  # interventions on the first page: a phone's two screens; more is a search
SEE_OTHER = 303
SIGN_IN = "/sign-in"


def page(show: Page) -> Page:
    """``show`` at its own address only; who is not signed in is led there, and a refusal is a page as well."""

    @functools.wraps(show)
    async def answered(visit: Visit) -> Response:
        elsewhere = _elsewhere(visit)
        if elsewhere is not None:
            return elsewhere
        try:
            return await show(visit)
        except LoginRequired:
            after = quote(visit.request.url.path, safe="/")
            return RedirectResponse(f"{SIGN_IN}?after={after}", SEE_OTHER, look.NOT_KEPT)
        except ReasonRequired as error:
            return look.page(
                "reason.html",
                visit.origin,
                visit.status_of(error),
                lazy=str(error) if visit.word("why") else "",
                shortest=TEXT_LENGTH_MIN,
                longest=NOTES_LENGTH_MAX,
                identity=None,
            )
        except ByhandError as error:
            return look.page(
                "refused.html",
                visit.origin,
                visit.status_of(error),
                title="Refused",
                error=str(error).partition("\n")[0],
                faults=error.faults if isinstance(error, Invalid) else (),
                advice=error.advice,
                identity=None,
            )

    return answered


def _elsewhere(visit: Visit) -> Response | None:
    """Pages live under one name only: passkeys and cookies belong to it."""
    if not visit.origin:
        raise NotFound("this server has no pages", advice="Set server.public_url.")
    host = visit.request.headers.get("host", "")
    if f"{visit.origin}/".partition("://")[2] == f"{host}/":
        return None
    query = f"?{visit.request.url.query}" if visit.request.url.query else ""
    return RedirectResponse(f"{visit.origin}{visit.request.url.path}{query}", SEE_OTHER, look.NOT_KEPT)


def _bearer(visit: Visit) -> wiring.Bearer:
    return wiring.Bearer(visit.home.credentials, visit.token(), address=visit.address)


async def _identity(visit: Visit) -> Identity:
    return await visit.run(_bearer(visit).identity)


@page
async def first(visit: Visit) -> Response:
    """GET /: what waits for whoever is signed in; the newest interventions, or what a query finds."""
    identity, bearer = await _identity(visit), _bearer(visit)
    query = visit.word("q")
    desk = wiring.open_desk(visit.home, visit.token(), address=visit.address)

    def inbox_of() -> Inbox:
        nobody_named = visit.home.reading.pseudonyms.only(bearer.caller("read"))
        return Inbox() if query or nobody_named else desk.inbox()

    inbox = await visit.run(inbox_of)
    found = await visit.run(lambda: desk.search(query, limit=NEWEST))
    waiting = [(one, left(one.expires)) for one in inbox.waiting]
    return look.page(
        "first.html",
        visit.origin,
        identity=identity,
        rows=found.rows,
        query=query,
        waiting=waiting,
        more=inbox.more,
    )


@page
async def sign_in(visit: Visit) -> Response:
    """GET /sign-in: with a passkey, or at an issuer."""
    return look.page(
        "sign_in.html",
        visit.origin,
        identity=None,
        log=visit.home.origin,
        after=own_path(visit.word("after")),
        issuers=visit.home.logins.for_persons(),
    )


@page
async def passkey(visit: Visit) -> Response:
    """GET /passkey: make one. Nothing comes of it until it is enrolled elsewhere."""
    return look.page("passkey.html", visit.origin, identity=None, log=visit.home.origin)


@page
async def intervention(visit: Visit) -> Response:
    """GET /interventions/{id}: what is recorded of it, in its order."""
    identity, bearer = await _identity(visit), _bearer(visit)
    text, why = str(visit.request.path_params["id"]), visit.word("why") or None

    def read() -> tuple[told.Told, Deciding | None]:
        caller: Caller = bearer.caller("read")
        shown = visit.home.reading.show(caller, text, reason=why)
        one = told.told(visit.home.journal, shown)
        return one, deciding(visit.home, identity, one.intent)

    one, decide = await visit.run(read)
    return look.page(
        "intervention.html",
        visit.origin,
        identity=identity,
        one=one,
        decide=decide,
        log=visit.home.origin,
        why=why,
    )


@page
async def verification(visit: Visit) -> Response:
    """GET /interventions/{id}/verification: its evidence bundle, made and checked now, by this server itself."""
    identity = await _identity(visit)
    text, why = str(visit.request.path_params["id"]), visit.word("why") or None
    desk = wiring.open_desk(visit.home, visit.token(), address=visit.address)

    def check() -> reports.Report:
        bundle = bundles.read_bundle(desk.evidence(text, reason=why))
        policy = _own_policy(visit.home)
        return bundle_check.verify_bundle(bundle, "this server", policy=policy, now=clock.now())

    report = await visit.run(check)
    return look.page("verification.html", visit.origin, identity=identity, id=text, report=report, why=why)


def _own_policy(home: wiring.Home) -> Policy:
    """What the server knows of its own log: enough to find damage, and worth nothing to a stranger."""
    officers = home.people.keyring().officers_fingerprint
    return Policy(origin=home.origin, keys=tuple(home.journal.key.verifiers), officers=officers)


@page
async def waiting(visit: Visit) -> Response:
    """GET /passkeys/{code}: a passkey that waits; its person or an officer signs for it here."""
    identity, code = await _identity(visit), str(visit.request.path_params["code"])
    desk = wiring.open_passkeys(visit.home, visit.token())
    told = await visit.run(lambda: desk.waiting(code))
    said = None
    if told.statement is not None:
        said = statements.read(
            dsse.parse(told.statement.encode()), statements.Enrolment, origin=visit.home.origin
        )
    return look.page(
        "waiting.html",
        visit.origin,
        identity=identity,
        told=told,
        said=said,
        log=visit.home.origin,
        own=own_passkeys(visit.home, identity.person),
        roles=json.dumps(identity.roles),
    )


async def asset(visit: Visit) -> Response:
    """GET /assets/{digest}/{name}."""
    name = str(visit.request.path_params["name"])
    if name not in look.ASSETS or visit.request.url.path != look.address_of(name):
        raise NotFound("there is no such asset")
    return look.asset(name)


PAGES: tuple[Door, ...] = (
    ("GET", "/", "api", first),
    ("GET", SIGN_IN, "entrance", sign_in),
    ("GET", "/passkey", "entrance", passkey),
    ("GET", "/passkeys/{code}", "api", waiting),
    ("GET", "/interventions/{id}", "api", intervention),
    ("GET", "/interventions/{id}/verification", "api", verification),
    ("GET", "/assets/{digest}/{name}", "entrance", asset),
)
