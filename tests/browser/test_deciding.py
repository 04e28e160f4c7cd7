# SPDX-License-Identifier: Apache-2.0
"""Four eyes in two browsers: one person declares, another one reads what is to change and signs with a passkey."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe
import pytest
from people import Pages, Phone
from playwright.sync_api import expect
from real_server import ADA, POINT, Client, Server, prepared, signed_in

from byhand import clock
from byhand.client.speaking import sign_intent
from byhand.ids import new_record_id
from byhand.records import captured
from byhand.records.intervention import Change, Declaration, Justification
from byhand.records.values import CapturedValue

GRACE, ALAN = "grace.hopper", "alan.turing"
WORDS = "Checked with the venue on the telephone"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A home that is past its trial: Grace is its second officer, Alan approves."""
    one = prepared(tmp_path_factory.mktemp("deciding"))
    target = ("--action", "trading.circuit_breaker.override", "--target", "risk-gateway/circuit_breaker/ALL")
    one.byhand("point", "add", "all", *target, "--owner", ADA, "--tier", "critical", "--mode", "enforce")
    one.byhand("key", "add", f"{_key(one, 'token')}.pub", "--device-bound")
    one.byhand("person", "add", ALAN, "--public-key", f"{_key(one, 'alan')}.pub")
    one.byhand("person", "add", GRACE, "--public-key", f"{_key(one, 'grace')}.pub", "--officer")
    one.start()
    yield one
    assert one.stop() == 0, "".join(one.said)


def _key(server: Server, name: str) -> Path:
    key = server.folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key


@pytest.fixture
def ada(server: Server) -> Iterator[Client]:
    """Ada, who declares."""
    client = signed_in(server.url, server.folder / "key")
    yield client
    client.line.close()


@pytest.fixture
def grace(pages: Pages, server: Server) -> Phone:
    """Grace's phone, signed in."""
    return _phone(pages, server, GRACE, "grace")


def _phone(pages: Pages, server: Server, person: str, key: str, **options: Any) -> Phone:
    phone = pages.phone(**options)
    code = phone.make_passkey(person)
    server.byhand("key", "add", "--passkey", code, "--person", person, "--key", str(server.folder / key))
    expect(phone.sign_in(person).locator("header")).to_contain_text(person)
    return phone


def declare(ada: Client, point: str = POINT, new: Any = "ACTIVE") -> str:
    """An intent of Ada's, signed; its id."""
    declared = Declaration(
        record=new_record_id(),
        person=ADA,
        action="trading.circuit_breaker.override",
        point=point,
        change=_change(new),
        expires=clock.after(clock.now(), seconds=600),
        justification=Justification(
            code="FALSE_POSITIVE", text=f"Stale quote from XLON ({new_record_id()})."
        ),
    )
    ada.backend.declare(declared, sign_intent(ada.backend.origin, declared, ada.key))
    return declared.record


def _change(new: Any) -> Change:
    old = captured.capture("HALTED")
    return Change(original=old, new=new if isinstance(new, CapturedValue) else captured.capture(new))


def _checked(phone: Phone, intervention: str) -> None:
    phone.go(f"/interventions/{intervention}")
    expect(phone.page.locator("#checked")).to_contain_text("This browser recomputed")


def test_another_person_reads_and_signs_and_then_it_may_happen(
    ada: Client, grace: Phone, server: Server, tmp_path: Path
) -> None:
    """From the list of what waits to the signature; the permit is issued, and a stranger's check finds all sound."""
    intervention = declare(ada)
    page = grace.go("/")
    card = (
        page.get_by_role("listitem")
        .filter(has=page.locator(f'a[href="/interventions/{intervention}"]'))
        .first
    )
    expect(card.locator(".before")).to_contain_text("HALTED")
    expect(card.locator(".after")).to_contain_text("ACTIVE")
    card.get_by_role("link").click()
    expect(page.locator("#checked")).to_contain_text("This browser recomputed")
    expect(page.locator(".decide")).to_contain_text("0 of 1 approvals are there")
    page.get_by_label("In your words").fill(WORDS)
    page.get_by_role("button", name="Approve and sign").click()
    expect(page.locator(".state").first).to_have_text("approved")
    expect(page.locator(".timeline")).to_contain_text(WORDS)
    assert ada.backend.permit(intervention).permit
    evidence = tmp_path / "evidence.zip"
    server.byhand("evidence", intervention, "-o", str(evidence))
    assert json.loads(server.byhand("verify", str(evidence), "--output", "json"))["sound"]
    _by_hand(evidence, tmp_path / "unpacked")
    assert json.loads(server.byhand("verify", str(server.home), "--output", "json"))["sound"]


