# SPDX-License-Identifier: Apache-2.0
"""Interventions against a real home: no permit, no act; and whatever happens in the body is in the log."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from real_home import ADA, ORIGIN, RealHome

from byhand import clock
from byhand.client import concluding, interventions, looking, persisting, steps
from byhand.client.contract import Backend, Permitted
from byhand.client.interventions import Intervention
from byhand.client.places import RegisteredPoint, Target
from byhand.errors import (
    BeforeStateChanged,
    Conflict,
    Invalid,
    LogUnavailable,
    NotAsDeclared,
    NotFound,
    NotPermitted,
    OutcomeUnrecorded,
    ProbeFailed,
    Refused,
)
from byhand.probes.callable import CallableProbe
from byhand.records import captured
from byhand.records.actor import Via
from byhand.records.intervention import Automation, FailedCheck
from byhand.records.kinds import Intent, Outcome, Permit


class Engine:
    """The automated system: one value, and how often it was read."""

    def __init__(self, state: object = "HALTED") -> None:
        self.state = state
        self.reads = 0

    def read(self) -> object:
        self.reads += 1
        return self.state

    def set(self, state: object) -> None:
        self.state = state


class Interposed:
    """A backend in which one step goes wrong, all others being the real ones."""

    def __init__(self, real: Backend, **steps_replaced: Any) -> None:
        self._real = real
        self._replaced = steps_replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._real, name)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RealHome]:
    """A real home with one point of medium risk in enforce, and one of high risk."""
    opened = RealHome(tmp_path)
    opened.add_point()
    opened.add_point("limit", tier="high", secrets=("/password",))
    yield opened
    opened.close()


@pytest.fixture
def engine() -> Engine:
    """Halted."""
    return Engine()


def kinds(home: RealHome, act: Intervention) -> list[str]:
    """What the log holds of an intervention, in short."""
    return [
        getattr(one, "phase", None) or getattr(one, "result", None) or type(one).__name__.lower()
        for one in home.records(act.id)
    ]


def intent(home: RealHome, act: Intervention) -> Intent:
    """The intent in the log."""
    first = home.records(act.id)[0]
    assert isinstance(first, Intent)
    return first


# -- the trip


def test_an_act_is_declared_permitted_done_and_read_back(home: RealHome, engine: Engine) -> None:
    """A with block leaves intent, permit issued and redeemed, and the outcome with the value found."""
    with home.act(engine.read, new="ACTIVE") as act:
        assert kinds(home, act) == ["intent", "issued", "redeemed"]
        engine.set("ACTIVE")
    assert kinds(home, act) == ["intent", "issued", "redeemed", "applied"]
    assert act.outcome.as_declared is True
    assert act.outcome.found is not None
    assert act.outcome.found.text == '"ACTIVE"'
    declared = intent(home, act).declaration
    assert declared.person == ADA
    assert declared.change.original.text == '"HALTED"'
    assert json.loads(declared.change.patch or "")[0]["value"] == "ACTIVE"
    assert json.loads(declared.change.reverse or "")[0]["value"] == "HALTED"
    assert act.before.text == '"HALTED"'
    assert engine.reads == 3


def test_the_receipt_holds_an_inclusion_proof(home: RealHome, engine: Engine) -> None:
    """act.receipt names the outcome's record and carries a tlog-proof under a checkpoint of this origin."""
    with home.act(engine.read, new="ACTIVE") as act:
        engine.set("ACTIVE")
    assert act.receipt.acknowledgement.record == act.outcome.id
    assert act.receipt.proof.startswith("c2sp.org/tlog-proof@v1\n")
    assert f"\n{ORIGIN}\n" in act.receipt.proof
    assert act.receipt is act.receipt


def test_an_intent_is_signed_whenever_a_key_is_at_hand(home: RealHome, engine: Engine) -> None:
    """Signed by the actor with a key; vouched for by the server without one, where the risk allows that."""
    with home.act(engine.read, new="ACTIVE") as signed:
        engine.set("ACTIVE")
    home.signer = None
    with home.act(engine.read, new="HALTED") as unsigned:
        engine.set("HALTED")
    assert intent(home, signed).actor.signed_by == "actor"
    assert intent(home, unsigned).actor.signed_by == "server"
    assert intent(home, unsigned).statement is None


def test_a_key_that_cannot_be_found_only_matters_where_risk_is_high(home: RealHome, engine: Engine) -> None:
    """Medium risk goes on unsigned; high risk refuses before anything is recorded."""

    def nowhere() -> Any:
        raise NotFound("no key", advice="ssh-add")

    home.signer = nowhere
    with home.act(engine.read, new="ACTIVE") as act:
        engine.set("ACTIVE")
    assert intent(home, act).statement is None
    with pytest.raises(NotFound), home.act(engine.read, place="limit", new="ACTIVE"):
        pytest.fail("the body ran")
    home.signer = None
    with (
        pytest.raises(Refused, match="signed by your own key"),
        home.act(engine.read, place="limit", new="X"),
    ):
        pytest.fail("the body ran")


