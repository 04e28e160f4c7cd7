# SPDX-License-Identifier: Apache-2.0
"""Views in which persons have names that say nothing: the same one for the same person, in this home alone.

For whoever looks at how often and where people intervene, and need not know who they are. A pseudonym is keyed with a
secret of the home, so nobody outside can work it out from a list of names. It is a view and no anonymity: whoever
knows what somebody did on a day finds the pseudonym of that person.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.errors import Fault, Invalid, Refused
from byhand.records.base import Part
from byhand.records.standard import WITHHELD
from byhand.store.index import Among, Condition

ROLE = "pseudonymous"
"""Whoever has a key with this role sees persons under their pseudonyms only, whatever they sign in with."""
PREFIX = "person-"
PSEUDONYM_BYTES = 10  # 80 bits: no two of a million persons meet, and a line has room for it
PERSONS = frozenset({"person", "concluded_by", "on_behalf_of", "owner", "Actor_ID"})
"""Fields that name a person."""
TELLING = frozenset(
    {
        "credential",
        "session",
        "address",
        "executor",
        "statement",
        "statements",
        "account",
        "display_name",
        "via",
    }
)
"""Fields that lead to a person without naming one; signed statements name theirs inside."""
NOBODY = ("", "byhand", "$erased", "$unknown", WITHHELD)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]*[A-Za-z0-9])?")
PartType = TypeVar("PartType", bound=Part)


class Pseudonyms:
    """The pseudonyms of one home's persons, and what is shown under them."""

    def __init__(self, secret: bytes, origin: str, people: People) -> None:
        self._key = hmac.digest(secret, f"byhand/pseudonyms/v1\n{origin}".encode(), "sha256")
        self._people = people

    def of(self, person: str) -> str:
        """The pseudonym of a person, enrolled or only seen in a feed."""
        digest = hmac.digest(self._key, person.encode("utf-8", "surrogatepass"), "sha256")[:PSEUDONYM_BYTES]
        return PREFIX + base64.b32encode(digest).decode().lower()

    def only(self, caller: Caller) -> bool:
        """Whether ``caller`` sees pseudonyms only: by any of the person's keys, so a token is no way around."""
        return ROLE in caller.roles or ROLE in self._people.roles(caller.person)

    def check_bundle(self, caller: Caller) -> None:
        """Raise Refused in such a view: evidence says who."""
        if caller.pseudonymous:
            raise Refused(
                "evidence names persons, so there is none under pseudonyms",
                advice="Ask somebody who sees persons by their names.",
            )

    def understood(self, caller: Caller, conditions: list[Condition]) -> list[Condition]:
        """The conditions with persons for pseudonyms; raises Invalid for what would lead from one to the other."""
        if not caller.pseudonymous:
            return conditions
        known = {self.of(person): person for person in self._people.keyring().persons}
        return [
            self._understood(one, known) if isinstance(one, Among) and one.column == "person" else one
            for one in conditions
        ]

    def _understood(self, condition: Among, known: dict[str, str]) -> Among:
        if condition.begins or not all(value.startswith(PREFIX) for value in condition.values):
            fault = Fault("actor", "names no pseudonym", f"write the whole one, {PREFIX}...")
            raise Invalid("in this view persons are found by their pseudonyms", (fault,))
        return condition._replace(values=tuple(known.get(value, value) for value in condition.values))

    def shown(self, caller: Caller, part: PartType) -> PartType:
        """``part`` as ``caller`` may see it."""
        if not caller.pseudonymous:
            return part
        plain = msgspec.to_builtins(part)
        veil = self._veil(plain)
        return msgspec.convert(veil(plain), type(part))

    def row(self, caller: Caller, values: dict[str, str]) -> dict[str, str]:
        """A row of an export, likewise."""
        if not caller.pseudonymous:
            return values
        veiled: dict[str, str] = self._veil(values)(values)
        return veiled

    def _veil(self, plain: object) -> Callable[[Any], Any]:
        enrolled = self._people.keyring().persons
        seen = {name for name in _persons(plain) if name not in NOBODY}
        displayed = {shown: name for name in seen if (shown := self._people.display_name(name))}
        return _Veil(self.of, {one.casefold(): one for one in (*enrolled, *seen)}, displayed)


def _persons(plain: object) -> Iterator[str]:
    """Everybody whom a field names."""
    if isinstance(plain, dict):
        for name, value in plain.items():
            if name in PERSONS and isinstance(value, str):
                yield value
            yield from _persons(value)
    elif isinstance(plain, list | tuple):
        for one in plain:
            yield from _persons(one)


class _Veil:
    """Replaces persons in one answer."""

    def __init__(self, of: Callable[[str], str], names: dict[str, str], displayed: dict[str, str]) -> None:
        self._of = of
        self._names = names
        self._displayed = displayed

    def __call__(self, plain: Any) -> Any:
        if isinstance(plain, dict):
            if plain.get("by") == "person" and "values" in plain:
                return {
                    **plain,
                    "values": [{**one, "value": self._of(one["value"])} for one in plain["values"]],
                }
            return {name: self._field(name, value) for name, value in plain.items()}
        if isinstance(plain, list | tuple):
            return [self(one) for one in plain]
        return self._text(plain) if isinstance(plain, str) else plain

    def _field(self, name: str, value: Any) -> Any:
        if name == "people":
            return {}
        if name in PERSONS and isinstance(value, str):
            return value if value in NOBODY else self._of(value)
        if name in TELLING and value:
            return _withheld(value)
        return self(value)

    def _text(self, text: str) -> str:
        """The names of persons in a text; a word that is only like one of them stays."""
        for shown, name in self._displayed.items():
            text = text.replace(shown, self._of(name))
        return _NAME.sub(lambda found: self._named(found[0]), text)

    def _named(self, word: str) -> str:
        name = self._names.get(word.casefold())
        return word if name is None else self._of(name)


def _withheld(value: object) -> object:
    """As much of a value's shape as a reader's type demands."""
    if isinstance(value, dict):
        return {name: one if name == "kind" else WITHHELD for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [WITHHELD for _ in value]
    return WITHHELD
