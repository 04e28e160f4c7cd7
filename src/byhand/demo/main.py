# SPDX-License-Identifier: Apache-2.0
"""``byhand demo``: a person overrides a real system, a stranger checks it, and a forger tries his luck.

Everything is really done: the engine is the real one, the home a real home, and behind every "ok" stands a
comparison with what was found. The demo fails when one of them does not hold.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from byhand.demo import engines, stage as stages, story_deploy, story_file, stranger, telling
from byhand.demo.forger import copy_home
from byhand.demo.forgeries import FORGERIES, VERIFIERS, Booty, judge, knowledge, seen
from byhand.demo.plot import LIMIT_NOTES, OVERRIDE_NOTES
from byhand.demo.screen import Screen
from byhand.demo.stage import Stage
from byhand.demo.stranger import Handed
from byhand.demo.telling import Told
from byhand.errors import ByhandError, EngineUnavailable
from byhand.evidence.report import Report
from byhand.verifying import Knowledge, verify_target

ACTS = ("override", "raise", "revert")
"""The interventions of the story, in order."""


def run(*, home: Path | None = None) -> int:
    """Override a real system, check it as a stranger, forge it: everything really done, here, in a minute.

    Made-up person, real engine, real home. Ends with 0 only when all of it went as the story says.

    **Example**

    ```console
    $ byhand demo
    ```

    Parameters
    ----------
    home
        Where the demo's home shall be. Else: BYHAND_HOME, .demo/home. Only an earlier demo's is replaced.
    """
    screen = Screen()
    environment = dict(os.environ) if home is None else {**os.environ, "BYHAND_HOME": str(home)}
    python, builds = find_engine(screen), find_build_system(screen)
    stage = set_up(screen, environment, engine=python is not None)
    old_note = _note(stage)
    told = play(screen, stage, python)
    acts = {line.what: line.found for line in told if line.kind == "act"}
    if set(ACTS) <= set(acts):
        show_log(screen, stage, acts)
        handed = hand_over(screen, stage, acts["override"])
        check_by_hand(screen, handed)
        play_forger(screen, stage, handed, old_note)
        play_deploy(screen, stage, builds)
        play_four_eyes(screen, stage, python)
        where_to_look(screen, stage, handed)
    return conclude(screen)


def find_engine(screen: Screen) -> Path | None:
    """The Python beside the real engine; ``None`` when this machine cannot have one."""
    screen.chapter("The real engine")
    try:
        python = engines.ensure("nautilus", show=screen.say)
    except EngineUnavailable as missing:
        screen.say(f"{missing}. {missing.advice}")
        screen.say("The story is played on a gateway that obeys a file instead; all the rest is the same.")
        return None
    screen.say(f"{engines.recipe('nautilus').title} is ready, in an environment of its own.")
    return python


def find_build_system(screen: Screen) -> Path | None:
    """The Python beside Buildbot; ``None`` when this machine cannot have one."""
    screen.chapter("The real build system")
    try:
        python = engines.ensure("buildbot", show=screen.say)
    except EngineUnavailable as missing:
        screen.say(f"{missing}. {missing.advice}")
        screen.say("The story of the forced deploy is left out; all the rest is the same.")
        return None
    screen.say(f"{engines.recipe('buildbot').title} is ready, in an environment of its own.")
    return python


def set_up(screen: Screen, environment: dict[str, str], *, engine: bool) -> Stage:
    """A fresh home with a made-up person and two points."""
    screen.chapter("A fresh home")
    current = Path.cwd()
    points = (stages.BREAKER, stages.LIMIT) if engine else story_file.points(_gateway(current))
    stage = stages.prepare(environment, current, points)
    with stage.opened() as home:
        screen.facts(
            [
                ("home", _short(stage.home)),
                ("log", home.origin),
                (
                    "person",
                    f"{stages.PERSON}, a made-up officer with a key made just now: {_short(stage.key)}",
                ),
                *(
                    (f"point {one.name}", f"{one.action}, {one.tier}, {one.mode}")
                    for one in home.points.all()
                ),
            ]
        )
    screen.say(
        f"The rest lies in {_short(stage.folder)}. The log's anchor and your memory of it are kept where byhand "
        "always keeps them; the next demo takes its own out again."
    )
    return stage


def play(screen: Screen, stage: Stage, python: Path | None) -> list[Told]:
    """The trader's story, in a process of its own."""
    screen.chapter("The trader and the breaker")
    if python is not None:
        return telling.play(python, "byhand.demo.story_trader", stage.player, hear=screen.hear)
    file = str(_gateway(Path.cwd()))
    return telling.play(telling.own_python(), "byhand.demo.story_file", stage.player, file, hear=screen.hear)