def test_a_target_that_nobody_registered_is_high_risk(home: RealHome, engine: Engine) -> None:
    """An unregistered target is production, high, enforced: it takes a signature and a declared value."""
    place = Target("risk-gateway", "trader_limit", "T-9", "/max")
    with home.act(engine.read, place=place, action="trading.limit.raise", new="ACTIVE") as act:
        engine.set("ACTIVE")
    record = intent(home, act)
    assert (record.target.tier, record.target.environment, record.mode) == ("high", "production", "enforce")
    assert record.declaration.change.field == "/max"
    with pytest.raises(Invalid, match="/action"), home.act(engine.read, place=place, new="X"):
        pytest.fail("the body ran")
    with (
        pytest.raises(Invalid, match="/change/new"),
        home.act(engine.read, place=place, action="trading.limit.raise"),
    ):
        pytest.fail("the body ran")


def test_what_is_known_besides_is_recorded(home: RealHome, engine: Engine) -> None:
    """Tickets, what the automation had found, and who carried the act are part of the intent."""
    automation = Automation(workflow="mm", failed_checks=(FailedCheck(name="spread"),))
    via = Via(kind="pipeline", id="ci/77")
    with home.act(engine.read, new="ACTIVE", tickets=("INC-1",), automation=automation, via=via) as act:
        engine.set("ACTIVE")
    record = intent(home, act)
    assert record.declaration.automation == automation
    assert record.actor.via == via
    justification = record.declaration.justification
    assert justification is not None
    assert (justification.tickets, justification.collected) == (("INC-1",), "library")
    times = record.declaration.times
    assert times is not None
    offset = datetime.now(UTC).astimezone().utcoffset()
    assert offset is not None
    assert times.utc_offset_minutes == offset.total_seconds() / 60


# -- the body never runs


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"reason": "NO_SUCH_CODE"}, "/justification/code"),
        ({"notes": ""}, "/justification/text"),
        ({"notes": "..........."}, "/justification/text"),
        ({"action": "no action"}, "/action"),
        ({"action": "trading.other.thing"}, "/action"),
        ({"new": object()}, "cannot be captured"),
        ({"place": "mm7-braker"}, "no intervention point"),
        ({"caused_by": "not an id"}, "/caused_by"),
    ],
)
def test_a_bad_declaration_never_reaches_the_body(
    home: RealHome, engine: Engine, changed: dict[str, Any], complaint: str
) -> None:
    """Unknown codes, lazy texts, wrong actions, points and values are refused with every fault named."""
    with (
        pytest.raises((Invalid, NotFound), match=complaint),
        home.act(engine.read, **{"new": "ACTIVE", **changed}),
    ):
        pytest.fail("the body ran")


def test_a_value_that_changed_meanwhile_is_refused(home: RealHome) -> None:
    """When the value is another one at the permit than at the intent, the body never runs."""
    values = iter(["HALTED", "REDUCING", "REDUCING"])
    act = home.act(lambda: next(values), new="ACTIVE")
    with pytest.raises(BeforeStateChanged), act:
        pytest.fail("the body ran")
    assert kinds(home, act)[-1] == "abandoned"
    assert "redeemed" not in kinds(home, act)


def test_an_unreadable_value_stops_high_risk_only(home: RealHome) -> None:
    """High risk refuses an unreadable before-state; at medium risk it is recorded as unknown, with cause."""

    def broken() -> str:
        raise TimeoutError("no answer")

    with pytest.raises(ProbeFailed, match="TimeoutError"), home.act(broken, place="limit", new="ACTIVE"):
        pytest.fail("the body ran")
    with home.act(broken, new="ACTIVE") as act:
        pass
    before = intent(home, act).declaration.change.original
    assert (before.form, before.cause) == ("unknown", "the function that reads the value raised TimeoutError")
    assert act.outcome.result == "applied"
    assert act.outcome.found is not None
    assert act.outcome.found.form == "unknown"
    assert act.outcome.as_declared is None


def test_a_value_that_nobody_can_read_says_so(home: RealHome) -> None:
    """Without read= and without a probe the advice is to give one of them."""
    with pytest.raises(Invalid) as failure, home.act(place="limit", new="ACTIVE"):
        pytest.fail("the body ran")
    assert "read=" in failure.value.advice
    assert "--probe" in failure.value.advice


def test_a_log_that_cannot_be_written_stops_the_act(home: RealHome, engine: Engine) -> None:
    """An unavailable log at any step before the body means that the body never runs."""

    def gone(*_: object) -> Any:
        raise LogUnavailable("disk full")

    for step in ("point", "declare", "permit"):
        backend = Interposed(home.backend, **{step: gone})
        act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))
        with pytest.raises(LogUnavailable), act:
            pytest.fail("the body ran")


