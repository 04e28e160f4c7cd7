# SPDX-License-Identifier: Apache-2.0
"""The whole trip over HTTP: the same object, the same refusals, the same records as in one process."""

from __future__ import annotations

import pytest
from real_server import ADA, Client, Server, other

from byhand import wiring
from byhand.client.contract import Attempt
from byhand.client.http import HttpBackend, HttpDesk
from byhand.client.line import Line
from byhand.errors import (
    BeforeStateChanged,
    ByhandError,
    Invalid,
    LoginRequired,
    NotFound,
    NotPermitted,
)
from byhand.ids import new_record_id
from byhand.journal.reader import Reader
from byhand.records import captured
from byhand.records.kinds import Access


def test_an_override_is_declared_permitted_carried_out_and_read_back(server: Server, ada: Client) -> None:
    """The body runs with a permit, the value is read back, the receipt proves the outcome."""
    before = server.state()
    with ada.act(other(before)) as act:
        server.state(other(before))
    assert (act.outcome.result, act.outcome.as_declared) == ("applied", True)
    assert captured.render(act.before) == before
    assert act.receipt.proof.startswith("c2sp.org/tlog-proof@v1")
    shown = ada.desk.show(act.id)
    assert shown.state == "applied"
    assert [entry.leaf["kind"] for entry in shown.entries] == ["intent", "permit", "permit", "outcome"]
    assert shown.standard["Actor_ID"] == ADA


def test_a_glass_is_broken_through_a_server(server: Server, ada: Client) -> None:
    """Judged beside the loop, since it looks through the index; the path it took is on record."""
    before = server.state()
    with ada.act(other(before), break_glass=True, reason="INCIDENT_RESPONSE") as act:
        server.state(other(before))
    shown = ada.desk.show(act.id)
    assert shown.state == "applied"
    assert shown.entries[0].record["decision"]["path"] == "break-glass"


def test_a_refused_declaration_names_every_fault_as_it_does_without_a_server(
    server: Server, ada: Client
) -> None:
    """The body does not run; faults point into the declaration, with their advice."""
    before = server.state()
    with pytest.raises(Invalid) as refused, ada.act("ACTIVE", reason="FALS_POSITIVE", notes="short"):
        server.state("OVERRIDDEN")
    assert server.state() == before
    pointers = [fault.pointer for fault in refused.value.faults]
    assert "/justification/code" in pointers
    assert "/justification/text" in pointers
    assert "did you mean FALSE_POSITIVE?" in str(refused.value)


def test_a_body_that_throws_is_recorded_and_raised_again(server: Server, ada: Client) -> None:
    """Outcome failed, with the value found, and the body's own exception for the caller."""
    act = ada.act(other(server.state()))
    with pytest.raises(ZeroDivisionError), act:
        _ = 1 / 0
    assert act.outcome.result == "failed"


def test_a_changed_before_state_gives_no_second_chance(server: Server, ada: Client) -> None:
    """A permit is for the value declared: with another one it is refused, and the refusal is on record."""
    with ada.act(other(server.state())) as act:
        server.state(other(server.state()))
    declared = _declared(ada, server)
    server.state("REDUCING")
    attempt = Attempt(attempt=new_record_id(), executor="here", before=captured.capture("REDUCING"))
    with pytest.raises((BeforeStateChanged, NotPermitted)):
        ada.backend.permit(declared, attempt)
    server.state("HALTED")
    assert act.outcome.result == "applied"


def test_a_permit_is_good_once_and_for_one_attempt(server: Server, ada: Client) -> None:
    """The same attempt asked again gets the same answer; another one is refused."""
    intervention = _declared(ada, server)
    before = captured.capture(server.state())
    first = Attempt(attempt=new_record_id(), executor="here", before=before)
    permitted = ada.backend.permit(intervention, first)
    assert ada.backend.permit(intervention, first).acknowledgement == permitted.acknowledgement
    with pytest.raises(NotPermitted, match="used already"):
        ada.backend.redeem(intervention, Attempt(attempt=new_record_id(), executor="there", before=before))
    _ended(ada, intervention, first.attempt)


