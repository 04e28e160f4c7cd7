# SPDX-License-Identifier: Apache-2.0
"""What a page knows of the request it answers; the doors hand it in, and know nothing of pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from byhand import wiring
from byhand.errors import ByhandError

Answer = TypeVar("Answer")


class Visit(Protocol):
    """One request for a page."""

    @property
    def request(self) -> Request:
        """The request."""
        ...

    @property
    def home(self) -> wiring.Home:
        """The opened home."""
        ...

    @property
    def origin(self) -> str:
        """Where people reach the pages, as browsers name it."""
        ...

    @property
    def address(self) -> str | None:
        """Where the request came from."""
        ...

    def token(self) -> str:
        """The session of whoever asks; raises LoginRequired, Refused."""
        ...

    def word(self, name: str, default: str = "") -> str:
        """A query parameter; raises Invalid when it stands twice."""
        ...

    def status_of(self, error: ByhandError) -> int:
        """The HTTP status of an error."""
        ...

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """``work``'s answer, from a thread."""
        ...


Page = Callable[[Visit], Awaitable[Response]]
Door = tuple[str, str, str, Page]
"""Method, path, lane, page: a line of the table of doors."""
