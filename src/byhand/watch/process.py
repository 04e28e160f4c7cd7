# SPDX-License-Identifier: Apache-2.0
"""The followers of a server in a process of their own: what they compute keeps nobody waiting at the gate.

They end with the server, however that ends: their standard input is a pipe which nobody writes to and which closes
when the server is gone. A crash of theirs costs a repetition (see ``follower``), and they are started again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import msgspec

from byhand.watch.follower import DOUBLINGS_MAX, Standing

COMMAND = ("-m", "byhand", "watch", "--piped")
NICENESS = 5  # where processors are few, acts come first and the index after them
RESTART_SECONDS = 1.0  # after the first end; twice as long after each further one
RESTART_SECONDS_MAX = 60.0  # more often would only fill the log of a machine that something is wrong with
STOP_SECONDS = 20.0  # the turns that began are ended; a batch takes far less
LINE_SHOWN_MAX = 200  # characters of a line that is no telling: enough to see whose it is
_told = msgspec.json.Decoder(dict[str, Standing])
logger = logging.getLogger("byhand.watch")


class WatchProcess:
    """Starts it, hears how it is getting on, starts it again when it ended. Same face as ``follower.Watch``."""

    def __init__(self, options: Sequence[str]) -> None:
        """``options``: which home, as ``byhand watch`` takes it."""
        self._command = [sys.executable, *COMMAND, *options]
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="byhand-watch", daemon=True)
        self._heard = time.monotonic()
        self.standings: dict[str, Standing] = {"watch": Standing()}

    @property
    def starts(self) -> int:
        """How often it was started."""
        return self.standings["watch"].turns

    @property
    def silent_seconds(self) -> float:
        """Since it was last heard of; before that, since it should be. It tells once a second."""
        return time.monotonic() - self._heard

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Let every turn that began end, then stop; what has not ended by ``STOP_SECONDS`` is killed. Idempotent.

        Nothing is lost by that: a turn that was cut short is repeated.
        """
        self._stop.set()
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        if self._thread.is_alive() and self._process is not None:
            logger.warning("the followers' process did not end within %s s and is killed", STOP_SECONDS)
            _kill(self._process)
            self._thread.join()

    def _run(self) -> None:
        own = self.standings["watch"]
        while not self._stop.is_set():
            own.turns += 1
            try:
                ended = self._once()
            except Exception as error:  # whatever one run does to us, there is a next
                ended = f"{type(error).__name__}: {error}"
                logger.exception("the followers' process could not be followed")
            if self._stop.is_set():
                return
            own.failures += 1
            own.error = f"the followers' process ended: {ended}"
            logger.error("%s; it is started again", own.error)
            doublings = min(own.failures - 1, DOUBLINGS_MAX)
            self._stop.wait(min(RESTART_SECONDS * 2.0**doublings, RESTART_SECONDS_MAX))

    def _once(self) -> str:
        """From start to end; how it ended."""
        with self._lock:
            if self._stop.is_set():
                return "it was to stop"
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                process_group=0,
            )
        process = self._process
        with process:
            try:
                for line in process.stdout or ():
                    self._hear(line)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
            finally:  # what hangs, or is not heard any more, must not keep the next one from its start
                if process.poll() is None:
                    _kill(process)
        return f"code {process.returncode}"

    def _hear(self, line: str) -> None:
        """One line of JSON: the standing of each follower. Anything else that is printed there tells nothing."""
        try:
            told = _told.decode(line)
        except (msgspec.DecodeError, UnicodeError):
            logger.warning("the followers' process said what is no standing: %r", line[:LINE_SHOWN_MAX])
            return
        told.pop("watch", None)  # the standing of the process itself is kept here
        self.standings.update(told)
        self._heard = time.monotonic()
        self.standings["watch"].failures = 0


def _kill(process: subprocess.Popen[str]) -> None:
    """End it at once, with all that it started: what keeps its pipe open would be listened to for ever."""
    with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
        os.killpg(process.pid, signal.SIGKILL)


def tell(standings: Mapping[str, Standing]) -> str:
    """What ``WatchProcess`` hears, in one line."""
    return json.dumps({name: asdict(standing) for name, standing in standings.items()}, separators=(",", ":"))


def give_way() -> None:
    """Let others compute first."""
    with contextlib.suppress(OSError):  # a system that forbids it loses nothing but that
        os.nice(NICENESS)
