# SPDX-License-Identifier: Apache-2.0
"""Pages as any HTTP client gets them: under one name, with strict headers, and nothing for who is not signed in."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from real_server import Server

from byhand.ui import look, pages

ID = "01938a5e-7a00-7000-8000-000000000001"


def get(server: Server, path: str, host: str | None = None) -> httpx.Response:
    port = urlsplit(server.url).port
    return httpx.get(server.url + path, headers={"Host": host or f"localhost:{port}"})


@pytest.mark.parametrize("path", ["/", f"/interventions/{ID}", f"/interventions/{ID}/verification"])
def test_who_is_not_signed_in_is_led_to_where_that_is_done(server: Server, path: str) -> None:
    """And back afterwards."""
    answer = get(server, path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?after={path}")


@pytest.mark.parametrize("path", ["/sign-in", "/passkey"])
def test_every_page_says_what_browsers_may_do_with_it(server: Server, path: str) -> None:
    """Nothing from elsewhere, no frame around it, nothing kept, and no inline script."""
    answer = get(server, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_pages_live_under_one_name(server: Server) -> None:
    """Asked for under another name of the machine, one is led to the name that passkeys belong to."""
    port = urlsplit(server.url).port
    for host in (f"127.0.0.1:{port}", "evil.example", f"localhost:{port}.evil.example", "localhost"):
        answer = get(server, "/sign-in?after=/x", host)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"http://localhost:{port}/sign-in?after=/x",
        )


@pytest.mark.parametrize(
    "after",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", "", "é"],
)
def test_after_signing_in_nobody_is_led_elsewhere(server: Server, after: str) -> None:
    """Only a path of this server is taken."""
    answer = httpx.get(
        server.url + "/sign-in",
        params={"after": after},
        headers={"Host": f"localhost:{urlsplit(server.url).port}"},
    )
    assert 'data-after="/"' in answer.text


def test_an_asset_is_kept_for_good_and_found_by_its_content(server: Server) -> None:
    """Under its digest; under another one there is nothing."""
    for name, kind in look.ASSETS.items():
        answer = get(server, look.address_of(name))
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert "immutable" in answer.headers["cache-control"]
    assert get(server, "/assets/0000000000000000/byhand.js").status_code == 404
    assert get(server, "/assets/x/..%2f..%2fpages.py").status_code == 404


def test_a_server_for_others_has_no_pages_until_it_is_told_its_name(server: Server) -> None:
    """What a client calls the server is not believed."""
    assert get(server, "/sign-in").status_code == 200
    assert server.stop() == 0
    server.start("--port", "0", BYHAND_SERVER__BEHIND_PROXY="true")
    answer = get(server, "/sign-in")
    assert (answer.status_code, "server.public_url" in answer.json()["advice"]) == (404, True)
    assert server.stop() == 0
    server.start(
        "--port", "0", BYHAND_SERVER__BEHIND_PROXY="true", BYHAND_SERVER__PUBLIC_URL="https://byhand.example"
    )
    answer = get(server, "/sign-in", "byhand.example")
    assert (answer.status_code, answer.headers["strict-transport-security"]) == (200, "max-age=31536000")
    assert server.stop() == 0
    server.start()


@pytest.mark.parametrize(
    "name", ["http://byhand.example", "https://byhand.example/path", "https://192.0.2.1", "byhand.example"]
)
def test_a_name_that_no_passkey_can_belong_to_is_refused(server: Server, name: str) -> None:
    """At the start, with advice."""
    server.byhand("serve", "--port", "0", code=2, BYHAND_SERVER__PUBLIC_URL=name)


def test_every_page_stands_behind_a_lane() -> None:
    """Paths of the pages and of the doors do not meet, and each page has one way in."""
    from byhand.api.app import BESIDE_THE_LANES, DOORS
    from byhand.api.lanes import Lanes

    paths = [(method, path) for method, path, _, _ in (*DOORS, *pages.PAGES)]
    assert len(set(paths)) == len(paths)
    assert not {path for _, path in paths} & {path for path, _ in BESIDE_THE_LANES}
    lanes = {lane.name for lane in Lanes().all}
    assert {lane for _, _, lane, _ in pages.PAGES} <= lanes


def test_the_script_knows_what_a_records_bytes_leave_out() -> None:
    """Environment and risk, where they are the usual ones: the script writes the same as the record means."""
    from byhand.records.intervention import Target

    target = Target(system="risk-gateway", type="limits", id="ALL")
    script = look.asset("check.js").body
    said = f'{{ "target/environment": "{target.environment}", "target/tier": "{target.tier}" }}'
    assert said.encode() in bytes(script)
