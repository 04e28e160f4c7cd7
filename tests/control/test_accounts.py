# SPDX-License-Identifier: Apache-2.0
"""Who acts: the person who started a pipeline, an agent's principal, nobody; and nobody at all once they have left."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.append(str(TESTS))
from byhand import clock, wiring  # noqa: E402
from byhand.api.app import build  # noqa: E402
from byhand.api.door import Call  # noqa: E402
from byhand.client.contract import Attempt  # noqa: E402
from byhand.control.identity import Caller  # noqa: E402
from byhand.errors import Invalid, LoginRequired, LoginTooWeak, NotPermitted, Refused, Unsound  # noqa: E402
from byhand.ids import new_record_id  # noqa: E402
from byhand.records import captured, codec  # noqa: E402
from byhand.records.actor import Actor, Authentication, Via  # noqa: E402
from byhand.records.credentials import (  # noqa: E402
    ID_LENGTH,
    AccountLink,
    Token,
    Workload,
    token_digest,
    token_text,
)
from byhand.records.intervention import Change, Declaration, Justification, Target  # noqa: E402
from byhand.records.kinds import SCHEMA_VERSION, Administration, Observation  # noqa: E402
from byhand.trust import administration as trust, quorum, statements  # noqa: E402
from peers.oidc.mint import AUDIENCE, Mint, minting  # noqa: E402 - found through the line above

SUBJECT = "github:repo:acme/shop:environment:production"


@pytest.fixture(scope="module")
def mint() -> Iterator[Mint]:
    """The issuer of pipelines."""
    with minting() as one:
        yield one


class Desk:
    """An office that knows an issuer; ada is its officer, grace works there."""

    def __init__(self, office: Any, mint: Mint, kind: str) -> None:
        self.office, self.mint = office, mint
        place = office.path / "byhand.toml"
        account = "actor_id" if kind == "ci" else "sub"
        place.write_text(
            f'[issuers.github]\nurl = "{mint.url}"\nkind = "{kind}"\naudience = "{AUDIENCE}"\n'
            f'account = "{account}"\nnames = ["actor"]\n'
        )
        office.home.close()
        office.home = wiring.open_home(office.path, environment=office.environment)
        office.enrol("grace", "ada")

    @property
    def home(self) -> wiring.Home:
        return self.office.home

    def change(self, action: str, subject: str, by: str = "ada", **what: Any) -> None:
        record = Administration(
            id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=subject, **what
        )
        record = codec.decode(codec.encode(record))  # type: ignore[assignment]
        self.home.credentials.submit(self.office.caller(by), self.office.signed(record, by))

    def workload(self, name: str = "deploy", **changed: Any) -> None:
        fields = {"owner": "ada", "issuer": "github", "subject": SUBJECT, "scopes": ("act", "redeem")}
        self.change(trust.WORKLOAD_SET, name, workload=Workload(**{"name": name, **fields, **changed}))

    def link(self, person: str = "grace", account: str = "1815") -> None:
        link = AccountLink(issuer="github", account=account, person=person)
        self.change(trust.ACCOUNT_LINK, f"github:{account}", link=link)

    def token(self, owner: str = "ada", workload: str | None = None, scopes: Any = ("act", "read")) -> str:
        text = token_text(os.urandom(32))
        digest = token_digest(text)
        expires = clock.after(clock.now(), seconds=3_600)
        token = Token(
            id=digest[:ID_LENGTH],
            owner=owner,
            digest=digest,
            scopes=scopes,
            expires=expires,
            workload=workload,
        )
        self.change(trust.TOKEN_ISSUE, token.id, by=owner, token=token)
        return text

    def caller(self, credential: str, scope: Any = "act", **more: Any) -> Caller:
        return self.home.credentials.caller(credential, scope=scope, **more)


@pytest.fixture
def desk(office: Any, mint: Mint) -> Desk:
    """With an issuer of pipelines that persons start."""
    return Desk(office, mint, "ci")


@pytest.fixture
def cluster(office: Any, mint: Mint) -> Desk:
    """With an issuer of workloads that nobody stands behind."""
    return Desk(office, mint, "workload")


def declaration(person: str, **changed: Any) -> Declaration:
    fields: dict[str, Any] = {
        "record": new_record_id(),
        "person": person,
        "action": "trading.circuit_breaker.override",
        "point": "mm7-breaker",
        "change": Change(original=captured.capture("HALTED"), new=captured.capture("ACTIVE")),
        "expires": clock.after(clock.now(), seconds=300),
        "justification": Justification(
            code="SYSTEM_ERROR_RECOVERY",
            text=f"The feed is back ({secrets.token_hex(4)}).",
            written_by="agent",
        ),
    }
    return Declaration(**{**fields, **changed})


# -- pipelines


def test_a_pipeline_acts_for_the_person_who_started_it(desk: Desk, breaker: Any) -> None:
    """By the issuer's own word: the person linked to the account, via the pipeline; and that is what is recorded."""
    desk.workload()
    desk.link()
    desk.office.register(breaker(tier="low", mode="enforce"))
    token = desk.mint.token()
    caller = desk.caller(token, address="192.0.2.7")
    assert (caller.person, caller.via) == ("grace", Via(kind="pipeline", id="deploy"))
    assert (caller.authentication.method, caller.authentication.credential) == ("issuer-token", "github:1815")
    declared = declaration("grace")
    desk.home.gate.declare(caller, declared)
    recorded: Any = desk.home.journal.reader.find(declared.record)
    assert (recorded.record.actor.person, recorded.record.actor.via.id) == ("grace", "deploy")
    assert token not in codec.encode(recorded.record).decode()
    identity = desk.home.credentials.identity(token)
    assert (identity.person, identity.via) == ("grace", Via(kind="pipeline", id="deploy"))


