# SPDX-License-Identifier: Apache-2.0
"""People sign in at a certified provider: by a code on another device, and in the browser."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from real_server import ADA, BYHAND, POINT

from byhand.client import http
from byhand.client.contract import DeviceLogin
from byhand.client.http import HttpBackend, HttpDesk
from byhand.client.interventions import Intervention, Means
from byhand.client.line import Line
from byhand.client.places import RegisteredPoint
from byhand.client.reverting import Reverter
from byhand.client.steps import Request, declare_only
from byhand.control.issuers import REFETCH_SECONDS, Issuers
from byhand.errors import (
    ByhandError,
    IssuerUnavailable,
    LoginPending,
    LoginRequired,
    NotFound,
    Refused,
    SharedAccount,
)
from byhand.settings import parse
from peers.oidc.company import Company
from peers.oidc.peer import CLIENT, SECRET, Provider, words_of

PATIENCE_SECONDS = 30.0


@pytest.fixture(autouse=True)
def closing(company: Company) -> Iterator[None]:
    """Every test closes what it opened."""
    yield
    company.opened.close()


@pytest.fixture
def line(company: Company) -> Line:
    """A connection of nobody yet."""
    return company.line()


def finished(line: Line, asked: DeviceLogin) -> http.SignedIn:
    """The session, waited for as long as the issuer says."""
    for _ in range(5):
        try:
            return http.finish_device(line, asked.handle)
        except LoginPending as waiting:
            time.sleep(waiting.seconds)
    raise AssertionError("nobody signed in")


def by_device(company: Company, line: Line, login: str = "ada", **how: Any) -> http.SignedIn:
    asked = http.begin_device(line, "corp", **how)
    with company.browser(login) as browser:
        assert "success" in browser.go(str(asked.place_with_code)).lower()
    return finished(line, asked)


def test_the_server_says_where_people_sign_in(line: Line) -> None:
    """To whoever asks: a page must know it before anybody is signed in."""
    assert http.issuers(line) == ("corp",)


def test_a_code_typed_on_another_device_signs_in(company: Company, line: Line) -> None:
    """The session is the linked person's, names the account, and reads as that person."""
    asked = http.begin_device(line, "corp")
    assert asked.place.startswith(company.provider.url)
    with pytest.raises(LoginPending):
        http.finish_device(line, asked.handle)
    with company.browser() as browser:
        browser.go(str(asked.place_with_code))
    signed_in = finished(line, asked)
    assert (signed_in.identity.person, signed_in.identity.credential) == (ADA, "corp:ada")
    assert HttpDesk(line).search("").rows is not None
    with pytest.raises(Refused, match="never begun here"):
        http.finish_device(company.line(), asked.handle)


def test_such_a_session_signs_nothing(company: Company, line: Line) -> None:
    """Without the person's own key a point of high risk refuses, whoever was phished."""
    by_device(company, line)
    request = Request(
        place=RegisteredPoint(POINT), reason="FALSE_POSITIVE", notes="Stale quote on two feeds.", new="X"
    )

    def no_key() -> Any:
        raise NotFound("there is no key here")

    with (
        pytest.raises(ByhandError),
        Intervention(request, Means(backend=lambda: HttpBackend(line), signer=no_key, reverter=Reverter())),
    ):
        raise AssertionError("the body must not run")


def test_what_such_a_session_declares_is_verified_from_the_log_alone(company: Company, line: Line) -> None:
    """Where the risk is low: the record names the account, and verify finds that it was that person's."""
    by_device(company, line)
    request = Request(
        place=RegisteredPoint("open"),
        reason="FALSE_POSITIVE",
        notes="The runner lost its network twice.",
        new="X",
    )
    declared = declare_only(HttpBackend(line), request)
    assert '"corp:ada"' in company.server.byhand("show", declared.intervention, "--output", "json")
    assert "sound" in company.server.byhand("verify", "--output", "table")


def test_the_command_line_signs_in(company: Company, missing: Callable[[str, str], None]) -> None:
    """Under an account of one's own it shows address and code, waits, and keeps the session; under root it does not."""
    url = company.server.url
    refused = company.server.byhand(
        "login", "--issuer", "corp", "--url", url, code=3 if os.geteuid() == 0 else 0
    )
    assert refused == ""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        missing("setpriv", "Debian: apt-get install util-linux")
    with tempfile.TemporaryDirectory(prefix="byhand-account-") as home:
        become = _somebody(Path(home))
        environment = {"PATH": os.environ["PATH"], "HOME": home, "LOGNAME": "ada"}
        ended = _signed_in(
            [*become, str(BYHAND), "login", "--issuer", "corp", "--url", url], environment, company
        )
        assert "signed in as ada.lovelace until" in ended
        asked = [*become, str(BYHAND), "whoami", "--url", url, "--output", "json"]
        shown = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
        assert json.loads(shown.stdout)["key"] == "corp:ada"


