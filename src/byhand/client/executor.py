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
    return _started(process) == started and not _ended(process)


def _started(process: int) -> str:
    """Start of a process in clock ticks since boot (proc(5), field 22); ``0`` where there is no /proc."""
    fields = _stat(process)
    return fields[19] if fields else "0"


def _ended(process: int) -> bool:
    """Whether only its exit code is left of it (proc(5), field 3)."""
    fields = _stat(process)
    return bool(fields) and fields[0] in "ZX"


def _stat(process: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name; empty where there is no /proc."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
