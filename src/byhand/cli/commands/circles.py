# SPDX-License-Identifier: Apache-2.0
"""Circles: who is asked to decide, how they are reached, and whether that works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from byhand import clock, wiring
from byhand.cli import signing
from byhand.cli.common import NOTHING_CHOSEN, Common, Many, RecordId
from byhand.cli.opened import Opened, opened
from byhand.cli.output import say, show, show_rows
from byhand.control.administration import record_with
from byhand.errors import ByhandError, Fault, Invalid, NotFound
from byhand.ids import new_record_id
from byhand.records.circles import Circle, Member
from byhand.sinks.contract import Message
from byhand.trust import administration

COLUMNS = ("name", "members", "destinations", "second")


def list_circles(*, common: Common = NOTHING_CHOSEN) -> None:
    """List the circles: who is asked to decide.

    **Example**

    ```console
    $ byhand circle list
    ```
    """
    with opened(common) as one:
        rows = [_row(circle) for circle in one.circles.circles()]
        show_rows(rows, common, columns=COLUMNS, empty="there is no circle yet: byhand circle set --help")


def _row(circle: Circle) -> dict[str, object]:
    persons = [member.person for member in circle.members]
    return {**msgspec.to_builtins(circle), "members": persons, "destinations": list(circle.destinations)}


def show_circle(name: str, /, *, common: Common = NOTHING_CHOSEN) -> None:
    """Show one circle, and by what each of its members is reached.

    **Example**

    ```console
    $ byhand circle show risk-desk
    ```

    Parameters
    ----------
    name
        The circle's name.
    """
    with opened(common) as one:
        found = [circle for circle in one.circles.circles() if circle.name == name]
        if not found:
            raise NotFound(f"there is no circle {name!r}", advice="See them with: byhand circle list")
        (circle,) = found
        reached = [f"{one.person}: {', '.join(one.destinations) or '-'}" for one in circle.members]
        show({**_row(circle), "members": reached}, common)


def set_circle(
    name: str,
    /,
    *,
    member: Annotated[
        Many,
        Parameter(help="PERSON, or PERSON=KIND:NAME,KIND:NAME for what reaches them alone; may be repeated."),
    ] = (),
    to: Annotated[
        Many, Parameter(help="What reaches all of them: KIND:NAME, e.g. slack:risk-desk; may be repeated.")
    ] = (),
    second: Annotated[
        str | None, Parameter(help="The circle that is asked when nobody here decides.")
    ] = None,
    proposal: Path | None = None,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Say who is on call, in order, and how they are reached; name everybody again to change one.

    Where a destination is, its link and its secret, stand in the file that `notify.destinations_file` names, and are
    never recorded. A request goes at once to the circle of the point, once more after 3 minutes, and to the second
    circle after 5. It is answered by a signature: to be told is not to approve.

    **Example**

    ```console
    $ byhand circle set head-office --member ada.lovelace --to webhook:pager
    $ byhand circle set risk-desk --member ada.lovelace=smtp:ada --to slack:risk-desk --second head-office
    ```

    Parameters
    ----------
    name
        Short, in small letters: points name it.
    proposal
        The file for the second officer.
    """
    members = tuple(_member(text) for text in member)
    circle = Circle(name=name, members=members, destinations=to, second=second)
    record = record_with(administration.CIRCLE_SET, name, circle=circle)
    with opened(common) as one:
        return signing.settle_change(one, record, proposal, f"{name} is set", common)


def _member(text: str) -> Member:
    person, equals, listed = text.partition("=")
    destinations = tuple(one.strip() for one in listed.split(",")) if equals else ()
    if not person or (equals and not all(destinations)):
        fault = Fault("/member", "is not PERSON or PERSON=KIND:NAME,KIND:NAME", "ada.lovelace=smtp:ada")
        raise Invalid("this member is not understood", (fault,))
    return Member(person=person, destinations=destinations)


def retire_circle(name: str, /, *, proposal: Path | None = None, common: Common = NOTHING_CHOSEN) -> int:
    """Let a circle be asked no more. One that a point or another circle still names stays.

    **Example**

    ```console
    $ byhand circle retire risk-desk
    ```

    Parameters
    ----------
    name
        The circle's name.
    proposal
        The file for the second officer.
    """
    with opened(common) as one:
        record = record_with(administration.CIRCLE_RETIRE, name)
        return signing.settle_change(one, record, proposal, f"{name} is retired", common)


def try_out(name: str, /, *, common: Common = NOTHING_CHOSEN) -> int:
    """Send a message that is marked as a test to every destination of a circle, now. Exit code 1: one failed.

    Run it on the machine of the home: links and secrets are there.

    **Example**

    ```console
    $ byhand circle test risk-desk
    ```

    Parameters
    ----------
    name
        The circle's name.
    """
    with opened(common) as one:
        who = one.caller.person
        circle = one.home.circles.get(name)
        message = trial_message(circle.name, who)
        rows = [_tried(one, place, message) for place in one.home.circles.reached(circle)]
        show_rows(rows, common, columns=("destination", "result", "advice"))
        return 0 if rows and all(row["result"] == "delivered" for row in rows) else 1


def asked(intervention: RecordId, /, *, common: Common = NOTHING_CHOSEN) -> int:
    """Show who was told that your own intervention waits for a decision.

    Exit code 1: nobody can have heard, for there is nobody to tell or no destination took anything. Exit code 0 says
    only that somebody may have, or will: while nobody follows the log, nobody is told, and `byhand doctor` says so.

    **Example**

    ```console
    $ byhand circle asked ID
    ```

    Parameters
    ----------
    intervention
        The intervention's id, or its beginning.
    """
    with opened(common) as one:
        found = one.circles.asked(one.desk.resolve(intervention))
        rows = [msgspec.to_builtins(told) for told in found.told]
        columns = ("occasion", "destination", "state", "cause")
        show_rows(rows, common, columns=columns, empty="nobody was told of it")
        if found.unheard:
            say(f"nobody hears of it: {found.unheard}")
        return 1 if found.unheard else 0


def trial_message(circle: str, person: str) -> Message:
    """What a test says: that it is one, and asks for nothing."""
    return Message(
        id=f"{new_record_id()}-test",
        occasion="test",
        title=f"Test of the circle {circle}",
        text="This is a test: nothing is asked of you. Requests to decide will come this way.",
        facts=(("Sent by", person),),
        time=clock.now(),
    )


def _tried(one: Opened, place: str, message: Message) -> dict[str, object]:
    try:
        wiring.destinations(one.home.settings.notify).open(place).send(message)
    except ByhandError as error:
        return {"destination": place, "result": " ".join(str(error).split()), "advice": error.advice}
    return {"destination": place, "result": "delivered", "advice": ""}