def show_log(screen: Screen, stage: Stage, acts: dict[str, str]) -> None:
    """What the log holds, in the seven names that an auditor expects; and the client remembers it."""
    screen.chapter("What the log holds")
    with stage.opened() as home:
        caller = stage.sign_in(home).caller()
        for name in ACTS:
            shown = home.reading.show(caller, acts[name])
            screen.facts([("", name.upper()), *shown.row.items()])
            screen.expect(f"{name} ended", shown.state.phase if shown.state else "?", "applied")
        found = home.reading.search(caller, f"actor:{stages.PERSON}").rows
        screen.expect("interventions there are (what was refused is none)", len(found), len(ACTS))
        screen.expect(
            "the revert names its cause",
            _cause(home.reading.show(caller, acts["revert"]).records),
            acts["raise"],
        )
        stages.remember(stage, home)
    screen.say("Looking at records leaves records too: who looked, when, at what.")


def _cause(records: Sequence[object]) -> object:
    return next((cause for one in records if (cause := getattr(one, "caused_by", None))), None)


def hand_over(screen: Screen, stage: Stage, intervention: str) -> Handed:
    """Verify the home, then write what a stranger gets and verify that, offline."""
    screen.chapter("Verify, and hand over evidence")
    with stage.opened() as home:
        handed = stranger.hand_over(stage, home, intervention)
        stages.remember(stage, home)
    stranger.export_log(stage, handed.folder)
    informed = Knowledge(policy=stage.policy, environment=stage.environment)
    stranger_knows = Knowledge(policy=stage.policy, use_known_logs=False, use_anchor=False)
    nobody_knows = Knowledge(use_known_logs=False, use_anchor=False)
    _verified(screen, "the home", stage.home, informed, "sound")
    _verified(screen, "the bundle, with the policy", handed.bundle, stranger_knows, "sound")
    _verified(
        screen,
        "the bundle, knowing nothing",
        handed.bundle,
        nobody_knows,
        "consistent; signer not authenticated",
    )
    _verified(screen, "the static folder of the log", handed.folder, stranger_knows, "sound")
    return handed


def _verified(screen: Screen, what: str, target: Path, knows: Knowledge, wanted: str) -> Report:
    report = verify_target(str(target), knows)
    screen.expect(what, report.verdict, wanted)
    counted = ", ".join(f"{count} {name}" for name, count in report.counts.items())
    screen.say(f"    {counted}; {', '.join(report.independence)}")
    return report


def check_by_hand(screen: Screen, handed: Handed) -> None:
    """The stranger trusts no program of ours: what the bundle's README says, typed in the unpacked bundle."""
    screen.chapter("The same by hand, without byhand")
    folder = stranger.unpack(handed)
    screen.command(f"cd {_short(folder)}")
    for check in stranger.checks_by_hand(handed):
        screen.command(check.line)
        code = check.run(folder)
        if code is None:
            screen.say(f"{check.program} is not installed here: left out")
        else:
            screen.expect(check.shows, f"exit {code}", "exit 0")


def play_forger(screen: Screen, stage: Stage, handed: Handed, old_note: bytes) -> None:
    """Every forgery, on a copy of its own, before every verifier."""
    screen.chapter("The forger")
    screen.say(
        "He gets copies of the home, then the log's own key, then the anchor too. Five verifiers look at "
        "each forgery; each holds one thing only, taken from the true log before."
    )
    booty = Booty(handed.intent, old_note, signed_text=OVERRIDE_NOTES, unsigned_text=LIMIT_NOTES)
    for holds in VERIFIERS:
        wanted = "sound" if holds in ("policy", "known_logs") else "consistent; signer not authenticated"
        report = verify_target(str(stage.home), knowledge(stage, holds, handed.receipt, stage.environment))
        screen.expect(f"the true home, before a verifier with {holds}", report.verdict, wanted)
    rows = [_forge(screen, stage, handed, booty, number) for number in range(len(FORGERIES))]
    screen.table(("what was forged", *(f"with {holds}" for holds in VERIFIERS)), rows)
    screen.say(
        "A verifier who holds nothing never says sound: the signer is not authenticated, exit code 1. A "
        "policy knows who signs; where the forger has the log's key, it says sound. Only memory - a known "
        "log, a receipt, an anchor elsewhere - knows what was signed before. Keep your receipts."
    )


