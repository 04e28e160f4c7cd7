# SPDX-License-Identifier: Apache-2.0
"""The description of every door, OpenAPI 3.1: written by hand, with the published schema of records put in."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import orjson
import yaml
from starlette.requests import Request
from starlette.responses import Response

from byhand.records import schema

FILE = "openapi.yaml"
PUBLISHED = "record-v0.json#/$defs/"
INSIDE = "#/components/schemas/"
MEDIA_TYPE = "application/json"


@cache
def document() -> dict[str, Any]:
    """The whole description; refers to nothing outside of itself."""
    text = resources.files("byhand.api").joinpath(FILE).read_text(encoding="utf-8")
    written: dict[str, Any] = yaml.safe_load(text)
    records = schema.document()["$defs"]
    parts = {**_pointing_inside(records, "#/$defs/"), **written["components"]["schemas"]}
    written["components"]["schemas"] = parts
    return _pointing_inside(written, PUBLISHED)


def _pointing_inside(part: dict[str, Any], prefix: str) -> dict[str, Any]:
    """``part`` with its references below ``prefix`` turned to where the schemas stand here."""
    found: dict[str, Any] = orjson.loads(
        orjson.dumps(part).replace(f'"{prefix}'.encode(), f'"{INSIDE}'.encode())
    )
    return found


@cache
def text() -> bytes:
    """The description as it is served."""
    return orjson.dumps(document())


async def describe(_: Request) -> Response:
    """GET /openapi.json: what there is."""
    return Response(text(), 200, None, MEDIA_TYPE)
