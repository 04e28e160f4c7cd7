# SPDX-License-Identifier: Apache-2.0
"""The command line: a thin door that asks, calls the rooms below, and shows what they answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    from byhand.cli import entry

    return entry.run(sys.argv[1:] if arguments is None else list(arguments))


def __getattr__(name: str) -> Any:
    """``app``: the tree of commands, for whoever documents or completes them."""
    if name != "app":
        raise AttributeError(f"module 'byhand.cli' has no attribute {name!r}")
    from byhand.cli import tree

    return tree.whole(tree.app)
