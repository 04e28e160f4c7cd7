# SPDX-License-Identifier: Apache-2.0
"""``byhand serve`` that kills itself: killable_server.py HOME PORT STEP COUNT, at the COUNTth durable step STEP."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import sys
from pathlib import Path

from byhand import wiring
from byhand.api.server import serve


def main(home: str, port: str, name: str, count: str) -> None:
    """Serve until the step is taken."""
    left = itertools.count(int(count), -1)

    def step(taken: str) -> None:
        if taken == name and next(left) <= 1:
            os.kill(os.getpid(), signal.SIGKILL)

    opened = wiring.open_home(Path(home), step=step, server=True)
    opened.settle()
    settings = dataclasses.replace(opened.settings.server, port=int(port))
    serve(opened, settings, started=lambda url: print(url, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
