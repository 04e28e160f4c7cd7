# SPDX-License-Identifier: Apache-2.0
"""Tokens of issuers as attackers make them: each is refused, for the reason that is meant."""

from __future__ import annotations

import hmac
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.append(str(TESTS))
from byhand import clock  # noqa: E402
from byhand.control import issuers as room, oidc  # noqa: E402
from byhand.control.issuers import Issuers  # noqa: E402
from byhand.errors import IssuerUnavailable, LoginRequired, Refused, SharedAccount  # noqa: E402
from byhand.records.shared_accounts import NAMES  # noqa: E402
from byhand.settings import IssuerSettings  # noqa: E402
from peers.oidc.mint import AUDIENCE, Mint, minting, part  # noqa: E402 - found through the line above


@pytest.fixture(scope="module")
def published() -> Iterator[Mint]:
    """The issuer of all rows of the table."""
    with minting() as mint:
        yield mint


@pytest.fixture
def mint() -> Iterator[Mint]:
    """An issuer of the test's own."""
    with minting() as one:
        yield one


def settings_of(mint: Mint, **changed: Any) -> IssuerSettings:
    fields = {
        "url": mint.url,
        "kind": "ci",
        "audience": AUDIENCE,
        "account": "actor_id",
        "names": ("actor",),
        "required": {"repository_owner": ("acme",)},
        "shared": {"actor": ("*[[]bot]",), "event_name": ("schedule",)},
    }
    return IssuerSettings(**{**fields, **changed})


def judge(mint: Mint, token: str, **changed: Any) -> oidc.Verified:
    return Issuers({"github": settings_of(mint, **changed)}).bearer(token)


def test_a_whole_token_is_what_its_issuer_says(published: Mint) -> None:
    """Account, workload and times come from the claims that the settings name."""
    found = judge(published, published.token())
    assert (found.name, found.workload) == ("github:1815", "repo:acme/shop:environment:production")
    assert found.issued < found.expires
    assert found.authenticated is None


def hmac_with_public_key(mint: Mint) -> str:
    public = next(iter(mint.keys.values())).as_pem(private=False)
    said = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'k1'})}.{part(mint.claims())}"
    return f"{said}.{part(hmac.digest(public, said.encode(), 'sha256'))}"


def unsigned(mint: Mint, algorithm: object = "none", signature: str = "") -> str:
    return f"{part({'alg': algorithm, 'typ': 'JWT', 'kid': 'k1'})}.{part(mint.claims())}.{signature}"


def with_own_key(mint: Mint, **header: Any) -> str:
    own = RSAKey.generate_key(2048, {"kid": "k1"})
    return mint.token(key=own, kid="k1", jwk=own.as_dict(private=False), **header)


def changed_after(mint: Mint) -> str:
    header, _, signature = mint.token().split(".")
    return f"{header}.{part(mint.claims(actor_id='1'))}.{signature}"


def twice(mint: Mint) -> str:
    """Two accounts in one set of claims: readers differ on which counts."""
    claims = json.dumps(mint.claims())[:-1] + ', "actor_id": "1"}'
    from joserfc import jws

    key = next(iter(mint.keys.values()))
    return jws.serialize_compact({"alg": "RS256", "kid": "k1"}, claims, key)


