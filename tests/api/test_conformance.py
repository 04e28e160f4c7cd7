# SPDX-License-Identifier: Apache-2.0
"""schemathesis over every door: data as described and data that is not, one call alone and trips along the links.

A minute with a fixed seed; ten times as much, and by chance, with HYPOTHESIS_PROFILE=long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from real_server import ADA, Server, prepared, signed_in

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
EXAMPLES, SECONDS = (100, 900) if LONG else (10, 30)
HERE = Path(__file__).resolve().parent
CONFIG = HERE / "schemathesis.toml"
ST = Path(sys.executable).with_name("st")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a point of low risk in observe, where no signature is asked for."""
    one = prepared(tmp_path_factory.mktemp("conforming"))
    target = ("--action", "deployment.gate.bypass", "--target", "ci/gate/release")
    one.byhand("point", "add", "open", *target, "--owner", ADA, "--tier", "low", "--mode", "observe")
    more = ("--issuer", "buildbot", "--scope", "redeem", "--scope", "observe")
    one.byhand("workload", "set", "deploy-pipeline", *more)
    one.start()
    yield one
    assert one.stop() == 0, "".join(one.said)


@pytest.fixture(scope="module")
def asking(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What conformance_hooks must know: who asks, and where it counts what went through."""
    client = signed_in(server.url, server.folder / "key")
    made = json.loads(server.byhand("token", "create", "--workload", "deploy-pipeline", "--output", "json"))
    yield {
        "SCHEMATHESIS_HOOKS": "conformance_hooks",
        "PYTHONPATH": str(HERE),
        "CONFORMANCE_TOKEN": str(client.line.token),
        "CONFORMANCE_WORKLOAD": made["token"],
        "CONFORMANCE_COUNT": str(tmp_path_factory.mktemp("conforming") / "count"),
    }
    client.line.close()


def _judged(server: Server, asking: dict[str, str], phases: str, folder: Path) -> Counter[str]:
    """Let schemathesis judge the doors; how often each took what it was given."""
    chosen = ["--max-examples", str(EXAMPLES), "--max-time", str(SECONDS), *([] if LONG else ["--seed", "1"])]
    command = [str(ST), "--config-file", str(CONFIG), "run", server.url + "/openapi.json", "--phases", phases]
    done = subprocess.run(
        [*command, *chosen],
        env=os.environ | asking,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * SECONDS + 120,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4_000:]
    count = Path(asking["CONFORMANCE_COUNT"])
    return Counter(count.read_text().splitlines() if count.exists() else [])


@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_every_door_keeps_to_its_description(server: Server, asking: dict[str, str], tmp_path: Path) -> None:
    """No door fails, answers what it did not announce, takes what is wrong, or takes it from just anybody."""
    went_through = _judged(server, asking, "examples,coverage,fuzzing", tmp_path)
    for door in ("interventions", "observations"):
        assert went_through[f"POST /v1/{door}"] > 0, went_through
    assert httpx.get(server.url + "/readyz").status_code == 200


@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_trips_along_the_links_keep_to_it_too(server: Server, asking: dict[str, str], tmp_path: Path) -> None:
    """Declared, permitted, redeemed, concluded, shown and proven, in any order that the links allow."""
    went_through = _judged(server, asking, "stateful", tmp_path)
    for step in ("", "/{id}/permit", "/{id}/redemption", "/{id}/outcome"):
        assert went_through[f"POST /v1/interventions{step}"] > 0, went_through
    assert httpx.get(server.url + "/readyz").status_code == 200
