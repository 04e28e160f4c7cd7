# SPDX-License-Identifier: Apache-2.0
"""The blocking step for Jenkins, GitHub Actions and GitLab CI: the commands in the files to copy, run as they stand.

What those systems do around the commands is their documentation's word and was not captured here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from real_server import ADA, BYHAND, POINT, Client, Server, other

from byhand.client import steps

FILES = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "pipelines"
STEP_SECONDS_MAX = 60


def commands(name: str) -> str:
    """The shell text of a file's blocking step, as its system would hand it to a shell."""
    text = (FILES / name).read_text(encoding="utf-8")
    if name.endswith(".groovy"):
        found = re.search(r"sh '''\n(.*?)'''", text, re.DOTALL)
        assert found is not None
        return found[1].replace("\\\\", "\\")  # as Groovy reads its own string
    loaded = yaml.safe_load(text)
    if name == "action.yml":
        (step,) = [one for one in loaded["runs"]["steps"] if "byhand permit" in one["run"]]
        return str(step["run"])
    return str(loaded[".byhand-deploy"]["script"][0])


NAMES = ("byhandDeploy.groovy", "action.yml", "byhand.gitlab-ci.yml")


@pytest.fixture(scope="module")
def token_file(server: Server) -> Path:
    """The token of a workload that speaks for accounts of one issuer."""
    server.byhand("workload", "set", "ci", "--issuer", "ci", "--scope", "redeem")
    server.byhand("person", "link", ADA, "ci:ada")
    made = json.loads(server.byhand("token", "create", "--workload", "ci", "--output", "json"))
    file = server.folder / "token"
    file.touch(mode=0o600)
    file.write_text(made["token"])
    return file


def run(
    server: Server, token_file: Path, name: str, folder: Path, **changed: str
) -> subprocess.CompletedProcess[str]:
    """The step as a runner runs it: the folder of a job, a few variables, no home and no key."""
    environment = {
        "PATH": f"{BYHAND.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "BYHAND_URL": server.url,
        "BYHAND_TOKEN_FILE": str(token_file),
        "BYHAND_ON_BEHALF_OF": "ci:ada",
        "POINT": POINT,
        "EXECUTOR": f"{name}/7",
        "DEPLOY": f'echo "{{\\"state\\": \\"$REVISION\\"}}" > {server.gateway}',
        **changed,
    }
    return subprocess.run(
        ["bash", "-c", commands(name)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS_MAX,
        check=False,
    )


def declared(server: Server, ada: Client) -> tuple[str, str]:
    new = other(server.state())
    act = ada.act(new)
    return steps.declare_only(ada.backend, act._request, signer=lambda: ada.key).intervention, new


def test_the_three_files_say_the_same() -> None:
    """One blocking step, three ways of writing it down."""
    first, *rest = [[line.strip() for line in commands(name).strip().splitlines()] for name in NAMES]
    assert [one for one in rest if one != first] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_declared_change_is_deployed_and_concluded(
    server: Server, ada: Client, token_file: Path, tmp_path: Path, name: str
) -> None:
    """Permit, redeem, deploy, conclude; the same step run again deploys nothing."""
    intervention, new = declared(server, ada)
    done = run(server, token_file, name, tmp_path, INTERVENTION=intervention, REVISION=new)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.state() == new
    server.state(other(new))
    again = run(server, token_file, name, tmp_path, INTERVENTION=intervention, REVISION=new)
    assert again.returncode == 3
    assert server.state() == other(new)


def test_another_change_or_nobody_deploys_nothing(
    server: Server, ada: Client, token_file: Path, tmp_path: Path
) -> None:
    """Another revision, another account, no intervention: the step fails before the deploy command."""
    intervention, new = declared(server, ada)
    before = server.state()
    for changed in (
        {"REVISION": "DRAINED"},
        {"BYHAND_ON_BEHALF_OF": "ci:eve"},
        {"INTERVENTION": ""},
        {"BYHAND_URL": "http://127.0.0.1:9"},
    ):
        wanted = {"INTERVENTION": intervention, "REVISION": new, **changed}
        done = run(server, token_file, NAMES[0], tmp_path, **wanted)
        assert done.returncode != 0, changed
        assert server.state() == before, changed
    done = run(server, token_file, NAMES[0], tmp_path, INTERVENTION=intervention, REVISION=new)
    assert done.returncode == 0, done.stderr


def test_what_looks_like_an_option_opens_nothing(
    server: Server, ada: Client, token_file: Path, tmp_path: Path
) -> None:
    """Whoever starts a pipeline types these two: a word that makes a command end well is no permit."""
    intervention, new = declared(server, ada)
    before = server.state()
    for name in ("INTERVENTION", "REVISION"):
        for word in ("--help", "--version", "-h", "--output=json", ""):
            wanted = {"INTERVENTION": intervention, "REVISION": new, name: word}
            done = run(server, token_file, NAMES[0], tmp_path, **wanted)
            assert done.returncode != 0, (name, word, done.stdout)
            assert server.state() == before, (name, word)


def test_the_deploy_command_does_not_get_the_gates_token(
    server: Server, ada: Client, token_file: Path, tmp_path: Path
) -> None:
    """What is deployed comes from a repository; the token is the pipeline's. Nothing is written to the job's folder."""
    intervention, new = declared(server, ada)
    told = tmp_path / "told"
    deploy = f'env > "{told}"; echo "{{\\"state\\": \\"$REVISION\\"}}" > {server.gateway}'
    folder = tmp_path / "job"
    folder.mkdir()
    done = run(server, token_file, NAMES[0], folder, INTERVENTION=intervention, REVISION=new, DEPLOY=deploy)
    assert done.returncode == 0, done.stderr
    assert "REVISION=" in told.read_text()
    assert "BYHAND_TOKEN_FILE" not in told.read_text()
    assert "BYHAND_ON_BEHALF_OF" not in told.read_text()
    assert list(folder.glob("*.json")) == []


def test_a_server_that_is_away_behind_the_deploy_hears_of_it_later(
    server: Server, ada: Client, token_file: Path, tmp_path: Path
) -> None:
    """The step asks again for five minutes, so a restart of the server loses no outcome."""
    intervention, new = declared(server, ada)
    started = tmp_path / "started"
    deploy = f'echo "{{\\"state\\": \\"$REVISION\\"}}" > {server.gateway}; touch {started}; sleep 3'
    wanted = {"INTERVENTION": intervention, "REVISION": new, "DEPLOY": deploy, "PAUSE": "1"}
    with ThreadPoolExecutor(1) as others:
        running = others.submit(run, server, token_file, NAMES[0], tmp_path, **wanted)
        until = time.monotonic() + STEP_SECONDS_MAX
        while not started.exists() and time.monotonic() < until:
            time.sleep(0.05)
        server.stop()
        time.sleep(10)  # longer than the client by itself asks again
        server.start()
        done = running.result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"result": "applied"' in done.stdout


def test_a_deploy_that_fails_is_recorded_as_failed(
    server: Server, ada: Client, token_file: Path, tmp_path: Path
) -> None:
    """The step fails, and the outcome is in the log with the value found."""
    intervention, new = declared(server, ada)
    done = run(
        server, token_file, NAMES[1], tmp_path, INTERVENTION=intervention, REVISION=new, DEPLOY="exit 4"
    )
    assert done.returncode == 1
    assert '"result": "failed"' in done.stdout
