# SPDX-License-Identifier: Apache-2.0
"""Lists beside the interventions': who read what, and what was concluded."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from msgspec import structs

from byhand.cli.commands.reading import Because, Pseudonyms, desk_of, query_of, say_withheld
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import opened
from byhand.cli.output import say, show_rows
from byhand.records.standard import WITHHELD

OPTIONS = ("--limit", "--before", "--because", "--pseudonyms")
READS = ("recorded", "id", "person", "operation", "record", "count", "query", "reason", "refused")
CONCLUSIONS = ("recorded", "id", "type", "verdict", "about", "person", "summary")


def list_accesses(
    *query: Annotated[str, Parameter(allow_leading_hyphen=True)],
    limit: int = 50,
    before: int | None = None,
    pseudonyms: Pseudonyms = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """List who read what, newest first: your own reads, or everybody's for officers and auditors.

    Fields: actor (or person), operation (show, search, export ...), record, result (shown or refused); in UTC and
    as short as `2026-11`: at, before, after. Words are looked for in what was asked, and in reasons given. What a
    read showed in full: `byhand show ID`. This list is a read, too.

    **Example**

    ```console
    $ byhand access list record:019a5d0c-8a3e-7000-8000-000000000001
    $ byhand access list 'actor:ada operation:export at:2026-11'
    $ byhand access list result:refused
    ```

    Parameters
    ----------
    query
        Terms and words; all must fit.
    limit
        How many to show.
    before
        Go on where the last page ended.
    """
    words = query_of(query, OPTIONS)
    with opened(common) as one:
        page = desk_of(one, pseudonyms=pseudonyms).accesses(words, limit=limit, before=before)
        rows = [structs.asdict(row) for row in page.rows]
        show_rows(rows, common, columns=READS, empty="nothing was read that fits")
        if page.own:
            say("these are your own reads; everybody's are for officers and auditors")
        if page.following is not None:
            say(f"there are more: --before {page.following}")


def list_findings(
    *query: Annotated[str, Parameter(allow_leading_hyphen=True)],
    limit: int = 50,
    before: int | None = None,
    because: Because = None,
    pseudonyms: Pseudonyms = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """List what was concluded, newest first: verdicts, drift, alerts, reviews, corrections.

    Fields: type (verdict, drift, alert, disposition, review, amendment), verdict, about (an intervention or a
    record), actor (or person); in UTC and as short as `2026-11`: at, before, after. Words are looked for in what was
    concluded.

    **Example**

    ```console
    $ byhand finding list type:review verdict:wrong
    $ byhand finding list 'about:019a5d0c* at:2026-11'
    ```

    Parameters
    ----------
    query
        Terms and words; all must fit.
    limit
        How many to show.
    before
        Go on where the last page ended.
    """
    words = query_of(query, OPTIONS)
    with opened(common) as one:
        page = desk_of(one, pseudonyms=pseudonyms).findings(words, limit=limit, before=before, reason=because)
        rows = [structs.asdict(row) for row in page.rows]
        show_rows(rows, common, columns=CONCLUSIONS, empty="nothing was concluded that fits")
        say_withheld(sum(row.summary == WITHHELD for row in page.rows))
        if page.following is not None:
            say(f"there are more: --before {page.following}")
