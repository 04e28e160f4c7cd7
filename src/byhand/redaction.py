# SPDX-License-Identifier: Apache-2.0
"""Secrets are taken out before a payload leaves the process; a keyed MAC stays, so that equality is provable.

What is found, and what is not, is listed in docs/spec/record-format.md, section "Redaction".
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import TypeVar

import msgspec

from byhand.records import captured, forms, json_text
from byhand.records.base import Part
from byhand.records.intervention import Change, Declaration
from byhand.records.json_text import Node
from byhand.records.kinds import Outcome
from byhand.records.limits import MASKED_MAX
from byhand.records.normal import is_json, normal_text
from byhand.records.secret_names import is_loud, is_secret_name
from byhand.records.values import CapturedValue, Masked

P = TypeVar("P", bound=Part)

MARK = "[redacted]"
REMEMBERED_LENGTH_MIN = 4  # a shorter secret stands in too many innocent words to be replaced everywhere
_FREE = (forms.TEXT, forms.NOTES, forms.NAME)
"""Forms of fields that hold what people and systems wrote; the others cannot hold a secret."""


class Redactor:
    """Takes secrets out of values and texts: by declared pointers, by the names of keys, by how they look.

    ``secret_pointers`` are JSON pointers into the value, where ``*`` stands for any one step. ``mac_key``
    belongs to one (origin, target, field) and is the same before and after; whoever holds it can guess PINs.
    A secret taken out of a value is remembered, and taken out of every text that comes later.
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
            return value if self.text(text) == text else self._wholly(value)
        return self._without(value, text, list(self._secrets(text, root)))

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
        masked = []
        for pointer, node in found:
            lexeme = text[node.start : node.end]
            self._remember(lexeme)
            masked.append(self._masked(pointer, normal_text(lexeme)))
        for _, node in reversed(found):
            text = f"{text[: node.start]}null{text[node.end :]}"
        return msgspec.structs.replace(value, text=text, masked=(*value.masked, *masked))

    def _remember(self, lexeme: str, media_type: str = captured.JSON) -> None:
        """Keep a secret's characters, so that texts that quote it lose it too."""
        if not is_json(media_type):
            self._remembered.add(lexeme.strip())
        elif (root := _parse(lexeme)) is not None:
            for _, node in _leaves(root):
                leaf = lexeme[node.start : node.end]
                self._remembered.add(json_text.string(leaf) if node.kind == "string" else leaf)
        self._remembered = {
            known
            for known in self._remembered
            if len(known) >= REMEMBERED_LENGTH_MIN and known not in ("true", "false", "null")
        }

    def _secrets(self, text: str, root: Node) -> Iterator[tuple[str, Node]]:
        """The secret nodes in the order of the text; what lies inside one is not looked at."""
        stack: list[tuple[Node, tuple[str, ...], bool]] = [(root, (), False)]
        while stack:
            node, path, named = stack.pop()
            if self._declared(path) or self._is_secret(text, node, named=named):
                yield "".join(f"/{json_text.escape(token)}" for token in path), node
                continue
            secret = _secret_members(text, node)
            stack += [(child, (*path, child.key), child.key in secret) for child in reversed(node.children)]

    def _declared(self, path: tuple[str, ...]) -> bool:
        return any(
            len(pointer) == len(path)
            and all(want in ("*", have) for want, have in zip(pointer, path, strict=True))
            for pointer in self._pointers
        )

    def _is_secret(self, text: str, node: Node, *, named: bool) -> bool:
        """By its name, by its look, by a key inside it. ``true``, ``false``, ``null`` are never secrets."""
        if node.kind == "literal":
            return False
        if named:
            return node.kind in ("string", "number") or bool(node.children)
        if node.kind == "string":
            characters = json_text.string(text[node.start : node.end])
            return self.text(characters) != characters
        return node.kind == "object" and any(_spotted(child.key) for child in node.children)

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


def _leaves(root: Node) -> Iterator[tuple[str, Node]]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.kind in ("string", "number"):
            yield node.key, node
        stack += node.children


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


# -- inside a text

