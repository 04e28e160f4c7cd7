# SPDX-License-Identifier: Apache-2.0
"""The build system of the deploy story: a real Buildbot master with one worker, in a folder of its own.

Driven as its web page drives it: sign in, force, rebuild, read. It listens on loopback alone, and is ended with
the story, also when that breaks.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from byhand.demo.processes import end
from byhand.errors import EngineUnavailable

BUILDER = "deploy-prod"
START_SECONDS_MAX = 60.0  # takes some four; the first start makes the database
BUILD_SECONDS_MAX = 60.0  # takes one
POLL_SECONDS = 0.1
SHOP_FILES = ("test_checkout.py", "deploy.py")
LINES_SHOWN = 12  # of a master that does not start: its last words name the cause
RUN = "from buildbot.scripts.runner import run; run()"  # what its command `buildbot` does


def shop_folder() -> Path:
    """The files of the story's shop, shipped with the package."""
    return Path(__file__).with_name("shop")


@dataclass
class Shop:
    """What is deployed, and the network that the tests run over."""

    folder: Path

    def open(self, *, revision: str, latency_ms: int) -> None:
        """Lay out the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in SHOP_FILES:
            shutil.copy(shop_folder() / name, self.folder / name)
        (self.folder / "network.json").write_text(json.dumps({"latency_ms": latency_ms}))
        (self.folder / "deployed.json").write_text(json.dumps({"revision": revision}))

    @property
    def deployed(self) -> str:
        """The revision that runs now."""
        return str(json.loads((self.folder / "deployed.json").read_text())["revision"])

    @property
    def deployments(self) -> list[str]:
        """What the deploy step did, in order."""
        file = self.folder / "deployments.txt"
        return file.read_text().split() if file.exists() else []


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Master:
    """A Buildbot master; use it as ``with``. ``python`` is the one of the engine's environment."""

    folder: Path
    python: Path
    shop: Shop
    gate_url: str
    token_file: Path
    environment: Mapping[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(shop_folder() / "master.cfg", self.folder / "master.cfg")
        environment = dict(self.environment) | {
            "SHOP": str(self.shop.folder),
            "BUILDBOT_PORT": str(self.port),
            "GATE_URL": self.gate_url,
            "GATE_TOKEN_FILE": str(self.token_file),
        }
        command = [str(self.python), "-I", "-c", RUN]
        subprocess.run(
            [*command, "create-master", "--quiet", "--force", str(self.folder)],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=START_SECONDS_MAX,
        )
        self.process = subprocess.Popen(
            [*command, "start", "--nodaemon", str(self.folder)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the master; at once when it does not end in time."""
        process, self.process = self.process, None
        if process is not None:
            end(process)

    def _wait_until_it_answers(self) -> None:
        import httpx

        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                if self.read("builders")["builders"]:
                    return
            except (httpx.HTTPError, KeyError, ValueError):
                pass  # it does not listen yet, or not with its configuration
            time.sleep(POLL_SECONDS)
        raise EngineUnavailable(f"the Buildbot master did not start:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of the master's own log."""
        log = self.folder / "twistd.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-LINES_SHOWN:]) if log.exists() else ""

    # -- as anybody

    def read(self, path: str) -> dict[str, Any]:
        """A page of its REST."""
        import httpx

        answer = httpx.get(f"{self.url}/api/v2/{path}", timeout=BUILD_SECONDS_MAX)
        return dict(answer.json())

    def build(self, request: int) -> dict[str, Any]:
        """The build that came of a request, once it has ended; with its properties."""
        until = time.monotonic() + BUILD_SECONDS_MAX
        while time.monotonic() < until:
            builds = self.read(f"buildrequests/{request}/builds?property=*")["builds"]
            if builds and builds[0]["complete"]:
                return dict(builds[0])
            time.sleep(POLL_SECONDS)
        raise EngineUnavailable(f"build request {request} did not end:\n{self.last_words()}")

    def said(self, build: Mapping[str, Any], step: str) -> str:
        """The log of a step."""
        import httpx

        for one in self.read(f"builds/{build['buildid']}/steps")["steps"]:
            if one["name"] == step:
                logs = self.read(f"steps/{one['stepid']}/logs")["logs"]
                return "".join(
                    httpx.get(f"{self.url}/api/v2/logs/{log['logid']}/raw", timeout=BUILD_SECONDS_MAX).text
                    for log in logs
                )
        return ""

    # -- as somebody

    def force(self, who: str, *, revision: str, reason: str, intervention: str = "") -> dict[str, Any]:
        """The build that ``who`` forces, once it has ended."""
        params = {
            "builderid": "1",
            "reason": reason,
            "revision": revision,
            "byhand_intervention": intervention,
        }
        return self.ask(who, "forceschedulers/force", "force", params)

    def rebuild(self, who: str, build: Mapping[str, Any]) -> dict[str, Any]:
        """The build that comes of ``who`` pressing "rebuild" on ``build``, once it has ended."""
        return self.ask(who, f"builds/{build['buildid']}", "rebuild", {})

    def ask(self, who: str, path: str, method: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The build that comes of a request that the signed-in ``who`` makes, once it has ended."""
        import httpx

        with httpx.Client(base_url=self.url, timeout=BUILD_SECONDS_MAX) as session:
            secret = base64.b64encode(f"{who}:{who}-password".encode()).decode()
            session.get("/auth/login", headers={"Authorization": f"Basic {secret}"})
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params)}
            answer = session.post(f"/api/v2/{path}", json=body).json()
        if "result" not in answer:
            raise EngineUnavailable(f"Buildbot refused to {method}: {answer.get('error')}")
        (request,) = answer["result"][1].values()
        return self.build(int(request))
