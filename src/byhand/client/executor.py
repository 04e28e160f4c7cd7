# SPDX-License-Identifier: Apache-2.0
"""Which process carries out an act, named so that one can tell later whether it still runs."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def executor_name() -> str:
    """This process, told apart from a later one with the same number: ``host/process/start``."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"


def executor_alive(executor: str) -> bool | None:
    """Whether the process named ``executor`` still runs; ``None`` when that cannot be said from here."""
    host, _, rest = executor.partition("/")
    number, _, started = rest.partition("/")
    if host != socket.gethostname() or not number.isdecimal() or not started:
        return None
    process = int(number)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return None
    return _started(process) == started


def _started(process: int) -> str:
    """Start of a process in clock ticks since boot (proc(5), field 22); ``0`` where there is no /proc."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return "0"
    return stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
