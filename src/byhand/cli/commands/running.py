# SPDX-License-Identifier: Apache-2.0
"""``byhand run``: a command under a permit, with a reason, for a while if need be; its exit code is its own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Annotated, NoReturn

from cyclopts import Parameter

from byhand import clock
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.entry import tell
from byhand.cli.opened import opened, remember
from byhand.cli.output import say
from byhand.cli.wishes import NOT_LIMITED, NOTHING_INTENDED, Intended, Limited, Wish, attempt
from byhand.client.commands import CommandResult, run_command
from byhand.client.interventions import Means
from byhand.client.reverting import Reverter
from byhand.client.steps import Request
from byhand.errors import ByhandError, Invalid, Unreachable
from byhand.records import captured

BROKEN = "you break the glass: everybody on call is told, and two others review it within a day"
POLL_SECONDS = 0.5  # how late a revert may be


def run(
    point: str | None = None,
    /,
    *,
    command: Annotated[tuple[str, ...], Parameter(parse=False)],
    intended: Intended = NOTHING_INTENDED,
    limited: Limited = NOT_LIMITED,
    wait: bool = True,
    common: Common = NOTHING_CHOSEN,
) -> int:
    r"""Run a command as an intervention: ask why, declare, permit, run, read back, conclude.

    Without a permit the command never starts. Once it ran, the exit code is the command's own. On a terminal
    byhand asks for what is missing of `--reason` and `--notes`; elsewhere both must be given.

    With `--for` and `--revert` the change ends by itself: byhand stays, and runs the revert when it is due, as an
    intervention of its own. Ctrl-C reverts at once. A revert that fails has its own exit code.

    **Example**

    ```console
    $ byhand run mm7-breaker --new ACTIVE -- deskctl set-state MM-7 ACTIVE
    $ byhand run mm7-breaker --reason FALSE_POSITIVE --notes "Stale quote from XLON." -- deskctl resume MM-7
    $ byhand run --target risk-gateway/limits/ACME#/max --action trading.limit.raise --new 5000000 \
        --probe file:limits.json#/max -- ./raise.sh
    $ byhand run mm7-breaker --runbook resume-mm7 --new ACTIVE -- deskctl resume MM-7
    $ byhand run mm7-breaker --new ACTIVE --for 15m --revert "deskctl halt MM-7" -- deskctl resume MM-7
    ```

    Parameters
    ----------
    point
        The intervention point; what is run stands behind `--`.
    wait
        Wait for others to approve, as long as the intent is good. With `--no-wait` the exit code is 5 where approval
        is missing; once it is there: `byhand permit`, `redeem`, `conclude`.
    """
    return _run(limited.of(intended.at(point)), command, common, wait=wait)


def break_glass(
    point: str | None = None,
    /,
    *,
    command: Annotated[tuple[str, ...], Parameter(parse=False)],
    intended: Intended = NOTHING_INTENDED,
    limited: Limited = NOT_LIMITED,
    common: Common = NOTHING_CHOSEN,
) -> int:
    r"""Run a command that cannot wait for anybody's approval: at once, with a reason, and seen by all.

    It takes your own key, with the role `break-glass` or that of an officer; a token or a pipeline cannot do it. The
    permit is good for an hour. Two others have to review it within a day (`byhand review`): until they have, you
    cannot do it again after that day.

    **Example**

    ```console
    $ byhand break-glass mm7-breaker --new ACTIVE --reason INCIDENT_RESPONSE \
        --notes "Exchange feed is down, no second trader can be reached." -- deskctl resume MM-7
    ```

    Parameters
    ----------
    point
        The intervention point; what is run stands behind `--`.
    """
    wish = replace(limited.of(intended.at(point)), break_glass=True)
    say(f"byhand: {BROKEN}")
    return _run(wish, command, common, wait=False)


def _run(wish: Wish, command: tuple[str, ...], common: Common, *, wait: bool) -> int:
    if not command:
        name = "break-glass" if wish.break_glass else "run"
        raise Invalid(
            "there is no command to run", advice=f"Write it behind -- : byhand {name} POINT -- COMMAND"
        )
    with opened(common, may_spool=not wish.break_glass) as one:
        exit_code = attempt(
            one, wish, lambda request, means: _carry_out(request, replace(means, wait=wait), command)
        )
        try:
            one.log.checkpoint()
            remember(one)
        except Unreachable:
            say(
                "byhand: nobody answers for the log: no checkpoint was made"
            )  # what was spooled was said before
        except ByhandError as error:  # the act is done and recorded: its own exit code is still the answer
            tell(error)
    return exit_code


def _carry_out(request: Request, means: Means, command: tuple[str, ...]) -> int:
    """Run the command and, when its change is to end, the revert; the exit code."""
    try:
        result = run_command(request, means, command)
        _tell(result)
    except BaseException:
        _revert_when_due(means.reverter)  # something is pending only where the change was made
        raise
    return _revert_when_due(means.reverter) or result.exit_code


def _revert_when_due(reverter: Reverter) -> int:
    """Wait in the foreground and revert what is to end; 0, or the exit code of a revert that failed."""
    failed = 0
    for due, intervention in reverter.pending():
        _wait(due, intervention)
        for one in reverter.run_due(due):
            if one.outcome is not None:
                found = captured.render(one.outcome.found)
                say(f"byhand: reverted: {found} ({one.outcome.intervention})")
                continue
            failed = one.error.exit_code if isinstance(one.error, ByhandError) else 1
            say(f"byhand: not reverted: {one.error}")
            say(
                f"  The change of {intervention} may be in effect still: look at the target, and undo it by hand."
            )
    return failed


def _wait(due: str, intervention: str) -> None:
    """Return when ``due`` has come, or when somebody wants it earlier: by Ctrl-C, or by ending this process."""
    try:
        with _ended_early():
            say(f"byhand: until {due}, then it is reverted; Ctrl-C reverts it at once ({intervention})")
            while clock.now() < due:
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        say("byhand: it ends now")


@contextmanager
def _ended_early() -> Iterator[None]:
    """A process told to end, or whose terminal goes away, is interrupted as by Ctrl-C: the revert comes first."""
    names = ("SIGTERM", "SIGHUP")  # the second one is not on Windows
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    previous = {number: signal.signal(number, _interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _tell(result: CommandResult) -> None:
    act, outcome = result.intervention, result.outcome
    after = captured.render(outcome.found) if outcome.found is not None else ""
    say(f"byhand: {outcome.result}: {captured.render(act.before)} -> {after} ({act.id})")
    if result.warning is not None:
        say(f"byhand: {result.warning}")
