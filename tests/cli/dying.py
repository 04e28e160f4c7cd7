# SPDX-License-Identifier: Apache-2.0
"""A command line that is killed just before its N-th change to a file: ``python dying.py N byhand-arguments``."""

from __future__ import annotations

import os
import signal
import sys

CHANGES = {
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.chmod",
    "os.rmdir",
    "os.link",
    "os.truncate",
    "sqlite3.connect",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def main(wanted: int, arguments: list[str]) -> int:
    """Run the command; its changes are counted, and the N-th one never happens. 0: all of them do."""
    from byhand import cli
    from byhand.cli.tree import app, whole

    whole(app)  # what Python itself writes while importing is no change of ours
    count = 0

    def watch(what: str, details: tuple[object, ...]) -> None:
        nonlocal count
        flags = details[2] if what == "open" else 0
        if what in CHANGES or (isinstance(flags, int) and flags & WRITING):
            count += 1
            if count == wanted:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    code = cli.main(arguments)
    print(f"changes: {count}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