def test_a_slow_permit_is_used_on_a_value_read_once_more(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the permit took long to come and the value changed in between, the act is abandoned."""
    monkeypatch.setattr(interventions, "READ_AGAIN_SECONDS", 0.0)

    def slow(*given: Any) -> Any:
        permitted = home.backend.permit(*given)
        engine.set("REDUCING")
        return permitted

    backend = Interposed(home.backend, permit=slow)
    act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))
    with pytest.raises(BeforeStateChanged, match="on its way"), act:
        pytest.fail("the body ran")
    assert kinds(home, act) == ["intent", "issued", "redeemed", "abandoned"]


def test_one_intervention_is_used_once(home: RealHome, engine: Engine) -> None:
    """Entering a second time is refused: every act has an intent of its own."""
    with home.act(engine.read, new="ACTIVE") as act:
        engine.set("ACTIVE")
    with pytest.raises(Invalid, match="used already"), act:
        pytest.fail("the body ran")


def test_nothing_is_known_before_it_has_happened(home: RealHome, engine: Engine) -> None:
    """Asking for the outcome of an act that has not ended is refused with advice."""
    act = home.act(engine.read, new="ACTIVE")
    for name in ("id", "declared", "before", "permitted", "outcome", "receipt"):
        with pytest.raises(Invalid, match="not come that far"):
            getattr(act, name)


# -- the body ran


@pytest.mark.parametrize(
    "error", [ValueError("engine says no"), KeyboardInterrupt(), SystemExit(3), MemoryError()]
)
def test_whatever_the_body_raises_is_recorded_and_raised_again(
    home: RealHome, engine: Engine, error: BaseException
) -> None:
    """Every exception, interrupts included, becomes outcome failed and reaches the caller as it was."""
    act = home.act(engine.read, new="ACTIVE")
    with pytest.raises(type(error)) as caught, act:
        raise error
    assert caught.value is error
    assert act.outcome.result == "failed"
    assert (act.outcome.error or "").startswith(type(error).__name__)
    assert act.outcome.found is not None
    assert act.outcome.found.text == '"HALTED"'


def test_secrets_never_leave_the_process(home: RealHome) -> None:
    """A declared secret field is gone from values, patches and error texts alike; equality stays provable."""
    limits = {"user": "mm7", "password": "hunter2hunter2", "max": 1}
    with (
        pytest.raises(RuntimeError),
        home.act(lambda: limits, place="limit", new={**limits, "max": 2}) as act,
    ):
        raise RuntimeError("login with hunter2hunter2 refused")
    data = b"".join(
        home.home.journal.reader.entry(stored.index) for stored in home.home.journal.reader.chain(act.id)
    )
    assert b"hunter2" not in data
    assert "hunter2" not in repr(home.records(act.id))
    change = intent(home, act).declaration.change
    assert change.new is not None
    assert change.original.masked == change.new.masked
    assert change.original.masked[0].pointer == "/password"
    assert act.outcome.error == "RuntimeError: login with [redacted] refused"


def test_another_value_than_declared_is_told(home: RealHome, engine: Engine) -> None:
    """The act is recorded as applied and not as declared, and the caller gets NotAsDeclared."""
    act = home.act(engine.read, new="ACTIVE")
    with pytest.raises(NotAsDeclared, match="found is REDUCING, declared was ACTIVE"), act:
        engine.set("REDUCING")
    assert (act.outcome.result, act.outcome.as_declared) == ("applied", False)
    assert kinds(home, act)[-1] == "applied"


def test_without_a_declared_value_it_is_what_is_read_back(home: RealHome, engine: Engine) -> None:
    """At medium risk a command may stand for the new value; None is the value null, not its absence."""
    with home.act(engine.read, command="ab" * 32) as act:
        engine.set("ACTIVE")
    assert act.outcome.as_declared is None
    assert intent(home, act).declaration.change.new is None
    with home.act(engine.read, new=None) as act:
        engine.set(None)
    assert act.outcome.as_declared is True


def test_plain_text_is_compared_with_plain_text(home: RealHome, tmp_path: Path) -> None:
    """A declared word is the same as the word a command or a text file gives back, without quotes."""
    state = tmp_path / "state.txt"
    state.write_text("HALTED\n")
    with home.act(f"file:{state}", new="ACTIVE") as act:
        state.write_text("ACTIVE\n")
    assert act.outcome.as_declared is True


def test_a_word_is_declared_as_it_will_be_read(home: RealHome, tmp_path: Path) -> None:
    """Also where there was nothing or a number before: a word is compared in the probe's own form."""
    state = tmp_path / "state.txt"
    with home.act(f"file:{state}", new="ACTIVE") as act:
        state.write_text("ACTIVE\n")
    assert (act.before.form, act.outcome.as_declared) == ("absent", True)
    for before, new in (("1", "off"), ("off", "2.50"), ("off", 3), ("3", "on")):
        state.write_text(f"{before}\n")
        with home.act(f"command:cat {state}", new=new) as act:
            state.write_text(f"{new}\n")
        assert act.outcome.as_declared is True


def test_a_broken_probe_does_not_lose_the_outcome(home: RealHome, engine: Engine) -> None:
    """A probe that raises anything at all after the act leaves the value unknown, the outcome recorded."""

    class Broken(CallableProbe):
        def read(self) -> Any:
            if engine.state == "ACTIVE":
                raise ZeroDivisionError
            return super().read()

    with home.act(Broken(engine.read), new="ACTIVE") as act:
        engine.set("ACTIVE")
    assert act.outcome.found is not None
    assert act.outcome.found.cause == "the probe broke with ZeroDivisionError"


def test_an_interrupt_while_reading_back_is_recorded_and_raised(home: RealHome, engine: Engine) -> None:
    """Ctrl-C after the body: the outcome says applied with the value unread, and the interrupt goes on."""

    def read() -> object:
        if engine.state == "ACTIVE":
            raise KeyboardInterrupt
        return engine.read()

    act = home.act(read, new="ACTIVE")
    with pytest.raises(KeyboardInterrupt), act:
        engine.set("ACTIVE")
    assert kinds(home, act)[-1] == "applied"
    assert act.outcome.found is not None
    assert act.outcome.found.cause == "reading the value back was interrupted"


def test_a_point_reads_itself_by_its_probe(home: RealHome, tmp_path: Path) -> None:
    """A point with a probe needs no read=, and the record says that byhand read the value."""
    limits = tmp_path / "limits.json"
    limits.write_text('{"max": 1.0}')
    home.add_point("file-limit", probe=f"file:{limits}#/max", id="L-2", field="/max")
    with home.act(place="file-limit", new=2.5) as act:
        limits.write_text('{"max": 2.50}')
    assert act.outcome.found is not None
    assert (act.outcome.found.text, act.outcome.as_declared, act.outcome.read_by) == ("2.50", True, "probe")


def test_an_outcome_that_cannot_be_recorded_is_said_out_loud(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller learns that the act happened, which one, and what to do; the body's error is chained."""
    monkeypatch.setattr(concluding, "CONCLUDE_PAUSES_SECONDS", (0.0, 0.0))
    tries: list[str] = []

    def gone(_: str, outcome: Outcome) -> Any:
        tries.append(outcome.id)
        raise LogUnavailable("disk full")

    backend = Interposed(home.backend, conclude=gone)
    act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))
    with pytest.raises(OutcomeUnrecorded, match="disk full") as failure, act:
        raise ValueError("engine says no")
    assert act.id in str(failure.value)
    assert "byhand conclude" in failure.value.advice
    assert isinstance(failure.value.__cause__, ValueError)
    assert len(tries) == 3
    assert len(set(tries)) == 1


