# SPDX-License-Identifier: Apache-2.0
"""SSH signatures of every kind of key, checked by openssl with the files that the page of Python writes."""

from __future__ import annotations

import base64
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from byhand.client.signing import load_key_file
from byhand.signatures import sshsig

KINDS = {
    "ed25519": (["-t", "ed25519"], None),
    "p256": (["-t", "ecdsa", "-b", "256"], "-sha256"),
    "p384": (["-t", "ecdsa", "-b", "384"], "-sha384"),
    "p521": (["-t", "ecdsa", "-b", "521"], "-sha512"),
    "rsa": (["-t", "rsa", "-b", "3072"], "-sha512"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_accepts_what_the_page_writes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """An approval's SSH signature is an ordinary one over known bytes; a changed message does not verify."""
    options, digest = KINDS[kind]
    subprocess.run(["ssh-keygen", "-q", *options, "-N", "", "-f", str(tmp_path / "key")], check=True)
    signer = load_key_file(tmp_path / "key", environ={})
    message = b"DSSEv1 4 test 2 {}"
    armored = signer.sign(message, sshsig.NAMESPACE_APPROVAL)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    page = resources.files("byhand.evidence.by_hand").joinpath("check.py").read_text(encoding="utf-8")
    exec(page.replace("\nmain()\n", "\n"), scope)  # noqa: S102 - our own page, without its last line
    one = {"sig": base64.b64encode(sshsig.dearmor(armored)).decode()}
    scope["write_for_openssl"]("one", message, one)
    scope["write_for_openssl"]("other", message + b" ", one)
    assert openssl("one", digest) == 0
    assert openssl("other", digest) != 0


def openssl(name: str, digest: str | None) -> int:
    """The exit code of the command in the bundle's README."""
    key, signed, made = (f"ssh/{name}.{ending}" for ending in ("pem", "signed", "sig"))
    if digest is None:
        command = ["pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", signed, "-sigfile", made]
    else:
        command = ["dgst", digest, "-verify", key, "-signature", made, signed]
    return subprocess.run(["openssl", *command], capture_output=True, check=False).returncode