def _somebody(home: Path) -> list[str]:
    """Root becomes an ordinary account; others are one."""
    if os.geteuid() != 0:
        return []
    os.chown(home, 12_345, 12_345)
    capability = "+dac_override"
    ids = ["--reuid=12345", "--regid=12345", "--clear-groups"]
    return ["setpriv", *ids, f"--inh-caps={capability}", f"--ambient-caps={capability}"]


def _signed_in(command: list[str], environment: dict[str, str], company: Company) -> str:
    """What the command said, to whom Ada's browser went where it told her."""
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for text in process.stderr:
            said += text
            if (place := re.search(r"Open (\S+)\n.*just now: \S+\n", said)) is not None:
                with company.browser() as browser:
                    browser.go(place[1])
                break
        said += process.stderr.read()
        assert process.wait(PATIENCE_SECONDS) == 0, said
        return said


@pytest.mark.parametrize(
    ("login", "error", "complaint"),
    [
        ("mallory", Refused, "no person stands behind the account corp:mallory"),
        ("admin", SharedAccount, "shared"),
        ("kiosk-7", SharedAccount, "kind is 'shared'"),
    ],
)
def test_an_account_without_a_person_signs_nobody_in(
    company: Company, line: Line, login: str, error: type[ByhandError], complaint: str
) -> None:
    """Linked to nobody, called like a shared account, or one by the issuer's own word."""
    with pytest.raises(error, match=complaint):
        by_device(company, line, login)


def test_a_login_must_be_as_fresh_and_as_strong_as_asked(company: Company, line: Line) -> None:
    """One who signs in once more is fresh; what the issuer does not call strong is refused."""
    assert by_device(company, line, max_age=0).identity.person == ADA
    with pytest.raises(Refused, match="as strongly as was asked"):
        by_device(company, company.line(), strong=True)


def test_an_unknown_issuer_or_an_invented_login_is_refused(line: Line) -> None:
    """Those there are get named; a handle that was never given out opens nothing."""
    with pytest.raises(NotFound, match="no issuer 'evil'"):
        http.begin_device(line, "evil")
    with pytest.raises(Refused, match="never begun here"):
        http.finish_device(line, "A" * 43)


def test_an_account_that_is_linked_no_more_ends_its_sessions(company: Company, line: Line) -> None:
    """At once, without waiting for the evening."""
    by_device(company, line)
    company.server.byhand("person", "unlink", "corp:ada")
    try:
        with pytest.raises(LoginRequired, match="any more"):
            HttpBackend(line).identity()
    finally:
        company.server.byhand("person", "link", ADA, "corp:ada")


# -- in the browser


def begun(company: Company, then: str = "/") -> tuple[httpx.Client, str]:
    """A browser at the server, and the issuer's address it was sent to."""
    client = company.client()
    answer = client.get("/v1/login/at/corp", params={"after": then})
    assert answer.status_code == 303, answer.text
    return client, answer.headers["location"]


def back(company: Company, place: str, login: str = "ada") -> dict[str, str]:
    """What the issuer sends back with the browser."""
    with company.browser(login) as browser:
        arrived = browser.go(place)
    assert arrived.startswith(f"{company.pages}/v1/login/callback"), arrived
    return words_of(arrived)


def test_a_browser_signs_in(company: Company) -> None:
    """Code, PKCE, state and nonce; then a cookie for our pages alone, and on to the page asked for."""
    client, place = begun(company, "/interventions/7")
    asked = words_of(place)
    assert (asked["code_challenge_method"], asked["client_id"]) == ("S256", CLIENT)
    assert len({asked[name] for name in ("state", "nonce", "code_challenge")}) == 3
    answered = back(company, place)
    assert answered["iss"] == company.provider.url
    arrived = client.get("/v1/login/callback", params=answered)
    assert arrived.status_code == 200, arrived.text
    assert "url=/interventions/7" in arrived.text
    assert "default-src 'none'" in arrived.headers["content-security-policy"]
    (cookie,) = [one for one in arrived.headers.get_list("set-cookie") if one.startswith("byhand=")]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/v1/identity").json()["person"] == ADA


def test_a_login_answers_once(company: Company) -> None:
    """State and code come back a second time: nobody is signed in."""
    client, place = begun(company)
    answered, kept = back(company, place), dict(client.cookies)
    assert client.get("/v1/login/callback", params=answered).status_code == 200
    again = httpx.get(f"{company.pages}/v1/login/callback", params=answered, cookies=kept)
    assert (again.status_code, "set-cookie" in again.headers) == (403, False)


