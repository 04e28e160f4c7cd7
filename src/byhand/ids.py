# SPDX-License-Identifier: Apache-2.0
"""Record ids: UUIDv7 (RFC 9562 section 5.7), so that ids made later sort later."""

from __future__ import annotations

import hashlib
import os
import time


def new_record_id() -> str:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, 74 random bits, in lower-case text form."""
    milliseconds = time.time_ns() // 1_000_000
    return _written(milliseconds, int.from_bytes(os.urandom(10), "big"))


def derived_record_id(origin: str, name: str) -> str:
    """The UUIDv7 that always comes of the record id ``origin`` and ``name``, with the time of ``origin``.

    Whoever makes a second record of a first one asks again under the same key after a crash.
    """
    digest = hashlib.sha256(f"{origin}\n{name}".encode("utf-8", "surrogatepass")).digest()
    return _written(int(origin.replace("-", "")[:12], 16), int.from_bytes(digest[:10], "big"))


def _written(milliseconds: int, random: int) -> str:
    value = (
        (milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (random >> 62 & 0xFFF) << 64
        | 0b10 << 62
        | random & (1 << 62) - 1
    )
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