def _by_hand(evidence: Path, folder: Path) -> None:
    """The page of Python in the bundle, then openssl over the approval's signature, as its README says."""
    with zipfile.ZipFile(evidence) as archive:
        archive.extractall(folder)
    assert (
        subprocess.run([sys.executable, "check.py"], cwd=folder, capture_output=True, check=False).returncode
        == 0
    )
    for named in folder.glob("entries/*/statement-0.0.passkey"):
        said = (named.parent / "statement-0.signed").read_bytes()
        stem = str(named.with_suffix("").relative_to(folder))
        command = ["openssl", "dgst", "-sha256", "-verify", named.read_text().strip()]
        command += ["-signature", f"{stem}.passkey-sig", f"{stem}.passkey-signed"]
        assert subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0
        if WORDS.encode() in said:
            return
    pytest.fail("the approval is not among the passkeys' signatures")


def test_a_refusal_needs_words_and_ends_it(ada: Client, grace: Phone) -> None:
    """Without a reason nothing is signed; with one the intervention is over."""
    intervention = declare(ada)
    _checked(grace, intervention)
    page = grace.page
    page.get_by_role("button", name="Refuse and sign").click()
    grace.told().to_contain_text("Say why you refuse")
    page.get_by_label("In your words").fill("The quote is real: XLON confirmed it.")
    page.get_by_role("button", name="Refuse and sign").click()
    expect(page.locator(".state").first).to_have_text("refused")
    expect(page.locator(".decide")).to_have_count(0)


def test_nobody_approves_their_own(ada: Client, pages: Pages, server: Server) -> None:
    """Whoever declared it may only withdraw it, and does."""
    phone = _phone(pages, server, ADA, "key")
    intervention = declare(ada)
    page = phone.go("/")
    assert (
        page.locator(f'h1:has-text("Waits for you") ~ ul a[href="/interventions/{intervention}"]').count()
        == 0
    )
    _checked(phone, intervention)
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.get_by_role("button", name="Withdraw and sign").click()
    expect(page.locator(".state").first).to_have_text("withdrawn")


def test_a_page_that_was_changed_on_its_way_gets_no_signature(ada: Client, grace: Phone) -> None:
    """The browser recomputes what it shows before it asks the passkey."""
    intervention = declare(ada)

    def bend(route: Any) -> None:
        answer = route.fetch()
        text = answer.text().replace("&#34;ACTIVE\\&#34;", "&#34;HALTED\\&#34;").replace("ACTIVE", "HALTED")
        route.fulfill(response=answer, body=text)

    grace.page.route("**/interventions/*", bend)
    page = grace.go(f"/interventions/{intervention}")
    expect(page.locator("#checked")).to_contain_text("Do not rely on this page")
    page.get_by_role("button", name="Approve and sign").click()
    grace.told().to_contain_text("nothing was signed")


def test_the_exact_values_are_the_records_whatever_stands_in_the_figure(ada: Client, grace: Phone) -> None:
    """Only the large figure was bent: the browser says which values it has recomputed, and shows those open."""
    intervention = declare(ada)

    def bend(route: Any) -> None:
        answer = route.fetch()
        body = re.sub(r'(<div class="after">.*?<code>&#34;)ACTIVE', r"\1HALTED", answer.text(), count=1)
        body = body.replace('data-field="target/tier">high', 'data-field="target/tier">low')
        route.fulfill(response=answer, body=body)

    grace.page.route("**/interventions/*", bend)
    page = grace.go(f"/interventions/{intervention}")
    expect(page.locator("#checked")).to_contain_text("This browser recomputed entry")
    expect(page.locator("#checked")).to_contain_text("and shows its exact values above")
    expect(page.locator(".after dd").first).to_have_text('"HALTED"')
    exact = page.locator('[data-field="declaration/change/new/text"]')
    expect(exact).to_be_visible()
    expect(exact).to_have_text('"ACTIVE"')
    expect(page.locator('[data-field="target/tier"]')).to_have_text("high")
    expect(page.locator('[data-field="target/environment"]')).not_to_be_empty()


def test_a_value_that_the_record_does_not_hold_is_said_to_be_none(ada: Client, grace: Phone) -> None:
    """A place that is to be emptied is not shown as an empty text."""
    _checked(grace, declare(ada, new=captured.absent()))
    expect(grace.page.locator('[data-field="declaration/change/new/text"]')).to_have_text("$absent")


