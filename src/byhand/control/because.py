# SPDX-License-Identifier: Apache-2.0
"""Why somebody reads: which records demand a reason, and what is one."""

from __future__ import annotations

from collections.abc import Sequence

from byhand.control.reasons import DIFFERENT_CHARACTERS_MIN, TEXT_LENGTH_MIN, words
from byhand.errors import Fault, Invalid, ReasonRequired
from byhand.journal.reader import Stored
from byhand.records import rules
from byhand.records.classification import demands_reason
from byhand.records.kinds import Record
from byhand.records.limits import NOTES_LENGTH_MAX


def demanded(entries: Sequence[Stored]) -> bool:
    """Whether the chain of an intervention, or one record outside of any, is shown only to those who say why.

    1 one of its records is of such a class; 2 a record of a version unknown here, shown as it stands, may be;
    3 so may a chain whose beginning, which says its class, is erased.
    """
    for stored in entries:
        if isinstance(stored.record, Record):
            if demands_reason(stored.record.governance.classification):  # 1
                return True
        elif stored.record is not None:  # 2
            return True
    return entries[0].record is None and any(one.record is not None for one in entries)  # 3


def check_length(reason: str | None) -> None:
    """Raise Invalid when the reason is more than an access record takes, whatever is read."""
    if reason is not None and len(reason) > NOTES_LENGTH_MAX:
        fault = Fault("/why", f"is longer than {NOTES_LENGTH_MAX} characters", "the rest goes in the ticket")
        raise Invalid("the reason for reading is too long", (fault,))


def says_why(reason: str | None) -> bool:
    """Whether ``reason`` is one."""
    try:
        check(reason)
    except ReasonRequired:
        return False
    return True


def check(reason: str | None) -> None:
    """Raise ReasonRequired unless ``reason`` says something, as notes must before an act."""
    if reason is None:
        raise ReasonRequired("its class demands a reason from whoever reads it, and none was given")
    plain = "".join(words(reason))
    if len(reason.strip()) < TEXT_LENGTH_MIN:
        raise ReasonRequired(f"the reason for reading it is shorter than {TEXT_LENGTH_MIN} characters")
    if len(set(plain)) < DIFFERENT_CHARACTERS_MIN or not any(one.isalpha() for one in plain):
        raise ReasonRequired("the reason for reading it says nothing")
    if rules.hidden_in_text(reason):
        raise ReasonRequired("the reason for reading it holds characters that cannot be seen")
