# SPDX-License-Identifier: Apache-2.0
"""What was changed by hand around a moment, as a picture for people and as rows for machines."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from msgspec import structs

from byhand import clock
from byhand.cli.commands.reading import Because, Pseudonyms, desk_of, query_of, say_withheld
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import opened
from byhand.cli.output import WIDTH_BESIDE_TERMINAL, can_draw, console, form_of, say, show_lines, show_rows
from byhand.cli.picture import ASCII, MARKS, Pens, draw
from byhand.errors import Invalid
from byhand.records.standard import WITHHELD


def timeline(
    *query: Annotated[str, Parameter(allow_leading_hyphen=True)],
    around: str | None = None,
    window: str | None = None,
    newest_first: Annotated[bool, Parameter(negative=())] = False,
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
    limit
        How many to show; the newest are.
    before
        Go on to earlier ones, where the last picture began.
    """
    options = ("--around", "--window", "--newest-first", "--limit", "--before", "--because", "--pseudonyms")
    words = query_of(query, options)
    if window is not None and around is None:
        raise Invalid("a window needs a moment", advice="Add: --around 2026-11-23T03:00Z, or --around now")
    with opened(common) as one:
        found = desk_of(one, pseudonyms=pseudonyms).timeline(
            words,
            around=around,
            window=window,
            limit=limit,
            before=before,
            newest_first=newest_first,
            reason=because,
        )
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
