# SPDX-License-Identifier: Apache-2.0
"""A byhand server whose people sign in at a real identity provider."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE.parents[1], HERE.parents[1] / "api"):  # the peers, and the real server
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

from real_server import ADA, prepared  # noqa: E402 - found through the lines above

from peers.oidc.company import Company  # noqa: E402
from peers.oidc.peer import Provider, free_port, provider_modules  # noqa: E402, F401 - a fixture


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, provider_modules: Path) -> Iterator[Company]:  # noqa: F811
    """Running; each test leaves it as usable as it was."""
    folder, port = tmp_path_factory.mktemp("company"), free_port()
    redirect = f"http://localhost:{port}/v1/login/callback"
    provider = Provider(provider_modules, folder, redirect).start()
    server = prepared(folder)
    server.byhand("person", "link", ADA, "corp:ada")
    target = ("--action", "deployment.gate.bypass", "--target", "ci/gate/release")
    probe = ("--probe", f"file:{server.gateway}#/state")
    server.byhand(
        "point", "add", "open", *target, "--owner", ADA, "--tier", "low", "--mode", "enforce", *probe
    )
    settings = provider.settings(folder, shared={"kind": ["shared"]}, acr_values=["strong"])
    (server.home / "byhand.toml").write_text(settings)
    server.start("--port", str(port))
    yield Company(server, provider)
    provider.stop()
    assert server.stop() == 0, "".join(server.said)
