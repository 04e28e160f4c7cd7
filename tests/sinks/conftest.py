# SPDX-License-Identifier: Apache-2.0
"""Real receivers on loopback: an HTTP server over TCP or TLS, a mail server, and hostile ones."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.append(str(FOLDER))
