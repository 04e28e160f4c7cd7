# SPDX-License-Identifier: Apache-2.0
"""Records to bytes and back. Writers are strict; readers know every version that was ever written."""

from __future__ import annotations

import hashlib

import msgspec
import orjson

from byhand.errors import Fault, Invalid, MalformedProof
from byhand.records import canonical, limits, parts, rules, upcast
from byhand.records.base import Part
from byhand.records.intervention import Change, Declaration
from byhand.records.kinds import SCHEMA_VERSION, AnyRecord

_record = msgspec.json.Decoder(AnyRecord)
_declaration = msgspec.json.Decoder(Declaration)
_version = msgspec.json.Decoder(dict[str, msgspec.Raw])


class UnknownVersion(Part, kw_only=True):
    """A record that a newer byhand wrote: shown raw, and it still verifies."""

    version: int
    text: str


def encode(record: AnyRecord) -> bytes:
    """The canonical bytes of a record, fresh from our own types; raises Invalid when it is too large."""
    data = parts.encode_part(record)
    if len(data) > limits.RECORD_BYTES_MAX:
        fault = Fault("", f"is {len(data)} bytes; at most {limits.RECORD_BYTES_MAX}", "send large values as references")
        raise Invalid("this record is too large", (fault,))
    return data


def decode(data: bytes) -> AnyRecord | UnknownVersion:
    """The record in stored bytes, brought up to this version; raises MalformedProof when it is none."""
    try:
        return _record.decode(data) if _is_current(data) else _older_or_newer(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedProof(f"a stored record is not of its form: {error}") from error


_CURRENT = f'"schema":{SCHEMA_VERSION}'.encode()


def _is_current(data: bytes) -> bool:
    """A cheap look before parsing; the parser still judges."""
    return _CURRENT in data


def _older_or_newer(data: bytes) -> AnyRecord | UnknownVersion:
    raw = orjson.loads(data)
    version = raw.get("schema") if isinstance(raw, dict) else None
    if not isinstance(version, int):
        raise ValueError("it names no schema version")
    if version > SCHEMA_VERSION:
        return UnknownVersion(version=version, text=data.decode("utf-8"))
    return msgspec.convert(upcast.upcast(version, raw), AnyRecord)


def parse_declaration(data: bytes) -> Declaration:
    """A declaration from outside, strictly; raises Invalid naming every fault."""
    canonical.decode(data)
    try:
        declaration = _declaration.decode(data)
    except msgspec.MsgspecError as error:
        raise Invalid("this is not a declaration", (fault_of(error),)) from error
    validate(declaration)
    return declaration


def fault_of(error: msgspec.MsgspecError) -> Fault:
    """A parser's complaint as a fault with a JSON pointer, without echoing values."""
    text, _, place = str(error).partition(" - at `")
    pointer = place.rstrip("`").removeprefix("$").replace("[", "/").replace("]", "").replace(".", "/")
    return Fault(pointer, text)


def validate(part: Part) -> None:
    """Raise Invalid naming every fault of a record or declaration against the limits and forms."""
    faults = rules.faults(part)
    data = parts.encode_part(part) if not faults else b""
    if len(data) > limits.RECORD_BYTES_MAX:
        faults.append(Fault("", f"is {len(data)} bytes; at most {limits.RECORD_BYTES_MAX}"))
    if faults:
        raise Invalid("this is not valid", tuple(faults))


def declaration_digest(declaration: Declaration) -> str:
    """SHA-256 (hex) of the canonical declaration: what the actor's key signs."""
    return hashlib.sha256(parts.encode_part(declaration)).hexdigest()


def change_digest(change: Change) -> str:
    """SHA-256 (hex) of the canonical change: what a permit is bound to."""
    return hashlib.sha256(parts.encode_part(change)).hexdigest()
