# SPDX-License-Identifier: Apache-2.0
"""The query language: ``field:value`` terms and free words, understood once, for every kind of index.

target:MM-7 state:applied,failed before:2026-11-23T03:00Z -actor:ada "index rebalance"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from byhand import clock
from byhand.errors import Fault, Invalid
from byhand.records.classification import CLASSES
from byhand.records.kinds import FINDING_TYPES
from byhand.records.lifecycle import OPEN
from byhand.store.index import Among, Condition, Moments, Within, Words

QUERY_LENGTH_MAX = 2_000  # a question a person types; longer is a program, and programs page through exports
TERMS_MAX = 32  # conditions of one search
VALUES_MAX = 32  # values of one term; more is a list, and a list is better asked in parts
BEGUN_LENGTH_MIN = 3  # letters before it stands for any ending: two begin a tenth of all words
ID_BEGUN_LENGTH_MIN = 8  # characters of an id: a minute of ids begins alike, and their lists are short
YEAR_MIN = 1970  # no record is older than the clocks that date it
YEAR_MAX = 9998  # the last year that another one follows, as times are written
TIERS = ("low", "medium", "high", "critical")
PHASES = (
    "declared", "pending", "approved", "refused", "withdrawn", "permitted", "redeemed", "applied", "failed",
    "abandoned", "unknown", "lapsed", "void", "observed", "explained",
)  # fmt: skip
RESULTS = ("shown", "refused")
OPEN_PHASES = "open"
"""Stands for every state in which something may still follow."""
NAMES = {"phase": "state", "tier": "risk", "code": "reason"}
"""What columns of the index are called in queries, where it is not their own name."""
_TERM = re.compile(r'(?P<minus>-?)(?:(?P<field>[A-Za-z_]+):)?(?:"(?P<quoted>[^"]*)"(?=\s|\Z)|(?P<plain>\S+))')
_COMPARED = re.compile(r"(>=|<=|>|<)?(.*)\Z", re.DOTALL)
_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?Z?)?\Z")
_WORD = re.compile(r"[^\W_]+")
_NO_TIME = "is no time: write 2026, 2026-11, 2026-11-23 or 2026-11-23T03:00Z (UTC)"
Values: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the language: what it means, an example, and how its values are understood."""

    meaning: str
    example: str
    understand: Callable[[Values, bool], Condition]
    """From the values and whether they stood in quotation marks; raises ValueError saying what would do."""


def compile_query(
    query: str, fields: Mapping[str, Field] | None = None, *, command: str = "search"
) -> list[Condition]:
    """The conditions of ``query``; raises Invalid naming every term that is not understood.

    ``fields``: those of another list than the interventions', which ``command`` shows.
    """
    fields = FIELDS if fields is None else fields
    if len(query) > QUERY_LENGTH_MAX:
        raise Invalid("the query is too long", (Fault("", f"has more than {QUERY_LENGTH_MAX} characters"),))
    found: list[Fault] = []
    conditions: list[Condition] = []
    for term in _TERM.finditer(query):
        try:
            condition = _understand(term, fields)
        except ValueError as error:
            found.append(Fault(term["field"] or term["plain"] or f'"{term["quoted"]}"', str(error)))
            continue
        conditions.append(condition._replace(negated=True) if term["minus"] else condition)
    if len(conditions) > TERMS_MAX:
        found.append(Fault("", f"has more than {TERMS_MAX} terms"))
    if found:
        raise Invalid("the query is not understood", tuple(found), advice=f"See: byhand {command} --help")
    return conditions


def _understand(term: re.Match[str], fields: Mapping[str, Field]) -> Condition:
    field, quoted, plain = (term["field"] or "").lower(), term["quoted"], term["plain"] or ""
    if plain.startswith('"'):
        raise ValueError('the quotation mark is not closed: write "like this"')
    if not field and plain.endswith(":") and plain[:-1].lower() in fields:
        raise ValueError(f"needs a value, e.g. {fields[plain[:-1].lower()].example}")
    if not field:
        return _words(quoted if quoted is not None else plain, whole=quoted is not None)
    if field not in fields:
        raise ValueError(_no_field(field, fields))
    values = (quoted,) if quoted is not None else tuple(plain.split(","))
    if not all(values):
        raise ValueError(f"needs a value, e.g. {fields[field].example}")
    if len(values) > VALUES_MAX:
        raise ValueError(f"has more than {VALUES_MAX} values")
    return fields[field].understand(values, quoted is not None)


def _no_field(field: str, fields: Mapping[str, Field]) -> str:
    near = difflib.get_close_matches(field, fields, n=1)
    if near:
        return f"is no field; did you mean {near[0]}:?"
    listed = ", ".join(f"{name}:" for name in sorted(fields))
    return f"is no field; fields are {listed}; to search for the text, put it in quotation marks"


