# SPDX-License-Identifier: Apache-2.0
"""A bar for long work, on a terminal's standard error only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from byhand.cli.output import console

Done = Callable[[int], None]


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Done]:
    """A function that is told how much is done, out of ``total`` when that is known."""
    if not sys.stderr.isatty():
        yield _nothing
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _nothing(_done: int) -> None:
    """What work tells when nobody watches."""
