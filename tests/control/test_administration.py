# SPDX-License-Identifier: Apache-2.0
"""Changes to byhand itself: what is in force, what is without effect, and officers who race."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from byhand import clock
from byhand.control.administration import AdministrationFold
from byhand.control.reasons import SHIPPED, first_catalogue
from byhand.errors import ByhandError, Conflict, Invalid, NotFound, Refused
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records.intervention import Times
from byhand.records.kinds import SCHEMA_VERSION, Administration
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.trust import administration as trust


def test_a_home_without_officers_has_no_keyring(empty_office: Any) -> None:
    """Before the genesis nobody can speak, and the advice says how to begin."""
    with pytest.raises(NotFound) as refusal:
        empty_office.home.administration.keyring()
    assert "byhand init" in refusal.value.advice
    assert empty_office.home.administration.current().head == -1


def test_what_is_in_force_is_the_same_after_reopening(office: Any, breaker: Any) -> None:
    """Keyring, points, reasons and names are folded anew from the log alone, and come out equal."""
    office.register(breaker())
    now = office.home.administration.current()
    office.home.close()
    office.home = office.open()
    again = office.home.administration.current()
    assert again == now
    assert set(again.points) == {"mm7-breaker"}
    assert set(again.reasons) == {reason.code for reason in SHIPPED}
    assert again.names == {"ada": "Ada"}


def test_only_what_is_new_in_the_chain_is_read(
    office: Any, breaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking again reads nothing; after one more change exactly one record is read."""
    office.home.administration.current()
    reader = office.home.journal.reader
    read: list[int] = []
    original = reader.read

    def counted(index: int) -> Any:
        read.append(index)
        return original(index)

    monkeypatch.setattr(reader, "read", counted)
    office.home.administration.current()
    assert read == []
    office.register(breaker())
    office.home.administration.current()
    assert read == [office.home.administration.current().head]


def test_another_process_sees_the_change_at_once(office: Any, breaker: Any) -> None:
    """Two views of one home never disagree on what is in force."""
    other = office.open()
    try:
        assert other.points.all() == []
        office.register(breaker())
        assert [point.name for point in other.points.all()] == ["mm7-breaker"]
    finally:
        other.close()


def test_a_record_that_does_not_verify_has_no_effect_and_is_named(office: Any, breaker: Any) -> None:
    """Whoever writes to the log past the gate changes nothing: the fold ignores it and says which and why."""
    forged = office.signed(office.point_record(breaker()), "mallory")
    (acknowledgement,) = office.home.journal.append([Entry(forged)])
    now = office.home.administration.current()
    assert now.points == {}
    ((index, why),) = now.rejected
    assert index == acknowledgement.index
    assert "belongs to nobody" in why
    office.register(breaker())
    assert set(office.home.administration.current().points) == {"mm7-breaker"}


def test_a_record_of_a_newer_byhand_is_named_not_guessed(office: Any, breaker: Any) -> None:
    """What cannot be read has no effect here; everything before and after it still has."""
    newer = msgspec.structs.replace(office.signed(office.point_record(breaker()), "ada"), schema=99)
    (acknowledgement,) = office.home.journal.append([Entry(newer)])
    office.register(breaker(name="readable"))
    now = office.home.administration.current()
    assert set(now.points) == {"readable"}
    ((index, why),) = now.rejected
    assert (index, "newer byhand" in why) == (acknowledgement.index, True)


def test_a_retry_gets_the_same_acknowledgement(office: Any, breaker: Any) -> None:
    """The same record again is the same answer; the same id with another content is a conflict."""
    record = office.signed(office.point_record(breaker()), "ada")
    first = office.home.points.submit(office.caller("ada"), record)
    assert office.home.points.submit(office.caller("ada"), record) == first
    other = msgspec.structs.replace(record, note="second thoughts")
    with pytest.raises(Conflict):
        office.home.points.submit(office.caller("ada"), other)


def test_a_changed_record_is_refused(office: Any, breaker: Any) -> None:
    """A signature covers exactly one record: another tier, note or retention class breaks it."""
    record = office.signed(office.point_record(breaker()), "ada")
    easier = msgspec.structs.replace(record, point=breaker(tier="low"))
    noted = msgspec.structs.replace(record, note="as agreed")
    kept = msgspec.structs.replace(
        record, governance=msgspec.structs.replace(record.governance, retention_class="ai-act-6m")
    )
    for changed in (easier, noted, kept):
        with pytest.raises(Refused, match="signed for another change"):
            office.home.points.submit(office.caller("ada"), changed)
    assert office.home.administration.current().rejected == ()


def test_a_signature_cannot_be_moved_to_another_record(office: Any, breaker: Any) -> None:
    """The statement names its record id: the same change under another id is refused."""
    record = office.signed(office.point_record(breaker()), "ada")
    moved = msgspec.structs.replace(record, id=new_record_id())
    with pytest.raises(Refused, match="signed for another record"):
        office.home.points.submit(office.caller("ada"), moved)


