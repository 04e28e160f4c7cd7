# SPDX-License-Identifier: Apache-2.0
"""The one writer: what is wrong with one submission stays with it, and nobody is left waiting."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from byhand.errors import ByhandError, Conflict, HomeRefused, Invalid, LogUnavailable, OutcomeUnknown, Unsound
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.journal.sequencer import Submission
from byhand.records.actor import Actor
from byhand.records.intervention import Governance
from byhand.records.kinds import SCHEMA_VERSION, Access
from byhand.records.leaf import LEAF_BYTES_MAX
from byhand.wiring import Home, open_home

PATIENCE_SECONDS = 20.0  # far above what any of this takes; who is not back by then never comes back


def access(*claims: str, **changed: object) -> Entry:
    """A read by Ada that takes ``claims``."""
    fields = {"id": new_record_id(), "schema": SCHEMA_VERSION, "actor": Actor(person="ada"), **changed}
    return Entry(Access(operation="show", **fields), claims=claims)  # type: ignore[arg-type]


def _same_id_twice() -> list[Entry]:
    entry = access()
    return [entry, entry]


def _own_id_claimed() -> list[Entry]:
    record_id = new_record_id()
    return [access(record_id, id=record_id)]


BAD: dict[str, tuple[Callable[[], list[Entry]], type[ByhandError]]] = {
    "a claim twice in one group": (lambda: [access("x"), access("x")], Conflict),
    "a claim twice in one entry": (lambda: [access("y", "y")], Conflict),
    "an entry twice": (_same_id_twice, Conflict),
    "its own id claimed": (_own_id_claimed, Conflict),
    "a claim that is no text": (lambda: [access("\ud800")], Conflict),
    "a leaf that is too large": (
        lambda: [access(), access(governance=Governance(retention_class="r" * LEAF_BYTES_MAX))],
        Invalid,
    ),
}


def in_one_batch(
    place: Path, groups: Sequence[Sequence[Entry]], open_: Callable[..., Home] = open_home
) -> tuple[Home, list[object]]:
    """Append ``groups`` from a thread each so that the writer finds them all waiting; indexes, or errors."""
    first, go = threading.Event(), threading.Event()

    def step(name: str) -> None:
        if name == "transaction begun" and not go.is_set():
            first.set()
            go.wait()

    home = open_(place, step=step)
    answers: list[object] = [None] * len(groups)

    def run(number: int) -> None:
        try:
            answers[number] = [one.index for one in home.journal.append(groups[number])]
        except BaseException as error:  # noqa: BLE001 - every answer is looked at
            answers[number] = error

    holding = threading.Thread(target=home.journal.append, args=([access()],))
    holding.start()
    assert first.wait(PATIENCE_SECONDS)
    waiting = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(groups))]
    for thread in waiting:
        thread.start()
    time.sleep(0.2)  # time to seal and queue; whoever is later gets a batch of their own, which harms nothing
    go.set()
    for thread in (holding, *waiting):
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    return home, answers


@pytest.mark.parametrize("name", BAD)
def test_a_bad_group_is_refused_and_the_others_of_its_batch_are_not(place: Path, name: str) -> None:
    """Whoever happens to share a batch with it is recorded; of the bad group nothing is."""
    make, error = BAD[name]
    bad = make()
    home, answers = in_one_batch(place, [[access()], bad, [access()]])
    assert isinstance(answers[1], error), answers
    assert sorted([answers[0], answers[2]]) == [[1], [2]], answers  # type: ignore[type-var]
    assert all(home.journal.reader.find(entry.record.id) is None for entry in bad)
    home.close()


@pytest.mark.parametrize("leaf", ["x'7b7d'", "(SELECT leaf FROM entry WHERE idx = 0)"])
def test_a_damaged_leaf_is_the_trouble_of_the_one_who_asks_for_it(place: Path, leaf: str) -> None:
    """A retry of a record whose stored leaf is damaged, or another's, gets no acknowledgement; the others do."""
    lost = access()
    home = open_home(place)
    home.journal.append([access()])
    home.journal.append([lost])
    home.journal.append([access()])
    home.close()

    def opened(path: Path, **options: object) -> Home:
        home = open_home(path, **options)  # type: ignore[arg-type]
        with sqlite3.connect(path / "log.db", isolation_level=None) as database:
            database.execute("DROP TRIGGER entry_stays")
            database.execute(f"UPDATE entry SET leaf = {leaf} WHERE idx = 1")
        database.close()
        return home

    home, answers = in_one_batch(place, [[access()], [lost], [access()]], opened)
    assert isinstance(answers[1], (Unsound, HomeRefused)), answers
    assert sorted([answers[0], answers[2]]) == [[4], [5]], answers  # type: ignore[type-var]
    home.close()


