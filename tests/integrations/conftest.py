# SPDX-License-Identifier: Apache-2.0
"""A real server for what runs inside other systems, and a workload's token."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOORS = Path(__file__).resolve().parents[1] / "api"
if str(DOORS) not in sys.path:
    sys.path.append(str(DOORS))
from real_server import ADA, Client, Server, prepared, signed_in  # noqa: E402 - found by the line above

from byhand.integrations.hook import Hook  # noqa: E402


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A served home, with Ada behind an account of Buildbot's."""
    one = prepared(tmp_path_factory.mktemp("served")).start()
    one.byhand("workload", "set", "ci", "--issuer", "buildbot", "--scope", "redeem", "--scope", "observe")
    one.byhand("person", "link", ADA, "buildbot:ada")
    yield one
    if one.process is not None:
        assert one.stop() == 0, "".join(one.said)


@pytest.fixture(scope="module")
def token_file(server: Server) -> Path:
    """The workload's token, as a hook finds it."""
    made = json.loads(server.byhand("token", "create", "--workload", "ci", "--output", "json"))
    file = server.folder / "token"
    file.touch(mode=0o600)
    file.write_text(made["token"])
    return file


@pytest.fixture
def hook(server: Server, token_file: Path) -> Hook:
    """A hook of that workload."""
    return Hook(server.url, token_file, "buildbot")


@pytest.fixture
def ada(server: Server) -> Iterator[Client]:
    """Ada, signed in."""
    client = signed_in(server.url, server.folder / "key")
    yield client
    client.line.close()
