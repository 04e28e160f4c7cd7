# SPDX-License-Identifier: Apache-2.0
"""Records to bytes and back. Writers are strict; readers know every version that was ever written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from types import MappingProxyType
from typing import TypeVar

import msgspec
import orjson

from byhand.errors import Fault, Invalid, MalformedProof
from byhand.records import canonical, limits, parts, rules, upcast
from byhand.records.base import Part
from byhand.records.intervention import Change, Declaration
from byhand.records.kinds import SCHEMA_VERSION, AnyRecord

_record: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
PartType = TypeVar("PartType", bound=Part)


class UnknownVersion(Part, kw_only=True):
    """A record that a newer byhand wrote: shown raw, and it still verifies."""

    version: int
    text: str


def encode(record: AnyRecord) -> bytes:
    """The canonical bytes of a record, fresh from our own types; raises Invalid when it is too large."""
    data = parts.encode_part(record)
    if len(data) > limits.RECORD_BYTES_MAX:
        raise Invalid("this record is too large", (_too_large(data),))
    return data


def _too_large(data: bytes) -> Fault:
    return Fault(
        "", f"is {len(data)} bytes; at most {limits.RECORD_BYTES_MAX}", "send large values as references"
    )


def decode(data: bytes) -> AnyRecord | UnknownVersion:
    """The record in stored bytes, brought up to this version; raises MalformedProof when it is none.

    The usual record is of this version and costs one pass. Only what that pass refuses is looked at again:
    it may be older or newer.
    """
    try:
        record = _record.decode(data)
    except (msgspec.MsgspecError, ValueError) as error:
        return _older_or_newer(data, error)
    return record if record.schema == SCHEMA_VERSION else _older_or_newer(data, None)


def _older_or_newer(data: bytes, cause: Exception | None) -> AnyRecord | UnknownVersion:
    try:
        raw = orjson.loads(data)
        version = raw.get("schema") if isinstance(raw, dict) else None
        if (
            not isinstance(version, int)
            or isinstance(version, bool)
            or (version == SCHEMA_VERSION and cause is not None)
        ):
            raise MalformedProof("a stored record is not of its form") from cause
        if version > SCHEMA_VERSION:
            return UnknownVersion(version=version, text=data.decode("utf-8"))
        record: AnyRecord = msgspec.convert(upcast.upcast(version, raw), AnyRecord)
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedProof("a stored record is not of its form") from error
    return record


def parse_declaration(data: bytes) -> Declaration:
    """A declaration from outside, strictly; raises Invalid naming every fault."""
    declaration = parse(data, Declaration)
    validate(declaration)
    return declaration


def parse(
    data: bytes,
    kind: type[PartType],
    *,
    inside: Mapping[str, str] = MappingProxyType({"": ""}),
    bytes_max: int = limits.RECORD_BYTES_MAX,
) -> PartType:
    """A part from outside, of exactly its form; raises Invalid naming every fault. Its rules are not judged yet.

    What is written canonically, as our own client writes, cannot hold a key twice or a float, and is read in one
    pass. Everything else is judged strictly. ``inside`` names the published definitions in it by their pointers;
    an empty name stands for that of ``kind`` itself.
    """
    written = parse_canonical(data, kind) if len(data) <= bytes_max else None
    if written is not None:
        return written
    document = canonical.decode(data, bytes_max=bytes_max)
    try:
        part: PartType = _decoder(kind).decode(data)
    except msgspec.MsgspecError as error:
        found = _faults_of(document, {place: name or kind.__name__ for place, name in inside.items()})
        raise Invalid(f"this is not of the form of {_words(kind)}", found or (_fault(error),)) from error
    return part


def parse_canonical(data: bytes, kind: type[PartType]) -> PartType | None:
    """The part in ``data`` when that is how we write it ourselves, in one quick pass; else ``None``."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Invalid):
        part: PartType = _decoder(kind).decode(data)
        if parts.encode_part(part) == data:
            return part
    return None


@cache
def _decoder(kind: type[PartType]) -> msgspec.json.Decoder[PartType]:
    return msgspec.json.Decoder(kind)


def _words(kind: type[Part]) -> str:
    name = "".join(f" {one.lower()}" if one.isupper() else one for one in kind.__name__).strip()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _faults_of(document: object, inside: Mapping[str, str]) -> tuple[Fault, ...]:
    """Every fault by the published schema: a parser stops at the first, and people should try only once."""
    from byhand.records import schema  # only on this path: the validator takes its time to load

    return tuple(
        Fault(f"{pointer}{fault.pointer}", fault.message, fault.advice)
        for place, name in inside.items()
        for pointer, part in _at(document, place)
        for fault in schema.faults(part, name)
    )


def _at(document: object, place: str) -> Iterator[tuple[str, object]]:
    """What stands at ``place`` (``""``, ``/name`` or ``/name/*``); that it is missing the parser says."""
    name, _, each = place[1:].partition("/")
    if not place:
        yield "", document
        return
    part = document.get(name) if isinstance(document, dict) else None
    if each and isinstance(part, list):
        yield from ((f"/{name}/{number}", one) for number, one in enumerate(part))
    elif part is not None and not each:
        yield place, part


def _fault(error: Exception) -> Fault:
    """What the parser says, with its place; what it quotes of the input is left out."""
    message, _, place = str(error).partition(" - at `$")
    pointer = place.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    what = message.partition(" '")[0]
    return Fault(pointer, f"is not as expected: {what[:1].lower()}{what[1:]}")


def validate(part: Part) -> None:
    """Raise Invalid naming every fault of a record or declaration against the limits and forms."""
    faults = rules.faults(part)
    data = parts.encode_part(part) if not faults else b""
    if len(data) > limits.RECORD_BYTES_MAX:
        faults.append(_too_large(data))
    if faults:
        raise Invalid("this is not valid", tuple(faults))


def declaration_digest(declaration: Declaration) -> str:
    """SHA-256 (hex) of the canonical declaration: what the actor's key signs."""
    return hashlib.sha256(parts.encode_settled(declaration)).hexdigest()


def change_digest(change: Change) -> str:
    """SHA-256 (hex) of the canonical change: what a permit is bound to."""
    return hashlib.sha256(parts.encode_settled(change)).hexdigest()
