# SPDX-License-Identifier: Apache-2.0
"""What every hook does: use a permit that a person declared, conclude it, and report who really asked.

A hook carries a workload's token, and acts for the person behind the account that asked in its own system. It is
trusted with saying truly who that was and what is about to happen; it cannot make an intent, nor use a permit of
somebody else, nor use one twice, nor for another value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from byhand.client import looking, steps
from byhand.client.concluding import outcome_of
from byhand.client.contract import Acknowledged, Concluded, ObservationBatch
from byhand.client.http import HttpBackend
from byhand.client.line import Line, checked
from byhand.client.looking import Sight
from byhand.client.persisting import persistently
from byhand.client.places import RegisteredPoint
from byhand.client.settings_file import read_token
from byhand.errors import Fault, Invalid, LoginRequired
from byhand.ids import new_record_id
from byhand.records import captured, rules
from byhand.records.kinds import Observation, Outcome

CONCLUDE_PAUSES_SECONDS = (1.0, 5.0, 15.0)  # the act is done: a server that restarts must still hear of it

Result: TypeAlias = Literal["applied", "failed", "abandoned", "unknown"]


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A permit that was used for an act which begins now, and is to be concluded."""

    intervention: str
    attempt: str
    account: str
    point: str
    new: str
    before: str
    expires: str
    sight: Sight = field(repr=False, compare=False)
    """How the value is read back, also while no server answers."""


class Hook:
    """The gate as another system's hook sees it. Blocking: call it from a thread. Thread-safe."""

    def __init__(self, url: str, token_file: str | Path, issuer: str) -> None:
        """``issuer``: the system whose accounts the workload speaks for, e.g. ``buildbot``."""
        self._url = checked(url)
        self._token_file = Path(token_file)
        self._issuer = issuer

    def redeem(self, intervention: str, *, account: str, point: str, new: str, executor: str) -> Redeemed:
        """Use the permit for setting ``new`` at ``point``, for the person behind ``account``.

        1 the id is whole; 2 the value is read now, by the point's own probe; 3 the gate compares person, place,
        new value and value before, and gives the permit out once. Asked again only within this call, with the
        same attempt: no act is permitted twice. Raises what the gate raises; nothing may be done then.
        """
        if not rules.is_record_id(intervention):  # 1
            fault = Fault("/intervention", "is no whole id", "copy it from: byhand declare")
            raise Invalid("this intervention cannot be looked up", (fault,))
        with self._line(account) as line:
            backend = HttpBackend(line)
            sight = looking.look(backend, RegisteredPoint(point), None, None)
            attempt = steps.make_attempt(sight, executor=executor, attempt=new_record_id(), new=new)  # 2
            permitted = backend.permit(intervention, attempt)  # 3
            # A crash exactly here leaves a used permit without outcome: byhand notes it as unknown.
        return Redeemed(
            intervention=intervention,
            attempt=attempt.attempt,
            account=account,
            point=point,
            new=new,
            before=captured.render(attempt.before),
            expires=permitted.expires,
            sight=sight,
        )

    def conclude(self, redeemed: Redeemed, result: Result, *, error: str | None = None) -> Concluded:
        """Read the value back and record how it ended: the same outcome, asked again until it is in the log."""
        return self.record(redeemed.account, self.outcome(redeemed, result, error=error))

    def outcome(self, redeemed: Redeemed, result: Result, *, error: str | None = None) -> Outcome:
        """Read the value back, now, and say how it ended. Asks no server: keep it until it is recorded."""
        return outcome_of(
            redeemed.sight,
            redeemed.intervention,
            result,
            attempt=redeemed.attempt,
            declared=steps.declared_value(redeemed.new, redeemed.sight),
            error=error,
        )

    def record(
        self, account: str, outcome: Outcome, replaced: Callable[[Outcome], None] = lambda _: None
    ) -> Concluded:
        """Bring an outcome to the log; asked again, whenever, it is the same outcome.

        Where no record can hold the value found, it is recorded without it, and with the cause: whoever asks again
        keeps that one, which ``replaced`` gets before it is sent, in the place of the first. Raises
        LogUnavailable and LoginRequired when it is to be asked again later, anything else when it was refused.
        """
        with self._line(account) as line:
            return persistently(HttpBackend(line), outcome, CONCLUDE_PAUSES_SECONDS, replaced)

    def observe(self, observations: Sequence[Observation]) -> Acknowledged:
        """Report acts seen here, whether or not anybody declared them; their ids make asking again harmless."""
        with self._line(None) as line:
            batch = ObservationBatch(observations=tuple(observations))
            return line.post("/v1/observations", batch, Acknowledged)

    @contextmanager
    def _line(self, account: str | None) -> Iterator[Line]:
        """A connection; the token is read anew each time: it is replaced while the system runs."""
        behalf = f"{self._issuer}:{account}" if account is not None else None
        try:
            token = read_token(self._token_file)
        except (
            Invalid
        ) as error:  # says nothing against what is to be sent: it can be sent when the token is there
            raise LoginRequired(str(error), advice=error.advice) from error
        line = Line(self._url, token, on_behalf_of=behalf)
        try:
            yield line
        finally:
            line.close()