def test_an_outcome_gets_through_when_the_log_comes_back(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that is busy for a moment costs nothing but that moment."""
    monkeypatch.setattr(concluding, "CONCLUDE_PAUSES_SECONDS", (0.0, 0.0))
    answers = iter([LogUnavailable("busy")])

    def busy(*given: Any) -> Any:
        for error in answers:
            raise error
        return home.backend.conclude(*given)

    backend = Interposed(home.backend, conclude=busy)
    with Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend)) as act:
        engine.set("ACTIVE")
    assert act.outcome.as_declared is True


def test_a_refused_outcome_is_said_out_loud_too(home: RealHome, engine: Engine) -> None:
    """Any refusal after the body is OutcomeUnrecorded: the act cannot be taken back."""

    def refuse(*_: object) -> Any:
        raise Conflict("settled by somebody else")

    backend = Interposed(home.backend, conclude=refuse)
    act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))
    with pytest.raises(OutcomeUnrecorded, match="settled"), act:
        engine.set("ACTIVE")


# -- outcomes that do not get through at once


def _reading(values: list[Any]) -> Any:
    """A probe that reads each of ``values``, an exception being raised; the last one for ever."""

    class Reading(CallableProbe):
        def read(self) -> Any:
            value = values.pop(0) if len(values) > 1 else values[0]
            if isinstance(value, Exception):
                raise value
            return captured.capture(value)

    return Reading(lambda: None)


@pytest.mark.parametrize(
    ("after", "form"),
    [
        ({"k" * 400: {f"password{number}": "x" * 5 for number in range(200)}}, "redacted"),
        ({"k" * 9_000: {"password": "hunter22"}}, "redacted"),
        (ProbeFailed("bad\x00frame"), "unknown"),
        (ProbeFailed("no such file \udcff"), "unknown"),
    ],
    ids=["many-secrets", "long-key", "nul", "surrogate"],
)
def test_a_value_that_no_record_can_hold_does_not_lose_the_outcome(
    home: RealHome, after: Any, form: str
) -> None:
    """Whatever is read back, how the act ended is in the log."""
    with home.act(_reading(["x", "x", after]), command="ab" * 32) as act:
        pass
    assert kinds(home, act)[-1] == "applied"
    assert act.outcome.found is not None
    assert act.outcome.found.form == form


def test_a_found_value_that_the_log_refuses_is_left_out(home: RealHome, engine: Engine) -> None:
    """The outcome is recorded without it, and says why."""

    def picky(intervention: str, outcome: Outcome) -> Any:
        if outcome.found is not None and outcome.found.form == "inline":
            raise Invalid("this record is too large")
        return home.backend.conclude(intervention, outcome)

    backend = Interposed(home.backend, conclude=picky)
    with Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend)) as act:
        engine.set("ACTIVE")
    assert act.outcome.found is not None
    assert act.outcome.found.cause == "the value found cannot be recorded: this record is too large"
    assert len(home.unsent) == 0


def _gone_once(home: RealHome, error: BaseException, times: int) -> Interposed:
    """A backend whose conclude raises ``error`` so many times, and works from then on."""
    left = iter([error] * times)

    def conclude(*given: Any) -> Any:
        for one in left:
            raise one
        return home.backend.conclude(*given)

    return Interposed(home.backend, conclude=conclude)


def test_an_outcome_that_did_not_get_through_is_sent_before_the_next_act(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost while the process lives, and its target is not blocked by itself."""
    monkeypatch.setattr(concluding, "CONCLUDE_PAUSES_SECONDS", (0.0,))
    backend = _gone_once(home, LogUnavailable("disk full"), 2)
    act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))
    with pytest.raises(OutcomeUnrecorded), act:
        engine.set("ACTIVE")
    assert (kinds(home, act)[-1], len(home.unsent)) == ("redeemed", 1)
    with home.act(engine.read, new="HALTED"):
        engine.set("HALTED")
    assert (kinds(home, act)[-1], len(home.unsent)) == ("applied", 0)


