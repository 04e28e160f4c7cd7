# SPDX-License-Identifier: Apache-2.0
"""Runbooks: what two officers allow in advance, so that everyday acts wait for nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from byhand import clock
from byhand.cli import signing
from byhand.cli.common import NOTHING_CHOSEN, Common, Many
from byhand.cli.opened import Opened, opened
from byhand.cli.output import show, show_rows
from byhand.cli.wishes import typed_value
from byhand.client.contract import RunbookRow
from byhand.control.administration import record_with
from byhand.errors import NotFound
from byhand.records.runbooks import Runbook
from byhand.trust import administration, runbook as proof

COLUMNS = ("name", "version", "point", "allows", "uses_a_day", "used_today", "ends", "state")


def list_runbooks(*, common: Common = NOTHING_CHOSEN) -> None:
    """List the runbooks, those too that have ended or were retired.

    **Example**

    ```console
    $ byhand runbook list
    ```
    """
    with opened(common) as one:
        rows = [_row(row) for row in one.runbooks.runbooks()]
        show_rows(rows, common, columns=COLUMNS, empty="there is no runbook yet: byhand runbook set --help")


def _row(row: RunbookRow) -> dict[str, object]:
    runbook = row.runbook
    return {
        "name": runbook.name,
        "version": runbook.version,
        "point": runbook.point,
        "allows": proof.bounds(runbook),
        "uses_a_day": runbook.uses_a_day,
        "used_today": row.used_today,
        "ends": runbook.ends,
        "state": row.state,
        "owner": runbook.owner,
        "text": runbook.text,
        "record": row.record,
    }


def show_runbook(name: str, /, *, common: Common = NOTHING_CHOSEN) -> None:
    """Show one runbook: what whoever follows it does, what it allows, and how often it was used today (UTC).

    **Example**

    ```console
    $ byhand runbook show resume-mm7
    ```

    Parameters
    ----------
    name
        The runbook's name.
    """
    with opened(common) as one:
        show(_row(_found(one, name)), common)


def _found(one: Opened, name: str) -> RunbookRow:
    for row in one.runbooks.runbooks():
        if row.runbook.name == name:
            return row
    raise NotFound(f"there is no runbook {name!r}", advice="See them with: byhand runbook list")


def set_runbook(
    name: str,
    /,
    *,
    point: Annotated[str, Parameter(help="The registered point at which it counts; never a critical one.")],
    uses: Annotated[int, Parameter(help="How many acts a day (UTC) it lets pass, of all persons together.")],
    owner: Annotated[str, Parameter(help="The person who answers for it.")],
    text: Annotated[str, Parameter(help="What whoever follows it does, and when.")],
    value: Annotated[
        Many, Parameter(help="A new value that is allowed, as for --new; may be repeated.")
    ] = (),
    least: Annotated[
        str | None, Parameter(name="--min", help="The least number allowed; needs --max.")
    ] = None,
    greatest: Annotated[
        str | None, Parameter(name="--max", help="The greatest number allowed; needs --min.")
    ] = None,
    days: Annotated[int, Parameter(help="For how many days it is good, 90 at most.")] = 30,
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    r"""Allow acts at one point in advance: within bounds, so often a day, until it ends. Takes two officers.

    Each use is an intent of its own, with a reason and an outcome; only the approval is given beforehand. Setting it
    again makes the next version, all of it said anew, and ends the one before.

    **Example**

    ```console
    $ byhand runbook set resume-mm7 --point mm7-breaker --value ACTIVE --uses 3 --owner ada.lovelace \
        --text "Resume after a stale quote, when XLON quotes again."
    ```

    Parameters
    ----------
    name
        Short, in small letters: whoever follows it names it.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        known = {row.runbook.name: row.runbook.version for row in one.runbooks.runbooks()}
        runbook = Runbook(
            name=name,
            version=known.get(name, 0) + 1,
            point=point,
            values=tuple(typed_value(one_value) for one_value in value),
            minimum=least,
            maximum=greatest,
            uses_a_day=uses,
            ends=clock.after(clock.now(), seconds=days * proof.DAY_SECONDS),
            owner=owner,
            text=text,
        )
        record = record_with(administration.RUNBOOK_SET, name, runbook=runbook)
        return signing.settle_change(
            one, record, proposal, f"{name} is set, version {runbook.version}", common
        )


def retire_runbook(name: str, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN) -> int:
    """Let a runbook let nothing pass any more: what was declared under it and not yet permitted is refused.

    **Example**

    ```console
    $ byhand runbook retire resume-mm7
    ```

    Parameters
    ----------
    name
        The runbook's name.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        record = record_with(administration.RUNBOOK_RETIRE, name)
        return signing.settle_change(one, record, proposal, f"{name} is retired", common)
