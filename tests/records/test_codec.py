# SPDX-License-Identifier: Apache-2.0
"""Records become bytes and come back; what breaks a form or a limit is refused with every fault named."""

from __future__ import annotations

import timeit
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings, strategies as st

from byhand.errors import Invalid, MalformedProof
from byhand.records import captured, codec, limits, rules
from byhand.records.actor import Actor
from byhand.records.intervention import Change, Declaration, Justification, Target, Times
from byhand.records.kinds import KINDS, AnyRecord, Intent, Outcome
from byhand.records.values import CapturedValue, Masked

FEWER = settings(max_examples=max(10, settings.default.max_examples // 5))  # whole records are slow to make


def _faults(part: Any) -> dict[str, str]:
    return {fault.pointer: fault.message for fault in rules.faults(part)}


def test_round_trip_of_each_kind(one_of_each: dict[str, AnyRecord]) -> None:
    """One record of each kind is without fault, and is read back equal."""
    for record in one_of_each.values():
        codec.validate(record)
        assert codec.decode(codec.encode(record)) == record
    assert {str(record.__struct_config__.tag) for record in one_of_each.values()} == set(KINDS)


@FEWER
@given(draw=st.data())
def test_round_trip_of_any(draw: st.DataObject, any_record: st.SearchStrategy[AnyRecord]) -> None:
    """Any record the rules allow is read back equal, from bytes that are the same every time."""
    record = draw.draw(any_record)
    data = codec.encode(record)
    assert codec.decode(data) == record
    assert codec.encode(codec.decode(data)) == data  # type: ignore[arg-type]


def test_newer_versions_are_shown_raw(one_of_each: dict[str, AnyRecord]) -> None:
    """A record of a newer version, whatever it holds, is handed over as it is."""
    data = b'{"kind":"seance","schema":7,"nested":{"schema":0}}'
    assert codec.decode(data) == codec.UnknownVersion(version=7, text=data.decode())
    same_kind = codec.encode(one_of_each["outcome"]).replace(b'"schema":0', b'"schema":1')
    assert codec.decode(same_kind) == codec.UnknownVersion(version=1, text=same_kind.decode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"kind":"seance","schema":0}',
        b'{"kind":"outcome","schema":"0"}',
        b'{"kind":"outcome","schema":-1}',
        b'{"kind":"outcome","schema":true}',
        b'{"id":"x","kind":"outcome","result":"applied","schema":0,"hunter2":1}',
    ],
)
def test_stored_bytes_of_no_form(data: bytes) -> None:
    """Stored bytes that are no record are named as such, without repeating what they hold."""
    with pytest.raises(MalformedProof) as caught:
        codec.decode(data)
    assert "hunter2" not in str(caught.value)


def test_record_too_large(one_of_each: dict[str, AnyRecord]) -> None:
    """A record above 64 KiB is refused, when encoded and when judged."""
    large = msgspec.structs.replace(one_of_each["finding"], references=("x" * 500,) * 200)
    for check in (codec.encode, codec.validate):
        with pytest.raises(Invalid, match="at most 65536"):
            check(large)  # type: ignore[operator]


def test_two_large_values_fit(declared: Declaration) -> None:
    """Two values of the greatest length leave room for the rest of an intent."""
    value = captured.from_text("x" * 24_574, captured.TEXT)
    change = Change(original=value, new=value)
    justification = Justification(code="X", text="y" * limits.NOTES_LENGTH_MAX)
    codec.validate(msgspec.structs.replace(declared, change=change, justification=justification))


def test_declaration_from_outside(declared: Declaration) -> None:
    """A declaration's bytes are parsed back equal, and its digest is that of its canonical bytes."""
    data = orjson.dumps(msgspec.to_builtins(declared))
    assert codec.parse_declaration(data) == declared
    assert codec.declaration_digest(codec.parse_declaration(data)) == codec.declaration_digest(declared)
    other = msgspec.structs.replace(declared, expires="2026-11-24T13:31:05.123457Z")
    assert codec.declaration_digest(other) != codec.declaration_digest(declared)
    assert codec.change_digest(other.change) == codec.change_digest(declared.change)


