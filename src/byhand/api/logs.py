# SPDX-License-Identifier: Apache-2.0
"""What the server says of itself on standard error, from a thread of its own.

A pipe that nobody empties, or a terminal that was stopped, would else stop the loop that writes to it, and with it
the gate. What finds no place is dropped and counted: these lines are help for whoever runs it, never evidence.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LINES_MAX = 1_000  # lines that wait for the disk: some seconds of the worst that can be said
LAST_LINES_SECONDS = 1.0  # for what waits at the end; whoever does not read it by then does not want it
ROOMS = ("uvicorn", "byhand")


class _Waiting(logging.Handler):
    """Hands lines over without ever waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self.dropped = 0
        self.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Let a line wait, or drop it. That a stop ended requests is no news."""
        if record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError):
            return
        try:
            self.lines.put_nowait(self.format(record))
        except queue.Full:
            self.dropped += 1

    def write(self) -> None:
        """Write what waits, until the end."""
        while (line := self.lines.get()) is not None:
            dropped, self.dropped = self.dropped, 0
            lost = f"({dropped} more were dropped)\n" if dropped else ""
            with suppress(OSError, ValueError):  # nobody reads it any more
                # Not through sys.stderr: whoever waits in there holds a lock that the end of Python waits for.
                os.write(sys.stderr.fileno(), f"{line}\n{lost}".encode(errors="backslashreplace"))


@contextmanager
def writing() -> Iterator[None]:
    """Write what uvicorn and byhand say, while inside."""
    waiting = _Waiting()
    thread = threading.Thread(target=waiting.write, name="byhand-logs", daemon=True)
    thread.start()
    loggers = [logging.getLogger(room) for room in ROOMS]
    for logger in loggers:
        logger.addHandler(waiting)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(waiting)
        with suppress(queue.Full):
            waiting.lines.put_nowait(None)
        thread.join(LAST_LINES_SECONDS)
