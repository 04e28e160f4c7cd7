# SPDX-License-Identifier: Apache-2.0
"""Passkeys in the keyring: enrolled like any key, and never more than they say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from authenticator import COPIED, ELIGIBLE, HONEST, Authenticator
from byhand import errors
from byhand.signatures import dsse, public_keys
from byhand.trust import checks, statements

SYNCED = HONEST | ELIGIBLE | COPIED
RECORD, LEAF = "01938a5e-7a00-7000-8000-000000000001", "ab" * 32


def _with(
    signing: Any, ring: Any, passkey: Authenticator, *by: str, person: str = "cyd", **changed: Any
) -> Any:
    enrolment = signing.enrolment(person, key=passkey.line, **changed)
    return ring.extended(ring.last_index + 1, signing.signed(enrolment, *by))


def test_a_person_enrols_a_passkey_with_an_earlier_key(signing: Any, two_officers: Any) -> None:
    """It is theirs from then on, of its kind, and bound to its device as far as the statement says."""
    passkey = signing.passkey("cyd's phone")
    ring = _with(signing, two_officers, passkey, "cyd", device_bound=True)
    key = ring.key(passkey.fingerprint, ring.last_index + 1)
    assert (key.person, key.kind, key.device_bound) == ("cyd", public_keys.WEBAUTHN, True)
    assert ring.passkeys(ring.last_index + 1) == (key,)
    assert "webauthn" not in ring.allowed_signers(ring.last_index + 1)


def test_two_officers_enrol_a_passkey_for_somebody_without_a_key(signing: Any, two_officers: Any) -> None:
    """One alone does not."""
    passkey = signing.passkey("dan's phone")
    ring = _with(signing, two_officers, passkey, "ada", "bob", person="dan")
    assert ring.keys_of("dan", ring.last_index + 1)[0].fingerprint == passkey.fingerprint
    for by in (("ada",), ("cyd",), ("dan's phone",), ("ada", "dan's phone")):
        with pytest.raises(errors.BadSignature):
            _with(signing, two_officers, passkey, *by, person="dan")


def test_a_passkey_enrols_the_next_key_of_its_person(signing: Any, two_officers: Any) -> None:
    """And not one of anybody else."""
    ring = _with(signing, two_officers, signing.passkey("cyd's phone"), "cyd")
    after = ring.extended(
        ring.last_index + 1, signing.signed(signing.enrolment("cyd", "cyd2"), "cyd's phone")
    )
    assert len(after.keys_of("cyd", after.last_index + 1)) == 3
    with pytest.raises(errors.BadSignature, match="signed by cyd"):
        ring.extended(ring.last_index + 1, signing.signed(signing.enrolment("eve"), "cyd's phone"))


@pytest.mark.parametrize("by", [("cyd",), ("ada", "bob")])
def test_nobody_calls_a_synced_passkey_bound(signing: Any, two_officers: Any, by: tuple[str, ...]) -> None:
    """Not its person, and not two officers: the authenticator itself says that copies may exist."""
    passkey = signing.passkey("cyd's phone", flags=SYNCED)
    with pytest.raises(errors.Unsound, match="can be copied"):
        _with(signing, two_officers, passkey, *by, device_bound=True)
    ring = _with(signing, two_officers, passkey, *by)
    assert not ring.key(passkey.fingerprint, ring.last_index + 1).device_bound


def test_a_passkey_belongs_to_one_person(signing: Any, two_officers: Any) -> None:
    """Enrolled once, and never again after it was revoked."""
    passkey = signing.passkey("cyd's phone")
    ring = _with(signing, two_officers, passkey, "cyd")
    with pytest.raises(errors.Unsound, match="is enrolled as a key of cyd"):
        _with(signing, ring, passkey, "ada", "bob", person="dan")
    revocation = statements.Revocation(
        origin=signing.origin, person="cyd", key=passkey.fingerprint, reason="lost phone", time=signing.now
    )
    after = ring.extended(ring.last_index + 1, signing.signed(revocation, "cyd's phone"))
    assert [key.revoked_at for key in after.passkeys(after.last_index + 1)] == [after.last_index]
    with pytest.raises(errors.BadSignature, match="was revoked"):
        after.key(passkey.fingerprint, after.last_index + 1)
    with pytest.raises(errors.Unsound, match="was revoked as a key of cyd"):
        _with(signing, after, passkey, "cyd")


def test_the_first_officer_may_begin_with_a_passkey(signing: Any) -> None:
    """The genesis is signed by it like by any other."""
    passkey = signing.passkey("ada's phone")
    genesis = signing.genesis("ada", keys=(passkey.line,))
    ring = signing.fold((0, signing.signed(genesis, "ada's phone")))
    assert ring.officers(1) == {"ada"}


def _approval(signing: Any, **changed: Any) -> statements.Approval:
    fields = {
        "origin": signing.origin,
        "record": RECORD,
        "intent_index": 3,
        "intent_leaf": LEAF,
        "decision": "approve",
        "meaning": "I have read this change and take responsibility for it.",
        "person": "cyd",
        "requirement": "cd" * 32,
        "policy": "ef" * 32,
        "seen_size": 4,
        "seen_root": "12" * 32,
        "nonce": "34" * 32,
        "expires": signing.later,
    }
    return statements.Approval(**{**fields, **changed})


def _check(signing: Any, ring: Any, envelope: dsse.Envelope) -> Any:
    return checks.check_approval(
        envelope,
        origin=signing.origin,
        record_id=RECORD,
        intent_index=3,
        intent_leaf=LEAF,
        decision="approve",
        person="cyd",
        keyring=ring,
        at_index=ring.last_index + 1,
        now=signing.now,
    )


def test_a_passkey_signs_a_decision(signing: Any, two_officers: Any) -> None:
    """Over exactly the statement's bytes; moved to another statement, it is refused."""
    ring = _with(signing, two_officers, signing.passkey("cyd's phone"), "cyd")
    good = signing.signed(_approval(signing), "cyd's phone")
    assert _check(signing, ring, good).fingerprint == signing.passkeys["cyd's phone"].fingerprint
    refusal = statements.unsigned(_approval(signing, decision="refuse"))
    moved = dsse.Envelope(good.payload_type, refusal.payload, good.signatures)
    with pytest.raises(errors.BadSignature):
        _check(signing, ring, moved)
    later = statements.unsigned(_approval(signing, nonce="56" * 32))
    with pytest.raises(errors.BadSignature, match="something else"):
        _check(signing, ring, dsse.Envelope(good.payload_type, later.payload, good.signatures))