def test_a_pipeline_that_nobody_known_started_acts_for_nobody(desk: Desk) -> None:
    """Unattributed: refused for everything that takes a person, and the advice says who can change that."""
    desk.workload()
    for scope in ("act", "redeem"):
        with pytest.raises(Refused, match="no person stands behind the account github:1815") as refused:
            desk.caller(desk.mint.token(), scope)
        assert "byhand person link PERSON github:1815" in refused.value.advice


@pytest.mark.parametrize(
    ("changed", "scope", "behalf", "complaint"),
    [
        ({"subject": "github:another"}, "act", None, "no workload is registered for github:repo:acme/shop"),
        (
            {"subject": "gitlab:repo:acme/shop:environment:production"},
            "act",
            None,
            "no workload is registered",
        ),
        ({"issuer": "buildbot"}, "act", None, "speaks for accounts of buildbot only"),
        ({"scopes": ("redeem",)}, "act", None, "is not for that"),
        ({}, "read", None, "is not for that"),
        ({}, "observe", None, "is not for that"),
        ({}, "act", "github:1", "was started by github:1815"),
        ({}, "act", "buildbot:ada", "was started by github:1815"),
    ],
)
def test_a_pipeline_does_what_it_is_registered_for(
    desk: Desk, changed: dict[str, Any], scope: str, behalf: str | None, complaint: str
) -> None:
    """Another subject, another issuer's accounts, another scope, another person: refused."""
    desk.workload(**changed)
    desk.link()
    with pytest.raises(Refused, match=complaint):
        desk.caller(desk.mint.token(), scope, on_behalf_of=behalf)


def test_a_pipelines_own_token_never_declares(desk: Desk) -> None:
    """Only its issuer says who started it; with a token of byhand it would say so itself."""
    desk.workload()
    with pytest.raises(Invalid, match="act is not for this token"):
        desk.token(workload="deploy", scopes=("act",))
    with pytest.raises(Invalid, match="act is a person's"):
        desk.workload("other", subject="")


