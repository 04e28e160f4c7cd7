# SPDX-License-Identifier: Apache-2.0
"""A real server whose pages are asked for by a plain HTTP client."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOORS = Path(__file__).resolve().parent.parent / "api"
if str(DOORS) not in sys.path:
    sys.path.append(str(DOORS))
from real_server import Server, prepared  # noqa: E402 - found by the line above


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests of one file."""
    one = prepared(tmp_path_factory.mktemp("pages")).start()
    yield one
    assert one.stop() == 0, "".join(one.said)
