# SPDX-License-Identifier: Apache-2.0
"""A log with fixed keys, a thousand leaves, and the Go judge."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from byhand.log import merkle

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent):  # what these tests share, and the peers
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

from log_keys import Keys  # noqa: E402 - found through the lines above

from peers.gosumdb.peer import go_judge  # noqa: E402, F401 - a fixture


@pytest.fixture(scope="session")
def keys() -> Keys:
    """The keys of a log and of a witness."""
    return Keys()


@pytest.fixture(scope="session")
def leaves() -> list[bytes]:
    """The leaf hashes of 1,000 entries."""
    return [merkle.leaf_hash(f"entry {number}".encode()) for number in range(1_000)]