def test_a_pipeline_known_just_before_waits_behind_no_login(desk: Desk) -> None:
    """Whose token was verified is let in while every place of those who wait for an issuer is taken."""
    desk.workload()
    house = build(desk.home, watch=False).state.house
    token = desk.mint.token()
    headers = [(b"authorization", f"Bearer {token}".encode())]
    call = Call(Request({"type": "http", "headers": headers, "client": None}), house, house.lanes.gate)
    try:
        asyncio.run(call.look_up())
        with ExitStack() as taken:
            for number in range(house.lanes.issuers.places):
                taken.enter_context(house.lanes.issuers.place(f"site {number}"))
            asyncio.run(call.look_up())
        with pytest.raises(LoginRequired, match="has expired"):
            desk.home.credentials.look_up(desk.mint.token(desk.mint.claims(exp=1, iat=0)))
    finally:
        house.lanes.close()


def test_two_workloads_are_never_one_subject(desk: Desk) -> None:
    """Which of them it was could not be told."""
    desk.workload()
    with pytest.raises(Invalid, match="is another workload's already"):
        desk.workload("again")
    with pytest.raises(Invalid, match="names no account"):
        desk.workload("again", subject="github")


def test_a_pipeline_ends_with_whoever_answers_for_it(desk: Desk) -> None:
    """Or with the person who started it, or when it is retired."""
    desk.workload(owner="grace")
    desk.link("ada")
    assert desk.caller(desk.mint.token()).person == "ada"
    desk.office.home.people.deactivate(desk.office.caller("ada"), deactivation(desk, "grace", "ada"))
    with pytest.raises(LoginRequired, match="enrolled no more"):
        desk.caller(desk.mint.token())
    desk.change(trust.WORKLOAD_RETIRE, "deploy")
    with pytest.raises(Refused, match="no workload is registered"):
        desk.caller(desk.mint.token())


def test_a_workload_of_a_cluster_is_nobody(cluster: Desk) -> None:
    """It reports what it sees; for a permit it names an account of the system whose accounts it may speak of."""
    subject = "system:serviceaccount:prod:deployer"
    cluster.workload(subject=f"github:{subject}", issuer="buildbot", scopes=("redeem", "observe"))
    link = AccountLink(issuer="buildbot", account="grace", person="grace")
    cluster.change(trust.ACCOUNT_LINK, "buildbot:grace", link=link)
    token = cluster.mint.token(cluster.mint.claims(sub=subject, actor=None, actor_id=None))
    with pytest.raises(Refused, match="is no person"):
        cluster.caller(token, "redeem")
    caller = cluster.caller(token, "redeem", on_behalf_of="buildbot:grace")
    assert (caller.person, caller.via) == ("grace", Via(kind="pipeline", id="deploy"))
    with pytest.raises(Refused, match="is not for that"):
        cluster.caller(token, "act", on_behalf_of="buildbot:grace")
    assert cluster.home.credentials.workload(token, scope="observe") == "deploy"
    with pytest.raises(Invalid):
        cluster.home.observing.accept(token, [bad()])


def test_a_workload_of_a_cluster_declares_for_nobody(cluster: Desk) -> None:
    """Its issuer does not say who started it, so it would name any person it likes; it still uses a permit."""
    subject = "system:serviceaccount:prod:deployer"
    cluster.workload(subject=f"github:{subject}", issuer="buildbot", scopes=("act", "redeem"))
    link = AccountLink(issuer="buildbot", account="grace", person="grace")
    cluster.change(trust.ACCOUNT_LINK, "buildbot:grace", link=link)
    token = cluster.mint.token(cluster.mint.claims(sub=subject, actor=None, actor_id=None))
    with pytest.raises(Refused, match="its issuer does not say who started it"):
        cluster.caller(token, "act", on_behalf_of="buildbot:grace")
    assert cluster.caller(token, "redeem", on_behalf_of="buildbot:grace").person == "grace"


