# SPDX-License-Identifier: Apache-2.0
"""A real server on loopback for the tests of its doors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:  # for real_server, which tests of the doors share
    sys.path.append(str(FOLDER))
from real_server import Client, Server, prepared, signed_in  # noqa: E402 - found by the line above


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests of one file; each leaves it as usable as it was."""
    one = prepared(tmp_path_factory.mktemp("served")).start()
    yield one
    assert one.stop() == 0, "".join(one.said)


@pytest.fixture
def ada(server: Server) -> Iterator[Client]:
    """Ada, signed in."""
    client = signed_in(server.url, server.folder / "key")
    yield client
    client.line.close()
