# SPDX-License-Identifier: Apache-2.0
"""A log with fixed keys and a thousand leaves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from byhand.log import merkle

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent):  # what these tests share, and the peers
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from log_keys import Keys


@pytest.fixture(scope="session")
def keys() -> Keys:
    """The keys of a log and of a witness."""
    return Keys()


@pytest.fixture(scope="session")
def leaves() -> list[bytes]:
    """The leaf hashes of 1,000 entries."""
    return [merkle.leaf_hash(f"entry {number}".encode()) for number in range(1_000)]