def bad() -> Observation:
    """An observation with a fault: it came as far as being judged."""
    return Observation(
        id="no id",
        schema=SCHEMA_VERSION,
        actor=Actor(person="grace", issuer="github"),
        target=Target(system="s", type="t", id="i"),
        action="a.b.c",
        connector="github",
        instance="prod",
        capture="feed",
    )


def test_whoever_is_refused_is_told_who_can_change_that(desk: Desk) -> None:
    """Another system's account, a retired workload, an agent whose principal left."""
    desk.workload("pipes", subject="", issuer="buildbot", scopes=("redeem",))
    token, assistant = desk.token(workload="pipes", scopes=("redeem",)), agent(desk)
    with pytest.raises(Refused, match="of buildbot only") as refused:
        desk.caller(token, "redeem", on_behalf_of="github:1815")
    assert "byhand workload set" in refused.value.advice
    desk.change(trust.WORKLOAD_RETIRE, "pipes")
    with pytest.raises(LoginRequired, match="was retired") as ended:
        desk.home.credentials.identity(token)
    assert "byhand workload set" in ended.value.advice
    desk.home.people.deactivate(desk.office.caller("ada"), deactivation(desk, "grace", "ada"))
    with pytest.raises(Refused, match="has no principal") as nobody:
        desk.caller(assistant)
    assert "byhand workload set" in nobody.value.advice


# -- agents


def agent(desk: Desk, **changed: Any) -> str:
    """Grace's assistant, for which ada answers; its token."""
    fields = {"kind": "agent", "principal": "grace", "issuer": "", "subject": "", "scopes": ("act",)}
    desk.workload("assistant", **{**fields, **changed})
    return desk.token(workload="assistant", scopes=("act",))


def test_an_agent_acts_for_its_principal_alone(desk: Desk) -> None:
    """Its own token, its principal as the person, itself in via, with whoever answers for it."""
    token = agent(desk)
    caller = desk.caller(token)
    assert caller.person == "grace"
    assert caller.via == Via(kind="agent", id="assistant", person="ada")
    assert desk.home.credentials.identity(token).via == caller.via
    with pytest.raises(Refused, match="for its principal alone"):
        desk.caller(token, on_behalf_of="github:1815")
    with pytest.raises(Refused, match="not for that"):
        desk.caller(token, "read")


def test_an_agent_has_a_principal_and_nobody_else_has(desk: Desk) -> None:
    """An agent for nobody, or a pipeline for one person, is not registered."""
    with pytest.raises(Invalid, match="acts for one person"):
        agent(desk, principal=None)
    with pytest.raises(Invalid, match="for agents alone"):
        desk.workload(principal="grace")
    with pytest.raises(Invalid, match="mallory is not enrolled"):
        agent(desk, principal="mallory")


def test_what_an_agent_writes_says_so(desk: Desk, breaker: Any) -> None:
    """A reason that an agent gives as a person's own is refused."""
    desk.office.register(breaker(tier="low", mode="enforce"))
    caller = desk.caller(agent(desk))
    words = declaration("grace")
    assert words.justification is not None
    as_person = msgspec.structs.replace(words.justification, written_by="person")
    with pytest.raises(Invalid, match="written_by"):
        desk.home.gate.declare(caller, msgspec.structs.replace(words, justification=as_person))
    desk.home.gate.declare(caller, words)


def test_an_agents_act_of_high_risk_takes_its_principal_and_somebody_else(desk: Desk, breaker: Any) -> None:
    """Grace's own signature over exactly it, and an approver who is neither her nor whoever answers for the agent."""
    desk.office.register(breaker(mode="enforce"))
    caller, declared = desk.caller(agent(desk)), declaration("grace")
    with pytest.raises(Refused, match="signed by your own key"):
        desk.home.gate.declare(caller, declared)
    desk.home.gate.declare(caller, declared, signed(desk, declared, "grace"))
    stored: Any = desk.home.journal.reader.find(declared.record)
    assert quorum.contributors(stored.record) == {"grace", "ada"}
    assert stored.record.decision.approvals_needed == 1
    attempt = Attempt(attempt="1", executor="t", before=captured.capture("HALTED"))
    with pytest.raises((NotPermitted, Refused)):
        desk.home.gate.permit(caller, declared.record, attempt)


