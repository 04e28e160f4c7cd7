# SPDX-License-Identifier: Apache-2.0
"""Clients and server killed at every step of a trip: no act without its permit on record, none twice, none lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "api"))
from real_server import Server, prepared  # noqa: E402 - found by the line above

from byhand import wiring  # noqa: E402
from byhand.journal.reader import Reader  # noqa: E402
from byhand.records.kinds import Intent, Outcome, Permit  # noqa: E402

CLIENT_STEPS = (
    "signed in",
    "viewed",
    "declare sent",
    "declared",
    "permit sent",
    "permitted",
    "body half",
    "body done",
    "outcome sent",
)
DURABLE_STEPS = (
    "keys reserved",
    "transaction begun",
    "rows inserted",
    "committed",
    "checkpoint signed",
    "anchored",
    "published",
)
ROUNDS, CLIENTS = 42, 4
PATIENCE_SECONDS = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A home with Ada; started by the test."""
    one = prepared(tmp_path)
    yield one
    if one.process is not None:
        assert one.stop() == 0, "".join(one.said)


def _folder(server: Server, name: str) -> Path:
    """A target: its value, and its own count of acts."""
    folder = server.folder / name
    folder.mkdir()
    (folder / "value.json").write_text('{"state": "HALTED"}')
    return folder


def _command(server: Server, folder: Path, step: str) -> list[str]:
    key = str(server.folder / "key")
    return [sys.executable, str(HERE / "trip_client.py"), server.url, key, str(folder), step]


def _trip(server: Server, folder: Path, step: str) -> dict[str, dict[str, object]]:
    """One client's trip, until it ends or is killed at ``step``; every answer it got."""
    command = _command(server, folder, step)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == (-9 if step else 0), done.stdout + done.stderr
    return {line.partition(" ")[0]: json.loads(line.partition(" ")[2]) for line in done.stdout.splitlines()}


def _recorded(server: Server) -> dict[str, list[tuple[str, str]]]:
    """What the log holds of each intervention, in order: kind, and phase or result."""
    found: dict[str, list[tuple[str, str]]] = {}
    with wiring.read_home(server.home, environment=server.environment) as home:
        assert home.vault is not None
        for stored in Reader(home.entries, home.vault).scan(0):
            record = stored.record
            if isinstance(record, Intent | Permit | Outcome):
                said = getattr(record, "phase", None) or getattr(record, "result", "")
                found.setdefault(str(record.intervention), []).append((stored.leaf.kind, said))
    return found


def _acts(folder: Path, word: str) -> list[str]:
    file = folder / "acts"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.partition(" ")[2] for line in lines if line.startswith(word)]


PERMITTED = [("intent", ""), ("permit", "issued"), ("permit", "redeemed")]


@pytest.mark.timeout(300)
def test_a_client_killed_at_any_step_leaves_no_act_without_its_permit(server: Server) -> None:
    """What it began under a permit and never concluded is unknown when the server begins again."""
    server.start()
    left = {step: _folder(server, f"left-{step.replace(' ', '-')}") for step in CLIENT_STEPS}
    for step, folder in left.items():
        _trip(server, folder, step)
    assert server.stop() == 0
    server.start()  # which says of everything what nobody said
    recorded = _recorded(server)
    for step, folder in left.items():
        plan = folder / "plan"
        record = json.loads(plan.read_text())["declaration"]["record"] if plan.exists() else ""
        found = recorded.get(record, [])
        for intervention in _acts(folder, "begun"):
            assert recorded[intervention][:3] == PERMITTED, step
        if CLIENT_STEPS.index(step) < CLIENT_STEPS.index("declared"):
            assert found in ([], PERMITTED[:1]), step
        elif CLIENT_STEPS.index(step) < CLIENT_STEPS.index("permitted"):
            assert found in (PERMITTED[:1], [*PERMITTED, ("outcome", "unknown")]), step
        else:
            ended = ("applied", "unknown") if step == "outcome sent" else ("unknown",)
            assert found[:3] == PERMITTED, step
            assert found[3][1] in ended, (step, found)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", CLIENT_STEPS)
def test_a_client_begun_again_with_the_same_ids_gets_the_same_answers(server: Server, step: str) -> None:
    """What it was told before it was killed it is told again; it ends its trip, and its act is done once."""
    server.start()
    folder = _folder(server, "again")
    before = _trip(server, folder, step)
    after = _trip(server, folder, "")
    assert {name: answer for name, answer in before.items() if after.get(name, answer) != answer} == {}
    (intervention,) = _acts(folder, "begun")
    ended = "unknown" if step == "body half" else "applied"
    assert _recorded(server)[intervention] == [*PERMITTED, ("outcome", ended)]
    assert _trip(server, folder, "")["concluded"] == after["concluded"]
    assert _acts(folder, "begun") == [intervention]


@pytest.mark.timeout(600)
def test_a_server_killed_at_every_durable_step_loses_nothing_and_lets_nothing_happen_twice(
    server: Server,
) -> None:
    """Clients go on asking through forty-two kills: every act done once, on record, and all of it verifies."""
    server.start()
    assert server.stop() == 0
    folders = [_folder(server, f"client-{number}") for number in range(CLIENTS)]
    said = [(folder / "said").open("w+") for folder in folders]
    clients = [
        subprocess.Popen(_command(server, folder, "forever"), stdout=out, stderr=subprocess.STDOUT)
        for folder, out in zip(folders, said, strict=True)
    ]
    port = server.url.rpartition(":")[2]
    for number in range(ROUNDS):
        step, count = DURABLE_STEPS[number % len(DURABLE_STEPS)], 1 + number // len(DURABLE_STEPS) * 2
        command = [sys.executable, str(HERE / "killable_server.py"), str(server.home), port, step, str(count)]
        done = subprocess.run(
            command,
            env=server.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == -9, done.stderr
    for folder in folders:
        (folder / "enough").touch()
    server.start()
    for client in clients:
        assert client.wait(PATIENCE_SECONDS) == 0
    recorded = _recorded(server)
    acknowledged: dict[str, dict[str, object]] = {}
    for folder, out in zip(folders, said, strict=True):
        done_here, begun = _acts(folder, "done"), _acts(folder, "begun")
        assert done_here == begun
        assert len(done_here) == len(set(done_here)) > 0
        for intervention in done_here:
            assert recorded[intervention] == [*PERMITTED, ("outcome", "applied")], intervention
        out.seek(0)
        for line in out.read().splitlines():
            answer = json.loads(line.partition(" ")[2])["acknowledgement"]
            acknowledged[answer["record"]] = answer
        out.close()
    with wiring.read_home(server.home, environment=server.environment) as home:
        assert home.vault is not None
        reader = Reader(home.entries, home.vault)
        for record, answer in acknowledged.items():
            stored = reader.find(record)
            assert stored is not None, f"{record} was acknowledged and is gone"
            assert (stored.index, stored.leaf_hash.hex()) == (answer["index"], answer["leaf"])
    assert server.stop() == 0
    server.byhand("verify", str(server.home))
    print(f"{ROUNDS} kills, {len(acknowledged)} acknowledged records")
