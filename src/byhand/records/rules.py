# SPDX-License-Identifier: Apache-2.0
"""The forms and limits of every field, judged all at once; what needs a server's knowledge is the gate's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime

from byhand.errors import Fault
from byhand.records import limits
from byhand.records.base import Part
from byhand.records.intervention import Change, Declaration, Justification, Target, Times
from byhand.records.kinds import Observation, Outcome, Permit, Record
from byhand.records.values import CapturedValue

_PERSON = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]*[a-z0-9])?\Z")
_ACTION = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){2,7}\Z")
_CODE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_HEX_32 = re.compile(r"[0-9a-f]{64}\Z")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u00ad\u034f\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff")

Faults = list[Fault]
_RECORD_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")


def is_record_id(text: str) -> bool:
    """Whether ``text`` is a lower-case UUIDv7."""
    return _RECORD_ID.match(text) is not None


def faults(part: Part) -> Faults:
    """Every fault of ``part``, each with its JSON pointer; never repeats a value."""
    found: Faults = []
    for pointer, value in _walk(part, ""):
        if isinstance(value, str):
            _string(value, pointer, found)
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > limits.INTEGER_MAX:
            found.append(Fault(pointer, "is an integer beyond 2^53"))
        elif isinstance(value, Part):
            for kind, rule in _RULES:
                if isinstance(value, kind):
                    rule(value, pointer, found)
    return found


def _walk(value: object, pointer: str) -> Iterator[tuple[str, object]]:
    """Every part and leaf value with its pointer, except the insides of captured values."""
    yield pointer, value
    if isinstance(value, CapturedValue):
        return
    if isinstance(value, Part):
        for name in value.__struct_fields__:
            yield from _walk(getattr(value, name), f"{pointer}/{name}")
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _walk(item, f"{pointer}/{number}")


def _string(text: str, pointer: str, found: Faults) -> None:
    if len(text) > limits.STRING_LENGTH_MAX and not pointer.endswith(_LONG):
        found.append(Fault(pointer, f"is longer than {limits.STRING_LENGTH_MAX} characters"))
    if text.isascii() and "\x00" not in text:
        return
    if any("\ud800" <= character <= "\udfff" for character in text):
        found.append(Fault(pointer, "holds a lone surrogate", "send valid Unicode"))
    if "\x00" in text:
        found.append(Fault(pointer, "holds a NUL character"))


_LONG = ("/statement", "/statements", "/patch", "/reverse")


def time_fault(text: str | None, pointer: str, found: Faults) -> None:
    """A time is RFC 3339 in UTC with six decimals and Z, and exists."""
    if text is None:
        return
    try:
        if _TIME.match(text) is None:
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        found.append(Fault(pointer, "is no time of the form 2026-11-24T13:21:05.123456Z"))


def person_fault(person: str, pointer: str, found: Faults) -> None:
    """A person id is short lower-case ASCII, the same under NFKC, without look-alikes by construction."""
    if hidden(person):
        found.append(Fault(pointer, "holds invisible or direction-changing characters"))
    elif unicodedata.normalize("NFKC", person) != person:
        found.append(Fault(pointer, "changes under Unicode normalisation (NFKC)"))
    elif len(person) > limits.PERSON_LENGTH_MAX or _PERSON.match(person) is None:
        advice = f"use at most {limits.PERSON_LENGTH_MAX} of a-z 0-9 . _ @ + -, e.g. ada.lovelace"
        found.append(Fault(pointer, "is no person id", advice))


def hidden(text: str) -> bool:
    """Whether ``text`` holds characters that cannot be seen or that turn the reading direction."""
    return any(character in _BIDI or character in _INVISIBLE for character in text)


_TWINS = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "2": "z", "8": "b", "6": "b", "9": "g"})


def skeleton(person: str) -> str:
    """What a person id looks like: two ids with one skeleton are confusable (UTS 39, for the allowed ASCII)."""
    return person.translate(_TWINS).replace("rn", "m").replace("vv", "w").replace("cl", "d").replace("_", "-")


def confusable(one: str, other: str) -> bool:
    """Whether two different person ids can be taken for each other."""
    return one != other and skeleton(one) == skeleton(other)


def pointer_fault(pointer_text: str, pointer: str, found: Faults) -> None:
    """A JSON pointer (RFC 6901) is empty or begins with a slash, and escapes ~ and /."""
    if _POINTER.match(pointer_text) is None:
        found.append(Fault(pointer, "is no JSON pointer", 'write "" or "/name/0", with ~1 for / and ~0 for ~'))


def action_fault(action: str, pointer: str, found: Faults) -> None:
    """An action type is ``area.object.verb``."""
    if len(action) > limits.ACTION_LENGTH_MAX or _ACTION.match(action) is None:
        found.append(Fault(pointer, "is no action type", "write area.object.verb, e.g. deployment.gate.bypass"))


def code_fault(code: str, pointer: str, found: Faults) -> None:
    """A reason code is a name in capitals."""
    if len(code) > limits.CODE_LENGTH_MAX or _CODE.match(code) is None:
        found.append(Fault(pointer, "is no reason code: capitals, digits, underscores", "see: byhand reason list"))


def _record_rule(record: Record, pointer: str, found: Faults) -> None:
    for name in ("id", "intervention"):
        value = getattr(record, name)
        if value is not None and not is_record_id(value):
            found.append(Fault(f"{pointer}/{name}", "is no record id (UUIDv7, lower case)"))


def _declaration_rule(declaration: Declaration, pointer: str, found: Faults) -> None:
    if not is_record_id(declaration.record):
        found.append(Fault(f"{pointer}/record", "is no record id (UUIDv7, lower case)"))
    person_fault(declaration.person, f"{pointer}/person", found)
    action_fault(declaration.action, f"{pointer}/action", found)
    time_fault(declaration.expires, f"{pointer}/expires", found)
    if (declaration.point is None) == (declaration.target is None):
        found.append(Fault(f"{pointer}/point", "name either a registered point or a target"))
    if declaration.justification is None:
        found.append(Fault(f"{pointer}/justification", "is missing", "say why: a reason code and a text"))


def _justification_rule(justification: Justification, pointer: str, found: Faults) -> None:
    code_fault(justification.code, f"{pointer}/code", found)
    if len(justification.text) > limits.NOTES_LENGTH_MAX:
        found.append(Fault(f"{pointer}/text", f"is longer than {limits.NOTES_LENGTH_MAX} characters", "use the ticket"))
    if hidden(justification.text):
        found.append(Fault(f"{pointer}/text", "holds invisible or direction-changing characters"))
    if len(justification.tickets) > limits.TICKETS_MAX:
        found.append(Fault(f"{pointer}/tickets", f"are more than {limits.TICKETS_MAX}"))
    time_fault(justification.given_at, f"{pointer}/given_at", found)


def _target_rule(target: Target, pointer: str, found: Faults) -> None:
    for name in ("system", "type", "id"):
        value = getattr(target, name)
        if not value.strip() or len(value) > limits.NAME_LENGTH_MAX or hidden(value):
            found.append(Fault(f"{pointer}/{name}", f"must be 1 to {limits.NAME_LENGTH_MAX} visible characters"))


def _change_rule(change: Change, pointer: str, found: Faults) -> None:
    pointer_fault(change.field, f"{pointer}/field", found)
    time_fault(change.read_at, f"{pointer}/read_at", found)
    time_fault(change.effective_until, f"{pointer}/effective_until", found)
    if change.command is not None and _HEX_32.match(change.command) is None:
        found.append(Fault(f"{pointer}/command", "is no SHA-256 in hex"))
    if change.new is None and change.command is None:
        found.append(Fault(f"{pointer}/new", "is missing", "declare the new value, or a command"))


def _captured_rule(value: CapturedValue, pointer: str, found: Faults) -> None:
    """Each form has exactly its own fields."""
    wanted = {"inline": "text", "unknown": "cause", "reference": "digest"}.get(value.form)
    for name in ("text", "cause", "digest"):
        there = getattr(value, name) is not None
        if there != (name == wanted):
            complaint = "is missing" if name == wanted else "does not belong there"
            found.append(Fault(f"{pointer}/{name}", f"{complaint} for the form {value.form}"))
    if value.text is not None and len(value.text) > limits.CAPTURED_LENGTH_MAX:
        advice = "send it as a reference"
        found.append(Fault(f"{pointer}/text", f"is longer than {limits.CAPTURED_LENGTH_MAX} characters", advice))
    if any("\ud800" <= character <= "\udfff" for character in (value.text or "") + (value.cause or "")):
        found.append(Fault(f"{pointer}/text", "holds a lone surrogate", "send valid Unicode"))
    if value.digest is not None and _HEX_32.match(value.digest) is None:
        found.append(Fault(f"{pointer}/digest", "is no SHA-256 in hex"))
    if (value.form == "reference") != (value.size is not None):
        found.append(Fault(f"{pointer}/size", "belongs to references, and only there"))
    if value.form == "redacted" and len(value.masked) != 1:
        found.append(Fault(f"{pointer}/masked", "a redacted value lists its one MAC"))
    if value.masked and value.form not in ("inline", "redacted"):
        found.append(Fault(f"{pointer}/masked", f"does not belong there for the form {value.form}"))
    if len(value.masked) > limits.MASKED_MAX:
        found.append(Fault(f"{pointer}/masked", f"are more than {limits.MASKED_MAX}"))
    for number, masked in enumerate(value.masked):
        pointer_fault(masked.pointer, f"{pointer}/masked/{number}/pointer", found)
        if _HEX_32.match(masked.mac) is None:
            found.append(Fault(f"{pointer}/masked/{number}/mac", "is no HMAC-SHA-256 in hex"))


def _times_rule(times: Times, pointer: str, found: Faults) -> None:
    for name in ("occurred", "observed", "received"):
        time_fault(getattr(times, name), f"{pointer}/{name}", found)
    if times.utc_offset_minutes is not None and abs(times.utc_offset_minutes) > 14 * 60:
        found.append(Fault(f"{pointer}/utc_offset_minutes", "is more than 14 hours"))


def _observation_rule(observation: Observation, pointer: str, found: Faults) -> None:
    action_fault(observation.action, f"{pointer}/action", found)
    if (observation.justification is None) == (observation.absence is None):
        found.append(Fault(f"{pointer}/justification", "say why, or why nobody said why: one of the two"))


def _outcome_rule(outcome: Outcome, pointer: str, found: Faults) -> None:
    if outcome.intervention is None:
        found.append(Fault(f"{pointer}/intervention", "is missing"))


def _permit_rule(permit: Permit, pointer: str, found: Faults) -> None:
    time_fault(permit.expires, f"{pointer}/expires", found)


_RULES: tuple[tuple[type[Part], Callable[..., None]], ...] = (
    (Record, _record_rule),
    (Declaration, _declaration_rule),
    (Justification, _justification_rule),
    (Target, _target_rule),
    (Change, _change_rule),
    (CapturedValue, _captured_rule),
    (Times, _times_rule),
    (Observation, _observation_rule),
    (Outcome, _outcome_rule),
    (Permit, _permit_rule),
)
