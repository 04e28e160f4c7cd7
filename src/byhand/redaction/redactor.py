# SPDX-License-Identifier: Apache-2.0
"""Secrets out of values and whole records: by declared pointers, by the names of keys, by how they look."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from byhand.records import captured, forms, json_text
from byhand.records.base import Part
from byhand.records.intervention import Change, Declaration
from byhand.records.json_text import Node
from byhand.records.kinds import Outcome
from byhand.records.limits import CAPTURED_BYTES_MAX, MASKED_MAX, STRING_LENGTH_MAX
from byhand.records.normal import is_json, normal_text
from byhand.records.secret_names import is_secret_name
from byhand.records.values import CapturedValue, Masked
from byhand.redaction.texts import MARK, has_token, redact_text

P = TypeVar("P", bound=Part)

REMEMBERED_LENGTH_MIN = 4  # a shorter secret stands in too many innocent words to be replaced everywhere
_FREE = (forms.TEXT, forms.NOTES, forms.NAME)
"""Forms of fields that hold what people and systems wrote; the others cannot hold a secret."""


class Redactor:
    """Takes secrets out of values and texts: by declared pointers, by the names of keys, by how they look.

    ``secret_pointers`` are JSON pointers into the value, where ``*`` stands for any one step. ``mac_key``
    belongs to one (origin, target, field) and is the same before and after; whoever holds it can guess PINs.
    What is a secret in a value depends on nothing but the value, so that reading it twice gives the same. A
    secret taken out of a value is remembered, and taken out of every text that comes later.
    """

    def __init__(self, secret_pointers: Iterable[str], mac_key: bytes, mac_key_id: str) -> None:
        self._pointers = [json_text.tokens(pointer) for pointer in secret_pointers]
        self._mac_key = mac_key
        self._mac_key_id = mac_key_id
        self._remembered: set[str] = set()

    # -- values

    def value(self, value: CapturedValue) -> CapturedValue:
        """The value without its secrets: ``null`` in the place of each, pointer and MAC in ``masked``."""
        if value.form == "unknown":
            return msgspec.structs.replace(value, cause=self.text(value.cause or ""))
        if value.form in ("absent", "redacted"):
            return value
        if [] in self._pointers:
            return self._wholly(value)
        if value.form == "reference":
            return value
        text = value.text or ""
        root = _parsed(value)
        if root is None:
            return value if redact_text(text) == text else self._wholly(value)
        return self._without(value, text, self._secrets(text, root))

    def _wholly(self, value: CapturedValue) -> CapturedValue:
        """All of it is secret."""
        self._remember(value.text or "", value.media_type)
        whole = (
            normal_text(value.text, value.media_type)
            if value.text is not None
            else f"{value.digest} {value.size}"
        )
        return CapturedValue(form="redacted", media_type=value.media_type, masked=(self._masked("", whole),))

    def _masked(self, pointer: str, normal: str) -> Masked:
        mac = hmac.digest(self._mac_key, normal.encode("utf-8", "surrogatepass"), "sha256").hex()
        return Masked(pointer=pointer, mac=mac, key=self._mac_key_id)

    def _without(self, value: CapturedValue, text: str, found: list[tuple[str, Node]]) -> CapturedValue:
        if not found:
            return value
        if found[0][0] == "" or len(found) + len(value.masked) > MASKED_MAX:
            return self._wholly(value)
        masked = list(value.masked)
        rest = text
        for pointer, node in found:
            masked.append(self._masked(pointer, normal_text(text[node.start : node.end])))
        for _, node in reversed(found):
            rest = f"{rest[: node.start]}null{rest[node.end :]}"
        if any(len(pointer) > STRING_LENGTH_MAX for pointer, _ in found) or not _fits(rest, masked):
            return self._wholly(value)
        for _, node in found:
            self._remembered |= _words(text, node)
        return msgspec.structs.replace(value, text=rest, masked=tuple(masked))

    def _remember(self, text: str, media_type: str) -> None:
        """Keep a wholly secret value's characters, so that texts that quote them lose them too."""
        root = _parse(text) if is_json(media_type) else None
        self._remembered |= _words(text, root) if root is not None else _telling([text.strip()])

    def _secrets(self, text: str, root: Node) -> list[tuple[str, Node]]:
        """The secret nodes in the order of the text, and every string that holds the characters of one."""
        first = list(
            _taken(
                text,
                root,
                lambda path, node, named: self._declared(path) or _is_secret(text, node, named=named),
            )
        )
        words = {word for _, node in first for word in _words(text, node)}
        if not words:
            return first
        places = {node.start for _, node in first}
        # Once is enough: what holds a string that holds a secret holds that secret too.
        return list(
            _taken(
                text,
                root,
                lambda _path, node, _named: node.start in places or _holds(_characters(text, node), words),
            )
        )

    def _declared(self, path: tuple[str, ...]) -> bool:
        return any(
            len(pointer) == len(path)
            and all(want in ("*", have) for want, have in zip(pointer, path, strict=True))
            for pointer in self._pointers
        )

    # -- texts

    def text(self, text: str) -> str:
        """Free text, an error message or a command line, with each secret replaced by ``[redacted]``."""
        for secret in sorted(self._remembered, key=len, reverse=True):
            text = text.replace(secret, MARK)
        return redact_text(text)

    # -- whole parts

    def declaration(self, declaration: Declaration) -> Declaration:
        """The declaration without secrets: in values, patches, notes, check messages and names alike."""
        return self._part(self._values_first(declaration))

    def outcome(self, outcome: Outcome) -> Outcome:
        """The outcome without secrets: in the value read back and in the error message."""
        return self._part(self._values_first(outcome))

    def _values_first(self, part: P) -> P:
        """Values lose their secrets before any text is looked at, so that texts quoting one lose it too."""
        return _mapped(part, lambda _kind, _name, item: self._of_value(item))

    def _of_value(self, item: object) -> object:
        if isinstance(item, CapturedValue):
            return self.value(item)
        if isinstance(item, Change):
            return self._change(item)
        return self._values_first(item) if isinstance(item, Part) else item

    def _change(self, change: Change) -> Change:
        """A change with its values redacted, and a patch only where none of its values is."""
        original = self.value(change.original)
        new = None if change.new is None else self.value(change.new)
        both = None
        if (change.patch is not None or change.reverse is not None) and new is not None:
            both = captured.patch(original, new)
        patch, reverse = both or (None, None)
        return msgspec.structs.replace(change, original=original, new=new, patch=patch, reverse=reverse)

    def _part(self, part: P) -> P:
        return _mapped(part, self._of_text)

    def _of_text(self, kind: type[Part], name: str, item: object) -> object:
        if isinstance(item, str):
            return self.text(item) if forms.of(kind, name) in _FREE else item
        return self._part(item) if isinstance(item, Part) and not isinstance(item, CapturedValue) else item


