# SPDX-License-Identifier: Apache-2.0
"""Passkeys in a real browser: made on the phone, enrolled by an earlier key, and from then on they sign in."""

from __future__ import annotations

from people import Phone
from playwright.sync_api import expect
from real_server import ADA


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
    phone.enrol()
    phone.sign_in("grace.hopper")
    phone.told().to_contain_text("does not speak for that person")