def _words(text: str, *, whole: bool) -> Words:
    """Words that follow each other. Unless they stand in quotation marks, the last one may only be begun."""
    words = tuple(_WORD.findall(text))
    if not words:
        raise ValueError("holds no word to search for")
    long_enough = len(words[-1]) >= BEGUN_LENGTH_MIN
    if text.endswith("*") and not whole and not long_enough:
        raise ValueError(f"needs at least {BEGUN_LENGTH_MIN} letters before the *")
    return Words(words, begun=long_enough and not whole)


def _text(column: str) -> Callable[[Values, bool], Condition]:
    """Equal to a value, or beginning with what stands before a ``*``."""

    def understood(values: Values, quoted: bool) -> Condition:
        begins = tuple(value[:-1] for value in values if value.endswith("*") and not quoted)
        exact = tuple(value for value in values if quoted or not value.endswith("*"))
        return Among(column, exact, begins)

    return understood


def _record(values: Values, quoted: bool) -> Condition:
    """An id, or so much of its beginning that it stands for a minute of ids and not for all of them."""
    if not quoted and any(v.endswith("*") and len(v) <= ID_BEGUN_LENGTH_MIN for v in values):
        raise ValueError(f"needs at least {ID_BEGUN_LENGTH_MIN} characters before the *")
    return _text("record")(values, quoted)


def _chosen(column: str, allowed: Values) -> Callable[[Values, bool], Condition]:
    """One of a few words that there are."""

    def understood(values: Values, _quoted: bool) -> Condition:
        for value in values:
            if value not in allowed:
                raise _one_of(value, allowed)
        return Among(column, values)

    return understood


def _one_of(value: str, allowed: Values, example: str = "") -> ValueError:
    near = difflib.get_close_matches(value, allowed, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return ValueError(f"must be one of {', '.join(allowed)}{example}{hint}")


def _state(values: Values, _quoted: bool) -> Condition:
    chosen: list[str] = []
    for value in values:
        if value == OPEN_PHASES:
            chosen += sorted(OPEN)
        elif value in PHASES:
            chosen.append(value)
        else:
            raise _one_of(value, (*PHASES, OPEN_PHASES))
    return Among("phase", tuple(dict.fromkeys(chosen)))


def _tier(values: Values, _quoted: bool) -> Condition:
    """Tiers, or comparisons of tiers: ``risk:>=high``."""
    chosen = {tier for value in values for tier in _tiers(value)}
    return Among("tier", tuple(tier for tier in TIERS if tier in chosen))


def _tiers(value: str) -> Iterator[str]:
    match = _COMPARED.match(value)
    operator, name = (match[1] or "=", match[2]) if match else ("=", value)
    if name not in TIERS:
        raise _one_of(name, TIERS, ", e.g. risk:>=high")
    place = TIERS.index(name)
    for number, tier in enumerate(TIERS):
        if (
            (operator in (">=", "<=", "=") and number == place)
            or (operator in (">", ">=") and number > place)
            or (operator in ("<", "<=") and number < place)
        ):
            yield tier


def span(value: str) -> tuple[str, str]:
    """The first moment of a year, month, day, minute or second, and the first one after it."""
    match = _DATE.match(value)
    if match is None:
        raise ValueError(_NO_TIME)
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups())
    if not YEAR_MIN <= (year or 0) <= YEAR_MAX:
        raise ValueError(f"is no time: years are {YEAR_MIN} to {YEAR_MAX}")
    try:
        start = datetime(year or 1, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"is no time: {error}") from error
    if month is None:
        end = start.replace(year=start.year + 1)
    elif day is None:
        end = (start + timedelta(days=31)).replace(day=1)
    elif hour is None:
        end = start + timedelta(days=1)
    else:
        end = start + (timedelta(seconds=1) if second is not None else timedelta(minutes=1))
    return clock.write(start), clock.write(end)


def _time(moments: Moments) -> Callable[[Values, bool], Condition]:
    """A time, a comparison, or a span: ``2026-11``, ``>=2026-11-23``, ``2026-11-23..2026-11-25``."""

    def understood(values: Values, _quoted: bool) -> Condition:
        value = _single(values)
        begin, dots, finish = value.partition("..")
        if dots:
            start, end = span(begin)[0] if begin else "", span(finish)[1] if finish else ""
            if not (start or end):
                raise ValueError(_NO_TIME)
            if start and end and start >= end:
                raise ValueError("ends before it begins")
            return Within(moments, start, end)
        match = _COMPARED.match(value)
        operator, rest = (match[1], match[2]) if match else (None, value)
        start, end = span(rest)
        bounds = {">=": (start, ""), ">": (end, ""), "<": ("", start), "<=": ("", end)}
        return Within(moments, *bounds.get(operator or "", (start, end)))

    return understood


