# SPDX-License-Identifier: Apache-2.0
"""Pages for whoever sees persons under pseudonyms only."""

from __future__ import annotations

import subprocess
from urllib.parse import urlsplit

import httpx
from real_server import ADA, Server, other, signed_in

from byhand.control.pseudonyms import ROLE


def test_the_first_page_opens_without_an_inbox_and_without_names(server: Server) -> None:
    """Nothing waits for somebody who may not know whose act it is; what was done is listed all the same."""
    ada = signed_in(server.url, server.folder / "key")
    value = other(server.state())
    with ada.act(value) as act:
        server.state(value)
    ada.line.close()
    key = server.folder / "hal"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    server.byhand("person", "add", "hal.curie", "--public-key", f"{key}.pub", "--role", ROLE)
    hal = signed_in(server.url, key, "hal.curie")
    answer = httpx.get(
        f"{server.url}/",
        headers={"Host": f"localhost:{urlsplit(server.url).port}"},
        cookies={"byhand": str(hal.line.token)},
    )
    hal.line.close()
    assert answer.status_code == 200, answer.text
    assert act.id in answer.text
    assert ADA not in answer.text