def test_the_server_stamps_actor_and_time_outside_the_signature(office: Any, breaker: Any) -> None:
    """The stored record says who brought it and when it came, and still verifies."""
    office.register(breaker())
    stored = office.home.journal.reader.chain(ADMINISTRATION_CHAIN)[-1]
    assert stored.record.actor.person == "ada"
    assert stored.record.actor.signed_by == "actor"
    assert stored.record.times.received is not None
    assert stored.people[stored.record.actor.details].display_name == "Ada"


def test_who_brings_another_officers_signature_is_not_said_to_have_signed(office: Any, breaker: Any) -> None:
    """``signed_by`` is ``actor`` only when the caller's own key is among the signatures."""
    office.enrol("cyd", "ada")
    record = office.signed(office.point_record(breaker()), "ada")
    office.home.points.submit(office.caller("cyd"), record)
    stored = office.home.journal.reader.chain(ADMINISTRATION_CHAIN)[-1]
    assert (stored.record.actor.person, stored.record.actor.signed_by) == ("cyd", "server")


def test_the_slower_of_two_officers_is_judged_on_what_the_faster_did(office: Any, breaker: Any) -> None:
    """Eight officers' desks register the same point at once: one is recorded, the others conflict."""
    office.pens("ada")
    records = [office.signed(office.point_record(breaker()), "ada") for _ in range(8)]
    homes = [office.open() for _ in records]
    answers: list[object] = []

    def submit(home: Any, record: Administration) -> None:
        try:
            answers.append(home.points.submit(office.caller("ada"), record))
        except ByhandError as error:
            answers.append(error)

    threads = [threading.Thread(target=submit, args=pair) for pair in zip(homes, records, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for home in homes:
        home.close()
    assert sum(not isinstance(answer, ByhandError) for answer in answers) == 1
    assert all(isinstance(answer, Conflict) for answer in answers if isinstance(answer, ByhandError))
    assert office.home.administration.current().rejected == ()


def test_what_races_with_unrelated_records_is_not_disturbed(office: Any, breaker: Any) -> None:
    """Heartbeats between check and append move the index, not the administration chain."""
    original = office.home.journal.append
    fold = AdministrationFold(office.home.journal)

    def append(entries: Any) -> Any:
        office.home.journal.heartbeat()
        return original(entries)

    office.home.journal.append = append
    record = office.signed(office.point_record(breaker()), "ada")
    office.home.points.submit(office.caller("ada"), record)
    assert set(fold.current().points) == {"mm7-breaker"}
    assert fold.current().rejected == ()


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"action": "administration.wish.set"}, "no administration that this byhand knows"),
        ({"intervention": "01890a5d-ac96-774b-bcce-b302099a8057"}, "belongs to no intervention"),
        ({"caused_by": "01890a5d-ac96-774b-bcce-b302099a8057"}, "belongs to no intervention"),
        ({"catalogue": 7}, "cannot carry a catalogue"),
        ({"reasons": ()}, "lacks its reasons"),
        ({"statements": ()}, "0 statements instead of one"),
    ],
)
def test_a_record_of_the_wrong_shape_is_refused(office: Any, changed: dict[str, Any], complaint: str) -> None:
    """Each field that its action does not cover, and each one it needs, is named."""
    record = office.signed(msgspec.structs.replace(first_catalogue(), **changed), "ada")
    record = msgspec.structs.replace(record, **{name: changed[name] for name in changed})
    with pytest.raises(Refused, match=complaint):
        office.home.administration.submit(office.caller("ada"), record)


def test_two_officers_must_sign_once_there_are_two(office: Any, breaker: Any) -> None:
    """On trial one signature suffices; with a second officer, one cannot change a point alone."""
    office.register(breaker())
    office.second_officer()
    lower = breaker(tier="low")
    with pytest.raises(Refused, match="it takes 2 officers"):
        office.register(lower, "ada")
    office.register(lower, "ada", "grace")
    assert office.home.points.get("mm7-breaker").tier == "low"


def test_nobody_but_an_officer_can_change_a_point(office: Any, breaker: Any) -> None:
    """An enrolled person without the officer's role is refused."""
    office.enrol("cyd", "ada")
    with pytest.raises(Refused, match="cyd signed the administration but is no officer"):
        office.register(breaker(), "cyd")


def test_limits_hold_for_administrations_too(office: Any) -> None:
    """A note beyond the limit of strings is a fault before any signature is looked at."""
    record = msgspec.structs.replace(first_catalogue(), note="n" * 9_000)
    with pytest.raises(Invalid) as refusal:
        office.home.administration.submit(office.caller("ada"), office.signed(record, "ada"))
    assert "/note" in [fault.pointer for fault in refusal.value.faults]


def test_the_digest_leaves_out_only_what_the_server_adds() -> None:
    """Statements, actor and received time may change after signing; every other field changes the digest."""
    record = Administration(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        action=trust.REASONS_SET,
        subject="reasons",
        reasons=SHIPPED,
    )
    digest = trust.administration_digest(record)
    added = msgspec.structs.replace(record, statements=("x",), times=Times(received=clock.now()))
    assert trust.administration_digest(added) == digest
    for field, value in {"subject": "other", "note": "n", "reasons": SHIPPED[:1], "caused_by": "c"}.items():
        assert trust.administration_digest(msgspec.structs.replace(record, **{field: value})) != digest
