# SPDX-License-Identifier: Apache-2.0
"""Parts of records as canonical bytes on their own: what is signed, sealed apart or compared on a retry."""

from __future__ import annotations

import msgspec
import orjson

from byhand.errors import MalformedProof
from byhand.records.actor import PersonDetails
from byhand.records.base import Part

_person = msgspec.json.Decoder(PersonDetails)


def encode_part(part: Part) -> bytes:
    """The part's canonical JSON: keys sorted, defaults left out."""
    return orjson.dumps(msgspec.to_builtins(part), option=orjson.OPT_SORT_KEYS)


def decode_person(data: bytes) -> PersonDetails:
    """A person's section; raises MalformedProof."""
    try:
        return _person.decode(data)
    except msgspec.MsgspecError as error:
        raise MalformedProof(f"a person's section is not of its form: {error}") from error
