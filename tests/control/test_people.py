# SPDX-License-Identifier: Apache-2.0
"""Persons and keys: only signatures let anybody in, and what looks like somebody else stays out."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from byhand.errors import ByhandError, Conflict, Invalid, Refused, SharedAccount
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records.kinds import SCHEMA_VERSION, Administration
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.signatures import dsse, sshsig
from byhand.trust import administration as trust, statements


def test_the_genesis_names_the_first_officer(empty_office: Any) -> None:
    """After it the home is on trial, with one officer who is the actor of their own enrolment."""
    acknowledgement = empty_office.home.people.begin(empty_office.genesis("ada"), "Ada Lovelace")
    assert acknowledgement.index == 0
    people = empty_office.home.people
    assert people.trial()
    (row,) = people.persons()
    assert (row.person, row.name, row.roles, row.since, row.revoked) == (
        "ada",
        "Ada Lovelace",
        ("officer",),
        0,
        0,
    )
    assert row.keys == (empty_office.pens("ada").fingerprint,)
    stored = empty_office.home.journal.reader.read(0)
    assert (stored.record.actor.person, stored.record.actor.signed_by) == ("ada", "actor")


def test_a_home_has_one_genesis(office: Any) -> None:
    """A second genesis is refused, and one smuggled into the log past the gate has no effect."""
    with pytest.raises(Conflict, match="officers already"):
        office.home.people.begin(office.genesis("mallory"))
    smuggled = Administration(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        action=trust.HOME_CREATE,
        subject="mallory",
        statements=(office.genesis("mallory"),),
    )
    office.home.journal.append([Entry(smuggled)])
    assert [row.person for row in office.home.people.persons()] == ["ada"]
    ((_, why),) = office.home.administration.current().rejected
    assert "one genesis" in why


@pytest.mark.parametrize("person", ["root", "admin", "svc-trading", "r00t"])
def test_a_shared_account_cannot_become_an_officer(empty_office: Any, person: str) -> None:
    """The genesis of a shared account is refused, and nothing is recorded."""
    with pytest.raises(SharedAccount):
        empty_office.home.people.begin(empty_office.genesis(person))
    assert empty_office.home.journal.reader.size == 0


def test_a_genesis_for_another_home_is_refused(empty_office: Any) -> None:
    """A statement is made for one origin and epoch."""
    envelope = empty_office.genesis("ada", origin="desk.example/log/2")
    with pytest.raises(ByhandError, match=r"was signed for desk\.example/log/2"):
        empty_office.home.people.begin(envelope)


def test_an_enrolled_person_has_a_key_roles_and_a_beginning(office: Any) -> None:
    """The directory shows what the log has."""
    office.enrol("grace", "ada", roles=("approver", "officer"))
    rows = {row.person: row for row in office.home.people.persons()}
    assert rows["grace"].roles == ("approver", "officer")
    assert rows["grace"].since == office.home.administration.current().head
    assert not office.home.people.trial()
    assert office.home.people.display_name("grace") is None


def test_a_shared_account_cannot_be_enrolled(office: Any) -> None:
    """Not even by an officer."""
    with pytest.raises(SharedAccount):
        office.enrol("jenkins", "ada")


def test_a_twin_cannot_be_enrolled(office: Any) -> None:
    """An id that looks like one in the directory is refused with the other's name."""
    office.enrol("lin", "ada")
    with pytest.raises(Conflict, match="1in looks like lin"):
        office.enrol("1in", "ada")


def test_a_twin_that_enters_meanwhile_is_seen(office: Any) -> None:
    """The check is made on the very state the record follows: the slower desk sees the faster one's twin."""
    other = office.open()
    try:
        other.people.keyring()
        slow = office.enrolment("1in", "ada", key="second-lin")
        office.enrol("lin", "ada")
        with pytest.raises(Conflict, match="looks like lin"):
            other.people.enrol(office.caller("ada"), slow)
    finally:
        other.close()


def test_a_key_speaks_for_one_person_once(office: Any) -> None:
    """A key that is enrolled already is refused, for the same and for another person."""
    office.enrol("grace", "ada")
    for person in ("grace", "cyd"):
        with pytest.raises(Refused, match="is enrolled as a key of grace"):
            office.enrol(person, "ada", key="grace")


def test_a_weak_key_is_refused(office: Any, tmp_path: Path) -> None:
    """RSA below 3072 bits cannot be enrolled, though an officer signed for it."""
    path = tmp_path / "weak"
    command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    weak = sshsig.authorized_line(sshsig.public_key_blob(path.with_suffix(".pub").read_text()))
    good = dsse.parse(office.enrolment("grace", "ada").encode())
    payload = good.payload.replace(office.pens.line("grace").encode(), weak.encode())
    envelope = dsse.Envelope(good.payload_type, payload)
    armored = office.pens("ada").sign(envelope.pae(), sshsig.NAMESPACE_KEYRING)
    with pytest.raises(ByhandError, match="2048"):
        office.home.people.enrol(
            office.caller("ada"), dsse.encode(statements.add_signature(envelope, armored)).decode()
        )
    assert [row.person for row in office.home.people.persons()] == ["ada"]


