# SPDX-License-Identifier: Apache-2.0
"""The hand-written description of the doors is whole, valid, and of the parts that the doors really speak in."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from real_server import Server

from byhand.api import interventions, log, observations, openapi, points, problems, reading
from byhand.api.app import BESIDE_THE_LANES, DOORS
from byhand.client import contract, desk
from byhand.records import schema
from byhand.records.base import Part

PARTS = {
    name: kind
    for room in (contract, desk, interventions, log, observations, points, reading)
    for name, kind in vars(room).items()
    if isinstance(kind, type) and issubclass(kind, Part) and kind is not Part
}


def test_the_description_is_valid_openapi() -> None:
    """Judged by the validator of the OpenAPI specification; it refers to nothing outside of itself."""
    assert [error.message for error in OpenAPIV31SpecValidator(openapi.document()).iter_errors()] == []
    assert "record-v0.json" not in openapi.text().decode()


def test_every_door_is_described_and_nothing_else() -> None:
    """The table of doors and the description name the same methods and paths."""
    doors = {(method, path.replace(":path}", "}")) for method, path, _, _ in DOORS}
    doors |= {("GET", path) for path, _ in BESIDE_THE_LANES}
    described = {
        (method.upper(), path) for path, item in openapi.document()["paths"].items() for method in item
    }
    assert described == doors


def test_records_are_as_they_are_published() -> None:
    """Every definition of the published schema stands in the description, and none has a second name."""
    found = openapi.document()["components"]["schemas"]
    published = schema.document()["$defs"]
    assert published.keys() <= found.keys()
    assert json.dumps(found["Outcome"]) == json.dumps(published["Outcome"]).replace(
        "#/$defs/", openapi.INSIDE
    )


@pytest.mark.parametrize(
    "name", sorted(openapi.document()["components"]["schemas"].keys() - schema.document()["$defs"].keys())
)
def test_a_described_part_has_the_fields_of_the_real_one(name: str) -> None:
    """The same names, and the same of them required."""
    if name in (
        "Problem",
        "Fault",
    ):  # made by problems.py, and looked at in every refusal of test_conformance
        return
    described = openapi.document()["components"]["schemas"][name]
    fields = msgspec.structs.fields(PARTS[name])
    assert set(described["properties"]) == {field.encode_name for field in fields}
    required = {field.encode_name for field in fields if field.required}
    assert set(described.get("required", ())) == required


def test_every_operation_has_a_name_and_every_link_leads_to_one() -> None:
    """Names are unique; a link names an operation and parameters that it has."""
    document = openapi.document()
    operations = [one for item in document["paths"].values() for one in item.values()]
    named = {one["operationId"]: one for one in operations}
    assert len(named) == len(operations)
    for one in operations:
        for answer in one["responses"].values():
            for link in answer.get("links", {}).values():
                parameters = {
                    _resolved(document, it)["name"] for it in named[link["operationId"]]["parameters"]
                }
                assert set(link.get("parameters", ())) <= parameters


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_every_status_of_a_problem_is_described() -> None:
    """Whatever a problem document may say, some door announces it."""
    announced = {
        int(status)
        for item in openapi.document()["paths"].values()
        for one in item.values()
        for status in one["responses"]
    }
    assert {*problems.STATUS.values(), problems.OUR_FAULT} <= announced


def test_it_is_served_to_everybody(server: Server) -> None:
    """GET /openapi.json, without a token."""
    answer = httpx.get(server.url + "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == openapi.document()
