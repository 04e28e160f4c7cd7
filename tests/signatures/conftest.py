# SPDX-License-Identifier: Apache-2.0
"""Keys made by the real ssh-keygen, and ssh-keygen as the judge of what we sign and accept."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

KINDS = {
    "ed25519": ("ed25519", "256"),
    "ecdsa256": ("ecdsa", "256"),
    "ecdsa384": ("ecdsa", "384"),
    "ecdsa521": ("ecdsa", "521"),
    "rsa3072": ("rsa", "3072"),
}


@dataclass(frozen=True)
class OutsideKeys:
    """A folder with one key pair of every kind ssh-keygen makes without hardware."""

    folder: Path

    def path(self, kind: str) -> Path:
        return self.folder / kind

    def line(self, kind: str) -> str:
        return self.path(kind).with_suffix(".pub").read_text()

    def sign(self, kind: str, message: bytes, namespace: str, hash_name: str = "sha512") -> str:
        """What ``ssh-keygen -Y sign`` writes."""
        command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(self.path(kind)), "-n", namespace]
        done = subprocess.run(
            [*command, "-O", f"hashalg={hash_name}"], input=message, capture_output=True, check=True
        )
        return done.stdout.decode()


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> OutsideKeys:
    """Fresh keys of each kind, made once for all tests."""
    folder = tmp_path_factory.mktemp("keys")
    for name, (kind, bits) in KINDS.items():
        command = [
            "ssh-keygen",
            "-q",
            "-t",
            kind,
            "-b",
            bits,
            "-N",
            "",
            "-C",
            "ada@example",
            "-f",
            str(folder / name),
        ]
        subprocess.run(command, check=True)
    return OutsideKeys(folder)


@dataclass(frozen=True)
class Judge:
    """``ssh-keygen -Y verify`` with an allowed_signers file of the test's making."""

    folder: Path

    def accepts(
        self, message: bytes, armored: str, namespace: str, allowed: str, person: str = "ada"
    ) -> bool:
        (self.folder / "signature").write_text(armored)
        (self.folder / "allowed").write_text(allowed + "\n")
        command = ["ssh-keygen", "-Y", "verify", "-q", "-n", namespace, "-I", person]
        command += ["-f", str(self.folder / "allowed"), "-s", str(self.folder / "signature")]
        return subprocess.run(command, check=False, input=message, capture_output=True).returncode == 0


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """The outside verifier."""
    return Judge(tmp_path)
