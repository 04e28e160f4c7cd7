# SPDX-License-Identifier: Apache-2.0
"""The steps of an intervention up to the act, one function each: declare, permit, redeem.

``with`` blocks, ``byhand run`` and scripts that take the steps one by one all go through these.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from byhand import clock
from byhand.client.contract import Attempt, Backend, Declared, Permitted
from byhand.client.executor import executor_name
from byhand.client.looking import Read, Sight, look, read_or_unknown, read_value
from byhand.client.places import Place, RegisteredPoint
from byhand.client.speaking import sign_intent
from byhand.errors import (
    ApprovalPending,
    BeforeStateChanged,
    ByhandError,
    Fault,
    Invalid,
    LoginTooWeak,
    Refused,
)
from byhand.ids import new_record_id
from byhand.records import captured, codec
from byhand.records.actor import Via
from byhand.records.intervention import Automation, Change, Declaration, Justification, Target, Times
from byhand.records.values import CapturedValue
from byhand.trust.requirement import demanded

if TYPE_CHECKING:
    from byhand.client.signing import Signer

UNTIL_SECONDS_MAX = 366 * 86_400  # a change that is to last longer than a year does not end by itself
APPROVAL_POLL_SECONDS = (
    1.0  # a person who has just approved is not kept waiting; a permit costs the gate 50 µs
)
INTENT_SECONDS = 600.0  # as long as a permit may live: what is declared now is done now
CLOCKS_APART_SECONDS = 60.0  # the gate reads its own clock: it refuses what is good for too long by that
BREAK_GLASS_SECONDS = 3_540.0  # the hour that such a permit may last, less what clocks may be apart
Until: TypeAlias = datetime | timedelta | float | None
"""When the change is to end: an aware ``datetime``, or a duration (``timedelta``, or seconds)."""
SignerSource: TypeAlias = Callable[[], "Signer"]
"""Finds the person's key when it is needed; raises NotFound or Invalid with advice when there is none."""


class _Undeclared(Enum):
    """The type of ``UNDECLARED``, since ``None`` is a value like any other (JSON null)."""

    UNDECLARED = "undeclared"


UNDECLARED: Final = _Undeclared.UNDECLARED
"""The new value is not declared: it is what will be read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person wants to do, and why."""

    place: Place
    reason: str
    notes: str
    action: str | None = None
    new: object = field(default=UNDECLARED, repr=False)
    until: Until = None
    tickets: Sequence[str] = ()
    same_as: str | None = None
    caused_by: str | None = None
    automation: Automation | None = None
    command: str | None = None
    """SHA-256 (hex) of the command line, see ``commands.command_digest``."""
    via: Via | None = None
    collected: Literal["prompt", "argument", "library", "inherited"] = "library"
    written_by: Literal["person", "agent"] = "person"
    break_glass: bool = False
    """It cannot wait for anybody's approval; others review it afterwards."""
    runbook: str | None = None
    """The runbook that it follows."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An intent in the log. ``original`` is as read, secrets included: it never leaves the process."""

    sight: Sight
    declaration: Declaration
    original: CapturedValue = field(repr=False)
    declared: Declared

    @property
    def intervention(self) -> str:
        """The intervention's id."""
        return self.declared.intervention


# -- declare


def declare_only(
    backend: Backend,
    request: Request,
    *,
    read: Read = None,
    signer: SignerSource | None = None,
    expected: CapturedValue | None = None,
    renew: Callable[[], Backend] | None = None,
) -> Prepared:
    """Put the intent in the log.

    1 look at the place; 2 read the value before (unknown is good enough only where the risk is low); 3 take
    the secrets out; 4 judge the form, every fault at once; 5 sign with the person's key; 6 hand it in.
    ``expected``: the value (secrets taken out) it must have now, else BeforeStateChanged. ``renew`` signs in anew
    where the gate asks for a fresher login. An agent's words are marked as such.
    """
    sight = look(backend, request.place, request.action, read)  # 1
    if request.break_glass:
        sight = replace(sight, may_be_blind=True)
    original = read_value(sight) if sight.must_be_read else read_or_unknown(sight)  # 2
    read_at = clock.now()
    if expected is not None:
        _check_expected(sight, original, expected)
    who = backend.identity()
    if who.via is not None and who.via.kind == "agent":
        request = replace(request, written_by="agent")
    declaration = build(request, sight, original, person=who.person, now=read_at)  # 3
    codec.validate(declaration)  # 4
    statement = _statement(backend.origin, declaration, sight, signer)  # 5
    try:
        declared = backend.declare(declaration, statement)  # 6
    except LoginTooWeak:
        if renew is None:
            raise
        declared = renew().declare(declaration, statement)
    return Prepared(sight, declaration, original, declared)


