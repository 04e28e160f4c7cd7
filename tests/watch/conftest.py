# SPDX-License-Identifier: Apache-2.0
"""A real home whose point asks a circle, and intents that wait for another person's decision."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from byhand import clock, wiring
from byhand.control.asking import Asking
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import captured
from byhand.records.circles import Circle, Member
from byhand.records.intervention import Change, Decision, Declaration, Governance, Justification, Target
from byhand.records.kinds import SCHEMA_VERSION, Administration, Approval, Intent, Outcome, Permit
from byhand.trust import administration as trust
from byhand.watch.requests import Requests

TESTS = Path(__file__).resolve().parents[1]
sys.path.append(str(TESTS / "sinks"))
sys.path.append(str(TESTS.parent))
offices = importlib.import_module("tests.control.conftest")

URL = "https://byhand.example/"


@dataclass
class Desk:
    """An office with circles: ada asks, grace and alan are on call."""

    office: Any
    home: wiring.Home = field(init=False)

    def __post_init__(self) -> None:
        self.home = self.office.home
        for person in ("grace", "alan"):
            self.office.enrol(person, "ada")

    def circle(
        self, name: str, *members: Member, to: tuple[str, ...] = (), second: str | None = None
    ) -> None:
        made = Circle(name=name, members=members, destinations=to, second=second)
        self.submit(self.record(trust.CIRCLE_SET, name, made))

    def record(self, action: str, name: str, circle: Circle | None = None) -> Administration:
        return Administration(
            id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=name, circle=circle
        )

    def submit(self, record: Administration, *by: str) -> None:
        self.home.circles.submit(self.office.caller("ada"), self.office.signed(record, *(by or ("ada",))))

    def two_circles(self) -> None:
        """The second is the office's; the first is grace by mail and everybody by chat."""
        self.circle("head-office", Member(person="alan"), to=("webhook:pager",))
        self.circle(
            "risk-desk",
            Member(person="grace", destinations=("smtp:grace",)),
            Member(person="ada", destinations=("smtp:ada",)),
            to=("slack:risk-desk",),
            second="head-office",
        )

    def point(self, **changed: Any) -> None:
        self.office.register(offices.breaker(**{"circle": "risk-desk", **changed}))

    def ask(
        self,
        *,
        seconds: int = 3_600,
        needed: int = 1,
        point: str | None = "mm7-breaker",
        broken: bool = False,
        **governance: Any,
    ) -> Intent:
        """An intent by ada that needs approvals, or none as it breaks the glass, put into the log as the gate would."""
        id_, now = new_record_id(), clock.now()
        target = Target(system="risk-gateway", type="circuit_breaker", id="MM-7", point=point)
        declared = Declaration(
            record=id_,
            person="ada",
            action="trading.circuit_breaker.override",
            point=point,
            target=None if point else target,
            change=Change(original=captured.capture("secret before"), new=captured.capture("secret after")),
            expires=clock.after(now, seconds=seconds),
            break_glass=broken,
            justification=Justification(code="SYSTEM_ERROR_RECOVERY", text="why it is done, in private"),
        )
        intent = Intent(
            id=id_,
            schema=SCHEMA_VERSION,
            intervention=id_,
            declaration=declared,
            actor=self.office.caller("ada").actor(),
            target=target,
            mode="enforce",
            catalogue=1,
            decision=Decision(path="break-glass") if broken else Decision(approvals_needed=needed),
            governance=Governance(**governance),
        )
        self.home.journal.append([Entry(intent, expected_head=None)])
        return intent

    def decide(self, intent: Intent, decision: str = "approve") -> None:
        chain = self.home.chains.get(intent.id)
        acknowledgement, _ = chain.intent
        record = Approval(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=intent.id,
            actor=self.office.caller("grace").actor(),
            decision=decision,  # type: ignore[arg-type]
            intent=acknowledgement.index,
            leaf=acknowledgement.leaf,
        )
        self.home.journal.append([Entry(record, expected_head=chain.head)])

    def act(self, intent: Intent) -> None:
        """The change is carried out, as the gate would put it into the log."""
        chain = self.home.chains.get(intent.id)
        acknowledgement, _ = chain.intent
        common: dict[str, Any] = {"schema": SCHEMA_VERSION, "intervention": intent.id}
        permit = {
            "intent": acknowledgement.index,
            "leaf": acknowledgement.leaf,
            "permit": (issued := new_record_id()),
            "person": "ada",
            "change": "0" * 64,
            "before": "0" * 64,
            "attempt": "first",
            "executor": "test",
            "expires": clock.after(clock.now(), seconds=3_600),
        }
        for record in (
            Permit(id=issued, phase="issued", **permit, **common),
            Permit(id=new_record_id(), phase="redeemed", **permit, **common),
            Outcome(id=new_record_id(), result="applied", attempt="first", **common),
        ):
            self.home.journal.append([Entry(record, expected_head=self.home.chains.get(intent.id).head)])

    def review(self, intent: Intent, *persons: str) -> None:
        for person in persons:
            self.home.findings.review(
                self.office.caller(person), intent.id, "right", "It could not wait at all."
            )

    def requests(self, home: wiring.Home | None = None) -> Requests:
        found = home or self.home
        return Requests(found.journal, found.chains, found.circles, found.outbox, URL)

    def asking(self) -> Asking:
        return Asking(self.home.chains, self.home.outbox)

    def at(self, intent: Intent, seconds: float) -> str:
        """The time ``seconds`` after the log recorded the intent."""
        stored = self.home.journal.reader.find(intent.id)
        assert stored is not None
        return clock.after(stored.leaf.recorded, seconds=seconds)

    def sent(self, intent: Intent) -> set[tuple[str, str]]:
        """Occasion and destination of every letter."""
        return {
            (one.id.removeprefix(f"{intent.id}-"), one.destination)
            for one in self.home.outbox.letters(intent.id)
        }

    def message(self, intent: Intent, occasion: str = "request") -> dict[str, Any]:
        found = [one for one in self.home.outbox.letters(intent.id) if one.id.endswith(occasion)]
        return msgspec.json.decode(found[0].content, type=dict[str, Any])


@pytest.fixture(scope="session")
def pens(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Everybody's keys."""
    return offices.Pens(tmp_path_factory.mktemp("pens"))


@pytest.fixture
def desk(tmp_path: Path, pens: Any) -> Iterator[Desk]:
    """The desk, without circles."""
    office = offices.Office(tmp_path / "home", pens, {"XDG_STATE_HOME": str(tmp_path / "state")})
    office.begin()
    yield Desk(office)
    office.home.close()
