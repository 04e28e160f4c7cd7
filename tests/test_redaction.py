# SPDX-License-Identifier: Apache-2.0
"""Secrets are taken out before a payload leaves the process, and equality stays provable."""

from __future__ import annotations

import hmac
import subprocess
import sys
import time
from typing import Any

import msgspec
import pytest

from byhand.records import captured, codec, normal
from byhand.records.intervention import (
    Automation,
    Change,
    Declaration,
    FailedCheck,
    Justification,
    OverriddenDecision,
    Target,
)
from byhand.records.kinds import Outcome
from byhand.records.limits import MASKED_MAX
from byhand.records.secret_names import is_secret_name
from byhand.redaction import Redactor, redact_text

KEY = b"k" * 32
CANARY = "canary-7f3aQ"


def _redactor(*pointers: str) -> Redactor:
    return Redactor(pointers, KEY, "k1")


def test_a_declared_secret_becomes_null_and_a_mac() -> None:
    """The leaf becomes null, all else stays character for character, and the MAC is the leaf's."""
    text = '{ "pin":\t4711.0, "limit": 1.10, "größe": "x" }'
    value = _redactor("/pin").value(captured.from_text(text))
    assert value.text == text.replace("4711.0", "null")
    (mask,) = value.masked
    assert (mask.pointer, mask.key) == ("/pin", "k1")
    assert mask.mac == hmac.digest(KEY, normal.normal_text("4711").encode(), "sha256").hex()
    codec.validate(value)


def test_equality_stays_provable() -> None:
    """The same secret before and after is the same value, another one is not, without either being kept."""
    one, other, third = (
        _redactor("/pin").value(captured.from_text(text))
        for text in ('{"pin":1e3}', '{"pin": 1000}', '{"pin":1001}')
    )
    assert captured.same(one, other)
    assert not captured.same(one, third)
    assert not captured.same(one, captured.from_text('{"pin":null}'))


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (
            {"password": "s3cretpw", "backup": "mysqldump -ps3cretpw db"},
            '{"password": null, "backup": null}',
        ),
        ({"user": "postgres", "password": "postgres"}, '{"user": null, "password": null}'),
        ({"note": "see s3cretpw", "d": [{"x": "s3cretpw"}], "pin": "s3cretpw"}, None),
        ({"a": 'say "hi"', "password": '"hi"'}, '{"a": null, "password": null}'),
        ({"password": "on", "state": "on"}, '{"password": null, "state": "on"}'),
    ],
)
def test_a_secret_repeated_in_its_value_is_taken_out_everywhere(value: object, left: str | None) -> None:
    """Every string of the same value that holds it goes too, and a second reading gives the very same."""
    redactor = _redactor()
    once, again = (redactor.value(captured.capture(value)) for _ in range(2))
    assert once == again == _redactor().value(captured.capture(value))
    assert left is None or once.text == left
    assert "s3cretpw" not in str(once)
    codec.validate(once)


def test_what_is_secret_in_a_value_does_not_depend_on_values_before() -> None:
    """The same value is the same without its secrets, whatever the redactor saw: else nothing could be compared."""
    redactor = _redactor()
    plain = captured.capture({"note": "open sesame", "n": 1})
    redactor.value(captured.capture({"password": "open sesame"}))
    assert redactor.value(plain) == plain
    words = captured.from_text("open sesame", captured.TEXT)
    assert redactor.value(words) == words
    assert redactor.text("they said open sesame") == "they said [redacted]"


def test_pointers_may_hold_wildcards() -> None:
    """A star stands for any one step; a pointer to a whole object takes all of it."""
    value = _redactor("/users/*/seed", "/box").value(
        captured.capture({"users": [{"seed": 1, "n": 1}, {"seed": 2, "n": 2}], "box": {"a": [1]}, "seed": 3})
    )
    assert value.text == '{"users": [{"seed": null, "n": 1}, {"seed": null, "n": 2}], "box": null, "seed": 3}'
    assert [mask.pointer for mask in value.masked] == ["/users/0/seed", "/users/1/seed", "/box"]


def test_a_wholly_secret_value() -> None:
    """The pointer to everything leaves nothing but a MAC, for texts and for references too."""
    for value in (
        captured.capture("s3cret"),
        captured.from_text("s3cret", captured.TEXT),
        captured.capture("x" * 30_000),
    ):
        hidden = _redactor("").value(value)
        assert hidden.form == "redacted"
        assert hidden.text is None
        assert hidden.digest is None
        codec.validate(hidden)
    for other in (captured.absent(), captured.unknown("timed out")):
        assert _redactor("").value(other) == other


