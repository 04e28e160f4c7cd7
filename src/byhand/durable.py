# SPDX-License-Identifier: Apache-2.0
"""What makes a new name in a folder survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make what was created in, or renamed into, ``folder`` durable; raises OSError."""
    if os.name != "posix":
        return  # Windows cannot open a folder; only clients run there
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
