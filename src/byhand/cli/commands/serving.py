# SPDX-License-Identifier: Apache-2.0
"""``byhand serve``: this home's gate and log for other machines."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from typing import Any

from byhand import wiring
from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import settings_of
from byhand.cli.output import say, show_text
from byhand.errors import Invalid
from byhand.watch import process

STANDARD_INPUT = 0
TOLD_SECONDS = 1.0  # as often as the followers take a turn


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    watch: bool = True,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Serve this home over HTTP: gate, reading, and the log under /log/. Stops in order at Ctrl-C or SIGTERM.

    Listens on this machine alone unless told otherwise; a wider address needs TLS (`server.tls_certificate_file`
    and `server.tls_key_file` in byhand.toml) or a proxy before it (`server.behind_proxy`).

    **Example**

    ```console
    $ byhand serve
    $ byhand serve --port 9000
    $ byhand run mm7-breaker --url http://127.0.0.1:9000 --new ACTIVE -- deskctl set-state MM-7 ACTIVE
    ```

    Parameters
    ----------
    host
        Address to listen on. Default: server.host, 127.0.0.1.
    port
        Port to listen on; 0 is any free one. Default: server.port, 8420.
    watch
        Start `byhand watch` too, in a process beside this one, and end it with this one.
    """
    try:
        from byhand.api.server import check, serve as run
        from byhand.ui.pages import PAGES
    except ModuleNotFoundError as error:
        raise Invalid(
            f"the server's libraries are not installed: {error.name}", advice="pip install 'byhand[server]'"
        ) from error
    home = wiring.open_home(settings_of(common).home, server=True)
    given: dict[str, Any] = {
        name: value for name, value in (("host", host), ("port", port)) if value is not None
    }
    settings = dataclasses.replace(home.settings.server, **given)
    try:
        check(settings)
        home.settle()
        run(
            home,
            settings,
            watch=watch,
            pages=PAGES,
            started=lambda url: say(f"byhand serves {home.origin} at {url}"),
        )
    finally:
        home.close()


def watch(*, piped: bool = False, common: Common = NOTHING_CHOSEN) -> None:
    """Follow the log of this home: keep the index up, say what lapsed. Stops in order at Ctrl-C or SIGTERM.

    `byhand serve` starts it by itself unless told `--no-watch`.

    **Example**

    ```console
    $ byhand watch
    ```

    Parameters
    ----------
    piped
        Stop when standard input ends, and tell on standard output, in a line of JSON each second, how each
        follower is getting on: so it is run by `byhand serve`.
    """
    home = wiring.open_home(settings_of(common).home, server=True)
    watching = wiring.open_watch(home)
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    try:
        if piped:
            process.give_way()
            threading.Thread(target=_end_with_input, args=(stop,), daemon=True).start()
        else:
            home.keep()
        watching.start()
        if not piped:
            say(f"byhand watches {home.origin}")
        while not stop.wait(TOLD_SECONDS if piped else None):
            show_text(process.tell(watching.standings))
    finally:
        watching.close()
        home.close()


def _end_with_input(stop: threading.Event) -> None:
    """Whoever started this keeps a pipe open; the system closes it, however they end.

    Read without Python's buffer: a thread that waits inside it aborts the interpreter when that ends first.
    """
    while os.read(STANDARD_INPUT, 1):
        pass
    stop.set()
