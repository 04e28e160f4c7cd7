# SPDX-License-Identifier: Apache-2.0
"""Ending the processes that a story started."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

STOP_SECONDS_MAX = 10.0  # a server lets requests end first, a build system closes its database


def end(process: subprocess.Popen[Any]) -> None:
    """Ask ``process`` to end, and wait; at once when that takes too long."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
