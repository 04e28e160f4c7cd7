# SPDX-License-Identifier: Apache-2.0
"""Tokens and workloads at the doors: less than a person, for whoever stands behind the account that asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from real_server import ADA, POINT, Client, Server, other

from byhand import wiring
from byhand.client import concluding, steps
from byhand.client.contract import Attempt
from byhand.client.http import HttpBackend, HttpDesk
from byhand.client.line import Line
from byhand.errors import Invalid, LoginRequired, NotPermitted, Refused
from byhand.ids import new_record_id
from byhand.integrations.hook import Hook
from byhand.journal.reader import Reader
from byhand.records import captured
from byhand.records.kinds import SCHEMA_VERSION, Observation

WORKLOAD = "buildbot-prod"
ACCOUNT = "buildbot:ada@example.com"


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """The token of a workload that may redeem and observe, with Ada behind one of its accounts."""
    server.byhand(
        "workload", "set", WORKLOAD, "--issuer", "buildbot", "--scope", "redeem", "--scope", "observe"
    )
    server.byhand("person", "link", ADA, ACCOUNT)
    made = json.loads(server.byhand("token", "create", "--workload", WORKLOAD, "--output", "json"))
    return str(made["token"])


def declared(ada: Client, server: Server) -> str:
    act = ada.act(other(server.state()))
    return steps.declare_only(ada.backend, act._request, signer=lambda: ada.key).intervention


def test_a_workload_uses_a_permit_for_the_person_who_declared(
    server: Server, ada: Client, token: str
) -> None:
    """Declared by Ada, redeemed and concluded by the pipeline in whose system Ada's account asked for it."""
    intervention = declared(ada, server)
    line = Line(server.url, token, on_behalf_of=ACCOUNT)
    backend = HttpBackend(line)
    attempt = Attempt(
        attempt=new_record_id(), executor="buildbot/deploy-prod/7", before=captured.capture(server.state())
    )
    backend.permit(intervention, attempt)
    server.state(other(server.state()))
    concluded = concluding.conclude_only(
        backend, intervention, "applied", steps.RegisteredPoint(POINT), attempt=attempt.attempt
    )
    assert (concluded.outcome.result, concluded.outcome.concluded_by) == ("applied", ADA)
    shown = ada.desk.show(intervention)
    carried = [entry.record.get("via") for entry in shown.entries if entry.record is not None]
    pipeline = {"kind": "pipeline", "id": WORKLOAD}
    assert carried == [None, None, pipeline, pipeline]
    line.close()


def test_a_permit_is_for_what_the_hook_is_about_to_do(server: Server, ada: Client, token: str) -> None:
    """Another value or another point than declared is refused with both named, and the permit stays unused."""
    intervention, before = declared(ada, server), captured.capture(server.state())
    new, attempt = captured.capture(other(server.state())), new_record_id()
    line = Line(server.url, token, on_behalf_of=ACCOUNT)
    backend = HttpBackend(line)
    for point, value in ((POINT, captured.capture("DRAINED")), ("mm8", new)):
        wrong = Attempt(attempt=attempt, executor="buildbot/1", before=before, point=point, new=value)
        with pytest.raises(NotPermitted, match=r"not for (DRAINED|mm8)"):
            backend.permit(intervention, wrong)
    right = Attempt(attempt=attempt, executor="buildbot/1", before=before, point=POINT, new=new)
    assert backend.permit(intervention, right).attempt == attempt
    abandoned = concluding.conclude_only(
        backend, intervention, "abandoned", steps.RegisteredPoint(POINT), attempt=attempt
    )
    assert abandoned.outcome.result == "abandoned"
    line.close()


def test_a_hook_redeems_and_concludes(server: Server, ada: Client, token: str, tmp_path: Path) -> None:
    """By its token's file, for the account that asked; what is no id, or no token, is refused before anything."""
    file = tmp_path / "token"
    hook = Hook(server.url, file, "buildbot")
    account, new = ACCOUNT.partition(":")[2], other(server.state())
    intervention = declared(ada, server)
    with pytest.raises(LoginRequired, match="cannot be read"):
        hook.redeem(intervention, account=account, point=POINT, new=new, executor="buildbot/2")
    file.touch(mode=0o600)
    file.write_text(f"{token}\n")
    with pytest.raises(Invalid, match="no whole id"):
        hook.redeem(intervention[:8], account=account, point=POINT, new=new, executor="buildbot/2")
    redeemed = hook.redeem(intervention, account=account, point=POINT, new=new, executor="buildbot/2")
    server.state(new)
    outcome = hook.conclude(redeemed, "applied").outcome
    assert (outcome.result, outcome.as_declared, outcome.concluded_by) == ("applied", True, ADA)
    with pytest.raises(NotPermitted, match="used already"):
        hook.redeem(intervention, account=account, point=POINT, new=new, executor="buildbot/3")