def test_a_signature_of_one_kind_never_passes_for_the_other(signing: Any, two_officers: Any) -> None:
    """A passkey's answer called an SSH signature, an SSH signature called a passkey's, another passkey's name."""
    ring = _with(signing, two_officers, signing.passkey("cyd's phone"), "cyd")
    ring = _with(signing, ring, signing.passkey("cyd's laptop"), "cyd")
    (phones,) = signing.signed(_approval(signing), "cyd's phone").signatures
    (ssh,) = signing.signed(_approval(signing), "cyd").signatures
    (laptops,) = signing.signed(_approval(signing), "cyd's laptop").signatures
    bare = statements.unsigned(_approval(signing))
    for keyid, sig, kind, data, client in (
        (phones.keyid, phones.sig, "sshsig", b"", b""),
        (ssh.keyid, ssh.sig, "webauthn", phones.authenticator_data, phones.client_data),
        (ssh.keyid, phones.sig, "webauthn", phones.authenticator_data, phones.client_data),
        (laptops.keyid, phones.sig, "webauthn", phones.authenticator_data, phones.client_data),
        (phones.keyid, ssh.sig, "sshsig", b"", b""),
    ):
        one = dsse.EnvelopeSignature(keyid, sig, kind, data, client)
        with pytest.raises(errors.BadSignature):
            _check(signing, ring, dsse.Envelope(bare.payload_type, bare.payload, (one,)))
