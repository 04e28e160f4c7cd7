# SPDX-License-Identifier: Apache-2.0
"""What a reader asks of byhand: the same contract whether the log is in this process or behind a URL.

Every method that shows somebody's record leaves an access record first; nothing is shown when that fails. Those
that show what is of a class which demands a reason raise ReasonRequired without one, and that is recorded too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from byhand.client.contract import Acknowledgement, Approvals, FindingRequest, Inbox, Receipt
from byhand.records.base import Part
from byhand.records.kinds import Intent


class ShownEntry(Part, kw_only=True):
    """One entry as readers see it: its place, its leaf, its record as far as it still opens, a standard row."""

    index: int
    leaf: dict[str, Any]
    leaf_hash: str
    record: dict[str, Any] | None = None
    people: dict[str, Any] = msgspec.field(default_factory=dict)
    erased: tuple[str, ...] = ()
    row: dict[str, str] = msgspec.field(default_factory=dict)


class Shown(Part, kw_only=True):
    """An intervention, or one record outside of any, as it stands in the log."""

    id: str
    entries: tuple[ShownEntry, ...]
    state: str | None = None
    standard: dict[str, str] = msgspec.field(default_factory=dict)


class FoundRow(Part, kw_only=True):
    """One intervention that a search found."""

    id: str
    index: int
    declared: str
    changed: str
    person: str
    action: str
    target: str
    environment: str
    tier: str
    state: str
    reason: str = ""
    point: str | None = None
    classification: str = ""


class Found(Part, kw_only=True):
    """A page of a search, newest first; ``following`` is the cursor of the next page."""

    rows: tuple[FoundRow, ...]
    following: int | None = None


class FieldDifference(Part, kw_only=True):
    """Where two values differ: JSON pointer, and both sides in words."""

    pointer: str
    before: str | None = None
    after: str | None = None


class Changes(Part, kw_only=True):
    """What an intervention declared and what was found, against the value before."""

    id: str
    declared: tuple[FieldDifference, ...] = ()
    found: tuple[FieldDifference, ...] | None = None
    outcome: str | None = None


class FacetValue(Part, kw_only=True):
    """A value, and how many have it."""

    value: str
    count: int


class Facet(Part, kw_only=True):
    """How many matches have which value of one field: the most frequent ones, or the newest days."""

    by: str
    values: tuple[FacetValue, ...] = ()
    others: int = 0
    """How many further values there are."""


class Facets(Part, kw_only=True):
    """How many match, and by what; ``at_least``: there are more, the newest were counted."""

    total: int
    at_least: bool = False
    facets: tuple[Facet, ...] = ()


class Act(Part, kw_only=True):
    """One intervention on a line: when, who, where, from what to what, and what came of it."""

    id: str
    index: int
    time: str
    """When it was applied, else declared."""
    declared: str
    ended: str | None = None
    """When its last step was recorded; ``None`` while something may still follow."""
    until: str | None = None
    """When a change that was applied for a while only is to end."""
    person: str
    action: str
    target: str
    point: str | None = None
    environment: str
    tier: str
    before: str
    after: str
    read_back: bool
    """Whether ``after`` was read back; else it is only what was declared."""
    state: str
    reason: str


class Window(Part, kw_only=True):
    """A moment, or a span as short as it was written, with what lies before and after it."""

    moment: str
    start: str
    end: str


class Timeline(Part, kw_only=True):
    """Acts, oldest first, or newest first where that was asked for; ``following``: where earlier ones begin."""

    acts: tuple[Act, ...] = ()
    window: Window | None = None
    following: int | None = None


class AccessRow(Part, kw_only=True):
    """One read of records: who, how, what was asked for, how many were shown, why."""

    id: str
    index: int
    recorded: str
    person: str
    operation: str
    count: int
    """How many records were shown."""
    record: str = ""
    """The first of them, or the one that was refused; ``byhand show`` of this read has the others."""
    query: str = ""
    reason: str = ""
    refused: str = ""
    """Why it was refused; then nothing was shown."""
    via: str = ""
    """What read for the person, e.g. a token."""


class Accesses(Part, kw_only=True):
    """A page of the list of accesses, newest first; ``following`` is the cursor of the next page."""

    rows: tuple[AccessRow, ...]
    following: int | None = None
    own: bool = False
    """Whether only the reader's own are listed, because others' are not theirs to see."""


class FindingRow(Part, kw_only=True):
    """One conclusion: of which kind, about what, by whom, what it says."""

    id: str
    index: int
    recorded: str
    type: str
    about: str
    summary: str
    """``$withheld`` where the class of what it is about demands a reason, and none was given."""
    verdict: str = ""
    person: str = ""
    """Who concluded it; empty where byhand itself did."""


class FoundFindings(Part, kw_only=True):
    """A page of the list of findings, newest first; ``following`` is the cursor of the next page."""

    rows: tuple[FindingRow, ...]
    following: int | None = None


class Intended(Part, kw_only=True):
    """One's own intent as it stands in the log, and the attempt that used its permit, if one did."""

    intent: Intent
    attempt: str | None = None


