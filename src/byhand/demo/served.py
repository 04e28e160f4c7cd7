# SPDX-License-Identifier: Apache-2.0
"""A home served on loopback while a story lasts, by ``byhand serve`` in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from byhand.demo.processes import end
from byhand.errors import EngineUnavailable

STARTED = re.compile(r"byhand serves \S+ at (?P<url>\S+)")
START_SECONDS_MAX = 30.0  # takes one
COMMAND_SECONDS_MAX = 30.0  # takes one, and waits where a checkpoint is made
BYHAND = (sys.executable, "-I", "-m", "byhand")


@dataclass
class Served:
    """A server; use it as ``with``. ``environment`` names home, person and key."""

    environment: Mapping[str, str]
    url: str = ""
    process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [*BYHAND, "serve", "--port", "0"],
            env=dict(self.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        patience = threading.Timer(START_SECONDS_MAX, self.process.kill)
        patience.start()
        said: list[str] = []
        for line in self.process.stderr or ():
            said.append(line)
            if (match := STARTED.search(line)) is not None:
                self.url = match["url"]
                break
        patience.cancel()
        if not self.url:
            self.stop()
            raise EngineUnavailable(f"byhand serve did not start:\n{''.join(said)}")
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def _listen(self) -> None:
        """Take what it says from the pipe: a full one would stop it."""
        if self.process is not None:
            for _ in self.process.stderr or ():
                pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it in order; at once when that takes too long."""
        process, self.process = self.process, None
        if process is None:
            return
        end(process)
        if process.stderr is not None:
            process.stderr.close()


def byhand(environment: Mapping[str, str], *arguments: str) -> str:
    """What a command of byhand prints; raises EngineUnavailable with its messages when it fails."""
    done = subprocess.run(
        [*BYHAND, *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS_MAX,
    )
    if done.returncode != 0:
        raise EngineUnavailable(
            f"byhand {' '.join(arguments[:2])} ended with {done.returncode}: {done.stderr}"
        )
    return done.stdout
