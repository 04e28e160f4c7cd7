# SPDX-License-Identifier: Apache-2.0
"""Debian packages that peers need: installed when we may, named when we may not.

Run as a script, it installs what the ``debian.txt`` of every peer (or of those named) lists:
``python tests/peers/debian.py [PEER ...]``. It uses apt-get and therefore must be run as root.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTALL_SECONDS_MAX = 900  # a large peer over a slow mirror; more means that the mirror hangs


class PackagesMissing(Exception):
    """Debian packages are missing and cannot be installed from here; says what to run."""


def ensure(packages: Sequence[str]) -> None:
    """Have ``packages`` installed, as root by apt-get; else the test fails in CI and is skipped elsewhere."""
    try:
        install(packages)
    except PackagesMissing as error:
        unavailable(str(error))


def unavailable(reason: str) -> None:
    """A peer cannot be had here: a failure with ``CI=true``, where nothing may be left out, else a skip."""
    import pytest  # the script below runs without it

    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def install(packages: Sequence[str]) -> None:
    """Install those of ``packages`` that are missing; raises PackagesMissing when that cannot be done."""
    with (Path(tempfile.gettempdir()) / f"byhand-apt-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes side by side: one installs, the others find it done
        missing = [package for package in packages if version(package) is None]
        if not missing:
            return
        command = f"apt-get install {' '.join(missing)}"
        if shutil.which("apt-get") is None:
            raise PackagesMissing(f"this needs the Debian packages {' '.join(missing)}")
        if os.geteuid() != 0:
            raise PackagesMissing(f"Debian packages are missing; run as root: {command}")
        _apt_get("update", "-qq")
        _apt_get("install", "-qq", "-y", "--no-install-recommends", *missing)


def version(package: str) -> str | None:
    """The installed version of a Debian package, or None."""
    if shutil.which("dpkg-query") is None:
        return None
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", package]
    status, _, found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.partition(
        " "
    )
    return found.strip() if status.strip() == "ii" else None


def listed(file: Path) -> list[str]:
    """The packages that a ``debian.txt`` names, one a line; ``#`` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line]


def _apt_get(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise PackagesMissing(f"apt-get {' '.join(arguments)} failed:\n{done.stderr.strip()}")


def main(peers: Sequence[str]) -> int:
    """Install what the peers list; returns the exit code."""
    files = [HERE / peer / "debian.txt" for peer in peers] or sorted(HERE.glob("*/debian.txt"))
    try:
        install(sorted({package for file in files for package in listed(file)}))
    except (PackagesMissing, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