@pytest.mark.parametrize(
    ("shown", "bent"),
    [('id="for">dan', 'id="for">eve'), ('id="granted">trader', 'id="granted">no role')],
    ids=["person", "roles"],
)
def test_a_proposal_is_signed_only_as_the_page_shows_it(
    pages: Pages, server: Server, grace: Phone, shown: str, bent: str
) -> None:
    """Whose passkey, with which roles: what an earlier officer signed is compared before the passkey is asked."""
    code = pages.phone().make_passkey("dan")
    server.byhand("person", "add", "dan", "--passkey", code, "--role", "trader", code=5)

    def bend(route: Any) -> None:
        answer = route.fetch()
        assert shown in answer.text()
        route.fulfill(response=answer, body=answer.text().replace(shown, bent))

    grace.page.route("**/passkeys/*", bend)
    page = grace.go(f"/passkeys/{code}")
    page.get_by_role("button", name="Sign with my passkey").click()
    grace.told().to_contain_text("The proposal says something else than this page shows: nothing was signed")


def test_a_second_officer_signs_for_a_passkey_in_the_browser(
    pages: Pages, server: Server, grace: Phone
) -> None:
    """What the first one proposed and the page shows; with that it is enrolled."""
    code = pages.phone().make_passkey("joan")
    server.byhand("person", "add", "joan", "--passkey", code, "--role", "trader", code=5)
    page = grace.go(f"/passkeys/{code}")
    page.get_by_role("button", name="Sign with my passkey").click()
    grace.told().to_contain_text("It is enrolled")


def test_a_signature_over_something_else_is_not_asked_for(ada: Client, grace: Phone) -> None:
    """A server that names another fingerprint than the page's is found out before the passkey is asked."""
    intervention, other = declare(ada), "0" * 64

    def bend(route: Any) -> None:
        answer = route.fetch()
        head, _, tail = answer.text().partition('data-asked="')
        route.fulfill(response=answer, body=f'{head}data-asked="{other}{tail[64:]}')

    grace.page.route("**/interventions/*", bend)
    page = grace.go(f"/interventions/{intervention}")
    expect(page.locator("#checked")).to_contain_text("This browser recomputed")
    page.get_by_role("button", name="Approve and sign").click()
    grace.told().to_contain_text("something else than this page shows")


def test_a_rule_that_the_record_does_not_name_is_not_signed_for(ada: Client, grace: Phone) -> None:
    """The record holds the requirement it was declared under: a page that names another gets no signature."""
    intervention, other = declare(ada), "0" * 64

    def bend(route: Any) -> None:
        answer = route.fetch()
        head, _, tail = answer.text().partition('data-requirement="')
        route.fulfill(response=answer, body=f'{head}data-requirement="{other}{tail[64:]}')

    grace.page.route("**/interventions/*", bend)
    page = grace.go(f"/interventions/{intervention}")
    expect(page.locator("#checked")).to_contain_text("This browser recomputed")
    page.get_by_role("button", name="Approve and sign").click()
    grace.told().to_contain_text("something else than this page shows")


def test_a_synced_passkey_does_not_decide_what_is_critical(pages: Pages, server: Server) -> None:
    """The page says so; one that stays on its device does."""
    bound = _phone(pages, server, GRACE, "grace")
    synced = _phone(pages, server, ALAN, "alan", defaultBackupEligibility=True, defaultBackupState=True)
    client = signed_in(server.url, server.folder / "token")
    intervention = declare(client, "all")
    client.line.close()
    _checked(synced, intervention)
    expect(synced.page.locator(".decide")).to_contain_text("bound to its device, and you have none here")
    _checked(bound, intervention)
    bound.page.get_by_role("button", name="Approve and sign").click()
    expect(bound.page.locator(".decide")).to_contain_text("1 of 2 approvals are there")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_approvers_pages_are_readable_by_everybody(
    ada: Client, pages: Pages, server: Server, axe_core: str, tmp_path: Path, dark: bool
) -> None:
    """axe-core finds nothing, at 320 pixels nothing is cut off, before and after a signature."""
    phone = _phone(pages, server, GRACE, "grace", dark=dark, width=320)
    intervention = declare(ada)
    for name, path in (("inbox", "/"), ("deciding", f"/interventions/{intervention}")):
        phone.go(path)
        if name == "deciding":
            expect(phone.page.locator("#checked")).to_contain_text("recomputed")
        assert axe.violations(phone.page, axe_core) == [], path
        widths = phone.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], path
        phone.photograph(tmp_path, name)
    phone.page.get_by_role("button", name="Approve and sign").click()
    expect(phone.page.locator(".state").first).to_have_text("approved")
    phone.photograph(tmp_path, "decided")
