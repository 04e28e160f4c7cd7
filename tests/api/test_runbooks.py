# SPDX-License-Identifier: Apache-2.0
"""Runbooks through a server: listed with what is left of the day, followed by the library, refused beyond."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from real_server import ADA, POINT, Client, Server, other, prepared

from byhand.client.http import HttpRunbooks
from byhand.errors import Refused

GRACE = "grace.hopper"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose home has two officers, who allowed one act a day."""
    one = prepared(tmp_path_factory.mktemp("served"))
    key, proposal = str(one.folder / "grace"), str(one.folder / "runbook.json")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "grace", "-f", key], check=True)
    one.byhand("person", "add", GRACE, "--public-key", f"{key}.pub", "--officer")
    allowed = ("--value", other(one.state()), "--uses", "1", "--owner", ADA, "--text", "After a stale quote.")
    one.byhand("runbook", "set", "resume", "--point", POINT, *allowed, "--proposal", proposal, code=5)
    one.byhand("person", "countersign", proposal, "--yes", BYHAND_PERSON=GRACE, BYHAND_KEY=key)
    one.start()
    yield one
    assert one.stop() == 0, "".join(one.said)


def test_an_act_follows_it_at_once_and_the_next_one_is_refused(server: Server, ada: Client) -> None:
    """Nobody approves; the list says that the day is used up; the value is still as it was afterwards."""
    before = server.state()
    with ada.act(other(before), runbook="resume") as act:
        server.state(other(before))
    assert act.declared.approvals_missing == 0
    (row,) = HttpRunbooks(ada.line).runbooks()
    assert (row.runbook.name, row.state, row.used_today) == ("resume", "in force", 1)
    server.state(before)
    with pytest.raises(Refused, match="used up"), ada.act(other(before), runbook="resume"):
        server.state("never")
    assert server.state() == before
    shown = json.loads(server.byhand("runbook", "show", "resume", "--output", "json", BYHAND_URL=server.url))
    assert shown["used_today"] == 1


def test_nobody_sees_them_who_is_not_signed_in(server: Server, ada: Client) -> None:
    """What is allowed, and how much of it is left, is for those who are enrolled."""
    assert ada.raw("GET", "/v1/runbooks").status_code == 200
    token, ada.line.token = ada.line.token, "nobody"
    assert ada.raw("GET", "/v1/runbooks").status_code == 401
    ada.line.token = token
    assert "runbooks" in server.byhand("runbook", "--help")