def test_a_kept_outcome_whose_value_the_log_refuses_is_sent_without_it(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept while the log was away, and refused for its value when it is back: it is recorded all the same."""
    monkeypatch.setattr(concluding, "CONCLUDE_PAUSES_SECONDS", ())
    act = Intervention(
        home.request(new="ACTIVE"),
        home.means(engine.read, backend=_gone_once(home, LogUnavailable("disk full"), 1)),
    )
    with pytest.raises(OutcomeUnrecorded), act:
        engine.set("ACTIVE")

    def picky(intervention: str, outcome: Outcome) -> Any:
        if outcome.found is not None and outcome.found.form == "inline":
            raise Invalid("this record is too large")
        return home.backend.conclude(intervention, outcome)

    home.unsent.send(Interposed(home.backend, conclude=picky))
    assert (kinds(home, act)[-1], len(home.unsent)) == ("applied", 0)


def test_an_interrupt_in_the_pause_does_not_lose_the_outcome(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the log is busy: it is asked once more, then the interrupt goes on."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    backend = _gone_once(home, LogUnavailable("busy"), 1)
    act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))
    monkeypatch.setattr(persisting.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt), act:
        engine.set("ACTIVE")
    assert kinds(home, act)[-1] == "applied"


def test_a_backend_that_breaks_is_told_as_an_outcome_not_recorded(home: RealHome, engine: Engine) -> None:
    """A fault in byhand itself neither hides the body's error nor loses the outcome."""
    backend = _gone_once(home, ZeroDivisionError("oops"), 1)
    act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))
    with pytest.raises(OutcomeUnrecorded, match="ZeroDivisionError: oops") as failure, act:
        raise ValueError("engine says no")
    assert isinstance(failure.value.__cause__, ValueError)
    home.unsent.send(home.backend)
    assert kinds(home, act)[-1] == "failed"