def _check_expected(sight: Sight, found: CapturedValue, expected: CapturedValue) -> None:
    if not captured.same(sight.redactor.value(found), expected, sight.view.point.ignore):
        raise BeforeStateChanged("somebody changed the value since: it is not the one this act was to undo")


def build(request: Request, sight: Sight, original: CapturedValue, *, person: str, now: str) -> Declaration:
    """The declaration, with its secrets taken out. Raises Invalid."""
    point = sight.view.point
    action = request.action or point.action
    registered = isinstance(request.place, RegisteredPoint)
    change = _change(request, sight, original, now)
    declaration = Declaration(
        record=new_record_id(),
        person=person,
        action=action,
        change=change,
        expires=clock.after(now, seconds=_good_for(request, sight, change)),
        point=point.name if registered else None,
        target=None if registered else Target(system=point.system, type=point.type, id=point.id),
        justification=_justification(request, now),
        automation=request.automation,
        times=times(now),
        caused_by=request.caused_by,
        via=request.via,
        break_glass=request.break_glass,
        runbook=request.runbook,
    )
    return sight.redactor.declaration(declaration)


def _good_for(request: Request, sight: Sight, change: Change) -> float:
    """For how many seconds the declaration is good: where others must approve, for as long as the gate allows.

    They are told, reminded, and others are told after them, before whoever asks is offered to break the glass.
    """
    if request.break_glass:
        return BREAK_GLASS_SECONDS
    view = sight.view
    by_agent = request.written_by == "agent"
    if demanded(view.tier, view.mode, view.point, change, by_agent=by_agent).approvals:
        return max(view.intent_seconds - CLOCKS_APART_SECONDS, min(INTENT_SECONDS, view.intent_seconds))
    return min(INTENT_SECONDS, view.intent_seconds)


def _change(request: Request, sight: Sight, original: CapturedValue, now: str) -> Change:
    new = declared_value(request.new, sight)
    patches = captured.patch(original, new) if new is not None else None
    return Change(
        original=original,
        new=new,
        field=sight.view.point.field,
        command=request.command,
        patch=patches[0] if patches is not None else None,
        reverse=patches[1] if patches is not None else None,
        read_by=sight.read_by,
        read_at=now,
        effective_until=effective_until(request.until, now),
    )


def declared_value(new: object, sight: Sight) -> CapturedValue | None:
    """The declared new value in the form in which it will be read back. Raises Invalid."""
    if new is UNDECLARED:
        return None
    if isinstance(new, CapturedValue):
        return new
    return sight.probe.as_read(new) if sight.probe is not None else captured.capture(new)


def effective_until(until: Until, now: str) -> str | None:
    """``until`` as record time; raises Invalid when it has no time zone or does not lie in the future."""
    if until is None:
        return None
    seconds = _seconds(until, now)
    if seconds > UNTIL_SECONDS_MAX:
        raise _until_fault(
            f"is more than {UNTIL_SECONDS_MAX // 86_400} days away", "declare a change that stays"
        )
    moment = clock.write(clock.parse(now) + timedelta(seconds=seconds)) if seconds > 0 else now
    if moment <= now:
        raise _until_fault("does not lie in the future", "give a later time")
    return moment


def _seconds(until: object, now: str) -> float:
    """How far away ``until`` is; whoever calls may have read it from a file, so its type is looked at."""
    if isinstance(until, datetime):
        if until.tzinfo is None:
            raise _until_fault("has no time zone", "use datetime.now(UTC) + timedelta(minutes=15)")
        return (until - clock.parse(now)).total_seconds()
    if isinstance(until, timedelta):
        return until.total_seconds()
    if isinstance(until, int | float) and not isinstance(until, bool) and math.isfinite(until):
        return until
    raise _until_fault("is no time and no duration", "give seconds, a timedelta or an aware datetime")