SECRET_NAMES = [
    "password",
    "passwd",
    "pwd",
    "DB_PASSWORD",
    "dbPassword",
    "PGPASSWORD",
    "user.password",
    "passphrase",
    "pin",
    "PIN",
    "secret",
    "client_secret",
    "clientSecret",
    "token",
    "access_token",
    "X-Auth-Token",
    "api_key",
    "apiKey",
    "API-KEY",
    "x-api-key",
    "authorization",
    "Proxy-Authorization",
    "private_key",
    "privateKey",
    "credential",
    "credentials",
    "cookie",
    "Set-Cookie",
    "session",
    "session_id",
    "sessionId",
    "jwt",
    "aws_secret_access_key",
    "password_hash",
    "otp",
    "cvv",
    "kubeconfig",
    "connectionString",
    "token_value",
    "secret_value",
    "token1",
    "secret1",
    "token2",
    "pwd1",
    "password_key",
    "jwt_value",
    "credential_json",
    "client_secret_old",
    "secret_b64",
    "apiKey2",
    "passwort",
    "kennwort",
]
OTHER_NAMES = [
    "passwordPolicy",
    "password_min_length",
    "secretName",
    "secretKeyRef",
    "token_ttl",
    "max_tokens",
    "tokenCount",
    "author",
    "authority",
    "bypass",
    "compass",
    "opinion",
    "pinned",
    "session_count",
    "trading_session",
    "key",
    "keyboard",
    "monkey",
    "primary_key",
    "limit",
    "notional",
    "state",
    "cookie_policy",
    "passed",
    "tokenizer",
    "primary_key_2",
    "state_value",
    "password_min_length_2",
    "api_key_id",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name: str) -> None:
    """What stands behind such a name is a secret, in whatever case and with whatever separators."""
    assert is_secret_name(name)
    value = _redactor().value(captured.capture({"a": [{name: "x"}]}))
    assert value.text == captured.capture({"a": [{name: None}]}).text


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_names_of_other_things(name: str) -> None:
    """Names about secrets, and names that only sound like one, hide nothing."""
    assert not is_secret_name(name)


def test_settings_are_not_secrets() -> None:
    """True, false and null behind a secret's name are kept; a number and a whole object are not."""
    value = _redactor().value(
        captured.from_text('{"password":true,"token":null,"pin":12,"credentials":{"a":1},"secrets":[]}')
    )
    assert value.text == '{"password":true,"token":null,"pin":null,"credentials":null,"secrets":[]}'


def test_named_pairs() -> None:
    """Name and value beside each other, secrets of Kubernetes, and entries of dictionaries are recognised."""
    kube = {"kind": "Secret", "data": {"a": "eA=="}, "stringData": {"b": "x"}, "type": "Opaque"}
    env = [{"name": "DB_PASSWORD", "value": "x"}, {"name": "MODE", "value": "y"}]
    value = _redactor().value(
        captured.capture({"s": kube, "env": env, "e": {("password",): 1, None: 2}, "p": [["token", "x"]]})
    )
    assert [mask.pointer for mask in value.masked] == ["/s/data", "/s/stringData", "/env/0/value", "/p/0/1"]


def test_a_secret_as_key() -> None:
    """An object that has a token for a key is taken out as a whole."""
    value = _redactor().value(captured.capture({"users": {"ghp_" + "a1B2" * 9: "ada"}, "n": 1}))
    assert value.text == '{"users": null, "n": 1}'


def test_too_many_secrets() -> None:
    """A value with more secrets than can be listed is a secret as a whole."""
    value = _redactor().value(captured.capture([{"password": "x"}] * (MASKED_MAX + 1)))
    assert value.form == "redacted"


@pytest.mark.parametrize(
    "value",
    [
        {"k" * 400: {f"password{number}": "x" * 5 for number in range(200)}},
        {"k" * 9_000: {"password": "hunter22"}},
        {**{f"service_{number:03d}_password": "x" * 8 for number in range(240)}, "text": "y" * 12_000},
    ],
    ids=["long-pointers", "one-too-long", "much-text"],
)
def test_secrets_whose_places_no_record_can_hold(value: object) -> None:
    """Where pointers and MACs would be too long for a record, the value is a secret as a whole."""
    hidden = _redactor().value(captured.capture(value))
    assert hidden.form == "redacted"
    codec.validate(hidden)


def test_text_that_is_no_json() -> None:
    """A configuration file with a secret in it is a secret; one without stays as it is."""
    assert _redactor().value(captured.from_text("[db]\npassword = x1\n", captured.TEXT)).form == "redacted"
    plain = captured.from_text("[db]\nhost = x\n", captured.TEXT)
    assert _redactor().value(plain) == plain
    assert _redactor().value(captured.from_text('{"password": "x"')).form == "redacted"


TOKENS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "xoxb-" + "123456789012-abcdefABCDEF",
    "sk_live_" + "a1B2c3D4e5F6g7H8i9J0k1L2",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\nZXktdjE=\n-----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMIIcut",
    "Bearer abcdefgh12345678",
]


