# SPDX-License-Identifier: Apache-2.0
"""Hands an installation to the doctor: what is to be looked at, put together. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from byhand import wiring
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.doctor import Diagnosis, Doctor, Parts
from byhand.errors import ByhandError
from byhand.journal.tree import StoredTree


def examine(path: Path, *, account_is_shared: bool) -> list[Diagnosis]:
    """Everything about the home at ``path``, as far as it lets itself be looked at."""
    try:
        with parts_of(path, account_is_shared=account_is_shared) as parts:
            return Doctor(parts).look()
    except ByhandError as error:
        return [Diagnosis("home", "wrong", str(error), error.advice)]


def opening(path: Path) -> list[Diagnosis]:
    """Whether the home opens, which runs its own checks of tree, anchor and keys."""
    try:
        wiring.open_home(path).close()
    except ByhandError as error:
        return [Diagnosis("home", "wrong", f"it cannot be opened: {error}", error.advice)]
    return [Diagnosis("home", "ok", "it opens")]


@contextmanager
def parts_of(path: Path, *, account_is_shared: bool) -> Iterator[Parts]:
    """What the doctor looks at; raises HomeRefused, LogUnavailable when there is nothing to look at."""
    with wiring.read_home(path) as home:
        tree = home.entries.tree()
        yield Parts(
            path=path,
            keys=path / wiring.KEYS_FOLDER,
            databases=sorted(
                {*path.glob("*.db"), *(path / wiring.KEYS_FOLDER).glob("*.db"), path / wiring.LOG_FILE}
            ),
            origin=home.origin,
            identity=wiring.home_identity(path),
            verifiers=home.key.verifiers if home.key is not None else (),
            anchor=home.anchor,
            published=home.entries.published(),
            tree=StoredTree(home.entries, tree),
            recorded=tree.recorded,
            indexed=lambda: _indexed(path),
            known=KnownLogs(known_logs_path(os.environ)),
            account_is_shared=account_is_shared,
        )


def _indexed(path: Path) -> tuple[int, list[str]]:
    home = wiring.open_home(path, start=False)
    try:
        return home.index.cursor(), wiring.index_differences(home)
    finally:
        home.close()
