# SPDX-License-Identifier: Apache-2.0
"""A real OpenID Connect provider: npm's ``oidc-provider``, and a person with a browser who signs in there."""

from __future__ import annotations

import fcntl
import hashlib
import html
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from peers import debian

HERE = Path(__file__).resolve().parent
RECIPE = ("package.json", "package-lock.json")
INSTALL_SECONDS_MAX = 300
STEPS_MAX = 8  # pages between a link and the end; more means that the provider goes round in circles
CLIENT, SECRET = "byhand", "a secret/of+ours"
FIELD = re.compile(r'name="([^"]+)"[^>]*value="([^"]*)"')
ACTION = re.compile(r'<form[^>]*action="([^"]+)"')


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Provider:
    """The provider, which can be stopped and started with other keys."""

    modules: Path
    folder: Path
    redirect: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    number: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Provider:
        """With keys that it never had before."""
        self.number += 1
        rsa = RSAKey.generate_key(2048, {"kid": f"rsa-{self.number}", "alg": "RS256", "use": "sig"})
        ecdsa = ECKey.generate_key("P-256", {"kid": f"ec-{self.number}", "alg": "ES256", "use": "sig"})
        keys = self.folder / "keys.json"
        keys.write_text(json.dumps({"keys": [rsa.as_dict(private=True), ecdsa.as_dict(private=True)]}))
        words = [str(self.modules / "provider.mjs"), str(self.port), self.redirect, str(keys)]
        self.process = subprocess.Popen(
            ["node", "--no-warnings", "--experimental-global-webcrypto", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == "ready":
                return self
        raise AssertionError("the provider did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def settings(self, folder: Path, name: str = "corp", **more: object) -> str:
        """The table of a home's settings for it."""
        secret = folder / "issuer-secret"
        secret.write_text(SECRET)
        values = {"url": self.url, "client_id": CLIENT, "client_secret_file": str(secret), **more}
        lines = [
            f"{key} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict)
        ]
        tables = [
            f"[issuers.{name}.{key}]\n"
            + "\n".join(f"{claim} = {json.dumps(said)}" for claim, said in value.items())
            for key, value in values.items()
            if isinstance(value, dict)
        ]
        return "\n".join([f"[issuers.{name}]", *lines, *tables]) + "\n"


class Browser:
    """A person who follows links and fills in forms; stops where an address leads away from the provider."""

    def __init__(self, provider: Provider, login: str) -> None:
        self._provider = provider
        self._login = login
        self._client = httpx.Client(follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def go(self, address: str) -> str:
        """Where it ended: an address elsewhere, or the text of the provider's last page."""
        answer = self._client.get(address)
        for _ in range(STEPS_MAX):
            place = self._followed(answer)
            if isinstance(place, str):
                return place
            form = ACTION.search(place.text)
            if form is None:
                return re.sub(r"<[^>]+>|\s+", " ", place.text)
            said = dict(FIELD.findall(place.text)) | {"login": self._login, "password": "any"}
            answer = self._client.post(urljoin(str(place.url), html.unescape(form[1])), data=said)
        raise AssertionError("the provider goes round in circles")

    def _followed(self, answer: httpx.Response) -> httpx.Response | str:
        while answer.is_redirect:
            place = urljoin(str(answer.url), answer.headers["location"])
            if not place.startswith(self._provider.url):
                return place
            answer = self._client.get(place)
        return answer


def words_of(address: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.fixture(scope="session")
def provider_modules() -> Path:
    """The provider's code, installed when it is not in the cache yet."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        debian.ensure(debian.listed(HERE / "debian.txt"))
    folder = Path(os.environ.get("BYHAND_CACHE") or "~/.cache/byhand").expanduser() / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in RECIPE)).hexdigest()[:12]
    final = folder / f"oidc-{key}"
    with final.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            _install(final)
        shutil.copy(HERE / "provider.mjs", final)
    return final


def _install(final: Path) -> None:
    """Fetch what is locked, by its digests; a crash leaves only what the next one removes."""
    place = final.with_suffix(".part")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name in RECIPE:
        shutil.copy(HERE / name, place)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        debian.unavailable(f"the provider cannot be fetched from npm:\n{done.stderr}")
    place.rename(final)


@pytest.fixture
def provider(provider_modules: Path, tmp_path: Path) -> Iterator[Provider]:
    """The provider, running."""
    one = Provider(provider_modules, tmp_path, "http://127.0.0.1:1/v1/login/callback").start()
    yield one
    one.stop()
