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
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from byhand.control.identity import Caller
from byhand.control.people import People
from byhand.errors import Fault, Invalid
from byhand.records.base import Part
from byhand.records.standard import WITHHELD
from byhand.store.index import Among, Condition
from byhand.trust import administration as trust
from byhand.trust.keyring import Keyring

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
        "destinations",
    }
)
"""Fields that lead to a person without naming one; signed statements name theirs inside."""
ACCOUNTS = (trust.ACCOUNT_LINK, trust.ACCOUNT_UNLINK)
"""Changes whose subject is somebody's account."""
NOBODY = ("", "byhand", "$erased", "$unknown", WITHHELD)
_NAME = re.compile(r"[^\W_](?:[\w.@+-]*[^\W_])?")
PartType = TypeVar("PartType", bound=Part)


class Pseudonyms:
    """The pseudonyms of one home's persons, and what is shown under them."""

    def __init__(self, secret: bytes, origin: str, people: People) -> None:
        self._key = hmac.digest(secret, f"byhand/pseudonyms/v1\n{origin}".encode(), "sha256")
        self._people = people
        self._known: tuple[Keyring, Mapping[str, str], _Names] | None = None
        """Everybody's names, worked out once for each state of the home."""
        self._only: tuple[Keyring, frozenset[str]] | None = None

    def of(self, person: str) -> str:
        """The pseudonym of a person, enrolled or only seen in a feed."""
        digest = hmac.digest(self._key, person.encode("utf-8", "surrogatepass"), "sha256")[:PSEUDONYM_BYTES]
        return PREFIX + base64.b32encode(digest).decode().lower()

    def only(self, caller: Caller) -> bool:
        """Whether ``caller`` sees pseudonyms only: by any of the person's keys, so a token is no way around."""
        return ROLE in caller.roles or caller.person in self._with_role()

    def _with_role(self) -> frozenset[str]:
        """Everybody with the role by one of their keys; worked out once for each state of the keyring."""
        keyring, known = self._people.keyring(), self._only
        if known is None or known[0] is not keyring:
            held = (key for key in keyring.keys.values() if ROLE in key.roles and key.revoked_at is None)
            known = self._only = (keyring, frozenset(key.person for key in held))
        return known[1]

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

    def _veil(self, plain: object) -> _Veil:
        seen = {name.casefold(): name for name in _persons(plain) if name not in NOBODY}
        keyring, displayed = self._people.keyring(), self._people.display_names()
        known = self._known
        if known is None or known[0] is not keyring or known[1] is not displayed:
            known = self._known = (keyring, displayed, _Names.of(keyring.persons, displayed))
        return _Veil(self.of, seen, known[2], frozenset(_accounts(plain)))


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


def _accounts(plain: object) -> Iterator[str]:
    """Every account that a record links, or parts, as its subject names it: it leads to a person."""
    if isinstance(plain, dict):
        if plain.get("action") in ACCOUNTS and isinstance(plain.get("subject"), str):
            yield plain["subject"]
        plain = tuple(plain.values())
    if isinstance(plain, list | tuple):
        for one in plain:
            yield from _accounts(one)


@dataclass(frozen=True, slots=True)
class _Names:
    """What persons are called: their ids, and what people call them, by its first word."""

    ids: dict[str, str]
    displayed: dict[str, list[tuple[str, str]]]

    @classmethod
    def of(cls, persons: Iterable[str], displayed: Mapping[str, str]) -> _Names:
        """The names of ``persons``; the longest of those that begin alike comes first."""
        by_word: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for person, name in sorted(displayed.items(), key=lambda one: -len(one[1])):
            if (first := _NAME.match(name)) is not None:
                by_word[first[0].casefold()].append((name, person))
        return cls({one.casefold(): one for one in persons}, dict(by_word))


class _Veil:
    """Replaces persons in one answer: those whom it names, and everybody of the home; withholds their accounts."""

    def __init__(
        self, of: Callable[[str], str], seen: dict[str, str], names: _Names, accounts: frozenset[str]
    ) -> None:
        self._of = of
        self._seen = seen
        self._names = names
        self._accounts = accounts

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
        """Pseudonyms for the names in a text; a word that is only like one of them stays."""
        if text in self._accounts:
            return WITHHELD
        parts, place = [], 0
        for found in _NAME.finditer(text):
            person, end = self._named(text, found)
            if person is not None and found.start() >= place:
                parts += [text[place : found.start()], self._of(person)]
                place = end
        return "".join((*parts, text[place:]))

    def _named(self, text: str, found: re.Match[str]) -> tuple[str | None, int]:
        """Whose name begins there, if somebody's does, and where it ends."""
        word = found[0].casefold()
        for name, person in self._names.displayed.get(word, ()):
            end = found.start() + len(name)
            if text[found.start() : end].casefold() == name.casefold() and not text[end : end + 1].isalnum():
                return person, end
        return self._seen.get(word) or self._names.ids.get(word), found.end()


def _withheld(value: object) -> object:
    """As much of a value's shape as a reader's type demands."""
    if isinstance(value, dict):
        return {name: one if name == "kind" else WITHHELD for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [WITHHELD for _ in value]
    return WITHHELD
