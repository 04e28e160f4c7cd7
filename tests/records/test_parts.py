# SPDX-License-Identifier: Apache-2.0
"""Parts as bytes: a digest does not depend on which string object stood for a choice."""

from __future__ import annotations

import msgspec

from byhand.records import codec, parts
from byhand.records.intervention import Change
from byhand.records.values import CapturedValue


def test_a_default_computed_at_run_time_does_not_change_a_digest() -> None:
    """What is signed is what a reader gets back: the choice equals its default, however it was made."""
    value = CapturedValue(form="inline", text="1")
    plain = Change(original=value, new=value)
    computed = Change(original=value, new=value, read_by=str(b"probe", "ascii"))  # type: ignore[arg-type]
    read_back = msgspec.json.decode(parts.encode_part(computed), type=Change)
    assert codec.change_digest(computed) == codec.change_digest(plain) == codec.change_digest(read_back)
