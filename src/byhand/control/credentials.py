# SPDX-License-Identifier: Apache-2.0
"""Credential -> person: a session, a personal token, or a workload's token with the account it acts for.

A token can never do more than its owner, and never signs. A workload is nobody: it uses a permit, or reports,
for the person behind an account of its own system, and that person must be the one who declared.
"""

from __future__ import annotations

import threading

import msgspec

from byhand import clock
from byhand.client.contract import Acknowledgement, Identity
from byhand.control.accounts import Accounts, looks_like_token
from byhand.control.administration import Administrated, AdministrationFold
from byhand.control.identity import Caller
from byhand.control.oidc import Verified
from byhand.control.people import People
from byhand.control.sessions import Sessions
from byhand.errors import Fault, Invalid, LoginRequired, NotFound, Refused
from byhand.journal.journal import Journal
from byhand.records.actor import Authentication, Via
from byhand.records.credentials import (
    SCOPES,
    TOKEN_DAYS_MAX,
    WORKLOAD_SCOPES,
    Scope,
    Token,
    Workload,
    check_token,
    is_token,
    token_digest,
)
from byhand.records.kinds import Administration
from byhand.store.state import State
from byhand.trust import administration as trust
from byhand.trust.accounts import BY_ISSUER

METHOD = "token"
AGENT = "agent"
SECONDS_A_DAY = 86_400
USE_NOTED_SECONDS = 60  # last use is kept to the minute: a busy token must not write at every request
ACTIONS = (
    trust.WORKLOAD_SET,
    trust.WORKLOAD_RETIRE,
    trust.ACCOUNT_LINK,
    trust.ACCOUNT_UNLINK,
    *trust.TOKEN_ACTIONS,
)


