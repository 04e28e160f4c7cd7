# SPDX-License-Identifier: Apache-2.0
"""The forms and limits of every field, judged all at once; what needs a server's knowledge is the gate's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import cache

import orjson

from byhand.errors import Fault
from byhand.records import forms, limits
from byhand.records.actor import Actor
from byhand.records.base import Part
from byhand.records.canonical import has_surrogate
from byhand.records.forms import Form
from byhand.records.intervention import Change, Declaration, Justification, Times
from byhand.records.kinds import SCHEMA_VERSION, Approval, Intent, Observation, Outcome, Permit, Record
from byhand.records.values import CapturedValue

Faults = list[Fault]

_BIDI_MARKS = frozenset("\u061c\u200e\u200f")
_BIDI_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")
_INVISIBLE = frozenset("\u00ad\u034f\u180e\u200b\u2060\u2061\u2062\u2063\u2064\ufeff")
_HIDDEN = _BIDI_MARKS | _BIDI_OVERRIDES | _JOINERS | _INVISIBLE
_HIDDEN_IN_TEXT = _BIDI_OVERRIDES | _INVISIBLE


def faults(part: Part) -> Faults:
    """Every fault of ``part``, each with its JSON pointer; never repeats a value."""
    found: Faults = []
    _judge(part, "", found)
    return found


def _judge(part: Part, pointer: str, found: Faults) -> None:
    kind = type(part)
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if value is None:
            continue  # most fields of most parts
        at = f"{pointer}/{name}"
        if isinstance(value, str):
            form_fault(value, forms.of(kind, name), at, found)
        elif isinstance(value, Part):
            _judge(value, at, found)
        elif isinstance(value, tuple):
            _judge_items(kind, name, value, at, found)
        elif isinstance(value, int) and abs(value) > limits.INTEGER_MAX:
            found.append(Fault(at, "is an integer beyond 2^53"))
    for rule in _rules_of(kind):
        rule(part, pointer, found)


def _judge_items(kind: type[Part], name: str, items: tuple[object, ...], at: str, found: Faults) -> None:
    items_max = forms.items_max(kind, name)
    if len(items) > items_max:
        found.append(Fault(at, f"has {len(items)} items; at most {items_max} are taken"))
        return
    for number, item in enumerate(items):
        if isinstance(item, Part):
            _judge(item, f"{at}/{number}", found)
        elif isinstance(item, str):
            form_fault(item, forms.of(kind, name), f"{at}/{number}", found)


def form_fault(text: str, form: Form, pointer: str, found: Faults) -> None:
    """Judge one text by its form."""
    if not form.length_min <= len(text) <= form.length_max:
        found.append(Fault(pointer, form.message, form.advice))
    elif form is forms.TIME:
        time_fault(text, pointer, found)
    elif form is forms.PERSON:
        person_fault(text, pointer, found)
    elif form.pattern is not None and _compiled(form.pattern).fullmatch(text) is None:
        found.append(Fault(pointer, form.message, form.advice))
    elif not text.isascii() and has_surrogate(text):
        found.append(Fault(pointer, "holds a lone surrogate", "send valid Unicode"))
    elif form is not forms.CAPTURED and "\x00" in text:
        found.append(Fault(pointer, "holds a NUL character"))
    elif form is forms.NAME and (not text.strip() or hidden(text)):
        found.append(Fault(pointer, "holds nothing visible, or characters nobody can see"))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def is_record_id(text: str) -> bool:
    """Whether ``text`` is a lower-case UUIDv7."""
    return _compiled(limits.RECORD_ID_FORM).fullmatch(text) is not None


def time_fault(text: str | None, pointer: str, found: Faults) -> None:
    """A time is RFC 3339 in UTC with six decimals and Z, and exists."""
    if text is None:
        return
    try:
        if _compiled(limits.TIME_FORM).fullmatch(text) is None:
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        found.append(Fault(pointer, forms.TIME.message))


def person_fault(person: str, pointer: str, found: Faults) -> None:
    """A person id is short lower-case ASCII, the same under NFKC, without look-alikes by construction."""
    if hidden(person):
        found.append(Fault(pointer, "holds invisible or direction-changing characters"))
    elif unicodedata.normalize("NFKC", person) != person:
        found.append(Fault(pointer, "changes under Unicode normalisation (NFKC)"))
    elif len(person) > limits.PERSON_LENGTH_MAX or _compiled(limits.PERSON_FORM).fullmatch(person) is None:
        found.append(Fault(pointer, forms.PERSON.message, forms.PERSON.advice))


def hidden(text: str) -> bool:
    """Whether ``text`` holds characters that cannot be seen or that turn the reading direction."""
    return not text.isascii() and not _HIDDEN.isdisjoint(text)


def hidden_in_text(text: str) -> bool:
    """The same of notes, where joiners and direction marks are orthography in several scripts and emoji."""
    return not text.isascii() and not _HIDDEN_IN_TEXT.isdisjoint(text)


_TWINS = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "2": "z", "8": "b", "6": "b", "9": "g"})


def skeleton(person: str) -> str:
    """What a person id looks like: two with one skeleton are confusable (UTS 39, for the allowed ASCII)."""
    return person.translate(_TWINS).replace("rn", "m").replace("vv", "w").replace("cl", "d").replace("_", "-")


def confusable(one: str, other: str) -> bool:
    """Whether two different person ids can be taken for each other."""
    return one != other and skeleton(one) == skeleton(other)


def pointer_fault(pointer_text: str, pointer: str, found: Faults) -> None:
    """A JSON pointer (RFC 6901) is empty or begins with a slash, and escapes ~ and /."""
    form_fault(pointer_text, forms.POINTER, pointer, found)


def action_fault(action: str, pointer: str, found: Faults) -> None:
    """An action type is ``area.object.verb``."""
    form_fault(action, forms.ACTION, pointer, found)


def code_fault(code: str, pointer: str, found: Faults) -> None:
    """A reason code is a name in capitals."""
    form_fault(code, forms.CODE, pointer, found)


# -- rules over several fields


def _record_rule(record: Record, pointer: str, found: Faults) -> None:
    if record.schema != SCHEMA_VERSION:
        found.append(
            Fault(f"{pointer}/schema", f"is not {SCHEMA_VERSION}: this byhand writes no other version")
        )


def _belonging_rule(record: Record, pointer: str, found: Faults) -> None:
    if record.intervention is None:
        found.append(Fault(f"{pointer}/intervention", "is missing", "say which intervention this belongs to"))


def _declaration_rule(declaration: Declaration, pointer: str, found: Faults) -> None:
    if (declaration.point is None) == (declaration.target is None):
        found.append(Fault(f"{pointer}/point", "name either a registered point or a target"))
    if declaration.justification is None:
        found.append(Fault(f"{pointer}/justification", "is missing", "say why: a reason code and a text"))


def _justification_rule(justification: Justification, pointer: str, found: Faults) -> None:
    if hidden_in_text(justification.text):
        found.append(Fault(f"{pointer}/text", "holds invisible or direction-changing characters"))


def _change_rule(change: Change, pointer: str, found: Faults) -> None:
    if change.new is None and change.command is None:
        found.append(Fault(f"{pointer}/new", "is missing", "declare the new value, or a command"))


def _actor_rule(actor: Actor, pointer: str, found: Faults) -> None:
    """Someone who proved to be a person has a person's id; a name in a feed is kept as the feed has it."""
    if actor.assurance in ("verified", "mapped"):
        person_fault(actor.person, f"{pointer}/person", found)


