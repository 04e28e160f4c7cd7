# SPDX-License-Identifier: Apache-2.0
"""What the pages show, and how: readable by everybody, on the smallest screen, and harmless whatever others wrote."""

from __future__ import annotations

from pathlib import Path

import axe
import pytest
from people import Pages, Phone
from playwright.sync_api import expect
from real_server import Server, other, signed_in

NARROW = 320  # WCAG 2.2, 1.4.10: a desktop's window at 400 %


@pytest.fixture(scope="module")
def acted(server: Server) -> str:
    """An intervention that has been through everything; its id."""
    client = signed_in(server.url, server.folder / "key")
    new = other(server.state())
    with client.act(new) as act:
        server.state(new)
    client.line.close()
    return act.id


def _everywhere(acted: str) -> tuple[str, ...]:
    return ("/", f"/interventions/{acted}", f"/interventions/{acted}/verification")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_keeps_anybody_from_reading_a_page(
    pages: Pages, acted: str, axe_core: str, tmp_path: Path, dark: bool
) -> None:
    """axe-core finds no fault on any page, and on the narrowest screen nothing has to be moved sideways."""
    phone = pages.phone(dark=dark, width=NARROW)
    for path in ("/sign-in", "/passkey", "/interventions/nothing-like-this"):
        _look(phone, path, axe_core, tmp_path)
    phone.enrol()
    _look(phone, None, axe_core, tmp_path)
    expect(phone.sign_in().get_by_role("heading", name="Interventions")).to_be_visible()
    for path in (*_everywhere(acted), "/interventions/nothing-like-this"):
        _look(phone, path, axe_core, tmp_path)


def _look(phone: Phone, path: str | None, axe_core: str, folder: Path) -> None:
    if path is not None:
        phone.go(path)
    assert axe.violations(phone.page, axe_core) == [], path
    widths = phone.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1], path
    phone.photograph(folder, (path or "made").strip("/").replace("/", "-") or "first")


def test_an_intervention_is_told_from_reason_to_receipt(phone: Phone, server: Server, acted: str) -> None:
    """Before and after, why and by whom, every record, and this server's own check of the evidence."""
    phone.enrol()
    page = phone.sign_in(path=f"/interventions/{acted}")
    expect(page.get_by_role("heading", name="risk-gateway/circuit_breaker/MM-7")).to_be_visible()
    expect(page.locator(".before").first).to_contain_text("HALTED")
    expect(page.locator(".after").first).to_contain_text("ACTIVE")
    expect(page.locator("blockquote")).to_contain_text("Stale quote from XLON")
    expect(page.locator(".timeline")).to_contain_text("permit used")
    page.get_by_role("link", name="Let this server check it now").click()
    expect(page.get_by_role("heading")).to_have_text("Sound, says this server")


def test_the_browser_recomputes_what_it_shows(phone: Phone, server: Server, acted: str) -> None:
    """From the record's bytes to a root that continues the one which it saw before."""
    phone.enrol()
    page = phone.sign_in(path=f"/interventions/{acted}")
    expect(page.locator("#checked")).to_contain_text("seen for the first time")
    for _ in range(3):  # each look is an entry of its own
        page.reload()
        expect(page.locator("#checked")).to_contain_text("which continue the")
