# SPDX-License-Identifier: Apache-2.0
"""The catalogue of reason codes: what may justify which act."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from byhand.cli import signing
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import opened
from byhand.cli.output import say, show_rows
from byhand.control.administration import record_with
from byhand.control.reasons import CATALOGUE
from byhand.records.kinds import Reason
from byhand.trust import administration


def list_reasons(*, common: Common = NOTHING_CHOSEN) -> None:
    """List the reason codes in force, with the actions that each may justify.

    **Example**

    ```console
    $ byhand reason list
    ```
    """
    with opened(common) as one:
        one.backend.identity()
        version, reasons = one.home.reasons.catalogue()
        say(f"version {version} of the catalogue")
        rows = [
            {"code": reason.code, "summary": reason.summary, "actions": list(reason.actions)}
            for reason in reasons
        ]
        show_rows(rows, common, empty="no reason code is in force")


def set_reason(
    code: str,
    /,
    *,
    summary: str,
    action: Annotated[tuple[str, ...], Parameter(negative=())] = ("*",),
    retired: Annotated[bool, Parameter(negative=())] = False,
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Add a reason code, change it, or retire it.

    **Example**

    ```console
    $ byhand reason set VENUE_OUTAGE --summary "The venue itself is down" --action 'trading.*'
    $ byhand reason set VENUE_OUTAGE --summary "The venue itself is down" --retired
    ```

    Parameters
    ----------
    code
        Capital letters and underscores.
    summary
        What it means, in one line: people choose by it.
    action
        Actions that it may justify, e.g. trading.*; may be repeated.
    retired
        It may justify nothing any more.
    proposal
        The file for the second officer.
    """
    reason = Reason(code=code, summary=summary, actions=action, retired=retired)
    record = record_with(administration.REASONS_SET, CATALOGUE, reasons=(reason,))
    with opened(common) as one:
        done = f"{code} is {'retired' if retired else 'in force'}"
        return signing.settle_change(one, record, proposal, done, common)