def test_a_home_closed_inside_the_body_is_told_in_words(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller learns that the home was closed, and not what a database says of it."""
    monkeypatch.setattr(concluding, "CONCLUDE_PAUSES_SECONDS", ())
    with (
        pytest.raises(OutcomeUnrecorded, match="the home was closed meanwhile"),
        home.act(engine.read, new="ACTIVE"),
    ):
        home.home.close()


def test_a_secret_repeated_in_its_value_does_not_stop_the_act(home: RealHome, engine: Engine) -> None:
    """The before-state is the same at intent and permit, and no copy of the secret is in the log."""
    engine.state = {"password": "s3cretpw", "backup": "mysqldump -ps3cretpw db", "max": 1}
    after = {**engine.state, "max": 2}
    with home.act(engine.read, new=after) as act:
        engine.set(after)
    assert act.outcome.as_declared is True
    assert "s3cretpw" not in repr(home.records(act.id))


def test_a_long_message_keeps_no_half_of_a_secret(home: RealHome) -> None:
    """Where the search for secrets ends, a secret cut in two is not left standing."""
    filler = "f" * ((looking.LOOKED_AT_MAX - len("RuntimeError: ") - 9) // 7)
    value = {"filler": filler, "password": "hunter2hunter2"}
    home.add_point("long", secrets=("/filler",), id="L-9")
    act = home.act(lambda: value, place="long", new=value)
    with pytest.raises(RuntimeError), act:
        raise RuntimeError(filler * 7 + "hunter2hunter2 was refused")
    assert "hunter2" not in str(act.outcome.error)


def test_what_holds_secrets_does_not_show_them(home: RealHome) -> None:
    """Tracebacks and debuggers print what stands in a repr: keys and values as read are left out."""
    request = home.request("limit", new={"password": "hunter2hunter2"})
    prepared = steps.declare_only(
        home.backend, request, read=lambda: {"password": "hunter2hunter1"}, signer=home.signer
    )
    view = home.backend.point("limit")
    assert view.mac_key not in repr(prepared) + repr(request) + repr(view) + str(view.__rich_repr__())
    assert "hunter2" not in repr(prepared) + repr(request)
    assert view.mac_key_id in repr(view)


def test_two_threads_with_one_object_act_once(home: RealHome, engine: Engine) -> None:
    """An intervention is entered by one of them; the other one is told that it was used."""
    both = threading.Barrier(2)

    def backend() -> Backend:
        time.sleep(0.2)
        return home.backend

    act = Intervention(
        home.request(new="ACTIVE"), dataclasses.replace(home.means(engine.read), backend=backend)
    )
    told: list[object] = []

    def use() -> None:
        both.wait()
        try:
            with act:
                told.append("acted")
                engine.set("ACTIVE")
        except Invalid as error:
            told.append(str(error))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, told)) == ["acted", "this intervention was used already"]


def test_a_signer_that_refuses_stops_high_risk_only(home: RealHome, engine: Engine) -> None:
    """A locked agent is no key at hand: where the risk allows that, the server vouches for the person."""

    class Locked:
        fingerprint = home.key.fingerprint
        public_key_blob = home.key.public_key_blob

        def sign(self, *_: object) -> str:
            raise Refused("the agent is locked")

    home.add_point("watched", mode="observe", tier="critical", id="W-1")
    home.signer = Locked  # type: ignore[assignment]
    with home.act(engine.read, place="watched", new="ACTIVE") as act:
        engine.set("ACTIVE")
    assert intent(home, act).statement is None
    with pytest.raises(Refused, match="locked"), home.act(engine.read, place="limit", new="X"):
        pytest.fail("the body ran")


def test_tickets_are_a_list(home: RealHome, engine: Engine) -> None:
    """One text is refused: it would be recorded letter by letter."""
    with (
        pytest.raises(Invalid, match="/justification/tickets"),
        home.act(engine.read, new="ACTIVE", tickets="OPS-1"),
    ):
        pytest.fail("the body ran")


def test_a_task_that_a_decorated_function_leaves_behind_is_cancelled(home: RealHome, engine: Engine) -> None:
    """It may have begun, so the outcome is unknown; it does not go on."""

    async def main() -> None:
        act = home.act(engine.read, new="ACTIVE")

        async def later() -> None:
            await asyncio.sleep(0.05)
            engine.set("ACTIVE")

        @act
        def begin() -> object:
            return asyncio.ensure_future(later())

        with pytest.raises(Invalid, match="before its act ended"):
            begin()
        await asyncio.sleep(0.1)

    asyncio.run(main())
    assert engine.state == "HALTED"
    last = [stored.record for stored in home.home.journal.reader.scan(0)][-1]
    assert isinstance(last, Outcome)
    assert last.result == "unknown"


# -- decorators and async


def test_a_decorated_function_is_an_act_of_its_own_each_time(home: RealHome, engine: Engine) -> None:
    """Two calls, two interventions beside the one whose text they repeat; arguments and result pass through."""
    notes = "The desk opens and closes it all morning."
    with home.act(engine.read, new="HALTED", notes=notes) as first:
        engine.set("HALTED")
    request = home.request(new="ACTIVE", notes=notes, same_as=first.id)

    @Intervention(request, home.means(engine.read))
    def activate(word: str) -> str:
        """Change it."""
        engine.set(word)
        return word.lower()

    assert activate("ACTIVE") == "active"
    engine.set("HALTED")
    assert activate(word="ACTIVE") == "active"
    assert activate.__doc__ == "Change it."
    found = [
        stored.record for stored in home.home.journal.reader.scan(0) if isinstance(stored.record, Intent)
    ]
    assert len({one.id for one in found} - {first.id}) == 2


def test_a_decorated_coroutine_function_stays_one(home: RealHome, engine: Engine) -> None:
    """Async def functions are awaited inside of their intervention."""

    @home.act(engine.read, new="ACTIVE")
    async def activate() -> str:
        await asyncio.sleep(0)
        engine.set("ACTIVE")
        return "done"

    assert asyncio.run(activate()) == "done"
    last = [stored.record for stored in home.home.journal.reader.scan(0)][-1]
    assert isinstance(last, Outcome)
    assert last.as_declared is True


def test_generators_are_refused(home: RealHome, engine: Engine) -> None:
    """A generator has no one moment at which the act is over."""

    def steps_of_it() -> Iterator[int]:
        yield 1

    async def later() -> Any:
        yield 1

    for function in (steps_of_it, later):
        with pytest.raises(Invalid, match="generator"):
            home.act(engine.read, new="ACTIVE")(function)


def test_async_with_never_blocks_the_loop(home: RealHome, engine: Engine) -> None:
    """While the value is read and the log is written, other tasks go on; the body stays on the loop."""
    ticks = 0
    threads: list[threading.Thread] = []

    def slow() -> object:
        threads.append(threading.current_thread())
        time.sleep(0.1)
        return engine.read()

    async def ticking() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    async def main() -> Intervention:
        beside = asyncio.create_task(ticking())
        async with home.act(slow, new="ACTIVE") as act:
            threads.append(threading.current_thread())
            engine.set("ACTIVE")
        beside.cancel()
        return act

    act = asyncio.run(main())
    assert act.outcome.as_declared is True
    assert ticks > 20
    assert threads[2] is threading.main_thread()
    assert threading.main_thread() not in threads[:2]


def test_a_cancelled_body_is_recorded(home: RealHome, engine: Engine) -> None:
    """Cancelling the task inside the body leaves outcome failed, and the cancellation goes on."""

    async def main() -> Intervention:
        act = home.act(engine.read, new="ACTIVE")
        entered = asyncio.Event()

        async def body() -> None:
            async with act:
                entered.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(body())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return act

    act = asyncio.run(main())
    assert (act.outcome.result, act.outcome.error) == ("failed", "CancelledError")


@pytest.mark.parametrize("cancellations", [1, 3])
def test_a_permit_that_comes_after_the_cancellation_is_abandoned(
    home: RealHome, engine: Engine, cancellations: int
) -> None:
    """Cancelled while it waits for the permit, the body never runs, and the used permit says abandoned."""
    asked = threading.Event()
    answer = threading.Event()

    def slow(*given: Any) -> Any:
        asked.set()
        answer.wait(10)
        return home.backend.permit(*given)

    async def main() -> Intervention:
        backend = Interposed(home.backend, permit=slow)
        act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))

        async def body() -> None:
            async with act:
                pytest.fail("the body ran")

        task = asyncio.create_task(body())
        await asyncio.to_thread(asked.wait, 10)
        for _ in range(cancellations):
            task.cancel()
            await asyncio.sleep(0.02)
        answer.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return act

    act = asyncio.run(main())
    assert kinds(home, act) == ["intent", "issued", "redeemed", "abandoned"]


def test_a_cancellation_while_the_outcome_is_recorded_waits_for_it(home: RealHome, engine: Engine) -> None:
    """The outcome reaches the log first; then the cancellation goes on."""
    asked = threading.Event()

    def slow(*given: Any) -> Any:
        asked.set()
        time.sleep(0.2)
        return home.backend.conclude(*given)

    async def main() -> Intervention:
        backend = Interposed(home.backend, conclude=slow)
        act = Intervention(home.request(new="ACTIVE"), home.means(engine.read, backend=backend))

        async def body() -> None:
            async with act:
                engine.set("ACTIVE")

        task = asyncio.create_task(body())
        await asyncio.to_thread(asked.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return act

    assert asyncio.run(main()).outcome.result == "applied"


# -- changes that end by themselves


def test_a_change_ends_by_itself_as_an_act_of_its_own(home: RealHome, engine: Engine) -> None:
    """When due, the revert is declared, permitted and recorded: caused by the first, same person, reason."""
    with home.act(engine.read, new="ACTIVE", until=900, revert=lambda: engine.set("HALTED")) as act:
        engine.set("ACTIVE")
    due = intent(home, act).declaration.change.effective_until
    assert due is not None
    assert home.reverter.pending() == ((due, act.id),)
    assert home.reverter.run_due() == ()
    (reverted,) = home.reverter.run_due(due)
    assert engine.state == "HALTED"
    assert reverted.outcome is not None
    assert (reverted.outcome.result, reverted.outcome.as_declared) == ("applied", True)
    record = home.records(reverted.outcome.intervention or "")[0]
    assert isinstance(record, Intent)
    assert record.declaration.caused_by == record.caused_by == act.id
    assert (record.actor.person, record.actor.via) == (ADA, Via(kind="integration", id="byhand.client"))
    justification, first = record.declaration.justification, intent(home, act).declaration.justification
    assert justification is not None
    assert first is not None
    assert (justification.code, justification.text, justification.collected) == (
        first.code,
        first.text,
        "inherited",
    )
    assert home.reverter.run_due(due) == ()


def test_a_revert_does_not_undo_what_somebody_else_did(home: RealHome, engine: Engine) -> None:
    """When the value is not the one the act left, the revert stands back and says so."""
    with home.act(
        engine.read, new="ACTIVE", until=timedelta(seconds=5), revert=lambda: engine.set("X")
    ) as act:
        engine.set("ACTIVE")
    engine.set("REDUCING")
    (reverted,) = home.reverter.run_due(clock.after(clock.now(), seconds=6))
    assert isinstance(reverted.error, BeforeStateChanged)
    assert (reverted.caused_by, reverted.pending) == (act.id, False)
    assert engine.state == "REDUCING"


def test_a_revert_that_fails_is_tried_again(home: RealHome, engine: Engine) -> None:
    """A failed revert is recorded as failed and stays pending for a later try."""
    results = iter([False, True])

    def revert() -> None:
        if not next(results):
            raise ConnectionError("engine is away")
        engine.set("HALTED")

    with home.act(engine.read, new="ACTIVE", until=1, revert=revert):
        engine.set("ACTIVE")
    now = clock.after(clock.now(), seconds=2)
    (first,) = home.reverter.run_due(now)
    assert first.pending
    assert isinstance(first.error, ConnectionError)
    assert home.reverter.run_due(now) == ()
    (second,) = home.reverter.run_due(clock.after(now, seconds=31))
    assert second.outcome is not None
    assert engine.state == "HALTED"


def test_a_revert_can_be_a_command_run_from_a_thread(home: RealHome, tmp_path: Path) -> None:
    """The background thread runs a due revert command and reports it."""
    state = tmp_path / "state.txt"
    state.write_text("HALTED")
    reported: list[object] = []
    told = threading.Event()

    def report(one: object) -> None:
        reported.append(one)
        told.set()

    home.reverter.start(report)
    command = ["sh", "-c", f"printf HALTED > {state}"]
    with home.act(f"file:{state}", new="ACTIVE", until=0.2, revert=command):
        state.write_text("ACTIVE")
    assert told.wait(10)
    home.reverter.stop()
    assert state.read_text() == "HALTED"
    assert len(reported) == 1


@pytest.mark.parametrize(
    ("until", "revert", "complaint"),
    [
        (60, None, "/revert"),
        (None, ["true"], "/until"),
        (-5, ["true"], "does not lie in the future"),
        (datetime(2020, 1, 1, tzinfo=UTC), ["true"], "does not lie in the future"),
        (datetime(2099, 1, 1), ["true"], "no time zone"),  # noqa: DTZ001
    ],
)
def test_an_end_needs_a_revert_and_a_time_to_come(
    home: RealHome, engine: Engine, until: Any, revert: Any, complaint: str
) -> None:
    """until= without revert=, the other way round, and times without a future are refused."""
    with pytest.raises(Invalid, match=complaint), home.act(engine.read, new="X", until=until, revert=revert):
        pytest.fail("the body ran")


@pytest.mark.parametrize("until", [math.nan, math.inf, 1e20, 1e9, "15m", True, timedelta.max])
def test_an_end_is_a_duration_or_a_time(home: RealHome, engine: Engine, until: Any) -> None:
    """What is neither, or too far away, is refused with what to give instead."""
    with (
        pytest.raises(Invalid, match="/change/effective_until"),
        home.act(engine.read, new="X", until=until, revert=["true"]),
    ):
        pytest.fail("the body ran")


def test_a_change_whose_outcome_was_not_recorded_ends_all_the_same(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in effect, recorded or not: its revert is due, and what was not sent goes first."""
    monkeypatch.setattr(concluding, "CONCLUDE_PAUSES_SECONDS", ())
    backend = _gone_once(home, LogUnavailable("disk full"), 1)
    means = home.means(engine.read, backend=backend, revert=lambda: engine.set("HALTED"))
    act = Intervention(home.request(new="ACTIVE", until=5), means)
    with pytest.raises(OutcomeUnrecorded), act:
        engine.set("ACTIVE")
    (reverted,) = home.reverter.run_due(clock.after(clock.now(), seconds=6))
    assert reverted.outcome is not None
    assert (engine.state, reverted.outcome.as_declared) == ("HALTED", True)
    assert kinds(home, act)[-1] == "applied"


def test_a_failed_act_is_not_reverted(home: RealHome, engine: Engine) -> None:
    """Nothing was changed as declared, so nothing is undone."""
    with pytest.raises(ValueError), home.act(engine.read, new="ACTIVE", until=60, revert=["true"]):
        raise ValueError
    assert home.reverter.pending() == ()


# -- step by step


def test_the_steps_can_be_taken_one_by_one(home: RealHome, engine: Engine) -> None:
    """declare, permit, redeem and conclude as a script takes them, each through the same parts."""
    place = RegisteredPoint("mm7-breaker")
    prepared = steps.declare_only(
        home.backend, home.request(new="ACTIVE"), read=engine.read, signer=home.signer
    )
    steps.permit_only(home.backend, prepared.intervention)
    redeemed = steps.redeem_only(home.backend, prepared.intervention, place, read=engine.read)
    engine.set("ACTIVE")
    concluded = concluding.conclude_only(
        home.backend, prepared.intervention, "applied", place, attempt=redeemed.attempt, read=engine.read
    )
    assert concluded.outcome.as_declared is True
    phases = [one.phase for one in home.records(prepared.intervention) if isinstance(one, Permit)]
    assert phases == ["issued", "redeemed"]


def test_a_permit_is_used_once(home: RealHome, engine: Engine) -> None:
    """A second attempt at the same permit is refused, whoever makes it."""
    place = RegisteredPoint("mm7-breaker")
    prepared = steps.declare_only(home.backend, home.request(new="ACTIVE"), read=engine.read)
    steps.permit_only(home.backend, prepared.intervention)
    first = steps.redeem_only(
        home.backend, prepared.intervention, place, read=engine.read, executor="a", attempt="x"
    )
    again = steps.redeem_only(
        home.backend, prepared.intervention, place, read=engine.read, executor="a", attempt="x"
    )
    assert first == again
    with pytest.raises(NotPermitted, match="used"):
        steps.redeem_only(home.backend, prepared.intervention, place, read=engine.read)


# -- what bodies and machines do


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_Unspeakable(), "_Unspeakable: its message cannot be read"),
        (FileNotFoundError(2, "No such file", "/srv/\udcff"), "\\udcff"),
        (RuntimeError("\x1b[31m\x00\u202egnp.exe"), "RuntimeError: \\x1b[31m\\x00\\u202egnp.exe"),
        (RuntimeError("x" * 5_000_000), "RuntimeError: xxx"),
        (GeneratorExit(), "GeneratorExit"),
        (ExceptionGroup("both", [ValueError("\ud800")]), "ExceptionGroup: both"),
    ],
    ids=["no-words", "half-a-character", "escapes", "huge", "generator-exit", "group"],
)
def test_an_exception_of_any_kind_is_recorded(
    home: RealHome, engine: Engine, error: BaseException, said: str
) -> None:
    """Whatever it is made of: the outcome is recorded and the body's own exception goes on."""
    act = home.act(engine.read, new="ACTIVE")
    with pytest.raises(type(error)) as raised, act:
        raise error
    assert raised.value is error
    assert act.outcome.result == "failed"
    assert said in str(act.outcome.error)


