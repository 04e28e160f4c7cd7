# SPDX-License-Identifier: Apache-2.0
"""The doors of passkeys and of the pages' session: what is not exactly right opens nothing."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import cbor2
import httpx
import pytest
from hypothesis import given, strategies as st
from real_server import ADA, Client, Server

from authenticator import ELIGIBLE, HONEST, PRESENT, Authenticator, base64url
from byhand.api import passkeys
from byhand.client.contract import PasskeyMade
from byhand.errors import Invalid, Refused
from byhand.signatures import webauthn
from byhand.trust import statements


def origin_of(server: Server) -> str:
    return server.url.replace("127.0.0.1", "localhost")


def post(server: Server, path: str, json: Any = None, **headers: str) -> httpx.Response:
    """As one of the server's own pages would."""
    return httpx.post(server.url + path, json=json, headers={"Origin": origin_of(server), **headers})


def make(server: Server, passkey: Authenticator, **changed: Any) -> httpx.Response:
    challenge = post(server, "/v1/login/challenge").json()["challenge"]
    client = passkey.client_data(bytes.fromhex(changed.pop("over", challenge)), "webauthn.create")
    made = {
        "challenge": challenge,
        "credential": base64url(passkey.credential),
        "attestation": base64url(changed.pop("attestation", None) or passkey.attestation()),
        "client_data": base64url(changed.pop("client", client)),
    }
    return post(server, "/v1/passkeys", {**made, **changed})


def sign_in(server: Server, passkey: Authenticator, **headers: str) -> httpx.Response:
    asked = post(server, "/v1/login/challenge").json()
    login = statements.Login(
        origin=asked["origin"], person=ADA, challenge=asked["challenge"], expires=asked["expires"]
    )
    answer = passkey.answer(statements.unsigned(login).pae())
    words = {
        "person": ADA,
        "challenge": asked["challenge"],
        "expires": asked["expires"],
        "credential": base64url(passkey.credential),
        "authenticator_data": base64url(answer.authenticator_data),
        "client_data": base64url(answer.client_data),
        "signature": base64url(answer.signature),
    }
    return post(server, "/v1/login/passkey", words, **headers)


@pytest.fixture(scope="module")
def passkey(server: Server) -> Authenticator:
    """Ada's, enrolled."""
    one = Authenticator("ada's phone", origin=origin_of(server))
    server.byhand("key", "add", "--passkey", make(server, one).json()["code"])
    return one


def test_a_passkey_made_here_waits_with_what_it_says(server: Server) -> None:
    """Its line, fingerprint and code are those of the very bytes that the authenticator gave."""
    one = Authenticator("a phone", origin=origin_of(server), flags=HONEST | ELIGIBLE)
    answer = make(server, one)
    assert answer.status_code == 201
    assert answer.json() | {"expires": ""} == {
        "code": webauthn.code_of(one.blob),
        "key": one.line,
        "fingerprint": one.fingerprint,
        "device_bound": False,
        "expires": "",
    }


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_each_algorithm_is_taken(server: Server, algorithm: str) -> None:
    """Those that the page asks for."""
    one = Authenticator("a key", algorithm=algorithm, origin=origin_of(server))
    assert make(server, one).json()["key"] == one.line


def test_a_challenge_makes_one_passkey(server: Server) -> None:
    """The second is refused, as is one over a challenge that was never given out."""
    one = Authenticator("a phone", origin=origin_of(server))
    client = one.client_data(bytes(32), "webauthn.create")
    assert make(server, one, challenge="00" * 32, client=client).status_code == 403
    assert make(server, one, over="00" * 32).status_code == 400


@pytest.mark.parametrize(
    "what",
    [
        "another site",
        "nobody verified",
        "another key",
        "no map",
        "ES384",
        "not base64",
        "a login's",
        "a toy's",
    ],
)
def test_a_passkey_made_otherwise_is_not_taken(server: Server, what: str) -> None:
    """400 with the fault, and nothing waits."""
    one = Authenticator("a phone", origin=origin_of(server))
    es384 = cbor2.dumps({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)})
    toy = cbor2.dumps(
        cbor2.loads(one.attestation()) | {"fmt": "android-safetynet", "attStmt": {"ver": "1", "response": 5}}
    )
    changed: dict[str, dict[str, Any]] = {
        "another site": {"over": None},
        "nobody verified": {"attestation": one.attestation(flags=PRESENT)},
        "another key": {"credential": base64url(b"x")},
        "no map": {"attestation": cbor2.dumps([1])},
        "ES384": {"attestation": one.attestation(key=es384)},
        "not base64": {"attestation": b"", "credential": "!!"},
        "a toy's": {"attestation": toy},
        "a login's": {"client": one.client_data(bytes(32))},
    }
    if what == "another site":
        other = Authenticator("a phone", origin="https://evil.example")
        answer = make(server, other)
    else:
        answer = make(server, one, **changed[what])
    assert (answer.status_code, answer.json()["faults"][0]["pointer"]) == (400, "/attestation"), answer.text