@pytest.mark.parametrize("token", TOKENS, ids=range(len(TOKENS)))
def test_tokens_are_known_by_their_look(token: str) -> None:
    """A token of a known kind is found in free text and in values, without a name beside it."""
    assert redact_text(f"used {token} twice") in ("used [redacted] twice", "used [redacted]")
    assert _redactor().value(captured.capture({"note": f"it was {token}"})).text == '{"note": null}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mysql --password hunter2 -u ada", "mysql --password [redacted] -u ada"),
        ("mysql --password=hunter2", "mysql --password=[redacted]"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=[redacted] psql"),
        ('curl -H "Authorization: Bearer abc" x', 'curl -H "Authorization: [redacted]" x'),
        ("postgres://ada:hunter2@db/x", "postgres://ada:[redacted]@db/x"),
        ("GET /x?token=abc&y=1", "GET /x?token=[redacted]&y=1"),
        ('{"password": "a b", "n": 1}', '{"password": [redacted], "n": 1}'),
        ("pin: 4711", "pin: [redacted]"),
        ("password := 'a b'", "password := [redacted]"),
        ("Cookie: abcdefghijklmnop", "Cookie: [redacted]"),
        ('failed: {"password":"a\\"bcdef ghi", "n": 1}', 'failed: {"password":[redacted], "n": 1}'),
        ('"{\\"password\\": \\"a\\\\\\"b c\\", \\"n\\": 1}"', '"{\\"password\\": [redacted], \\"n\\": 1}"'),
        ("https://ada:p@ss:w/rd@host/", "https://ada:[redacted]@host/"),
        ("https://host:8443/a@b/c and https://host/", "https://host:8443/a@b/c and https://host/"),
        ('PASSWORD="multi\nline secret" next', "PASSWORD=[redacted] next"),
        ("password='it''s mine' next", "password=[redacted] next"),
        ('"password": ["first1","second]2"], "n": [1]', '"password": [redacted], "n": [1]'),
        ('password = {"a":["s3cr3tvalue"]} next', "password = [redacted] next"),
        ("secret=abc,def next", "secret=[redacted] next"),
        ("token=a;b", "token=[redacted]"),
        ("Password=abc;Database=y, user=x", "Password=[redacted];Database=y, user=x"),
        ('note="password=hunter2 was refused"', 'note="password=[redacted] was refused"'),
        ('password="open to the end', "password=[redacted]"),
        ("tokens=[], password={}", "tokens=[], password={}"),
    ],
)
def test_named_secrets_in_texts(text: str, expected: str) -> None:
    """What stands behind a secret's name in a command line, URL, header or note is replaced."""
    assert redact_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Index rebalance: quoting obligation on XLON until 15:00.",
        "session: open until the auction",
        "password = None, token: null",
        "01936000-0000-7000-8000-000000000001 at 2026-11-24T13:21:05.123456Z",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "see https://example.org/path?x=1 and ada@example.org",
        "the token bucket was empty; passed 3:1",
        "--token --verbose",
    ],
)
def test_ordinary_texts_stay(text: str) -> None:
    """Notes, ids, digests and addresses are left alone."""
    assert redact_text(text) == text


def test_a_removed_secret_is_removed_from_later_texts() -> None:
    """A secret taken out of a value is replaced in notes and error messages that quote it."""
    redactor = _redactor("/code")
    redactor.value(captured.from_text('{"code":"violet-11","pin":98765,"door":{"password":["open-sesame"]}}'))
    assert redactor.text("engine refused violet-11, 98765 and open-sesame") == (
        "engine refused [redacted], [redacted] and [redacted]"
    )


def test_a_longer_secret_that_begins_like_a_removed_one_is_removed_whole() -> None:
    """What follows the known part, behind the same name, is a part of the secret."""
    redactor = _redactor()
    redactor.value(captured.capture({"password": "hunter22"}))
    assert redactor.text("--password=hunter22x -h db") == "--password=[redacted] -h db"
    assert redactor.text('{"password": "hunter22x", "n": 1}') == '{"password": [redacted], "n": 1}'
    again = redactor.text("password=[redacted], token=[redacted]&x=1")
    assert again == "password=[redacted], token=[redacted]&x=1"


def _everywhere(secret: str) -> Declaration:
    """A declaration that holds ``secret`` in every field that people, systems or programs fill freely."""
    said = f"password={secret}"
    value = captured.capture({"password": secret, "n": 1})
    return Declaration(
        record="01936000-0000-7000-8000-000000000001",
        person="ada.lovelace",
        action="trading.limit.raise",
        expires="2026-11-24T13:31:05.123456Z",
        target=Target(system=said, type=said, id=said, name=said),
        change=Change(
            original=value,
            new=captured.capture({"password": secret + "x", "n": 1}),
            patch=f'[{{"op": "replace", "path": "/password", "value": "{secret}"}}]',
            reverse=f'[{{"op": "replace", "path": "/password", "value": "{secret}"}}]',
            version_before=said,
        ),
        justification=Justification(code="X", text=f"they said {secret}", tickets=(said,), language=said),
        automation=Automation(
            workflow=said,
            version=said,
            run=said,
            decision=OverriddenDecision(rule=said, outcome=said, inputs_digest=said),
            failed_checks=(FailedCheck(name=said, message=f"expected {secret}"),),
        ),
    )


