# SPDX-License-Identifier: Apache-2.0
"""The lists over HTTP: pages, reasons, refusals - and nothing for those who have no business with them."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from real_server import ADA, Client, Server, other, prepared, signed_in

from byhand.client.contract import FindingRequest
from byhand.client.http import HttpDesk
from byhand.client.line import Line
from byhand.errors import Invalid, LoginRequired, ReasonRequired
from byhand.ids import new_record_id
from byhand.records.standard import WITHHELD

WHY = "Die vierteljährliche Prüfung des Handels."
SECRET = "The client Zorblax asked for it before its merger"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def] # noqa: ANN201
    """A server with a confidential point, and a token that may only read."""
    one = prepared(tmp_path_factory.mktemp("listed"))
    target = ("--action", "trading.limit.raise", "--target", "risk-gateway/limits/ACME")
    more = ("--owner", ADA, "--tier", "low", "--mode", "enforce", "--classification", "confidential")
    one.byhand("point", "add", "kept", *target, *more, "--probe", f"file:{one.gateway}#/state")
    yield one.start()
    assert one.stop() == 0, "".join(one.said)


@pytest.fixture(scope="module")
def kept(server: Server) -> str:
    """A confidential intervention."""
    ada = signed_in(server.url, server.folder / "key")
    value = other(server.state())
    with ada.act(value, "kept", notes=SECRET) as act:
        server.state(value)
    ada.line.close()
    return act.id


@pytest.mark.parametrize(
    "door",
    [
        "/v1/interventions/{}",
        "/v1/records/{}",
        "/v1/interventions/{}/differences",
        "/v1/interventions/{}/evidence",
        "/v1/export?q=id:{}",
    ],
)
def test_every_door_to_a_body_demands_the_reason(server: Server, ada: Client, kept: str, door: str) -> None:
    """403 with advice and without a byte of it; with a reason it opens, and both are listed."""
    place = door.format(kept)
    refused = ada.raw("GET", place)
    assert refused.status_code == 403, refused.text
    assert refused.json()["type"].endswith("reason-required")
    assert "why=TEXT" in refused.json()["advice"]
    assert "Zorblax" not in refused.text
    shown = ada.raw("GET", f"{place}{'&' if '?' in place else '?'}why={WHY}")
    assert shown.status_code == 200
    newest, before = (
        ada.desk.accesses(f"record:{kept} -operation:accesses -operation:search", limit=2).rows[:2]
        if "export" not in door
        else (*ada.desk.accesses("operation:export", limit=2).rows,)
    )
    assert (newest.reason, newest.refused) == (WHY, "")
    assert before.refused


def test_a_client_gives_its_reason_and_gets_the_error_by_its_name(ada: Client, kept: str) -> None:
    """The same exception as without a server, the same exit code; the reason may be in any language."""
    with pytest.raises(ReasonRequired) as refused:
        ada.desk.show(kept)
    assert refused.value.exit_code == 3
    assert "Zorblax" in str(ada.desk.show(kept, reason=WHY))
    assert ada.desk.diff(kept, reason=WHY).declared
    assert "Zorblax" in "".join(ada.desk.export(f"id:{kept}", reason=WHY))
    (act,) = ada.desk.timeline(f"id:{kept}").acts
    assert act.reason == WITHHELD
    (act,) = ada.desk.timeline(f"id:{kept}", reason=WHY).acts
    assert "Zorblax" in act.reason


def test_pages_of_reads_follow_each_other_over_the_wire(ada: Client) -> None:
    """Every read once, newest first, though each page adds one."""
    marks = [f"mark{number}" for number in range(5)]
    for mark in marks:
        ada.desk.search(mark)
    seen: list[str] = []
    before = None
    while True:
        page = ada.desk.accesses("operation:search mark*", limit=2, before=before)
        seen += [row.query for row in page.rows]
        before = page.following
        if before is None:
            break
    assert seen == marks[::-1]


def test_findings_are_listed_over_the_wire(ada: Client, kept: str) -> None:
    """What a class keeps is withheld without a reason."""
    wanted = FindingRequest(
        record=new_record_id(),
        intervention=kept,
        type="review",
        summary="Zorblax did not ask.",
        verdict="wrong",
    )
    ada.desk.conclude_afterwards(wanted)
    (row,) = ada.desk.findings(f"about:{kept}").rows
    assert (row.summary, row.verdict, row.person) == (WITHHELD, "wrong", ADA)
    (row,) = ada.desk.findings(f"about:{kept}", reason=WHY).rows
    assert row.summary == "Zorblax did not ask."


@pytest.mark.parametrize(
    ("cursor", "status"),
    [("0", 200), ("1", 200), (str((1 << 53) - 1), 200), ("-1", 400), (str(1 << 53), 400), ("1 OR 1", 400),
     ("9" * 5_000, 400), ("٣", 400), ("", 200), ("1&cursor=2", 400), ("1.5", 400), ("0x10", 400)],
)  # fmt: skip
@pytest.mark.parametrize("door", ["access", "findings"])
def test_a_cursor_is_a_place_and_nothing_else(ada: Client, door: str, cursor: str, status: int) -> None:
    """Whatever stands there, it shows no row that the list without it would not show."""
    answer = ada.raw("GET", f"/v1/{door}?cursor={cursor}")
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "query", ["actor:", "at:yesterday", "state:applied", "x" * 2_001, 'record:"', "type:'"]
)
def test_a_query_that_is_not_understood_reads_nothing(ada: Client, query: str) -> None:
    """Every fault is named, and no access record says that something was read."""
    ada.desk.search("")
    newest = ada.desk.accesses("").rows[0].index
    with pytest.raises(Invalid):
        ada.desk.accesses(query)
    assert ada.desk.accesses("").rows[0].index == newest + 1


def test_a_token_sees_its_owners_own_reads_only(server: Server, ada: Client) -> None:
    """A token has none of its owner's roles: an officer's token does not list what others read."""
    ada.desk.search("")
    made = json.loads(server.byhand("token", "create", "--scope", "read", "--output", "json"))
    line = Line(server.url, made["token"])
    page = HttpDesk(line).accesses("")
    line.close()
    assert page.own
    assert {row.person for row in page.rows} == {ADA}
    assert not ada.desk.accesses("").own
    only_act = json.loads(server.byhand("token", "create", "--scope", "act", "--output", "json"))
    refused = Client(Line(server.url, only_act["token"]), ada.key).raw("GET", "/v1/access")
    assert refused.status_code == 403


def test_nobody_lists_anything_without_a_token(server: Server) -> None:
    """Neither list, whatever is asked."""
    for list_ in (HttpDesk(Line(server.url, "made-up")).accesses, HttpDesk(Line(server.url)).findings):
        with pytest.raises(LoginRequired):
            list_("")
        list_.__self__._line.close()


def test_persons_stand_under_pseudonyms_over_the_wire(ada: Client, kept: str) -> None:
    """Every list and every record, the same pseudonym in each; persons are found by these alone."""
    veiled = ada.desk.veiled()
    (row,) = veiled.search(f"id:{kept}").rows
    assert row.person.startswith("person-")
    assert [one.person for one in veiled.search(f"id:{kept} actor:{row.person}").rows] == [row.person]
    shown = veiled.show(kept, reason=WHY)
    assert shown.standard["Actor_ID"] == row.person
    assert all(not entry.people for entry in shown.entries)
    assert "ada" not in "".join(veiled.export(f"id:{kept}", reason=WHY)).replace("kept", "")
    assert {one.person for one in veiled.accesses("operation:search").rows} == {row.person}
    assert veiled.timeline(f"id:{kept}").acts[0].person == row.person
    assert veiled.facets(f"id:{kept}").facets[1].values[0].value == row.person
    with pytest.raises(Invalid, match="pseudonym"):
        veiled.search(f"actor:{ADA}")
    refused = ada.raw("GET", f"/v1/interventions/{kept}/evidence?pseudonyms=true&why={WHY}")
    assert refused.status_code == 403
    assert ada.raw("GET", "/v1/interventions?pseudonyms=yes").status_code == 400


def test_a_bundle_holds_neither_sessions_nor_addresses_unless_asked_for(ada: Client, kept: str) -> None:
    """Whatever is handed out is beyond erasure: where people sat and by which session stays here."""

    def text(*, persons: bool) -> str:
        with zipfile.ZipFile(io.BytesIO(ada.desk.evidence(kept, persons=persons, reason=WHY))) as bundle:
            return "".join(bundle.read(name).decode(errors="replace") for name in bundle.namelist())

    entries = ada.desk.show(kept, reason=WHY).entries
    told = {
        str(one[name])
        for entry in entries
        for one in entry.people.values()
        for name in ("session", "address")
    }
    assert "127.0.0.1" in told
    assert len(told) > 1
    assert not [one for one in told if one in text(persons=False)]
    assert [one for one in told if one in text(persons=True)]