REPLACED: dict[str, Callable[[Company, dict[str, str]], dict[str, str]]] = {
    "another state": lambda c, said: said | {"state": "A" * 43},
    "no state": lambda c, said: said | {"state": ""},
    "the state of another login": lambda c, said: said | {"state": words_of(begun(c)[1])["state"]},
    "another code": lambda c, said: said | {"code": "A" * 43},
    "no code": lambda c, said: said | {"code": ""},
    "the code of another login": lambda c, said: said | {"code": back(c, begun(c)[1])["code"]},
    "another issuer": lambda c, said: said | {"iss": "https://evil.test"},
    "no issuer": lambda c, said: {name: text for name, text in said.items() if name != "iss"},
    "an error": lambda c, said: said | {"error": "access_denied"},
}


@pytest.mark.parametrize("what", sorted(REPLACED))
def test_an_answer_that_does_not_belong_signs_nobody_in(company: Company, what: str) -> None:
    """Each word of the answer replaced: refused, without a cookie; and what was begun is used up."""
    client, place = begun(company)
    answered = back(company, place)
    refused = client.get("/v1/login/callback", params=REPLACED[what](company, answered))
    assert refused.status_code == 403, refused.text
    assert not any(one.startswith("byhand=") for one in refused.headers.get_list("set-cookie"))
    if "state" not in what:
        assert client.get("/v1/login/callback", params=answered).status_code == 403


def test_an_answer_in_another_browser_signs_nobody_in(company: Company) -> None:
    """A link with somebody's code, sent to somebody else, signs that one in to nothing."""
    _, place = begun(company)
    answered = back(company, place)
    other, _ = begun(company)
    for client in (other, company.client()):
        assert client.get("/v1/login/callback", params=answered).status_code == 403


@pytest.mark.parametrize(
    "then", ["//evil.test/", "https://evil.test/", "/\\evil.test", "javascript:alert(1)", '/"><b>']
)
def test_no_login_leads_elsewhere(company: Company, then: str) -> None:
    """Only to a page of this server, whatever the link said."""
    client, place = begun(company, then)
    text = client.get("/v1/login/callback", params=back(company, place)).text
    assert "evil" not in text
    assert "javascript" not in text
    assert "<b>" not in text


def test_what_the_provider_gave_for_another_purpose_signs_nobody_in(company: Company, line: Line) -> None:
    """Its tokens, fresh ones too, opened to another program or sent by whoever has them, are no credentials here."""
    place = words_of(begun(company)[1])
    endpoint = f"{company.provider.url}/token"
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = place | {
        "code_challenge": challenge,
        "scope": "openid offline_access",
        "prompt": "consent",
    }
    with company.browser() as browser:
        arrived = words_of(browser.go(str(httpx.URL(f"{company.provider.url}/auth", params=asked))))
    form = {
        "grant_type": "authorization_code",
        "code": arrived["code"],
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": verifier,
        "client_id": CLIENT,
    }
    secret = (CLIENT, quote_plus(SECRET))
    tokens = httpx.post(endpoint, data=form, auth=secret).json()
    for name in ("id_token", "access_token", "refresh_token"):
        line.token = tokens[name]
        with pytest.raises(LoginRequired):
            HttpBackend(line).identity()
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": CLIENT}
    renewed = httpx.post(endpoint, data=again, auth=secret).json()
    assert httpx.post(endpoint, data=again, auth=secret).json()["error"] == "invalid_grant"
    line.token = renewed["id_token"]
    with pytest.raises(LoginRequired):
        HttpBackend(line).identity()


def test_new_keys_of_the_provider_are_found(provider_modules: Path, tmp_path: Path) -> None:
    """After a restart with other keys they are asked for anew, a minute later; while it is away nobody is signed in."""
    own = Provider(provider_modules, tmp_path, "http://localhost:1/v1/login/callback").start()
    try:
        settings = parse(tomllib.loads(own.settings(tmp_path)), {}).issuers
        moment = 0.0
        one = Issuers(settings, lambda: moment)
        before = one.keys("corp")
        own.stop()
        with pytest.raises(IssuerUnavailable):
            one.ask("corp", "POST", one.endpoint("corp", "device_authorization_endpoint"), {})
        own.start()
        moment += REFETCH_SECONDS - 1
        assert one.keys("corp", anew=True) == before
        moment += 1
        assert {key["kid"] for key in one.keys("corp", anew=True)}.isdisjoint(key["kid"] for key in before)
    finally:
        own.stop()