def test_a_permit_whose_answer_came_late_is_not_used(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body does not begin after the permit's end; that nothing was done is recorded."""
    permit = home.backend.permit

    def late(*args: Any) -> Permitted:
        return msgspec.structs.replace(permit(*args), expires=clock.now())

    monkeypatch.setattr(type(home.backend), "permit", staticmethod(late))
    act = home.act(engine.read, new="ACTIVE")
    with pytest.raises(NotPermitted, match="before the act began"), act:
        engine.state = "ACTIVE"
    assert engine.state == "HALTED"
    assert act.outcome.result == "abandoned"


def test_a_permit_that_lapses_while_the_loop_is_busy_is_not_used(
    home: RealHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the thread that got it and the body, the loop may do something else for long."""
    act = home.act(engine.read, new="ACTIVE")
    begin = act._begin

    def begun() -> None:
        begin()
        lapsed = msgspec.structs.replace(act.permitted, expires=clock.now())
        act._permitted = lapsed

    monkeypatch.setattr(act, "_begin", begun)

    async def work() -> None:
        async with act:
            engine.state = "ACTIVE"

    with pytest.raises(NotPermitted, match="before the act began"):
        asyncio.run(work())
    assert engine.state == "HALTED"
    assert act.outcome.result == "abandoned"


def test_a_function_that_only_begins_later_is_refused(home: RealHome, engine: Engine) -> None:
    """A callable that returns a coroutine or generator would act after its outcome: it is never started."""

    class Later:
        async def __call__(self) -> None:
            engine.state = "ACTIVE"

    def generator() -> Iterator[int]:
        engine.state = "ACTIVE"
        yield 1

    def indirectly() -> object:
        return generator()

    for function in (Later(), partial(Later()), indirectly):
        act = home.act(engine.read, new="ACTIVE")
        with pytest.raises(Invalid, match="returned before its act began"):
            act(function)()
        assert engine.state == "HALTED"