def signed(desk: Desk, declared: Declaration, person: str, key: str = "") -> str:
    statement = statements.Intent(
        origin=desk.home.origin,
        record=declared.record,
        declaration=codec.declaration_digest(declared),
        person=person,
        nonce=secrets.token_hex(32),
        expires=declared.expires,
    )
    return str(desk.office.pens.sign(statement, key or person))


# -- how fresh a login must be


@pytest.mark.parametrize(
    ("method", "seconds", "passes"),
    [
        ("ssh-key", 0, True),
        ("ssh-key", 299, True),
        ("ssh-key", 301, False),
        ("passkey", 301, False),
        ("oidc", 10, True),
        ("oidc", 301, False),
        ("token", 0, False),
        ("issuer-token", 0, False),
    ],
)
def test_critical_risk_takes_a_login_of_the_last_five_minutes(
    desk: Desk, breaker: Any, method: str, seconds: int, *, passes: bool
) -> None:
    """A person's own, not a token's; refused in the way that says how fresh it must be, and nothing is recorded."""
    desk.office.register(breaker(tier="critical", mode="enforce"))
    desk.office.enrol("grace", "ada", key="grace-device", device_bound=True)
    words = declaration("grace")
    when = clock.after(clock.now(), seconds=-seconds)
    caller = msgspec.structs.replace(
        desk.office.caller("grace"),
        authentication=Authentication(method=method, when=when, credential="one"),
    )
    if passes:
        desk.home.gate.declare(caller, words, signed(desk, words, "grace", "grace-device"))
        return
    with pytest.raises(LoginTooWeak) as refused:
        desk.home.gate.declare(caller, words, signed(desk, words, "grace", "grace-device"))
    assert refused.value.max_age == 300
    assert desk.home.journal.reader.find(words.record) is None


def test_a_stale_login_is_asked_for_only_when_all_else_is_right(desk: Desk, breaker: Any) -> None:
    """Nobody signs in anew for what would be refused afterwards."""
    desk.office.register(breaker(tier="critical", mode="enforce"))
    stale = Authentication(method="ssh-key", when=clock.after(clock.now(), seconds=-900), credential="one")
    caller = msgspec.structs.replace(desk.office.caller("grace"), authentication=stale)
    with pytest.raises(Refused, match="signed by your own key"):
        desk.home.gate.declare(caller, declaration("grace"))


# -- who leaves


def deactivation(desk: Desk, person: str, *by: str, **changed: Any) -> str:
    fields = {"origin": desk.home.origin, "person": person, "reason": "left", "time": clock.now()}
    statement = statements.Deactivation(**{**fields, "nonce": secrets.token_hex(32), **changed})
    return str(desk.office.pens.sign(statement, *by))


def signed_in(desk: Desk, person: str) -> str:
    challenge, expires = desk.home.sessions.challenge()
    login = statements.Login(origin=desk.home.origin, person=person, challenge=challenge, expires=expires)
    return desk.home.sessions.login(desk.office.pens.sign(login, person))[0]


def test_everything_of_a_person_who_leaves_ends_at_once(desk: Desk) -> None:
    """Keys, sessions, tokens, links and agents: refused by the very next request, here and in other processes."""
    desk.workload()
    desk.link()
    token, session = desk.token("grace"), signed_in(desk, "grace")
    elsewhere = wiring.open_home(desk.office.path, environment=desk.office.environment)
    started, assistant = desk.mint.token(), agent(desk)
    for credential in (token, session, started, assistant):
        assert elsewhere.credentials.caller(credential).person == "grace"
    desk.home.people.deactivate(desk.office.caller("ada"), deactivation(desk, "grace", "ada"))
    for home in (desk.home, elsewhere):
        for credential in (token, session, started, assistant):
            with pytest.raises((LoginRequired, Refused)):
                home.credentials.caller(credential)
    assert "grace" not in {row.person for row in desk.home.people.persons()}
    elsewhere.close()


