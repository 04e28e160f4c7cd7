# SPDX-License-Identifier: Apache-2.0
"""From a command line to a request: what is missing is asked for at a terminal, and nowhere else."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

from cyclopts import Parameter

from byhand.cli.asking import TRIES_MAX, ask, ask_reason, can_ask
from byhand.cli.common import Many
from byhand.cli.opened import Opened
from byhand.cli.output import say
from byhand.cli.places import place_from, probe_from
from byhand.client.interventions import Means
from byhand.client.looking import look, read_or_unknown
from byhand.client.places import Place, view_of
from byhand.client.reverting import Reverter
from byhand.client.steps import UNDECLARED, Request
from byhand.connectors import collect
from byhand.errors import Fault, Invalid
from byhand.records import captured, json_text
from byhand.records.values import CapturedValue

Answer = TypeVar("Answer")
FOR_SECONDS_MAX = (
    86_400  # a day: byhand stays in the foreground meanwhile, and no terminal stays open for longer
)
_DURATION = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """The options that say what a person is about to do, and why."""

    reason: Annotated[str | None, Parameter(help="The reason code.")] = None
    notes: Annotated[str | None, Parameter(help="Why, in your own words.")] = None
    new: Annotated[
        str | None, Parameter(help="The value it is to have; high and critical risk require it.")
    ] = None
    probe: Annotated[
        str | None,
        Parameter(
            help="How the value is read: file:PATH#POINTER or command:PROGRAM. Default: the point's own."
        ),
    ] = None
    action: Annotated[
        str | None, Parameter(help="What is done, area.object.verb; a point knows its own.")
    ] = None
    target: Annotated[
        str | None,
        Parameter(help="A target that is not registered: system/type/id, or system/type/id#/field."),
    ] = None
    ticket: Annotated[Many, Parameter(help="A ticket that belongs to it; may be repeated.")] = ()
    same_as: Annotated[
        str | None, Parameter(help="The same words were used before, knowingly, in that intervention.")
    ] = None
    runbook: Annotated[
        str | None,
        Parameter(help="The runbook that it follows: within its bounds nobody's approval is waited for."),
    ] = None
    found_in: Annotated[
        str | None,
        Parameter(
            name="--from",
            help="Where a system found what you override: failed tests are collected there, apart from your "
            "words. buildbot:URL/BUILDER/BUILD.",
        ),
    ] = None

    def at(self, point: str | None) -> Wish:
        """The wish at ``point``, or at the target named instead; raises Invalid unless one is named."""
        return Wish(
            place=place_from(point, self.target),
            action=self.action,
            reason=self.reason,
            notes=self.notes,
            new=self.new,
            probe=probe_from(self.probe),
            ticket=self.ticket,
            same_as=self.same_as,
            found_in=self.found_in,
            runbook=self.runbook,
        )


NOTHING_INTENDED = Intended()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The options that say for how long a change is to last, and how it is undone."""

    lasting: Annotated[
        str | None, Parameter(name="--for", help="For how long, e.g. 90s, 15m or 2h; needs --revert.")
    ] = None
    revert: Annotated[
        str | None, Parameter(help="The command that undoes it when the time is over; needs --for.")
    ] = None

    def of(self, wish: Wish) -> Wish:
        """``wish`` with its end; raises Invalid."""
        if self.lasting is None and self.revert is None:
            return wish
        faults = []
        if self.lasting is None:
            faults.append(Fault("/for", "is missing", "say for how long: --for 15m"))
        elif _seconds(self.lasting) is None:
            faults.append(Fault("/for", "is no duration up to a day", "write 90s, 15m or 2h"))
        if self.revert is None:
            faults.append(Fault("/revert", "is missing", 'say how it is undone: --revert "COMMAND"'))
        elif _command(self.revert) is None:
            faults.append(Fault("/revert", "is no command that can be run here", "check its quotes and PATH"))
        if faults:
            raise Invalid("a change that ends by itself needs an end and a way back", tuple(faults))
        return replace(wish, seconds=_seconds(self.lasting or ""), revert=_command(self.revert or ""))


def _seconds(duration: str) -> float | None:
    """How long ``duration`` is; ``None`` for what is none, or is too long."""
    match = _DURATION.fullmatch(duration.strip())
    seconds = int(match["count"]) * _SECONDS[match["unit"]] if match else 0
    return seconds if 0 < seconds <= FOR_SECONDS_MAX else None


