# SPDX-License-Identifier: Apache-2.0
"""Each rule of the keyring with a case that passes and one that is refused by name."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from byhand import errors
from byhand.signatures import dsse, sshsig
from byhand.trust import statements


def test_a_genesis_makes_a_trial_keyring(signing: Any) -> None:
    """The first officer alone: one person, one officer, on trial, from the index after the genesis on."""
    ring = signing.fold(signing.begun())
    assert (ring.persons, ring.officers(1), ring.is_trial(1)) == ({"ada"}, {"ada"}, True)
    assert ring.officers(0) == frozenset()


def test_the_genesis_must_have_the_expected_fingerprint(signing: Any) -> None:
    """A verifier that knows the officers' fingerprint takes that genesis and no other."""
    index, envelope = signing.begun()
    known = statements.officers_fingerprint(envelope.payload)
    assert signing.fold((index, envelope), fingerprint=known).officers_fingerprint == known
    other = signing.signed(signing.genesis("eve"), "eve")
    with pytest.raises(errors.BadSignature, match="fingerprint"):
        signing.fold((0, other), fingerprint=known)


def test_a_genesis_needs_each_of_its_keys(signing: Any) -> None:
    """With two keys both sign; one missing or a foreign one is refused."""
    genesis = signing.genesis("ada", "ada", "ada2")
    assert len(signing.fold((0, signing.signed(genesis, "ada", "ada2"))).keys) == 2
    for names in (("ada",), (), ("ada", "eve"), ("ada", "ada")):
        with pytest.raises(errors.BadSignature):
            signing.fold((0, signing.signed(genesis, *names)))


def test_a_genesis_lists_a_key_once(signing: Any) -> None:
    """The same key twice is refused."""
    with pytest.raises(errors.Unsound, match="twice"):
        signing.fold((0, signing.signed(signing.genesis("ada", "ada", "ada"), "ada")))


def test_a_log_without_genesis_has_no_keyring(signing: Any) -> None:
    """Nothing, or anything else in first place, is refused."""
    with pytest.raises(errors.Unsound, match="no genesis"):
        signing.fold()
    with pytest.raises(errors.Invalid):
        signing.fold((0, signing.signed(signing.enrolment("ada"), "ada")))


def test_a_second_genesis_is_refused(signing: Any) -> None:
    """There is one genesis."""
    with pytest.raises(errors.Invalid):
        signing.fold(signing.begun(), (1, signing.signed(signing.genesis("eve"), "eve")))


def test_a_genesis_of_another_home_is_refused(signing: Any) -> None:
    """A keyring cannot be moved to another origin or epoch."""
    envelope = signing.signed(signing.genesis(origin="byhand.local/test/2"), "ada")
    with pytest.raises(errors.BadSignature, match="test/2"):
        signing.fold((0, envelope))


@pytest.mark.parametrize("index", [0, -1])
def test_statements_stand_in_log_order(signing: Any, index: int) -> None:
    """A statement at or before its predecessor's index is refused."""
    with pytest.raises(errors.Unsound, match="out of order"):
        signing.fold(signing.begun(), (index, signing.signed(signing.enrolment("bob"), "ada")))
    with pytest.raises(errors.Unsound):
        signing.fold((-1, signing.begun()[1]))


def test_on_trial_one_officer_suffices(signing: Any) -> None:
    """The only officer enrols others alone, until the second officer is in."""
    ring = signing.fold(signing.begun(), (1, signing.signed(signing.enrolment("cyd"), "ada")))
    assert ring.is_trial(2)
    assert ring.keys_of("cyd", 2)[0].person == "cyd"


def test_the_second_officer_ends_the_trial(signing: Any) -> None:
    """From the index after the second officer's enrolment two officers must sign."""
    ring = signing.fold(signing.begun(), signing.second_officer())
    assert (ring.is_trial(1), ring.is_trial(2), ring.officers_needed(2)) == (True, False, 2)
    with pytest.raises(errors.BadSignature, match="it takes 2 officers"):
        ring.extended(2, signing.signed(signing.enrolment("cyd"), "ada"))
    assert "cyd" in ring.extended(2, signing.signed(signing.enrolment("cyd"), "ada", "bob")).persons


def test_a_home_never_returns_to_trial(signing: Any) -> None:
    """Revoking the second officer, once there is a third, does not let the first act alone again."""
    third = (2, signing.signed(signing.enrolment("dan", roles=("officer",)), "ada", "bob"))
    revoked = (3, signing.signed(signing.revocation("bob"), "bob"))
    ring = signing.fold(signing.begun(), signing.second_officer(), third, revoked)
    assert (ring.officers(4), ring.is_trial(4)) == ({"ada", "dan"}, False)
    with pytest.raises(errors.BadSignature, match="it takes 2 officers"):
        ring.extended(4, signing.signed(signing.enrolment("cyd"), "ada"))