ATTACKS: dict[str, tuple[Callable[[Mint], str], str]] = {
    "no signature": (unsigned, "cannot be read|not signed"),
    "none, signed with something": (lambda m: unsigned(m, signature="AAAA"), "signed in a way"),
    "nOnE": (lambda m: unsigned(m, "nOnE", "AAAA"), "signed in a way"),
    "an algorithm that is a list": (lambda m: unsigned(m, ["RS256"], "AAAA"), "signed in a way"),
    "public key as secret": (hmac_with_public_key, "signed in a way"),
    "algorithm not on the list": (lambda m: unsigned(m, "RS384", "AAAA"), "signed in a way"),
    "a signature of nothing": (lambda m: unsigned(m, "RS256", "AAAA"), "signature does not hold"),
    "key in the header": (with_own_key, "signature does not hold"),
    "address of a key in the header": (
        lambda m: with_own_key(m, jku="http://127.0.0.1:9/keys", x5u="http://127.0.0.1:9/"),
        "signature does not hold",
    ),
    "claims changed after signing": (changed_after, "signature does not hold"),
    "the same claim twice": (twice, "cannot be read"),
    "kid: a path": (lambda m: m.token(kid="../../../../dev/null"), "no key that the issuer has"),
    "kid: SQL": (lambda m: m.token(kid="k1' UNION SELECT 'AA"), "no key that the issuer has"),
    "kid: an address": (lambda m: m.token(kid="http://127.0.0.1:9/key"), "no key that the issuer has"),
    "kid: a command": (lambda m: m.token(kid="k1|id"), "no key that the issuer has"),
    "kid: too long": (lambda m: m.token(kid="k" * 257), "id is none"),
    "kid: no text": (
        lambda m: f"{part({'alg': 'RS256', 'kid': 1})}.{part({'iss': m.url})}.AAAA",
        "id is none",
    ),
    "kid: of nobody": (lambda m: m.token(kid="k2"), "no key that the issuer has"),
    "demands what we do not know": (
        lambda m: f"{part({'alg': 'RS256', 'crit': ['exp']})}.{part({'iss': m.url})}.AAAA",
        "demands what",
    ),
    "an access token": (lambda m: m.token(typ="at+jwt"), "another purpose"),
    "a logout token": (lambda m: m.token(typ="application/logout+jwt"), "another purpose"),
    "wrong audience": (lambda m: m.token(m.claims(aud="https://other.test")), "made for somebody else"),
    "no audience": (lambda m: m.token(m.claims(aud=None)), "made for somebody else"),
    "part of our audience": (lambda m: m.token(m.claims(aud=AUDIENCE + "/x")), "made for somebody else"),
    "for others too": (lambda m: m.token(m.claims(aud=[AUDIENCE, "https://other.test"])), "for others too"),
    "expired": (lambda m: m.token(m.claims(exp=int(time.time()) - 61)), "has expired"),
    "not in force yet": (lambda m: m.token(m.claims(nbf=int(time.time()) + 120)), "not in force yet"),
    "issued in the future": (lambda m: m.token(m.claims(iat=int(time.time()) + 120)), "not in force yet"),
    "without an end": (lambda m: m.token(m.claims(exp=None)), "exp is no time"),
    "without a beginning": (lambda m: m.token(m.claims(iat=None)), "iat is no time"),
    "an end that is text": (lambda m: m.token(m.claims(exp="9999999999")), "exp is no time"),
    "an end that is true": (lambda m: m.token(m.claims(exp=True)), "exp is no time"),
    "good for a year": (lambda m: m.token(m.claims(exp=int(time.time()) + 31_536_000)), "for longer than"),
    "another owner's repository": (lambda m: m.token(m.claims(repository_owner="evil")), "repository_owner"),
    "without the required claim": (lambda m: m.token(m.claims(repository_owner=None)), "repository_owner"),
    "no account": (lambda m: m.token(m.claims(actor_id=None)), "names nobody"),
    "an account that is a list": (lambda m: m.token(m.claims(actor_id=["1815"])), "names nobody"),
    "an account with a line break": (lambda m: m.token(m.claims(actor_id="1815\n")), "cannot be seen"),
    "an account without a width": (lambda m: m.token(m.claims(actor_id="1815\u200b")), "cannot be seen"),
    "too large": (lambda m: m.token(m.claims(more="x" * 9_000)), "too large"),
    "claims nested without end": (
        lambda m: f"{part({'alg': 'RS256'})}.{part(b'[' * 5_000)}.AAAA",
        "cannot be read|too large",
    ),
}


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_an_attackers_token_is_refused(published: Mint, attack: str) -> None:
    """Each row by the rule that it breaks; nothing of it comes through."""
    make, complaint = ATTACKS[attack]
    with pytest.raises((Refused, LoginRequired), match=complaint):
        judge(published, make(published))


