# SPDX-License-Identifier: Apache-2.0
"""People with phones: a browser window each, with an authenticator made of software that behaves as told."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Browser, BrowserContext, Page, expect
from real_server import ADA, Server

SCREEN = {"width": 390, "height": 844}
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Phone:
    """One window with one authenticator."""

    def __init__(self, server: Server, context: BrowserContext, **authenticator: Any) -> None:
        self.server = server
        self.context = context
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self._devtools = context.new_cdp_session(self.page)
        self._devtools.send("WebAuthn.enable")
        options = {"options": {**AUTHENTICATOR, **authenticator}}
        made = self._devtools.send("WebAuthn.addVirtualAuthenticator", options)
        self.authenticator: str = made["authenticatorId"]

    def _heard(self, message: Any) -> None:
        refused = (
            "Failed to load resource" in message.text
        )  # a refusal of the server, which tests look at themselves
        if message.type in ("error", "warning") and not refused:
            self.complaints.append(message.text)

    @property
    def origin(self) -> str:
        return self.server.url.replace("127.0.0.1", "localhost")

    def go(self, path: str) -> Page:
        self.page.goto(self.origin + path)
        return self.page

    def told(self) -> Any:
        """What the page said last."""
        return expect(self.page.locator("#said"))

    def devtools(self, method: str, **parameters: Any) -> Any:
        return self._devtools.send(
            f"WebAuthn.{method}", {"authenticatorId": self.authenticator, **parameters}
        )

    def make_passkey(self, person: str = ADA) -> str:
        """A passkey on this phone; its code."""
        page = self.go("/passkey")
        page.get_by_label("Your name").fill(person)
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.locator("#made")).to_be_visible()
        return page.locator("#code").inner_text()

    def enrol(self) -> str:
        """A passkey of Ada's, signed for with her SSH key; its code."""
        code = self.make_passkey()
        self.server.byhand("key", "add", "--passkey", code)
        return code

    def sign_in(self, person: str = ADA, path: str = "/") -> Page:
        page = self.go(path)
        page.get_by_label("Your name").fill(person)
        page.get_by_role("button", name="Sign in").click()
        return page

    def photograph(self, folder: Path, name: str) -> None:
        self.page.screenshot(path=folder / f"{name}.png", full_page=True)


class Pages:
    """The pages of a server, opened on as many phones as a test needs."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self.server = server
        self.browser = browser
        self.phones: list[Phone] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for phone in self.phones:
            phone.context.close()
        if kind is None:
            assert [one for phone in self.phones for one in phone.complaints] == []

    def phone(self, *, dark: bool = False, width: int = SCREEN["width"], **authenticator: Any) -> Phone:
        scheme: Any = "dark" if dark else "light"
        context = self.browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": SCREEN["height"]}
        )
        context.set_default_timeout(10_000)
        one = Phone(self.server, context, **authenticator)
        self.phones.append(one)
        return one
