# SPDX-License-Identifier: Apache-2.0
"""A fresh home whose log can be appended to directly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from byhand.wiring import Home, create_home, open_home

ORIGIN = "byhand.test/journal"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home with its first checkpoint, closed."""
    path = tmp_path / "home"
    create_home(path, ORIGIN)
    home = open_home(path, start=False)
    home.journal.checkpointer.begin()
    home.close()
    return path


@pytest.fixture
def home(place: Path) -> Iterator[Home]:
    """That home, opened."""
    opened = open_home(place)
    yield opened
    opened.close()
