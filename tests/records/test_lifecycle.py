# SPDX-License-Identifier: Apache-2.0
"""What may follow what in the life of an intervention, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from byhand.errors import IllegalTransition
from byhand.records import lifecycle
from byhand.records.actor import Actor
from byhand.records.intervention import Decision
from byhand.records.kinds import AnyRecord
from byhand.records.lifecycle import State

Make = Callable[[str], AnyRecord]


@pytest.fixture
def make(one_of_each: dict[str, AnyRecord]) -> Make:
    """A record by a short name: phase, result, decision and person, or finding."""
    replace = msgspec.structs.replace

    def record(name: str) -> AnyRecord:
        kind, _, person = name.partition(":")
        if kind in one_of_each:
            return one_of_each[kind]
        if kind == "two_approvals":
            return replace(one_of_each["intent"], decision=Decision(path="approved", approvals_needed=2))
        if kind in ("void", "refused"):
            return replace(one_of_each["redeemed"], phase=kind)
        if kind == "denied":
            return replace(one_of_each["issued"], phase="refused")
        if kind in ("approve", "refuse", "withdraw"):
            return replace(one_of_each["approval"], decision=kind, actor=Actor(person=person))
        if kind in ("review", "amendment", "disposition", "drift"):
            return replace(one_of_each["finding"], type=kind)
        return replace(one_of_each["outcome"], result=kind)

    return record


LIVES = {
    "intent": "declared",
    "intent issued": "permitted",
    "intent issued redeemed": "redeemed",
    "intent issued redeemed applied": "applied",
    "intent issued redeemed failed": "failed",
    "intent issued redeemed abandoned": "abandoned",
    "intent issued redeemed unknown": "unknown",
    "intent issued redeemed unknown applied": "applied",
    "intent issued redeemed unknown failed": "failed",
    "intent issued refused redeemed refused applied refused": "applied",
    "intent issued void": "void",
    "intent issued lapsed": "lapsed",
    "intent lapsed": "lapsed",
    "intent denied": "refused",
    "intent refuse:bob": "refused",
    "intent withdraw:ada.lovelace": "withdrawn",
    "two_approvals": "pending",
    "two_approvals approve:bob": "pending",
    "two_approvals approve:bob approve:bob": "pending",
    "two_approvals approve:bob approve:eve": "approved",
    "two_approvals approve:bob approve:eve withdraw:bob": "pending",
    "two_approvals approve:bob approve:eve issued redeemed applied": "applied",
    "two_approvals approve:bob refuse:eve": "refused",
    "two_approvals lapsed": "lapsed",
    "intent approve:bob issued": "permitted",
    "intent issued redeemed applied observation finding review amendment drift": "applied",
    "observation": "observed",
    "observation finding": "observed",
    "observation finding disposition": "explained",
}


@pytest.mark.parametrize(("life", "phase"), LIVES.items())
def test_lives(make: Make, life: str, phase: str) -> None:
    """Each allowed life ends in its phase."""
    assert lifecycle.fold(make(name) for name in life.split()).phase == phase


ILLEGAL = [
    "issued",
    "outcome",
    "access",
    "administration",
    "intent intent",
    "intent access",
    "intent administration",
    "intent redeemed",
    "intent void",
    "intent applied",
    "intent unknown",
    "intent issued issued",
    "intent issued applied",
    "intent issued unknown",
    "intent issued redeemed redeemed",
    "intent issued redeemed void",
    "intent issued redeemed lapsed",
    "intent issued redeemed applied failed",
    "intent issued redeemed unknown unknown",
    "intent issued redeemed unknown abandoned",
    "intent issued redeemed unknown applied applied",
    "intent issued approve:bob",
    "intent lapsed issued",
    "intent lapsed lapsed",
    "intent denied issued",
    "intent refuse:bob approve:eve",
    "intent withdraw:bob",
    "intent withdraw:ada.lovelace issued",
    "two_approvals issued",
    "two_approvals approve:bob issued",
    "observation issued",
    "observation applied",
]


@pytest.mark.parametrize("life", ILLEGAL)
def test_illegal_lives(make: Make, life: str) -> None:
    """A record that cannot follow raises, and says why."""
    *before, last = life.split()
    state = lifecycle.fold(make(name) for name in before) if before else None
    with pytest.raises(IllegalTransition):
        lifecycle.advance(state, make(last))


def test_no_records() -> None:
    """Nothing has no state."""
    with pytest.raises(IllegalTransition):
        lifecycle.fold([])


def test_foreign_permits(make: Make) -> None:
    """A redemption of another intervention's permit, and a permit in another's name, are refused."""
    other = "01936000-0000-7000-8000-000000000099"
    foreign: Any = msgspec.structs.replace(make("redeemed"), permit=other)
    with pytest.raises(IllegalTransition, match="not this intervention's"):
        lifecycle.fold([make("intent"), make("issued"), foreign])
    borrowed: Any = msgspec.structs.replace(make("issued"), permit=other)
    with pytest.raises(IllegalTransition, match="names itself"):
        lifecycle.fold([make("intent"), borrowed])


def test_state_tells_the_story(make: Make) -> None:
    """The state holds permit, expiry, outcome, every verdict, and whether it was reviewed or corrected."""
    names = "intent issued redeemed applied finding finding review amendment"
    state = lifecycle.fold(make(name) for name in names.split())
    assert state == State(
        phase="applied",
        intent=make("intent").id,
        permit=make("issued").id,
        expires="2026-11-24T13:21:05.123456Z",
        outcome="applied",
        requester="ada.lovelace",
        verdict="permitted",
        verdicts=("permitted", "permitted"),
        reviewed=True,
        amended=True,
    )


def test_state_survives_storage(make: Make) -> None:
    """A state written out and read back goes on as before."""
    state = lifecycle.fold([make("intent"), make("issued")])
    again = msgspec.json.decode(msgspec.json.encode(state), type=State)
    assert lifecycle.advance(again, make("redeemed")) == lifecycle.advance(state, make("redeemed"))
