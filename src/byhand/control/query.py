# SPDX-License-Identifier: Apache-2.0
"""The query language: ``field:value`` terms and free words, compiled to parameterised SQL over the index.

target:MM-7 state:applied before:2026-11-23T03:00Z -actor:ada "index rebalance"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from byhand import clock
from byhand.errors import Fault, Invalid
from byhand.store.index import Condition

QUERY_LENGTH_MAX = 2_000  # a question a person types; longer is a program, and programs page through exports
TERMS_MAX = 32  # conditions of one search
TIERS = ("low", "medium", "high", "critical")
PHASES = (
    "declared", "pending", "approved", "refused", "withdrawn", "permitted", "redeemed", "applied", "failed",
    "abandoned", "unknown", "lapsed", "void", "observed", "explained",
)  # fmt: skip
_TERM = re.compile(r'(-?)(?:([a-z_]+):)?(?:"([^"]*)"|(\S+))')
_COMPARED = re.compile(r"(>=|<=|>|<)?(.*)\Z", re.DOTALL)
_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?Z?)?\Z")


def compile_query(query: str) -> list[Condition]:
    """The conditions of ``query``; raises Invalid naming every term that is not understood."""
    if len(query) > QUERY_LENGTH_MAX:
        raise Invalid("the query is too long", (Fault("", f"has more than {QUERY_LENGTH_MAX} characters"),))
    found: list[Fault] = []
    conditions: list[Condition] = []
    for negated, field, quoted, plain in _TERM.findall(query):
        value = quoted or plain
        try:
            condition = FIELDS[field](value) if field in FIELDS else _unknown(field, value)
        except ValueError as error:
            found.append(Fault(f"{field}:" if field else value, str(error)))
            continue
        conditions.append(Condition(f"NOT ({condition.sql})", condition.values) if negated else condition)
    if len(conditions) > TERMS_MAX:
        found.append(Fault("", f"has more than {TERMS_MAX} terms"))
    if found:
        raise Invalid("the query is not understood", tuple(found), advice="See: byhand search --help")
    return conditions


def _unknown(field: str, value: str) -> Condition:
    if not field:
        return _words(value)
    near = difflib.get_close_matches(field, FIELDS, n=1)
    hint = (
        f"did you mean {near[0]}:?"
        if near
        else f"fields are {', '.join(f'{name}:' for name in sorted(FIELDS))}"
    )
    raise ValueError(f"is no field; {hint}")


def _words(value: str) -> Condition:
    """Words as a phrase, the last one perhaps only begun. Quoted for FTS5: nothing in it is an operator."""
    words = re.findall(r"\w+", value)
    if not words:
        raise ValueError("holds no word to search for")
    phrase = " ".join(words)
    return Condition("first IN (SELECT rowid FROM search WHERE search MATCH ?)", (f'"{phrase}"*',))


def _text(*columns: str) -> Callable[[str], Condition]:
    """Equal to one of ``columns``, or beginning with it before a ``*``."""

    def compiled(value: str) -> Condition:
        if not value:
            raise ValueError("needs a value")
        if value.endswith("*"):
            start = value[:-1]
            sql = " OR ".join(f"substr({column}, 1, {len(start)}) = ?" for column in columns)
            return Condition(sql, (start,) * len(columns))
        return Condition(" OR ".join(f"{column} = ?" for column in columns), (value,) * len(columns))

    return compiled


def _among(column: str, allowed: tuple[str, ...]) -> Callable[[str], Condition]:
    """One of a fixed set of words."""

    def compiled(value: str) -> Condition:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return Condition(f"{column} = ?", (value,))

    return compiled


def _tier(value: str) -> Condition:
    """A tier, or a comparison of tiers: ``risk:>=high``."""
    match = _COMPARED.match(value)
    operator, name = (match[1] or "=", match[2]) if match else ("=", value)
    if name not in TIERS:
        raise ValueError(f"must be one of {', '.join(TIERS)}, e.g. risk:>=high")
    place = TIERS.index(name)
    chosen = [
        tier
        for number, tier in enumerate(TIERS)
        if (operator in (">=", "<=", "=") and number == place)
        or (operator in (">", ">=") and number > place)
        or (operator in ("<", "<=") and number < place)
    ]
    return (
        Condition(f"tier IN ({', '.join('?' * len(chosen))})", tuple(chosen))
        if chosen
        else Condition("0", ())
    )


def _span(value: str) -> tuple[str, str]:
    """The first moment of a year, month, day, minute or second, and the first one after it."""
    match = _DATE.match(value)
    if match is None:
        raise ValueError("is no time: write 2026, 2026-11, 2026-11-23 or 2026-11-23T03:00Z (UTC)")
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups())
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


def _at(value: str) -> Condition:
    start, end = _span(value)
    return Condition("declared < ? AND changed >= ?", (end, start))


def _before(value: str) -> Condition:
    return Condition("declared < ?", (_span(value)[0],))


def _after(value: str) -> Condition:
    return Condition("changed >= ?", (_span(value)[1],))


FIELDS: dict[str, Callable[[str], Condition]] = {
    "actor": _text("person"),
    "person": _text("person"),
    "target": _text("target", "point", "system || '/' || type || '/' || target"),
    "system": _text("system"),
    "point": _text("point"),
    "action": _text("action"),
    "reason": _text("code"),
    "environment": _text("environment"),
    "state": _among("phase", PHASES),
    "risk": _tier,
    "tier": _tier,
    "id": _text("id"),
    "cause": _text("caused_by"),
    "at": _at,
    "before": _before,
    "after": _after,
}