def _until_fault(message: str, advice: str) -> Invalid:
    return Invalid(
        "the end of this change is not valid", (Fault("/change/effective_until", message, advice),)
    )


def _tickets(tickets: Sequence[str]) -> tuple[str, ...]:
    if isinstance(tickets, str):  # a sequence too: it would be recorded letter by letter
        fault = Fault("/justification/tickets", "is one text, not a list of tickets", f"give [{tickets!r}]")
        raise Invalid("the tickets are not valid", (fault,))
    return tuple(tickets)


def _justification(request: Request, now: str) -> Justification:
    return Justification(
        code=request.reason,
        text=request.notes,
        given_at=now,
        collected=request.collected,
        written_by=request.written_by,
        tickets=_tickets(request.tickets),
        same_as=request.same_as,
    )


def times(now: str) -> Times:
    """What this machine's clock claims, with the person's own offset from UTC."""
    offset = datetime.now(UTC).astimezone().utcoffset() or timedelta()
    return Times(observed=now, utc_offset_minutes=round(offset.total_seconds() / 60), clock="system")


def _statement(
    origin: str, declaration: Declaration, sight: Sight, signer: SignerSource | None
) -> str | None:
    """The person's signed statement; ``None`` only where the gate itself may vouch for the person."""
    if signer is None:
        if not sight.serious and not declaration.break_glass:
            return None
        advice = "Name your key: byhand.configure(key=...), --key, or load it with ssh-add."
        raise Refused(f"{sight.view.tier} risk: the intent must be signed by your own key", advice=advice)
    try:
        return sign_intent(origin, declaration, signer())
    except ByhandError:  # no key at hand, or one that refuses: a locked agent, a token not touched
        if sight.serious or declaration.break_glass:
            raise
        return None


# -- permit and redeem


def permit_only(backend: Backend, intervention: str) -> Permitted:
    """Ask for the permit, without using it."""
    return backend.permit(intervention)


def wait_for_approval(backend: Backend, declared: Declared, tell: Callable[[str], None]) -> Permitted:
    """Wait until other persons have approved, and the permit is issued; raises when the intent lapses or is refused.

    Asked again and again rather than told: so it works the same at a home and behind any proxy.
    """
    said = False
    while True:
        try:
            return backend.permit(declared.intervention)
        except ApprovalPending as pending:
            if not said:
                tell(
                    f"waiting until {declared.expires} for approval: {pending}"
                    f" Somebody else: byhand approve {declared.intervention}"
                )
                said = True
        time.sleep(APPROVAL_POLL_SECONDS)


def make_attempt(
    sight: Sight, *, executor: str | None = None, attempt: str | None = None, new: object = UNDECLARED
) -> Attempt:
    """Read the value again, just now, and make the one attempt to use the permit on it.

    ``window_ms`` is the time that reading took. ``new``: the value about to be set, when somebody else declared
    it: the gate compares it, and the place, with what was declared. Raises ProbeFailed where the risk is serious.
    """
    about = declared_value(new, sight)
    began = time.monotonic_ns()
    found = read_value(sight) if sight.must_be_read else read_or_unknown(sight)
    before = sight.redactor.value(found)
    return Attempt(
        attempt=attempt or new_record_id(),
        executor=executor or executor_name(),
        before=before,
        comparison=sight.probe.comparison if sight.probe is not None else "checked",
        window_ms=-(-(time.monotonic_ns() - began) // 1_000_000),
        point=None if about is None else sight.view.point.name,
        new=None if about is None else sight.redactor.value(about),
    )


def redeem_only(
    backend: Backend,
    intervention: str,
    place: Place,
    *,
    action: str | None = None,
    read: Read = None,
    executor: str | None = None,
    attempt: str | None = None,
    new: object = UNDECLARED,
) -> Permitted:
    """Use the permit, exactly once, on the value read just now. Its ``attempt`` is needed to conclude.

    ``executor`` says who carries out the act; by default this process, which then must live until it
    concludes.
    """
    sight = look(backend, place, action, read)
    return backend.redeem(intervention, make_attempt(sight, executor=executor, attempt=attempt, new=new))