def test_an_issuer_on_this_machine_is_asked_without_a_proxy(
    mint: Mint, published: Mint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked in the clear stays here, whatever the environment says of proxies."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, published.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert judge(mint, mint.token()).account == "1815"


def test_a_token_of_another_issuer_is_nobodys(mint: Mint, published: Mint) -> None:
    """Signed well by an issuer that is not in the table, or under the name of one that is."""
    with pytest.raises(LoginRequired, match="no issuer"):
        judge(published, mint.token())
    both = Issuers({"github": settings_of(published), "gitlab": settings_of(mint)})
    mixed = mint.token(mint.claims(iss=published.url), kid="k1")
    with pytest.raises(Refused, match="signature does not hold"):
        both.bearer(mixed)
    with pytest.raises(Refused, match=r"another issuer|signature"):
        both.verified("github", mint.token())


def test_a_persons_token_is_never_taken_from_whoever_sends_it(mint: Mint) -> None:
    """An identity token of a person that leaked from a log or another program signs nobody in."""
    table = {"corp": settings_of(mint, kind="person", client_id=AUDIENCE)}
    with pytest.raises(LoginRequired, match="no issuer whose pipelines"):
        Issuers(table).bearer(mint.token())


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_shared_name_is_refused(published: Mint, name: str) -> None:
    """As the account, and as any claim that names it for people."""
    one = Issuers({"github": settings_of(published, shared={})})
    for claim in ("actor", "actor_id"):
        with pytest.raises(SharedAccount):
            one.bearer(published.token(published.claims(**{claim: name})))


@pytest.mark.parametrize(
    "claims", [{"actor": "renovate[bot]"}, {"actor": "Ada[BOT]"}, {"event_name": "schedule"}]
)
def test_the_settings_say_which_accounts_are_nobodys(published: Mint, claims: dict[str, str]) -> None:
    """By claims and patterns, whatever the letters' case."""
    with pytest.raises(SharedAccount):
        judge(published, published.token(published.claims(**claims)))


def test_a_service_that_signed_in_by_itself_is_no_person(published: Mint) -> None:
    """Its account is its own client id."""
    token = published.token(published.claims(actor_id="svc1815", client_id="svc1815"))
    with pytest.raises(SharedAccount):
        judge(published, token)


def test_opaque_accounts_are_not_mistaken_for_names(published: Mint) -> None:
    """A UUID may happen to hold the letters of a shared account's name."""
    token = published.token(published.claims(actor_id="12dba345-0000-4000-8000-00000000d0b0"))
    assert judge(published, token).account.startswith("12dba345")


@pytest.mark.parametrize("kind", ["EC", "OKP"])
def test_keys_of_other_types_sign_only_their_own_algorithms(mint: Mint, kind: str) -> None:
    """A key that the issuer has for one algorithm is good for no other."""
    algorithm = {"EC": "ES256", "OKP": "Ed25519"}[kind]
    key_id = mint.add(kind)
    token = mint.token(key=mint.keys[key_id], alg=algorithm)
    assert judge(mint, token, algorithms=(algorithm, "RS256")).account == "1815"
    with pytest.raises(Refused, match="no key"):
        judge(mint, mint.token(kid=key_id), algorithms=(algorithm, "RS256"))


def test_a_secret_that_an_issuer_publishes_by_mistake_signs_nothing(mint: Mint) -> None:
    """Symmetric keys are never taken from a key set, nor two keys with one id."""
    mint.add("oct")
    found = Issuers({"github": settings_of(mint)}).keys("github")
    assert [key["kid"] for key in found] == ["k1"]
    again = [key.as_dict(private=False) for key in mint.keys.values() if key.kid == "k1"]
    mint.documents["/keys"] = {"keys": again * 2}
    assert Issuers({"github": settings_of(mint)}).keys("github") == ()


def test_a_weak_key_signs_nothing(mint: Mint) -> None:
    """RFC 7518 asks for 2,048 bits at least."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    number = rsa.generate_private_key(65_537, 1_024).public_key().public_numbers().n  # noqa: S505
    weak = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": part(number.to_bytes(128, "big"))}
    mint.documents["/keys"] = {"keys": [weak]}
    with pytest.raises(Refused, match="fewer than"):
        judge(mint, mint.token(kid="weak"))


class Moments:
    """This process's own time, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_keys_are_asked_for_once_a_minute_at_most(mint: Mint) -> None:
    """However many ids an attacker invents; after a rotation the new key is good, and the old one for nothing."""
    moments = Moments()
    one = Issuers({"github": settings_of(mint)}, moments)
    old = mint.token()
    one.bearer(old)
    for number in range(50):
        with pytest.raises(Refused, match="no key"):
            one.bearer(mint.token(kid=f"invented-{number}"))
    assert mint.asked == 1
    earlier = mint.token(mint.claims(jti="another"))
    mint.rotate("k2")
    moments.now += room.REFETCH_SECONDS
    assert one.bearer(mint.token()).account == "1815"
    assert mint.asked == 2
    with pytest.raises(Refused, match="no key"):
        one.bearer(earlier)
    moments.now += room.VERIFIED_SECONDS
    with pytest.raises(Refused, match="no key"):
        one.bearer(old)


def test_a_token_at_a_door_is_verified_anew_before_the_memory_of_it_ends(mint: Mint) -> None:
    """So the event loop, which looks a moment later, never asks an issuer itself."""
    moments = Moments()
    one, token = Issuers({"github": settings_of(mint)}, moments), mint.token()
    assert not one.remembers(token, within=room.RENEWED_SECONDS)
    one.bearer(token)
    moments.now += room.RENEWED_SECONDS
    assert one.remembers(token)
    assert not one.remembers(token, within=room.RENEWED_SECONDS)
    one.bearer(token, within=room.RENEWED_SECONDS)
    moments.now += room.VERIFIED_SECONDS - 1
    assert one.remembers(token)


def test_an_issuer_that_is_away_is_believed_for_an_hour_and_then_no_more(mint: Mint) -> None:
    """Keys in hand are good for an hour; then everything is refused until it answers again."""
    moments = Moments()
    one = Issuers({"github": settings_of(mint)}, moments)
    one.bearer(mint.token())
    mint.documents["/keys"] = b"no JSON"
    moments.now += room.KEYS_SECONDS_MAX - 1
    assert one.bearer(mint.token(mint.claims(jti="2"))).account == "1815"
    moments.now += room.REFETCH_SECONDS
    with pytest.raises(IssuerUnavailable):
        one.bearer(mint.token(mint.claims(jti="3")))
    del mint.documents["/keys"]
    moments.now += room.REFETCH_SECONDS
    assert one.bearer(mint.token(mint.claims(jti="4"))).account == "1815"


@pytest.mark.parametrize(
    "answer",
    [
        {"issuer": "https://evil.test", "jwks_uri": "https://evil.test/keys"},
        {"issuer": None},
        b"[]",
        b"<html>",
        b" " * (room.ANSWER_BYTES_MAX + 1),
        b"[" * 50_000,
    ],
)
def test_what_does_not_answer_as_the_issuer_is_not_believed(mint: Mint, answer: object) -> None:
    """Another issuer, no issuer, no JSON, too much: nobody is taken at its word."""
    mint.documents["/.well-known/openid-configuration"] = answer
    with pytest.raises(IssuerUnavailable):
        judge(mint, mint.token())


def test_keys_are_fetched_over_tls_or_from_this_machine(mint: Mint) -> None:
    """An issuer that names an address in the clear elsewhere has no keys."""
    place = "/.well-known/openid-configuration"
    mint.documents[place] = {"issuer": mint.url, "jwks_uri": "http://keys.test/keys"}
    with pytest.raises(IssuerUnavailable, match="fetched safely"):
        judge(mint, mint.token())


@contextmanager
def trickling(beginning: bytes) -> Iterator[str]:
    """Who answers a byte at a time and never ends; its host and port."""
    over = threading.Event()

    def answer(line: socket.socket) -> None:
        with line, suppress(OSError):
            line.sendall(beginning)
            while not over.wait(0.1):
                line.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()


@pytest.mark.parametrize(
    ("scheme", "beginning"),
    [
        ("http", b"HTTP/1.0 200 OK\r\nX-Slow: "),
        ("http", b"HTTP/1.0 200 OK\r\n\r\n"),
        ("https", b"\x16\x03\x03\x3f\x00"),
    ],
)
def test_an_issuer_that_never_ends_its_answer_is_cut_off(
    published: Mint, monkeypatch: pytest.MonkeyPatch, scheme: str, beginning: bytes
) -> None:
    """In its headers, its body or the handshake: whoever waits for keys waits so long and no longer."""
    monkeypatch.setattr(room, "ANSWER_SECONDS_MAX", 0.5)
    with trickling(beginning) as place:
        issuers, began = Issuers({"slow": settings_of(published)}), time.monotonic()
        with pytest.raises(IssuerUnavailable):
            issuers.ask("slow", "GET", f"{scheme}://{place}/keys")
        assert time.monotonic() - began < 3


def test_nobody_listening_is_no_reason_to_believe(mint: Mint) -> None:
    """A closed port, at the first token already."""
    token, url = mint.token(), mint.url
    mint.close()
    with pytest.raises(IssuerUnavailable):
        Issuers({"github": settings_of(mint, url=url)}).bearer(token)


def test_a_clock_that_was_moved_makes_no_old_token_good_for_long(mint: Mint) -> None:
    """A minute's error is forgiven, two are not, in both directions; what was verified before is judged anew."""
    one = Issuers({"github": settings_of(mint)})
    token, now = mint.token(), clock.now()
    for seconds in (-59, 0, 359):
        assert one.bearer(token, now=clock.after(now, seconds=seconds)).account == "1815"
    for seconds in (-120, 361, 86_400):
        with pytest.raises(Refused, match=r"in force|expired"):
            one.bearer(token, now=clock.after(now, seconds=seconds))


def test_keys_may_come_from_a_file(mint: Mint, tmp_path: Path) -> None:
    """Where a cluster's issuer cannot be reached: then nobody is asked at all."""
    file = tmp_path / "keys.json"
    file.write_bytes(mint.answer("/keys") or b"")
    before = mint.asked
    assert judge(mint, mint.token(), keys_file=str(file)).account == "1815"
    assert mint.asked == before
    with pytest.raises(IssuerUnavailable):
        judge(mint, mint.token(), keys_file=str(tmp_path / "nothing"))
