# SPDX-License-Identifier: Apache-2.0
"""Four eyes on the real engine: the demo's last chapter, and what the log holds of it."""

from __future__ import annotations

import os
from pathlib import Path

from byhand.demo import stage as stages, telling
from byhand.records.kinds import Approval, Intent, Permit
from byhand.verifying import Knowledge, verify_target


def test_the_trader_and_her_colleague(engine_python: Path, tmp_path: Path) -> None:
    """Her own approval is refused, his is signed, another value is refused, the exact one passes and comes back."""
    own = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    stage = stages.prepare({**os.environ, **own}, tmp_path)
    stage.second_officer()
    arguments = (stages.COLLEAGUE, str(stage.colleagues_key), str(telling.own_python()))
    told = telling.play(
        engine_python, "byhand.demo.story_four_eyes", stage.player, *arguments, hear=lambda line: None
    )
    assert [line for line in told if not line.held] == []
    acts = {line.what: line.found for line in told if line.kind == "act"}
    with stage.opened() as home:
        raised = [one.record for one in home.journal.reader.chain(acts["approved raise"])]
        (approval,) = [one for one in raised if isinstance(one, Approval)]
        assert (approval.actor.person, approval.decision) == (stages.COLLEAGUE, "approve")
        refused = [one.record for one in home.journal.reader.chain(acts["four eyes"])]
        assert [one.phase for one in refused if isinstance(one, Permit)] == ["issued", "refused"]
        intents = [one.record for one in home.journal.reader.scan(0) if isinstance(one.record, Intent)]
        assert intents[-1].decision.authorised_by == acts["approved raise"]
        stages.remember(stage, home)
    report = verify_target(str(stage.home), Knowledge(policy=stage.policy, environment=stage.environment))
    assert (report.verdict, report.findings) == ("sound", [])
