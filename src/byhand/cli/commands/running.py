# SPDX-License-Identifier: Apache-2.0
"""``byhand run``: a command under a permit, with a reason; its exit code is its own."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import opened, remember
from byhand.cli.output import say
from byhand.cli.wishes import NOTHING_INTENDED, Intended, attempt
from byhand.client.commands import CommandResult, run_command
from byhand.errors import Invalid
from byhand.records import captured


def run(
    point: str | None = None,
    /,
    *,
    command: Annotated[tuple[str, ...], Parameter(parse=False)],
    intended: Intended = NOTHING_INTENDED,
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
    """
    if not command:
        raise Invalid("there is no command to run", advice="Write it behind -- : byhand run POINT -- COMMAND")
    wish = intended.at(point)
    with opened(common) as one:
        result = attempt(one, wish, lambda request, means: run_command(request, means, command))
        _tell(result)
        one.log.checkpoint()
        remember(one)
    return result.exit_code


def _tell(result: CommandResult) -> None:
    act, outcome = result.intervention, result.outcome
    after = captured.render(outcome.found) if outcome.found is not None else ""
    say(f"byhand: {outcome.result}: {captured.render(act.before)} -> {after} ({act.id})")
    if result.warning is not None:
        say(f"byhand: {result.warning}")