def test_no_canary_leaves_in_a_declaration() -> None:
    """Values, patches, notes, tickets, check messages, names: the canary is in none of the bytes."""
    made = _everywhere(CANARY)
    assert msgspec.json.encode(made).count(CANARY.encode()) > 15
    clean = _redactor().declaration(made)
    assert CANARY.encode() not in msgspec.json.encode(clean)
    assert clean.change.patch is None
    assert clean.justification is not None
    assert clean.justification.text == "they said [redacted]"
    assert clean.person == "ada.lovelace"


@pytest.mark.parametrize("form", ["unknown", "text", "json-in-text", "declared"])
def test_no_canary_leaves_in_an_outcome(form: str) -> None:
    """The value read back and the error that explains it lose the secret, whatever the form."""
    values: dict[str, Any] = {
        "unknown": captured.unknown(f"cannot open db://ada:{CANARY}@x"),
        "text": captured.from_text(f"secret: {CANARY}", captured.TEXT),
        "json-in-text": captured.capture({"last-applied": f'{{"password":"{CANARY}"}}'}),
        "declared": captured.capture({"seed": CANARY}),
    }
    outcome = Outcome(
        id="x", schema=0, result="failed", found=values[form], error=f"token={CANARY} was refused"
    )
    clean = _redactor("/seed").outcome(outcome)
    assert CANARY.encode() not in msgspec.json.encode(clean)
    assert clean.error == "token=[redacted] was refused"


def test_what_holds_no_secret_is_untouched() -> None:
    """A declaration without secrets comes back as it was, its patch recomputed to the same."""
    original, new = captured.capture({"a": 1.5}), captured.capture({"a": 2})
    both = captured.patch(original, new)
    assert both is not None
    made = Declaration(
        record="01936000-0000-7000-8000-000000000001",
        person="ada.lovelace",
        action="trading.limit.raise",
        expires="2026-11-24T13:31:05.123456Z",
        point="mm7",
        change=Change(original=original, new=new, patch=both[0], reverse=both[1]),
        justification=Justification(code="X", text="Quoting obligation until 15:00."),
    )
    assert _redactor().declaration(made) == made


def test_redacting_twice_changes_nothing() -> None:
    """A value without its secrets is left as it is, masks included."""
    redactor = _redactor("/a/pin")
    once = redactor.value(captured.capture({"a": {"pin": 4711, "x": 1}, "password": "x"}))
    assert redactor.value(once).text == once.text


def test_ordinary_values_load_nothing() -> None:
    """The detectors are loaded only when something may be a token, and never for an ordinary declaration."""
    code = """
import sys
from byhand.records import captured
from byhand.redaction import Redactor
redactor = Redactor((), b"k", "k")
redactor.value(captured.capture({"state": "HALTED", "at": "2026-11-24T13:21:05.123456Z", "password": "x"}))
redactor.text("Quoting obligation on XLON, see 01936000-0000-7000-8000-000000000001")
assert not {"detect_secrets", "requests"} & set(sys.modules)
redactor.text("ghp_" + "a1B2" * 9)
assert "detect_secrets" in sys.modules
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


HOSTILE = [
    "a-",
    "--a=",
    "a",
    "a:",
    "-a ",
    "://:",
    "://a:b",
    "://a:@",
    "eyJ",
    "eyJ-",
    "eyJaaaaa=",
    "1aA",
    '"=',
    "password=[",
    'password={"',
    'pin=\\"',
    "pin='",
    "pin=a,",
    "secret=a,b=",
    "a=\\",
    "-----BEGIN A ",
    "bearer  ",
]
HOSTILE_LENGTH = 1_000_000


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_texts_cost_little(part: str) -> None:
    """No text makes the search for secrets slow: it grows with its length."""
    text = (part * HOSTILE_LENGTH)[:HOSTILE_LENGTH]
    begun = time.process_time()
    redact_text(text)
    assert time.process_time() - begun < 5


def test_a_value_full_of_secrets_costs_little() -> None:
    """Looking for each of many secrets in each of many strings takes a moment."""
    many = {"credentials": [f"{number:04x}" for number in range(1_100)], "l": [f"w{n}" for n in range(1_100)]}
    begun = time.process_time()
    _redactor().value(captured.capture(many))
    assert time.process_time() - begun < 2