def test_every_fault_of_a_declaration_is_named() -> None:
    """Unknown, missing and malformed fields are all named at once, with advice and without their values."""
    data = b"""{"record":"hunter2","person":"Ada","action":"override","expires":"now","surprise":1,
      "change":{"original":{"form":"inline"},"field":"x","read_by":"hunter2"},"justification":null}"""
    with pytest.raises(Invalid) as caught:
        codec.parse_declaration(data)
    assert {fault.pointer for fault in caught.value.faults} == {
        "/record",
        "/person",
        "/action",
        "/expires",
        "/surprise",
        "/change/original/text",
        "/change/field",
        "/change/read_by",
        "/justification",
    }
    assert "hunter2" not in str(caught.value)
    assert any("ada.lovelace" in fault.advice for fault in caught.value.faults)


PERSONS = [
    ("ada.lovelace", True),
    ("o+ops_1@example.org", True),
    ("a", True),
    ("", False),
    ("Ada", False),
    ("ada lovelace", False),
    (".ada", False),
    ("ada.", False),
    ("a" * 65, False),
    ("ada\u200blovelace", False),
    ("ada\u202elovelace", False),
    ("\u0430da", False),
    ("ﬁona", False),
    ("ada\n", False),
]


@pytest.mark.parametrize(("person", "good"), PERSONS)
def test_person_ids(person: str, *, good: bool) -> None:
    """A person id is short lower-case ASCII: no look-alike letters, no invisible or turning characters."""
    found: list[Any] = []
    rules.person_fault(person, "/person", found)
    assert (not found) is good


@pytest.mark.parametrize(
    ("one", "other", "twins"),
    [
        ("bill", "b1ll", True),
        ("modern", "modem", True),
        ("ann.o", "ann.0", True),
        ("vvilma", "wilma", True),
        ("ada", "ada", False),
        ("ada", "bob", False),
    ],
)
def test_confusable_ids(one: str, other: str, *, twins: bool) -> None:
    """Two ids that look alike are twins; an id is no twin of itself."""
    assert rules.confusable(one, other) is twins


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"record": "x"}, "/record"),
        ({"record": "01936000-0000-4000-8000-000000000001"}, "/record"),
        ({"action": "override"}, "/action"),
        ({"action": "a.b.c\n"}, "/action"),
        ({"expires": "2026-11-24T13:31:05Z"}, "/expires"),
        ({"expires": "2026-11-24T13:31:05.000000+00:00"}, "/expires"),
        ({"expires": "2026-02-30T13:31:05.000000Z"}, "/expires"),
        ({"target": Target(system="a", type="b", id="c")}, "/point"),
        ({"point": None}, "/point"),
        ({"point": " "}, "/point"),
        ({"point": "mm7\u200b"}, "/point"),
        ({"justification": None}, "/justification"),
        ({"justification": Justification(code="liquidity", text="x")}, "/justification/code"),
        ({"justification": Justification(code="X", text="x" * 4_001)}, "/justification/text"),
        ({"justification": Justification(code="X", text="x\u202ey")}, "/justification/text"),
        ({"justification": Justification(code="X", text="x\x00")}, "/justification/text"),
        ({"justification": Justification(code="X", text="\ud800")}, "/justification/text"),
        ({"justification": Justification(code="X", text="x", tickets=("t",) * 17)}, "/justification/tickets"),
        ({"change": Change(original=captured.absent())}, "/change/new"),
        ({"change": Change(original=captured.absent(), command="x")}, "/change/command"),
        ({"change": Change(original=captured.absent(), new=captured.absent(), field="a")}, "/change/field"),
        ({"change": Change(original=captured.absent(), new=captured.absent(), field="/~2")}, "/change/field"),
        (
            {"change": Change(original=captured.absent(), new=captured.absent(), patch="x" * 8_193)},
            "/change/patch",
        ),
        ({"times": Times(utc_offset_minutes=841)}, "/times/utc_offset_minutes"),
        ({"times": Times(error_max_ns=2**53)}, "/times/error_max_ns"),
        ({"times": Times(occurred="yesterday")}, "/times/occurred"),
    ],
)
def test_each_limit_is_refused(declared: Declaration, changes: dict[str, Any], pointer: str) -> None:
    """Each form and limit of a declaration is refused at its pointer, and nothing else is."""
    codec.validate(declared)
    with pytest.raises(Invalid) as caught:
        codec.validate(msgspec.structs.replace(declared, **changes))
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_right_to_left_notes_are_welcome(declared: Declaration) -> None:
    """Joiners and direction marks are orthography in notes, and refused in names."""
    notes = Justification(code="X", text="می\u200cخواهم \u200fשלום 👩\u200d💻")
    codec.validate(msgspec.structs.replace(declared, justification=notes))


