# SPDX-License-Identifier: Apache-2.0
"""``python -m byhand``: the command line, where no ``byhand`` script is on the path."""

from __future__ import annotations

import sys

from byhand.cli import main

if __name__ == "__main__":
    sys.exit(main())
