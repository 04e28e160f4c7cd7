# SPDX-License-Identifier: Apache-2.0
"""Who can be a person, and who is nobody."""

from __future__ import annotations

import pytest

from byhand.control.identity import Caller, check_person
from byhand.errors import Invalid, SharedAccount
from byhand.records.actor import Authentication, Via


@pytest.mark.parametrize("name", ["ada", "ada.lovelace", "ada@example.com", "ada+trading@example.com", "x1"])
def test_an_ordinary_id_names_a_person(name: str) -> None:
    """Login names and addresses pass."""
    check_person(name)


@pytest.mark.parametrize("name", ["root", "svc-payments", "r00t", "release-bot"])
def test_a_shared_account_names_nobody(name: str) -> None:
    """Form alone does not make a person."""
    with pytest.raises(SharedAccount):
        check_person(name)


@pytest.mark.parametrize(
    "name", ["", "Ada", "ada lovelace", "ada\u202egnp", "аda", "ada/../root", "a" * 65, "ﬁona"]
)
def test_what_cannot_name_a_person_is_a_fault_with_its_place(name: str) -> None:
    """A person id is short lower-case ASCII; anything else is named as a fault of ``/person``."""
    with pytest.raises(Invalid) as refusal:
        check_person(name)
    assert [fault.pointer for fault in refusal.value.faults] == ["/person"]


def test_a_caller_is_the_actor_and_keeps_personal_data_apart() -> None:
    """The actor carries person, credential and carrier; address, name and session are a section."""
    signed = Authentication(method="ssh-key", when="2026-11-24T13:00:00.000000Z", credential="SHA256:x")
    caller = Caller(
        person="ada",
        credential="SHA256:x",
        authentication=signed,
        session="5e55",
        address="192.0.2.7",
        display_name="Ada Lovelace",
    )
    actor = caller.actor(signed_by="actor", via=Via(kind="pipeline", id="ci/77"), details="d1")
    assert (actor.person, actor.signed_by, actor.details, actor.authentication) == (
        "ada",
        "actor",
        "d1",
        signed,
    )
    assert actor.via == Via(kind="pipeline", id="ci/77")
    details = caller.details()
    assert (details.display_name, details.address, details.session) == ("Ada Lovelace", "192.0.2.7", "5e55")
    assert "192.0.2.7" not in repr(actor)