def test_two_keys_of_one_officer_are_one_person(signing: Any, two_officers: Any) -> None:
    """Officers are counted by person, never by key."""
    own = signing.signed(signing.enrolment("ada", "ada2", roles=("officer",)), "ada")
    ring = two_officers.extended(3, own)
    with pytest.raises(errors.BadSignature, match="signed by ada;"):
        ring.extended(4, signing.signed(signing.enrolment("dan"), "ada", "ada2"))


def test_a_person_without_the_role_is_no_officer(signing: Any, two_officers: Any) -> None:
    """Two signatures of which one is not an officer's are one officer's."""
    with pytest.raises(errors.BadSignature, match="signed by ada, cyd;"):
        two_officers.extended(3, signing.signed(signing.enrolment("dan"), "ada", "cyd"))


def test_a_person_enrols_a_further_key_alone(signing: Any, two_officers: Any) -> None:
    """A valid key of the same person is enough, and the new key speaks from the next index on."""
    ring = two_officers.extended(3, signing.signed(signing.enrolment("cyd", "cyd2"), "cyd"))
    assert {key.fingerprint for key in ring.keys_of("cyd", 4)} == {
        signing.key("cyd").fingerprint,
        signing.key("cyd2").fingerprint,
    }
    assert len(ring.keys_of("cyd", 3)) == 1


def test_nobody_enrols_a_key_for_someone_else(signing: Any, two_officers: Any) -> None:
    """A key of another person does not count."""
    with pytest.raises(errors.BadSignature, match="signed by cyd"):
        two_officers.extended(3, signing.signed(signing.enrolment("dan"), "cyd"))


def test_nobody_makes_themself_an_officer(signing: Any, two_officers: Any) -> None:
    """Alone one grants no role one does not hold; officers can."""
    promotion = signing.enrolment("cyd", "cyd2", roles=("officer",))
    with pytest.raises(errors.BadSignature, match="grants the role officer"):
        two_officers.extended(3, signing.signed(promotion, "cyd"))
    assert "cyd" in two_officers.extended(3, signing.signed(promotion, "ada", "bob")).officers(4)


def test_nobody_vouches_alone_for_a_plain_key_being_device_bound(signing: Any, two_officers: Any) -> None:
    """A plain key counts as device-bound only when officers say so."""
    bound = signing.enrolment("cyd", "cyd2", device_bound=True)
    with pytest.raises(errors.BadSignature, match="device-bound"):
        two_officers.extended(3, signing.signed(bound, "cyd"))
    ring = two_officers.extended(3, signing.signed(bound, "ada", "bob"))
    assert ring.key(signing.key("cyd2").fingerprint, 4).device_bound


def test_the_new_key_may_sign_too_but_counts_for_nothing(signing: Any, two_officers: Any) -> None:
    """Proof of possession is welcome beside the officers' signatures, never instead of them."""
    enrolment = signing.enrolment("dan")
    assert "dan" in two_officers.extended(3, signing.signed(enrolment, "ada", "dan", "bob")).persons
    with pytest.raises(errors.BadSignature, match="nobody enrolled"):
        two_officers.extended(3, signing.signed(enrolment, "dan"))


def test_a_stranger_beside_two_officers_is_refused(signing: Any, two_officers: Any) -> None:
    """Every signature on a statement must be by an enrolled key."""
    with pytest.raises(errors.BadSignature, match="belongs to nobody"):
        two_officers.extended(3, signing.signed(signing.enrolment("dan"), "ada", "bob", "eve"))


def test_an_unsigned_statement_is_refused(signing: Any, two_officers: Any) -> None:
    """Whoever operates byhand cannot add a key without signatures."""
    with pytest.raises(errors.BadSignature, match="not signed"):
        two_officers.extended(3, statements.unsigned(signing.enrolment("dan")))


def test_a_signature_for_another_purpose_is_refused(signing: Any, two_officers: Any) -> None:
    """Keyring statements are signed in the namespace of the keyring."""
    envelope = signing.signed(
        signing.enrolment("dan"), "ada", "bob", namespace=sshsig.NAMESPACE_ADMINISTRATION
    )
    with pytest.raises(errors.BadSignature, match="made for"):
        two_officers.extended(3, envelope)


