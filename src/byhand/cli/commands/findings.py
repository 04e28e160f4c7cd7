# SPDX-License-Identifier: Apache-2.0
"""Afterwards: a correction beside the original, and what hindsight says. Nothing is ever changed."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from byhand.cli.asking import ask, can_ask
from byhand.cli.common import NOTHING_CHOSEN, Common, RecordId
from byhand.cli.opened import opened
from byhand.cli.output import say, show_recorded
from byhand.cli.wishes import typed_value
from byhand.client.contract import Acknowledgement, FindingRequest
from byhand.errors import Invalid
from byhand.ids import new_record_id


def amend(
    id_: RecordId,
    text: str | None = None,
    /,
    *,
    field: str | None = None,
    value: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Put a correction beside an intervention's record; what was recorded stays as it is.

    **Example**

    ```console
    $ byhand amend 019a5d0c-8a3e "The ticket was OPS-118, not OPS-181."
    $ byhand amend 019a5d0c-8a3e "Wrong ticket." --field /declaration/justification/tickets/0 --value OPS-118
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    text
        What is wrong, and why.
    field
        JSON pointer to what is corrected, within the intent.
    value
        What it should say.
    """
    with opened(common) as one:
        finding = FindingRequest(
            record=new_record_id(),
            intervention=one.desk.resolve(id_),
            type="amendment",
            summary=_text(text),
            field=field,
            value=typed_value(value) if value is not None else None,
        )
        _recorded(one.desk.conclude_afterwards(finding), common)


def review(
    id_: RecordId,
    verdict: Literal["right", "wrong"],
    text: str | None = None,
    /,
    *,
    led_to: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Say in hindsight whether an intervention was right, and what it led to.

    **Example**

    ```console
    $ byhand review 019a5d0c-8a3e right "Quoting went on; the move was the rebalance."
    $ byhand review 019a5d0c-8a3e wrong "The limit was right: see the incident." --led-to INC-2217
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    verdict
        Whether it was right.
    text
        What you found.
    led_to
        An incident, a ticket or an intervention that came of it; may be repeated.
    """
    with opened(common) as one:
        finding = FindingRequest(
            record=new_record_id(),
            intervention=one.desk.resolve(id_),
            type="review",
            summary=_text(text),
            verdict=verdict,
            led_to=led_to,
        )
        _recorded(one.desk.conclude_afterwards(finding), common)


def _text(text: str | None) -> str:
    """The words given, or asked for."""
    if text is not None:
        return text
    if not can_ask():
        raise Invalid("nothing is said", advice="Write what you found behind the id.")
    return ask("What did you find? ")


def _recorded(acknowledgement: Acknowledgement, common: Common) -> None:
    say("recorded beside the original")
    fields = {"record": acknowledgement.record, "index": acknowledgement.index}
    show_recorded(fields, common, recorded=acknowledgement.record)
