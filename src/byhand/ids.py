# SPDX-License-Identifier: Apache-2.0
"""Record ids: UUIDv7 (RFC 9562 section 5.7), so that ids made later sort later."""

from __future__ import annotations

import os
import time


def new_record_id() -> str:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, 74 random bits, in lower-case text form."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (
        (milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (random >> 62 & 0xFFF) << 64
        | 0b10 << 62
        | random & (1 << 62) - 1
    )
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