_QUOTED = r"""\\?"[^"\n]*"?|'[^'\n]*'?"""
_BARE = r"""[^\s"',;&|)}\]]+"""
_ASSIGNED = re.compile(
    r"(?<![\w.])(?<![\w.]-)(?P<name>[A-Za-z_][\w.\-]*+)"
    r"""(?P<between>\\?["']?[ \t]{0,3}(?::=|=>|[=:])[ \t]{0,3})"""
    rf"(?P<value>{_QUOTED}|(?:Bearer|Basic|Token|Digest|ApiKey)[ ]+{_BARE}|{_BARE})"
)
_OPTION = re.compile(
    rf"(?<!\S)--?(?P<name>[A-Za-z][\w\-]*+)(?P<between>[ \t]+)(?P<value>{_QUOTED}|(?!-){_BARE})"
)
_USERINFO = re.compile(r"(?<=://)(?P<name>[^\s/:@]*+)(?P<between>:)(?P<value>[^\s/@]++)(?=@)")
_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL
)
_BEARER = re.compile(r"\b[Bb]earer +[A-Za-z0-9._~+/\-]{8,}=*")
_WEB_TOKEN = re.compile(r"\beyJ[\w\-=]{5,}\.[\w\-=]+(?:\.[\w\-.+/=]*)?")
_QUIET_LENGTH_MIN = 16  # "session: open" is prose; a session of 16 characters without a space is not


def redact_text(text: str) -> str:
    """``text`` with ``[redacted]`` for what a secret's name stands before, and what looks like a secret."""
    if any(mark in text for mark in ":=@") or "-" in text:
        text = _BLOCK.sub(MARK, text)
        text = _USERINFO.sub(_replaced, text)
        text = _ASSIGNED.sub(_replaced_if_named, text)
        text = _OPTION.sub(_replaced_if_named, text)
    return _without_tokens(text)


def _replaced(match: re.Match[str]) -> str:
    return f"{match['name']}{match['between']}{MARK}"


def _replaced_if_named(match: re.Match[str]) -> str:
    whole, value = match[0], match["value"]
    if not is_secret_name(match["name"]) or value.strip("\"'\\").lower() in _EMPTY:
        return whole
    if not is_loud(match["name"]) and len(value) < _QUIET_LENGTH_MIN:
        return whole
    return whole[: match.start("value") - match.start()] + MARK


_EMPTY = frozenset({"", "true", "false", "null", "none", MARK, MARK[:-1]})


def _without_tokens(text: str) -> str:
    """Replace what looks like a token of a known kind. Loads detect-secrets only when something might."""
    text = _BEARER.sub(MARK, _WEB_TOKEN.sub(MARK, text))
    if _CANDIDATE.search(text) is None:
        return text
    for pattern in _patterns():
        text = pattern.sub(MARK, text)
    return text


def _spotted(key: str) -> bool:
    """Whether the name of a key is itself a secret, such as a token used as a key."""
    return _without_tokens(key) != key


_CANDIDATE = re.compile(
    r"(?<![\w\-])(?=[\w\-]*[0-9])(?=[\w\-]*[a-z])(?=[\w\-]*[A-Z])[\w\-]{16,}"
    r"|A3T|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ASIA|AccountKey|xox|k_live|softlayer|cloudant|-us[0-9]"
)
"""A run of 16 characters with small letters, capitals and digits, or what known tokens begin with."""

_DETECTORS = (
    "aws",
    "azure_storage_key",
    "cloudant",
    "discord",
    "github_token",
    "gitlab_token",
    "ibm_cloud_iam",
    "ibm_cos_hmac",
    "mailchimp",
    "npm",
    "openai",
    "pypi_token",
    "sendgrid",
    "slack",
    "softlayer",
    "square_oauth",
    "stripe",
    "telegram_token",
    "twilio",
)
"""Detectors of detect-secrets that know a token by its look; those by entropy would find every digest."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    found: list[re.Pattern[str]] = []
    for name in _DETECTORS:
        module = import_module(f"detect_secrets.plugins.{name}")
        for detector in vars(module).values():
            own = getattr(detector, "__module__", None) == module.__name__
            found += getattr(detector, "denylist", ()) if own and isinstance(detector, type) else ()
    return tuple(found)
