# SPDX-License-Identifier: Apache-2.0
"""Why somebody reads: which chains of records demand a reason before they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from byhand.control.chains import Link
from byhand.errors import Fault, Invalid
from byhand.journal.reader import Stored
from byhand.records.kinds import Record
from byhand.records.limits import NOTES_LENGTH_MAX
from byhand.trust import reading


def demanded(entries: Sequence[Stored | Link]) -> bool:
    """Whether the chain of an intervention, or one record outside of any, is shown only to those who say why.

    1 one of its records is of such a class; 2 a record of a version unknown here, shown as it stands, may be;
    3 so may a chain whose beginning, which says its class, is erased.
    """
    for stored in entries:
        if isinstance(stored.record, Record):
            if reading.demands(stored.record):  # 1
                return True
        elif stored.record is not None:  # 2
            return True
    return entries[0].record is None and any(one.record is not None for one in entries)  # 3


def check_length(reason: str | None) -> None:
    """Raise Invalid when the reason is more than an access record takes, whatever is read."""
    if reason is not None and len(reason) > NOTES_LENGTH_MAX:
        fault = Fault("/why", f"is longer than {NOTES_LENGTH_MAX} characters", "the rest goes in the ticket")
        raise Invalid("the reason for reading is too long", (fault,))
