# SPDX-License-Identifier: Apache-2.0
"""The standard view: seven names, for every kind, that no value can fake."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from byhand.records import captured, standard
from byhand.records.codec import UnknownVersion
from byhand.records.intervention import Change
from byhand.records.kinds import AnyRecord, Intent

NAMES = [
    "Timestamp",
    "Actor_ID",
    "Action_Type",
    "Target_System",
    "Original_Value",
    "New_Value",
    "Justification_Reason",
]


def _row(row: standard.Row) -> list[str]:
    assert list(row) == NAMES
    return list(row.values())


def test_an_applied_intervention(one_of_each: dict[str, AnyRecord]) -> None:
    """When it was applied, by whom, what, where, from, to as read back, and why."""
    records = [
        (f"t{number}", one_of_each[name])
        for number, name in enumerate(("intent", "issued", "redeemed", "outcome"))
    ]
    assert _row(standard.row_of_intervention(records)) == [
        "t3",
        "ada.lovelace",
        "trading.circuit_breaker.override",
        "risk-gateway/circuit_breaker/MM-7#/trading_state",
        "HALTED",
        "ACTIVE",
        "LIQUIDITY_PROVISIONING: Quoting obligation on XLON until 15:00.",
    ]


def test_only_declared(one_of_each: dict[str, AnyRecord]) -> None:
    """Before anything is read back the new value is marked as declared, and the time is the declaration's."""
    row = standard.row_of_intervention([("t0", one_of_each["intent"]), ("t1", one_of_each["issued"])])
    assert row["New_Value"] == "$declared ACTIVE"
    assert row["Timestamp"] == "t0"


def _changed(one_of_each: dict[str, AnyRecord], change: Change) -> Intent:
    intent: Any = one_of_each["intent"]
    declaration = msgspec.structs.replace(intent.declaration, change=change)
    made: Intent = msgspec.structs.replace(intent, declaration=declaration)
    return made


def test_a_row_for_each_changed_field(one_of_each: dict[str, AnyRecord]) -> None:
    """Two fields of one object are two rows, each with its pointer; what was not there shows as absent."""
    change = Change(
        original=captured.from_text('{"a":1.0,"b":"x","same":1}'),
        new=captured.from_text('{"a":2.50,"c":"$absent","same":1.0}'),
        field="/limits",
    )
    rows = standard.rows_of_intervention([("t0", _changed(one_of_each, change))])
    assert [
        (row["Target_System"].partition("#")[2], row["Original_Value"], row["New_Value"]) for row in rows
    ] == [
        ("/limits/a", "1.0", "$declared 2.50"),
        ("/limits/b", "x", "$declared $absent"),
        ("/limits/c", "$absent", "$declared $$absent"),
    ]
    assert {row["Justification_Reason"] for row in rows} == {
        standard.row_of_intervention([("t0", one_of_each["intent"])])["Justification_Reason"]
    }


def test_one_row_at_least(one_of_each: dict[str, AnyRecord]) -> None:
    """A change of the whole, of nothing, or not declared yet is one row."""
    for new in (captured.capture("ACTIVE"), captured.capture("HALTED"), None):
        change = Change(original=captured.capture("HALTED"), new=new, command="0" * 64)
        assert len(standard.rows_of_intervention([("t0", _changed(one_of_each, change))])) == 1
    undeclared = _changed(one_of_each, Change(original=captured.absent(), command="0" * 64))
    assert standard.row_of_intervention([("t0", undeclared)])["New_Value"] == "$observed"
    assert len(standard.rows_of_intervention([("t0", one_of_each["observation"])])) == 1


def test_every_kind_has_a_row(one_of_each: dict[str, AnyRecord]) -> None:
    """Each kind of record fills the first four names, and has all seven."""
    for name, record in one_of_each.items():
        row = _row(standard.row_of_record("t0", record))
        assert all(row[:4]), name
    assert _row(standard.row_of_record("t0", UnknownVersion(version=9, text="{}")))[2] == "$unknown_version 9"


def test_an_observation_nobody_justified(one_of_each: dict[str, AnyRecord]) -> None:
    """An act seen in a feed says why there is no reason, and that its values were not seen."""
    row = standard.row_of_record("t0", one_of_each["observation"])
    assert row["Justification_Reason"] == "$source_has_no_field"
    assert row["New_Value"] == "$unknown"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_formulas_are_neutralised(text: str) -> None:
    """No cell begins like a formula."""
    assert standard.csv_cell(text) == f"'{text}"


def test_other_cells_are_left_alone() -> None:
    """Text that no spreadsheet runs stays as it is."""
    assert standard.csv_cell("ACTIVE; größer = 1") == "ACTIVE; größer = 1"
