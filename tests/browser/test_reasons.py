# SPDX-License-Identifier: Apache-2.0
"""In a browser: who opens what a class keeps is asked why, says so on a phone, and is shown it."""

from __future__ import annotations

from pathlib import Path

import axe
from people import Pages
from playwright.sync_api import expect
from real_server import ADA, Server, other, signed_in

NARROW = 320


def test_a_reader_says_why_and_is_shown_what_was_kept(
    pages: Pages, server: Server, axe_core: str, tmp_path: Path
) -> None:
    """Asked once for the page and not again for its verification; axe-core finds no fault in the question."""
    target = ("--action", "trading.limit.raise", "--target", "risk-gateway/limits/ACME")
    more = ("--owner", ADA, "--tier", "low", "--mode", "enforce", "--classification", "confidential")
    server.byhand("point", "add", "kept", *target, *more, "--probe", f"file:{server.gateway}#/state")
    client, value = signed_in(server.url, server.folder / "key"), other(server.state())
    with client.act(value, "kept", notes="The client Zorblax asked for it before its merger.") as act:
        server.state(value)
    phone = pages.phone(width=NARROW)
    phone.enrol()
    page = phone.sign_in(path=f"/interventions/{act.id}")
    expect(page.get_by_role("heading", name="Why do you read this?")).to_be_visible()
    assert axe.violations(page, axe_core) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    phone.photograph(tmp_path, "reason")
    page.get_by_label("Your reason").fill("Die vierteljährliche Prüfung & <b>mehr</b>.")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator("blockquote")).to_contain_text("Zorblax")
    page.get_by_role("link", name="Let this server check it now").click()
    expect(page.get_by_role("heading")).to_have_text("Sound, says this server")
    reasons = {row.reason for row in client.desk.accesses("result:shown record:" + act.id).rows}
    assert "Die vierteljährliche Prüfung & <b>mehr</b>." in reasons
    client.line.close()
