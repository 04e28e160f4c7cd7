# SPDX-License-Identifier: Apache-2.0
"""Signed logins, intents, approvals and administrations: accepted as meant, refused in every other reading."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from byhand import errors
from byhand.signatures import sshsig
from byhand.trust import checks, statements

RECORD = "019ac4f2-7c00-7000-8000-000000000001"
DIGEST = "ab" * 32
OTHER = "ba" * 32


def _intent(signing: Any, **changed: Any) -> statements.Intent:
    fields = {
        "origin": signing.origin,
        "record": RECORD,
        "declaration": DIGEST,
        "person": "cyd",
        "nonce": OTHER,
    }
    return statements.Intent(**{**fields, "expires": signing.later, **changed})


def _check_intent(signing: Any, ring: Any, envelope: Any, **changed: Any) -> Any:
    expected = {
        "origin": signing.origin,
        "record_id": RECORD,
        "declaration_sha256": DIGEST,
        "person": "cyd",
        "at_index": 3,
        "now": signing.now,
    }
    return checks.check_intent(envelope, keyring=ring, **{**expected, **changed})


def test_a_signed_intent_names_the_key_that_signed(signing: Any, two_officers: Any) -> None:
    """The person's own valid key over exactly this declaration is accepted."""
    key = _check_intent(signing, two_officers, signing.signed(_intent(signing), "cyd"))
    assert (key.person, key.fingerprint) == ("cyd", signing.key("cyd").fingerprint)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"origin": "byhand.local/test/2"}, "test/2"),
        ({"record": RECORD[:-1] + "2"}, "another record"),
        ({"declaration": OTHER}, "another declaration"),
        ({"person": "ada"}, "another person"),
        ({"expires": "2026-11-24T13:00:00.000000Z"}, "expired"),
    ],
)
def test_an_intent_signed_for_something_else_is_refused(
    signing: Any, two_officers: Any, changed: dict[str, str], word: str
) -> None:
    """Another home, record, declaration, person or time: each is named."""
    with pytest.raises(errors.BadSignature, match=word):
        _check_intent(signing, two_officers, signing.signed(_intent(signing, **changed), "cyd"))


def test_an_intent_signed_by_someone_else_is_refused(signing: Any, two_officers: Any) -> None:
    """Neither an officer nor a stranger nor nobody speaks for the person, nor somebody beside them."""
    for names, word in (
        (("ada",), "signed by ada"),
        (("eve",), "belongs to nobody"),
        ((), "not signed"),
        (("cyd", "ada"), "signed by ada"),
        (("cyd", "cyd"), "twice"),
    ):
        with pytest.raises(errors.BadSignature, match=word):
            _check_intent(signing, two_officers, signing.signed(_intent(signing), *names))


def test_validity_is_judged_at_the_index_of_the_record(signing: Any, two_officers: Any) -> None:
    """The key must be enrolled before and not revoked until there; a later revocation changes nothing."""
    envelope = signing.signed(_intent(signing), "cyd")
    ring = two_officers.extended(9, signing.signed(signing.revocation("cyd"), "cyd"))
    assert _check_intent(signing, ring, envelope, at_index=8).revoked_at == 9
    with pytest.raises(errors.BadSignature, match="revoked at index 9"):
        _check_intent(signing, ring, envelope, at_index=10)
    with pytest.raises(errors.BadSignature, match="enrolled at index 2"):
        _check_intent(signing, ring, envelope, at_index=2)


def test_an_intent_signed_in_another_namespace_is_refused(signing: Any, two_officers: Any) -> None:
    """A login signature cannot be passed off as an intent."""
    envelope = signing.signed(_intent(signing), "cyd", namespace=sshsig.NAMESPACE_LOGIN)
    with pytest.raises(errors.BadSignature, match="made for 'login@byhand'"):
        _check_intent(signing, two_officers, envelope)


def test_a_changed_statement_under_an_old_signature_is_refused(signing: Any, two_officers: Any) -> None:
    """The signature covers every byte of the statement."""
    signed = signing.signed(_intent(signing, nonce=DIGEST), "cyd")
    moved = msgspec.structs.replace(signed, payload=statements.statement_bytes(_intent(signing)))
    with pytest.raises(errors.BadSignature, match="does not fit"):
        _check_intent(signing, two_officers, moved)


