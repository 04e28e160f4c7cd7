# SPDX-License-Identifier: Apache-2.0
"""Environments of the stories' engines: what their locks hold, and when they are refused."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from byhand.demo import engines
from byhand.errors import EngineUnavailable, NotFound


def _locked(recipe: engines.Recipe) -> set[str]:
    return set(re.findall(r"^([a-z0-9][a-z0-9-]*)==", recipe.lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("recipe", engines.RECIPES, ids=lambda recipe: recipe.name)
def test_every_lock_holds_what_byhand_itself_needs(recipe: engines.Recipe) -> None:
    """Byhand is copied beside the engine, so the engine's lock must bring byhand's dependencies."""
    needed = {
        re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        for requirement in metadata.requires("byhand") or []
        if "extra ==" not in requirement
    }
    assert needed <= _locked(recipe)


@pytest.mark.parametrize("recipe", engines.RECIPES, ids=lambda recipe: recipe.name)
def test_every_line_of_a_lock_is_exact_and_hashed(recipe: engines.Recipe) -> None:
    """A lock names versions and hashes only: no addresses, no folders, nothing of one machine."""
    text = recipe.lock.read_text()
    body = [line for line in text.splitlines() if line and not line.startswith("#")]
    pattern = re.compile(r"[a-z0-9-]+==[\w.]+( ; [^/]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in body if not pattern.fullmatch(line)] == []
    assert "://" not in text


def test_an_unknown_engine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for an engine that has no recipe lists those that have one, and builds nothing."""
    monkeypatch.setenv("BYHAND_CACHE", str(tmp_path))
    with pytest.raises(NotFound, match="there are: nautilus, buildbot"):
        engines.ensure("abacus", show=print)
    assert list(tmp_path.iterdir()) == []


def test_a_python_without_wheels_is_named_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names engine and Python, advises which Pythons would do, and leaves the cache untouched."""
    monkeypatch.setenv("BYHAND_CACHE", str(tmp_path))
    recipe = engines.Recipe("nautilus", "an engine", ("3.8",), download_megabytes=1, disk_megabytes=1)
    monkeypatch.setattr(engines, "RECIPES", (recipe,))
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(EngineUnavailable, match=f"an engine has no wheel for Python {running}") as caught:
        engines.ensure("nautilus", show=print)
    assert "3.8" in caught.value.advice
    assert list(tmp_path.iterdir()) == []


def test_a_failed_installation_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an index the missing wheel is named, the person was told the size first, and no folder stays behind."""
    monkeypatch.setenv("BYHAND_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    shown: list[str] = []
    with pytest.raises(EngineUnavailable, match=r"no wheel of [a-z]+==\S+ for Python .*, or no network"):
        engines.ensure("nautilus", show=shown.append)
    assert "about 210 MB" in shown[0]
    assert [path.suffix for path in (tmp_path / "engines").iterdir()] == [".lock"]
