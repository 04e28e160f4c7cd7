# SPDX-License-Identifier: Apache-2.0
"""How an act ended: the value read back, and the outcome brought to the log whatever stands in the way."""

from __future__ import annotations

from typing import Literal

import msgspec

from byhand import clock
from byhand.client.contract import Backend, Concluded
from byhand.client.looking import Read, Sight, look, message, read_or_unknown
from byhand.client.persisting import persistently
from byhand.client.places import Place
from byhand.client.steps import times
from byhand.client.unsent import Unsent
from byhand.errors import ByhandError, LoginRequired, LogUnavailable, OutcomeUnrecorded
from byhand.ids import new_record_id
from byhand.records import captured
from byhand.records.kinds import SCHEMA_VERSION, Outcome
from byhand.records.values import CapturedValue

CONCLUDE_PAUSES_SECONDS = (
    0.2,
    1.0,
    3.0,
)  # another process may hold the home for a moment; the act is done anyway


def outcome_of(
    sight: Sight,
    intervention: str,
    result: Literal["applied", "failed", "abandoned", "unknown"],
    *,
    attempt: str | None,
    declared: CapturedValue | None = None,
    error: str | None = None,
    unread: str | None = None,
) -> Outcome:
    """The outcome, with the value read back now (not for an abandoned act: nothing was done).

    ``unread``: why the value is not read back, when it is not.
    """
    if unread is not None:
        found: CapturedValue | None = captured.unknown(unread)
    else:
        found = None if result == "abandoned" else read_or_unknown(sight)
    outcome = Outcome(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=intervention,
        times=times(clock.now()),
        result=result,
        found=found,
        read_by=sight.read_by,
        attempt=attempt,
    )
    outcome = sight.redactor.outcome(outcome)  # first: what was secret in the value is taken out of the error
    return msgspec.structs.replace(
        outcome,
        as_declared=_as_declared(sight, outcome, declared),
        error=message(sight.redactor, error) if error else None,
    )


def _as_declared(sight: Sight, outcome: Outcome, declared: CapturedValue | None) -> bool | None:
    """Whether the value found is the declared one, as far as can be said; the gate judges again."""
    found = outcome.found
    if outcome.result != "applied" or declared is None or found is None or found.form == "unknown":
        return None
    return captured.same(found, declared, sight.view.point.ignore)


def conclude_only(
    backend: Backend,
    intervention: str,
    result: Literal["applied", "failed", "abandoned", "unknown"],
    place: Place,
    *,
    action: str | None = None,
    attempt: str | None = None,
    read: Read = None,
    error: str | None = None,
) -> Concluded:
    """Read the value back and record how it ended."""
    sight = look(backend, place, action, read)
    return backend.conclude(
        intervention, outcome_of(sight, intervention, result, attempt=attempt, error=error)
    )


def record(backend: Backend, unsent: Unsent, outcome: Outcome, error: BaseException | None) -> Concluded:
    """Bring ``outcome`` to the log; raises OutcomeUnrecorded, caused by the body's own ``error`` if there is one.

    Until the log has it, or has refused it for good, it stays in ``unsent``. Its id makes asking again harmless.
    """
    unsent.keep(backend.origin, outcome)
    try:
        concluded = persistently(
            backend, outcome, CONCLUDE_PAUSES_SECONDS, lambda one: unsent.keep(backend.origin, one)
        )
    except (LogUnavailable, LoginRequired) as failure:
        raise _unrecorded(outcome, str(failure)) from error or failure
    except ByhandError as refusal:
        unsent.forget(outcome)
        raise _unrecorded(outcome, str(refusal)) from error or refusal
    except Exception as failure:  # noqa: BLE001 - the act is done: whoever did it must be told that in any case
        cause = f"unexpected {type(failure).__name__}: {failure}"
        raise _unrecorded(outcome, cause) from error or failure
    except BaseException:  # Ctrl-C while the log is asked: once more, before it goes on
        unsent.send(backend)
        raise
    unsent.forget(outcome)
    return concluded


def _unrecorded(outcome: Outcome, cause: str) -> OutcomeUnrecorded:
    return OutcomeUnrecorded(str(outcome.intervention), outcome.result, cause)
