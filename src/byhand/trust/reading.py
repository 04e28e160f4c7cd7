# SPDX-License-Identifier: Apache-2.0
"""Why somebody reads: which reads of which records demand a reason, and what is one. For desk and verifier alike."""

from __future__ import annotations

from unicodedata import category

from byhand.errors import ReasonRequired
from byhand.records import rules
from byhand.records.classification import demands_reason
from byhand.records.kinds import Access, Record
from byhand.records.limits import DIFFERENT_CHARACTERS_MIN, TEXT_LENGTH_MIN
from byhand.records.lookalikes import words

SHOW_BODIES = frozenset({"show", "diff", "evidence"})
"""Operations of access records that name every record of which they showed the body."""


def check_reason(reason: str | None) -> None:
    """Raise ReasonRequired unless ``reason`` says something, as notes must before an act."""
    if reason is None:
        raise ReasonRequired("its class demands a reason from whoever reads it, and none was given")
    plain = "".join(words(reason))
    if len(reason.strip()) < TEXT_LENGTH_MIN:
        raise ReasonRequired(f"the reason for reading it is shorter than {TEXT_LENGTH_MIN} characters")
    if len(set(plain)) < DIFFERENT_CHARACTERS_MIN or not any(one.isalpha() for one in plain):
        raise ReasonRequired("the reason for reading it says nothing")
    if rules.hidden_in_text(reason) or any(category(one) == "Cc" and one not in "\n\t" for one in reason):
        raise ReasonRequired("the reason for reading it holds characters that cannot be seen")


def says_why(reason: str | None) -> bool:
    """Whether ``reason`` is one."""
    try:
        check_reason(reason)
    except ReasonRequired:
        return False
    return True


def demands(record: Record) -> bool:
    """Whether the record is of a class that is shown only to those who say why."""
    return demands_reason(record.governance.classification)


class Reads:
    """Reads without the reason that a class demands, found while records pass in the order of the log.

    Memory: a number for each intervention, or record outside of any, of such a class.
    """

    def __init__(self) -> None:
        self.unexplained: list[str] = []
        """Ids of access records."""
        self._careful: set[int] = set()

    def see(self, record: Record) -> None:
        """The next record."""
        if isinstance(record, Access):
            if self._unexplained(record):
                self.unexplained.append(record.id)
        elif demands(record):
            self._careful.add(hash(record.intervention or record.id))

    def _unexplained(self, access: Access) -> bool:
        """An intervention's first record has its id, so whoever is shown its chain has it named."""
        showed = access.refused is None and access.operation in SHOW_BODIES
        careful = showed and any(hash(one) in self._careful for one in access.records)
        return careful and not says_why(access.reason)