@given(st.binary(max_size=200), st.binary(max_size=80))
def test_garbage_is_refused_as_such(attestation: bytes, client: bytes) -> None:
    """Whatever a stranger sends as a passkey, the answer is a refusal and never a failure of ours."""
    one = Authenticator("a phone")
    good = one.attestation()
    for data in (attestation, good[: len(attestation)], good + attestation):
        made = PasskeyMade(
            challenge="00" * 32,
            credential=base64url(one.credential),
            attestation=base64url(data),
            client_data=base64url(client or one.client_data(bytes(32), "webauthn.create")),
        )
        try:
            passkeys._looked_at(made, one.origin)
        except (Invalid, Refused):
            continue
        assert data.startswith(good)


def test_the_session_of_a_page_is_in_its_cookie_alone(server: Server, passkey: Authenticator) -> None:
    """No token in the answer; scripts cannot read it, other sites cannot send it."""
    answer = sign_in(server, passkey)
    assert (answer.status_code, answer.json()["person"]) == (200, ADA)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("byhand=")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert answer.cookies["byhand"] not in answer.text
    assert _identity(server, answer.cookies["byhand"]).json()["person"] == ADA


def _identity(server: Server, cookie: str, **headers: str) -> httpx.Response:
    return httpx.get(server.url + "/v1/identity", headers={"Cookie": f"byhand={cookie}", **headers})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_does_nothing_in_a_persons_name(
    server: Server, passkey: Authenticator, headers: dict[str, str]
) -> None:
    """Even if a browser sent the cookie along: not reading, not signing out, not signing in."""
    cookie = sign_in(server, passkey).cookies["byhand"]
    assert _identity(server, cookie, **headers).status_code == 403
    with_cookie = {"Cookie": f"byhand={cookie}", **headers}
    assert httpx.delete(server.url + "/v1/login", headers=with_cookie).status_code == 403
    assert sign_in(server, passkey, **headers).status_code == 403
    assert _identity(server, cookie).status_code == 200


def test_what_changes_something_names_its_page(server: Server, passkey: Authenticator) -> None:
    """Without an Origin a cookie reads, and nothing else."""
    cookie = sign_in(server, passkey).cookies["byhand"]
    headers = {"Cookie": f"byhand={cookie}"}
    assert httpx.delete(server.url + "/v1/login", headers=headers).status_code == 403
    own = headers | {"Origin": origin_of(server)}
    ended = httpx.delete(server.url + "/v1/login", headers=own)
    assert (ended.status_code, 'byhand=""' in ended.headers["set-cookie"]) == (204, True)
    assert _identity(server, cookie).status_code == 401


def test_a_token_is_no_session_of_a_page(server: Server, ada: Client) -> None:
    """A personal token in the cookie is nobody; a program's session works as a bearer without any origin."""
    made = server.byhand("token", "create", "--scope", "read", "--output", "json")
    token = made.partition('"token":')[2].partition('"')[2].partition('"')[0]
    assert token.startswith("byh_")
    assert _identity(server, token).status_code == 401
    assert ada.raw("GET", "/v1/identity").status_code == 200


def test_pages_over_tls_have_a_cookie_that_no_neighbour_can_set() -> None:
    """``__Host-`` and ``Secure``."""
    from starlette.responses import Response

    from byhand.api import cookies

    answer = Response()
    cookies.give(answer, "https://byhand.example", "token")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-byhand=token;")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


def test_a_passkey_is_enrolled_through_the_server(server: Server, tmp_path: Any) -> None:
    """By its person's own key; and for somebody new by two officers, each at a machine of their own."""
    own = make(server, Authenticator("ada's laptop", origin=origin_of(server))).json()["code"]
    server.byhand("key", "add", "--passkey", own, "--url", server.url)
    key = tmp_path / "grace"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    server.byhand("person", "add", "grace.hopper", "--public-key", f"{key}.pub", "--officer")
    one = Authenticator("dan's phone", origin=origin_of(server))
    code = make(server, one).json()["code"]
    add = ("person", "add", "dan", "--passkey", code, "--name", "Dan", "--url", server.url)
    first = json.loads(server.byhand(*add, "--output", "json", code=5))
    assert (first["enrolled"], first["missing"], first["device_bound"]) == (False, 1, True)
    grace = ("--person", "grace.hopper", "--key", str(key))
    server.byhand(*add, "--role", "trader", *grace, code=3)  # not what the first one has signed
    server.byhand(*add, *grace)
    listed = json.loads(server.byhand("key", "list", "dan", "--output", "json"))
    assert [(row["kind"], row["key"]) for row in listed] == [("passkey", one.fingerprint)]


def test_who_is_not_signed_in_sees_no_passkey_that_waits(server: Server) -> None:
    """And signs for none."""
    code = make(server, Authenticator("a phone", origin=origin_of(server))).json()["code"]
    assert httpx.get(f"{server.url}/v1/passkeys/{code}").status_code == 401
    assert post(server, f"/v1/passkeys/{code}/enrolment", {"statement": "{}"}).status_code == 401
