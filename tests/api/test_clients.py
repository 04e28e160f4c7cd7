# SPDX-License-Identifier: Apache-2.0
"""Library and command line through a server: the same object, the same words, the same exit codes as at a home."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from real_server import ADA, POINT, Server, other

SCRIPT = """
import json, sys
import byhand

url, key, token, new, file = sys.argv[1:]
byhand.configure(url=url, person="ada.lovelace", key=key or None, token=token or None)
point = byhand.point("mm7")
assert (point.tier, point.mode) == ("high", "enforce")
with byhand.intervention(point, reason="FALSE_POSITIVE", notes=f"Stale quote, seen on two feeds: {new}, {token[:9]}",
                         new=new) as act:
    json.dump({"state": new}, open(file, "w"))
print(act.outcome.result, act.outcome.as_declared, act.receipt.proof[:9])
byhand.close()
"""


def library(server: Server, *, key: str = "", token: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", SCRIPT, server.url, key, token]
    return subprocess.run(
        [*command, other(server.state()), str(server.gateway)],
        env={name: text for name, text in server.environment.items() if not name.startswith("BYHAND_")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_library_acts_through_a_server_as_at_a_home(server: Server) -> None:
    """``byhand.configure(url=...)`` and everything else as it was: declared, permitted, done, read back, proven."""
    done = library(server, key=str(server.folder / "key"))
    assert (done.returncode, done.stdout) == (0, "applied True c2sp.org/\n"), done.stderr


def test_a_token_alone_acts_only_where_no_signature_is_asked_for(server: Server) -> None:
    """High risk wants the person's own key, whatever the token; the body does not run."""
    token = json.loads(server.byhand("token", "create", "--scope", "act", "--output", "json"))["token"]
    before = server.state()
    done = library(server, token=token)
    assert done.returncode != 0
    assert "sign" in done.stderr
    assert token not in done.stderr
    assert server.state() == before


def through(server: Server) -> dict[str, str]:
    """The variables of somebody on another machine: no home, a server."""
    folder = server.folder / "elsewhere"
    folder.mkdir(exist_ok=True)
    return {"HOME": str(folder), "BYHAND_HOME": str(folder / "nothing"), "BYHAND_URL": server.url}


def test_the_command_line_works_from_another_machine(server: Server, tmp_path: Path) -> None:
    """Declare to conclude step by step, then every way to read; only administration is bound to the home."""
    there = through(server)
    new = other(server.state())
    why = ("--reason", "FALSE_POSITIVE", "--notes", f"Stale quote from XLON: now {new}, by the steps.")
    declared = json.loads(server.byhand("declare", POINT, "--new", new, *why, "--output", "json", **there))
    intervention = declared["intervention"]
    server.byhand("permit", intervention[:13], **there)
    server.byhand("redeem", intervention, **there)
    server.state(new)
    ended = json.loads(
        server.byhand("conclude", intervention, "--result", "applied", "--output", "json", **there)
    )
    assert (ended["result"], ended["as_declared"]) == ("applied", True)

    shown = json.loads(server.byhand("show", intervention, "--output", "json", **there))
    at_home = json.loads(server.byhand("show", intervention, "--output", "json"))
    assert shown == at_home
    assert json.loads(server.byhand("search", "state:applied", "--output", "json", **there))
    assert json.loads(server.byhand("search", "--facets", "--output", "json", **there))["total"] >= 1
    assert json.loads(server.byhand("timeline", "--output", "json", **there))
    assert json.loads(server.byhand("diff", intervention, "--output", "json", **there))
    assert server.byhand("export", "--format", "csv", **there).startswith("Timestamp,Actor_ID")
    bundle = tmp_path / "override.zip"
    server.byhand("evidence", intervention, "-o", str(bundle), **there)
    assert json.loads(server.byhand("verify", str(bundle), "--output", "json", **there))["sound"]
    server.byhand("review", intervention, "right", "Quoting went on; the move was the rebalance.", **there)
    server.byhand("amend", intervention, "The ticket was OPS-118, not OPS-181.", **there)
    assert json.loads(server.byhand("whoami", "--output", "json", **there))["person"] == ADA
    server.byhand("point", "mode", POINT, "warn", code=2, **there)


def test_a_command_runs_under_a_permit_from_another_machine(server: Server) -> None:
    """``byhand run`` through a server: the exit code is the command's own."""
    new = other(server.state())
    why = ("--reason", "FALSE_POSITIVE", "--notes", f"Stale quote from XLON: {new} once more, by run.")
    act = ("sh", "-c", f"""echo '{{"state": "{new}"}}' > {server.gateway}; exit 7""")
    server.byhand("run", POINT, "--new", new, *why, "--", *act, code=7, **through(server))
    assert server.state() == new


def test_a_server_that_is_not_there_lets_nothing_happen(server: Server) -> None:
    """Exit code 6, and the command did not start."""
    ran = server.folder / "ran"
    there = through(server) | {"BYHAND_URL": "http://127.0.0.1:9"}
    why = ("--reason", "FALSE_POSITIVE", "--notes", "Nobody listens there at all.")
    server.byhand("run", POINT, "--new", "X", *why, "--", "touch", str(ran), code=6, **there)
    assert not ran.exists()


@pytest.mark.parametrize(
    "url", ["http://byhand.example", "ftp://127.0.0.1", "https://user:word@byhand.example", "x"]
)
def test_a_url_that_would_give_tokens_away_is_refused(server: Server, url: str) -> None:
    """Plain HTTP to another machine, credentials in the URL, or no URL at all: usage, exit code 2."""
    server.byhand("whoami", code=2, **(through(server) | {"BYHAND_URL": url}))


def test_the_doctor_looks_at_a_server_from_here_and_an_officer_is_told_more(server: Server) -> None:
    """Reached, clocks, log, session, then what the server's own doctor found; somebody else is told only the first."""
    there = through(server)
    found = json.loads(server.byhand("doctor", "--output", "json", **there))
    parts = {one["part"]: one["level"] for one in found}
    assert [parts[name] for name in ("server", "clock", "log", "session")] == ["ok"] * 4
    assert parts["at the server: store"] == "ok"
    token = json.loads(server.byhand("token", "create", "--scope", "read", "--output", "json"))["token"]
    file = server.folder / "token"
    file.write_text(token)
    file.chmod(0o600)
    told = json.loads(server.byhand("doctor", "--output", "json", **there, BYHAND_TOKEN_FILE=str(file)))
    assert [one["part"] for one in told if one["part"].startswith("at the server")] == ["at the server"]


def test_the_doctor_says_that_nobody_answers(server: Server) -> None:
    """What can be told without it, then that the server cannot be reached: exit code 1."""
    there = through(server) | {"BYHAND_URL": "http://127.0.0.1:9"}
    spool, found = json.loads(server.byhand("doctor", "--output", "json", code=1, **there))
    assert (spool["part"], spool["level"]) == ("spool", "ok")
    assert (found["part"], found["level"]) == ("server", "wrong")
