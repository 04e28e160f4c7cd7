# SPDX-License-Identifier: Apache-2.0
"""What the pages show, and how: readable by everybody, on the smallest screen, and harmless whatever others wrote."""

from __future__ import annotations

import json
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


def test_a_link_from_elsewhere_finds_who_is_signed_in(phone: Phone, acted: str) -> None:
    """The cookie does not come along with it, and the page that asks to sign in goes on by itself."""
    phone.enrol()
    expect(phone.sign_in().get_by_role("heading", name="Interventions")).to_be_visible()
    page = phone.page
    page.route(
        "https://chat.example/",
        lambda route: route.fulfill(content_type="text/html", body=LINK % (phone.origin, acted)),
    )
    page.goto("https://chat.example/")
    page.get_by_role("link").click()
    expect(page.get_by_role("heading", name="risk-gateway/circuit_breaker/MM-7")).to_be_visible()


LINK = '<a href="%s/interventions/%s">somebody waits for you</a>'


def test_everything_is_reached_by_keyboard(phone: Phone) -> None:
    """From the link that skips to the content to signing in, without a pointer, and one sees where one is."""
    phone.enrol()
    page = phone.go("/sign-in")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_attribute("name", "person")
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.type("ada.lovelace")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Sign in with a passkey")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Interventions")).to_be_visible()


def test_axe_finds_faults_where_there_are_some(phone: Phone, axe_core: str) -> None:
    """A judge that finds nothing anywhere would be none."""
    page = phone.go("/sign-in")
    page.evaluate("() => document.documentElement.removeAttribute('lang')")
    assert "html-has-lang" in [rule for rule, _ in axe.violations(page, axe_core)]


def test_signing_out_ends_the_session(phone: Phone) -> None:
    """The page asks for a passkey again, and the cookie is gone."""
    phone.enrol()
    page = phone.sign_in()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert phone.context.cookies() == []
    phone.go("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_what_the_pages_recorded_verifies(phone: Phone, server: Server, acted: str) -> None:
    """Enrolments and reads, all of it: the whole log is sound for the stranger's check."""
    phone.enrol()
    expect(phone.sign_in(path=f"/interventions/{acted}").locator("#checked")).to_contain_text("recomputed")
    told = json.loads(server.byhand("verify", str(server.home), "--output", "json"))
    assert told["sound"], told
    found = server.byhand("search", f"id:{acted}", "--output", "ndjson")
    assert acted in found
