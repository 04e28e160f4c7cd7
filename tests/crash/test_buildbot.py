# SPDX-License-Identifier: Apache-2.0
"""A real Buildbot master killed at every step, and its server away for a while: nothing is lost, nothing doubled."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).resolve().parent
for shared in (HERE.parent / "api", HERE.parent / "journeys"):
    if str(shared) not in sys.path:
        sys.path.append(str(shared))
from real_server import ADA, Client, Server, prepared, signed_in  # noqa: E402 - found by the lines above

from byhand import wiring  # noqa: E402
from byhand.client import steps  # noqa: E402
from byhand.client.places import RegisteredPoint  # noqa: E402
from byhand.demo import build_system  # noqa: E402
from byhand.demo.build_system import Master, Shop  # noqa: E402
from byhand.errors import EngineUnavailable  # noqa: E402
from byhand.ids import new_record_id  # noqa: E402
from byhand.integrations.delivering import QUARANTINED  # noqa: E402
from byhand.journal.reader import Reader  # noqa: E402
from byhand.records import captured  # noqa: E402
from byhand.records.kinds import AnyRecord, Observation, Outcome  # noqa: E402

RUNNING, FIX = "4f1c2aa", "9b07d3e"
PATIENCE_SECONDS = 90.0
KILLS = """
import signal, threading
from byhand.integrations import buildbot as steps_of_ours, feed, hook, outbox

def killed_at(name, owner, method):
    real = getattr(owner, method)
    def instead(*given, **more):
        place = os.path.join(os.path.dirname(SHOP), "kill-at")
        if os.path.exists(place) and open(place).read() == name:
            os.unlink(place)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **more)
    setattr(owner, method, instead)

killed_at("buildset committed", feed.Feed, "asked")
killed_at("before sending", hook.Hook, "observe")
killed_at("acknowledged", outbox.Outbox, "settle")
killed_at("outcome kept", hook.Hook, "record")
killed_at("outcome acknowledged", feed.Feed, "recorded")
"""
"""What the test's configuration adds to the shipped one: steps at which this master kills itself, once."""
DEPLOY = """
import json, sys, time
from pathlib import Path

Path("deployed.json").write_text(json.dumps({"revision": sys.argv[1]}))
while Path("wait").exists():
    time.sleep(0.05)
"""


