# SPDX-License-Identifier: Apache-2.0
"""Tokens of issuers at the doors: a pipeline declares for whoever started it; a login that is too old is told so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from real_server import ADA, Server, prepared

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.append(str(TESTS))
from byhand.api import problems  # noqa: E402
from byhand.client.http import HttpBackend, HttpDesk  # noqa: E402
from byhand.client.line import Line  # noqa: E402
from byhand.client.places import RegisteredPoint  # noqa: E402
from byhand.client.steps import Request, declare_only  # noqa: E402
from byhand.errors import IssuerUnavailable, LoginRequired, LoginTooWeak, Refused, SharedAccount  # noqa: E402
from peers.oidc.mint import AUDIENCE, Mint, minting  # noqa: E402 - found through the line above


@pytest.fixture(scope="module")
def mint() -> Iterator[Mint]:
    """The issuer of the pipelines."""
    with minting() as one:
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mint: Mint) -> Iterator[Server]:
    """A server that knows it, with a point of low risk."""
    one = prepared(tmp_path_factory.mktemp("issuers"))
    (one.home / "byhand.toml").write_text(
        f'[issuers.github]\nurl = "{mint.url}"\nkind = "ci"\naudience = "{AUDIENCE}"\n'
        'account = "actor_id"\nnames = ["actor"]\n'
    )
    target = ("--action", "deployment.gate.bypass", "--target", "ci/gate/release")
    probe = ("--probe", f"file:{one.gateway}#/state")
    one.byhand("point", "add", "open", *target, "--owner", ADA, "--tier", "low", "--mode", "enforce", *probe)
    subject = "github:repo:acme/shop:environment:production"
    scopes = ("--scope", "act", "--scope", "redeem")
    one.byhand("workload", "set", "deploy", "--issuer", "github", "--subject", subject, *scopes)
    one.byhand("person", "link", ADA, "github:1815")
    one.start()
    yield one
    assert one.stop() == 0, "".join(one.said)


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    """A connection without a token yet."""
    one = Line(server.url)
    yield one
    one.close()


def test_a_pipeline_declares_for_the_person_who_started_it(server: Server, mint: Mint, line: Line) -> None:
    """With nothing but its issuer's token; the record names the person, the pipeline beside them, and no token."""
    line.token = mint.token()
    backend = HttpBackend(line)
    assert backend.identity().via is not None
    request = Request(
        place=RegisteredPoint("open"),
        reason="FALSE_POSITIVE",
        notes="The runner lost its network twice.",
        new="X",
    )
    declared = declare_only(backend, request)
    assert declared.declaration.person == ADA
    shown = server.byhand("show", declared.intervention, "--output", "json")
    assert '"deploy"' in shown
    assert "issuer-token" in shown
    assert "sound" in server.byhand("verify", "--output", "table")
    with pytest.raises(Refused, match="is not for that"):
        HttpDesk(line).search("")


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://other.test"}, LoginRequired),
        ({"exp": 1}, LoginRequired),
        ({"iss": "https://evil.test"}, LoginRequired),
        ({"sub": "repo:evil/shop"}, Refused),
        ({"actor": "dependabot[bot]"}, SharedAccount),
    ],
)
def test_a_token_that_does_not_hold_opens_no_door(
    mint: Mint, line: Line, claims: dict[str, object], error: type[Exception]
) -> None:
    """By the same rules as everywhere, before anything is read or judged."""
    line.token = mint.token(mint.claims(**claims))
    with pytest.raises(error):
        HttpBackend(line).identity()


def test_what_is_no_token_at_all_is_refused(server: Server) -> None:
    """Rubbish with two dots, too much of it, or in the cookie of the pages."""
    for text in ("..", "a.b.c", "a" * 3_000 + ".b.c", "x" * 9_000 + ".b.c", "\u00ff.\u00ff.\u00ff"):
        headers = {"Authorization": f"Bearer {text}".encode("latin-1")}
        assert httpx.get(f"{server.url}/v1/identity", headers=headers).status_code == 401  # type: ignore[arg-type]
    pages = server.url.replace("127.0.0.1", "localhost")
    assert httpx.get(f"{pages}/v1/identity", cookies={"byhand": "a.b.c"}).status_code == 401


@pytest.mark.parametrize("max_age", [-1, 86_401, 2**53 - 1])
def test_no_login_begins_that_could_not_be_judged(server: Server, max_age: int) -> None:
    """An age that no time of ours has is told before anything begins, not after the person has signed in."""
    asked = {"issuer": "corp", "max_age": max_age}
    answer = httpx.post(f"{server.url}/v1/login/device", json=asked)
    assert (answer.status_code, "/max_age" in answer.text) == (400, True)


def test_a_login_that_is_too_old_is_told_how_fresh_it_must_be() -> None:
    """RFC 9470: the challenge of the header, and the same in the problem for a client of ours."""
    from byhand.client import line as lines

    error = LoginTooWeak("this takes a fresh login", max_age=300, acr_values=("phr", "mfa"))
    answer = problems.problem(error)
    assert answer.status_code == 401
    said = answer.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication", max_age=300, acr_values="phr mfa"' in said
    again = lines._problem(bytes(answer.body))
    assert isinstance(again, LoginTooWeak)
    assert (again.max_age, again.acr_values) == (300, ("phr", "mfa"))


def test_an_issuer_that_is_away_keeps_nobody_else_waiting(server: Server, mint: Mint, line: Line) -> None:
    """Whoever comes with its tokens is refused; readiness and everybody's own doors answer as before."""
    line.token = mint.token(mint.claims(iss=mint.url), kid="not-known")
    with pytest.raises((LoginRequired, IssuerUnavailable)):
        HttpBackend(line).identity()
    assert httpx.get(server.url + "/readyz").status_code == 200
