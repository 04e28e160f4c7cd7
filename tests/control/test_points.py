# SPDX-License-Identifier: Apache-2.0
"""The inventory of intervention points: what may be registered, and that nobody gets round it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from byhand.control.reasons import first_catalogue
from byhand.errors import Conflict, Invalid, NotFound, Refused
from byhand.records.kinds import Reason
from byhand.records.retention import CLASSES
from byhand.trust import administration as trust


def test_a_registered_point_comes_back_as_it_was_set(office: Any, breaker: Any) -> None:
    """Every field of the point, from the log."""
    point = breaker(
        team="desk 7",
        probe="file:/etc/limits.yaml#/state",
        ignore=("/updated",),
        secrets=("/pin",),
        circle="risk-on-call",
        review_by="2999-12-31",
        retention_class="mifid2-5y",
        mode="enforce",
        tier="critical",
    )
    office.register(point)
    assert office.home.points.get("mm7-breaker") == point
    assert office.home.points.find("mm7-breaker") == point
    assert office.home.points.all() == [point]


def test_a_new_point_only_observes(office: Any, breaker: Any) -> None:
    """Unless the signed record says otherwise, a point begins in ``observe``."""
    office.register(breaker())
    assert office.home.points.get("mm7-breaker").mode == "observe"


def test_a_misspelt_name_is_answered_with_the_nearest(office: Any, breaker: Any) -> None:
    """NotFound offers what was probably meant, or where to look."""
    office.register(breaker())
    with pytest.raises(NotFound) as refusal:
        office.home.points.get("mm7-braker")
    assert refusal.value.advice == "Did you mean mm7-breaker?"
    with pytest.raises(NotFound) as refusal:
        office.home.points.get("zzz")
    assert "byhand point list" in refusal.value.advice


def test_a_change_of_mode_is_a_signed_record_and_changes_nothing_else(office: Any, breaker: Any) -> None:
    """From ``observe`` to ``enforce``; slipping a lower tier in with it is refused."""
    office.register(breaker())
    with pytest.raises(Invalid, match="differs in more than its mode"):
        office.register(breaker(mode="enforce", tier="low"), action=trust.POINT_MODE)
    office.register(breaker(mode="enforce"), action=trust.POINT_MODE)
    assert office.home.points.get("mm7-breaker").mode == "enforce"
    with pytest.raises(NotFound):
        office.register(breaker(name="other"), action=trust.POINT_MODE)


def test_a_mode_can_change_when_a_reason_was_retired_meanwhile(office: Any, breaker: Any) -> None:
    """What was valid when it was set does not stand in the way of tightening the gate."""
    both = ("FALSE_POSITIVE", "LIQUIDITY_PROVISIONING")
    office.register(breaker(reasons=both))
    retired = Reason(code="FALSE_POSITIVE", summary="no longer a reason", retired=True)
    record = msgspec.structs.replace(first_catalogue(), reasons=(retired,))
    office.home.reasons.submit(office.caller("ada"), office.signed(record, "ada"))
    with pytest.raises(Invalid, match="no reason code in force"):
        office.register(breaker(reasons=both, tier="critical"))
    office.register(breaker(reasons=both, mode="warn"), action=trust.POINT_MODE)
    assert office.home.points.get("mm7-breaker").mode == "warn"


def test_a_change_that_changes_nothing_is_a_conflict(office: Any, breaker: Any) -> None:
    """The log is not filled with records that say nothing new."""
    office.register(breaker())
    with pytest.raises(Conflict, match="like this already"):
        office.register(breaker())


def test_a_retired_point_is_gone_but_still_found(office: Any, breaker: Any) -> None:
    """It cannot be used any more; interventions under it can still be compared as it said."""
    office.register(breaker(ignore=("/updated",)))
    record = office.point_record(breaker(), trust.POINT_RETIRE)
    bare = type(record)(id=record.id, schema=record.schema, action=record.action, subject=record.subject)
    office.home.points.submit(office.caller("ada"), office.signed(bare, "ada"))
    with pytest.raises(NotFound, match="was retired"):
        office.home.points.get("mm7-breaker")
    assert office.home.points.find("mm7-breaker").ignore == ("/updated",)
    assert office.home.points.all() == []
    office.register(breaker())
    assert office.home.points.get("mm7-breaker").ignore == ()
    with pytest.raises(NotFound):
        office.home.points.submit(
            office.caller("ada"),
            office.signed(
                type(record)(
                    id=office.point_record(breaker()).id, schema=0, action=trust.POINT_RETIRE, subject="other"
                ),
                "ada",
            ),
        )


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"name": "MM7"}, "/point/name"),
        ({"name": "-mm7"}, "/point/name"),
        ({"name": "m" * 65}, "/point/name"),
        ({"name": "unregistered"}, "/point/name"),
        ({"action": "override"}, "/point/action"),
        ({"system": " "}, "/point/system"),
        ({"id": "MM\u202e7"}, "/point/id"),
        ({"owner": ""}, "/point/owner"),
        ({"team": "a\nb"}, "/point/team"),
        ({"field": "state"}, "/point/field"),
        ({"ignore": ("/a", "b")}, "/point/ignore/1"),
        ({"ignore": ("",)}, "/point/ignore"),
        ({"secrets": ("/a~2",)}, "/point/secrets/0"),
        ({"secrets": tuple(f"/{n}" for n in range(65))}, "/point/secrets"),
        ({"tier": "lowest"}, "/point/tier"),
        ({"mode": "off"}, "/point/mode"),
        ({"retention_class": "forever"}, "/point/retention_class"),
        ({"reasons": ("LIQUIDITY",)}, "/point/reasons/0"),
        ({"reasons": ("CUSTOMER_REQUEST",)}, "/point/reasons/0"),
        ({"reasons": ("FALSE_POSITIVE", "FALSE_POSITIVE")}, "/point/reasons"),
        ({"probe": "telepathy:mm7"}, "/point/probe"),
        ({"probe": "nothing"}, "/point/probe"),
        ({"review_by": "31.01.2027"}, "/point/review_by"),
        ({"review_by": "20990131"}, "/point/review_by"),
        ({"review_by": "2020-01-01"}, "/point/review_by"),
    ],
)
def test_each_fault_of_a_point_is_named(
    office: Any, breaker: Any, changed: dict[str, Any], pointer: str
) -> None:
    """With its JSON pointer, and nothing is recorded."""
    with pytest.raises(Invalid) as refusal:
        office.register(breaker(**changed))
    assert pointer in [fault.pointer for fault in refusal.value.faults]
    assert office.home.points.all() == []


def test_all_faults_are_named_at_once(office: Any, breaker: Any) -> None:
    """Whoever fills in a point corrects it once."""
    with pytest.raises(Invalid) as refusal:
        office.register(breaker(name="A", action="b", owner="", mode="x", reasons=("NOPE",), probe="?"))
    pointers = {fault.pointer for fault in refusal.value.faults}
    assert pointers >= {
        "/point/name",
        "/point/action",
        "/point/owner",
        "/point/mode",
        "/point/reasons/0",
        "/point/probe",
    }


def test_a_misspelt_reason_code_is_answered_with_the_nearest(office: Any, breaker: Any) -> None:
    """The advice names the code that was probably meant."""
    with pytest.raises(Invalid) as refusal:
        office.register(breaker(reasons=("LIQUIDITY_PROVISION",)))
    assert "LIQUIDITY_PROVISIONING" in refusal.value.faults[0].advice


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_shipped_retention_class_can_be_chosen(office: Any, breaker: Any, name: str) -> None:
    """Each keeps for at least half a year and names its rule."""
    office.register(breaker(retention_class=name))
    assert CLASSES[name].days_min >= 184
    assert CLASSES[name].rule


def test_a_target_without_a_point_counts_as_production_high_enforced(office: Any) -> None:
    """Nobody registered it, so the strictest of the ordinary rules hold."""
    point = office.home.points.unregistered("erp.order.release", "erp", "order", "4711", "/status")
    assert (point.environment, point.tier, point.mode, point.reasons) == ("production", "high", "enforce", ())


def test_a_point_is_not_evaded_by_naming_its_target(office: Any, breaker: Any) -> None:
    """The same act on a registered target is refused with the point's name."""
    office.register(breaker(tier="critical", field="/state"))
    with pytest.raises(Refused, match="registered as the intervention point mm7-breaker") as refusal:
        office.home.points.unregistered(
            "trading.circuit_breaker.override", "risk-gateway", "circuit_breaker", "MM-7", "/state"
        )
    assert "mm7-breaker" in refusal.value.advice


