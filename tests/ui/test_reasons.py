# SPDX-License-Identifier: Apache-2.0
"""Pages of what a class keeps: the reason is asked for, and nothing is shown before it is given."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from real_server import ADA, Server, other, prepared, signed_in

WHY = "The quarterly review of the desk."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def] # noqa: ANN201
    """A server with a confidential point."""
    one = prepared(tmp_path_factory.mktemp("reasons"))
    target = ("--action", "trading.limit.raise", "--target", "risk-gateway/limits/ACME")
    more = ("--owner", ADA, "--tier", "low", "--mode", "enforce", "--classification", "confidential")
    one.byhand("point", "add", "kept", *target, *more, "--probe", f"file:{one.gateway}#/state")
    yield one.start()
    assert one.stop() == 0, "".join(one.said)


def test_a_page_asks_for_the_reason_and_carries_it_on(server: Server) -> None:
    """The intervention, its verification and the link to its bundle; a lazy reason is asked for again."""
    ada = signed_in(server.url, server.folder / "key")
    value = other(server.state())
    with ada.act(value, "kept", notes="The client Zorblax asked for it before its merger.") as act:
        server.state(value)
    host = f"localhost:{urlsplit(server.url).port}"

    def get(path: str, **words: str) -> httpx.Response:
        cookies = {"byhand": str(ada.line.token)}
        return httpx.get(server.url + path, params=words, headers={"Host": host}, cookies=cookies)

    for path in (f"/interventions/{act.id}", f"/interventions/{act.id}/verification"):
        for words in ({}, {"why": "look"}):
            asked = get(path, **words)
            assert asked.status_code == 403
            assert 'name="why"' in asked.text
            assert "Zorblax" not in asked.text
        assert get(path, why=WHY).status_code == 200
    shown = get(f"/interventions/{act.id}", why=WHY).text
    assert "Zorblax" in shown
    assert shown.count("?why=The%20quarterly%20review%20of%20the%20desk.") == 2
    verified = get(f"/interventions/{act.id}/verification", why=WHY).text
    assert verified.count("?why=The%20quarterly%20review%20of%20the%20desk.") == 2
    refused = ada.desk.accesses("result:refused").rows
    assert {row.operation for row in refused} == {"show", "evidence"}
    ada.line.close()
