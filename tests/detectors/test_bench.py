# SPDX-License-Identifier: Apache-2.0
"""The benchmark's scores: one line for each event, the same however they are read; and events of any repository."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
import anomaly_data

BENCH = Path(anomaly_data.__file__).parent


def run(script: str, *arguments: str, given: bytes = b"", **environment: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(BENCH / script), *arguments],
        input=given,
        capture_output=True,
        check=True,
        env={**os.environ, **environment},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def lines() -> bytes:
    return "".join(json.dumps(one) + "\n" for one in anomaly_data.generated(3, 1_500)).encode()


def test_every_event_gets_its_score_however_it_is_read(lines: bytes, tmp_path: Path) -> None:
    """Plain, packed, in two files, from standard input: the same ids in order, the same scores, reasons in words."""
    plain, packed = tmp_path / "events.jsonl", tmp_path / "events.jsonl.gz"
    plain.write_bytes(lines)
    packed.write_bytes(gzip.compress(lines))
    scored = run("anomaly.py", "score", str(plain))
    assert [one["id"] for one in scored] == [json.loads(line)["id"] for line in lines.splitlines()]
    assert scored == run("anomaly.py", "score", str(packed))
    assert scored == run("anomaly.py", "score", "-", given=gzip.compress(lines))
    half = lines.index(b"\n", len(lines) // 2) + 1
    plain.write_bytes(lines[:half])
    assert scored == run("anomaly.py", "score", str(plain), "-", given=lines[half:])
    assert all(isinstance(one["score"], float) for one in scored)
    assert any(one["reasons"] for one in scored)


def test_it_measures_without_the_shared_data(tmp_path: Path) -> None:
    """Where there is none, made-up events stand in, and the figures say so."""
    figures = run("anomaly.py", "--quick", BYHAND_DATA=str(tmp_path))
    named = {one["name"]: one for one in figures}
    assert "generated" in named["anomaly_byhand_average_precision"]["against"]
    assert 0 < named["anomaly_byhand_average_precision"]["value"] <= 1
    assert named["anomaly_byhand_events_per_s"]["value"] > 0


def test_anomalies_are_put_in_as_described() -> None:
    """1.2 % of what lies behind the warm-up, five kinds in equal parts, none before it, the same for the same seed."""
    found = anomaly_data.generated(1, 6_000)
    labelled, begin = anomaly_data.with_anomalies(found, 7)
    kinds = [one.kind for one in labelled]
    assert not any(kinds[:begin])
    made = [kind for kind in kinds if kind]
    assert {made.count(kind) for kind in anomaly_data.KINDS} == {len(made) // 5}
    assert len(made) / (len(labelled) - begin) == pytest.approx(0.012, abs=0.002)
    assert anomaly_data.with_anomalies(found, 7) == (labelled, begin)
    both = [one.event for one in labelled if one.kind == "both"]
    assert {anomaly_data._hour(event) for event in both} == {6 * 24 + 3}


def test_events_are_made_of_any_repository(tmp_path: Path) -> None:
    """Who, when, where, approved by whom; no address, no bot, no contents, no words but the verb."""

    def git(*arguments: str, at: str = "1600000000 +0200", by: str = "ada") -> str:
        names = {"NAME": by, "EMAIL": f"{by}@example.org", "DATE": at}
        author = {f"GIT_AUTHOR_{name}": value for name, value in names.items()}
        committer = {
            f"GIT_COMMITTER_{name}": value for name, value in {**names, "EMAIL": "gate@x.org"}.items()
        }
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *arguments],
            env={**os.environ, **author, **committer},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    for name, by in (("modules/db/grants.pp", "ada"), ("top.txt", "grace"), ("x", "dependabot")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret content")
        git("add", ".")
        git("commit", "-q", "-m", f"db: grant OPS-7 {name}", by=by)
    (tmp_path / "top.txt").write_text("other")
    git("commit", "-qam", "Revert it", at="1600000600 +0200", by="grace")
    found = run("history.py", str(tmp_path), "shop", "--salt", "s")
    by_target = {one["target"]: one for one in found if one["timestamp"] == 1_600_000_000}
    assert set(by_target) == {"modules/db", "top.txt"}
    grant = by_target["modules/db"]
    assert (grant["tz_minutes"], grant["action"]) == (120, "grant")
    assert grant["approver_id"] not in {"self", grant["actor_id"]}
    assert "example" not in json.dumps(found)
    assert "secret content" not in json.dumps(found)
    assert "OPS-7" not in json.dumps(found)
    assert anomaly_data.act(grant).person == grant["actor_id"]