@pytest.mark.parametrize(
    ("action", "identity", "field", "tier"),
    [
        ("trading.circuit_breaker.reset", "MM-7", "/state", "critical"),
        ("trading.circuit_breaker.override", "MM-7", "", "critical"),
        ("trading.circuit_breaker.override", "MM-7", "/state/reason", "critical"),
        ("trading.circuit_breaker.override", "MM-7", "/states", "high"),
        ("trading.circuit_breaker.override", "MM-8", "/state", "high"),
    ],
)
def test_an_act_around_a_point_has_at_least_its_risk(
    office: Any, breaker: Any, action: str, identity: str, field: str, tier: str
) -> None:
    """Another verb, the whole target or a part of the field is as critical as the point."""
    office.register(breaker(tier="critical", field="/state"))
    office.register(
        breaker(name="harmless", tier="low", field="/state", action="trading.circuit_breaker.label")
    )
    point = office.home.points.unregistered(action, "risk-gateway", "circuit_breaker", identity, field)
    assert (point.tier, point.mode) == (tier, "enforce")


def test_only_points_are_changed_here(office: Any, breaker: Any) -> None:
    """A record of another kind is refused by name, and a point under another's name too."""
    record = office.point_record(breaker())
    with pytest.raises(Invalid, match="is not about points"):
        office.home.points.submit(
            office.caller("ada"), type(record)(id=record.id, schema=0, action="x", subject="y")
        )
    other = type(record)(id=record.id, schema=0, action=record.action, subject="other", point=breaker())
    with pytest.raises(Invalid, match="is missing or not the subject"):
        office.home.points.submit(office.caller("ada"), office.signed(other, "ada"))


