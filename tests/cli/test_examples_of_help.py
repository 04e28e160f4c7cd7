# SPDX-License-Identifier: Apache-2.0
"""What `--help` shows to type is typed, in the order of the commands: nobody is taught a line that is refused."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import Ended, in_shell

NOT_TYPED = {
    "byhand init": "makes the home of everything below, where shared accounts must name themselves",
    "byhand login": "keeps a session, which an account of several persons cannot: tests/cli/ordinary",
    "byhand logout": "as login",
    "byhand serve": "goes on until it is ended: tests/api",
    "byhand timeline --follow": "goes on until it is ended: tests/cli/test_following.py",
    "byhand unusual 019": "needs most of a year of acts: tests/watch/test_unusual.py",
    "byhand disposition": "needs something that was said: tests/watch/test_unusual.py",
    "byhand watch": "goes on until it is ended: tests/watch",
    "byhand doctor --url": "needs a server: tests/api",
    "byhand run mm7-breaker --url": "needs the server of the line before: tests/api",
    "byhand run mm7-breaker --new ACTIVE --for": "waits for a quarter of an hour: tests/cli/running.txt",
    "byhand verify https": "asks somebody else's server",
    "byhand doctor --adopt": "is for a home that was moved: tests/cli/trouble.txt",
    "byhand point add mm7-breaker": "is the point of everything below, without its probe",
    "byhand point list --output json > points.json": "is for two homes: tests/cli/points.txt",
    "byhand person countersign": "takes a file of another officer: tests/cli/officers.txt",
    "byhand person add alan.turing": "ends the trial: from then on nothing here is done by one officer",
    "byhand person add emmy.noether": "takes a passkey that somebody has just made: tests/browser",
    "byhand key add --passkey": "as person add",
    "byhand person deactivate": "is about a person who is not there: tests/cli/officers.txt",
    "byhand key revoke": "is about a key of somebody's",
    "byhand token create --workload": "takes a workload with an owner of its own: tests/cli/credentials.txt",
    "byhand token revoke": "is about a token of somebody's: tests/cli/credentials.txt",
    "byhand run mm7-breaker --runbook": "takes a point that enforces: tests/cli/runbooks.txt",
    "byhand runbook set": "takes a point that is still there: tests/cli/runbooks.txt",
    "byhand runbook show": "as runbook set",
    "byhand runbook retire": "as runbook set",
    "byhand circle test": "sends to somebody: tests/cli/circles.txt",
    "byhand redeem $ID": "is a pipeline's, with variables of its own: tests/peers",
    "byhand spool send": "needs a server: tests/api",
    "byhand break-glass": "is for a point that keeps people off: tests/cli/four-eyes.txt",
    "byhand policy explain": "is about a point that is retired by now: tests/cli/policies.txt",
    "byhand policy set": "takes others than those in force: tests/cli/policies.txt",
    "byhand approve": "is about somebody else's intent: docs/how-to/ask-others-to-approve.md",
    "byhand refuse": "as approve",
    "byhand withdraw": "as approve",
    "byhand demo": "fetches an engine: tests/journeys",
}
WHY = '--reason FALSE_POSITIVE --notes "Stale quote from XLON."'
ASKS = " --new "
"""An example with a new value and without a reason is for a terminal: the reason is added here."""
REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "docs" / "reference" / "cli.md"
POLICIES = REPOSITORY / "src" / "byhand" / "control" / "policies"


def examples() -> list[str]:
    """Every line that help shows to type, as the reference has it of help, continued ones joined."""
    text = re.sub(r"\\\n\s*", "", REFERENCE.read_text(encoding="utf-8"))
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


@pytest.fixture
def prepared(desk: Path, here: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything that the examples name."""
    bin_folder = desk / "bin"
    bin_folder.mkdir()
    program = '#!/bin/sh\necho "{\\"state\\": \\"ACTIVE\\"}" > gateway.json\n'
    for name in ("bin/deskctl", "raise.sh"):
        (desk / name).write_text(
            program if name != "raise.sh" else "#!/bin/sh\necho '{\"max\": 5000000}' > limits.json\n"
        )
        (desk / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("BYHAND_HOME", str(Path.home() / ".byhand"))
    (desk / "gateway.json").write_text('{"state": "HALTED"}')
    (desk / "limits.json").write_text('{"max": 100}')
    for policy in POLICIES.iterdir():
        (desk / policy.name).write_bytes(policy.read_bytes())
    for name in ("grace.pub", "alan.pub"):
        (desk / name).write_bytes((desk / "keys" / name).read_bytes())
    (Path.home() / ".ssh").mkdir(exist_ok=True)
    (Path.home() / ".ssh" / "id_ed25519_sk.pub").write_bytes((desk / "keys" / "nobody.pub").read_bytes())
    for folder in (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"):
        (Path.home() / folder).mkdir(parents=True, exist_ok=True)
    place = ["--target", "risk-gateway/circuit_breaker/MM-7", "--probe", "file:gateway.json#/state"]
    who = ["--owner", "ada.lovelace", "--tier", "medium", "--mode", "warn"]
    action = ["--action", "trading.circuit_breaker.override"]
    (desk / "points.toml").write_text(
        '[[point]]\nname = "limit"\naction = "a.b.c"\nsystem = "a"\ntype = "b"\nid = "c"\nowner = "ada.lovelace"\n'
    )
    for words in (
        ["init", "--origin", "desk.test/help"],
        ["point", "add", "mm7-breaker", *action, *place, *who],
    ):
        done = here(*words)
        assert done.code == 0, done.err
    keys = json.loads(here("log", "keys", "--output", "json").out)[0]
    (desk / "policy.toml").write_text(f'[[log]]\norigin = "{keys["origin"]}"\nkeys = ["{keys["key"]}"]\n')
    return desk


@pytest.mark.timeout(180)
def test_what_help_shows_to_type_works(prepared: Path, typed: Callable[[str], Ended]) -> None:
    """Every example of every command ends with 0, but for those that a reason keeps from being typed."""
    refused, left, intervention = [], set(NOT_TYPED), "ID"
    for number, example in enumerate(examples()):
        passed_over = {begin for begin in NOT_TYPED if example.startswith(begin)}
        if passed_over:
            left -= passed_over
            continue
        if example.startswith(("byhand permit", "byhand conclude")):
            (prepared / "gateway.json").write_text('{"state": "HALTED"}')
            done = typed(
                f"byhand declare mm7-breaker --new ACTIVE --output json {said_once(WHY, 1000 + number)}"
            )
            assert done.code == 0, done.err
            intervention = json.loads(done.out)["intervention"]
        if example.startswith("byhand conclude"):
            for step in ("permit", "redeem"):
                assert typed(f"byhand {step} {intervention}").code == 0
            assert in_shell("deskctl resume MM-7").code == 0
        line = re.sub(r"\bID\b|019a5d0c-8a3e", intervention, example)
        if ASKS in line and "--reason" not in line:
            line = line.replace(ASKS, f" {WHY}{ASKS}", 1)
        done = (in_shell if "~" in line else typed)(said_once(line, number))
        if done.code != 0:
            refused.append(f"$ {line}\n{done.err}[exit {done.code}]")
        found = re.search(r"\(([0-9a-f-]{36})\)", done.err)
        intervention = found[1] if found else intervention
    assert refused == [], "\n".join(refused)
    assert left == set(), "no example begins like this any more"


def said_once(line: str, number: int) -> str:
    """The line with words of its own: the same ones twice are a lazy text."""
    return line.replace('XLON."', f'XLON, number {number}."')
