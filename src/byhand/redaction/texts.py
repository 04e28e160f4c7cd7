# SPDX-License-Identifier: Apache-2.0
"""Secrets out of free text: what a secret's name stands before, and what looks like a secret."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module

from byhand.records.secret_names import is_loud, is_secret_name

MARK = "[redacted]"
_ASSIGNED = re.compile(
    r"(?<![\w.])(?<![\w.]-)(?P<name>[A-Za-z_][\w.\-]*+)"
    r"""\\?["']?[ \t]{0,3}(?::=|=>|[=:])[ \t]{0,3}"""
)
_OPTION = re.compile(r"(?<!\S)--?(?P<name>[A-Za-z][\w\-]*+)[ \t]++(?!-)")
# A comma or semicolon belongs to the secret unless something else visibly begins behind it.
# Groups are repeated greedily, never possessively: before Python 3.11.5 such a match is wrong (gh-106052). Nothing
# that stands behind one of these can fail, so none is ever tried again, and a search costs no more than its text.
_BARE = r"""[^\s"',;&|)}\]]++(?:[,;](?!\s|\Z|["']|[\w.\-]++["']?\s?[=:](?!=))[^\s"',;&|)}\]]*+)*"""
_REST = re.compile(_BARE)
_VALUE = re.compile(
    r"""\\"(?:\\\\(?:\\.|[^\\])|\\[^"\\]|[^"\\]++)*(?:\\")?"""  # \"as in JSON within JSON\"
    r"""|"(?:\\.|[^"\\]++)*"?|'(?:''|\\.|[^'\\]++)*'?"""
    rf"|(?:Bearer|Basic|Token|Digest|ApiKey)[ ]+{_BARE}|{_BARE}",
    re.DOTALL,
)
_BRACKET = re.compile(r"""[\[\]{}]|"(?:\\.|[^"\\]++)*"?""", re.DOTALL)
_ADDRESS = re.compile(r"""://[^\s"'<>]++""")
_USER = re.compile(r"(?<=://)[^\s/:@]*+:(?![0-9]{1,5}(?:[/?#]))")  # a number before a path is a port
_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL
)
_BEARER = re.compile(r"\b[Bb]earer +[A-Za-z0-9._~+/\-]{8,}=*")
_WEB_TOKEN = re.compile(r"(?<![\w\-])eyJ[\w\-]{5,}+=*+\.[\w\-=]+(?:\.[\w\-.+/=]*)?")
_QUIET_LENGTH_MIN = 16  # "session: open" is prose; a session of 16 characters without a space is not


def redact_text(text: str) -> str:
    """``text`` with ``[redacted]`` for what a secret's name stands before, and what looks like a secret."""
    if any(mark in text for mark in ":=@") or "-" in text:
        text = _BLOCK.sub(MARK, text)
        text = _ADDRESS.sub(_without_userinfo, text)
        text = _without_named(text, _ASSIGNED)
        text = _without_named(text, _OPTION)
    return _without_tokens(text)


def _without_userinfo(match: re.Match[str]) -> str:
    """An address without its password, which ends at the last @: people do not escape the ones before."""
    address = match[0]
    last = address.rfind("@")
    user = _USER.search(address, 0, last) if last > 0 else None
    if user is None or user.end() == last:
        return address
    return f"{address[: user.end()]}{MARK}{address[last:]}"


def _without_named(text: str, naming: re.Pattern[str]) -> str:
    """``text`` without what stands behind the names of secrets; ``naming`` ends where a value begins."""
    parts: list[str] = []
    done = position = 0
    while (match := naming.search(text, position)) is not None:
        position = match.end()
        if not is_secret_name(match["name"]):
            continue
        end = _value_end(text, position)
        if _is_meant(match["name"], text[position:end]):
            parts += (text[done:position], MARK)
            done = position = end
    return "".join((*parts, text[done:]))


def _value_end(text: str, position: int) -> int:
    """Where the value that begins at ``position`` ends: quoted, in brackets, or bare."""
    if text.startswith(MARK, position):  # a part of it was known already, perhaps not all
        position += len(MARK)
        match = _REST.match(text, position)
        return position if match is None else match.end()
    if text[position : position + 1] not in ("[", "{"):
        match = _VALUE.match(text, position)
        return position if match is None else match.end()
    depth = 0
    for match in _BRACKET.finditer(text, position):
        depth += (match[0] in "[{") - (match[0] in "]}")
        if depth == 0:
            return match.end()
    return len(text)


def _is_meant(name: str, value: str) -> bool:
    """Whether ``value`` is a secret behind ``name``, and not a word about one."""
    if value.strip("\"'\\").lower() in _EMPTY:
        return False
    return is_loud(name) or len(value) >= _QUIET_LENGTH_MIN


_EMPTY = frozenset({"", "true", "false", "null", "none", "[]", "{}", MARK})


def _without_tokens(text: str) -> str:
    """Replace what looks like a token of a known kind. Loads detect-secrets only when something might."""
    text = _BEARER.sub(MARK, _WEB_TOKEN.sub(MARK, text))
    if _CANDIDATE.search(text) is None:
        return text
    for pattern in _patterns():
        text = pattern.sub(MARK, text)
    return text


def has_token(text: str) -> bool:
    """Whether something in ``text`` looks like a token of a known kind."""
    return _without_tokens(text) != text


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