_OWN_FIELD = {"inline": "text", "unknown": "cause", "reference": "digest"}


def _captured_rule(value: CapturedValue, pointer: str, found: Faults) -> None:
    """Each form has exactly its own fields."""
    for name in ("text", "cause", "digest"):
        wanted = name == _OWN_FIELD.get(value.form)
        if wanted != (getattr(value, name) is not None):
            complaint = "is missing" if wanted else "does not belong there"
            found.append(Fault(f"{pointer}/{name}", f"{complaint} for the form {value.form}"))
    if (value.form == "reference") != (value.size is not None):
        found.append(Fault(f"{pointer}/size", "belongs to references, and only there"))
    elif value.size is not None and value.size < 0:
        found.append(Fault(f"{pointer}/size", "is negative"))
    if value.form == "redacted" and len(value.masked) != 1:
        found.append(Fault(f"{pointer}/masked", "a redacted value lists its one MAC"))
    if value.masked and value.form not in ("inline", "redacted"):
        found.append(Fault(f"{pointer}/masked", f"does not belong there for the form {value.form}"))
    if value.text is not None and _bytes_in_record(value.text) > limits.CAPTURED_BYTES_MAX:
        found.append(Fault(f"{pointer}/text", forms.CAPTURED.message, forms.CAPTURED.advice))


def _bytes_in_record(text: str) -> int:
    """How long ``text`` is in the record, escaped; 0 where another fault already says why it has no bytes."""
    if len(text) > limits.CAPTURED_BYTES_MAX or has_surrogate(text):
        return 0
    return len(orjson.dumps(text))


def _times_rule(times: Times, pointer: str, found: Faults) -> None:
    offset = times.utc_offset_minutes
    if offset is not None and abs(offset) > limits.UTC_OFFSET_MINUTES_MAX:
        found.append(Fault(f"{pointer}/utc_offset_minutes", "is more than 14 hours"))


def _observation_rule(observation: Observation, pointer: str, found: Faults) -> None:
    if (observation.justification is None) == (observation.absence is None):
        found.append(Fault(f"{pointer}/justification", "say why, or why nobody said why: one of the two"))


_RULES: tuple[tuple[type[Part] | tuple[type[Part], ...], Callable[..., None]], ...] = (
    (Record, _record_rule),
    ((Intent, Approval, Permit, Outcome), _belonging_rule),
    (Declaration, _declaration_rule),
    (Justification, _justification_rule),
    (Change, _change_rule),
    (Actor, _actor_rule),
    (CapturedValue, _captured_rule),
    (Times, _times_rule),
    (Observation, _observation_rule),
)


@cache
def _rules_of(kind: type[Part]) -> tuple[Callable[..., None], ...]:
    return tuple(rule for kinds, rule in _RULES if issubclass(kind, kinds))
