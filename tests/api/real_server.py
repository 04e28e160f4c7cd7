# SPDX-License-Identifier: Apache-2.0
"""A real server on loopback: ``byhand serve`` in a process of its own, on a home with an officer and points."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from byhand.client import http
from byhand.client.http import HttpBackend, HttpDesk, HttpLog
from byhand.client.interventions import Intervention, Means
from byhand.client.line import Line
from byhand.client.places import RegisteredPoint
from byhand.client.reverting import Reverter
from byhand.client.signing import Signer, find_signer
from byhand.client.speaking import sign_login
from byhand.client.steps import Request
from byhand.ids import new_record_id

BYHAND = Path(sys.executable).with_name("byhand")
STARTED = re.compile(r"byhand serves (?P<origin>\S+) at (?P<url>\S+)")
PATIENCE_SECONDS = 30.0
ADA = "ada.lovelace"
POINT = "mm7"


@dataclass
class Server:
    """A home, and whoever serves it now."""

    folder: Path
    environment: dict[str, str]
    url: str = ""
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def gateway(self) -> Path:
        """The file that the point's probe reads."""
        return self.folder / "gateway.json"

    def byhand(self, *arguments: str, code: int = 0, **variables: str) -> str:
        """A command line on the machine of the home; what it printed."""
        done = subprocess.run(
            [str(BYHAND), *arguments],
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def start(self, *arguments: str, **variables: str) -> Server:
        """Serve the home; returns when it listens."""
        port = ("--port", self.url.rpartition(":")[2]) if self.url else ("--port", "0")
        self.process = subprocess.Popen(
            [str(BYHAND), "serve", *(arguments or port)],
            env=self.environment | variables,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if (match := STARTED.search(line)) is not None:
                self.url = match["url"]
                return self
        raise AssertionError("".join(self.said))

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """End it; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(sign)
        code = self.process.wait(PATIENCE_SECONDS)
        if self.process.stderr is not None:
            self.said += self.process.stderr.readlines()
            self.process.stderr.close()
        self.process = None
        return code

    def state(self, value: str | None = None) -> str:
        """The value at the point; set first when one is given."""
        if value is not None:
            self.gateway.write_text(json.dumps({"state": value}))
        return str(json.loads(self.gateway.read_text())["state"])


@dataclass
class Client:
    """Somebody signed in to a server."""

    line: Line
    key: Signer
    reverter: Reverter = field(default_factory=Reverter)

    @property
    def backend(self) -> HttpBackend:
        return HttpBackend(self.line)

    @property
    def desk(self) -> HttpDesk:
        return HttpDesk(self.line)

    @property
    def log(self) -> HttpLog:
        return HttpLog(self.line)

    def act(self, new: str, place: str = POINT, **changed: object) -> Intervention:
        """An intervention, ready to be entered, with a text never used before."""
        fields: dict[str, object] = {
            "place": RegisteredPoint(place),
            "reason": "FALSE_POSITIVE",
            "notes": f"Stale quote from XLON, seen on two feeds ({new_record_id()}).",
            "new": new,
        }
        request = Request(**{**fields, **changed})  # type: ignore[arg-type]
        means = Means(backend=lambda: self.backend, signer=lambda: self.key, reverter=self.reverter)
        return Intervention(request, means)

    def raw(self, method: str, path: str, **more: object) -> httpx.Response:
        """A request as any HTTP client would send it, with the token."""
        headers = {"Authorization": f"Bearer {self.line.token}"}
        return httpx.request(method, self.line.url + path, headers=headers, timeout=10, **more)  # type: ignore[arg-type]


def signed_in(url: str, key_path: Path, person: str = ADA) -> Client:
    """Whoever the key speaks for, signed in."""
    line, key = Line(url), find_signer(key_path=key_path, environ={})
    asked = http.challenge(line)
    http.login(line, sign_login(asked.origin, person, asked.challenge, asked.expires, key))
    return Client(line, key)


def prepared(folder: Path) -> Server:
    """A home with Ada as its officer, and one point of high risk in enforce; not served yet."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "BYHAND_HOME": str(folder / "home"),
        "BYHAND_PERSON": ADA,
        "BYHAND_KEY": str(folder / "key"),
        **_coverage(os.environ),
    }
    server = Server(folder, environment)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", str(folder / "key")]
    subprocess.run(command, check=True)
    server.state("HALTED")
    server.byhand("init", "--origin", f"byhand.test/served-{os.getpid()}-{time.monotonic_ns()}")
    target = ("--action", "trading.circuit_breaker.override", "--target", "risk-gateway/circuit_breaker/MM-7")
    more = ("--owner", ADA, "--tier", "high", "--mode", "enforce")
    server.byhand("point", "add", POINT, *target, *more, "--probe", f"file:{server.gateway}#/state")
    return server


def _coverage(environ: Mapping[str, str]) -> dict[str, str]:
    """What lets a process of ours be measured."""
    return {name: text for name, text in environ.items() if name.startswith("COVERAGE_")}


def other(value: str) -> str:
    """The value that the point's state may be changed to."""
    return "ACTIVE" if value == "HALTED" else "HALTED"