@dataclass
class Site:
    """A home, its server, a master and its shop."""

    server: Server
    master: Master

    def everything(self) -> list[AnyRecord]:
        with wiring.read_home(self.server.home, environment=self.server.environment) as home:
            assert home.vault is not None
            found = [one.record for one in Reader(home.entries, home.vault).scan(0)]
        return [one for one in found if isinstance(one, AnyRecord)]

    def seen(self) -> list[Observation]:
        return [one for one in self.everything() if isinstance(one, Observation)]

    def notes(self) -> int:
        """How many acts the master's database holds that byhand has not acknowledged."""
        return int(self.ask("SELECT count(*) FROM buildset_properties WHERE property_name = 'byhand_note'"))

    def buildsets(self) -> int:
        return int(self.ask("SELECT count(*) FROM buildsets"))

    def ask(self, query: str, *given: object) -> str:
        file = self.master.folder / "state.sqlite"
        with contextlib.closing(sqlite3.connect(file, timeout=30)) as database, database:
            row = database.execute(query, given).fetchone()
        return str(row[0]) if row else ""

    def gauge(self, name: str) -> float:
        lines = (self.master.folder / "byhand.prom").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"byhand_hook_{name} "))

    def kill_at(self, step: str) -> None:
        (self.master.shop.folder.parent / "kill-at").write_text(step)

    def killed(self) -> None:
        """Wait until the master has killed itself, or kill it now."""
        assert self.master.process is not None
        if not (self.master.shop.folder.parent / "kill-at").exists():
            self.master.process.kill()
        assert self.master.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        self.master.process = None

    def wait_for(self, what: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not what():
            assert time.monotonic() < until, self.master.last_words()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def site(buildbot_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything up; each test leaves it so."""
    folder = tmp_path_factory.mktemp("site")
    shop = Shop(folder / "shop")
    shipped = folder / "shipped"
    shutil.copytree(build_system.shop_folder(), shipped)
    configuration = (shipped / "master.cfg").read_text()
    (shipped / "master.cfg").write_text(configuration + KILLS)
    (shipped / "deploy.py").write_text(DEPLOY)
    server = prepared(folder).start()
    target = ("--action", "deployment.gate.bypass", "--target", "buildbot/builder/deploy-prod")
    probe = ("--field", "/deployed", "--probe", f"file:{shop.folder / 'deployed.json'}#/revision")
    server.byhand(
        "point", "add", "deploy-prod", *target, *probe, "--owner", ADA, "--tier", "high", "--mode", "enforce"
    )
    server.byhand("person", "link", ADA, "buildbot:ines")
    server.byhand("workload", "set", "ci", "--issuer", "buildbot", "--scope", "redeem", "--scope", "observe")
    made = json.loads(server.byhand("token", "create", "--workload", "ci", "--output", "json"))
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(made["token"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_system, "shop_folder", lambda: shipped)
        shop.open(revision=RUNNING, latency_ms=900)
        with Master(folder / "master", buildbot_python, shop, server.url, token, os.environ) as master:
            yield Site(server, master)
    if server.process is not None:
        assert server.stop() == 0, "".join(server.said)


def force(site: Site, who: str = "ines", **more: str) -> None:
    """Force a build, whether or not an answer comes."""
    with contextlib.suppress(httpx.HTTPError, EngineUnavailable):
        site.master.force(who, revision=FIX, reason="release", **more)


def declared(ada: Client) -> str:
    request = steps.Request(
        place=RegisteredPoint("deploy-prod"),
        reason="FALSE_POSITIVE",
        notes=f"False positive due to network latency: the link was saturated ({new_record_id()}).",
        new=FIX,
    )
    return steps.declare_only(ada.backend, request, signer=lambda: ada.key).intervention


@pytest.fixture
def ada(site: Site) -> Iterator[Client]:
    """Ada, signed in; what is deployed is what it was."""
    site.master.shop.open(revision=RUNNING, latency_ms=900)
    client = signed_in(site.server.url, site.server.folder / "key")
    yield client
    client.line.close()


def test_server_away_and_master_killed_meanwhile(site: Site) -> None:
    """Forced, rebuilt, killed, started, forced again, all without a server: later each is there once, in order."""
    before = len(site.seen())
    force(site)
    site.wait_for(lambda: len(site.seen()) == before + 1 and site.notes() == 0)
    assert site.server.stop() == 0
    build = site.master.force("tom", revision=FIX, reason="release")
    site.master.rebuild("ines", build)
    site.wait_for(lambda: site.gauge("unsent_acts") == 2 and site.gauge("failing") == 1)
    site.killed()
    site.master.__enter__()
    force(site)
    assert site.notes() == 3
    site.server.start()
    site.wait_for(lambda: site.notes() == 0)
    seen = site.seen()[before:]
    assert [one.action.rpartition(".")[2] for one in seen] == ["force", "force", "rebuild", "force"]
    assert [one.actor.person for one in seen] == [ADA, "UNATTRIBUTED", ADA, ADA]
    assert len({one.id for one in seen}) == 4
    assert [one.times.occurred for one in seen] == sorted(str(one.times.occurred) for one in seen)
    site.wait_for(lambda: site.gauge("unsent_acts") == 0 and site.gauge("failing") == 0)


@pytest.mark.parametrize("step", ["buildset committed", "before sending", "acknowledged"])
def test_a_master_killed_at_a_step_tells_it_once(site: Site, step: str) -> None:
    """Every build that Buildbot's database has is in the log exactly once, wherever the master was killed."""
    seen, buildsets = len(site.seen()), site.buildsets()
    site.kill_at(step)
    force(site)
    site.killed()
    assert (site.buildsets(), site.notes()) == (buildsets + 1, 1)
    site.master.__enter__()
    site.wait_for(lambda: site.notes() == 0)
    force(site)
    site.wait_for(lambda: site.notes() == 0 and len(site.seen()) == seen + 2)
    assert site.buildsets() == buildsets + 2


@pytest.mark.parametrize("step", ["outcome kept", "outcome acknowledged"])
def test_a_master_killed_behind_the_deploy_still_tells_how_it_ended(
    site: Site, ada: Client, step: str
) -> None:
    """The value read back before the kill is in the log, once: no act under a permit stays without its outcome."""
    intervention = declared(ada)
    site.kill_at(step)
    force(site, intervention=intervention)
    site.killed()
    site.master.shop.open(revision="0ther00", latency_ms=900)  # what is there now is not what was found then
    site.master.__enter__()
    site.wait_for(lambda: bool(outcomes(site, intervention)) and site.gauge("unsent_outcomes") == 0)
    (outcome,) = outcomes(site, intervention)
    assert (outcome.result, captured.render(outcome.found), outcome.as_declared) == ("applied", FIX, True)


def outcomes(site: Site, intervention: str) -> list[Outcome]:
    return [one for one in site.everything() if isinstance(one, Outcome) and one.intervention == intervention]


def test_a_server_away_behind_the_deploy_hears_of_it_later(site: Site, ada: Client) -> None:
    """The value is read back without a server, and kept until there is one."""
    intervention = declared(ada)
    wait = site.master.shop.folder / "wait"
    wait.touch()
    pressing = threading.Thread(target=force, args=(site,), kwargs={"intervention": intervention})
    pressing.start()
    site.wait_for(lambda: site.master.shop.deployed == FIX)
    assert site.server.stop() == 0
    wait.unlink()
    pressing.join(PATIENCE_SECONDS)
    site.wait_for(lambda: site.gauge("unsent_outcomes") == 1)
    site.killed()
    site.server.start()
    site.master.__enter__()
    site.wait_for(lambda: bool(outcomes(site, intervention)))
    (outcome,) = outcomes(site, intervention)
    assert (outcome.result, captured.render(outcome.found)) == ("applied", FIX)


def test_what_cannot_be_described_is_recorded_with_its_cause(site: Site) -> None:
    """A note that is no note any more, amid good ones: it is recorded under quarantine, and holds up nobody."""
    assert site.server.stop() == 0
    for _ in range(3):
        force(site)
    site.killed()
    middle = site.ask(
        "SELECT buildsetid FROM buildset_properties WHERE property_name = 'byhand_note' ORDER BY 1 LIMIT 1 OFFSET 1"
    )
    site.ask(
        "UPDATE buildset_properties SET property_value = ? WHERE property_name = 'byhand_note' AND buildsetid = ?",
        '[{"person": "ines", "at": "yesterday"',
        middle,
    )
    site.server.start()
    site.master.__enter__()
    site.wait_for(lambda: site.notes() == 0)
    first, bad, last = site.seen()[-3:]
    assert [first.quarantined, last.quarantined] == [None, None]
    assert bad.action == QUARANTINED
    assert bad.target.id == f"buildset {middle}"
    assert "JSONDecodeError" in str(bad.quarantined)
    assert bad.raw is not None
    assert '"person": "ines"' in str(bad.raw.text)
    site.wait_for(lambda: site.gauge("quarantined_total") == 1)


def test_nobody_puts_a_note_into_the_form(site: Site) -> None:
    """A note that comes with a request, or with the build that is repeated, is never taken for ours."""
    seen = len(site.seen())
    forged = {"byhand_note": json.dumps({"person": "root"}), "revision": FIX, "reason": "release"}
    build = site.master.ask("ines", "forceschedulers/force", "force", {"builderid": "1", **forged})
    site.master.rebuild("tom", build)
    site.wait_for(lambda: site.notes() == 0 and len(site.seen()) == seen + 2)
    assert [one.actor.person for one in site.seen()[-2:]] == [ADA, "UNATTRIBUTED"]
    assert len({one.id for one in site.seen()}) == len(site.seen())