class Credentials:
    """Everybody's credentials at one home. Thread-safe."""

    def __init__(
        self,
        journal: Journal,
        administration: AdministrationFold,
        people: People,
        sessions: Sessions,
        state: State,
        accounts: Accounts,
    ) -> None:
        self._journal = journal
        self._administration = administration
        self._people = people
        self._sessions = sessions
        self._state = state
        self._accounts = accounts
        self._noted: dict[str, str] = {}
        self._lock = threading.Lock()

    # -- who is asking

    def caller(
        self,
        credential: str,
        *,
        scope: Scope = "act",
        on_behalf_of: str | None = None,
        address: str | None = None,
    ) -> Caller:
        """The person behind ``credential``, for what ``scope`` covers.

        ``on_behalf_of``: ``issuer:account``, which a workload must name. Raises LoginRequired when the credential
        is unknown, ended or revoked; Refused when it is not for this, or no person stands behind the account.
        """
        if looks_like_token(credential):
            return self._from_issuer(credential, scope, on_behalf_of, address)
        if not is_token(credential):
            if on_behalf_of is not None:
                raise Refused("a person acts in their own name", advice="Leave out on-behalf-of.")
            return msgspec.structs.replace(self._sessions.caller(credential), address=address)
        token = self.token(credential, scope=scope)
        person, via = token.owner, Via(kind="token", id=token.id)
        if token.workload is not None:
            person, via = self._behind(token.workload, on_behalf_of)
        elif on_behalf_of is not None:
            raise Refused(
                "this token acts for its owner alone", advice="A workload's token is needed for that."
            )
        self._note_use(token, address)
        return Caller(
            person=person,
            credential=token.id,
            authentication=Authentication(method=METHOD, when=clock.now(), credential=token.id),
            via=via,
            address=address,
            display_name=self._people.display_name(person),
        )

    def _from_issuer(
        self, credential: str, scope: Scope, on_behalf_of: str | None, address: str | None
    ) -> Caller:
        """The person for whom a pipeline or workload acts that came with a token of its issuer.

        Of a pipeline the issuer itself says who started it; a workload has nobody, and names an account.
        """
        workload, found = self._accounts.bearer(credential)
        self._check_covers(workload, scope)
        if scope == "act" and found.kind == "workload" and workload.kind != AGENT:
            raise Refused(
                f"{workload.name} may not declare: its issuer does not say who started it",
                advice="Let the person declare; a workload uses the permit.",
            )
        if workload.kind == AGENT or found.kind == "workload":
            person, via = self._behind(workload.name, on_behalf_of)
        else:
            person, via = self._started(workload, found, on_behalf_of)
        return Caller(
            person=person,
            credential=found.name,
            authentication=Authentication(
                method=BY_ISSUER, when=found.issued, credential=found.name, acr=found.acr, amr=found.amr
            ),
            via=via,
            address=address,
            display_name=self._people.display_name(person),
        )

    def _started(self, workload: Workload, found: Verified, on_behalf_of: str | None) -> tuple[str, Via]:
        """The person who started a pipeline, by its issuer's word."""
        if on_behalf_of not in (None, found.name):
            raise Refused(
                f"{workload.name} was started by {found.name}, and acts for nobody else",
                advice="Leave out on-behalf-of.",
            )
        if workload.issuer != found.issuer:
            raise _not_its_accounts(workload)
        return self._accounts.person(found), Via(kind="pipeline", id=workload.name)

    def _check_answered_for(self, workload: Workload) -> None:
        if workload.owner not in self._administration.enrolled():
            raise LoginRequired(f"the person who answers for {workload.name} is enrolled no more")

    def _check_covers(self, workload: Workload, scope: Scope) -> None:
        self._check_answered_for(workload)
        if scope not in _widened(frozenset(workload.scopes)):
            raise Refused(
                f"{workload.name} is not for that: it covers {', '.join(workload.scopes)}, not {scope}",
                advice="Sign in, or have its scopes changed: byhand workload set",
            )

    def looked_up(self, credential: str) -> bool:
        """Whether who it stands for can be told without asking an issuer; else ``look_up`` does, and may be slow."""
        return not looks_like_token(credential) or self._accounts.remembers(credential)

    def look_up(self, credential: str) -> None:
        """Ask its issuer for what is needed to judge it; raises LoginRequired, Refused, IssuerUnavailable."""
        self._accounts.renew(credential)

    def workload(self, credential: str, *, scope: Scope) -> str:
        """The workload that the credential is of, for what ``scope`` covers; raises LoginRequired, Refused."""
        if looks_like_token(credential):
            workload, _ = self._accounts.bearer(credential)
            self._check_covers(workload, scope)
            return workload.name
        token = self.token(credential, scope=scope)
        if token.workload is None:
            raise Refused("a person is no workload", advice="Use the token of a workload.")
        return token.workload

    def token(self, credential: str, *, scope: Scope) -> Token:
        """The token in force, which covers ``scope``; raises LoginRequired, Refused."""
        token, now = self._good(credential), self._administration.current()
        if scope not in _in_force(token, now):
            raise Refused(
                f"this token is not for that: it covers {', '.join(token.scopes)}, not {scope}",
                advice="Sign in, or use a token with that scope.",
            )
        return token

    def _good(self, credential: str) -> Token:
        """The token in force, whatever it is for; raises LoginRequired."""
        _check_whole(credential)
        token = self._administration.current().tokens.get(token_digest(credential))
        if token is None:
            raise LoginRequired("this token is not known here, or was revoked", advice="byhand token create")
        if token.expires <= clock.now():
            raise LoginRequired(f"this token ended at {token.expires}", advice="byhand token create")
        if token.owner not in self._administration.enrolled():
            raise LoginRequired("the person behind this token is enrolled no more")
        return token

    def _behind(self, workload: str, on_behalf_of: str | None) -> tuple[str, Via]:
        """The person behind an account of the workload's own system."""
        now = self._administration.current()
        if now.workloads[workload].kind == AGENT:
            return self._principal(now.workloads[workload], on_behalf_of)
        if on_behalf_of is None:
            raise Refused(
                f"{workload} is no person: it acts for somebody",
                advice="Name the account that asked: Byhand-On-Behalf-Of: ISSUER:ACCOUNT",
            )
        if on_behalf_of.partition(":")[0] != now.workloads[workload].issuer:
            raise _not_its_accounts(now.workloads[workload])
        return self._accounts.behind(on_behalf_of), Via(kind="pipeline", id=workload)

    def _principal(self, agent: Workload, on_behalf_of: str | None) -> tuple[str, Via]:
        """The one person for whom an agent acts."""
        if on_behalf_of is not None:
            raise Refused(f"{agent.name} acts for its principal alone", advice="Leave out on-behalf-of.")
        person = agent.principal
        if person is None or person not in self._administration.enrolled():
            raise Refused(
                f"{agent.name} has no principal who is enrolled now",
                advice="Officers name one: byhand workload set NAME --principal PERSON",
            )
        return person, Via(kind="agent", id=agent.name, person=agent.owner)

    def identity(self, credential: str) -> Identity:
        """Who the credential stands for; raises LoginRequired. A workload is shown by its owner."""
        if looks_like_token(credential):
            return self._identity_from_issuer(credential)
        if not is_token(credential):
            return self._sessions.identity(credential)
        token, workload = self._good(credential), None
        if token.workload is not None:
            workload = self._administration.current().workloads.get(token.workload)
            if workload is None:
                raise LoginRequired(
                    f"the workload {token.workload} was retired",
                    advice="Officers register it again: byhand workload set",
                )
        person = token.owner if workload is None else workload.principal or token.owner
        return self._shown(person, token.id, token.expires, workload)

    def _identity_from_issuer(self, credential: str) -> Identity:
        """The person who started it, where the issuer says so and one is linked; else whoever answers for it."""
        workload, found = self._accounts.bearer(credential)
        self._check_answered_for(workload)
        person = workload.principal or self._accounts.linked(found.name) or workload.owner
        return self._shown(person, found.name, found.expires, workload)

    def _shown(self, person: str, credential: str, expires: str, workload: Workload | None) -> Identity:
        if person not in self._administration.enrolled():
            raise LoginRequired("the person behind this credential is enrolled no more")
        return Identity(
            person=person,
            credential=credential,
            expires=expires,
            name=self._people.display_name(person),
            trial=self._people.trial(),
            via=_via(workload) if workload is not None else None,
        )

    def _note_use(self, token: Token, address: str | None) -> None:
        moment = clock.now()
        with self._lock:
            last = self._noted.get(token.id, "")
            if last and clock.after(last, seconds=USE_NOTED_SECONDS) > moment:
                return
            self._noted[token.id] = moment
        self._state.note_use(token.id, moment, address or "")

    # -- what there is

    def tokens(self) -> list[tuple[Token, str, str]]:
        """Tokens that were not revoked, with when and from where each was last used (empty: never)."""
        used = self._state.uses()
        listed = sorted(self._administration.current().tokens.values(), key=lambda token: token.expires)
        return [(token, *used.get(token.id, ("", ""))) for token in listed]

    def current(self) -> Administrated:
        """Workloads and links in force."""
        return self._administration.current()

    def linked(self, issuer: str, account: str) -> str | None:
        """The person behind an account, if one is linked."""
        return self._administration.current().links.get(f"{issuer}:{account}")

    # -- changes

    def submit(self, caller: Caller, record: Administration) -> Acknowledgement:
        """Record a change of workloads, links or tokens; raises Invalid naming every fault, Refused."""
        if record.action not in ACTIONS:
            raise Invalid("this changes no credential", (Fault("/action", "is not about credentials"),))
        return self._administration.submit(caller, record, check=lambda now: self._check(record, now))

    def _check(self, record: Administration, now: Administrated) -> None:
        faults: list[Fault] = []
        persons = (
            now.keyring.persons_at(self._journal.reader.size) if now.keyring is not None else frozenset()
        )
        for pointer, person in _persons(record):
            if person not in persons:
                faults.append(Fault(pointer, f"{person} is not enrolled", "see: byhand person list"))
        if record.action == trust.WORKLOAD_RETIRE and record.subject not in now.workloads:
            raise NotFound(f"there is no workload {record.subject!r}", advice="See: byhand workload list")
        if record.action == trust.ACCOUNT_UNLINK and record.subject not in now.links:
            raise NotFound(f"the account {record.subject} is linked to nobody")
        if record.link is not None and not record.link.issuer:
            faults.append(Fault("/link/issuer", "is missing", "name the account's system, e.g. buildbot"))
        if record.workload is not None:
            faults += _workload_faults(record.workload, now)
        if record.action == trust.TOKEN_ISSUE and record.token is not None:
            faults += _token_faults(record.token, now)
        revoked = record.token if record.action == trust.TOKEN_REVOKE else None
        if revoked is not None and now.tokens.get(revoked.digest) != revoked:
            raise NotFound("there is no such token", advice="See: byhand token list")
        if faults:
            raise Invalid("this change cannot be made", tuple(faults))


