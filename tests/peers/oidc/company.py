# SPDX-License-Identifier: Apache-2.0
"""A byhand server, and the provider at which its people sign in."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
from real_server import Server

from byhand.client.line import Line
from peers.oidc.peer import Browser, Provider


@dataclass
class Company:
    """A server and the provider of its people. Ada's account there is ``ada``."""

    server: Server
    provider: Provider
    opened: ExitStack = field(default_factory=ExitStack)
    """What the test at hand opened."""

    @property
    def pages(self) -> str:
        """Where browsers reach the server."""
        return self.server.url.replace("127.0.0.1", "localhost")

    def line(self) -> Line:
        """A connection of nobody yet."""
        one = Line(self.server.url)
        self.opened.callback(one.close)
        return one

    def client(self) -> httpx.Client:
        """A browser at the server's pages."""
        return self.opened.enter_context(httpx.Client(base_url=self.pages))

    def browser(self, login: str = "ada") -> Browser:
        return Browser(self.provider, login)