def test_whoever_comes_back_begins_anew(desk: Desk) -> None:
    """A new key for the same person revives no token, no link and no session of before."""
    desk.workload()
    desk.link()
    token, session = desk.token("grace"), signed_in(desk, "grace")
    desk.home.people.deactivate(desk.office.caller("ada"), deactivation(desk, "grace", "ada"))
    desk.office.enrol("grace", "ada", key="grace-again")
    for credential in (token, session, desk.mint.token()):
        with pytest.raises((LoginRequired, Refused)):
            desk.caller(credential)
    with pytest.raises(Refused, match="was revoked"):
        signed_in(desk, "grace")


@pytest.mark.parametrize(
    ("person", "by", "complaint"),
    [
        ("grace", ("mallory",), "belongs to nobody"),
        ("ada", ("grace",), "signed by grace"),
        ("ada", ("ada",), "without an officer"),
        ("mallory", ("ada",), "has no key"),
    ],
)
def test_a_deactivation_takes_who_may_revoke(
    desk: Desk, person: str, by: tuple[str, ...], complaint: str
) -> None:
    """Officers or the person; and never the last officer."""
    with pytest.raises(Refused, match=complaint):
        desk.home.people.deactivate(desk.office.caller("ada"), deactivation(desk, person, *by))


def test_a_deactivation_is_verified_years_later(desk: Desk) -> None:
    """The same rule folds the keyring from signatures alone; one that an operator wrote himself is found."""
    desk.workload()
    desk.home.people.deactivate(desk.office.caller("ada"), deactivation(desk, "grace", "ada"))
    head = desk.home.administration.current().head
    stored: Any = desk.home.journal.reader.read(head)
    before = desk.home.administration.keyring()
    assert before.persons_at(head - 1) == {"ada", "grace"}
    assert before.persons_at(head) == {"ada"}
    forged = msgspec.structs.replace(stored.record, statements=(deactivation(desk, "ada", "grace-key"),))
    with pytest.raises(Unsound):
        trust.check_record(
            forged, index=head + 1, keyring=before, origin=desk.home.origin, officers_fingerprint=None
        )


def test_nobody_is_shown_behind_a_credential_that_has_ended(desk: Desk) -> None:
    """Whose keys were all revoked, and which workload was retired: their tokens name nobody and open no list."""
    desk.workload("pipes", subject="", issuer="buildbot", scopes=("redeem",))
    desk.workload()
    token, pipes = desk.token("grace"), desk.token(workload="pipes", scopes=("redeem",))
    started = desk.mint.token()
    for credential in (token, pipes, started):
        assert desk.home.credentials.identity(credential).person
    desk.home.people.revoke(desk.office.caller("ada"), desk.office.revocation("grace", "ada"))
    desk.change(trust.WORKLOAD_RETIRE, "pipes")
    for credential in (token, pipes):
        with pytest.raises(LoginRequired):
            desk.home.credentials.identity(credential)
        with pytest.raises(LoginRequired):
            wiring.open_backend(desk.home, credential).policy()


def test_a_pipeline_whose_owner_left_is_nobody(desk: Desk) -> None:
    """Its issuer still signs its tokens; who answered for it is enrolled no more."""
    desk.workload(owner="grace")
    token = desk.mint.token()
    assert desk.home.credentials.identity(token).person == "grace"
    desk.home.people.deactivate(desk.office.caller("ada"), deactivation(desk, "grace", "ada"))
    with pytest.raises(LoginRequired, match="enrolled no more"):
        desk.home.credentials.identity(token)
