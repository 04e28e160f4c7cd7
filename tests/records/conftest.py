# SPDX-License-Identifier: Apache-2.0
"""Records to test with: one of each kind, and a strategy that makes any record its types and forms allow."""

from __future__ import annotations

import hashlib
from datetime import UTC
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from byhand import clock
from byhand.records import captured, forms, rules
from byhand.records.actor import Actor
from byhand.records.base import Part
from byhand.records.intervention import Change, Declaration, Justification, Target
from byhand.records.kinds import (
    Access,
    Administration,
    AnyRecord,
    Approval,
    Finding,
    Intent,
    Observation,
    Outcome,
    Permit,
)
from byhand.records.values import CapturedValue

NOW = "2026-11-24T13:21:05.123456Z"
DIGEST = hashlib.sha256(b"").hexdigest()


def identifier(number: int) -> str:
    """A record id that says which one it is."""
    return f"01936000-0000-7000-8000-{number:012d}"


def declaration(**changes: Any) -> Declaration:
    """The trader's declaration."""
    made = Declaration(
        record=identifier(1),
        person="ada.lovelace",
        action="trading.circuit_breaker.override",
        change=Change(
            original=captured.capture("HALTED"), new=captured.capture("ACTIVE"), field="/trading_state"
        ),
        expires="2026-11-24T13:31:05.123456Z",
        point="mm7-breaker",
        justification=Justification(
            code="LIQUIDITY_PROVISIONING", text="Quoting obligation on XLON until 15:00."
        ),
    )
    return msgspec.structs.replace(made, **changes)


def records() -> dict[str, AnyRecord]:
    """One record of each kind, all of one intervention where the kind belongs to one."""
    ada, bob = Actor(person="ada.lovelace", signed_by="actor"), Actor(person="bob.kahn")
    target = Target(system="risk-gateway", type="circuit_breaker", id="MM-7", point="mm7-breaker")
    common: dict[str, Any] = {"schema": 0, "intervention": identifier(1)}
    bound: dict[str, Any] = {
        "intent": 4,
        "leaf": DIGEST,
        "person": "ada.lovelace",
        "change": DIGEST,
        "before": DIGEST,
    }
    made: dict[str, AnyRecord] = {
        "intent": Intent(
            id=identifier(1),
            declaration=declaration(),
            actor=ada,
            target=target,
            mode="enforce",
            catalogue=1,
            **common,
        ),
        "approval": Approval(
            id=identifier(2), actor=bob, decision="approve", intent=4, leaf=DIGEST, **common
        ),
        "issued": Permit(
            id=identifier(3), phase="issued", permit=identifier(3), expires=NOW, **bound, **common
        ),
        "redeemed": Permit(
            id=identifier(4), phase="redeemed", permit=identifier(3), attempt="a1", **bound, **common
        ),
        "outcome": Outcome(
            id=identifier(5), result="applied", found=captured.capture("ACTIVE"), as_declared=True, **common
        ),
        "observation": Observation(
            id=identifier(6),
            schema=0,
            actor=Actor(person="system:serviceaccount:payments:ci", assurance="shared"),
            target=target,
            action="deployment.scale.change",
            connector="kubernetes",
            instance="prod-eu",
            capture="feed",
            absence="source_has_no_field",
        ),
        "finding": Finding(
            id=identifier(7),
            type="verdict",
            about=identifier(1),
            summary="as permitted",
            verdict="permitted",
            **common,
        ),
        "access": Access(
            id=identifier(8), schema=0, actor=bob, operation="show", records=(identifier(1),), count=1
        ),
        "administration": Administration(
            id=identifier(9), schema=0, action="administration.point.set", subject="mm7-breaker", actor=ada
        ),
    }
    return made


@pytest.fixture
def one_of_each() -> dict[str, AnyRecord]:
    """One record of each kind."""
    return records()


@pytest.fixture
def declared() -> Declaration:
    """The trader's declaration."""
    return declaration()


# -- any record the types and forms allow

_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf")), min_size=1, max_size=40).filter(
    str.strip
)
_TIMES = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year >= 1000).map(clock.write)
_VALUES = st.one_of(
    st.builds(captured.absent),
    st.builds(captured.unknown, _TEXTS),
    st.builds(captured.reference, st.just(DIGEST), st.integers(0, 2**40)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ).map(captured.capture),
)


def _text(form: forms.Form) -> st.SearchStrategy[str]:
    if form is forms.TIME:
        return _TIMES
    if form.pattern is not None:
        return st.from_regex(form.pattern, fullmatch=True).filter(lambda text: len(text) <= form.length_max)
    return _TEXTS


def _of_type(kind: type[Part], field: str, annotation: Any) -> st.SearchStrategy[Any]:
    info = msgspec.inspect.type_info(annotation)
    return _of_info(kind, field, info)


def _is_none(info: Any) -> bool:
    return isinstance(info, msgspec.inspect.NoneType)


def _of_info(kind: type[Part], field: str, info: Any) -> st.SearchStrategy[Any]:
    match info:
        case msgspec.inspect.UnionType():
            types = [one for one in info.types if not (field in ALWAYS and _is_none(one))]
            return st.one_of(*(_of_info(kind, field, one) for one in types))
        case msgspec.inspect.StructType():
            return any_part(info.cls)
        case msgspec.inspect.VarTupleType():
            return st.lists(_of_info(kind, field, info.item_type), max_size=2).map(tuple)
        case msgspec.inspect.LiteralType():
            return st.sampled_from(info.values)
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.IntType():
            return st.just(0) if field == "schema" else st.integers(-840, 840)
    return _text(forms.PERSON if kind is Actor and field == "person" else forms.of(kind, field))


ALWAYS = frozenset({"intervention", "justification", "new", "point"})
"""Optional by type, wanted by a rule; of the other optional fields a few at a time are enough."""
NEVER = {Declaration: {"target"}, Observation: {"absence"}}
"""Where one of two fields must stand alone, these give way."""


@cache
def any_part(kind: type[Part]) -> st.SearchStrategy[Any]:
    """Any value of ``kind`` whose fields have their forms."""
    if kind is CapturedValue:
        return _VALUES
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    wanted = {name for name, field in fields.items() if field.required or name in ALWAYS}
    optional = sorted({*fields} - wanted - NEVER.get(kind, set()))
    others = st.lists(st.sampled_from(optional), max_size=3, unique=True) if optional else st.just([])

    def build(names: list[str]) -> st.SearchStrategy[Any]:
        chosen = [*wanted, *names]
        return st.builds(kind, **{name: _of_type(kind, name, fields[name].type) for name in chosen})

    return others.flatmap(build)


KINDS = (Intent, Approval, Permit, Outcome, Observation, Finding, Access, Administration)


@pytest.fixture(scope="session")
def any_record() -> st.SearchStrategy[AnyRecord]:
    """Any record without faults."""
    return st.sampled_from(KINDS).flatmap(any_part).filter(lambda record: not rules.faults(record))


@pytest.fixture(scope="session")
def any_declaration() -> st.SearchStrategy[Declaration]:
    """Any declaration without faults."""
    return any_part(Declaration).filter(lambda made: not rules.faults(made))