def _mapped(part: P, change: Callable[[type[Part], str, object], object]) -> P:
    """``part`` with ``change`` done to each field, and to each item of a field that is a list."""
    kind = type(part)
    changed: dict[str, object] = {}
    for name in part.__struct_fields__:
        old = getattr(part, name)
        new = (
            tuple(change(kind, name, item) for item in old)
            if isinstance(old, tuple)
            else change(kind, name, old)
        )
        if new != old:
            changed[name] = new
    return msgspec.structs.replace(part, **changed) if changed else part


# -- inside a value


def _parse(text: str) -> Node | None:
    try:
        return json_text.parse(text)
    except ValueError:
        return None


def _parsed(value: CapturedValue) -> Node | None:
    """The tree of a JSON value; ``None`` when it is of another type, or not the JSON it says it is."""
    return _parse(value.text or "") if is_json(value.media_type) else None


def _taken(
    text: str, root: Node, secret: Callable[[tuple[str, ...], Node, bool], bool]
) -> Iterator[tuple[str, Node]]:
    """The nodes that ``secret`` says yes to, in the order of the text; what lies inside one is not looked at."""
    stack: list[tuple[Node, tuple[str, ...], bool]] = [(root, (), False)]
    while stack:
        node, path, named = stack.pop()
        if secret(path, node, named):
            yield "".join(f"/{json_text.escape(token)}" for token in path), node
            continue
        names = _secret_members(text, node)
        stack += [(child, (*path, child.key), child.key in names) for child in reversed(node.children)]


def _is_secret(text: str, node: Node, *, named: bool) -> bool:
    """By its name, by its look, by a key inside it. ``true``, ``false``, ``null`` are never secrets."""
    if node.kind == "literal":
        return False
    if named:
        return node.kind in ("string", "number") or bool(node.children)
    if node.kind == "string":
        characters = _characters(text, node)
        return redact_text(characters) != characters
    return node.kind == "object" and any(has_token(child.key) for child in node.children)


def _words(text: str, node: Node) -> set[str]:
    """The characters of every string and number in ``node`` that are worth looking for elsewhere."""
    found, stack = [], [node]
    while stack:
        node = stack.pop()
        if node.kind == "string":
            found.append(_characters(text, node))
        elif node.kind == "number":
            found.append(text[node.start : node.end])
        stack += node.children
    return _telling(found)


def _telling(words: Iterable[str]) -> set[str]:
    return {
        word for word in words if len(word) >= REMEMBERED_LENGTH_MIN and word not in ("true", "false", "null")
    }


def _holds(characters: str, words: set[str]) -> bool:
    return any(word in characters for word in words)


def _fits(text: str, masked: list[Masked]) -> bool:
    """Whether a record can hold the text together with what says where its secrets stood."""
    return len(msgspec.json.encode((text, masked))) <= CAPTURED_BYTES_MAX


_NAMING = (
    "name",
    "key",
    "Name",
    "Key",
)  # {"name": "DB_PASSWORD", "value": ...}, as Kubernetes and CI systems write
_NAMED = ("value", "Value")


def _secret_members(text: str, node: Node) -> set[str]:
    """Which members of an object or list are secret because of a name."""
    if node.kind == "array":
        is_pair = [child.key for child in node.children] == ["0", "1"]
        return {"1"} if is_pair and is_secret_name(_characters(text, node.children[0])) else set()
    secret = {child.key for child in node.children if is_secret_name(child.key)}
    names = {child.key: _characters(text, child) for child in node.children if child.kind == "string"}
    if any(is_secret_name(names.get(name, "")) for name in _NAMING):
        secret |= set(_NAMED)
    if names.get("kind") == "Secret":
        secret |= {"data", "stringData"}
    return secret


def _characters(text: str, node: Node) -> str:
    return json_text.string(text[node.start : node.end]) if node.kind == "string" else ""