@pytest.mark.parametrize(
    ("action", "field", "secrets"),
    [
        ("trading.circuit_breaker.reset", "/conf", ("/legs/*/pin", "/tan")),
        ("trading.circuit_breaker.override", "", ("/conf/legs/*/pin", "/conf/tan")),
        ("trading.circuit_breaker.override", "/conf/legs", ("/*/pin",)),
        ("trading.circuit_breaker.override", "/conf/legs/0", ("/pin",)),
        ("trading.circuit_breaker.override", "/conf/legs/0/pin/first", ("",)),
        ("trading.circuit_breaker.override", "/conf/limit", ()),
    ],
)
def test_what_a_point_calls_secret_is_secret_around_it(
    office: Any, breaker: Any, action: str, field: str, secrets: tuple[str, ...]
) -> None:
    """Another verb, the whole target or a part of the field hides the same places, seen from there."""
    office.register(breaker(tier="critical", field="/conf", secrets=("/tan", "/legs/*/pin")))
    point = office.home.points.unregistered(action, "risk-gateway", "circuit_breaker", "MM-7", field)
    assert point.secrets == secrets


def test_an_act_around_points_is_kept_as_long_and_classed_as_they_are(office: Any, breaker: Any) -> None:
    """The secrets of all of them, the longest retention, the riskiest point's classification."""
    office.register(
        breaker(field="/a", secrets=("/pin",), retention_class="pci-1y", classification="restricted")
    )
    office.register(
        breaker(name="b", field="/b", secrets=("/tan",), retention_class="sox-7y", tier="critical")
    )
    point = office.home.points.unregistered(
        "trading.circuit_breaker.override", "risk-gateway", "circuit_breaker", "MM-7", ""
    )
    assert (point.secrets, point.retention_class, point.classification) == (
        ("/a/pin", "/b/tan"),
        "sox-7y",
        "restricted",
    )


@pytest.mark.parametrize(
    ("system", "identity", "field"),
    [
        ("Risk-Gateway", "MM-7", "/state"),
        ("risk-g\u0430teway", "MM-7", "/state"),
        ("\uff52isk-gateway", "MM-7", "/state"),
        ("risk\u2010gateway", "MM-7", "/state"),
        ("risk-gateway", "\u039c\u041c-7", "/state"),
        ("risk-gateway", "MM-7", "/State"),
        ("risk-gateway", "mm-7", ""),
    ],
)
def test_a_point_is_not_evaded_by_what_only_looks_like_its_target(
    office: Any, breaker: Any, system: str, identity: str, field: str
) -> None:
    """Another letter case, another script's twins or another width: refused with the point's name and spelling."""
    office.register(breaker(tier="critical", field="/state"))
    with pytest.raises(Refused, match="looks like that of the intervention point mm7-breaker") as refusal:
        office.home.points.unregistered(
            "trading.circuit_breaker.reset", system, "circuit_breaker", identity, field
        )
    assert "risk-gateway/circuit_breaker/MM-7#/state" in refusal.value.advice


@pytest.mark.parametrize(
    "identity",
    ["MM-7\u00a0", " MM-7", "MM-7 ", "MM-7\ufe0f", "MM\u200b-7", "MM-7\n", "\u3164", "", "MM-7\U000e0041"],
)
def test_a_target_is_named_as_it_is_seen(office: Any, identity: str) -> None:
    """Spaces at the ends and characters that show nothing make a name that nobody can tell from another."""
    with pytest.raises(Invalid) as refusal:
        office.home.points.unregistered("a.b.c", "risk-gateway", "circuit_breaker", identity, "")
    assert [fault.pointer for fault in refusal.value.faults] == ["/target/id"]


def test_targets_that_differ_in_a_digit_are_different(office: Any, breaker: Any) -> None:
    """Machines are numbered: node 6 and node 8 are no twins, though two persons' names would be."""
    office.register(breaker(tier="critical", id="node-6"))
    point = office.home.points.unregistered(
        "trading.circuit_breaker.override", "risk-gateway", "circuit_breaker", "node-8", ""
    )
    assert point.tier == "high"
