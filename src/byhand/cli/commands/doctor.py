# SPDX-License-Identifier: Apache-2.0
"""``byhand doctor``: what is wrong here, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from byhand import wiring
from byhand.cli.asking import confirm
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import account_is_shared, opened, settings_of
from byhand.cli.output import say, show_rows
from byhand.cli.progress import progress
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.doctor import Diagnosis, Doctor, Parts, adopt as adopt_home, sound
from byhand.errors import ByhandError, NotFound
from byhand.journal.tree import StoredTree

Flag = Annotated[bool, Parameter(negative=())]


def doctor(
    *,
    rebuild_index: Flag = False,
    adopt: Flag = False,
    yes: Flag = False,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Look at everything here, say what is wrong and what to do. Exit code 1: something is.

    **Example**

    ```console
    $ byhand doctor
    $ byhand doctor --rebuild-index
    $ byhand doctor --adopt
    ```

    Parameters
    ----------
    rebuild_index
        Throw the search index away and build it anew from the log. Nothing is lost by it.
    adopt
        This home was moved: let the anchor speak for it. The home it spoke for can speak no more.
    yes
        Adopt without being asked.
    """
    path = settings_of(common).home
    if not path.is_dir():
        raise NotFound(f"there is no home at {path}", advice="Make one with: byhand init")
    if adopt:
        _adopt(path, yes=yes)
    if rebuild_index:
        _rebuild_index(common)
    found = _look(path)
    show_rows([asdict(one) for one in found], common)
    return 0 if sound(found) else 1


def _look(path: Path) -> list[Diagnosis]:
    """Everything, as far as this home lets itself be looked at."""
    try:
        with _parts(path) as parts:
            found = Doctor(parts).look()
    except ByhandError as error:
        return [Diagnosis("home", "wrong", str(error), error.advice)]
    return found + _opening(path)


def _opening(path: Path) -> list[Diagnosis]:
    """Whether the home opens, which runs its own checks of tree, anchor and keys."""
    try:
        wiring.open_home(path).close()
    except ByhandError as error:
        return [Diagnosis("home", "wrong", f"it cannot be opened: {error}", error.advice)]
    return [Diagnosis("home", "ok", "it opens")]


@contextmanager
def _parts(path: Path) -> Iterator[Parts]:
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
            account_is_shared=account_is_shared(),
        )


def _indexed(path: Path) -> tuple[int, list[str]]:
    home = wiring.open_home(path, start=False)
    try:
        return home.index.cursor(), wiring.index_differences(home)
    finally:
        home.close()


def _adopt(path: Path, *, yes: bool) -> None:
    with _parts(path) as parts:
        anchored = parts.anchor.read()
        first = anchored.home if anchored is not None else "none on this machine"
        say(f"the anchor of {parts.origin} speaks for: {first}")
        say(f"this home is: {parts.identity}")
        confirm("Was the home moved, and is the first one gone for good?", yes=yes)
        checkpoint = adopt_home(parts)
        say(f"adopted: the log holds the {checkpoint.size} entries that were anchored")


def _rebuild_index(common: Common) -> None:
    with opened(common) as one:
        with progress("indexing", one.home.journal.reader.size) as done:
            count = one.home.indexer.rebuild(done)
        say(f"{count} entries are indexed")
