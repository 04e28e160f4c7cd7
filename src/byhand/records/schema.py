# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema (2020-12), made from the types, and every fault of a document by it.

``python -m byhand.records.schema`` prints it; it is kept in docs/spec/schema/record-v0.json.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from byhand.errors import Fault
from byhand.records import forms, limits
from byhand.records.base import Part
from byhand.records.forms import Form
from byhand.records.intervention import Declaration
from byhand.records.json_text import escape
from byhand.records.kinds import (
    SCHEMA_VERSION,
    Access,
    Administration,
    Approval,
    Finding,
    Intent,
    Observation,
    Outcome,
    Permit,
)
from byhand.records.limits import FAULTS_MAX
from byhand.records.values import CapturedValue

if TYPE_CHECKING:
    import jsonschema_rs

ID = f"urn:byhand:schema:record:v{SCHEMA_VERSION}"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_RECORDS = (Intent, Approval, Permit, Outcome, Observation, Finding, Access, Administration)
_BELONGING = ("Intent", "Approval", "Permit", "Outcome")
_PREFIX = "#/$defs/"

Schema = dict[str, Any]


@cache
def text() -> str:
    """The schema as it is published: indented JSON with a newline at the end."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Schema:
    """The schema of a record; its ``$defs`` hold every part, the declaration too."""
    _, components = msgspec.json.schema_components((*_RECORDS, Declaration), ref_template=_PREFIX + "{name}")
    parts = {kind.__name__: kind for kind in _parts(Part)}
    definitions = {name: _definition(parts[name], schema) for name, schema in sorted(components.items())}
    kinds = {str(kind.__struct_config__.tag): kind.__name__ for kind in _RECORDS}
    return {
        "$schema": DIALECT,
        "$id": ID,
        "title": "A byhand record",
        "description": "See docs/spec/record-format.md. A draft until a decision record freezes version 1.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(kinds)}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": tag}}, "required": ["kind"]},
                "then": {"$ref": _PREFIX + name},
            }
            for tag, name in kinds.items()
        ],
        "$defs": definitions,
    }


def _parts(kind: type[Part]) -> list[type[Part]]:
    """Every kind of part there is, the most derived last."""
    return [found for child in kind.__subclasses__() for found in (child, *_parts(child))]


def _definition(kind: type[Part], schema: Schema) -> Schema:
    properties = {name: _property(kind, name, of) for name, of in schema["properties"].items()}
    if "schema" in properties:
        properties["schema"] = {"const": SCHEMA_VERSION}
    made = {**schema, "properties": properties}
    if kind is CapturedValue:
        properties["size"] = _optional({"type": "integer", "minimum": 0, "maximum": limits.INTEGER_MAX})
        made["allOf"] = _forms_of_values()
    if kind.__name__ in _BELONGING:
        made["required"] = sorted({*made["required"], "intervention"})
        properties["intervention"] = _text(forms.RECORD_ID)
    if kind is Declaration:
        made["required"] = sorted({*made["required"], "justification"})
        properties["justification"] = {"$ref": f"{_PREFIX}Justification"}
    return made


def _property(kind: type[Part], name: str, schema: Schema) -> Schema:
    """A field's schema with its form and limits. Beside ``null``, the other alternative names its faults."""
    choices = schema.get("anyOf")
    if choices is not None:
        (other,) = [choice for choice in choices if choice != {"type": "null"}]
        return {
            **_optional(_property(kind, name, other)),
            **({"default": None} if "default" in schema else {}),
        }
    if schema.get("type") == "string" and "const" not in schema:
        return {**schema, **_text(forms.of(kind, name))}
    if schema.get("type") == "integer":
        return {**schema, "minimum": -limits.INTEGER_MAX, "maximum": limits.INTEGER_MAX}
    if schema.get("type") == "array":
        items = _property(kind, name, schema["items"])
        return {**schema, "items": items, "maxItems": forms.items_max(kind, name)}
    return schema


def _optional(schema: Schema) -> Schema:
    return {"if": {"type": "null"}, "else": schema}


def _text(form: Form) -> Schema:
    made: Schema = {"type": "string", "maxLength": form.length_max}
    if form.length_min:
        made["minLength"] = form.length_min
    if form.pattern is not None:
        made["pattern"] = f"^(?:{form.pattern})$"
    return made


def _forms_of_values() -> list[Schema]:
    """Each form of a captured value has exactly its own fields."""
    own = {
        "inline": ("text",),
        "absent": (),
        "unknown": ("cause",),
        "reference": ("digest", "size"),
        "redacted": (),
    }
    rules: list[Schema] = []
    for form, wanted in own.items():
        properties: Schema = {name: {"not": {"type": "null"}} for name in wanted}
        properties |= {
            name: {"type": "null"} for name in ("text", "cause", "digest", "size") if name not in wanted
        }
        if form == "redacted":
            properties["masked"] = {"minItems": 1, "maxItems": 1}
        elif form != "inline":
            properties["masked"] = {"maxItems": 0}
        required = [*wanted, *(["masked"] if form == "redacted" else [])]
        condition = {"properties": {"form": {"const": form}}, "required": ["form"]}
        rules.append({"if": condition, "then": {"properties": properties, "required": required}})
    return rules


# -- judging


def faults(document_: object, kind: str | None = None) -> list[Fault]:
    """Every fault of a parsed document by the schema: of a record, or of the part named ``kind``.

    Values are not repeated: one of them may be a secret. At most FAULTS_MAX are named.
    """
    found: list[Fault] = []
    for error in _validator(kind).iter_errors(document_):
        found += _faults_of(error)
        if len(found) >= FAULTS_MAX:
            break
    return found


def _faults_of(error: jsonschema_rs.ValidationError) -> list[Fault]:
    """One complaint of the validator in our words, where we have some."""
    pointer = "".join(f"/{escape(str(token))}" for token in error.instance_path)
    reason: Any = error.kind
    name = type(reason).__name__
    if name == "AdditionalProperties":
        advice = "leave it out, or look at how it is spelt"
        return [Fault(f"{pointer}/{escape(key)}", "is not known here", advice) for key in reason.unexpected]
    if name == "Required":
        return [Fault(f"{pointer}/{escape(reason.property)}", "is missing")]
    form = _forms_by_pattern().get(reason.pattern) if name == "Pattern" else None
    if form is not None:
        return [Fault(pointer, form.message, form.advice)]
    return [Fault(pointer, error.message)]


@cache
def _forms_by_pattern() -> dict[str, Form]:
    found = [form for fields in forms.FIELDS.values() for form in fields.values() if form.pattern is not None]
    return {_text(form)["pattern"]: form for form in found}


@cache
def _validator(kind: str | None) -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs  # only what judges documents from outside pays for loading it

    schema = document()
    if kind is not None:
        schema = {"$schema": DIALECT, "$ref": f"{_PREFIX}{kind}", "$defs": schema["$defs"]}
    return jsonschema_rs.Draft202012Validator(schema, mask="the value")


if __name__ == "__main__":
    print(text(), end="")  # noqa: T201 - its output is its purpose