def _command(line: str) -> tuple[str, ...] | None:
    """The words of a command line, as a shell would split them; ``None`` where there is no such program."""
    try:
        words = tuple(shlex.split(line))
    except ValueError:
        return None
    return words if words and shutil.which(words[0]) is not None else None


NOT_LIMITED = Limited()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the person wants, as far as it was written."""

    place: Place
    action: str | None = None
    reason: str | None = None
    notes: str | None = None
    new: str | None = None
    probe: str | None = None
    ticket: tuple[str, ...] = ()
    same_as: str | None = None
    seconds: float | None = None
    """For how long it is to last."""
    revert: tuple[str, ...] | None = None
    found_in: str | None = None
    break_glass: bool = False
    runbook: str | None = None


def attempt(one: Opened, wish: Wish, act: Callable[[Request, Means], Answer]) -> Answer:
    """Ask why where nothing says so, then ``act``; words that the gate refuses are asked for once more."""
    asking = wish.reason is None or wish.notes is None
    if asking and not can_ask():
        raise _nobody_to_ask(wish)
    means = _means(one, wish)
    for left in reversed(range(TRIES_MAX)):
        full = _asked(one, wish) if asking else wish
        try:
            return act(_request(one, full, "prompt" if asking else "argument"), means)
        except Invalid as error:
            if not (asking and left and _about_words_only(error)):
                raise
            say(f"byhand: {error}")
            wish = replace(full, notes=None) if wish.notes is None else full
    raise Invalid("no reason was given")


def _nobody_to_ask(wish: Wish) -> Invalid:
    named = (("reason", wish.reason, "--reason CODE"), ("notes", wish.notes, '--notes "..."'))
    faults = tuple(
        Fault(f"/{name}", "is missing", f"add {flag}") for name, given, flag in named if given is None
    )
    return Invalid("nobody is at the terminal to be asked why", faults)


def _about_words_only(error: Invalid) -> bool:
    """Whether only the words are at fault: nothing has been recorded then, nothing done."""
    return bool(error.faults) and all(fault.pointer == "/justification/text" for fault in error.faults)


def _asked(one: Opened, wish: Wish) -> Wish:
    view = view_of(one.acting(), wish.place, wish.action)
    point = view.point
    say(f"{point.system}/{point.type}/{point.id}: {wish.action or point.action} ({view.tier}, {view.mode})")
    reason = wish.reason if wish.reason is not None else ask_reason(view.reasons)
    notes = wish.notes if wish.notes is not None else ask("Why, in your words: ")
    return replace(wish, reason=reason, notes=notes)


def _request(one: Opened, wish: Wish, collected: Literal["prompt", "argument"]) -> Request:
    return Request(
        place=wish.place,
        action=wish.action,
        reason=wish.reason or "",
        notes=wish.notes or "",
        new=UNDECLARED if wish.new is None else new_value(one, wish, wish.new),
        until=wish.seconds,
        tickets=wish.ticket,
        same_as=one.desk.resolve(wish.same_as) if wish.same_as is not None else None,
        automation=collect(wish.found_in) if wish.found_in is not None else None,
        collected=collected,
        break_glass=wish.break_glass,
        runbook=wish.runbook,
    )


def new_value(one: Opened, wish: Wish, text: str) -> str | CapturedValue:
    """The new value as it was typed: where it replaces a JSON number, object or word, it is JSON itself."""
    sight = look(one.acting(), wish.place, wish.action, wish.probe)
    if sight.probe is None:
        return typed_value(text)
    if sight.probe.as_read(text) != captured.capture(text) or typed_value(text) == captured.capture(text):
        return text  # the probe knows better, or it can only be a string
    was = read_or_unknown(sight)
    return text if (was.text or "").lstrip().startswith('"') else typed_value(text)


def typed_value(text: str) -> CapturedValue:
    """``text`` as JSON when it is JSON, else as a string."""
    try:
        json_text.parse(text)
    except ValueError:
        return captured.capture(text)
    return captured.from_text(text)


def _means(one: Opened, wish: Wish) -> Means:
    return Means(
        backend=one.acting,
        signer=one.signer,
        read=wish.probe,
        revert=wish.revert,
        reverter=Reverter(),
        renew=one.signed_in_anew,
        tell=lambda text: say(f"byhand: {text}"),
    )
