# SPDX-License-Identifier: Apache-2.0
"""Statements are canonical, strict, and bound to one home."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from byhand import errors
from byhand.trust import statements

KINDS = (
    statements.Genesis,
    statements.Enrolment,
    statements.Revocation,
    statements.Login,
    statements.Intent,
    statements.Approval,
    statements.Administration,
)


def _intent(**changed: Any) -> statements.Intent:
    fields: dict[str, Any] = {
        "origin": "byhand.local/test/1",
        "record": "019ac4f2-7c00-7000-8000-000000000001",
        "declaration": "ab" * 32,
        "person": "ada@example",
        "nonce": "cd" * 32,
        "expires": "2026-11-24T13:10:00.000000Z",
    }
    return statements.Intent(**{**fields, **changed})


def test_a_statement_has_exactly_these_bytes() -> None:
    """Sorted names, no space, and the type among them: the form that is documented and signed."""
    assert statements.statement_bytes(_intent()) == (
        b'{"_type":"https://byhand.dev/statement/intent/v1","declaration":"' + b"ab" * 32 + b'",'
        b'"expires":"2026-11-24T13:10:00.000000Z","nonce":"' + b"cd" * 32 + b'",'
        b'"origin":"byhand.local/test/1","person":"ada@example",'
        b'"record":"019ac4f2-7c00-7000-8000-000000000001"}'
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_names_its_type_and_payload_type(kind: Any) -> None:
    """The type URI and the payload type carry the kind's own word."""
    assert kind.__struct_config__.tag == f"https://byhand.dev/statement/{kind.kind}/v1"
    assert statements.payload_type(kind) == f"application/vnd.byhand.{kind.kind}.v1+json"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("origin", ""),
        ("origin", "two words"),
        ("origin", "a+b"),
        ("record", "019AC4F2-7C00-7000-8000-000000000001"),
        ("record", "1"),
        ("declaration", "AB" * 32),
        ("declaration", "ab" * 31),
        ("person", ""),
        ("person", "ada\n"),
        ("person", "\ud800"),
        ("person", "ada bob"),
        ("person", "a" * (statements.PERSON_LENGTH_MAX + 1)),
        ("person", "аda"),  # the first letter is Cyrillic
        ("nonce", "cd"),
        ("expires", "2026-11-24T13:10:00Z"),
        ("expires", "2026-11-24T13:10:00.000000+00:00"),
        ("expires", "2026-11-24T13:10:00.000000Z\n"),
    ],
)
def test_a_field_that_breaks_its_rule_cannot_be_signed(field: str, value: str) -> None:
    """Nothing malformed leaves this room as bytes to sign."""
    with pytest.raises(errors.Invalid, match="intent"):
        statements.statement_bytes(_intent(**{field: value}))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('","', '", "', 1),
        lambda text: text.replace("}", ',"more":1}'),
        lambda text: text.replace("intent/v1", "login/v1"),
        lambda text: text.replace("intent/v1", "intent/v2"),
        lambda text: text.replace('"person":"ada@example",', ""),
        lambda text: text.replace(
            '"person":"ada@example",', '"person":"ada@example","person":"ada@example",'
        ),
        lambda text: text.replace("ada", "\\u0061da"),
        lambda text: text + " ",
        lambda text: json.dumps(dict(reversed(json.loads(text).items())), separators=(",", ":")),
        lambda text: text + " " * statements.STATEMENT_LENGTH_MAX,
        lambda text: "[" * 60_000,
    ],
)
def test_any_other_spelling_is_refused(change: Any) -> None:
    """One statement has one text: other order, spacing, escapes, fields or types are refused."""
    data = change(statements.statement_bytes(_intent()).decode()).encode()
    with pytest.raises(errors.Invalid):
        statements.parse(data, statements.Intent)


@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_noise_raises_our_errors_only(data: bytes, kind: Any) -> None:
    """Whatever the bytes, only byhand's own errors come out."""
    with pytest.raises(errors.Invalid):
        statements.parse(data, kind)


@given(st.text(min_size=1, max_size=60))
def test_a_reason_that_is_written_is_read_back(text: str) -> None:
    """Free text either survives unchanged or is refused by name."""
    revocation = statements.Revocation(
        origin="o", person="ada", key="SHA256:" + "A" * 43, reason=text, time="2026-11-24T13:10:00.000000Z"
    )
    try:
        data = statements.statement_bytes(revocation)
    except errors.Invalid:
        assert not text.isprintable()
        return
    assert statements.parse(data, statements.Revocation) == revocation


def test_a_key_line_with_a_comment_is_refused(signing: Any) -> None:
    """A statement holds no personal data beyond the person id, so no key comment."""
    enrolment = signing.enrolment("ada", key=signing.key("ada").line + " ada@laptop")
    with pytest.raises(errors.Invalid, match="comment"):
        statements.statement_bytes(enrolment)


def test_a_weak_or_malformed_key_cannot_be_enrolled(signing: Any) -> None:
    """The key in a statement passes the same rules as everywhere."""
    for line in ("ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3MAAAAA", "x" * 10_000):
        with pytest.raises(errors.ByhandError):
            statements.unsigned(signing.enrolment("ada", key=line))
    with pytest.raises(errors.ByhandError):
        statements.unsigned(signing.enrolment("ada", key="nothing"))


@pytest.mark.parametrize("roles", [("officer", "auditor"), ("auditor", "auditor"), ("Officer",), ("",)])
def test_roles_are_words_in_order(signing: Any, roles: tuple[str, ...]) -> None:
    """Roles are listed once each, sorted, in lower case."""
    with pytest.raises(errors.Invalid):
        statements.unsigned(signing.enrolment("ada", roles=roles))


def test_a_statement_for_another_home_is_refused(signing: Any) -> None:
    """Reading names both homes."""
    envelope = statements.unsigned(signing.genesis(origin="byhand.local/other/1"))
    with pytest.raises(errors.BadSignature, match="other/1"):
        statements.read(envelope, statements.Genesis, origin=signing.origin)


def test_an_envelope_of_another_kind_is_refused(signing: Any) -> None:
    """The payload type must be the kind's own."""
    envelope = statements.unsigned(signing.genesis())
    with pytest.raises(errors.Invalid, match="not a login"):
        statements.read(envelope, statements.Login, origin=signing.origin)


def test_the_officers_fingerprint_is_the_hash_of_the_genesis_bytes(signing: Any) -> None:
    """Anyone can recompute it with sha256sum and base64."""
    data = statements.statement_bytes(signing.genesis())
    expected = base64.b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    assert statements.officers_fingerprint(data) == f"SHA256:{expected}"


def test_statements_cannot_be_changed(signing: Any) -> None:
    """A statement is frozen."""
    with pytest.raises(AttributeError):
        signing.genesis().person = "bob"
    assert msgspec.structs.replace(signing.genesis(), person="bob").person == "bob"
