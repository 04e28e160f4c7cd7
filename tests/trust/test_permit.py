# SPDX-License-Identifier: Apache-2.0
"""The permit's numbered list: what passes, and each number broken alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from byhand import errors
from byhand.trust import permit as permits

NOW = "2026-11-24T13:00:00.000000Z"
LATER = "2026-11-24T13:10:00.000000Z"
BOUND = permits.Bound(person="cyd", target="engine/limit", change_sha256="ab" * 32, before_sha256="cd" * 32)
INTENT = permits.Intent(
    bound=BOUND,
    place="engine/limit/max#/notional",
    signature="device-key",
    expires=LATER,
    index=5,
    leaf_hash=b"\1" * 32,
    declaration_sha256="ef" * 32,
    signed_declaration_sha256="ef" * 32,
    signed_device_bound=True,
)
APPROVALS = permits.Approvals(
    required=2, approvers=frozenset({"ada", "bob"}), contributors=frozenset({"dan"})
)
PERMIT = permits.Permit(bound=BOUND, expires=LATER)
PERSONS = frozenset({"ada", "bob", "cyd", "dan"})


def _issue(intent: permits.Intent = INTENT, approvals: permits.Approvals = APPROVALS, **changed: Any) -> None:
    permits.check_issue(
        intent, approvals, **{"persons": PERSONS, "now": NOW, "permit_seconds": 600, **changed}
    )


def _redeem(
    intent: permits.Intent = INTENT,
    approvals: permits.Approvals = APPROVALS,
    permit: permits.Permit = PERMIT,
    **changed: Any,
) -> None:
    usual = {
        "acting": BOUND,
        "attempt": "a1",
        "before_now_sha256": BOUND.before_sha256,
        "persons": PERSONS,
        "now": NOW,
    }
    permits.check_redeem(intent, approvals, permit, **{**usual, **changed})


BROKEN = [  # number, what is broken, the word that names it, the error
    ("0", {"persons": frozenset({"ada"})}, "not an enrolled person", errors.NotPermitted),
    ("1", {"intent": replace(INTENT, index=None)}, "not in the log", errors.NotPermitted),
    ("1", {"intent": replace(INTENT, index=-1)}, "not in the log", errors.NotPermitted),
    ("1", {"intent": replace(INTENT, leaf_hash=None)}, "not in the log", errors.NotPermitted),
    ("1", {"intent": replace(INTENT, leaf_hash=b"\1" * 31)}, "not in the log", errors.NotPermitted),
    ("2", {"now": LATER}, "lapsed", errors.NotPermitted),
    ("3", {"approvals": replace(APPROVALS, required=3)}, "2 of 3 approvals", errors.NotPermitted),
    (
        "3",
        {"approvals": replace(APPROVALS, contributors=frozenset({"ada"}))},
        "ada contributed",
        errors.NotPermitted,
    ),
    (
        "3",
        {"approvals": replace(APPROVALS, approvers=frozenset({"cyd", "ada"}))},
        "cyd contrib",
        errors.NotPermitted,
    ),
    (
        "4",
        {"intent": replace(INTENT, signed_declaration_sha256=None)},
        "needs the signature",
        errors.BadSignature,
    ),
    (
        "4",
        {"intent": replace(INTENT, signed_declaration_sha256="00" * 32)},
        "another decl",
        errors.BadSignature,
    ),
    ("4", {"intent": replace(INTENT, signed_device_bound=False)}, "device-bound", errors.BadSignature),
]


def test_everything_in_order_is_issued_and_redeemed() -> None:
    """The case all refusals below are made from passes."""
    _issue()
    _redeem()


@pytest.mark.parametrize(("number", "changed", "word", "kind"), BROKEN)
def test_conditions_0_to_4_hold_at_both_moments(
    number: str, changed: dict[str, Any], word: str, kind: type[Exception]
) -> None:
    """Each condition broken alone is named, when issuing and again when redeeming."""
    for check in (_issue, _redeem):
        with pytest.raises(kind, match=word):
            check(**changed)


@pytest.mark.parametrize("seconds", [0, -1, 601])
def test_a_permit_lasts_at_most_ten_minutes(seconds: int) -> None:
    """Longer and empty permits are not issued."""
    with pytest.raises(errors.NotPermitted, match="600 seconds"):
        _issue(permit_seconds=seconds)


def test_where_no_signature_is_required_none_is_needed() -> None:
    """There the server may vouch for the actor."""
    _issue(replace(INTENT, signature="none", signed_declaration_sha256=None, signed_device_bound=False))


def test_high_takes_any_key_of_the_actor() -> None:
    """Only critical asks for a device-bound key."""
    _issue(replace(INTENT, signature="own-key", signed_device_bound=False))


@pytest.mark.parametrize("field", ["person", "target", "change_sha256", "before_sha256"])
def test_5_a_permit_is_for_one_person_target_change_and_before_state(field: str) -> None:
    """Acting on anything else than what was permitted and intended is refused."""
    other = replace(BOUND, **{field: "x"})
    for changed in (
        {"acting": other},
        {"permit": replace(PERMIT, bound=other)},
        {"acting": other, "permit": replace(PERMIT, bound=other)},
    ):
        with pytest.raises(errors.NotPermitted, match=f"another {field.split('_', maxsplit=1)[0]}"):
            _redeem(**changed)


def test_5_a_lapsed_permit_is_refused() -> None:
    """A permit ends before its intent may."""
    with pytest.raises(errors.NotPermitted, match="permit lapsed"):
        _redeem(permit=replace(PERMIT, expires=NOW))


def test_6_a_redeemed_permit_answers_its_own_attempt_only() -> None:
    """The attempt that redeemed it gets the same answer, even late; any other is refused."""
    used = replace(PERMIT, redeemed_by="a1")
    _redeem(permit=used)
    _redeem(permit=used, now="2026-11-25T00:00:00.000000Z", before_now_sha256="00" * 32)
    with pytest.raises(errors.NotPermitted, match="redeemed already"):
        _redeem(permit=used, attempt="a2")
    with pytest.raises(errors.NotPermitted, match="another target"):
        _redeem(permit=used, acting=replace(BOUND, target="x"))


def test_7_the_before_state_must_still_stand() -> None:
    """A value that changed since is its own error; a target that compares itself is not asked twice."""
    with pytest.raises(errors.BeforeStateChanged, match="engine/limit"):
        _redeem(before_now_sha256="00" * 32)
    _redeem(before_now_sha256=None)


@given(st.lists(st.sampled_from(BROKEN), max_size=4), st.booleans())
def test_nothing_heals_a_broken_condition(broken: list[Any], redeeming: bool) -> None:
    """Any mixture with at least one broken condition is refused; none broken passes."""
    changed: dict[str, Any] = {}
    for _, change, _, _ in broken:
        changed |= change
    if not broken:
        (_redeem if redeeming else _issue)()
        return
    with pytest.raises((errors.NotPermitted, errors.BadSignature)):
        (_redeem if redeeming else _issue)(**changed)
