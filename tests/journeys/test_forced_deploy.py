# SPDX-License-Identifier: Apache-2.0
"""The forced deploy on a real Buildbot: what is deployed, what is recorded, and whom Buildbot's own record names."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from byhand.connectors import collect
from byhand.demo import stage as stages, story_deploy
from byhand.demo.build_system import Master, Shop
from byhand.demo.stage import Stage
from byhand.demo.story_deploy import COLLEAGUE, DEVELOPER, FAILED_TEST, FIX, NOTES, OTHER, RUNNING
from byhand.demo.telling import Told
from byhand.errors import EngineUnavailable
from byhand.records import captured
from byhand.records.kinds import AnyRecord, Intent, Observation, Outcome, Permit
from byhand.verifying import Knowledge, verify_target


@dataclass(frozen=True)
class Played:
    """The story after it was played once."""

    stage: Stage
    told: list[Told]

    @property
    def intervention(self) -> str:
        return next(line.found for line in self.told if line.kind == "act")

    def everything(self) -> list[AnyRecord]:
        with self.stage.opened(start=False) as home:
            return [one.record for one in home.journal.reader.scan(0) if isinstance(one.record, AnyRecord)]

    def records(self) -> list[AnyRecord]:
        """What the log holds of the deploy, oldest first."""
        return [one for one in self.everything() if self.intervention in {one.intervention, one.id}]


@pytest.fixture(scope="module")
def played(buildbot_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The story, played once."""
    folder = tmp_path_factory.mktemp("story")
    own = {"XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    stage = stages.prepare({**os.environ, **own}, folder)
    told: list[Told] = []
    story_deploy.play(stage.player, stage.folder / "deploy", buildbot_python, told.append)
    return Played(stage, told)


def test_the_story_goes_as_it_is_told(played: Played) -> None:
    """Blocked; refused without an intervention and with another revision; deployed once; refused twice."""
    assert [line for line in played.told if not line.held] == []
    found = {line.what: line.found for line in played.told if line.kind == "expected"}
    assert found["forcing it without an intervention"] == "carries no intervention"
    assert found["the same intervention with another revision"] == f"not for {OTHER}"
    assert found["deployments there were"] == FIX


def test_what_byhand_found_stands_apart_from_her_words(played: Played) -> None:
    """Build, failed test and the digest of its log are in the record; none of them in the justification."""
    intent = next(one for one in played.records() if isinstance(one, Intent))
    automation, justification = intent.declaration.automation, intent.declaration.justification
    assert automation is not None
    assert justification is not None
    assert [check.name for check in automation.failed_checks] == [FAILED_TEST]
    assert (automation.workflow, automation.version) == ("buildbot/deploy-prod", FIX)
    assert str(automation.run).endswith("/#/builders/1/builds/1")
    assert automation.decision is not None
    assert (automation.decision.rule, automation.decision.outcome) == ("step tests must pass", "failure")
    assert len(str(automation.decision.inputs_digest)) == 64
    assert (justification.code, justification.text) == ("FALSE_POSITIVE", NOTES)


def test_the_permit_is_used_once_and_every_refusal_is_on_record(played: Played) -> None:
    """Issued and redeemed at the gate's first good call; then refused to her, and to him by name."""
    permits = [one for one in played.records() if isinstance(one, Permit)]
    assert [one.phase for one in permits] == ["issued", "redeemed", "refused", "refused"]
    assert permits[1].executor == "buildbot/ci/deploy-prod/4"
    assert "used already" in str(permits[2].cause)
    assert COLLEAGUE in str(permits[3].cause)


def test_the_outcome_is_read_back(played: Played) -> None:
    """Before and after are the revisions that really ran, and she is who acted, carried by the pipeline."""
    intent = next(one for one in played.records() if isinstance(one, Intent))
    outcome = next(one for one in played.records() if isinstance(one, Outcome))
    assert captured.render(intent.declaration.change.original) == RUNNING
    assert (outcome.result, captured.render(outcome.found), outcome.as_declared) == ("applied", FIX, True)
    assert outcome.concluded_by == DEVELOPER


def test_the_rebuild_is_recorded_under_the_name_of_who_pressed_it(played: Played) -> None:
    """Buildbot's own record of the rebuild names Ines; byhand's observation names Tom and keeps both."""
    seen = [one for one in played.everything() if isinstance(one, Observation)]
    assert [one.action.rpartition(".")[2] for one in seen] == ["force"] * 4 + ["rebuild"] * 2
    assert [one.actor.person for one in seen] == [DEVELOPER] * 5 + [COLLEAGUE]
    assert {one.actor.assurance for one in seen} == {"mapped"}
    raw = seen[-1].raw
    assert raw is not None
    native = json.loads(str(raw.text))
    assert (native["owner"], native["reason"], native["rebuilt_buildid"]) == ("ines", "release", 4)


def test_the_home_is_sound_afterwards(played: Played) -> None:
    """Server, hook and story have written one log that verifies."""
    knows = Knowledge(policy=played.stage.policy, environment=played.stage.environment)
    assert verify_target(str(played.stage.home), knows).verdict == "sound"


# ------------------------------------------------------------------------------------------- Buildbot 4.3, measured


@pytest.fixture(scope="module")
def master(buildbot_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """A master whose gate cannot be reached: nothing of byhand answers."""
    folder = tmp_path_factory.mktemp("master")
    shop = Shop(folder / "shop")
    shop.open(revision=RUNNING, latency_ms=900)
    with Master(
        folder / "master", buildbot_python, shop, "http://127.0.0.1:9", folder / "no-token", os.environ
    ) as running:
        yield running


@pytest.fixture(scope="module")
def forced(master: Master) -> dict[str, Any]:
    """A build that Ines forced."""
    return master.force("ines", revision=FIX, reason="release", intervention="")


@pytest.fixture(scope="module")
def rebuilt(master: Master, forced: dict[str, Any]) -> dict[str, Any]:
    """The same build, rebuilt by Tom."""
    return master.rebuild("tom", forced)


def test_buildbot_keeps_owner_and_reason_of_the_first_build(
    forced: dict[str, Any], rebuilt: dict[str, Any]
) -> None:
    """The rebuilt build carries the first person's name and reason, as if they had asked again."""
    for name in ("owner", "owners", "reason"):
        assert rebuilt["properties"][name] == forced["properties"][name]
    assert rebuilt["properties"]["owner"] == ["ines", "Force Build Form"]


def test_buildbot_stores_nowhere_who_asked_for_a_rebuild(
    master: Master, forced: dict[str, Any], rebuilt: dict[str, Any]
) -> None:
    """Build, request and buildset name the rebuilt build, and the rebuilder only in the properties byhand set."""
    request = master.read(f"buildrequests/{rebuilt['buildrequestid']}?property=*")["buildrequests"][0]
    buildset = master.read(f"buildsets/{request['buildsetid']}")["buildsets"][0]
    assert (buildset["reason"], buildset["rebuilt_buildid"]) == ("rebuild", forced["buildid"])
    for held in (rebuilt, request):
        assert held["properties"].pop("byhand_asked_by") == ["tom", "byhand"]
        assert held["properties"].pop("byhand_note")[0]["person"] == "tom"
    assert "tom" not in json.dumps([rebuilt, request, buildset]).replace("atom", "")


def test_a_rebuild_of_a_rebuild_names_its_own_person(master: Master, rebuilt: dict[str, Any]) -> None:
    """What an earlier build says of who asked is never copied; Buildbot points to the very first build."""
    again = master.rebuild("ines", rebuilt)
    assert again["properties"]["byhand_asked_by"] == ["ines", "byhand"]


def test_nobody_puts_another_name_into_the_form(master: Master) -> None:
    """Owner and asking person come from the session, whatever the request says."""
    sent = {"owner": "tom", "username": "tom", "byhand_asked_by": "tom", "revision": FIX, "reason": "release"}
    build = master.ask("ines", "forceschedulers/force", "force", {"builderid": "1", **sent})
    assert build["properties"]["owner"][0] == "ines"
    assert build["properties"]["byhand_asked_by"] == ["ines", "byhand"]


def test_who_is_not_signed_in_forces_nothing(master: Master) -> None:
    """Buildbot's own authorization answers 403."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "force", "params": {"builderid": 1, "reason": "release"}}
    answer = httpx.post(f"{master.url}/api/v2/forceschedulers/force", json=body)
    assert answer.status_code == 403


def test_no_gate_no_deploy(master: Master) -> None:
    """An id, a signed-in person, and a server that cannot be reached: nothing is deployed."""
    build = master.force(
        "ines", revision=FIX, reason="release", intervention="01a212a2-58b2-71c7-9f05-9ec3724d267f"
    )
    assert build["results"] == 2
    assert "nothing is deployed" in master.said(build, "byhand gate")
    assert (master.shop.deployed, master.shop.deployments) == (RUNNING, [])


def test_passed_tests_need_nobody(master: Master) -> None:
    """Where the checks pass nothing is overridden: no permit is asked for, and it is deployed."""
    (master.shop.folder / "network.json").write_text('{"latency_ms": 20}')
    try:
        build = master.force("ines", revision=OTHER, reason="release")
    finally:
        (master.shop.folder / "network.json").write_text('{"latency_ms": 900}')
    assert build["results"] == 0
    assert "every check passed" in master.said(build, "byhand gate")
    assert master.shop.deployed == OTHER
    master.shop.open(revision=RUNNING, latency_ms=900)
    (master.shop.folder / "deployments.txt").unlink()


def test_what_a_build_found_is_collected(master: Master, forced: dict[str, Any]) -> None:
    """Failed tests by name, and the SHA-256 of the log exactly as Buildbot serves it."""
    found = collect(f"buildbot:{master.url}/deploy-prod/{forced['number']}")
    assert [check.name for check in found.failed_checks] == [FAILED_TEST]
    log = master.said(forced, "tests").encode()
    assert found.decision is not None
    assert found.decision.inputs_digest == hashlib.sha256(log).hexdigest()


def test_a_master_that_cannot_start_says_why(buildbot_python: Path, tmp_path: Path) -> None:
    """The end of its own log is in the message, and nothing is left running."""
    shop = Shop(tmp_path / "shop")
    broken = Master(tmp_path / "master", buildbot_python, shop, "", tmp_path / "token", os.environ, port=-1)
    with pytest.raises(EngineUnavailable, match="did not start"):
        broken.__enter__()
    assert broken.process is None