def test_who_cannot_be_woken_keeps_nobody_waiting(home: Home) -> None:
    """One of a batch raises when it is woken: the others are woken, and the writer goes on."""
    woken = threading.Event()

    def raising(_: list[Submission]) -> None:
        raise RuntimeError("the loop is closed")

    drafts = home.journal.vault.seal([access(), access()])
    first = Submission(drafts[:1], raising)
    second = Submission(drafts[1:], lambda _: woken.set())
    home.journal._sequencer.submit([first, second])
    assert woken.wait(PATIENCE_SECONDS)
    assert home.journal.append([access()])[0].index == 2


def test_a_loop_that_closes_while_it_is_woken_is_no_fault(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waited on it is gone; their record stands, and the writer goes on."""
    loop = asyncio.new_event_loop()
    submission = Submission(home.journal.vault.seal([access()]), home.journal._doors.of(loop).wake)
    loop.close()
    with monkeypatch.context() as closing:
        closing.setattr(loop, "is_closed", lambda: False)  # it closes between the question and the call
        home.journal._sequencer.submit([submission])
        assert home.journal.append([access()])[0].index == 1
    assert not caplog.records


def test_whatever_ends_the_writer_everybody_is_told(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Those of its last batch, those in the queue, and those who come later: nobody waits for ever."""
    sequencer = home.journal._sequencer
    entered, go = threading.Event(), threading.Event()

    def dying(_: list[Submission]) -> None:
        entered.set()
        go.wait()
        raise MemoryError

    sequencer._commit = dying  # type: ignore[method-assign]
    answers: list[BaseException] = []

    def run() -> None:
        with pytest.raises(LogUnavailable) as refused:
            home.journal.append([access()])
        answers.append(refused.value)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(3)]
    threads[0].start()
    assert entered.wait(PATIENCE_SECONDS)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.2)
    go.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(answers) == 3
    with pytest.raises(LogUnavailable, match="closed"):
        home.journal.append([access()])
    assert "the writer of the log has ended" in caplog.text


def test_what_fails_after_the_commit_is_no_refusal(place: Path) -> None:
    """The entry is in the log: the answer is that nobody knows, not that nothing was recorded."""

    def step(name: str) -> None:
        if name == "committed":
            raise MemoryError

    entry = access()
    home = open_home(place, step=step)
    with pytest.raises(OutcomeUnknown, match="recorded"):
        home.journal.append([entry])
    home.close()
    again = open_home(place)
    assert again.journal.append([entry])[0].index == 0
    again.close()


def test_whoever_passes_the_door_before_it_closes_is_answered(home: Home) -> None:
    """A submission that meets the closing is committed or refused, never queued behind the end."""
    sequencer = home.journal._sequencer
    real = sequencer._thread
    asked = threading.Event()

    class Slow:
        """The writer's thread, whose pulse is taken slowly."""

        def is_alive(self) -> bool:
            alive = real.is_alive()
            asked.set()
            time.sleep(0.3)
            return alive

        def join(self) -> None:
            real.join()

    sequencer._thread = Slow()  # type: ignore[assignment]
    answers: list[BaseException | None] = []

    def run() -> None:
        try:
            home.journal.append([access()])
            answers.append(None)
        except LogUnavailable as error:
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert asked.wait(PATIENCE_SECONDS)
    sequencer.close()
    thread.join(PATIENCE_SECONDS)
    assert len(answers) == 1


