# SPDX-License-Identifier: Apache-2.0
"""What was changed by hand around a moment: acts in the order of time, each with when it began and ended."""

from __future__ import annotations

import re
from collections.abc import Sequence

from byhand import clock
from byhand.client.desk import Act, Window
from byhand.control.query import span
from byhand.errors import Fault, Invalid
from byhand.journal.reader import Stored
from byhand.records import standard
from byhand.records.kinds import Approval, Intent, Outcome, Permit, Record
from byhand.records.lifecycle import OPEN
from byhand.store.index import InterventionRow

WINDOW_DAYS_MAX = 366  # on each side of a moment; longer is a search, and no picture
NOW = "now"
WINDOW = "2h"  # on each side: what somebody on call looks at first
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,9})([smhdw])\Z")


def term_of(window: Window) -> str:
    """The window as a term of a query."""
    return f"at:{window.start[:19]}Z..{clock.after(window.end, seconds=-1)[:19]}Z"


def window_of(around: str, window: str) -> Window:
    """The window around a time or ``now``; raises Invalid naming what is no time and no duration."""
    faults = []
    width, moment, end = 0, "", ""
    try:
        moment, end = span(clock.now() if around == NOW else around)
    except ValueError as error:
        faults.append(Fault("around", f"{error}, or now"))
    match = _DURATION.match(window)
    if match is None:
        faults.append(Fault("window", "is no duration: write 90s, 30m, 2h, 3d or 1w"))
    else:
        width = int(match[1]) * UNITS[match[2]]
        if not 0 < width <= WINDOW_DAYS_MAX * UNITS["d"]:
            faults.append(Fault("window", f"must be 1s to {WINDOW_DAYS_MAX}d", "use: byhand search"))
    if faults:
        raise Invalid("the window is not understood", tuple(faults))
    return Window(
        moment=moment, start=clock.after(moment, seconds=-width), end=clock.after(end, seconds=width)
    )


def act_of(row: InterventionRow, entries: Sequence[Stored], *, whole: bool) -> Act:
    """The act that the records of an intervention tell of; what is erased, or withheld unless ``whole``, is marked."""
    readable = [(one.leaf.recorded, one.record) for one in entries if isinstance(one.record, Record)]
    told = standard.row_of_intervention(readable)
    known = bool(told["Action_Type"])
    new = told["New_Value"]
    read_back = known and not new.startswith(standard.DECLARED)
    shown = whole and known
    nothing = standard.ERASED if not known else standard.WITHHELD
    return Act(
        id=row.id,
        index=row.first,
        time=told["Timestamp"] or row.declared,
        declared=row.declared,
        ended=_ended(row, readable),
        until=_until(row, readable),
        person=row.person,
        action=row.action,
        target=f"{row.system}/{row.type}/{row.target}",
        point=row.point or None,
        environment=row.environment,
        tier=row.tier,
        before=told["Original_Value"] if shown else nothing,
        after=(new if read_back else new.removeprefix(standard.DECLARED)) if shown else nothing,
        read_back=read_back,
        state=row.phase,
        reason=told["Justification_Reason"] if shown else nothing,
    )


def _ended(row: InterventionRow, readable: Sequence[tuple[str, object]]) -> str | None:
    """The time of the last step; findings come afterwards and do not count."""
    if row.phase in OPEN:
        return None
    outcomes = [recorded for recorded, record in readable if isinstance(record, Outcome)]
    steps = [recorded for recorded, record in readable if isinstance(record, Intent | Approval | Permit)]
    return max(outcomes or steps, default=row.declared)


def _until(row: InterventionRow, readable: Sequence[tuple[str, object]]) -> str | None:
    ends = [one.declaration.change.effective_until for _, one in readable if isinstance(one, Intent)]
    return ends[0] if ends and row.phase == "applied" else None


def within(act: Act, window: Window | None) -> bool:
    """Whether the act itself, not only a later word about it, touches the window."""
    return window is None or act.ended is None or act.ended >= window.start
