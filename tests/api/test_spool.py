# SPDX-License-Identifier: Apache-2.0
"""Acts while the log cannot be reached, and their way back: a real server that goes away and returns."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from real_server import ADA, POINT, Client, Server, prepared, signed_in

import byhand
from byhand import wiring
from byhand.client.contract import SpoolAnswer
from byhand.client.http import HttpBackend
from byhand.client.interventions import Intervention, Means
from byhand.client.places import RegisteredPoint
from byhand.client.reverting import Reverter
from byhand.client.signing import find_signer
from byhand.client.speaking import sign_login
from byhand.client.spool_file import SpoolFile, spool_files
from byhand.client.spooling import SpoolBackend, send
from byhand.client.steps import Request
from byhand.client.unsent import OF_THIS_PROCESS
from byhand.control.judging import Judging
from byhand.errors import (
    BeforeStateChanged,
    Invalid,
    LogUnavailable,
    OutcomeUnrecorded,
    Overloaded,
    Refused,
    StillSpooled,
    Unreachable,
)
from byhand.ids import new_record_id
from byhand.records.kinds import Intent
from byhand.verifying import Knowledge, verify_target

LIMIT = "limit"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    """A server with a point of high risk and one of medium risk, both in enforce."""
    folder = tmp_path / "served"
    folder.mkdir()
    one = prepared(folder)
    target = ("--action", "trading.limit.raise", "--target", "risk-gateway/limit/ACME")
    more = ("--owner", ADA, "--tier", "medium", "--mode", "enforce")
    one.byhand("point", "add", LIMIT, *target, *more, "--probe", f"file:{one.gateway}#/state")
    one.start()
    yield one
    if one.process is not None:
        assert one.stop() == 0, "".join(one.said)


class Person:
    """Ada with a spool of her own."""

    def __init__(self, server: Server, folder: Path, *, person: str = ADA, key: str = "key") -> None:
        self.server = server
        self.folder = folder
        self.person = person
        self.client: Client | None = None
        self.key_path = server.folder / key
        self.said: list[str] = []
        self.signer = find_signer(key_path=self.key_path, environ={})
        self.backend = SpoolBackend(
            self.connect, url=server.url, folder=folder, signer=lambda: self.signer, say=self.said.append
        )

    def connect(self) -> HttpBackend:
        if self.client is None:
            self.client = signed_in(self.server.url, self.key_path, self.person)
        return self.client.backend

    def back(self) -> None:
        """The server is asked again at once, by a client that signs in anew."""
        self.close()
        self.backend._away_until = 0.0

    def close(self) -> None:
        if self.client is not None:
            self.client.line.close()
        self.client = None

    def act(self, new: str, place: str = LIMIT) -> Intervention:
        request = Request(
            place=RegisteredPoint(place),
            reason="FALSE_POSITIVE",
            notes=f"Stale quote from XLON, seen on two feeds ({new_record_id()}).",
            new=new,
        )
        means = Means(backend=lambda: self.backend, signer=lambda: self.signer, reverter=Reverter())
        return Intervention(request, means)

    def done(self, new: str, place: str = LIMIT) -> Intervention:
        """Carried out."""
        with self.act(new, place) as one:
            self.server.state(new)
        return one

    @property
    def file(self) -> SpoolFile:
        return SpoolFile(self.folder, self.backend.origin, self.person)

    def send(self, rows: Sequence[str]) -> tuple[SpoolAnswer, ...]:
        """Just these lines, as any HTTP client would send them."""
        return self.connect().send_spool(rows).answers


@pytest.fixture
def ada(served: Server, tmp_path: Path) -> Iterator[Person]:
    """Ada, who met the server before it goes away."""
    person = Person(served, tmp_path / "spool")
    person.backend.point(LIMIT)
    person.backend.point(POINT)
    yield person
    person.close()


def away(person: Person) -> None:
    assert person.server.stop() == 0
    person.backend._away_until = 0.0


def back(person: Person) -> None:
    person.server.start()
    person.back()


def verified(server: Server) -> list[str]:
    state = {"XDG_STATE_HOME": str(server.folder / ".local" / "state")}
    report = verify_target(str(server.home), Knowledge(environment=server.environment | state))
    return [f"{one.code}: {one.what}" for one in report.findings]


def records(server: Server, intervention: str) -> list[dict[str, object]]:
    shown = json.loads(server.byhand("show", intervention, "--output", "json"))
    return [one["record"] for one in shown["entries"]]


def test_an_act_without_the_log_is_spooled_and_comes_back_whole(ada: Person) -> None:
    """Intent, permit and outcome are in the log afterwards, marked as spooled, and the home verifies."""
    away(ada)
    act = ada.done("RAISED")
    assert act.outcome.result == "applied"
    with pytest.raises(StillSpooled):
        _ = act.receipt
    assert "spooled on this machine" in ada.said[0]
    back(ada)
    ada.backend.send_pending()
    assert ada.file.unsent() == ()
    assert act.receipt.acknowledgement.record == act.outcome.id
    found = records(ada.server, act.id)
    assert [(one["kind"], one.get("phase")) for one in found] == [
        ("intent", None),
        ("permit", "issued"),
        ("permit", "redeemed"),
        ("outcome", None),
    ]
    intent, issued, used = found[:3]
    assert issued["times"] != used["times"]  # each its own
    assert intent["decision"]["path"] == "spool"
    assert "would_refuse" not in intent["decision"]
    bundle = ada.server.folder / "evidence.zip"
    ada.server.byhand("evidence", act.id, "-o", str(bundle))
    ada.server.byhand("verify", str(bundle))
    unpacked = ada.server.folder / "unpacked"
    shutil.unpack_archive(bundle, unpacked, "zip")
    judge = next(unpacked.rglob("check.py"))
    judged = subprocess.run(
        [sys.executable, judge], cwd=judge.parent, capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged
    assert intent["flags"] == ["spooled"]
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_high_risk_is_never_spooled(ada: Person) -> None:
    """While nobody answers, an act of high risk does not begin, and neither does one at an unknown point."""
    away(ada)
    with pytest.raises(Unreachable, match="never spooled"):
        ada.done("ACTIVE", POINT)
    with pytest.raises(Unreachable, match="never asked about"):
        ada.done("ACTIVE", "unheard-of")
    assert not list(spool_files({"XDG_STATE_HOME": str(ada.folder)}))
    assert ada.server.state() == "HALTED"


@pytest.mark.parametrize("way", [{"break_glass": True}, {"runbook": "halt-acme"}])
def test_a_way_that_needs_the_log_is_never_spooled(ada: Person, way: dict[str, object]) -> None:
    """Nobody would hear of a broken glass, and nobody counts a runbook's use: such an act does not begin."""
    away(ada)
    one = ada.act("RAISED")
    one._request = replace(one._request, **way)  # type: ignore[arg-type]
    with pytest.raises(Unreachable, match="never spooled"), one:
        ada.server.state("RAISED")
    assert ada.file.unsent() == ()
    assert ada.server.state() == "HALTED"


