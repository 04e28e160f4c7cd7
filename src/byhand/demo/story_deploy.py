# SPDX-License-Identifier: Apache-2.0
"""The deploy story on a real Buildbot: a test fails, a developer forces the deploy, a colleague presses rebuild.

The home is served on loopback while the story lasts. The developer declares at that server; the build system
redeems there, for whoever is signed in with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byhand import wiring
from byhand.client import http, steps
from byhand.client.http import HttpBackend
from byhand.client.line import Line
from byhand.client.places import RegisteredPoint
from byhand.client.signing import find_signer, make_key
from byhand.client.speaking import sign_login
from byhand.connectors import collect
from byhand.demo.build_system import BUILDER, Master, Shop
from byhand.demo.served import Served, byhand
from byhand.demo.telling import Hear, Player, Teller
from byhand.records import captured
from byhand.records.kinds import Intent, Observation, Outcome, Permit

DEVELOPER = "ines.moreau"
COLLEAGUE = "tom.okafor"
ACCOUNTS = {"ines": DEVELOPER, "tom": COLLEAGUE}
NAMES = {DEVELOPER: "Ines Moreau", COLLEAGUE: "Tom Okafor"}
POINT = "deploy-prod"
WORKLOAD = "buildbot-ci"
RUNNING = "4f1c2aa"
FIX = "9b07d3e"
OTHER = "c55e810"
LATENCY_MS = 900
NOTES = (
    "False positive due to network latency: test_checkout_latency ran while the link to XLON was saturated."
)
FAILED_TEST = "test_checkout_latency"
SEEN_SECONDS_MAX = 20.0  # an observation is sent at once; the server may be busy
POLL_SECONDS = 0.2
BUILDS_ASKED_FOR = 6  # four forced and one rebuilt by the developer, one rebuilt by the colleague


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything the story plays with."""

    folder: Path
    player: Player
    master: Master
    shop: Shop
    url: str
    tell: Teller

    def key(self, person: str) -> Path:
        """The private key of a developer, made for this story alone."""
        return self.folder / "keys" / person


def play(player: Player, folder: Path, python: Path, hear: Hear) -> None:
    """Play it in ``folder``, on the home of ``player``, an officer. ``python`` is the one beside Buildbot.

    Raises EngineUnavailable when the server or the master does not start. Both have ended afterwards.
    """
    tell, shop = Teller(hear), Shop(folder / "shop")
    shop.open(revision=RUNNING, latency_ms=LATENCY_MS)
    token_file = _prepare(player, folder, shop)
    environment = _officer(player)
    with Served(environment) as served:
        master = Master(folder / "master", python, shop, served.url, token_file, player.environment)
        with master:
            scene = Scene(folder, player, master, shop, served.url, tell)
            blocked = the_test_fails(scene)
            nothing_without_a_reason(scene)
            intervention = the_developer_declares(scene, blocked)
            nothing_with_another_change(scene, intervention)
            forced = the_deploy_is_forced(scene, intervention)
            nothing_twice(scene, forced)
            a_colleague_rebuilds(scene, forced)
            _wait_until_seen(scene)
    what_is_recorded(scene, intervention)


def _officer(player: Player) -> dict[str, str]:
    return dict(player.environment) | {
        "BYHAND_HOME": str(player.home),
        "BYHAND_PERSON": player.person,
        "BYHAND_KEY": str(player.key),
    }


def _prepare(player: Player, folder: Path, shop: Shop) -> Path:
    """As an officer prepares it once: two developers, their accounts, the point, the pipeline and its token."""
    environment = _officer(player)
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    for account, person in ACCOUNTS.items():
        make_key(keys / person, person)
        public = str(keys / f"{person}.pub")
        byhand(environment, "person", "add", person, "--public-key", public, "--name", NAMES[person])
        byhand(environment, "person", "link", person, f"buildbot:{account}")
    target = ("--action", "deployment.gate.bypass", "--target", f"buildbot/builder/{BUILDER}")
    probe = ("--field", "/deployed", "--probe", f"file:{shop.folder / 'deployed.json'}#/revision")
    risk = ("--owner", player.person, "--tier", "high", "--mode", "enforce")
    byhand(environment, "point", "add", POINT, *target, *probe, *risk)
    scopes = ("--scope", "redeem", "--scope", "observe")
    byhand(environment, "workload", "set", WORKLOAD, "--issuer", "buildbot", *scopes)
    made = byhand(environment, "token", "create", "--workload", WORKLOAD, "--output", "json")
    file = folder / "token"
    file.touch(mode=0o600)
    file.write_text(json.loads(made)["token"])
    return file


def the_test_fails(scene: Scene) -> dict[str, Any]:
    """The automation does its work: a failed test blocks the deploy."""
    scene.tell.say(f"Revision {RUNNING} runs. Ines wants {FIX} out; the network is slow today.")
    build = scene.master.force("ines", revision=FIX, reason="release")
    scene.tell.expect("the build is blocked", build["results"], 2)
    scene.tell.expect("nothing is deployed", scene.shop.deployed, RUNNING)
    return build


def nothing_without_a_reason(scene: Scene) -> None:
    """What she types into Buildbot's own reason field opens nothing."""
    build = scene.master.force("ines", revision=FIX, reason="false positive, please deploy")
    refusal = "carries no intervention"
    scene.tell.expect("forcing it without an intervention", _said(scene, build, refusal), refusal)
    scene.tell.expect("nothing is deployed", scene.shop.deployed, RUNNING)