def test_one_officer_of_two_cannot_let_anybody_in(office: Any) -> None:
    """Once there are two officers, both must sign a stranger's enrolment."""
    office.second_officer()
    with pytest.raises(Refused, match="it takes 2 officers"):
        office.enrol("cyd", "ada")
    office.enrol("cyd", "ada", "grace")
    assert "cyd" in {row.person for row in office.home.people.persons()}


def test_a_person_adds_a_key_of_their_own(office: Any) -> None:
    """Their enrolled key suffices for a second one; it gives no role that the first has not."""
    office.enrol("cyd", "ada")
    office.enrol("cyd", "cyd", key="cyd-laptop")
    (row,) = [row for row in office.home.people.persons() if row.person == "cyd"]
    assert len(row.keys) == 2
    with pytest.raises(Refused, match="grants the role officer"):
        office.enrol("cyd", "cyd", key="cyd-third", roles=("officer",))


def test_a_stranger_cannot_enrol_themselves(office: Any) -> None:
    """A signature by a key that is not in the keyring counts for nothing."""
    with pytest.raises(Refused):
        office.enrol("mallory", "mallory")


def test_a_revoked_key_is_gone_from_the_directory_but_not_from_history(office: Any) -> None:
    """Who has no key left is listed only on demand, with how many were revoked."""
    office.enrol("cyd", "ada")
    office.home.people.revoke(office.caller("cyd"), office.revocation("cyd", "cyd"))
    assert "cyd" not in {row.person for row in office.home.people.persons()}
    rows = {row.person: row for row in office.home.people.persons(everybody=True)}
    assert (rows["cyd"].keys, rows["cyd"].revoked) == ((), 1)
    (key,) = office.home.people.keys("cyd")
    assert key.revoked_at == office.home.administration.current().head
    with pytest.raises(Refused, match="was revoked"):
        office.enrol("cyd", "ada", key="cyd")


def test_the_last_officer_cannot_be_revoked(office: Any) -> None:
    """A home is never left without an officer."""
    with pytest.raises(Refused, match="without an officer"):
        office.home.people.revoke(office.caller("ada"), office.revocation("ada", "ada"))


def test_any_keyring_statement_can_be_handed_in(empty_office: Any) -> None:
    """One door for all three kinds, told apart by what the envelope holds."""
    people, caller = empty_office.home.people, empty_office.caller("ada")
    people.submit(caller, empty_office.genesis("ada"))
    people.submit(caller, empty_office.enrolment("cyd", "ada"), "Cyd Ouyang")
    assert people.display_name("cyd") == "Cyd Ouyang"
    people.submit(caller, empty_office.revocation("cyd", "ada"))
    assert [row.person for row in people.persons()] == ["ada"]
    record = empty_office.pens.sign(
        statements.Login(
            origin="desk.example/log/1",
            person="ada",
            challenge="0" * 64,
            expires="2026-11-24T13:00:00.000000Z",
        ),
        "ada",
    )
    with pytest.raises(Invalid):
        people.submit(caller, record)


@pytest.mark.parametrize("name", ["\u202eadA", "Ada\nLovelace", " ", "A" * 201, "Ada\x1b[2J"])
def test_a_display_name_is_something_to_display(office: Any, name: str) -> None:
    """Control, invisible and direction-changing characters are refused, and so is nothing or a novel."""
    with pytest.raises(Invalid) as refusal:
        office.home.people.enrol(office.caller("ada"), office.enrolment("grace", "ada"), name)
    assert [fault.pointer for fault in refusal.value.faults] == ["/display_name"]


def test_a_statement_about_another_person_than_the_records_subject_has_no_effect(office: Any) -> None:
    """A record that says it enrols cyd while its statement enrols mallory is ignored, and named."""
    record = Administration(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        action=trust.PERSON_ENROL,
        subject="cyd",
        statements=(office.enrolment("mallory", "ada"),),
    )
    office.home.journal.append([Entry(record)])
    assert {row.person for row in office.home.people.persons()} == {"ada"}
    assert len(office.home.administration.current().rejected) == 1


def test_enrolments_lie_in_the_administration_chain(office: Any) -> None:
    """Each record names its predecessor, so that none can be left out unseen."""
    office.second_officer()
    leaves = [stored.leaf for stored in office.home.journal.reader.chain(ADMINISTRATION_CHAIN)]
    assert [leaf.previous for leaf in leaves] == [None, 0, 1]