def test_what_the_server_said_to_another_counts_for_nobody_else(ada: Person) -> None:
    """Two people use one machine: Bob acts on nothing that Ada was told, and not in her name."""
    away(ada)
    bob = Person(ada.server, ada.folder)
    bob.backend = SpoolBackend(
        bob.connect,
        url=ada.server.url,
        folder=ada.folder,
        signer=lambda: bob.signer,
        say=bob.said.append,
        person="bob.babbage",
    )
    with pytest.raises(Unreachable, match=r"last met by ada\.lovelace, not by bob\.babbage"):
        bob.done("RAISED")
    assert ada.file.unsent() == ()
    assert ada.server.state() == "HALTED"


def test_what_the_server_refuses_is_never_turned_into_a_spool(ada: Person) -> None:
    """A reason that the gate refuses stays refused: it answered."""
    one = ada.act("RAISED")
    object.__setattr__(one._request, "reason", "NO_SUCH_REASON")
    with pytest.raises(Invalid), one:
        ada.server.state("RAISED")
    assert ada.file.unsent() == ()
    assert ada.server.state() == "HALTED"


@pytest.mark.parametrize("kind", [Overloaded, LogUnavailable])
def test_a_server_that_has_no_room_is_not_out_of_reach(ada: Person, kind: type[LogUnavailable]) -> None:
    """To be told to come back later is an answer: nothing is spooled on it."""

    def full() -> HttpBackend:
        raise kind("no room")

    ada.backend._connect = full
    with pytest.raises(kind):
        ada.done("RAISED")
    assert ada.file.unsent() == ()


