# SPDX-License-Identifier: Apache-2.0
"""The steps of an intervention one by one, for scripts and pipelines: declare, permit, redeem, conclude."""

from __future__ import annotations

import socket
from typing import Literal

from byhand.cli.common import NOTHING_CHOSEN, Common, RecordId
from byhand.cli.opened import Opened, opened
from byhand.cli.output import say, show_recorded
from byhand.cli.places import place_of_intent, probe_from
from byhand.cli.signing import placed
from byhand.cli.wishes import NOTHING_INTENDED, Intended, Wish, attempt, new_value
from byhand.client import concluding, steps
from byhand.client.contract import Concluded
from byhand.client.interventions import Means
from byhand.client.places import Place, RegisteredPoint
from byhand.client.steps import Prepared, Request
from byhand.errors import NotAsDeclared
from byhand.records import captured
from byhand.records.rules import is_record_id

PENDING = 5


def declare(
    point: str | None = None,
    /,
    *,
    intended: Intended = NOTHING_INTENDED,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Declare what you are about to do, and why. Exit code 5: it needs approval first.

    **Example**

    ```console
    $ byhand declare mm7-breaker --new ACTIVE --reason FALSE_POSITIVE --notes "Stale quote from XLON."
    $ byhand permit ID && byhand redeem ID && deskctl resume MM-7; byhand conclude ID --result applied
    ```

    Parameters
    ----------
    point
        The intervention point.
    """
    wish = intended.at(point)
    with opened(common) as one:
        prepared = attempt(one, wish, lambda request, means: _declare(one, request, means))
        declared = prepared.declared
        show_recorded(
            {
                "intervention": declared.intervention,
                "before": captured.render(prepared.declaration.change.original),
                "mode": declared.mode,
                "tier": declared.tier,
                "expires": declared.expires,
                "approvals_missing": declared.approvals_missing,
                "would_refuse": list(declared.would_refuse),
                **placed(declared.acknowledgement),
            },
            common,
            recorded=declared.intervention,
        )
        return PENDING if declared.approvals_missing else 0


def _declare(one: Opened, request: Request, means: Means) -> Prepared:
    return steps.declare_only(one.backend, request, read=means.read, signer=means.signer, renew=means.renew)


def permit(id_: RecordId, /, *, common: Common = NOTHING_CHOSEN) -> None:
    """Get the permit for an intent of yours; it is good once, and for a few minutes.

    **Example**

    ```console
    $ byhand permit 019a5d0c-8a3e
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    """
    with opened(common) as one:
        permitted = steps.permit_only(one.backend, id_ if is_record_id(id_) else one.desk.resolve(id_))
        show_recorded(
            {
                "intervention": permitted.intervention,
                "permit": permitted.permit,
                "expires": permitted.expires,
                **placed(permitted.acknowledgement),
            },
            common,
            recorded=permitted.acknowledgement.record,
        )


def redeem(
    id_: RecordId,
    /,
    *,
    point: str | None = None,
    new: str | None = None,
    probe: str | None = None,
    executor: str | None = None,
    attempt: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Use the permit, exactly once: the value is read again, and must be what it was. Then act at once.

    When no answer comes, ask again with the same `--attempt` and `--executor`: the answer is the same.

    **Example**

    ```console
    $ byhand redeem 019a5d0c-8a3e
    $ byhand redeem $ID --point deploy-prod --new $REVISION --executor $BUILD_URL
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    point
        Where the act is about to happen. A pipeline names it: a permit for another point is refused, and unused.
    new
        The value about to be set; a permit for another one is refused, and unused.
    probe
        How the value is read. Default: the point's own.
    executor
        What carries out the act, e.g. a pipeline's name. Default: this machine and you.
    attempt
        The id of this attempt (UUIDv7), to be able to ask again. Default: a new one.
    """
    with opened(common) as one:
        found, place, action = _about(one, id_, point)
        permitted = steps.redeem_only(
            one.backend,
            found,
            place,
            action=action,
            new=steps.UNDECLARED
            if new is None
            else new_value(one, Wish(place=place, action=action, probe=probe_from(probe)), new),
            read=probe_from(probe),
            # Not this process, which ends before the act does: nobody shall think the act has ended with it.
            executor=executor or f"{socket.gethostname()}/cli/{one.backend.identity().person}",
            attempt=attempt,
        )
        show_recorded(
            {
                "intervention": permitted.intervention,
                "permit": permitted.permit,
                "attempt": permitted.attempt,
                "expires": permitted.expires,
                **placed(permitted.acknowledgement),
            },
            common,
            recorded=permitted.acknowledgement.record,
        )


def conclude(
    id_: RecordId,
    /,
    *,
    result: Literal["applied", "failed", "abandoned", "unknown"],
    point: str | None = None,
    attempt: str | None = None,
    error: str | None = None,
    probe: str | None = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Say how it ended; the value is read back and recorded with it.

    Exit code 1 when the value found is not the one declared: it is recorded all the same.

    **Example**

    ```console
    $ byhand conclude 019a5d0c-8a3e --result applied
    $ byhand conclude 019a5d0c-8a3e --result failed --error "deskctl: connection refused"
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    result
        How it ended.
    point
        Where it happened. A pipeline names it, as at `byhand redeem`, and the attempt.
    attempt
        The attempt that used the permit. Default: the one in the log.
    error
        What the system said.
    probe
        How the value is read. Default: the point's own.
    """
    with opened(common) as one:
        found, place, action = _about(one, id_, point)
        if attempt is None:
            attempt = one.desk.intended(found).attempt
        concluded = concluding.conclude_only(
            one.backend,
            found,
            result,
            place,
            action=action,
            attempt=attempt,
            read=probe_from(probe),
            error=error,
        )
        ended = {"intervention": found, **_ended(concluded)}
        show_recorded(ended, common, recorded=concluded.acknowledgement.record)
        if concluded.outcome.as_declared is False:
            raise NotAsDeclared(f"the value found is not the one declared in {found}")
        say("concluded")


def _about(one: Opened, id_: str, point: str | None) -> tuple[str, Place, str | None]:
    """The intervention, its place and action. Who names the point, as a pipeline does, needs to read nothing."""
    if point is not None:
        return id_, RegisteredPoint(point), None
    found = one.desk.resolve(id_)
    intent = one.desk.intended(found).intent
    return found, place_of_intent(intent), intent.declaration.action


def _ended(concluded: Concluded) -> dict[str, object]:
    """How it ended, and where that is recorded."""
    outcome = concluded.outcome
    return {
        "result": outcome.result,
        "found": captured.render(outcome.found) if outcome.found is not None else None,
        "as_declared": outcome.as_declared,
        **placed(concluded.acknowledgement),
    }