def _not_its_accounts(workload: Workload) -> Refused:
    return Refused(
        f"{workload.name} speaks for accounts of {workload.issuer or 'nobody'} only",
        advice="Officers say whose accounts: byhand workload set NAME --issuer ISSUER",
    )


def _check_whole(credential: str) -> None:
    """Raise LoginRequired for a token that was cut off or mistyped."""
    try:
        check_token(credential)
    except Invalid as error:
        raise LoginRequired(str(error), advice=error.advice) from error


def _in_force(token: Token, now: Administrated) -> frozenset[Scope]:
    """The scopes of a token: a workload's are its workload's too, as it is now; a retired one has none.

    Whoever may act may use the permit as well.
    """
    if token.workload is None:
        return _widened(frozenset(token.scopes))
    workload = now.workloads.get(token.workload)
    return _widened(frozenset(token.scopes) & _for_tokens(workload)) if workload is not None else frozenset()


def _widened(scopes: frozenset[Scope]) -> frozenset[Scope]:
    return scopes | (frozenset({"redeem"}) if "act" in scopes else frozenset())


def _for_tokens(workload: Workload) -> frozenset[Scope]:
    """What byhand's own tokens of a workload may be for: to declare, a pipeline needs its issuer's word on who."""
    return frozenset(workload.scopes) - (frozenset() if workload.kind == AGENT else frozenset({"act"}))


