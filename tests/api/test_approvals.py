# SPDX-License-Identifier: Apache-2.0
"""Four eyes through a server: who acts waits, who approves signs what they verified, and nobody else counts."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from real_server import POINT, Client, Server, other, prepared, signed_in

from byhand.client.contract import ApprovalRequest
from byhand.client.speaking import sign_decision
from byhand.errors import ApprovalPending, Refused
from byhand.ids import new_record_id
from byhand.log import checkpoint as checkpoints, note as notes

GRACE = "grace.hopper"
PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose home has two officers: approvals are demanded."""
    one = prepared(tmp_path_factory.mktemp("served"))
    key = str(one.folder / "grace")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "grace", "-f", key], check=True)
    one.byhand("person", "add", GRACE, "--public-key", f"{key}.pub", "--officer")
    one.start()
    yield one
    assert one.stop() == 0, "".join(one.said)


@pytest.fixture
def grace(server: Server) -> Iterator[Client]:
    """Grace, signed in."""
    client = signed_in(server.url, server.folder / "grace", GRACE)
    yield client
    client.line.close()


def newly_waiting(client: Client, known: set[str]) -> str:
    """The id of what waits for this person beside what is ``known``, once something does."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        new = [one.id for one in client.desk.inbox().waiting if one.id not in known]
        if new:
            return new[0]
        time.sleep(0.1)
    raise AssertionError("nothing waits")


def as_grace(server: Server) -> tuple[str, ...]:
    return ("--url", server.url, "--person", GRACE, "--key", str(server.folder / "grace"))


def signed(client: Client, intervention: str, person: str, decision: str = "approve") -> ApprovalRequest:
    """A decision as any client of the doors would sign it."""
    about = client.desk.approvals(intervention)
    seen = checkpoints.parse(notes.parse(client.log.checkpoint()).text)
    text = sign_decision(about, decision, "I have read it.", person, seen, client.key)  # type: ignore[arg-type]
    return ApprovalRequest(record=new_record_id(), statement=text)


def test_an_act_waits_for_the_approval_that_another_gives_on_the_command_line(
    server: Server, ada: Client, grace: Client
) -> None:
    """The body runs only after Grace, on a machine of her own, verified what she sees and signed it."""
    before, done = server.state(), threading.Event()

    def carry_out() -> None:
        with ada.act(other(before)):
            server.state(other(before))
        done.set()

    known = {one.id for one in grace.desk.inbox().waiting}
    acting = threading.Thread(target=carry_out)
    acting.start()
    intervention = newly_waiting(grace, known)
    assert server.state() == before
    approved = json.loads(server.byhand("approve", intervention, "--yes", *as_grace(server)))
    assert (approved["intervention"], approved["decision"]) == (intervention, "approve")
    acting.join(PATIENCE_SECONDS)
    assert done.is_set()
    assert server.state() == other(before)
    shown = ada.desk.approvals(intervention)
    assert [(one.person, one.decision, one.counts) for one in shown.decisions] == [(GRACE, "approve", True)]


def test_who_declared_it_cannot_approve_it_through_any_door(
    server: Server, ada: Client, grace: Client
) -> None:
    """A signature by the requester is refused by the gate, and shown beside the intent."""
    declared = json.loads(
        server.byhand(
            "declare", POINT, "--new", other(server.state()), "--reason", "FALSE_POSITIVE",
            "--notes", "Stale quote on both feeds, again.", "--url", server.url, code=5,
        )
    )  # fmt: skip
    intervention = declared["intervention"]
    with pytest.raises(Refused, match="contributed to this act"):
        ada.backend.decide(intervention, signed(ada, intervention, "ada.lovelace"))
    server.byhand("approve", intervention, "--yes", "--url", server.url, code=3)
    with pytest.raises(ApprovalPending):
        ada.backend.permit(intervention)
    found = ada.desk.findings(f"about:{intervention}").rows
    assert [one.verdict for one in found] == ["approval_refused"] * 2
    server.byhand("refuse", intervention, "--reason", "It is not stale.", "--yes", *as_grace(server))
    with pytest.raises(Refused, match="refused"):
        ada.backend.permit(intervention)
    assert intervention not in {one.id for one in grace.desk.inbox().waiting}


def test_pending_is_a_refusal_with_a_name_of_its_own(server: Server, ada: Client) -> None:
    """HTTP 403 with a problem type of its own, so that scripts can tell it from a no."""
    declared = json.loads(
        server.byhand(
            "declare", POINT, "--new", other(server.state()), "--reason", "FALSE_POSITIVE",
            "--notes", "Stale quote on three feeds now.", "--url", server.url, code=5,
        )
    )  # fmt: skip
    answer = ada.raw("POST", f"/v1/interventions/{declared['intervention']}/permit", json={})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "approval-pending")


def test_run_does_not_wait_where_that_is_asked_for(server: Server) -> None:
    """With --no-wait the exit code is 5 and the command never starts."""
    before = server.state()
    server.byhand(
        "run", POINT, "--no-wait", "--new", other(before), "--reason", "FALSE_POSITIVE",
        "--notes", "Nobody is here to approve it.", "--url", server.url, "--", "false", code=5,
    )  # fmt: skip
    assert server.state() == before