def test_an_old_view_counts_no_more_and_one_of_the_future_neither(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After eight hours without the server, or with the clock set back, the point's risk is not known."""
    from byhand import clock

    away(ada)
    now = clock.now()
    for seconds in (8 * 3_600 + 1, -60):
        monkeypatch.setattr("byhand.client.spooling.clock.now", lambda s=seconds: clock.after(now, seconds=s))
        with pytest.raises(Unreachable, match="what is known of limit"):
            ada.done("RAISED")
    assert ada.file.unsent() == ()


def test_a_before_state_that_changed_is_refused_without_the_log_too(ada: Person) -> None:
    """In enforce the value is read again before the line is written."""
    away(ada)
    one = ada.act("RAISED")
    spool_act = ada.backend.permit

    def moved(intervention: str, redeem: object = None) -> object:
        ada.server.state("MOVED")
        from byhand.client import steps

        sight = steps.look(ada.backend, RegisteredPoint(LIMIT), None, None)
        return spool_act(intervention, steps.make_attempt(sight))

    ada.backend.permit = moved  # type: ignore[method-assign,assignment]
    with pytest.raises(BeforeStateChanged), one:
        pass
    assert ada.file.unsent() == ()


def two_acts(ada: Person) -> list[str]:
    """Four lines that were never sent."""
    away(ada)
    ada.done("RAISED")
    ada.done("LOWERED")
    rows = list(ada.file.raw())
    back(ada)
    assert len(rows) == 4
    return rows


def verdicts(answers: Sequence[SpoolAnswer]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.result, one.verdicts) for one in answers]


GOOD = ("recorded", ())


def test_lines_sent_again_get_the_same_answers(ada: Person) -> None:
    """A replay is the answer that was lost: the same records at the same places, and nothing more."""
    rows = two_acts(ada)
    first = ada.send(rows)
    assert verdicts(first) == [GOOD] * 4
    assert ada.send(rows) == first
    assert ada.send(rows[2:]) == first[2:]
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_a_line_that_is_missing_is_found(ada: Person) -> None:
    """What follows is recorded all the same; the gap is a finding that stays when the line comes after all."""
    rows = two_acts(ada)
    assert verdicts(ada.send(rows[2:])) == [("recorded", ("spool_gap",)), GOOD]
    assert verdicts(ada.send(rows[:2])) == [GOOD, GOOD]
    found = json.loads(ada.server.byhand("show", json.loads(rows[2])["act"]["declaration"]["record"]))
    kinds = [(one["record"]["kind"], one["record"].get("verdict")) for one in found["entries"]]
    assert ("finding", "spool_gap") in kinds
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_reordered_lines_are_recorded_and_found(ada: Person) -> None:
    """An outcome before its act ends nothing, and is kept as a finding; nothing is dropped."""
    rows = two_acts(ada)
    answers = verdicts(ada.send([rows[1], rows[0], rows[3], rows[2]]))
    refused = ("refused", ("spool_refused",))
    assert answers == [refused, GOOD, refused, GOOD]
    assert verdicts(ada.send(rows)) == [GOOD] * 4  # in their order they are what they always were
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