def test_a_login_answers_its_challenge(signing: Any, two_officers: Any) -> None:
    """The right challenge signs its person in; another, an expired or a stranger's does not."""
    login = statements.Login(origin=signing.origin, person="cyd", challenge=DIGEST, expires=signing.later)
    expected = {"origin": signing.origin, "challenge": DIGEST, "keyring": two_officers, "at_index": 3}
    envelope = signing.signed(login, "cyd")
    assert checks.check_login(envelope, now=signing.now, **expected).person == "cyd"
    with pytest.raises(errors.BadSignature, match="another challenge"):
        checks.check_login(envelope, now=signing.now, **{**expected, "challenge": OTHER})
    with pytest.raises(errors.BadSignature, match="expired"):
        checks.check_login(envelope, now=signing.later, **expected)
    with pytest.raises(errors.BadSignature, match="signed by ada"):
        checks.check_login(signing.signed(login, "ada"), now=signing.now, **expected)


def _approval(signing: Any, **changed: Any) -> statements.Approval:
    fields: dict[str, Any] = {
        "origin": signing.origin,
        "record": RECORD,
        "intent_index": 5,
        "intent_leaf": DIGEST,
        "decision": "approve",
        "meaning": "reviewed and approved",
        "person": "bob",
        "requirement": DIGEST,
        "policy": DIGEST,
        "seen_size": 6,
        "seen_root": DIGEST,
        "nonce": OTHER,
        "expires": signing.later,
    }
    return statements.Approval(**{**fields, **changed})


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({}, ""),
        ({"record": RECORD[:-1] + "2"}, "another record"),
        ({"intent_index": 4}, "another intent index"),
        ({"intent_leaf": OTHER}, "another intent leaf"),
        ({"decision": "refuse"}, "another decision"),
        ({"person": "ada"}, "another person"),
        ({"expires": "2026-11-24T12:00:00.000000Z"}, "expired"),
    ],
)
def test_an_approval_holds_for_one_intent_and_decision(
    signing: Any, two_officers: Any, changed: dict[str, Any], word: str
) -> None:
    """An approval moved to another intent, leaf, decision or person is refused by name."""
    envelope = signing.signed(_approval(signing, **changed), "bob")
    expected: dict[str, Any] = {
        "origin": signing.origin,
        "record_id": RECORD,
        "intent_index": 5,
        "person": "bob",
    }
    expected |= {"intent_leaf": DIGEST, "decision": "approve", "at_index": 6, "now": signing.now}
    if not word:
        assert checks.check_approval(envelope, keyring=two_officers, **expected).person == "bob"
        return
    with pytest.raises(errors.BadSignature, match=word):
        checks.check_approval(envelope, keyring=two_officers, **expected)


def _administration(signing: Any, **changed: Any) -> statements.Administration:
    fields = {"origin": signing.origin, "record": RECORD, "change": DIGEST, "person": "ada", "nonce": OTHER}
    return statements.Administration(**{**fields, "time": signing.now, **changed})


def _check_administration(signing: Any, ring: Any, envelope: Any, officers_required: int) -> Any:
    return checks.check_administration(
        envelope,
        origin=signing.origin,
        record_id=RECORD,
        change_sha256=DIGEST,
        keyring=ring,
        at_index=3,
        officers_required=officers_required,
    )


def test_an_administration_takes_the_officers_it_needs(signing: Any, two_officers: Any) -> None:
    """One or two officers as required, the one it names among them."""
    one = signing.signed(_administration(signing), "ada")
    two = signing.signed(_administration(signing), "ada", "bob")
    assert [key.person for key in _check_administration(signing, two_officers, one, 1)] == ["ada"]
    assert [key.person for key in _check_administration(signing, two_officers, two, 2)] == ["ada", "bob"]
    with pytest.raises(errors.BadSignature, match="it takes 2 officers"):
        _check_administration(signing, two_officers, one, 2)


@pytest.mark.parametrize(
    ("changed", "names", "word"),
    [
        ({}, ("bob",), "speaks for ada"),
        ({}, ("ada", "cyd"), "cyd signed the administration but is no officer"),
        ({}, (), "not signed"),
        ({"change": OTHER}, ("ada",), "another change"),
        ({"record": RECORD[:-1] + "2"}, ("ada",), "another record"),
        ({"origin": "byhand.local/test/2"}, ("ada",), "test/2"),
    ],
)
def test_an_administration_by_others_or_for_something_else_is_refused(
    signing: Any, two_officers: Any, changed: dict[str, str], names: tuple[str, ...], word: str
) -> None:
    """Who signed, and for what, is named."""
    with pytest.raises(errors.BadSignature, match=word):
        _check_administration(
            signing, two_officers, signing.signed(_administration(signing, **changed), *names), 1
        )
