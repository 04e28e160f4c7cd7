# SPDX-License-Identifier: Apache-2.0
"""The proof that a change to byhand is authorised, without a log: its numbered conditions one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from byhand.errors import BadSignature, ByhandError, Unsound
from byhand.ids import new_record_id
from byhand.records import codec
from byhand.records.kinds import SCHEMA_VERSION, Administration, Point, Reason
from byhand.signatures import dsse
from byhand.trust import administration as trust
from byhand.trust.keyring import Keyring

POINT = Point(name="p", action="a.b.c", system="s", type="t", id="i", owner="o")
REASON = Reason(code="A", summary="long enough to say")
HERE = 5


def record(action: str, subject: str, **changed: Any) -> Administration:
    return Administration(
        id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=subject, **changed
    )


def set_point(**changed: Any) -> Administration:
    return record(trust.POINT_SET, "p", **{"point": POINT, **changed})


def signed(signing: Any, change: Administration, *by: str, **changed: Any) -> Administration:
    fields = {"origin": signing.origin, "person": by[0], "nonce": "5a" * 32, "time": signing.now, **changed}
    envelope = signing.signed(trust.to_sign(change, **fields), *by)
    return msgspec.structs.replace(change, statements=(dsse.encode(envelope).decode(),))


def with_statement(change: Administration, envelope: dsse.Envelope) -> Administration:
    return msgspec.structs.replace(change, statements=(dsse.encode(envelope).decode(),))


def check(signing: Any, change: Administration, keyring: Keyring | None, index: int = HERE) -> Keyring:
    return trust.check_record(
        change, index=index, keyring=keyring, origin=signing.origin, officers_fingerprint=None
    )


def test_a_change_signed_by_both_officers_holds(signing: Any, two_officers: Keyring) -> None:
    """And it leaves the keyring as it was."""
    assert check(signing, signed(signing, set_point(), "ada", "bob"), two_officers) is two_officers


@pytest.mark.parametrize("field", ["tier", "mode", "environment", "retention_class", "classification"])
def test_a_default_computed_at_run_time_is_the_default(
    field: str, signing: Any, two_officers: Keyring
) -> None:
    """What officers sign is what the log gives back, also when a value equals its default by chance."""
    computed = "".join(list(getattr(POINT, field)))
    change = set_point(point=msgspec.structs.replace(POINT, **{field: computed}))
    stored = codec.decode(codec.encode(signed(signing, change, "ada", "bob")))
    assert isinstance(stored, Administration)
    assert check(signing, stored, two_officers) is two_officers


def test_one_officer_suffices_only_on_trial(signing: Any, two_officers: Keyring) -> None:
    """Before the second officer joined one signature was enough; afterwards it never is again."""
    alone = signed(signing, set_point(), "ada")
    trial = signing.fold(signing.begun())
    assert check(signing, alone, trial, index=1) is trial
    with pytest.raises(BadSignature, match="it takes 2 officers"):
        check(signing, alone, two_officers)


def test_two_keys_of_one_officer_are_one_person(signing: Any) -> None:
    """Quorum counts persons, never keys."""
    keys = signing.signed(signing.genesis("ada", "ada", "ada2"), "ada", "ada2")
    keyring = signing.fold((0, keys), signing.second_officer())
    with pytest.raises(BadSignature, match="it takes 2 officers"):
        check(signing, signed(signing, set_point(), "ada", "ada2"), keyring)


@pytest.mark.parametrize("by", [("cyd",), ("ada", "cyd"), ("mallory",), ("ada", "mallory")])
def test_only_officers_count_and_nobody_else_may_be_among_them(
    signing: Any, two_officers: Keyring, by: tuple[str, ...]
) -> None:
    """An operator's or a stranger's signature makes the whole statement doubtful."""
    with pytest.raises(BadSignature):
        check(signing, signed(signing, set_point(), *by), two_officers)


def test_a_revoked_officer_signs_nothing(signing: Any, two_officers: Keyring) -> None:
    """From the index of the revocation on; before it the signature held."""
    change = signed(signing, set_point(), "ada", "bob")
    third = two_officers.extended(
        3, signing.signed(signing.enrolment("dan", roles=("officer",)), "ada", "bob")
    )
    after = third.extended(4, signing.signed(signing.revocation("bob"), "ada", "bob"))
    assert check(signing, change, two_officers, index=3) is two_officers
    with pytest.raises(BadSignature, match="revoked"):
        check(signing, change, after)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"subject": "q"}, "carries another point"),
        ({"point": None}, "lacks its point"),
        ({"reasons": (REASON,)}, "cannot carry a reasons"),
        ({"catalogue": 3}, "cannot carry a catalogue"),
        ({"intervention": new_record_id()}, "belongs to no intervention"),
        ({"amends": new_record_id()}, "amends nothing"),
        ({"action": "administration.point.delete"}, "no administration that this byhand knows"),
        ({"action": trust.POINT_RETIRE}, "cannot carry a point"),
    ],
)
def test_a_record_says_what_its_action_needs_and_nothing_beside_it(
    signing: Any, two_officers: Keyring, changed: dict[str, Any], complaint: str
) -> None:
    """Signed or not: a field that another reader might act on has no place in it."""
    change = msgspec.structs.replace(set_point(), **changed)
    with pytest.raises(Unsound, match=complaint):
        check(signing, signed(signing, change, "ada", "bob"), two_officers)


def test_a_record_carries_one_statement(signing: Any, two_officers: Keyring) -> None:
    """Several signatures stand on one statement, never several statements in one record."""
    change = signed(signing, set_point(), "ada", "bob")
    for statements in ((), change.statements * 2):
        with pytest.raises(BadSignature, match="instead of one"):
            check(signing, msgspec.structs.replace(change, statements=statements), two_officers)


def test_a_statement_for_another_home_does_not_count(signing: Any, two_officers: Keyring) -> None:
    """Nor one of another epoch of the same home."""
    change = signed(signing, set_point(), "ada", "bob", origin="byhand.local/test/2")
    with pytest.raises(BadSignature, match="was signed for byhand"):
        check(signing, change, two_officers)


def test_the_person_named_is_among_those_who_signed(signing: Any, two_officers: Keyring) -> None:
    """Nobody is named as the author of a change they did not sign."""
    change = signed(signing, set_point(), "ada", "bob", person="cyd")
    with pytest.raises(BadSignature, match="speaks for cyd, who did not sign"):
        check(signing, change, two_officers)


def test_nothing_stands_before_the_genesis(signing: Any) -> None:
    """Neither an enrolment nor a point."""
    enrolment = with_statement(record(trust.PERSON_ENROL, "bob"), signing.second_officer()[1])
    for change in (enrolment, signed(signing, set_point(), "ada")):
        with pytest.raises(Unsound, match="before the officers were named"):
            check(signing, change, None)


def test_the_genesis_begins_the_keyring_once(signing: Any) -> None:
    """A second one is refused even when it is well signed; the fingerprint a verifier expects is checked."""
    change = with_statement(record(trust.HOME_CREATE, "ada"), signing.begun()[1])
    keyring = check(signing, change, None, index=0)
    assert keyring.officers(1) == {"ada"}
    with pytest.raises(Unsound, match="one genesis"):
        check(signing, change, keyring)
    with pytest.raises(BadSignature, match="have the fingerprint"):
        trust.check_record(
            change, index=0, keyring=None, origin=signing.origin, officers_fingerprint="SHA256:" + "A" * 43
        )


def test_a_keyring_change_is_of_its_own_kind_and_about_its_subject(signing: Any) -> None:
    """A record cannot call an enrolment a revocation, nor name another person than its statement does."""
    keyring = signing.fold(signing.begun())
    enrolment = signing.second_officer()[1]
    with pytest.raises(ByhandError, match="not a revocation statement"):
        check(signing, with_statement(record(trust.KEY_REVOKE, "bob"), enrolment), keyring)
    with pytest.raises(BadSignature, match="bob was signed for"):
        check(signing, with_statement(record(trust.PERSON_ENROL, "cyd"), enrolment), keyring)
    noted = record(trust.PERSON_ENROL, "bob", note="a friend")
    with pytest.raises(Unsound, match="carries a note"):
        check(signing, with_statement(noted, enrolment), keyring)
    assert (
        "bob" in check(signing, with_statement(record(trust.PERSON_ENROL, "bob"), enrolment), keyring).persons
    )


@pytest.mark.parametrize("text", ["", "{}", "null", "[" * 9_000, "\ud800", '{"payload":"!"}', "\x00"])
def test_what_is_no_statement_is_refused_within_the_tree_of_errors(
    signing: Any, two_officers: Keyring, text: str
) -> None:
    """A garbage statement in the log is a finding; it never stops whoever reads the log."""
    for change in (set_point(statements=(text,)), record(trust.PERSON_ENROL, "x", statements=(text,))):
        with pytest.raises(ByhandError):
            check(signing, change, two_officers)


def test_the_signers_are_the_persons_behind_the_keys(signing: Any, two_officers: Keyring) -> None:
    """Persons, each once; keys that nobody knows are left out."""
    change = signed(signing, set_point(), "ada", "bob", "mallory")
    assert trust.signers(change, two_officers) == {"ada", "bob"}
