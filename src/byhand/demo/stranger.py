# SPDX-License-Identifier: Apache-2.0
"""What a stranger gets and does: a bundle, the log as a folder, and checks by hand that need no byhand."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from byhand import wiring
from byhand.demo.stage import PERSON, Stage
from byhand.errors import NotFound
from byhand.evidence.bundle import make_bundle, sealed_payloads
from byhand.evidence.folder import export_folder
from byhand.journal.tree import StoredTree
from byhand.records.kinds import Intent
from byhand.records.leaf import ADMINISTRATION_CHAIN

COMMAND_SECONDS_MAX = 60  # each takes a moment; more means that it waits for something


@dataclass(frozen=True, slots=True)
class Handed:
    """What the stranger is handed about one intervention."""

    intervention: str
    bundle: Path
    receipt: Path
    folder: Path
    intent: int
    """Index of the intent: its folder in the bundle."""


def hand_over(stage: Stage, home: wiring.Home, intervention: str) -> Handed:
    """Write the evidence of ``intervention``; the person's access to it is recorded first."""
    home.reading.leave(stage.sign_in(home).caller(), "evidence", records=(intervention,), count=1)
    chain = home.journal.reader.chain(intervention)
    intent = next((one for one in chain if isinstance(one.record, Intent)), None)
    if intent is None:
        raise NotFound(f"there is no intent of {intervention}")
    handed = Handed(
        intervention,
        bundle=stage.evidence / f"{intervention}.zip",
        receipt=stage.evidence / f"{intervention}.tlog-proof",
        folder=stage.evidence / "log",
        intent=intent.index,
    )
    administration = home.journal.reader.chain(ADMINISTRATION_CHAIN)
    payloads = sealed_payloads(home.journal, [one.index for one in (*chain, *administration)])
    handed.bundle.write_bytes(make_bundle(home.journal, home.people.keyring(), intervention, payloads))
    handed.receipt.write_text(home.journal.receipt(chain[-1].index).proof, encoding="utf-8")
    return handed


def export_log(stage: Stage, folder: Path) -> int:
    """The whole log as a static folder that any tlog-tiles client can read; returns its size."""
    with wiring.read_home(stage.home, environment=stage.environment) as home:
        note = home.entries.published()
        if note is None:
            raise NotFound("the log has no checkpoint yet")
        return export_folder(home.entries, StoredTree(home.entries, home.entries.tree()), note, folder)


@dataclass(frozen=True, slots=True)
class ByHand:
    """A check without byhand: the command as a stranger types it in the unpacked bundle."""

    shows: str
    program: str
    arguments: tuple[str, ...]
    signed: str | None = None
    """File on standard input."""

    @property
    def line(self) -> str:
        """The command line."""
        quoted = " ".join((self.program, *self.arguments))
        return f"{quoted} < {self.signed}" if self.signed else quoted

    def run(self, folder: Path) -> int | None:
        """Its exit code in ``folder``; ``None`` when the program is not here."""
        path = sys.executable if self.program == "python3" else shutil.which(self.program)
        if path is None:
            return None
        data = (folder / self.signed).read_bytes() if self.signed else b""
        done = subprocess.run(
            [path, *self.arguments],
            cwd=folder,
            input=data,
            capture_output=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        return done.returncode


def unpack(handed: Handed) -> Path:
    """The bundle unpacked beside itself."""
    folder = handed.bundle.with_suffix("")
    with zipfile.ZipFile(handed.bundle) as archive:
        archive.extractall(folder)  # our own file, made a moment ago; its names are fixed
    return folder


def checks_by_hand(handed: Handed) -> Iterator[ByHand]:
    """What the bundle's README tells a stranger to type."""
    yield ByHand("entries, proofs, chains and sections", "python3", ("check.py",))
    openssl = "pkeyutl -verify -pubin -inkey log.pem -rawin -in checkpoint.text -sigfile checkpoint.sig"
    yield ByHand("the log's signature over the root", "openssl", tuple(openssl.split()))
    intent = f"entries/{handed.intent}/statement-0"
    keygen = f"-Y verify -f allowed_signers -I {PERSON} -n intent@byhand -s {intent}.0.sig"
    yield ByHand("the person's own signature", "ssh-keygen", tuple(keygen.split()), signed=f"{intent}.signed")
