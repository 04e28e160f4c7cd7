# SPDX-License-Identifier: Apache-2.0
"""``byhand doctor``: what is wrong here, and what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from byhand import clock, examining
from byhand.cli.asking import confirm
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import Remote, account_is_shared, opened, settings_of
from byhand.cli.output import say, show_rows
from byhand.cli.progress import progress
from byhand.client.contract import Diagnoses, Ready
from byhand.client.remote import meet
from byhand.client.spool_file import spool_files
from byhand.doctor import Diagnosis, adopt as adopt_home, sound
from byhand.errors import ByhandError, LoginRequired, NotFound, Refused, SharedAccount

CLOCKS_APART_SECONDS_MAX = 5.0  # as between two processes of one machine; times of records are compared
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
    $ byhand doctor --url https://byhand.example
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
    settings = settings_of(common)
    if settings.url is not None and not (rebuild_index or adopt):
        found = _look_from_here(common, settings.url)
        show_rows([asdict(one) for one in found], common)
        return 0 if sound(found) else 1
    path = settings.home
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
    found = examining.examine(path, account_is_shared=account_is_shared())
    return found if [one.part for one in found] == ["home"] else found + examining.opening(path)


# -- a server, from here


def _look_from_here(common: Common, url: str) -> list[Diagnosis]:
    """What can be told of a server from this machine, then what it says of itself to an officer."""
    remote = Remote(url, settings_of(common))
    looks: tuple[tuple[str, Callable[[], Iterator[Diagnosis]]], ...] = (
        ("spool", _spool),
        ("server", lambda: _reached(remote)),
        ("log", lambda: _met(remote)),
        ("session", lambda: _session(remote)),
        ("at the server", lambda: _at_the_server(remote)),
    )
    found: list[Diagnosis] = []
    try:
        for part, look in looks:
            try:
                found += look()
            except ByhandError as error:
                found.append(Diagnosis(part, "wrong", str(error), error.advice))
                if part == "server":
                    break  # nothing else can be told
    finally:
        remote.line.close()
    return found


def _spool() -> Iterator[Diagnosis]:
    """What was done here and is in no log yet, spool by spool."""
    sent = True
    for file in spool_files(os.environ):
        try:
            waiting = file.unsent()
        except ByhandError as error:
            sent = False
            yield Diagnosis("spool", "wrong", str(error), error.advice)
            continue
        if waiting:
            sent = False
            what = f"{len(waiting)} line(s) were not sent; the oldest is of {waiting[0].statement.time}"
            yield Diagnosis("spool", "warning", f"{file.path.name[:12]}: {what}", "byhand spool send")
    if sent:
        yield Diagnosis("spool", "ok", "nothing waits to be sent")


def _reached(remote: Remote) -> Iterator[Diagnosis]:
    """Whether it answers and records, how quickly, and whose clock is right."""
    began, sent = time.monotonic(), clock.now()
    ready = remote.line.get("/readyz", Ready)
    seconds = time.monotonic() - began
    yield Diagnosis("server", "ok", f"{remote.place} is ready and answers within {seconds * 1e3:.0f} ms")
    apart = abs((clock.parse(ready.time) - clock.parse(sent)).total_seconds())
    if apart > CLOCKS_APART_SECONDS_MAX + seconds:
        what = f"the server says {ready.time}, this machine {sent}"
        yield Diagnosis("clock", "wrong", what, "One of them is wrong: let both be synchronised.")
    else:
        yield Diagnosis("clock", "ok", f"less than {CLOCKS_APART_SECONDS_MAX:g} seconds apart")


def _met(remote: Remote) -> Iterator[Diagnosis]:
    """Whether its log is the one that is remembered here."""
    first = meet(remote.log)
    what = "met for the first time, and remembered" if first else "it extends what is remembered here"
    yield Diagnosis("log", "ok", f"{remote.origin}: {what}")


def _session(remote: Remote) -> Iterator[Diagnosis]:
    try:
        identity = remote.backend.identity()
    except (LoginRequired, SharedAccount) as error:
        yield Diagnosis("session", "warning", str(error), error.advice)
        return
    yield Diagnosis("session", "ok", f"{identity.person} until {identity.expires}")


def _at_the_server(remote: Remote) -> Iterator[Diagnosis]:
    try:
        _ = remote.backend
        told = remote.line.get("/v1/doctor", Diagnoses)
    except (LoginRequired, SharedAccount, Refused) as error:
        yield Diagnosis("at the server", "ok", f"only an officer is told more: {error}")
        return
    for one in told.diagnoses:
        yield Diagnosis(f"at the server: {one.part}", one.level, one.what, one.advice)


# -- a home that was moved, an index that is built anew


def _adopt(path: Path, *, yes: bool) -> None:
    with examining.parts_of(path, account_is_shared=account_is_shared()) as parts:
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