@pytest.mark.parametrize(
    ("was", "becomes"),
    [('"RAISED', '"BIGGER'), ("medium", "low"), ("FALSE_POSITIVE", "SYSTEM_ERROR_RECOVERY")],
)
def test_a_line_that_was_changed_is_recorded_as_such(ada: Person, was: str, becomes: str) -> None:
    """The signature covers every value, the reason and the tier; the changed line stands in a finding."""
    rows = two_acts(ada)
    changed = rows[0].replace(was.replace('"', '\\"'), becomes.replace('"', '\\"'), 1)
    assert changed != rows[0]
    (answer,) = ada.send([changed])
    assert (answer.result, answer.verdicts) == ("refused", ("spool_refused",))
    assert "another content" in (answer.cause or "")
    assert ada.send([changed]) == (answer,)
    assert verdicts(ada.send(rows)) == [GOOD] * 4  # the true ones are none the worse for it
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


@pytest.mark.parametrize("line", ["", "{}", "nothing", "\x00\u202e", '{"statement":"x","act":null}'])
def test_what_is_no_line_at_all_is_kept_as_a_finding(ada: Person, line: str) -> None:
    """Whatever was sent as a line is in the log, and refuses nothing to the lines beside it."""
    (answer,) = ada.send([line])
    assert (answer.result, answer.verdicts) == ("refused", ("spool_refused",))
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_a_finding_is_kept_as_carefully_as_what_it_holds(ada: Person) -> None:
    """A refused line stands in a finding of its point's class, an outcome's of its intent's, any other of the last."""
    rows = two_acts(ada)
    target = ("--action", "trading.limit.raise", "--target", "risk-gateway/limit/ACME")
    more = ("--owner", ADA, "--tier", "medium", "--mode", "enforce", "--classification", "restricted")
    kept = ("--retention-class", "mifid2-7y", "--probe", f"file:{ada.server.gateway}#/state")
    ada.server.byhand("point", "add", LIMIT, *target, *more, *kept)
    changed = [row.replace("RAISED", "RUINED") for row in rows[:2]]
    ada.send(rows[:1])
    answers = ada.send([*changed, "{}"])
    assert {one.result for one in answers} == {"refused"}
    assert ada.server.stop() == 0
    home = wiring.open_home(
        ada.server.home, environment={"XDG_STATE_HOME": str(ada.server.folder / ".local" / "state")}
    )
    held = [home.journal.reader.find(one.acknowledgement.record) for one in answers]
    said = [one.record.governance for one in held if one is not None and one.record is not None]
    home.close()
    assert [(one.retention_class, one.classification) for one in said] == [
        ("mifid2-7y", "restricted"),
        ("mifid2-7y", "restricted"),
        ("default-7y", "secret"),
    ]


