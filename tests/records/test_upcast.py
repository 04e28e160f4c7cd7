# SPDX-License-Identifier: Apache-2.0
"""Older records are brought up to this version step by step, on reading only."""

from __future__ import annotations

import pytest

from byhand.errors import MalformedProof
from byhand.records import codec, parts, upcast
from byhand.records.actor import PersonDetails
from byhand.records.kinds import AnyRecord


def test_a_step_for_each_version(monkeypatch: pytest.MonkeyPatch, one_of_each: dict[str, AnyRecord]) -> None:
    """A record two versions old passes two steps, in order, and is then of this version."""
    finding = one_of_each["finding"]
    data = codec.encode(finding).replace(b'"schema":0', b'"schema":-2').replace(b'"summary"', b'"said"')
    monkeypatch.setitem(upcast.STEPS, -2, lambda raw: {**raw, "schema": -1, "summary": raw["said"]})
    monkeypatch.setitem(
        upcast.STEPS, -1, lambda raw: {**{name: raw[name] for name in raw if name != "said"}, "schema": 0}
    )
    monkeypatch.setattr(upcast, "FIRST_VERSION", -2)
    assert codec.decode(data) == finding


def test_no_way_leads_here(one_of_each: dict[str, AnyRecord]) -> None:
    """A version before the first is no record."""
    data = codec.encode(one_of_each["finding"]).replace(b'"schema":0', b'"schema":-1')
    with pytest.raises(MalformedProof):
        codec.decode(data)


def test_persons_sections() -> None:
    """A person's section is read back equal, and anything else is named without repeating it."""
    details = PersonDetails(display_name="Ada Lovelace", address="192.0.2.7")
    assert parts.decode_person(parts.encode_part(details)) == details
    with pytest.raises(MalformedProof) as caught:
        parts.decode_person(b'{"display_name":1,"hunter2":2}')
    assert "hunter2" not in str(caught.value)
