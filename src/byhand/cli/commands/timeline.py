# SPDX-License-Identifier: Apache-2.0
"""What was changed by hand around a moment, as a picture for people and as rows for machines."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter
from msgspec import structs

from byhand import clock
from byhand.cli.commands.reading import Because, Pseudonyms, desk_of, query_of, say_withheld
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import opened
from byhand.cli.output import (
    WIDTH_BESIDE_TERMINAL,
    can_draw,
    console,
    form_of,
    say,
    show_lines,
    show_rows,
    show_text,
)
from byhand.cli.picture import ASCII, MARKS, Pens, draw
from byhand.client.desk import Act, Desk, Timeline
from byhand.errors import Invalid
from byhand.records.standard import WITHHELD
from byhand.records.visible import visible

FOLLOW_SECONDS = 1.0  # between two looks; a person notices no sooner


def timeline(
    *query: Annotated[str, Parameter(allow_leading_hyphen=True)],
    around: str | None = None,
    window: str | None = None,
    newest_first: Annotated[bool, Parameter(negative=())] = False,
    follow: Annotated[bool, Parameter(negative=())] = False,
    limit: int = 50,
    before: int | None = None,
    because: Because = None,
    pseudonyms: Pseudonyms = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Show what was changed by hand in the order of time: one line an act, beside an axis.

    On a terminal a picture: when, who, where, from what to what, and what came of it. A bar lasts from declared to
    ended; its mark says how: applied, failed, still open. A dotted line behind it: how long the change is to last.

    **Example**

    ```console
    $ byhand timeline target:MM-7
    $ byhand timeline --around 2026-11-23T03:00Z --window 30m 'risk:>=high'
    $ byhand timeline --around now --output ndjson
    $ byhand timeline --follow 'environment:production risk:>=high'
    ```

    Parameters
    ----------
    query
        Terms and words as for search; all must fit.
    around
        A moment in UTC, a day or a month, or now: only what was under way then.
    window
        How far to look on both sides of it: 90s, 30m, 2h, 3d or 1w. Default: 2h.
    newest_first
        The newest at the top instead of the oldest.
    follow
        Go on until Ctrl-C: every act that begins or moves on is one more line. It leaves one access record a minute.
    limit
        How many to show; the newest are.
    before
        Go on to earlier ones, where the last picture began.
    """
    options = (
        "--around",
        "--window",
        "--newest-first",
        "--follow",
        "--limit",
        "--before",
        "--because",
        "--pseudonyms",
    )
    words = query_of(query, options)
    if window is not None and around is None:
        raise Invalid("a window needs a moment", advice="Add: --around 2026-11-23T03:00Z, or --around now")
    if follow and (around is not None or before is not None or common.output == "json"):
        raise Invalid(
            "what is followed has no end",
            advice="Leave out --around and --before; for machines: --output ndjson",
        )
    with opened(common) as one:
        if follow:
            _follow(desk_of(one, pseudonyms=pseudonyms), words, limit, because, common)
            return
        found = desk_of(one, pseudonyms=pseudonyms).timeline(
            words,
            around=around,
            window=window,
            limit=limit,
            before=before,
            newest_first=newest_first,
            reason=because,
        )
        _show(found, around, common)


def _show(found: Timeline, around: str | None, common: Common) -> None:
    if form_of(common) != "table":
        show_rows((structs.asdict(act) for act in found.acts), common)
    elif not found.acts:
        say("nothing was changed by hand" + (" then" if around is not None else ""))
    else:
        pens = Pens() if can_draw("".join(mark.sign for mark in MARKS.values())) else ASCII
        show_lines(draw(found, console(width=WIDTH_BESIDE_TERMINAL).width, clock.now(), pens))
    say_withheld(sum(act.reason == WITHHELD for act in found.acts))
    if found.following is not None:
        say(f"there are earlier ones: --before {found.following}")


def _follow(desk: Desk, query: str, limit: int, because: str | None, common: Common) -> None:
    """Show every act once, and again whenever it has moved on, until somebody has seen enough."""
    seen: dict[str, Act] = {}
    with suppress(KeyboardInterrupt):
        while True:
            found = desk.timeline(query, limit=limit, reason=because, live=True)
            for act in found.acts:
                if seen.get(act.id) != act:
                    _tell(act, common)
            seen = {act.id: act for act in found.acts}
            time.sleep(FOLLOW_SECONDS)


def _tell(act: Act, common: Common) -> None:
    if form_of(common) == "table":
        what = f"{act.target}: {act.before} -> {act.after}"
        show_text(visible(f"{act.time}  {act.person}  {act.action}  {what}  {act.state}"))
    else:
        show_rows([structs.asdict(act)], replace(common, output="ndjson"))