def test_the_key_id_must_be_the_signing_key(signing: Any, two_officers: Any) -> None:
    """A signature under the name of another key is refused, also when that key is valid."""
    envelope = signing.signed(signing.enrolment("cyd", "cyd2"), "cyd")
    one = envelope.signatures[0]
    for named in (signing.key("ada").fingerprint, signing.key("cyd2").fingerprint):
        moved = dsse.Envelope(
            envelope.payload_type, envelope.payload, (dsse.EnvelopeSignature(named, one.sig),)
        )
        with pytest.raises(errors.BadSignature):
            two_officers.extended(3, moved)


def test_two_signatures_cannot_swap_names(signing: Any, two_officers: Any) -> None:
    """Each signature stands under the name of its own key, also among valid ones."""
    envelope = signing.signed(signing.enrolment("dan"), "ada", "bob")
    ada, bob = envelope.signatures
    swapped = (dsse.EnvelopeSignature(bob.keyid, ada.sig), dsse.EnvelopeSignature(ada.keyid, bob.sig))
    with pytest.raises(errors.BadSignature, match="names the key"):
        two_officers.extended(3, dsse.Envelope(envelope.payload_type, envelope.payload, swapped))


def test_a_key_belongs_to_one_person(signing: Any, two_officers: Any) -> None:
    """A key that is enrolled cannot be enrolled again, for anyone."""
    for person in ("dan", "cyd"):
        with pytest.raises(errors.Unsound, match="is enrolled as a key of cyd"):
            two_officers.extended(3, signing.signed(signing.enrolment(person, "cyd"), "ada", "bob"))


def test_persons_differ_by_more_than_letter_case(signing: Any, two_officers: Any) -> None:
    """CYD cannot stand beside cyd as a second person."""
    with pytest.raises(errors.Unsound, match="letter case"):
        two_officers.extended(3, signing.signed(signing.enrolment("CYD", "other"), "ada", "bob"))


def test_a_revoked_key_cannot_sign_or_return(signing: Any, two_officers: Any) -> None:
    """After its revocation a key neither signs nor is enrolled again."""
    ring = two_officers.extended(3, signing.signed(signing.revocation("cyd"), "cyd"))
    with pytest.raises(errors.BadSignature, match="revoked at index 3"):
        ring.extended(4, signing.signed(signing.enrolment("cyd", "cyd2"), "cyd"))
    with pytest.raises(errors.Unsound, match="was revoked"):
        ring.extended(4, signing.signed(signing.enrolment("cyd"), "ada", "bob"))
    with pytest.raises(errors.BadSignature, match="revoked"):
        ring.extended(4, signing.signed(signing.revocation("cyd"), "ada", "bob"))


def test_a_key_is_valid_between_its_indexes(signing: Any, two_officers: Any) -> None:
    """Valid above the enrolment's index and below the revocation's, neither included."""
    ring = two_officers.extended(7, signing.signed(signing.revocation("cyd"), "ada", "bob"))
    fingerprint = signing.key("cyd").fingerprint
    for index, good in ((2, False), (3, True), (6, True), (7, False), (8, False)):
        assert ring.keys[fingerprint].valid_at(index) is good
        if good:
            assert ring.key(fingerprint, index).person == "cyd"
        else:
            with pytest.raises(errors.BadSignature, match="cyd"):
                ring.key(fingerprint, index)
    assert ("cyd" in ring.persons, "cyd" in ring.persons_at(8)) == (True, False)


def test_revocation_takes_the_person_or_two_officers(signing: Any, two_officers: Any) -> None:
    """One officer, or another person, cannot revoke."""
    revocation = signing.revocation("cyd")
    for names in (("cyd",), ("ada", "bob")):
        ring = two_officers.extended(3, signing.signed(revocation, *names))
        assert ring.keys_of("cyd", 4) == ()
    with pytest.raises(errors.BadSignature, match="it takes 2 officers"):
        two_officers.extended(3, signing.signed(revocation, "ada"))


def test_a_revocation_names_the_right_person(signing: Any, two_officers: Any) -> None:
    """A revocation of somebody's key under another's name is refused, as is one of an unknown key."""
    with pytest.raises(errors.Unsound, match="is cyd's, not bob's"):
        two_officers.extended(3, signing.signed(signing.revocation("bob", "cyd"), "ada", "bob"))
    with pytest.raises(errors.BadSignature, match="belongs to nobody"):
        two_officers.extended(3, signing.signed(signing.revocation("dan"), "ada", "bob"))


