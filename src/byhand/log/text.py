# SPDX-License-Identifier: Apache-2.0
"""How numbers and bytes are written in the log's text formats: one way each, everything else is refused."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from byhand.errors import MalformedProof

HASH_BYTES = 32
NUMBER_MAX = (1 << 63) - 1  # what other implementations hold in a signed 64-bit number
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")


def decode_base64(text: str) -> bytes:
    """Standard base64 (RFC 4648 section 4) in its one canonical spelling; raises MalformedProof."""
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise MalformedProof("this is not base64") from error
    if b64encode(data).decode() != text:  # unused bits set: the same bytes would have several spellings
        raise MalformedProof("this base64 is not written in its canonical form")
    return data


def decode_hash(text: str) -> bytes:
    """The 32 bytes of a hash in base64; raises MalformedProof."""
    data = decode_base64(text)
    if len(data) != HASH_BYTES:
        raise MalformedProof(f"a hash is {HASH_BYTES} bytes long, this one is {len(data)}")
    return data


def decode_number(text: str) -> int:
    """A decimal number from 0 to 2^63 - 1 without leading zeros; raises MalformedProof."""
    if _NUMBER.match(text) is None or int(text) > NUMBER_MAX:
        raise MalformedProof("a number is decimal, without leading zeros, and below 2^63")
    return int(text)
