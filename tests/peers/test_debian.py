# SPDX-License-Identifier: Apache-2.0
"""What peers need from Debian is named, installed, or a reason that says what to run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.append(str(HERE.parent))

from peers import debian  # noqa: E402 - found through the line above


@pytest.mark.parametrize("file", sorted(HERE.glob("*/debian.txt")), ids=lambda file: file.parent.name)
def test_every_list_names_packages(file: Path) -> None:
    """A peer's debian.txt names at least one package, and each name is one word."""
    packages = debian.listed(file)
    assert packages
    assert all(len(package.split()) == 1 for package in packages)


def test_comments_are_no_packages(tmp_path: Path) -> None:
    """A hash begins a comment, and empty lines are passed over."""
    file = tmp_path / "debian.txt"
    file.write_text("# why\n\none  # because\ntwo\n")
    assert debian.listed(file) == ["one", "two"]


def test_a_package_that_does_not_exist_has_no_version() -> None:
    """Only an installed package has a version."""
    assert debian.version("byhand-no-such-package") is None


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_what_cannot_be_had_fails_in_ci_only(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    """With CI=true nothing may be left out; elsewhere the test is skipped with the reason."""
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no such thing"):
        debian.unavailable("no such thing")


def test_who_may_not_install_is_told_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root a missing package is named in the command that root would run; without apt it is named."""
    monkeypatch.setattr(os, "geteuid", lambda: 65_534)
    apt_get = "/usr/bin/apt-get"
    for there, said in (
        (apt_get, "run as root: apt-get install byhand-no-such-package"),
        (None, "needs the Debian"),
    ):
        monkeypatch.setattr(shutil, "which", lambda _, there=there: there)
        with pytest.raises(debian.PackagesMissing, match=said):
            debian.install(["byhand-no-such-package"])