def test_the_last_officer_cannot_be_revoked(signing: Any) -> None:
    """A home keeps an officer; a second key of the same officer, or another officer, frees the first."""
    ring = signing.fold(signing.begun())
    revocation = signing.signed(signing.revocation("ada"), "ada")
    with pytest.raises(errors.Unsound, match="without an officer"):
        ring.extended(1, revocation)
    further = signing.signed(signing.enrolment("ada", "ada2", roles=("officer",)), "ada")
    assert ring.extended(1, further).extended(2, revocation).officers(3) == {"ada"}


def test_an_officer_alone_cannot_leave_too_few_for_any_change(signing: Any, two_officers: Any) -> None:
    """Of two officers neither can go: one would be left where two must sign; a third, or another key, frees them."""
    own = signing.signed(signing.revocation("bob"), "bob")
    both = signing.signed(signing.revocation("bob"), "ada", "bob")
    for revocation in (own, both):
        with pytest.raises(errors.Unsound, match="with 1 officer where a change takes 2") as refusal:
            two_officers.extended(3, revocation)
        assert "Enrol another officer first" in refusal.value.advice
    third = signing.signed(signing.enrolment("dan", roles=("officer",)), "ada", "bob")
    assert two_officers.extended(3, third).extended(4, own).officers(5) == {"ada", "dan"}
    second_key = signing.signed(signing.enrolment("bob", "bob2", roles=("officer",)), "bob")
    assert two_officers.extended(3, second_key).extended(4, own).officers(5) == {"ada", "bob"}


def test_ordinary_keys_can_always_be_revoked(signing: Any, two_officers: Any) -> None:
    """Whoever is no officer is not needed for any change."""
    assert two_officers.extended(3, signing.signed(signing.revocation("cyd"), "cyd")).keys_of("cyd", 4) == ()


def test_extending_leaves_the_old_keyring_alone(signing: Any, two_officers: Any) -> None:
    """A keyring is a value: what was folded before stays as it was."""
    two_officers.extended(3, signing.signed(signing.enrolment("dan"), "ada", "bob"))
    assert "dan" not in two_officers.persons


def test_ssh_keygen_takes_our_evidence_with_the_derived_allowed_signers(
    signing: Any, two_officers: Any, tmp_path: Path
) -> None:
    """By hand: the signed bytes, the armoured signature and the derived file are all ssh-keygen needs."""
    envelope = signing.operator()[1]
    (tmp_path / "allowed").write_text(two_officers.allowed_signers(3))
    (tmp_path / "sig").write_text(sshsig.armor(envelope.signatures[1].sig))
    command = ["ssh-keygen", "-Y", "verify", "-n", "keyring@byhand", "-f", "allowed", "-s", "sig", "-I"]
    for person, code in (("bob", 0), ("ada", 255)):
        done = subprocess.run(
            [*command, person], input=envelope.pae(), cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == code


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_flipped_byte_anywhere_in_an_enrolment_is_refused(
    signing: Any, two_officers: Any, data: Any
) -> None:
    """No byte of a stored statement can change without the fold naming it."""
    encoded = bytearray(dsse.encode(signing.signed(signing.enrolment("dan"), "ada", "bob")))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(errors.ByhandError):
        two_officers.extended(3, dsse.parse(bytes(encoded)))


PEOPLE = ("ada", "bob", "cyd")
steps = st.tuples(
    st.sampled_from(["enrol", "officer", "revoke"]),
    st.sampled_from(PEOPLE),
    st.integers(0, 2),
    st.lists(
        st.sampled_from([f"{person}{n}" for person in PEOPLE for n in range(3)]), max_size=3, unique=True
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=12))
def test_no_sequence_of_statements_breaks_the_invariants(signing: Any, sequence: list[Any]) -> None:
    """Whatever is tried: an officer remains, and past the trial no role appears without two officers' names."""
    genesis = signing.genesis("ada", "ada0")
    ring = signing.fold((0, signing.signed(genesis, "ada0")))
    for index, (what, person, n, signers) in enumerate(sequence, start=1):
        before = ring
        if what == "revoke":
            statement = signing.revocation(person, f"{person}{n}")
        else:
            statement = signing.enrolment(person, f"{person}{n}", roles=("officer",) * (what == "officer"))
        try:
            ring = ring.extended(index, signing.signed(statement, *signers))
        except errors.Unsound:
            continue
        assert ring.officers(index + 1)
        if new := ring.officers(index + 1) - before.officers(index):
            signed = {name[:3] for name in signers} & before.officers(index)
            assert new == {person}
            assert len(signed) >= before.officers_needed(index)