def test_nobody_elses_account_uses_it(server: Server, ada: Client, token: str) -> None:
    """An account that is linked to nobody, of another system, or none at all: refused, and the permit stands."""
    intervention = declared(ada, server)
    attempt = Attempt(attempt=new_record_id(), executor="buildbot/1", before=captured.capture(server.state()))
    for account in ("buildbot:eve@example.com", "gitlab:ada@example.com", None):
        line = Line(server.url, token, on_behalf_of=account)
        with pytest.raises((Refused, NotPermitted)):
            HttpBackend(line).permit(intervention, attempt)
        line.close()
    ada.backend.permit(intervention, attempt)
    place = steps.RegisteredPoint(POINT)
    concluding.conclude_only(ada.backend, intervention, "abandoned", place, attempt=attempt.attempt)


def test_a_workload_declares_nothing_and_reads_nothing(server: Server, token: str) -> None:
    """Its scopes are redeem and observe, and it never stands for a person who signed."""
    line = Line(server.url, token, on_behalf_of=ACCOUNT)
    for call in (lambda: HttpDesk(line).search(""), lambda: HttpDesk(line).show(new_record_id())):
        with pytest.raises(Refused, match="not for that"):
            call()
    line.close()


def test_a_token_reads_until_it_is_revoked(server: Server) -> None:
    """A personal token for reading: not for acting, last use is kept, and nothing at all once it is revoked."""
    made = json.loads(server.byhand("token", "create", "--scope", "read", "--output", "json"))
    line = Line(server.url, made["token"])
    assert HttpDesk(line).search("").rows is not None
    with pytest.raises(Refused, match="not for that"):
        HttpBackend(line).permit(new_record_id())
    listed = {one["id"]: one for one in json.loads(server.byhand("token", "list"))}
    assert listed[made["id"]]["used"] is not None
    assert listed[made["id"]]["address"] == "127.0.0.1"
    server.byhand("token", "revoke", made["id"])
    with pytest.raises(LoginRequired, match="not known here"):
        HttpDesk(line).search("")
    line.close()


def test_a_token_is_nowhere_but_with_its_bearer(server: Server, token: str) -> None:
    """Neither the home's files nor what the server printed hold it."""
    files = [path for path in server.home.rglob("*") if path.is_file()]
    assert [path.name for path in files if token.encode() in path.read_bytes()] == []
    assert token not in "".join(server.said)


def test_a_mistyped_token_is_told_from_an_unknown_one(server: Server, token: str) -> None:
    """Its last digits are a check: what was cut off while copying is said, and never repeated."""
    line = Line(server.url, token[:-1])
    with pytest.raises(LoginRequired, match="not whole") as cut:
        HttpDesk(line).search("")
    assert token[8:20] not in str(cut.value)
    line.close()


def observation(account: str, issuer: str = "buildbot", **changed: object) -> dict[str, object]:
    record_id = new_record_id()
    return {
        "kind": "observation",
        "id": record_id,
        "schema": SCHEMA_VERSION,
        "actor": {"person": account, "issuer": issuer},
        "target": {"system": "buildbot", "type": "builder", "id": "deploy-prod"},
        "action": "deployment.build.force",
        "connector": "buildbot",
        "instance": "ci-1",
        "capture": "feed",
        "absence": "source_has_no_field",
        **changed,
    }


def test_observations_get_the_person_behind_the_account_or_none(server: Server, token: str) -> None:
    """Linked: mapped. Enrolled id: asserted. Unknown: UNATTRIBUTED. A shared account: shared. All are recorded."""
    sent = [
        observation("ada@example.com"),
        observation(ADA, "local"),
        observation("eve@example.com"),
        observation("root", "local"),
    ]
    headers = {"Authorization": f"Bearer {token}"}
    import httpx

    answer = httpx.post(server.url + "/v1/observations", json={"observations": sent}, headers=headers)
    assert answer.status_code == 201, answer.text
    again = httpx.post(server.url + "/v1/observations", json={"observations": sent}, headers=headers)
    assert again.json() == answer.json()
    with wiring.read_home(server.home, environment=server.environment) as home:
        assert home.vault is not None
        first = answer.json()["acknowledgements"][0]["index"]
        records = [one.record for one in Reader(home.entries, home.vault).scan(first, first + 4)]
    actors = [(one.actor.person, one.actor.assurance) for one in records if isinstance(one, Observation)]
    assert actors == [
        (ADA, "mapped"),
        (ADA, "asserted"),
        ("UNATTRIBUTED", "unattributed"),
        ("UNATTRIBUTED", "shared"),
    ]


def test_a_batch_with_one_fault_is_refused_as_a_whole_with_all_its_faults(server: Server, token: str) -> None:
    """Every fault of every observation, with its place in the batch; nothing is recorded."""
    import httpx

    bad = [observation("a"), observation("b", action="no action"), observation("c", field="not a pointer")]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(server.url + "/v1/observations", json={"observations": bad}, headers=headers)
    assert answer.status_code == 400
    pointers = {fault["pointer"] for fault in answer.json()["faults"]}
    assert pointers == {"/observations/1/action", "/observations/2/field"}
    unknown = [observation("a", intervention=new_record_id())]
    answer = httpx.post(server.url + "/v1/observations", json={"observations": unknown}, headers=headers)
    assert [fault["pointer"] for fault in answer.json()["faults"]] == ["/observations/0/intervention"]