def the_developer_declares(scene: Scene, build: Mapping[str, Any]) -> str:
    """Her words, and apart from them what byhand finds at the build system itself."""
    scene.tell.say(f"Ines declares: FALSE_POSITIVE: {NOTES}")
    signer = find_signer(key_path=scene.key(DEVELOPER), environ={})
    line = Line(scene.url)
    asked = http.challenge(line)
    http.login(line, sign_login(asked.origin, DEVELOPER, asked.challenge, asked.expires, signer))
    automation = collect(f"buildbot:{scene.master.url}/{BUILDER}/{build['number']}")
    request = steps.Request(
        place=RegisteredPoint(POINT),
        reason="FALSE_POSITIVE",
        notes=NOTES,
        new=FIX,
        automation=automation,
    )
    prepared = steps.declare_only(HttpBackend(line), request, signer=lambda: signer)
    line.close()
    scene.tell.act("deploy", prepared.intervention)
    scene.tell.expect(
        "byhand found the failed test by itself",
        ", ".join(check.name for check in automation.failed_checks),
        FAILED_TEST,
    )
    return prepared.intervention


def nothing_with_another_change(scene: Scene, intervention: str) -> None:
    """The permit is for one revision; another one is another change."""
    build = scene.master.force("ines", revision=OTHER, reason="release", intervention=intervention)
    refusal = f"not for {OTHER}"
    scene.tell.expect("the same intervention with another revision", _said(scene, build, refusal), refusal)
    scene.tell.expect("nothing is deployed", scene.shop.deployed, RUNNING)


def the_deploy_is_forced(scene: Scene, intervention: str) -> dict[str, Any]:
    """With exactly what she declared, the deploy passes, although the test failed again."""
    build = scene.master.force("ines", revision=FIX, reason="release", intervention=intervention)
    scene.tell.expect("with exactly what was declared, it is deployed", scene.shop.deployed, FIX)
    return build


def nothing_twice(scene: Scene, forced: Mapping[str, Any]) -> None:
    """A permit is good once, for her as well."""
    build = scene.master.rebuild("ines", forced)
    refusal = "this permit was used already"
    scene.tell.expect("Ines rebuilds it herself", _said(scene, build, refusal), refusal)


def a_colleague_rebuilds(scene: Scene, forced: Mapping[str, Any]) -> None:
    """Buildbot repeats the build with everything on it, its owner included; the permit is used, and not his."""
    scene.tell.say('Tom opens that build in Buildbot and presses "rebuild".')
    build = scene.master.rebuild("tom", forced)
    owner = build["properties"]["owner"][0]
    scene.tell.expect("Buildbot's own record of Tom's rebuild names", owner, "ines")
    refusal = f"{COLLEAGUE} cannot act on it"
    scene.tell.expect("the gate refuses, and knows who asks", _said(scene, build, refusal), refusal)
    scene.tell.expect("deployments there were", ", ".join(scene.shop.deployments), FIX)


def _said(scene: Scene, build: Mapping[str, Any], wanted: str) -> str:
    """What the gate's step said: ``wanted`` when that is part of it."""
    said = scene.master.said(build, "byhand gate")
    return wanted if wanted in said else said


def _wait_until_seen(scene: Scene) -> None:
    """Observations travel on their own: wait for the last, before its server goes."""
    until = time.monotonic() + SEEN_SECONDS_MAX
    while time.monotonic() < until and len(_observed(scene)) < BUILDS_ASKED_FOR:
        time.sleep(POLL_SECONDS)


def _observed(scene: Scene) -> list[Observation]:
    return [one for one in _records(scene) if isinstance(one, Observation)]


def _records(scene: Scene) -> list[object]:
    home = wiring.open_home(scene.player.home, environment=scene.player.environment, start=False)
    with closing(home):
        return [one.record for one in home.journal.reader.scan(0)]


def what_is_recorded(scene: Scene, intervention: str) -> None:
    """The record: who, why, what the system had found, the value before and after; and the true rebuilder."""
    records = _records(scene)
    mine = [one for one in records if getattr(one, "intervention", None) == intervention]
    intent = next(one for one in records if isinstance(one, Intent) and one.id == intervention)
    outcome = next(one for one in mine if isinstance(one, Outcome))
    redeemed = [one for one in mine if isinstance(one, Permit) and one.phase == "redeemed"]
    rebuilt = [one for one in _observed(scene) if one.action == "deployment.build.rebuild"]
    tell, justification = scene.tell, intent.declaration.justification
    tell.expect("recorded as asked by", intent.actor.person, DEVELOPER)
    tell.expect("with the reason", justification.code if justification else "none", "FALSE_POSITIVE")
    tell.expect("outcome", f"{outcome.result}, {captured.render(outcome.found)}", f"applied, {FIX}")
    tell.expect("the permit was used", f"{len(redeemed)} time(s)", "1 time(s)")
    found = ", ".join(f"{one.actor.person} ({one.actor.assurance})" for one in rebuilt)
    wanted = f"{DEVELOPER} (mapped), {COLLEAGUE} (mapped)"
    tell.expect("byhand's record of the rebuilds names", found, wanted)
