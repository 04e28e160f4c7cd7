# SPDX-License-Identifier: Apache-2.0
"""An intervention around the act itself: ``with``, ``async with`` or decorator. No permit, no act.

What this process is trusted with: it may run the body without asking us at all, and only the target's own
feed will tell. It cannot make a record in another person's name, nor use a permit twice.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, ParamSpec, Self, TypeVar, cast

from byhand import clock
from byhand.client import concluding, steps
from byhand.client.contract import Attempt, Backend, Concluded, Declared, Permitted, Receipt
from byhand.client.looking import Read, read_or_unknown, read_value
from byhand.client.reverting import DueRevert, Reverter
from byhand.client.steps import Prepared, Request, SignerSource
from byhand.client.unsent import OF_THIS_PROCESS, Unsent
from byhand.errors import (
    BeforeStateChanged,
    ByhandError,
    Fault,
    Invalid,
    LogUnavailable,
    NotAsDeclared,
    NotPermitted,
)
from byhand.ids import new_record_id
from byhand.records import captured
from byhand.records.actor import Via
from byhand.records.kinds import Outcome
from byhand.records.values import CapturedValue

logger = logging.getLogger("byhand.approvals")
READ_AGAIN_SECONDS = 1.0  # a permit that took longer than this to come is used only on a value read once more
INTEGRATION = "byhand.client"
REVERT_TIMEOUT_SECONDS = 300.0  # a revert command that takes longer hangs, and the change stays in effect

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Revert = Callable[[], object] | Sequence[str] | None
"""How to undo a change that is limited in time: a function, or a command line as a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an intervention is carried out with."""

    backend: Callable[[], Backend]
    signer: SignerSource | None = None
    read: Read = None
    revert: Revert = None
    reverter: Reverter
    expected: CapturedValue | None = None
    """What the value must be before anything is declared (used by reverts)."""
    unsent: Unsent = OF_THIS_PROCESS
    renew: Callable[[], Backend] | None = None
    """Signs in anew, where a person is there who can."""
    wait: bool = True
    """Whether to wait for the approvals that are missing, as long as the intent is good; else ApprovalPending."""
    tell: Callable[[str], None] = logger.warning
    """Told that other persons are waited for, and how they approve."""


class Intervention:
    """One intervention. Use it once: as ``with`` or ``async with``; or as a decorator, a fresh one each call.

    On entering: 1 the value is read and the intent goes into the log, signed; 2 the permit is issued and
    used on the value read again; only then the body runs. On leaving: 3 the value is read back and the
    outcome recorded. An exception in the body becomes outcome ``failed`` and is raised again. In ``async
    with`` every blocking step, ``read`` included, runs in a thread; the body stays on the loop.

    Raises on entering: Invalid, Refused and its kinds, ProbeFailed, LoginRequired, LogUnavailable; the body
    has not run. Raises on leaving: OutcomeUnrecorded when the act happened and the log could not be told;
    NotAsDeclared when the body ended well, everything is recorded, and the value found is not the declared
    one.
    """

    def __init__(self, request: Request, means: Means) -> None:
        _check_means(request, means)
        self._request = request
        self._means = means
        self._entering = threading.Lock()
        self._entered = False
        self._unsure = False
        self._found: CapturedValue | None = None
        self._backend: Backend | None = None
        self._prepared: Prepared | None = None
        self._attempt: Attempt | None = None
        self._permitted: Permitted | None = None
        self._concluded: Concluded | None = None
        self._receipt: Receipt | None = None

    # -- what it came to

    @property
    def id(self) -> str:
        """The intervention's id; set once the intent is in the log."""
        return self._known(self._prepared).intervention

    @property
    def declared(self) -> Declared:
        """The intent's acknowledgement, with what it still needed."""
        return self._known(self._prepared).declared

    @property
    def before(self) -> CapturedValue:
        """The value before the act, secrets taken out."""
        return self._known(self._prepared).declaration.change.original

    @property
    def permitted(self) -> Permitted:
        """The permit, used by this act."""
        return self._known(self._permitted)

    @property
    def outcome(self) -> Outcome:
        """How it ended, with the value found; set when the block has ended."""
        return self._known(self._concluded).outcome

    @property
    def receipt(self) -> Receipt:
        """The outcome's record, index and proof; its anchored checkpoint is made when first asked for."""
        concluded = self._known(self._concluded)
        if self._receipt is None:
            self._receipt = concluded.receipt or self._known(self._backend).receipt(
                concluded.acknowledgement.record
            )
        return self._receipt

    @staticmethod
    def _known(value: Result | None) -> Result:
        if value is None:
            raise Invalid("this intervention has not come that far", advice="Ask after the block has ended.")
        return value

    # -- with, async with, decorator

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        self._end(error)
        return False

    async def __aenter__(self) -> Self:
        try:
            await _in_thread(self._begin)
        except asyncio.CancelledError as cancelled:
            if self._permitted is not None:  # the permit came while nobody waited any more
                await _in_thread(functools.partial(self._abandon, cancelled))
            raise
        try:
            self._check_in_time(
                self.permitted
            )  # the loop may have been busy for long before it came back here
        except NotPermitted as late:
            await _in_thread(functools.partial(self._abandon, late))
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        await _in_thread(lambda: self._end(error))
        return False

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Decorate ``function``: every call is an intervention of its own. Generators are refused."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            fault = Fault("/body", "is a generator: its end cannot be told", "use with inside of it")
            raise Invalid("this function cannot be an intervention", (fault,))
        if inspect.iscoroutinefunction(function):
            return cast("Callable[Parameters, Result]", self._decorated_coroutine(function))

        @functools.wraps(function)
        def carried_out(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            with Intervention(self._request, self._means) as act:
                return act._done(function(*args, **kwargs))

        return carried_out

    def _decorated_coroutine(
        self, function: Callable[Parameters, Coroutine[Any, Any, Result]]
    ) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
        @functools.wraps(function)
        async def carried_out(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            async with Intervention(self._request, self._means):
                return await function(*args, **kwargs)

        return carried_out

    # -- before the body

    def _begin(self) -> None:
        with self._entering:  # two threads with one object: one of them acts
            if self._entered:
                raise Invalid("this intervention was used already", advice="Make a new one for every act.")
            self._entered = True
        self._backend = self._means.backend()
        self._means.unsent.send(self._backend)
        self._prepared = steps.declare_only(
            self._backend,
            self._request,
            read=self._means.read,
            signer=self._means.signer,
            expected=self._means.expected,
            renew=self._means.renew,
        )
        # A crash exactly here leaves an intent that lapses: nothing was permitted, nothing was done.
        try:
            self._use_permit(self._backend, self._prepared)
        except LogUnavailable:
            raise  # nothing can be written now; the intent lapses
        except BaseException as error:
            self._abandon(error)
            raise

    def _use_permit(self, backend: Backend, prepared: Prepared) -> None:
        if self._means.wait and prepared.declared.approvals_missing:
            steps.wait_for_approval(backend, prepared.declared, self._means.tell)
        began, clock_began = time.monotonic(), time.time()
        self._attempt = steps.make_attempt(prepared.sight, attempt=new_record_id())
        self._permitted = backend.permit(prepared.intervention, self._attempt)
        # A crash exactly here leaves a used permit without outcome: byhand notes it as unknown.
        slept = abs(time.time() - clock_began)  # a machine that slept: the monotonic clock stood still
        if max(time.monotonic() - began, slept) > READ_AGAIN_SECONDS:
            self._check_still(prepared, self._attempt)
        self._check_in_time(self._permitted)

    @staticmethod
    def _check_in_time(permitted: Permitted) -> None:
        """A permit is for an act that begins now: one whose answer came late is not used."""
        if clock.now() >= permitted.expires:
            raise NotPermitted(
                f"the permit lapsed at {permitted.expires}, before the act began", advice="Declare anew."
            )

    @staticmethod
    def _check_still(prepared: Prepared, attempt: Attempt) -> None:
        sight = prepared.sight
        found = sight.redactor.value(read_value(sight) if sight.must_be_read else read_or_unknown(sight))
        if sight.view.mode == "enforce" and not captured.same(found, attempt.before, sight.view.point.ignore):
            raise BeforeStateChanged("the target changed while the permit was on its way")

    def _abandon(self, error: BaseException) -> None:
        """Say at once that nothing was done. The error that led here matters more than one in saying so."""
        prepared = self._known(self._prepared)
        if self._permitted is None and prepared.declared.approvals_missing:
            return  # it waits for approvals: it may still be carried out
        outcome = concluding.outcome_of(
            prepared.sight,
            prepared.intervention,
            "abandoned",
            attempt=self._attempt.attempt if self._attempt is not None else None,
            error=_description(error),
        )
        with suppress(ByhandError):  # then it lapses by itself, which is a record too
            self._concluded = self._known(self._backend).conclude(prepared.intervention, outcome)

    # -- after the body

    def _end(self, error: BaseException | None) -> None:
        prepared = self._known(self._prepared)
        try:
            self._record(prepared, error)
        finally:
            if error is None:  # recorded or not, the change is in effect and has to end
                self._schedule_revert(prepared)
        if error is None:
            self._tell_difference(prepared)

    def _record(self, prepared: Prepared, error: BaseException | None) -> None:
        interruption: BaseException | None = None
        try:
            outcome = self._outcome(prepared, error)
        except BaseException as caught:  # noqa: BLE001 - Ctrl-C while reading back: raised once what is known is recorded
            interruption = caught
            outcome = self._outcome(prepared, error, unread="reading the value back was interrupted")
        self._found = outcome.found
        cause = error or interruption
        self._concluded = concluding.record(self._known(self._backend), self._means.unsent, outcome, cause)
        if interruption is not None:
            raise interruption

    def _outcome(
        self, prepared: Prepared, error: BaseException | None, *, unread: str | None = None
    ) -> Outcome:
        return concluding.outcome_of(
            prepared.sight,
            prepared.intervention,
            "applied" if error is None else "unknown" if self._unsure else "failed",
            attempt=self._known(self._attempt).attempt,
            declared=prepared.declaration.change.new,
            error=_description(error) if error is not None else None,
            unread=unread,
        )

    def _tell_difference(self, prepared: Prepared) -> None:
        if self.outcome.as_declared is False:
            found, declared = self.outcome.found, prepared.declaration.change.new
            raise NotAsDeclared(
                f"intervention {prepared.intervention} is done, but the value found is "
                f"{captured.render(found)}, declared was {captured.render(declared)}"
            )

    def _done(self, result: Result) -> Result:
        """The result of an act that is over; one that goes on would act after its outcome."""
        if inspect.isgenerator(result) or inspect.isasyncgen(result) or inspect.iscoroutine(result):
            if not inspect.isasyncgen(result):
                result.close()
            what = "the decorated function returned before its act began"
        elif inspect.isawaitable(
            result
        ):  # a task may have begun: cancelled, and nobody knows how far it came
            self._unsure = True
            if (cancel := getattr(result, "cancel", None)) is not None:
                cancel()
            what = "the decorated function returned before its act ended"
        else:
            return result
        fault = Fault("/body", f"returned a {type(result).__name__}", "decorate the async function itself")
        raise Invalid(what, (fault,))

    # -- changes that end by themselves

    def _schedule_revert(self, prepared: Prepared) -> None:
        due = prepared.declaration.change.effective_until
        if due is not None and self._means.revert is not None:
            self._means.reverter.add(DueRevert(due, prepared.intervention, self._revert))

    def _revert(self) -> Outcome:
        """Undo it as an intervention of its own: same person, same reason, carried by the integration."""
        prepared = self._known(self._prepared)
        request = replace(
            self._request,
            new=prepared.original,
            until=None,
            same_as=prepared.intervention,
            caused_by=prepared.intervention,
            command=None,
            via=Via(kind="integration", id=INTEGRATION),
            collected="inherited",
            break_glass=False,  # the way back was authorised with the change, however that was
            runbook=None,
        )
        found = self._found
        known = found is not None and found.form != "unknown"
        means = replace(self._means, revert=None, expected=found if known else None)
        with Intervention(request, means) as act:
            _run_revert(self._means.revert)
        return act.outcome


def _check_means(request: Request, means: Means) -> None:
    if (request.until is None) == (means.revert is None):
        return
    missing, advice = (
        ("until", "say when it ends") if request.until is None else ("revert", "say how it is undone")
    )
    fault = Fault(f"/{missing}", "is missing", advice)
    raise Invalid("a change that ends by itself needs until= and revert=", (fault,))


def _run_revert(revert: Revert) -> None:
    if callable(revert):
        revert()
    elif revert is not None:
        subprocess.run(list(revert), stdin=subprocess.DEVNULL, check=True, timeout=REVERT_TIMEOUT_SECONDS)


def _description(error: BaseException) -> str:
    """The exception in words that a record can hold; one that cannot even be written as text is named."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - whatever the act raised, its outcome must be recorded
        text = "its message cannot be read"
    return f"{name}: {text}" if text else name


async def _in_thread(work: Callable[[], None]) -> None:
    """Run ``work`` in a thread to its end, also when this task is cancelled; then the cancellation goes on.

    What ``work`` itself raises comes before the cancellation: it says whether the act is recorded.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):  # a second one changes nothing: the first is raised
                await asyncio.wait([task])
        await task  # raises what the work raised, with the cancellation as its context
        raise
