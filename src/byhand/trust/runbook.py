# SPDX-License-Identifier: Apache-2.0
"""Runbooks: an act that officers allowed in advance, within bounds. For the gate now and a verifier years later.

An intent needs no approvals of its own when

    0  its declaration names a runbook, and the decision the record by which that version came into force
    1  that version is in force here: not replaced, not retired, its point still the same place
    2  it is for this very point, which is registered and enforces
    3  the point is not critical
    4  the runbook had not ended when the declaration came, which was just before it was recorded
    5  the new value is declared, and is one of the values or lies in the range
    6  a person acts: an agent's act takes somebody independent who looks at it
    7  uses were left that day (UTC) of the declaration's coming

Where the tier demands the person's own signature it is demanded here too: it covers the runbook's name.

Of a version itself:

    a  it is the next one, its uses a day and its bounds are possible ones
    b  it ends, and no later than 90 days after it was recorded
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from byhand.errors import ProofMismatch, Unsound
from byhand.records import captured, limits
from byhand.records.kinds import Administration, Intent, Point
from byhand.records.runbooks import Runbook
from byhand.records.values import CapturedValue
from byhand.trust import administration as trust
from byhand.trust.freshness import COMMIT_SECONDS_MAX, seconds_between

PATH: Final = "runbook"
"""What the intent's decision says of the path it took."""
DAYS_MAX = 90  # a quarter: what nobody has looked at since is signed anew
DAY_SECONDS = 86_400
USES_MAX = 100  # uses a day; what happens more often than that is no exception, and belongs into the system
_NUMBER = re.compile(limits.NUMBER_FORM + r"\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Version:
    """A version, and the id of the record by which it came into force."""

    record: str
    runbook: Runbook
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Shelf:
    """The last version of every runbook at one place of the log. Immutable."""

    versions: Mapping[str, Version] = field(default_factory=dict)

    def after(self, record: Administration, points: Mapping[str, Point], recorded: str) -> Shelf:
        """The shelf after a record whose signatures hold; raises Unsound (a, b). ``points``: those before it."""
        runbook = record.runbook
        if runbook is not None:
            check_version(runbook, self.versions.get(runbook.name), recorded)
            return self._with(Version(record.id, runbook))
        if record.action == trust.RUNBOOK_RETIRE and record.subject in self.versions:
            return self._with(replace(self.versions[record.subject], retired=True))
        if record.subject in points and _moved(points[record.subject], record):
            return self._without_point(record.subject)
        return self

    def _with(self, version: Version) -> Shelf:
        return Shelf({**self.versions, version.runbook.name: version})

    def _without_point(self, point: str) -> Shelf:
        """What was allowed at one place is not allowed at another that takes its name."""
        return Shelf(
            {
                name: replace(one, retired=True) if one.runbook.point == point else one
                for name, one in self.versions.items()
            }
        )

    def in_force(self, name: str | None) -> Version:
        """The version in force; raises ProofMismatch (1)."""
        version = self.versions.get(name or "")
        if version is None:
            raise ProofMismatch(f"there is no runbook {name!r}")
        if version.retired:
            raise ProofMismatch(f"the runbook {name!r} was retired")
        return version


def _moved(point: Point, record: Administration) -> bool:
    """Whether ``record`` takes a point out of the inventory, or makes another place of it."""
    if record.action == trust.POINT_RETIRE:
        return True
    new = record.point
    return new is not None and _place(new) != _place(point)


def _place(point: Point) -> tuple[str, ...]:
    return (point.action, point.system, point.type, point.id, point.field, point.environment)


def check_version(runbook: Runbook, before: Version | None, recorded: str) -> None:
    """Raise Unsound unless ``runbook`` may follow ``before`` at the time ``recorded`` (a, b)."""
    expected = before.runbook.version + 1 if before is not None else 1
    if runbook.version != expected:  # a
        raise Unsound(f"version {runbook.version} of {runbook.name} is not the next one, {expected}")
    if not 1 <= runbook.uses_a_day <= USES_MAX:
        raise Unsound(f"{runbook.name} is good for {runbook.uses_a_day} uses a day, not 1 to {USES_MAX}")
    _check_bounds(runbook)
    seconds = seconds_between(recorded, runbook.ends)
    if seconds is None or not 0 < seconds <= DAYS_MAX * DAY_SECONDS:  # b
        raise Unsound(f"{runbook.name} does not end within {DAYS_MAX} days: {runbook.ends}")


def _check_bounds(runbook: Runbook) -> None:
    if (runbook.minimum, runbook.maximum) != (None, None):
        low, high = number(runbook.minimum), number(runbook.maximum)
        if low is None or high is None or low > high:
            raise Unsound(f"the range of {runbook.name} is not two numbers, the lesser one first")
    elif not runbook.values:
        raise Unsound(f"{runbook.name} says of no value that it is allowed")
    if any(value.form not in ("inline", "absent") or value.masked for value in runbook.values):
        raise Unsound(f"{runbook.name} allows a value that it does not show")


def is_runbook(intent: Intent) -> bool:
    """Whether this intent was let pass by a runbook."""
    return intent.decision.path == PATH


def check(intent: Intent, shelf: Shelf, point: Point, used: Callable[[str, str], int]) -> None:
    """Raise ProofMismatch unless 0 to 7 hold; ``used``: how often a version (record id) was used on a day."""
    declaration = intent.declaration
    version = shelf.in_force(declaration.runbook)  # 0, 1
    runbook, received = version.runbook, intent.times.received or ""
    if not is_runbook(intent) or intent.decision.runbook != version.record:
        raise ProofMismatch(f"it was not let pass by version {runbook.version} of {runbook.name}")
    if intent.target.point != runbook.point or point.name != runbook.point or point.mode != "enforce":  # 2
        raise ProofMismatch(f"the runbook {runbook.name} is for the point {runbook.point}, where it enforces")
    if point.tier == "critical":  # 3
        raise ProofMismatch("no runbook lets an act of critical risk pass")
    if not received < runbook.ends:  # 4
        raise ProofMismatch(f"the runbook {runbook.name} ended at {runbook.ends}")
    if not allows(runbook, declaration.change.new):  # 5
        raise ProofMismatch(f"the runbook {runbook.name} does not allow this value: {bounds(runbook)}")
    if intent.actor.via is not None and intent.actor.via.kind == "agent":  # 6
        raise ProofMismatch("an agent uses no runbook: somebody independent looks at its act")
    if used(version.record, day_of(received)) >= runbook.uses_a_day:  # 7
        raise ProofMismatch(f"the runbook {runbook.name} is used up for the day ({runbook.uses_a_day})")


def check_still(intent: Intent, shelf: Shelf) -> None:
    """Raise ProofMismatch when the version that let ``intent`` pass is no longer in force: it gets no permit (1)."""
    if not is_runbook(intent):
        return
    name = intent.declaration.runbook
    if shelf.in_force(name).record != intent.decision.runbook:
        raise ProofMismatch(f"the runbook {name!r} was changed since this was declared")


def check_received(intent: Intent, recorded: str) -> None:
    """Raise ProofMismatch unless the declaration came just before it was recorded, as it says (4)."""
    received = intent.times.received or ""
    seconds = seconds_between(received, recorded)
    if seconds is None or abs(seconds) > COMMIT_SECONDS_MAX:
        raise ProofMismatch(f"it says it came at {received!r}, and was recorded at {recorded}")


def allows(runbook: Runbook, new: CapturedValue | None) -> bool:
    """Whether ``new`` is one of the values, or a number in the range; what cannot be read is neither."""
    if new is None or new.form not in ("inline", "absent") or new.masked:
        return False
    if any(captured.same(new, value) for value in runbook.values):
        return True
    low, high, value = number(runbook.minimum), number(runbook.maximum), number(new.text)
    return low is not None and high is not None and value is not None and low <= value <= high


def number(text: str | None) -> Decimal | None:
    """``text`` as a number, written out as in JSON; ``None`` for everything else, strings of digits included."""
    if text is None or len(text) > limits.NUMBER_LENGTH_MAX or not _NUMBER.match(text.strip()):
        return None
    return Decimal(text.strip())


def bounds(runbook: Runbook) -> str:
    """What it allows, in words."""
    allowed = [captured.render(value) for value in runbook.values]
    if runbook.minimum is not None:
        allowed.append(f"{runbook.minimum} to {runbook.maximum}")
    return ", ".join(allowed)


def day_of(time: str) -> str:
    """The day (UTC) of a record time."""
    return time[:10]


def use_claim(record: str, day: str, use: int) -> str:
    """The name that the ``use``-th use of a version on a day takes in the log, once for ever."""
    return f"runbook:{record}:{day}:{use}"