def test_a_second_history_is_found(ada: Person) -> None:
    """A spool put back from a copy and written on: both histories are recorded, and the fork is said."""
    away(ada)
    ada.done("RAISED")
    kept = ada.file.path.read_bytes()
    ada.done("LOWERED")
    first = list(ada.file.raw())
    ada.file.path.write_bytes(kept)
    ada.done("OTHER")
    second = list(ada.file.raw())
    back(ada)
    assert verdicts(ada.send(first)) == [GOOD] * 4
    fork = ("recorded", ("spool_fork",))
    assert verdicts(ada.send(second)) == [GOOD, GOOD, fork, fork]
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_a_spool_on_another_machine_takes_nothing_and_is_found(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied, it is refused where it was not written; forced, the machine that changed is a finding."""
    away(ada)
    ada.done("RAISED")
    other = hashlib.sha256(b"another machine").hexdigest()
    monkeypatch.setattr("byhand.client.spool_file.machine_digest", lambda: other)
    with pytest.raises(Refused, match="another machine"):
        ada.done("LOWERED")
    monkeypatch.setattr(SpoolFile, "_check", lambda *_: None)
    ada.done("LOWERED")
    rows = list(ada.file.raw())
    back(ada)
    assert verdicts(ada.send(rows)) == [GOOD, GOOD, ("recorded", ("spool_machine",)), GOOD]


def test_a_clock_that_went_back_is_found(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line says an earlier time than the one before it: recorded, and found."""
    from byhand import clock

    now = clock.now()
    away(ada)
    ada.done("RAISED")
    monkeypatch.setattr("byhand.client.spool_file.clock.now", lambda: clock.after(now, seconds=1e-3))
    ada.done("LOWERED")
    rows = list(ada.file.raw())
    back(ada)
    assert verdicts(ada.send(rows))[2:] == [("recorded", ("spool_order",)), GOOD]


def test_an_act_of_the_future_is_refused(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that runs hours ahead nothing becomes an intervention, and nothing is lost."""
    from byhand import clock

    away(ada)
    now = clock.now()
    monkeypatch.setattr("byhand.clock.now", lambda: clock.after(now, seconds=7_200))
    ada.done("RAISED")
    monkeypatch.undo()
    rows = list(ada.file.raw())
    back(ada)
    assert [one.result for one in ada.send(rows)] == ["refused", "refused"]
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_anothers_lines_cannot_be_sent(ada: Person, tmp_path: Path) -> None:
    """Bob hands in Ada's spool: it is on record that he did, and Ada's lines are still hers to send."""
    rows = two_acts(ada)
    bob = enrolled(ada.server, tmp_path, "bob.babbage")
    answers = bob.send(rows)
    assert [one.result for one in answers] == ["refused"] * 4
    bob.close()
    assert verdicts(ada.send(rows)) == [GOOD] * 4
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def enrolled(server: Server, folder: Path, person: str) -> Person:
    """Somebody else, with a key of their own."""
    key = server.folder / person
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    server.byhand("person", "add", person, "--public-key", f"{key}.pub")
    return Person(server, folder / person, person=person, key=person)


def test_a_point_whose_risk_was_raised_meanwhile_refuses_the_line(ada: Person) -> None:
    """What counts is the registered point: the act becomes a finding that holds all of it, and verify agrees."""
    away(ada)
    ada.done("RAISED")
    rows = list(ada.file.raw())
    target = ("--action", "trading.limit.raise", "--target", "risk-gateway/limit/ACME")
    more = ("--owner", ADA, "--tier", "high", "--mode", "enforce")
    probe = ("--probe", f"file:{ada.server.gateway}#/state")
    ada.server.byhand("point", "add", LIMIT, *target, *more, *probe)
    back(ada)
    answers = ada.send(rows)
    assert verdicts(answers) == [("refused", ("spool_refused",))] * 2
    assert "never spooled" in (answers[0].cause or "")
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_an_outcome_that_the_log_could_not_take_is_spooled(ada: Person) -> None:
    """The log goes away in the middle of an act of high risk: its outcome waits on this machine, and comes back."""
    with ada.act("ACTIVE", POINT) as act:
        ada.server.state("ACTIVE")
        away(ada)
    assert act.outcome.result == "applied"
    back(ada)
    ada.backend.send_pending()
    assert records(ada.server, act.id)[-1]["kind"] == "outcome"
    assert act.receipt.acknowledgement.record == act.outcome.id
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_an_outcome_that_cannot_be_spooled_is_not_forgotten(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spool that others may read takes no outcome, but the log has refused none: it waits, and comes back."""
    monkeypatch.setattr("byhand.client.concluding.CONCLUDE_PAUSES_SECONDS", ())
    away(ada)
    act = ada.act("RAISED")

    def acted() -> None:
        with act:
            ada.server.state("RAISED")
            ada.file.path.chmod(0o644)

    with pytest.raises(OutcomeUnrecorded, match="could not be spooled"):
        acted()
    assert len(OF_THIS_PROCESS) == 1
    ada.file.path.chmod(0o600)
    back(ada)
    OF_THIS_PROCESS.send(ada.backend)
    assert len(OF_THIS_PROCESS) == 0
    assert records(ada.server, act.id)[-1]["kind"] == "outcome"


def test_an_outcome_that_the_log_had_already_leaves_no_gap(ada: Person) -> None:
    """Told twice, by itself and by its line: the line's place is taken, and what follows it follows."""
    with ada.act("ACTIVE", POINT) as act:
        ada.server.state("ACTIVE")
        away(ada)
    ada.done("RAISED")
    rows = list(ada.file.raw())
    back(ada)
    ada.connect().conclude(act.id, act.outcome)
    assert verdicts(ada.send(rows)) == [GOOD] * 3
    assert verdicts(ada.send(rows)) == [GOOD] * 3
    found = [(one["kind"], one.get("verdict")) for one in records(ada.server, act.id)]
    assert found[-1] == ("finding", "spool_told")
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def test_an_outcome_that_came_by_its_line_is_known_when_it_is_told_directly(ada: Person) -> None:
    """The answer to one way is the answer to the other."""
    with ada.act("ACTIVE", POINT) as act:
        ada.server.state("ACTIVE")
        away(ada)
    rows = list(ada.file.raw())
    back(ada)
    assert verdicts(ada.send(rows)) == [GOOD]
    again = ada.connect().conclude(act.id, act.outcome)
    assert (again.acknowledgement.record, again.outcome.result) == (act.outcome.id, "applied")
    assert again.acknowledgement.index >= 0


def test_an_outcome_told_twice_is_one_line(ada: Person) -> None:
    """Whoever asks again, while the log is away or back, is told of the line there is."""
    with ada.act("ACTIVE", POINT) as act:
        ada.server.state("ACTIVE")
        away(ada)
    again = ada.backend.conclude(act.id, act.outcome)
    assert again.acknowledgement.record == act.outcome.id
    assert len(ada.file.unsent()) == 1
    back(ada)
    assert ada.backend.conclude(act.id, act.outcome).acknowledgement.index == -1
    assert ada.file.unsent() == ()  # sent by the way


def test_the_next_act_brings_the_spool_home(ada: Person) -> None:
    """Nobody has to think of it: acting through the server again sends what waits first."""
    away(ada)
    first = ada.done("RAISED")
    back(ada)
    second = ada.done("LOWERED")
    assert ada.file.unsent() == ()
    assert second.receipt.acknowledgement.index > first.receipt.acknowledgement.index
    with contextlib.suppress(StillSpooled):
        assert first.receipt


def test_a_place_that_cannot_be_written_stops_no_act_while_the_log_is_there(ada: Person) -> None:
    """Neither a view that cannot be kept nor a spool that cannot be locked is the act's: it is said, and goes on."""
    away(ada)
    ada.done("RAISED")
    back(ada)
    shutil.rmtree(ada.folder / "views")
    (ada.folder / "views").write_text("no folder")
    lock = ada.file.path.with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    act = ada.done("LOWERED")
    assert act.receipt.acknowledgement.index > 0
    said = "\n".join(ada.said)
    assert "not kept for an outage" in said
    assert "the spool could not be sent" in said
    lock.rmdir()
    ada.backend.send_pending()
    assert ada.file.unsent() == ()


def test_what_another_process_sent_has_its_receipt(ada: Person) -> None:
    """A byhand spool send, run beside the program: the program asks the log for the receipt, and gets it."""
    away(ada)
    act = ada.done("RAISED")
    back(ada)
    beside = Person(ada.server, ada.folder)
    assert len(list(send(beside.connect(), ada.file))) == 2
    beside.close()
    assert act.receipt.acknowledgement.record == act.outcome.id


def test_what_was_answered_counts_although_a_later_batch_was_not(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes away between two batches: what it acknowledged before is told, and has its receipt."""
    away(ada)
    first, second = ada.done("RAISED"), ada.done("LOWERED")
    back(ada)
    monkeypatch.setattr("byhand.client.spooling.BATCH_LINES_MAX", 2)
    server, asked = ada.connect(), []

    class Gone:
        origin = server.origin

        def send_spool(self, rows: Sequence[str]) -> object:
            asked.append(rows)
            if len(asked) > 1:
                raise Unreachable("gone")
            return server.send_spool(rows)

    monkeypatch.setattr(ada.backend, "_connect", Gone)
    ada.backend.send_pending()
    assert "2 line(s) of the spool are in the log now" in ada.said[-1]
    monkeypatch.setattr(ada.backend, "_connect", ada.connect)
    assert len(ada.file.unsent()) == 2
    with pytest.raises(StillSpooled):
        _ = second.receipt  # the server was away a moment ago
    ada.backend._away_until = 0.0
    assert first.receipt.acknowledgement.record == first.outcome.id


def test_what_the_gate_would_have_refused_is_written_down(ada: Person) -> None:
    """A lazy text cannot be judged without the server: it is recorded with the act, and said to be one."""
    away(ada)
    one = ada.act("RAISED")
    object.__setattr__(one._request, "notes", "asap")
    with one:
        ada.server.state("RAISED")
    back(ada)
    ada.backend.send_pending()
    intent = records(ada.server, one.id)[0]
    assert "shorter than 10 characters" in str(intent["decision"])
    assert ada.server.stop() == 0
    assert verified(ada.server) == []


def handed_in(person: Person, rows: Sequence[str]) -> tuple[SpoolAnswer, ...]:
    """What a server in this process, which may be a forged one, answers to these lines."""
    environment = {"XDG_STATE_HOME": str(person.server.folder / ".local" / "state")}
    home = wiring.open_home(person.server.home, environment=environment)
    challenge, expires = home.sessions.challenge()
    envelope = sign_login(home.origin, person.person, challenge, expires, person.signer)
    token, _ = home.sessions.login(envelope, challenge)
    answers = home.spooling.accept(wiring.open_backend(home, token).caller(), rows)
    home.close()
    return answers


def test_verify_names_a_line_that_the_log_left_out(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the log drops what was sent and says nothing: the line after it names the one that is gone."""
    away(ada)
    ada.done("RAISED")
    ada.done("LOWERED")
    with monkeypatch.context() as forged:
        forged.setattr("byhand.control.spooling.Spooling._follows", staticmethod(lambda *_: []))
        assert verdicts(handed_in(ada, ada.file.raw()[2:])) == [GOOD, GOOD]
    (told,) = verified(ada.server)
    assert "spool.forbidden: the line of a spool before it is not in the log" in told
    assert verdicts(handed_in(ada, ada.file.raw()[:2])) == [GOOD, GOOD]
    assert verified(ada.server) == []  # it came after all


def test_verify_is_silent_where_a_finding_says_that_a_line_is_missing(ada: Person) -> None:
    """An honest gap is on record already: nobody wrote around the gate."""
    away(ada)
    ada.done("RAISED")
    ada.done("LOWERED")
    assert verdicts(handed_in(ada, ada.file.raw()[2:])) == [("recorded", ("spool_gap",)), GOOD]
    assert verified(ada.server) == []


@pytest.mark.parametrize(("flag", "seconds"), [("spooled", 0), ("late", -2 * 86_400)])
def test_verify_names_a_spooled_act_that_is_not_marked(
    ada: Person, monkeypatch: pytest.MonkeyPatch, flag: str, seconds: int
) -> None:
    """Whoever runs the log leaves the mark away that says that nobody else saw the act, or how late it came."""
    from byhand import clock

    now = clock.now()
    known, then = ada.backend._views.fresh(LIMIT, now=now), clock.after(now, seconds=seconds)
    ada.backend._views.keep(msgspec.structs.replace(known, seen=then))
    away(ada)
    with monkeypatch.context() as past:
        past.setattr("byhand.clock.now", lambda: then)
        ada.done("RAISED")
    whole = Judging._intent

    def unmarked(*told: object, **more: object) -> Intent:
        record = whole(*told, **more)  # type: ignore[arg-type]
        return msgspec.structs.replace(record, flags=tuple(one for one in record.flags if one != flag))

    with monkeypatch.context() as forged:
        forged.setattr("byhand.control.judging.Judging._intent", unmarked)
        assert verdicts(handed_in(ada, ada.file.raw())) == [GOOD, GOOD]
    (told,) = verified(ada.server)
    assert told.startswith("spool.forbidden")
    assert f"the flag {flag}" in told


def test_verify_names_a_spooled_act_of_high_risk(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written round the gate, such an act makes the log unsound; no honest gate records one."""
    away(ada)
    every = frozenset({"low", "medium", "high"})
    with monkeypatch.context() as forged:
        for place in ("byhand.client.spooling.TIERS", "byhand.trust.spool.TIERS"):
            forged.setattr(place, every)
        ada.done("ACTIVE", POINT)
        answers = handed_in(ada, ada.file.raw())
    assert verdicts(answers) == [GOOD, GOOD]
    assert any("spool.forbidden: an act of high risk is never spooled" in one for one in verified(ada.server))


def test_the_library_spools_where_it_is_told_to(
    ada: Person, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """byhand.configure(when_unreachable="spool"): the same ``with`` block, told on standard error."""
    byhand.configure(url=ada.server.url, person=ADA, key=ada.key_path, when_unreachable="spool")
    words = {"reason": "FALSE_POSITIVE", "new": "RAISED"}
    assert byhand.point(LIMIT).tier == "medium"
    away(ada)
    monkeypatch.setattr("byhand.client.line.PAUSES_SECONDS", ())
    with byhand.intervention(LIMIT, notes="Stale quote, seen on two feeds.", **words) as act:  # type: ignore[arg-type]
        ada.server.state("RAISED")
    assert act.outcome.result == "applied"
    assert "spooled on this machine" in capfd.readouterr().err
    byhand.configure(url=ada.server.url, person=ADA, key=ada.key_path)
    with (
        pytest.raises(Unreachable),
        byhand.intervention(LIMIT, notes="Stale quote again, by default.", **words),
    ):  # type: ignore[arg-type]
        ada.server.state("NEVER")
    byhand.close()
    assert ada.server.state() == "RAISED"


def test_the_doctor_says_what_waits_in_every_spool(ada: Person, tmp_path: Path) -> None:
    """How many lines of which spool, and since when; with nobody else to blame it goes on looking."""
    away(ada)
    ada.done("RAISED")
    state = tmp_path / "state"
    folder = state / "byhand" / "spool"
    folder.mkdir(parents=True)
    for name in ("0" * 64, "1" * 64):
        shutil.copy(ada.file.path, folder / f"{name}.spool")
    (folder / f"{'2' * 64}.spool").write_text("this is no line of a spool\n")
    there = {"XDG_STATE_HOME": str(state), "BYHAND_URL": ada.server.url}
    found = json.loads(ada.server.byhand("doctor", "--output", "json", code=1, **there))
    told = [one for one in found if one["part"] == "spool"]
    assert [one["level"] for one in told] == ["warning", "warning", "wrong"]
    assert [one["what"][:12] for one in told[:2]] == ["0" * 12, "1" * 12]
    assert all("2 line(s) were not sent" in one["what"] for one in told[:2])
    assert {one["advice"] for one in told[:2]} == {"byhand spool send"}
