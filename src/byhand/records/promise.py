# SPDX-License-Identifier: Apache-2.0
"""The promise that comes with every acknowledgement: what the log key signs before the next checkpoint."""

from __future__ import annotations


def promise_text(origin: str, index: int, leaf_hash: bytes, recorded: str) -> bytes:
    """The signed bytes: five lines, see docs/spec/log-profile.md, section "Acknowledgement"."""
    return f"byhand/promise/v1\n{origin}\n{index}\n{leaf_hash.hex()}\n{recorded}\n".encode()
