# SPDX-License-Identifier: Apache-2.0
"""``byhand run``: a command under a permit, with a reason; its exit code is its own."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import opened, remember
from byhand.cli.output import say
from byhand.cli.places import place_from
from byhand.cli.wishes import Wish, attempt
from byhand.client.commands import CommandResult, run_command
from byhand.errors import Invalid
from byhand.records import captured


def run(
    point: str | None = None,
    /,
    *,
    command: Annotated[tuple[str, ...], Parameter(parse=False)],
    reason: str | None = None,
    notes: str | None = None,
    new: str | None = None,
    probe: str | None = None,
    action: str | None = None,
    target: str | None = None,
    ticket: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    same_as: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    r"""Run a command as an intervention: ask why, declare, permit, run, read back, conclude.

    Without a permit the command never starts. Once it ran, the exit code is the command's own. On a terminal
    byhand asks for what is missing of `--reason` and `--notes`; elsewhere both must be given.

    **Example**

    ```console
    $ byhand run mm7-breaker --new ACTIVE -- deskctl set-state MM-7 ACTIVE
    $ byhand run mm7-breaker --reason FALSE_POSITIVE --notes "Stale quote from XLON." -- deskctl resume MM-7
    $ byhand run --target risk-gateway/limits/ACME#/max --action trading.limit.raise --new 5000000 \
        --probe file:limits.json#/max -- ./raise.sh
    ```

    Parameters
    ----------
    point
        The intervention point; what is run stands behind `--`.
    reason
        The reason code.
    notes
        Why, in your own words.
    new
        The value it is to have; high and critical risk require it.
    probe
        How the value is read: file:PATH#POINTER or command:PROGRAM. Default: the point's own.
    action
        What is done, area.object.verb; a point knows its own.
    target
        A target that is not registered: system/type/id, or system/type/id#/field.
    ticket
        A ticket that belongs to it; may be repeated.
    same_as
        The same words were used before, knowingly, in that intervention.
    """
    if not command:
        raise Invalid("there is no command to run", advice="Write it behind -- : byhand run POINT -- COMMAND")
    wish = Wish(
        place=place_from(point, target), action=action, reason=reason, notes=notes, new=new, probe=probe,
        ticket=ticket, same_as=same_as,
    )  # fmt: skip
    with opened(common) as one:
        result = attempt(one, wish, lambda request, means: run_command(request, means, command))
        _tell(result)
        one.home.journal.anchor()
        remember(one.home)
    return result.exit_code


def _tell(result: CommandResult) -> None:
    act, outcome = result.intervention, result.outcome
    after = captured.render(outcome.found) if outcome.found is not None else ""
    say(f"byhand: {outcome.result}: {captured.render(act.before)} -> {after} ({act.id})")
    if result.warning is not None:
        say(f"byhand: {result.warning}")