def _single(values: Values) -> str:
    if len(values) > 1:
        raise ValueError("takes one time; for a span write 2026-11-23..2026-11-25")
    return values[0]


def _before(moments: Moments) -> Callable[[Values, bool], Condition]:
    return lambda values, _quoted: Within(moments, end=span(_single(values))[0])


def _after(moments: Moments) -> Callable[[Values, bool], Condition]:
    return lambda values, _quoted: Within(moments, start=span(_single(values))[1])


_ACTOR = Field("The person who acted, or whom a system's own feed names.", "actor:ada", _text("person"))
_RISK = Field("The tier of risk of the point, then.", "risk:>=high", _tier)
FIELDS: dict[str, Field] = {
    "actor": _ACTOR,
    "person": _ACTOR,
    "target": Field(
        "What was acted upon: its id, its point, or system/type/id.", "target:MM-7", _text("target")
    ),
    "system": Field("The system that the target is in.", "system:risk-gateway", _text("system")),
    "type": Field("The kind of target.", "type:circuit_breaker", _text("type")),
    "point": Field("The intervention point.", "point:mm7-breaker", _text("point")),
    "action": Field("What was done, area.object.verb.", "action:trading.*", _text("action")),
    "reason": Field("The code of the reason given.", "reason:FALSE_POSITIVE", _text("code")),
    "environment": Field("Where the target runs.", "environment:production", _text("environment")),
    "state": Field(
        f"What came of it; `{OPEN_PHASES}` is every state that something may follow.",
        "state:applied,failed",
        _state,
    ),
    "risk": _RISK,
    "tier": _RISK,
    "class": Field(
        f"How carefully its records are kept: {', '.join(CLASSES)}, or a word of your own.",
        "class:confidential",
        _text("classification"),
    ),
    "id": Field("The intervention itself.", "id:019a5d0c*", _text("id")),
    "cause": Field(
        "The intervention that it was caused by, as a revert is.", "cause:019a5d0c*", _text("caused_by")
    ),
    "at": Field("Under way then: between its first and its last record.", "at:2026-11-23", _time("life")),
    "before": Field("Declared before that time began.", "before:2026-11-23T03:00Z", _before("declared")),
    "after": Field(
        "Something was still recorded of it after that time ended.", "after:2026-11-22", _after("changed")
    ),
    "declared": Field("Declared then.", "declared:2026-11-01..2026-11-07", _time("declared")),
    "changed": Field("Its last record is of then.", "changed:>=2026-11-23T02:00Z", _time("changed")),
}
_RECORDED: dict[str, Field] = {
    "at": Field("Recorded then.", "at:2026-11-23", _time("recorded")),
    "before": Field("Recorded before that time began.", "before:2026-11-23T03:00Z", _before("recorded")),
    "after": Field("Recorded after that time ended.", "after:2026-11-22", _after("recorded")),
}
_READER = Field("The person who read.", "actor:ada", _text("person"))
ACCESS_FIELDS: dict[str, Field] = {
    "actor": _READER,
    "person": _READER,
    "operation": Field("How it was read: show, search, export ...", "operation:show", _text("operation")),
    "record": Field(
        "An intervention or record that was shown, where they are few.",
        "record:019a5d0c*",
        _record,
    ),
    "result": Field("Whether it was shown.", "result:refused", _chosen("result", RESULTS)),
    **_RECORDED,
}
"""The fields of the list of accesses."""
_FINDER = Field("The person who concluded it.", "actor:ada", _text("person"))
FINDING_FIELDS: dict[str, Field] = {
    "type": Field("What kind of conclusion it is.", "type:review", _chosen("type", FINDING_TYPES)),
    "verdict": Field("The conclusion as one word.", "verdict:wrong", _text("verdict")),
    "about": Field("The intervention or record that it is about.", "about:019a5d0c*", _text("about")),
    "actor": _FINDER,
    "person": _FINDER,
    **_RECORDED,
}
"""The fields of the list of findings."""
FORMS = (
    ("MM-7", "These words, anywhere in action, target, values, reason and notes; the last may only be begun."),
    ('"index rebalance"', "Exactly these words, one after the other."),
    ("target:MM-7", "The field has exactly this value, capitals and all."),
    ("target:MM-*", "It begins like this."),
    ("state:applied,failed", "It has one of these values."),
    ('target:"a, b*"', "In quotation marks commas and stars are letters like any other."),
    ("-state:applied", "Everything but that."),
    ("risk:>=high", "Tiers and times can be compared: `>` `>=` `<` `<=`."),
    ("at:2026-11", "A time as short as it is meant: a year, month, day, minute or second."),
    ("declared:2026-11-01..2026-11-07", "From one to the other, both included; either may be left out."),
)  # fmt: skip
"""How terms are written, for the documentation; each of them is a query."""
