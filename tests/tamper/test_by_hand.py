# SPDX-License-Identifier: Apache-2.0
"""The page of Python in every bundle: whoever trusts no program of ours is not fooled by a bent bundle either."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def unpacked(played: Any, tmp_path: Path) -> Path:
    """The honest bundle, unpacked."""
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(played.bundle) as archive:
        archive.extractall(folder)
    return folder


def check(folder: Path) -> tuple[int, str]:
    """Exit code, and everything it said."""
    done = subprocess.run(
        [sys.executable, "check.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def _manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    file = folder / "manifest.json"
    before = json.loads(file.read_text())
    after = json.loads(file.read_text())
    change(after)
    file.write_text(json.dumps(after))
    return dict(before)


def test_an_honest_bundle_is_sound_and_says_what_is_withheld(unpacked: Path) -> None:
    """Persons' sections were withheld, and an entry that lacks something is not simply called sound."""
    code, said = check(unpacked)
    assert code == 0, said
    assert "withheld: person:" in said
    assert "all of it leads to the root" in said


def test_a_revocation_dropped_is_named(unpacked: Path) -> None:
    """From the manifest alone, or with its folder: the intent and the permit knew of it."""
    before = _manifest(unpacked, lambda one: one["entries"]["administration"].pop())
    code, said = check(unpacked)
    assert (code, "knew more administration" in said) == (1, True)
    shutil.rmtree(unpacked / "entries" / str(before["entries"]["administration"][-1]))
    code, said = check(unpacked)
    assert (code, "knew more administration" in said) == (1, True)


def _drop_all(manifest: dict[str, Any]) -> None:
    manifest["entries"]["administration"] = []


def _rename(manifest: dict[str, Any]) -> None:
    manifest["intervention"] = "0" * 36


def _exchange(manifest: dict[str, Any]) -> None:
    one = manifest["entries"]
    one["administration"], one["intervention"] = one["intervention"], one["administration"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_drop_all, "administration chain is not here"),
        (_rename, "is no part of the intervention chain"),
        (_exchange, "is no part of the administration chain"),
    ],
)
def test_a_manifest_that_names_another_story_is_refused(
    unpacked: Path, change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    """The chain left out, another intervention's name, the chains exchanged: leaves say where they belong."""
    _manifest(unpacked, change)
    code, said = check(unpacked)
    assert (code, complaint in said) == (1, True), said


def test_an_entry_that_the_manifest_does_not_list_is_named(unpacked: Path) -> None:
    """The last record dropped from the list while its folder stays."""
    _manifest(unpacked, lambda one: one["entries"]["intervention"].pop())
    code, said = check(unpacked)
    assert (code, "does not list entries" in said) == (1, True)


@pytest.mark.parametrize("member", ["statement-0.signed", "statement-0.0.sig"])
def test_a_statement_of_another_record_is_named(unpacked: Path, member: str) -> None:
    """ssh-keygen would find the signature good: it is, but over something else."""
    manifest = json.loads((unpacked / "manifest.json").read_text())
    intent, other = manifest["entries"]["intervention"][0], manifest["entries"]["administration"][1]
    shutil.copy(unpacked / "entries" / str(other) / member, unpacked / "entries" / str(intent) / member)
    code, said = check(unpacked)
    assert (code, "not the ones that the record holds" in said) == (1, True)


def test_a_withheld_body_is_not_called_sound(unpacked: Path) -> None:
    """Its commitment stands, but what was said is not there to be checked."""
    manifest = json.loads((unpacked / "manifest.json").read_text())
    folder = unpacked / "entries" / str(manifest["entries"]["intervention"][0])
    rows = json.loads((folder / "sections.json").read_text())
    del rows[0]["file"], rows[0]["salt"]
    (folder / "sections.json").write_text(json.dumps(rows))
    for file in folder.glob("statement-*"):
        file.unlink()
    code, said = check(unpacked)
    assert (code, "withheld: body" in said) == (0, True)


def test_an_entry_under_a_number_beyond_the_tree_is_refused(unpacked: Path) -> None:
    """With other numbers some paths would still climb to the same root."""
    scope: dict[str, Any] = {}
    page = (unpacked / "check.py").read_text().replace("\nmain()\n", "\n")
    exec(page, scope)  # noqa: S102 - our own page, without its last line
    folder = next((unpacked / "entries").iterdir())
    size = int((unpacked / "checkpoint").read_text().split("\n")[1])
    for index in (size, size + 1, 2 * size):
        with pytest.raises(SystemExit, match=f"speaks of {size} entries"):
            scope["root_of"](index, size, (folder / "leaf.json").read_bytes(), [])
