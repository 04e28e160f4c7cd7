# SPDX-License-Identifier: Apache-2.0
"""A real server, a real browser with authenticators made of software, and axe-core to judge what it shows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent, HERE.parent / "api"):  # for helpers that other tests of the doors share
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

import axe  # noqa: E402 - found by the lines above
from people import Pages, Phone  # noqa: E402
from real_server import Server, prepared  # noqa: E402

from peers import debian  # noqa: E402


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    debian.ensure(debian.listed(HERE / "debian.txt"))
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="session")
def axe_core(missing: Callable[[str, str], None]) -> str:
    """The text of axe-core."""
    return axe.text(missing)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with its pages, for the tests of one file."""
    one = prepared(tmp_path_factory.mktemp("pages")).start()
    yield one
    assert one.stop() == 0, "".join(one.said)


@pytest.fixture
def pages(server: Server, browser: Browser) -> Iterator[Pages]:
    """Hands out phones; whatever one complained of in its console fails the test."""
    with Pages(server, browser) as one:
        yield one


@pytest.fixture
def phone(pages: Pages) -> Phone:
    """A phone with an authenticator of its own."""
    return pages.phone()