def _declared(ada: Client, server: Server) -> str:
    """An intent in the log, through the steps that ``with`` takes."""
    from byhand.client import steps

    act = ada.act(other(server.state()))
    return steps.declare_only(ada.backend, act._request, signer=lambda: ada.key).intervention


def _ended(ada: Client, intervention: str, attempt: str) -> None:
    from byhand.client import concluding
    from byhand.client.places import RegisteredPoint

    concluding.conclude_only(ada.backend, intervention, "abandoned", RegisteredPoint("mm7"), attempt=attempt)


def test_nobody_gets_past_a_door_without_a_token(server: Server, ada: Client) -> None:
    """Everything that shows or changes something asks who it is; a made-up token is nobody."""
    from byhand.api.app import DOORS

    open_to_all = {
        "/v1/login/challenge",
        "/v1/login",
        "/v1/login/passkey",  # from a page of ours only, which answers a challenge
        "/v1/passkeys",  # waits for somebody who enrols it
        "/v1/login/issuers",  # where one may sign in: their names
        "/v1/login/device",  # the issuer asks who it is
        "/v1/login/device/session",  # likewise; whoever began has the handle
        "/v1/login/at/{issuer}",
        "/v1/login/callback",  # answers a login of this very browser
        "/v1/log",
        "/v1/log/consistency",
        "/log/checkpoint",
        "/log/tile/{path:path}",
        "/readyz",
        "/metrics",
    }
    nobody = Client(Line(server.url, "made-up"), ada.key)
    for method, path, _, _ in DOORS:
        if path in open_to_all and method != "DELETE":
            continue
        place = path.replace("{id}", new_record_id()).replace("{name}", "mm7")
        body = {} if method == "GET" else {"content": b"{}"}
        status = nobody.raw(method, place, **body).status_code
        assert status in (401, 400) or (method, path) == ("DELETE", "/v1/login"), (method, path, status)
    for call in (
        HttpBackend(nobody.line).identity,
        lambda: HttpBackend(nobody.line).point("mm7"),
        lambda: HttpDesk(nobody.line).search(""),
        lambda: HttpDesk(nobody.line).show(new_record_id()),
        lambda: HttpBackend(nobody.line).receipt(new_record_id()),
    ):
        with pytest.raises(LoginRequired):
            call()
    nobody.line.close()


def test_errors_come_back_as_what_they_are(ada: Client) -> None:
    """The class, sentence and advice that the server raised, for the same exit code."""
    with pytest.raises(NotFound) as missing:
        ada.backend.point("mm8")
    assert missing.value.advice == "Did you mean mm7?"
    with pytest.raises(ByhandError) as unknown:
        ada.desk.search("nonsense:field")
    assert isinstance(unknown.value, Invalid)
    assert unknown.value.exit_code == 2


def test_every_read_leaves_an_access_record(server: Server, ada: Client) -> None:
    """Who searched, showed and exported, in the order of the reads."""
    with ada.act(other(server.state())) as act:
        server.state(other(server.state()))
    ada.desk.search("state:applied")
    ada.desk.diff(act.id)
    assert "".join(ada.desk.export("state:applied")).startswith("Timestamp,Actor_ID,")
    ada.desk.evidence(act.id, reason="asked by the auditor")
    with wiring.read_home(server.home, environment=server.environment) as home:
        assert home.vault is not None
        records = [one.record for one in Reader(home.entries, home.vault).scan(0)]
    reads = [(one.operation, one.actor.person, one.reason) for one in records if isinstance(one, Access)]
    assert reads[-4:] == [
        ("search", ADA, None),
        ("diff", ADA, None),
        ("export", ADA, None),
        ("evidence", ADA, "asked by the auditor"),
    ]
