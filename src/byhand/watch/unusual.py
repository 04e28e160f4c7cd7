# SPDX-License-Identifier: Apache-2.0
"""Says which acts are unusual for their person, with reasons: a finding beside the act, never more than the budget.

It says "unusual": whether that is bad is for a person to find out. For each entry of the log, in order:

    1  a point as it is registered       is remembered: it says who takes part
    2  a disposition of something said   ends its wait: learned unless it was truly unusual; may name what to expect
    3  an act that takes part            is judged
    4    within the budget, not expected is said, if it is news, and waits: nothing is learned of it until somebody
                                         says what it was
    5    otherwise                       is learned

What is said follows from the entries alone, under ids that follow from the acts'. So after a crash, or when
everything is learned anew, the same is said under the same ids, and the log holds it once.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, NamedTuple

import msgspec
import orjson

from byhand import clock
from byhand.control.chains import Chains
from byhand.detectors.contract import Act, Judgement
from byhand.detectors.unusual.budget import Budget
from byhand.detectors.unusual.model import Model
from byhand.errors import Invalid
from byhand.ids import derived_record_id
from byhand.journal.entry import Entry
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records import captured, codec
from byhand.records.intervention import Times
from byhand.records.kinds import SCHEMA_VERSION, Administration, Finding, Intent, Observation
from byhand.store.learned import Learned, LearnedRow
from byhand.watch.acts import TakingPart

NAME = "unusual"
UNUSUAL = "unusual"
"""The verdict."""
BATCH = 1_024  # entries between two looks at how much there is
KEEP_ENTRIES = 4_096  # entries that a crash costs to learn again: a few seconds
KEEP_SECONDS = 600.0  # the same for a quiet log
NEWS_SECONDS = 86_400.0  # older acts are history: they are learned, and nobody is told
A_DAY_MAX = 5  # said a day and team: more are not looked at
WAITING_MAX = 1_000  # said and undisposed; of more the oldest are given up, unlearned
EXPECTED_MAX = 1_000  # expectations in force; of more those that end first are given up
STATE_VERSION = 2
logger = logging.getLogger("byhand.watch")


class Expected(NamedTuple):
    """Acts that somebody said are to be expected."""

    person: str
    target: str
    """Empty: any."""
    action: str
    """Empty: any."""
    until: float

    def covers(self, act: Act) -> bool:
        """Whether the act is one of them."""
        return (
            act.person == self.person
            and self.target in ("", act.target)
            and self.action in ("", act.action)
            and act.at < self.until
        )


class Unusual:
    """A follower of the log. Several processes may run it: they say the same under the same ids."""

    def __init__(self, journal: Journal, chains: Chains, learned: Learned, taking_part: TakingPart) -> None:
        self._journal = journal
        self._chains = chains
        self._learned = learned
        self._chosen = taking_part.chosen()
        self._taking_part = taking_part
        self._lock = threading.Lock()
        self._started = False
        self._kept = 0
        self._kept_at = ""
        self._begin()

    def _begin(self) -> None:
        """Know nothing."""
        self._cursor = 0
        self._model = Model()
        self._budget = Budget()
        self._taking_part.places.clear()
        self._waiting: dict[str, Act] = {}
        self._expected: list[Expected] = []
        self._day: list[Any] = [0, {}]

    def turn(self, now: str) -> int:
        """Follow the log to its end; returns how many acts were said to be unusual."""
        with self._lock:
            try:
                self._resume()
                return self._follow(now)
            except BaseException:
                # In the middle of an entry, whose part in what is known would be counted twice.
                self._started = False
                raise

    def _follow(self, now: str) -> int:
        said = 0
        while self._cursor < (size := self._journal.reader.size):
            stop = min(self._cursor + BATCH, size)
            for stored in self._journal.reader.scan(self._cursor, stop):
                said += self._take(stored, now)
                self._cursor = stored.index + 1
            if self._cursor - self._kept >= KEEP_ENTRIES:
                self._keep(now)
        if self._kept < self._cursor and now >= clock.after(self._kept_at or now, seconds=KEEP_SECONDS):
            self._keep(now)
        self._kept_at = self._kept_at or now
        return said

    def close(self) -> None:
        """Keep what was learned since the last time."""
        with self._lock:
            if self._started and self._kept < self._cursor:
                self._keep("")

    def _resume(self) -> None:
        """Take up what was kept: when this begins, after a turn that failed, and when the log is shorter than known."""
        if self._started and self._cursor <= self._journal.reader.size:
            return
        self._started = True
        row = self._learned.load(NAME)
        # What was kept of a longer log is not this log's; and when others take part, others are learned of.
        if row is None or row.cursor > self._journal.reader.size or not self._taken_up(row):
            self._learned.forget(NAME)
            self._kept = 0
            self._begin()

    def _taken_up(self, row: LearnedRow) -> bool:
        state = orjson.loads(row.state)
        if state.get("version") != STATE_VERSION or state["taking_part"]["chosen"] != self._chosen:
            return False
        try:
            self._restore(state)
        except Invalid as error:
            logger.warning("%s: everything is learned anew", error)
            return False
        self._cursor = self._kept = row.cursor
        return True

    # -- one entry

    def _take(self, stored: Stored, now: str) -> int:
        record = stored.record
        if isinstance(record, Administration):
            self._taking_part.registered(record)  # 1
        elif isinstance(record, Finding):
            self._disposed(record)  # 2
        elif isinstance(record, Intent | Observation):
            found = self._taking_part.act(stored)
            if found is not None:
                return self._judge(stored, record, *found, now)
        return 0

    def _judge(self, stored: Stored, record: Intent | Observation, act: Act, team: str, now: str) -> int:
        judgement = self._model.judge(act)  # 3
        may_be_said = not self._is_expected(act) and self._has_room(act, team)
        said = self._budget.spend(judgement, may_be_said=may_be_said)
        if said:
            self._day[1][team] = self._day[1].get(team, 0) + 1
        if said and self._say(stored, record, judgement, act, now):  # 4
            self._waiting[derived_id(act.id)] = act
            while len(self._waiting) > WAITING_MAX:
                del self._waiting[next(iter(self._waiting))]
            return 1
        self._model.learn(act)  # 5
        return 0

    def _is_expected(self, act: Act) -> bool:
        self._expected = [one for one in self._expected if act.at < one.until]
        return any(one.covers(act) for one in self._expected)

    def _has_room(self, act: Act, team: str) -> bool:
        """Whether the team was told less than ``A_DAY_MAX`` times on the day of the act."""
        day = int(act.at // 86_400)
        if day != self._day[0]:
            self._day = [day, {}]
        return bool(self._day[1].get(team, 0) < A_DAY_MAX)

    def _say(
        self, stored: Stored, record: Intent | Observation, judgement: Judgement, act: Act, now: str
    ) -> bool:
        """Put the finding beside the act; ``False`` where it was never said and is no news any more."""
        id_ = derived_id(act.id)
        said_about = f"{NAME}\n{act.id}".encode()
        if self._journal.known(id_, said_about) is not None:
            return True
        if clock.parse(now).timestamp() - act.at > NEWS_SECONDS:
            return False
        finding = _finding(id_, stored, record, judgement)
        codec.validate(finding)
        self._chains.add(str(finding.intervention), Entry(finding, declaration=said_about))
        # A crash here: it is said, and the cursor stands before it. It is said again under the same id: once.
        return True

    def _disposed(self, finding: Finding) -> None:
        if finding.type != "disposition":
            return
        act = self._waiting.pop(finding.about, None)
        if act is None:
            return
        if finding.verdict in ("expected", "noise"):
            self._model.learn(act)
        if finding.expectation is not None and finding.verdict == "expected":
            scope = finding.expectation.scope
            self._expected.append(
                Expected(
                    act.person,
                    act.target if scope == "target" else "",
                    act.action if scope == "action" else "",
                    clock.parse(finding.expectation.until).timestamp(),
                )
            )
            self._expected = sorted(self._expected, key=lambda one: (-one.until, one))[:EXPECTED_MAX]

    # -- what is known

    def _keep(self, now: str) -> None:
        """Durable afterwards. A crash before it: the entries since the last time are learned again."""
        self._learned.keep(NAME, LearnedRow(self._cursor, self.encode()))
        self._kept, self._kept_at = self._cursor, now or self._kept_at

    def encode(self) -> bytes:
        """Everything known, as canonical bytes: the same entries give the same bytes."""
        state = {
            "version": STATE_VERSION,
            "model": self._model.state(),
            "budget": self._budget.state(),
            "taking_part": self._taking_part.state(),
            "waiting": [[id_, act] for id_, act in self._waiting.items()],
            "expected": self._expected,
            "day": self._day,
        }
        return orjson.dumps(msgspec.to_builtins(state), option=orjson.OPT_SORT_KEYS)

    def _restore(self, state: dict[str, Any]) -> None:
        self._model = Model.restore(state["model"])
        self._budget.restore(state["budget"])
        self._taking_part.restore(state["taking_part"])
        self._waiting = {id_: Act(*act) for id_, act in state["waiting"]}
        self._expected = [Expected(*one) for one in state["expected"]]
        self._day = state["day"]


def derived_id(record: str) -> str:
    """The id of what is said about a record: it follows from that alone, so that nothing is said twice."""
    return derived_record_id(record, NAME)


def _finding(id_: str, stored: Stored, record: Intent | Observation, judgement: Judgement) -> Finding:
    """Only what follows from entries; it names nobody, so that a pseudonymous view stays one."""
    words = "; ".join(reason.words for reason in judgement.reasons)
    reasons = [
        {"aspect": one.aspect, "words": one.words, "bits": round(one.bits, 1)} for one in judgement.reasons
    ]
    return Finding(
        id=id_,
        schema=SCHEMA_VERSION,
        intervention=record.intervention or record.id,
        times=Times(occurred=stored.leaf.recorded),
        governance=record.governance,
        type="alert",
        about=record.id,
        verdict=UNUSUAL,
        summary=f"unusual for this person: {words}",
        value=captured.capture({"score": round(judgement.score, 2), "reasons": reasons}),
        references=(record.id,),
    )