def _forge(screen: Screen, stage: Stage, handed: Handed, booty: Booty, number: int) -> tuple[str, ...]:
    forgery = FORGERIES[number]
    copy = copy_home(stage.home, stage.environment, stage.forgeries / forgery.name)
    forgery.make(copy, booty)
    reports = judge(stage, copy, handed.receipt)
    cells = tuple(seen(reports[holds], named) for holds, named in zip(VERIFIERS, forgery.named, strict=True))
    if cells != forgery.named:
        screen.expect(f"what verifiers say of {forgery.name}", cells, forgery.named)
    if reports["nothing"].sound:
        screen.expect(f"a verifier without memory before {forgery.name}", "sound", "never sound")
    return (forgery.title, *cells)


def play_deploy(screen: Screen, stage: Stage, python: Path | None) -> None:
    """The story of the forced deploy: the home is served, and a build system asks it."""
    if python is None:
        return
    screen.chapter("The forced deploy")
    screen.say("The home is served on this machine alone, and Buildbot asks it; both end with the story.")
    try:
        story_deploy.play(stage.player, stage.folder / "deploy", python, screen.hear)
    except ByhandError as failure:
        screen.expect("the story ran to its end", str(failure), "it did")
        return
    with stage.opened() as home:
        stages.remember(stage, home)
    _verified(
        screen,
        "the home afterwards",
        stage.home,
        Knowledge(policy=stage.policy, environment=stage.environment),
        "sound",
    )


def play_four_eyes(screen: Screen, stage: Stage, python: Path | None) -> None:
    """With a second officer nobody acts alone at high risk any more: the trader's story once more."""
    if python is None:
        return
    screen.chapter("Four eyes")
    screen.say(
        "Jonas becomes the second officer: the home is on trial no longer, and high risk needs two persons."
    )
    stage.second_officer()
    arguments = (stages.COLLEAGUE, str(stage.colleagues_key), str(telling.own_python()))
    telling.play(python, "byhand.demo.story_four_eyes", stage.player, *arguments, hear=screen.hear)
    with stage.opened() as home:
        stages.remember(stage, home)
    informed = Knowledge(policy=stage.policy, environment=stage.environment)
    _verified(screen, "the home afterwards", stage.home, informed, "sound")


def where_to_look(screen: Screen, stage: Stage, handed: Handed) -> None:
    """What is left to look at, and how."""
    screen.chapter("Where to look")
    screen.facts(
        [
            ("the home", _short(stage.home)),
            ("the evidence bundle", _short(handed.bundle)),
            ("a receipt", _short(handed.receipt)),
            ("the log as a folder", _short(handed.folder)),
            ("the forgeries", _short(stage.forgeries)),
        ]
    )
    byhand = _short(Path(sys.executable).with_name("byhand"))
    home, key = shlex.quote(str(stage.home)), shlex.quote(str(stage.key))
    screen.command(f"export BYHAND_HOME={home} BYHAND_PERSON={stages.PERSON} BYHAND_KEY={key}")
    for line in (
        "search 'state:applied'",
        f"show {handed.intervention}",
        f"diff {handed.intervention}",
        "verify",
        f"verify {_short(handed.bundle)} --policy {_short(stage.policy)}",
        f"verify {_short(stage.forgeries / 'log-key' / 'home')}",
    ):
        screen.command(f"{byhand} {line}")


def conclude(screen: Screen) -> int:
    """The last word, and the exit code."""
    if not screen.failed:
        screen.say()
        screen.say("Everything was as the story says.")
        return 0
    screen.chapter("Not everything was as the story says")
    for what in screen.failed:
        screen.say(what)
    return 1


def _note(stage: Stage) -> bytes:
    """The checkpoint of before the story, as the forger keeps it."""
    with stage.opened() as home:
        return home.journal.anchor()


def _gateway(current: Path) -> Path:
    return current.resolve() / stages.FOLDER / "gateway.json"


def _short(path: Path) -> str:
    """``path`` as one types it here."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
