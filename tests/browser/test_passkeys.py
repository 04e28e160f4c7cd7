# SPDX-License-Identifier: Apache-2.0
"""Passkeys in a real browser: made on the phone, enrolled by an earlier key, and from then on they sign in."""

from __future__ import annotations

import re
from typing import Any

from people import Pages, Phone
from playwright.sync_api import expect
from real_server import ADA

from authenticator import Authenticator


def test_a_passkey_is_made_enrolled_and_signs_in(phone: Phone) -> None:
    """Made on the phone, signed for with the SSH key, then it opens the pages."""
    phone.enrol()
    page = phone.sign_in()
    expect(page.get_by_role("heading", name="Interventions")).to_be_visible()
    expect(page.locator("header")).to_contain_text(ADA)
    (cookie,) = phone.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("byhand", True, "Strict")


def test_a_passkey_that_nobody_enrolled_opens_nothing(phone: Phone) -> None:
    """It is refused as one that does not exist, and so is the right passkey under another name."""
    phone.make_passkey()
    phone.sign_in()
    phone.told().to_contain_text("does not speak for that person")
    assert phone.context.cookies() == []
    phone.enrol()
    phone.sign_in("grace.hopper")
    phone.told().to_contain_text("does not speak for that person")
    assert phone.context.cookies() == []


def test_a_person_enrols_the_next_passkey_with_the_first(pages: Pages) -> None:
    """Made on another phone, signed for in the browser of the first one."""
    first, second = pages.phone(), pages.phone()
    first.enrol()
    expect(first.sign_in().locator("header")).to_contain_text(ADA)
    code = second.make_passkey()
    page = first.go(f"/passkeys/{code}")
    page.get_by_role("button", name="Sign with my passkey").click()
    first.told().to_contain_text("It is enrolled")
    expect(second.sign_in().locator("header")).to_contain_text(ADA)


def test_an_officer_enrols_somebody_new_in_the_browser(pages: Pages) -> None:
    """On trial one officer suffices; the new person is no officer, and cannot enrol others."""
    officer, grace, dan = pages.phone(), pages.phone(), pages.phone()
    officer.enrol()
    expect(officer.sign_in().locator("header")).to_contain_text(ADA)
    code = grace.make_passkey("grace.hopper")
    page = officer.go(f"/passkeys/{code}")
    page.get_by_label("Whose it is").fill("grace.hopper")
    page.get_by_label("What people call them").fill("Grace Hopper")
    page.get_by_role("button", name="Sign with my passkey").click()
    officer.told().to_contain_text("It is enrolled")
    expect(grace.sign_in("grace.hopper").locator("header")).to_contain_text("Grace Hopper")
    page = grace.go(f"/passkeys/{dan.make_passkey('dan')}")
    page.get_by_label("Whose it is").fill("dan")
    page.get_by_role("button", name="Sign with my passkey").click()
    grace.told().to_contain_text("signed by grace.hopper")


def test_an_authenticator_that_knows_nobody_makes_no_passkey(pages: Pages) -> None:
    """Without a PIN, a finger or a face: refused by the browser already, and the page says so."""
    phone = pages.phone(hasUserVerification=False, isUserVerified=False)
    page = phone.go("/passkey")
    page.get_by_label("Your name").fill(ADA)
    page.get_by_role("button", name="Make a passkey").click()
    phone.told().to_contain_text("the passkey was not used")
    expect(page.locator("#made")).to_be_hidden()
    expect(page.locator("#code")).to_be_empty()


def test_a_passkey_that_does_not_know_who_is_there_signs_nothing(phone: Phone) -> None:
    """Enrolled with a finger, used without one."""
    phone.enrol()
    phone.devtools("setUserVerified", isUserVerified=False)
    phone.sign_in()
    phone.told().to_contain_text("the passkey was not used")


def test_an_exchanged_passkey_is_not_signed_for(pages: Pages) -> None:
    """A page that names another key under the code that people compare: the browser finds out before the passkey."""
    first, second, eve = (
        pages.phone(),
        pages.phone(),
        Authenticator("eve's phone", origin=pages.phone().origin),
    )
    first.enrol()
    expect(first.sign_in().locator("header")).to_contain_text(ADA)

    def bend(route: Any) -> None:
        answer = route.fetch()
        body = re.sub(r'data-key="[^"]+"', f'data-key="{eve.line}"', answer.text())
        route.fulfill(response=answer, body=body)

    first.page.route("**/passkeys/*", bend)
    page = first.go(f"/passkeys/{second.make_passkey()}")
    page.get_by_role("button", name="Sign with my passkey").click()
    first.told().to_contain_text("another passkey than the one with that code: nothing was signed")