MASK = Masked(pointer="/p", mac="0" * 64, key="k")


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        (CapturedValue(form="inline"), {"/text"}),
        (CapturedValue(form="absent", text="1"), {"/text"}),
        (CapturedValue(form="absent", masked=(MASK,)), {"/masked"}),
        (CapturedValue(form="unknown"), {"/cause"}),
        (CapturedValue(form="reference"), {"/digest", "/size"}),
        (CapturedValue(form="reference", digest="x", size=-1), {"/digest", "/size"}),
        (CapturedValue(form="redacted"), {"/masked"}),
        (CapturedValue(form="inline", text="1", size=1), {"/size"}),
        (CapturedValue(form="inline", text="x" * 24_577), {"/text"}),
        (CapturedValue(form="inline", text='"' * 24_000), {"/text"}),
        (CapturedValue(form="inline", text="\udcff"), {"/text"}),
        (CapturedValue(form="inline", text="1", masked=(MASK,) * 257), {"/masked"}),
        (
            CapturedValue(form="inline", text="1", masked=(Masked(pointer="p", mac="x", key=""),)),
            {"/masked/0/pointer", "/masked/0/mac", "/masked/0/key"},
        ),
    ],
)
def test_forms_of_values(value: CapturedValue, pointers: set[str]) -> None:
    """Each form of a captured value has exactly its own fields, within their limits."""
    assert set(_faults(value)) == pointers


def test_names_in_feeds_are_kept(one_of_each: dict[str, AnyRecord]) -> None:
    """Only who proved to be a person needs a person's id: a feed's names are evidence as they are."""
    assert not _faults(Actor(person="root", assurance="shared"))
    assert not _faults(Actor(person="CORP\\Ada L.", assurance="asserted"))
    assert set(_faults(Actor(person="CORP\\Ada L."))) == {"/person"}


def test_justification_or_its_absence(one_of_each: dict[str, AnyRecord]) -> None:
    """An observation has a justification or the cause of its absence, never both and never neither."""
    seen = one_of_each["observation"]
    both = msgspec.structs.replace(seen, justification=Justification(code="X", text="late", late=True))
    assert set(_faults(both)) == {"/justification"}
    assert set(_faults(msgspec.structs.replace(seen, absence=None))) == {"/justification"}


def test_records_belong_somewhere(one_of_each: dict[str, AnyRecord]) -> None:
    """Intents, approvals, permits, outcomes name their intervention; no other version is written."""
    for name in ("intent", "approval", "issued", "outcome"):
        record = msgspec.structs.replace(one_of_each[name], intervention=None, schema=1)
        assert set(_faults(record)) == {"/schema", "/intervention"}


def test_lone_surrogates_never_reach_bytes() -> None:
    """Encoding without judging first still refuses what has no canonical bytes."""
    for bad in ({"error": "\ud800"}, {"times": Times(error_max_ns=2**53)}):
        with pytest.raises(Invalid, match="cannot be written"):
            codec.encode(Outcome(id="x", schema=0, result="failed", **bad))  # type: ignore[arg-type]


def test_an_intent_is_encoded_quickly(one_of_each: dict[str, AnyRecord]) -> None:
    """An intent of 1.5 KB becomes canonical bytes within 20 µs on an idle machine (here: within 200)."""
    intent = one_of_each["intent"]
    assert isinstance(intent, Intent)
    text = captured.from_text('{"a":"' + "x" * 700 + '"}')
    intent = msgspec.structs.replace(
        intent,
        declaration=msgspec.structs.replace(intent.declaration, change=Change(original=text, new=text)),
    )
    assert len(codec.encode(intent)) > 1_500
    assert min(timeit.repeat(lambda: codec.encode(intent), number=100, repeat=5)) / 100 < 200e-6
