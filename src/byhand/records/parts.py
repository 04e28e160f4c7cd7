# SPDX-License-Identifier: Apache-2.0
"""Parts of records as canonical bytes on their own: what is signed, sealed apart or compared on a retry."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TypeVar

import msgspec
import orjson

from byhand.errors import Fault, Invalid, MalformedProof
from byhand.records.actor import PersonDetails
from byhand.records.base import Part

PartType = TypeVar("PartType", bound=Part)
_person = msgspec.json.Decoder(PersonDetails)
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def encode_part(part: Part) -> bytes:
    """The part's canonical JSON: keys sorted, defaults left out; raises Invalid when it has none.

    Our own types hold no floats and no keys but their ASCII field names; orjson itself refuses lone
    surrogates and integers beyond 2^53. So this is ``canonical.encode`` without the walk: 3 µs for an intent.
    """
    try:
        return orjson.dumps(msgspec.to_builtins(part), option=_OPTIONS)
    except TypeError as error:
        complaint = "holds a lone surrogate or an integer beyond 2^53"
        raise Invalid("this cannot be written as a record", (Fault("", complaint),)) from error


def encode_settled(part: Part) -> bytes:
    """The canonical JSON of what a reader of ``part`` gets back: what digests are made over.

    Defaults are left out by identity, not by equality: a choice computed at run time that equals its default
    stands in the bytes until it has been read once. What is signed must be what everyone recomputes.
    """
    data = encode_part(part)
    with suppress(msgspec.MsgspecError):  # what no record may hold: whoever is asked to record it says so
        data = encode_part(_decoder(type(part)).decode(data))
    return data


@cache
def _decoder(kind: type[PartType]) -> msgspec.json.Decoder[PartType]:
    return msgspec.json.Decoder(kind)


def decode_person(data: bytes) -> PersonDetails:
    """A person's section; raises MalformedProof."""
    try:
        return _person.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedProof("a person's section is not of its form") from error
