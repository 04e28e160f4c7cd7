# SPDX-License-Identifier: Apache-2.0
"""Captured values: what a system really held, character for character, and the forms it can take."""

from __future__ import annotations

from typing import Literal

from byhand.records.base import Part

Form = Literal["inline", "absent", "unknown", "reference", "redacted"]


class Masked(Part, kw_only=True):
    """One secret taken out of a value: where it stood, and a keyed MAC so that equality stays provable."""

    pointer: str
    """JSON pointer (RFC 6901) into the value; ``""`` is the whole value."""
    mac: str
    """HMAC-SHA-256 in lower-case hex, under the key ``key`` for this origin, target and field."""
    key: str
    """Id of the MAC key."""


class CapturedValue(Part, kw_only=True):
    """One value of a target. ``inline`` holds the source text itself and is never re-serialised.

    ``inline``    ``text`` is the value's source text in ``media_type``
    ``absent``    it did not exist
    ``unknown``   it could not be read; ``cause`` says why
    ``reference`` too large to hold: ``digest`` (SHA-256, hex) and ``size`` (bytes) of an attachment
    ``redacted``  all of it was secret; ``masked`` holds its MAC

    An ``inline`` value whose secrets were taken out has ``null`` in their places and ``masked`` lists them.
    """

    form: Form
    """Which of these forms it has."""
    media_type: str = "application/json"
    """What kind of text it is."""
    text: str | None = None
    """The value's source text."""
    cause: str | None = None
    """Why it could not be read."""
    digest: str | None = None
    """SHA-256 (hex) of what is too large to hold."""
    size: int | None = None
    """Its size in bytes."""
    masked: tuple[Masked, ...] = ()
    """The secrets taken out of it."""
