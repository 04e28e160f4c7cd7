# SPDX-License-Identifier: Apache-2.0
"""The trader and the breaker on the real engine: what is recorded, what strangers find and forgers hide."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byhand import wiring
from byhand.demo import forger, stage as stages, stranger, telling
from byhand.demo.forger import copy_home
from byhand.demo.forgeries import FORGERIES, NOT_SEEN, VERIFIERS, Booty, Forgery, judge, seen
from byhand.demo.plot import LIMIT_NOTES, OVERRIDE_NOTES
from byhand.demo.stage import Stage
from byhand.demo.telling import Told
from byhand.errors import Conflict, HomeRefused
from byhand.evidence.report import Report
from byhand.journal.reader import Reader
from byhand.records import captured
from byhand.records.kinds import AnyRecord, Intent, Outcome, Permit
from byhand.verifying import Knowledge, verify_target


@dataclass(frozen=True)
class Played:
    """The story after it was played once on the engine."""

    stage: Stage
    told: list[Told]
    old_note: bytes

    def intervention(self, act: str) -> str:
        return next(line.found for line in self.told if line.kind == "act" and line.what == act)

    def records(self, act: str) -> list[AnyRecord]:
        """What the log holds of an act, oldest first."""
        with self.stage.opened() as home:
            chain = home.journal.reader.chain(self.intervention(act))
            return [one.record for one in chain if isinstance(one.record, AnyRecord)]

    def intent(self, act: str) -> Intent:
        return next(one for one in self.records(act) if isinstance(one, Intent))

    def outcome(self, act: str) -> Outcome:
        return next(one for one in self.records(act) if isinstance(one, Outcome))


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of somebody whose state and configuration lie in ``folder``."""
    own = {"XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    return {**os.environ, **own}


@pytest.fixture(scope="module")
def played(engine_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The story, played once; the log remembered by a client afterwards."""
    folder = tmp_path_factory.mktemp("story")
    stage = stages.prepare(surroundings(folder), folder)
    with stage.opened() as home:
        old_note = home.journal.anchor()
    told = telling.play(engine_python, "byhand.demo.story_trader", stage.player, hear=lambda line: None)
    with stage.opened() as home:
        stages.remember(stage, home)
    return Played(stage, told, old_note)


def test_the_story_goes_as_it_is_told(played: Played) -> None:
    """Every expectation of the story held: halted, denied, refused, overridden, filled, raised, reverted."""
    assert [line for line in played.told if not line.held] == []
    found = {line.what: line.found for line in played.told if line.kind == "expected"}
    assert found["an order is denied by the engine"] == "DENIED"
    assert found["an override without a reason"] == "refused"
    assert found["nothing has happened: the engine is still halted"] == "HALTED"
    assert found["the same order fills, at 101.61"] == "FILLED"
    assert found["a large order is denied again"] == "DENIED"


def test_only_what_was_permitted_is_in_the_log(played: Played) -> None:
    """Three interventions, each from intent to outcome; the one without a reason left no trace of an act."""
    with played.stage.opened() as home:
        kinds = [one.leaf.kind for one in home.journal.reader.scan(0) if one.leaf.kind != "access"]
    assert kinds == ["administration"] * 4 + ["intent", "permit", "permit", "outcome"] * 3


def test_the_override_is_recorded_with_who_what_and_why(played: Played) -> None:
    """Person, reason, the engine's own state before and after, and the automation that was overridden."""
    intent, outcome = played.intent("override"), played.outcome("override")
    declaration = intent.declaration
    assert (declaration.person, intent.actor.signed_by) == (stages.PERSON, "actor")
    assert declaration.justification is not None
    assert (declaration.justification.code, declaration.justification.text) == (
        "LIQUIDITY_PROVISIONING",
        OVERRIDE_NOTES,
    )
    assert captured.render(declaration.change.original) == "HALTED"
    assert (captured.render(outcome.found), outcome.as_declared) == ("ACTIVE", True)
    assert (intent.target.tier, intent.mode) == ("high", "enforce")
    assert declaration.automation is not None
    assert declaration.automation.decision is not None
    assert declaration.automation.decision.outcome == "HALTED"


def test_the_permit_was_issued_and_used_once(played: Played) -> None:
    """A permit issued for exactly this intent, then redeemed by one attempt."""
    permits = [one for one in played.records("override") if isinstance(one, Permit)]
    assert [one.phase for one in permits] == ["issued", "redeemed"]


def test_the_limit_comes_back_as_an_intervention_of_its_own(played: Played) -> None:
    """Caused by the raise, carried by the integration, same person and reason; read from the engine."""
    raised, reverted = played.intent("raise"), played.intent("revert")
    assert raised.declaration.change.effective_until is not None
    assert reverted.caused_by == played.intervention("raise")
    via = reverted.actor.via
    assert via is not None
    assert via.kind == "integration"
    assert reverted.declaration.person == raised.declaration.person
    assert reverted.declaration.justification is not None
    assert reverted.declaration.justification.code == "SYSTEM_ERROR_RECOVERY"
    values = [played.intent("raise").declaration.change.original, played.outcome("raise").found]
    values += [played.intent("revert").declaration.change.original, played.outcome("revert").found]
    assert [captured.render(value) for value in values] == ["1000000", "5000000", "5000000", "1000000"]


def test_an_auditor_reads_seven_names(played: Played) -> None:
    """The standard view has exactly the seven names, filled; looking at it leaves an access record."""
    with played.stage.opened() as home:
        caller = played.stage.sign_in(home).caller()
        row = home.reading.show(caller, played.intervention("override")).row
        last = home.journal.reader.read(home.journal.reader.size - 1)
        stages.remember(played.stage, home)
    assert {name: value for name, value in row.items() if name != "Timestamp"} == {
        "Actor_ID": "mara.keller",
        "Action_Type": "trading.circuit_breaker.override",
        "Target_System": "risk-gateway/circuit_breaker/MM-7",
        "Original_Value": "HALTED",
        "New_Value": "ACTIVE",
        "Justification_Reason": f"LIQUIDITY_PROVISIONING: {OVERRIDE_NOTES}",
    }
    assert last.leaf.kind == "access"


@pytest.fixture(scope="module")
def handed(played: Played) -> stranger.Handed:
    """What a stranger gets about the override."""
    with played.stage.opened() as home:
        made = stranger.hand_over(played.stage, home, played.intervention("override"))
        stages.remember(played.stage, home)
    stranger.export_log(played.stage, made.folder)
    return made


def test_home_bundle_and_folder_are_sound(played: Played, handed: stranger.Handed) -> None:
    """With the policy all three are sound; without any knowledge the signer stays unknown."""
    policy = Knowledge(policy=played.stage.policy, use_known_logs=False, use_anchor=False)
    for target in (played.stage.home, handed.bundle, handed.folder):
        report = verify_target(str(target), policy)
        assert (report.verdict, report.findings) == ("sound", [])
    nothing = Knowledge(use_known_logs=False, use_anchor=False)
    report = verify_target(str(handed.bundle), nothing)
    assert (report.verdict, report.sound) == ("consistent; signer not authenticated", False)


def test_a_stranger_checks_by_hand(handed: stranger.Handed, missing: Callable[[str, str], None]) -> None:
    """Python's standard library, openssl and ssh-keygen accept the bundle, and not a changed byte."""
    folder = stranger.unpack(handed)
    checks = list(stranger.checks_by_hand(handed))
    results = [check.run(folder) for check in checks]
    if None in results:
        missing("openssl or the OpenSSH client", "Debian: apt-get install openssl openssh-client")
    assert results == [0, 0, 0]
    signed = folder / f"entries/{handed.intent}/statement-0.signed"
    signed.write_bytes(signed.read_bytes().replace(b"mara", b"marb"))
    assert checks[2].run(folder) != 0


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_each_verifier_says_of_a_forgery_what_it_can_know(
    forgery: Forgery, played: Played, handed: stranger.Handed, tmp_path: Path
) -> None:
    """Every forgery is named by exactly those verifiers who hold something that contradicts it."""
    copy = copy_home(played.stage.home, played.stage.environment, tmp_path / "copy")
    forgery.make(copy, Booty(handed.intent, played.old_note, OVERRIDE_NOTES, LIMIT_NOTES))
    reports = judge(played.stage, copy, handed.receipt)
    said = tuple(seen(reports[holds], named) for holds, named in zip(VERIFIERS, forgery.named, strict=True))
    assert said == forgery.named
    assert not reports["nothing"].sound
    _advice_comes_with_every_finding(reports.values())


def _advice_comes_with_every_finding(reports: Iterable[Report]) -> None:
    for report in reports:
        for finding in report.findings:
            assert finding.where
            assert finding.what
            assert finding.meaning
            assert finding.advice


def test_with_key_and_anchor_forged_only_memory_names_it(
    played: Played, handed: stranger.Handed, tmp_path: Path
) -> None:
    """Without memory: consistent, signer not authenticated; known logs and a receipt name the fork."""
    forgery = next(one for one in FORGERIES if one.name == "anchor-too")
    copy = copy_home(played.stage.home, played.stage.environment, tmp_path / "copy")
    forgery.make(copy, Booty(handed.intent, played.old_note, OVERRIDE_NOTES, LIMIT_NOTES))
    reports = judge(played.stage, copy, handed.receipt)
    without = reports["nothing"]
    assert (without.verdict, without.tampered) == ("consistent; signer not authenticated", False)
    assert seen(reports["known_logs"], "log.forked") == "log.forked"
    assert seen(reports["receipt"], "log.forked") == "log.forked"
    assert seen(reports["anchor"], "") == NOT_SEEN
    with copy.read() as home:
        assert home.vault is not None
        texts = {
            record.declaration.justification.text
            for record in _records(home)
            if isinstance(record, Intent) and record.declaration.justification is not None
        }
    assert texts == {OVERRIDE_NOTES, Booty(0, b"", "", "").wanted_text}


def _records(home: wiring.ReadHome) -> Iterator[object]:
    assert home.vault is not None
    yield from [one.record for one in Reader(home.entries, home.vault).scan(0)]


def test_a_home_with_another_history_does_not_open(
    played: Played, handed: stranger.Handed, tmp_path: Path
) -> None:
    """Cut back, signed with another key or computed anew: it refuses to run while its anchor stands."""
    for forgery in [
        one for one in FORGERIES if one.name in ("rolled-back", "own-key", "signed-intent", "log-key")
    ]:
        copy = copy_home(played.stage.home, played.stage.environment, tmp_path / forgery.name)
        forgery.make(copy, Booty(handed.intent, played.old_note, OVERRIDE_NOTES, LIMIT_NOTES))
        with pytest.raises(HomeRefused):
            wiring.open_home(copy.home, environment=copy.environment)


def test_a_log_set_back_with_its_anchor_runs_on_and_memory_names_it(
    played: Played, handed: stranger.Handed, tmp_path: Path
) -> None:
    """The forger who also has the anchor gets a home that works, and a client that met the log does not fall for it."""
    copy = copy_home(played.stage.home, played.stage.environment, tmp_path / "copy")
    forger.roll_back(copy, played.old_note)
    forger.forge_anchor(copy, played.old_note)
    forged = Stage(played.stage.folder, copy.home, {**played.stage.environment, **copy.environment})
    with forged.opened() as home:
        caller = forged.sign_in(home).caller()
        assert home.reading.search(caller, f"actor:{stages.PERSON}").rows == ()
        assert [point.name for point in home.points.all()] == ["mm7-breaker", "mm7-notional-limit"]
    report = verify_target(str(copy.home), Knowledge(known_logs=played.stage.known_logs, use_anchor=False))
    assert {finding.code for finding in report.findings} == {"log.rolled_back"}


def test_the_demo_never_removes_what_it_did_not_make(tmp_path: Path) -> None:
    """A folder without the demo's mark stays as it is, and the demo says so; its own is made anew."""
    home = tmp_path / "mine"
    home.mkdir()
    (home / "precious").write_text("data")
    with pytest.raises(Conflict, match="was not made by a demo"):
        stages.prepare(os.environ | {"BYHAND_HOME": str(home)}, tmp_path)
    assert (home / "precious").read_text() == "data"
    first = stages.prepare(os.environ, tmp_path)
    second = stages.prepare(os.environ, tmp_path)
    assert first == second
    with second.opened() as opened:
        assert opened.journal.reader.size == 4


def test_a_demo_that_was_stopped_is_replaced(tmp_path: Path) -> None:
    """Also one that left a home without its mark: the folder around it has one."""
    stage = stages.prepare(os.environ, tmp_path)
    (stage.home / stages.MARK).unlink()
    assert stages.prepare(os.environ, tmp_path) == stage


def test_the_command_plays_it_all(engine_python: Path, tmp_path: Path, isolated: Path) -> None:
    """``byhand demo`` ends with 0 in an empty folder, again in the same one, and leaves one log behind, not two."""
    for home in ("", str(tmp_path / "elsewhere" / "home")):
        done = subprocess.run(
            [str(telling.own_python()), "-W", "error", "-m", "byhand", "demo"],
            cwd=tmp_path,
            env=os.environ | ({"BYHAND_HOME": home} if home else {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Everything was as the story says." in done.stdout
    assert (tmp_path / "elsewhere" / "home" / "log.db").exists()
    assert len(list(isolated.rglob("*.anchor"))) == 1
    (known,) = isolated.rglob("known_logs")
    assert known.read_text().count('"origin": "byhand.demo/') == 1


def test_whoever_looks_at_the_home_afterwards_types_nothing_special(played: Played) -> None:
    """``byhand verify`` says sound: anchor and memory are where byhand keeps them."""
    report = verify_target(str(played.stage.home), Knowledge(environment=played.stage.environment))
    assert report.verdict == "sound"
    assert [one.split(" (")[0] for one in report.independence] == [
        "remembered checkpoint",
        "anchored on this machine",
    ]


def test_the_story_knows_when_something_goes_wrong(tmp_path: Path) -> None:
    """A story whose process ends badly ends with an expectation that did not hold."""
    stage = stages.prepare(os.environ, tmp_path)
    stage.key.unlink()
    file = str(tmp_path / "gateway.json")
    told = telling.play(
        telling.own_python(), "byhand.demo.story_file", stage.player, file, hear=lambda line: None
    )
    assert not told[-1].held


def test_without_an_engine_the_story_plays_on_a_file(tmp_path: Path) -> None:
    """The whole demo as a command, in an ordinary folder, with an engine that cannot be had."""
    script = (
        "from byhand.demo import engines, main\n"
        "from byhand.errors import EngineUnavailable\n"
        "def missing(name, *, show):\n"
        "    raise EngineUnavailable('no wheel for this Python', advice='Use another.')\n"
        "engines.ensure = missing\n"
        "raise SystemExit(main.run())\n"
    )
    done = subprocess.run(
        [str(telling.own_python()), "-W", "error", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no wheel for this Python. Use another." in done.stdout
    assert "Everything was as the story says." in done.stdout
    assert (tmp_path / ".demo" / "home" / "log.db").exists()
