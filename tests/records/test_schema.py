# SPDX-License-Identifier: Apache-2.0
"""The published schema and the codec say the same, as far as a schema can say it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import orjson
import pytest
from hypothesis import given, settings, strategies as st

from byhand.errors import ByhandError
from byhand.records import codec, schema
from byhand.records.base import Part
from byhand.records.intervention import Declaration
from byhand.records.kinds import AnyRecord

PUBLISHED = Path(__file__).parents[2] / "docs" / "spec" / "schema" / "record-v0.json"

FEWER = settings(max_examples=max(10, settings.default.max_examples // 5))  # whole records are slow to make


def test_published_file_is_up_to_date() -> None:
    """docs/spec/schema/record-v0.json is what ``python -m byhand.records.schema`` prints."""
    assert PUBLISHED.read_text("utf-8") == schema.text()


def test_it_is_a_schema() -> None:
    """The published file is a valid JSON Schema of the dialect it names, under its own id."""
    document = json.loads(PUBLISHED.read_text("utf-8"))
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == "urn:byhand:schema:record:v0"
    jsonschema_rs.meta.validate(document)


def test_every_field_is_bounded() -> None:
    """No text, list or number in the schema is without a limit."""

    def unbounded(node: Any) -> list[Any]:
        if isinstance(node, list):
            return [found for item in node for found in unbounded(item)]
        if not isinstance(node, dict):
            return []
        wanted = {"string": "maxLength", "array": "maxItems", "integer": "maximum"}.get(str(node.get("type")))
        own = [node] if wanted and wanted not in node else []
        return own + [found for item in node.values() for found in unbounded(item)]

    assert not unbounded(schema.document())


@FEWER
@given(draw=st.data())
def test_what_the_codec_makes_validates(
    draw: st.DataObject, any_record: st.SearchStrategy[AnyRecord]
) -> None:
    """Every record the codec writes is valid by the schema."""
    assert schema.faults(orjson.loads(codec.encode(draw.draw(any_record)))) == []


@FEWER
@given(draw=st.data())
def test_declarations_validate(draw: st.DataObject, any_declaration: st.SearchStrategy[Declaration]) -> None:
    """Every declaration without faults is valid by the schema, and passes the strict parser."""
    made = draw.draw(any_declaration)
    data = orjson.dumps(msgspec.to_builtins(made))
    assert schema.faults(orjson.loads(data), "Declaration") == []
    assert codec.parse_declaration(data) == made


_JUNK = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**53,
        2**63,
        "",
        "x",
        "\u200b",
        " ",
        "2026-11-24",
        "x" * 40_000,
        [],
        ["x"],
        {},
        {"x": 1},
        [[]],
    ]
)


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


def _damaged(draw: st.DataObject, document: Any) -> Any:
    """One place of the document removed, replaced or given a member too many."""
    document = copy.deepcopy(document)
    path = draw.draw(st.sampled_from(_places(document)[1:]))
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    match draw.draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            parent[path[-1]] = draw.draw(_JUNK)
        case "remove":
            del parent[path[-1]]
        case "add" if isinstance(parent, dict):
            parent["surprise"] = draw.draw(_JUNK)
    return document


def _accepted(data: bytes) -> bool:
    """Whether the codec takes it for a record of this version without faults."""
    try:
        found = codec.decode(data)
        if not isinstance(found, codec.UnknownVersion):
            codec.validate(found)
    except ByhandError:
        return False
    return not isinstance(found, codec.UnknownVersion)


@FEWER
@given(draw=st.data())
def test_what_the_schema_refuses_the_codec_refuses(
    draw: st.DataObject, any_record: st.SearchStrategy[AnyRecord]
) -> None:
    """A damaged record that the schema refuses is refused by the codec as well."""
    document = _damaged(draw, msgspec.to_builtins(draw.draw(any_record)))
    if not schema.faults(document):
        return
    assert not _accepted(orjson.dumps(document))


@FEWER
@given(draw=st.data())
def test_declarations_the_schema_refuses(
    draw: st.DataObject, any_declaration: st.SearchStrategy[Declaration]
) -> None:
    """A damaged declaration that the schema refuses does not pass the strict parser."""
    document = _damaged(draw, msgspec.to_builtins(draw.draw(any_declaration)))
    if schema.faults(document, "Declaration"):
        with pytest.raises(ByhandError):
            codec.parse_declaration(orjson.dumps(document))


def test_faults_have_our_words_and_no_values(one_of_each: dict[str, AnyRecord]) -> None:
    """A fault has a pointer, our sentence and our advice, and repeats no value."""
    document = msgspec.to_builtins(one_of_each["intent"])
    document["declaration"]["person"] = "Hunter2 Hunter2"
    document["declaration"]["change"]["original"] = {"form": "unknown", "text": "hunter2"}
    document["sur/prise"] = "hunter2"
    found = {fault.pointer: str(fault) for fault in schema.faults(document)}
    assert set(found) == {
        "/declaration/person",
        "/declaration/change/original/cause",
        "/declaration/change/original/text",
        "/sur~1prise",
    }
    assert "e.g. ada.lovelace" in found["/declaration/person"]
    assert "unter2" not in str(found)


def test_faults_are_bounded() -> None:
    """A document that is wrong everywhere is told about a hundred times at most."""
    wrong = {"kind": "access", "records": [1] * 900}
    assert len(schema.faults(wrong)) <= schema.FAULTS_MAX + 10


def test_every_part_is_described() -> None:
    """Every part of a record stands in the schema's definitions."""
    definitions = schema.document()["$defs"]
    assert {"Actor", "CapturedValue", "Change", "Declaration", "Intent", "Point"} <= set(definitions)
    assert issubclass(Declaration, Part)
    assert all(one.get("additionalProperties") is False for one in definitions.values())