@pytest.mark.parametrize("seed", range(8))
def test_closing_ends_for_everybody(place: Path, seed: int) -> None:
    """While threads and a loop append and one closes: each gets an acknowledgement that holds, or LogUnavailable."""
    home = open_home(place)
    told: list[str] = []
    refused: list[BaseException] = []

    def run() -> None:
        try:
            while True:
                told.append(home.journal.append([access()])[0].record)
        except LogUnavailable as error:
            refused.append(error)

    async def client() -> None:
        try:
            while True:
                told.append((await home.journal.append_async([access()]))[0].record)
        except LogUnavailable as error:
            refused.append(error)

    async def clients() -> None:
        await asyncio.gather(*(client() for _ in range(6)))

    threads = [threading.Thread(target=run, daemon=True) for _ in range(6)]
    threads.append(threading.Thread(target=asyncio.run, args=(clients(),), daemon=True))
    for thread in threads:
        thread.start()
    time.sleep(random.Random(seed).random() / 20)
    home.journal._sequencer.close()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    assert len(refused) == 12
    assert all(home.journal.reader.find(record) is not None for record in told)
    assert home.journal.reader.size == len(told)
    home.close()


Plan = list[tuple[list[Entry], type[ByhandError] | None]]


def _plan(seed: str) -> Plan:
    """Groups to append, good and bad ones and retries of both, with the error that each is to get."""
    choose = random.Random(seed)
    made: Plan = []
    for _ in range(25):
        if choose.random() < 0.3:
            make, error = BAD[choose.choice(list(BAD))]
            made.append((make(), error))
        elif made and choose.random() < 0.2:
            made.append(choose.choice(made))
        else:
            made.append(([access() for _ in range(choose.randint(1, 4))], None))
    return made


class Client:
    """Appends what is planned, and holds every answer against the plan."""

    def __init__(self, home: Home, seed: str) -> None:
        self.plan = _plan(seed)
        self.acknowledged: dict[str, int] = {}
        self._journal = home.journal

    def _judge(self, error: type[ByhandError] | None, answer: object) -> None:
        if error is not None:
            assert isinstance(answer, error), (error, answer)
            return
        assert isinstance(answer, tuple), answer
        for one in answer:
            assert self.acknowledged.setdefault(one.record, one.index) == one.index

    def run(self) -> None:
        """In a thread of its own."""
        for group, error in self.plan:
            try:
                answer: object = self._journal.append(group)
            except ByhandError as failed:
                answer = failed
            self._judge(error, answer)

    async def task(self) -> None:
        """On a loop with others."""
        for group, error in self.plan:
            try:
                answer: object = await self._journal.append_async(group)
            except ByhandError as failed:
                answer = failed
            self._judge(error, answer)


@pytest.mark.parametrize("seed", range(4))
def test_from_threads_and_a_loop_at_once_with_failures_among_them_nobody_is_lost(
    home: Home, seed: int
) -> None:
    """Every group is recorded whole and once, or refused whole: the log holds exactly what was acknowledged."""
    clients = [Client(home, f"{seed} {number}") for number in range(16)]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients[::2]]

    async def tasks() -> None:
        await asyncio.gather(*(client.task() for client in clients[1::2]))

    for thread in threads:
        thread.start()
    asyncio.run(asyncio.wait_for(tasks(), PATIENCE_SECONDS))
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    acknowledged = {record: index for client in clients for record, index in client.acknowledged.items()}
    assert {one.leaf.id: one.index for one in home.journal.reader.scan(0)} == acknowledged
    planned = [
        entry for client in clients for group, error in client.plan if error is None for entry in group
    ]
    assert {entry.record.id for entry in planned} == set(acknowledged)


def test_a_forked_child_is_told_even_while_the_door_is_locked(home: Home) -> None:
    """The child has the parent's lock and no writer: it neither waits for the one nor queues for the other."""
    with home.journal._sequencer._door:
        child = os.fork()
        if child == 0:
            try:
                home.journal.heartbeat()
            except LogUnavailable:
                home.journal._sequencer.close()
                os._exit(0)
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
