# SPDX-License-Identifier: Apache-2.0
"""Logs that grow by as many entries as a test asks for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from byhand.wiring import Home, create_home, open_home


@dataclass
class Growing:
    """A home whose only entries are heartbeats."""

    path: Path
    origin: str
    environment: dict[str, str]
    home: Home = field(init=False)

    def __post_init__(self) -> None:
        create_home(self.path, self.origin)
        self.home = open_home(self.path, environment=self.environment, start=False)
        self.home.journal.checkpointer.begin()

    def grow(self, entries: int) -> None:
        """Append heartbeats."""
        for _ in range(entries):
            self.home.journal.heartbeat()

    def sql(self, *statements: str) -> None:
        """Do what a database administrator could."""
        with sqlite3.connect(self.path / "log.db") as database:
            for statement in statements:
                database.execute(statement)
        database.close()


def _grown(folder: Path, name: str) -> Iterator[Growing]:
    environment = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    log = Growing(folder / name, f"byhand.test/{name}", environment)
    yield log
    log.home.close()


@pytest.fixture
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Growing]:
    """An empty log."""
    yield from _grown(tmp_path_factory.mktemp("grown"), "log")


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Growing]:
    """Another one."""
    yield from _grown(tmp_path_factory.mktemp("grown"), "other")