def _via(workload: Workload) -> Via:
    agent = workload.kind == AGENT
    return Via(
        kind="agent" if agent else "pipeline", id=workload.name, person=workload.owner if agent else None
    )


def _persons(record: Administration) -> list[tuple[str, str]]:
    found = [("/workload/owner", record.workload.owner)] if record.workload is not None else []
    if record.workload is not None and record.workload.principal is not None:
        found.append(("/workload/principal", record.workload.principal))
    if record.link is not None and record.action == trust.ACCOUNT_LINK:
        found.append(("/link/person", record.link.person))
    if record.token is not None and record.action == trust.TOKEN_ISSUE:
        found.append(("/token/owner", record.token.owner))
    return found


def _workload_faults(workload: Workload, now: Administrated) -> list[Fault]:
    agent = workload.kind == AGENT
    allowed = _workloads_may(workload)
    faults = [
        Fault(
            "/workload/scopes",
            f"{scope} is a person's, not a workload's",
            f"use {', '.join(sorted(allowed))}",
        )
        for scope in sorted(set(workload.scopes) - allowed)
    ]
    if "redeem" in workload.scopes and not workload.issuer and not agent:
        faults.append(
            Fault("/workload/issuer", "is missing", "say whose accounts it acts for, e.g. buildbot")
        )
    if agent != (workload.principal is not None):
        complaint = "is missing: an agent acts for one person" if agent else "is for agents alone"
        faults.append(Fault("/workload/principal", complaint))
    if workload.subject and not all(workload.subject.partition(":")):
        faults.append(Fault("/workload/subject", "names no account", "write issuer:subject"))
    others = (one for one in now.workloads.values() if one.name != workload.name)
    if workload.subject and any(one.subject == workload.subject for one in others):
        faults.append(Fault("/workload/subject", "is another workload's already"))
    return faults


def _workloads_may(workload: Workload) -> frozenset[Scope]:
    """An agent may what its principal may; a pipeline declares only where its issuer says who started it."""
    if workload.kind == AGENT:
        return frozenset(SCOPES)
    return WORKLOAD_SCOPES | (frozenset({"act"}) if workload.subject else frozenset())


def _token_faults(token: Token, now: Administrated) -> list[Fault]:
    faults: list[Fault] = []
    moment = clock.now()
    if not moment < token.expires <= clock.after(moment, seconds=TOKEN_DAYS_MAX * SECONDS_A_DAY):
        faults.append(Fault("/token/expires", f"must lie within {TOKEN_DAYS_MAX} days", "give --days"))
    if not token.scopes:
        faults.append(Fault("/token/scopes", "is empty", "say what it is for"))
    if token.digest in now.tokens:
        faults.append(Fault("/token/digest", "is known already", "make another"))
    allowed: frozenset[Scope] = frozenset({"act", "read"})
    if token.workload is not None:
        workload = now.workloads.get(token.workload)
        if workload is None:
            return [*faults, Fault("/token/workload", f"there is no workload {token.workload}")]
        if workload.owner != token.owner:
            faults.append(Fault("/token/owner", f"{workload.owner} answers for {token.workload}"))
        allowed = _for_tokens(workload)
    for scope in sorted(set(token.scopes) - allowed):
        advice = f"it may be for {', '.join(sorted(allowed))}"
        faults.append(Fault("/token/scopes", f"{scope} is not for this token", advice))
    return faults
