# SPDX-License-Identifier: Apache-2.0
"""Whatever others wrote into a record, a page shows it as text: nothing runs, nothing is loaded, nothing is hidden."""

from __future__ import annotations

import re
from typing import Any

import pytest
from people import Pages, Phone
from playwright.sync_api import expect
from real_server import ADA, Server, signed_in

from byhand import clock
from byhand.client.speaking import sign_intent
from byhand.ids import new_record_id
from byhand.records import captured
from byhand.records.actor import Via
from byhand.records.intervention import (
    Automation,
    Change,
    Declaration,
    FailedCheck,
    Justification,
    OverriddenDecision,
    Target,
)
from byhand.ui import look

MARKUP = (
    "<script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "\"'><svg/onload=document.title='taken'>",
    "</code></dd></template><iframe src=javascript:alert(1)>",
    "{{ 7 * 7 }}{% raw %} ${7*7} javascript:alert(1)",
    "' data-field='leaf' x='",
    "<!--<style>*{display:none}</style>",
)
UNSEEN = (
    "\u202eexe.\u202c \u200b\u200d\u2066\u00ad\ufeff\u3164\u2800 a\u00a0b \u2028\u2029 \t\r\x1b[2J"
    "\x85\u115f \U000e0041 \ue000 \U0001f600 e\u0301"
)
NASTY = " ".join(MARKUP)


def _declared(server: Server, value: str) -> str:
    """An intent of Ada's with something nasty in every field that takes text; its id."""
    client = signed_in(server.url, server.folder / "key")
    declared = Declaration(
        record=new_record_id(),
        person=ADA,
        action="trading.limit.raise",
        target=Target(system=f"desk {MARKUP[0]}", type=MARKUP[1], id=NASTY, name=NASTY),
        change=Change(
            original=captured.capture({"a": value, "b": NASTY}),
            new=captured.capture({"a": NASTY, "c/~<b>": value}),
            field="/limits",
        ),
        expires=clock.after(clock.now(), seconds=600),
        justification=Justification(
            code="DATA_CORRECTION", text=f"{NASTY} {new_record_id()}", tickets=(NASTY,)
        ),
        automation=Automation(
            workflow=NASTY,
            version=NASTY,
            run=NASTY,
            decision=OverriddenDecision(rule=NASTY, outcome=NASTY),
            failed_checks=(FailedCheck(name=NASTY, message=NASTY),),
        ),
        via=Via(kind="agent", id=NASTY),
    )
    client.backend.declare(declared, sign_intent(client.backend.origin, declared, client.key))
    client.line.close()
    return declared.record


@pytest.fixture(scope="module")
def nasty(server: Server) -> str:
    """Its id."""
    return _declared(server, UNSEEN)


def _harmless(phone: Phone) -> None:
    page = phone.page
    assert page.title() != "taken"
    for selector in (
        "main script",
        "main img",
        "main svg",
        "main iframe",
        "main style",
        "[onerror]",
        "[onload]",
    ):
        assert page.locator(selector).count() == 0, selector
    scripts = page.evaluate("() => [...document.scripts].map((one) => new URL(one.src).pathname)")
    assert all(one.startswith("/assets/") for one in scripts)


def test_markup_in_a_record_is_text_on_its_page(phone: Phone, nasty: str) -> None:
    """In every field: it stands there letter for letter, before and after the browser's own check."""
    phone.enrol()
    page = phone.sign_in(path=f"/interventions/{nasty}")
    expect(page.locator("#checked")).to_contain_text("This browser recomputed")
    _harmless(phone)
    shown = page.locator("main").inner_text()
    for one in MARKUP:
        assert one in re.sub(r"\s+", " ", shown)
    phone.go("/?q=" + "%22%3E%3Cscript%3Edocument.title=1%3C/script%3E")
    _harmless(phone)


def test_what_cannot_be_seen_is_spelt_out_by_server_and_browser_alike(phone: Phone, nasty: str) -> None:
    """Direction marks, invisible letters, control characters and odd spaces; emoji and accents stay."""
    phone.enrol()
    page = phone.sign_in(path=f"/interventions/{nasty}")
    expect(page.locator("#checked")).to_contain_text("This browser recomputed")
    page.locator("summary", has_text="exact values").click()
    text = captured.capture({"a": UNSEEN, "b": NASTY}).text or ""
    spelt = re.sub(r"<[^>]*>", "", str(look.shown(text)).replace("&#34;", '"').replace("&#39;", "'"))
    spelt = spelt.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    exact = page.locator('[data-field="declaration/change/original/text"]')
    assert exact.text_content() == _of_server(text)
    assert r"\u202e" in (exact.text_content() or "")
    assert exact.locator(".hidden").count() > 10
    assert "\U0001f600" in spelt


def _of_server(text: str) -> str:
    """The text that a browser makes of what the server writes."""
    import html

    return html.unescape(re.sub(r'<span class="hidden">|</span>', "", str(look.shown(text))))


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("data-body", "the record is not the one committed to"),
        ("data-sections", "the entry commits to something else"),
        ("data-leaf", "the entry is not under the root|the entry commits to something else"),
        ("data-path", "the entry is not under the root"),
        ("data-root", "the entry is not under the root"),
    ],
)
def test_a_page_that_shows_something_else_is_found_out(
    pages: Pages, nasty: str, attribute: str, said: str
) -> None:
    """Whoever changes the bytes on their way is named by the browser's own arithmetic."""
    phone = pages.phone()
    phone.enrol()
    phone.sign_in()
    expect(phone.page.get_by_role("heading", name="Interventions")).to_be_visible()

    def bend(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=_bent(answer.text(), attribute))

    phone.page.route("**/interventions/*", bend)
    page = phone.go(f"/interventions/{nasty}")
    expect(page.locator("#checked")).to_contain_text("Do not rely on this page")
    assert re.search(said, page.locator("#checked").inner_text())


def _bent(page: str, attribute: str) -> str:
    """The page with one digit or letter of an attribute changed, near its end."""
    begin = page.index(f'{attribute}="') + len(attribute) + 2
    end = page.index('"', begin)
    old = page[begin:end]
    place = max(at for at, one in enumerate(old) if one in "0123456789abcdef" and not old[:at].endswith("&#"))
    if attribute == "data-sections":
        place = old.index("person:") + 8
    return page[:begin] + old[:place] + ("0" if old[place] != "0" else "1") + old[place + 1 :] + page[end:]


def test_a_log_that_shows_another_history_is_found_out(phone: Phone, server: Server, nasty: str) -> None:
    """The browser remembers the root that it saw, and the next one must continue it."""
    phone.enrol()
    page = phone.sign_in(path=f"/interventions/{nasty}")
    expect(page.locator("#checked")).to_contain_text("seen for the first time")
    page.evaluate(
        "() => { const [key] = Object.keys(localStorage).filter((one) => one.startsWith('byhand '));"
        " const old = JSON.parse(localStorage.getItem(key)); old.root = '00'.repeat(32);"
        " localStorage.setItem(key, JSON.stringify(old)); }"
    )
    page.reload()
    expect(page.locator("#checked")).to_contain_text("another history than before")
