# SPDX-License-Identifier: Apache-2.0
"""Credentials beside a person's own keys: personal tokens, workloads and their tokens, links of accounts.

A token is 32 random bytes as ``byh_`` + 43 digits of base 62 + their CRC-32 in 6 (so that scanners find one that
leaked, and a mistyped one is told from an unknown one). Only its SHA-256 is ever written down.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Literal

from byhand.errors import Invalid
from byhand.records.base import Part

PREFIX = "byh_"
SECRET_BYTES = 32
SECRET_DIGITS = 43  # 62^43 > 2^256
CHECK_DIGITS = 6  # 62^6 > 2^32
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 12  # hex digits of the digest that name a token in records; 2^48 of them, and they tell nothing
TOKEN_DAYS_DEFAULT = 30
TOKEN_DAYS_MAX = 90  # a quarter: longer, and nobody remembers what it is for

Scope = Literal["act", "read", "redeem", "observe"]
SCOPES: tuple[Scope, ...] = ("act", "read", "redeem", "observe")
"""What a token may be for: its owner's own interventions; reading; using permits for the persons behind accounts;
reporting what a system's own feed shows. The last two are for workloads."""
WORKLOAD_SCOPES: frozenset[Scope] = frozenset({"redeem", "observe"})


class Token(Part, kw_only=True):
    """A token as the log knows it."""

    id: str
    """The first digits of ``digest``: its name in records."""
    owner: str
    """The person who answers for it."""
    digest: str
    """SHA-256 (hex) of the token."""
    scopes: tuple[Scope, ...]
    """What it may be used for."""
    expires: str
    """Until when."""
    workload: str | None = None
    """The workload that carries it; ``None``: the owner in person."""
    label: str = ""
    """What it is for, in the owner's words."""


class Workload(Part, kw_only=True):
    """Something that acts for persons: a pipeline, a feed, an integration. It is never an actor itself."""

    name: str
    """What it is called in records."""
    owner: str
    """The person who answers for it."""
    kind: Literal["pipeline", "integration", "agent"] = "pipeline"
    """What it is."""
    scopes: tuple[Scope, ...] = ("redeem",)
    """What its tokens may be used for."""
    issuer: str = ""
    """Whose accounts it may speak of, e.g. ``buildbot``: only persons linked to accounts there."""
    subject: str = ""
    """What it is to an issuer whose tokens it comes with (``issuer:subject``); none: it has tokens of byhand's only."""
    principal: str | None = None
    """The one person for whom an agent acts; others act for whoever stands behind an account."""


class AccountLink(Part, kw_only=True):
    """An account of another system belongs to a person."""

    issuer: str
    """The system that has the account."""
    account: str
    """The account's name there."""
    person: str
    """Whose it is."""


def token_text(secret: bytes) -> str:
    """The token made of 32 random bytes."""
    if len(secret) != SECRET_BYTES:
        raise Invalid(f"a token is made of {SECRET_BYTES} random bytes")
    digits = _digits(int.from_bytes(secret, "big"), SECRET_DIGITS)
    return f"{PREFIX}{digits}{_digits(zlib.crc32(digits.encode()), CHECK_DIGITS)}"


def _digits(number: int, count: int) -> str:
    found = ""
    for _ in range(count):
        number, digit = divmod(number, len(DIGITS))
        found = DIGITS[digit] + found
    return found


def is_token(text: str) -> bool:
    """Whether ``text`` claims to be a token of this form."""
    return text.startswith(PREFIX)


def check_token(text: str) -> None:
    """Raise Invalid when ``text`` is no whole token; its own text is never repeated."""
    digits, check = text[len(PREFIX) : -CHECK_DIGITS], text[-CHECK_DIGITS:]
    if len(digits) != SECRET_DIGITS or check != _digits(zlib.crc32(digits.encode()), CHECK_DIGITS):
        raise Invalid("this token is not whole", advice="Copy it once more, all of it.")


def token_digest(text: str) -> str:
    """SHA-256 (hex): what is kept of a token, and what it is found by, so that timing tells nothing of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