class LogIdentity(Part, kw_only=True):
    """What a verifier must know of a log: its name, its keys, its officers' fingerprint."""

    origin: str
    keys: tuple[str, ...]
    officers: str


class Desk(Protocol):
    """Reading, for the person signed in. Each may be retried; ``export`` and ``evidence`` may be slow."""

    def veiled(self) -> Desk:
        """The same desk, which shows persons under their pseudonyms, and finds them by these alone."""
        ...

    def inbox(self) -> Inbox:
        """What waits for one's own approval, the one that lapses first on top."""
        ...

    def approvals(self, text: str) -> Approvals:
        """What is to be signed to approve an intervention, and who decided what."""
        ...

    def resolve(self, text: str) -> str:
        """The full id of an unambiguous beginning; raises NotFound, Invalid. Shows nothing, records nothing."""
        ...

    def show(self, text: str, *, reason: str | None = None) -> Shown:
        """Everything recorded about an intervention, or one record."""
        ...

    def search(self, query: str, *, limit: int = 50, before: int | None = None) -> Found:
        """Interventions that match, newest first."""
        ...

    def accesses(self, query: str, *, limit: int = 50, before: int | None = None) -> Accesses:
        """Who read what, newest first; one's own reads only for whoever may not see others'."""
        ...

    def findings(
        self, query: str, *, limit: int = 50, before: int | None = None, reason: str | None = None
    ) -> FoundFindings:
        """What was concluded, newest first."""
        ...

    def facets(self, query: str) -> Facets:
        """How many match, and how they are spread over states, persons, points and so on."""
        ...

    def timeline(
        self,
        query: str,
        *,
        around: str | None = None,
        window: str | None = None,
        limit: int = 50,
        before: int | None = None,
        newest_first: bool = False,
        reason: str | None = None,
        live: bool = False,
    ) -> Timeline:
        """The newest acts that match, in the order of time; around a moment only those of the window.

        What a class keeps behind a reason is withheld unless one is given. ``live``: asked again and again, for a
        view that follows what happens; it leaves one access record a minute.
        """
        ...

    def intended(self, intervention: str) -> Intended:
        """One's own intent, to go on with it; raises Refused for somebody else's. Leaves no access record."""
        ...

    def conclude_afterwards(self, finding: FindingRequest) -> Acknowledgement:
        """Put a correction beside the original, or say in hindsight whether it was right and what it led to."""
        ...

    def diff(self, text: str, *, reason: str | None = None) -> Changes:
        """Before against declared, and before against what was found."""
        ...

    def export(
        self,
        query: str,
        *,
        rows: str = "interventions",
        form: str = "csv",
        reason: str | None = None,
    ) -> Iterator[str]:
        """Lines of an export; the access record is in the log before the first one."""
        ...

    def evidence(
        self,
        text: str,
        *,
        persons: bool = False,
        reason: str | None = None,
        since: Sequence[bytes] = (),
    ) -> bytes:
        """The evidence bundle of an intervention. ``since``: checkpoints that its readers remember."""
        ...

    def prove(self, text: str) -> Receipt:
        """The receipt of a record, or of an intervention's latest one, under an anchored checkpoint."""
        ...


class PublicLog(Protocol):
    """What everybody may see of the log. Quick; may be retried."""

    def identity_of_log(self) -> LogIdentity:
        """The log's name, keys and officers, as it claims them."""
        ...

    def published(self) -> bytes:
        """The latest checkpoint that was signed and anchored."""
        ...

    def checkpoint(self) -> bytes:
        """A checkpoint that covers everything acknowledged so far, signed and anchored now."""
        ...

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The consistency proof between two sizes of the log."""
        ...
