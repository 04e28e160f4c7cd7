# SPDX-License-Identifier: Apache-2.0
"""Makes events for bench/anomaly.py of any git repository: who changed what, when, approved by whom.

    bench/history.py REPOSITORY [SYSTEM] > events.jsonl

Metadata only: no contents, no addresses, of a commit's words its first verb. Persons are salted hashes of their
folded identities (``--salt``; default a new one, so that two runs cannot be joined). Merges and bots are left out.
Oldest first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import secrets
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FIELD, RECORD = "\x1f", "\x1e"
FORMAT = RECORD + FIELD.join(("%H", "%at", "%ad", "%ae", "%ce", "%s")) + FIELD
BOT = re.compile(r"bot\b|jenkins|translatewiki|noreply@|gerrit@", re.IGNORECASE)
STATUS_VERBS = {"A": "add", "D": "remove", "R": "move"}
VERB = re.compile(r"[a-z]{3,12}\b")


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", type=Path)
    parser.add_argument("system", nargs="?")
    parser.add_argument("--salt", default=secrets.token_hex(16))
    chosen = parser.parse_args()
    for event in events(chosen.repository, chosen.system or chosen.repository.resolve().name, chosen.salt):
        print(json.dumps(event, ensure_ascii=False))


def events(repository: Path, system: str, salt: str) -> Iterator[dict[str, Any]]:
    """Every commit that is one person's act, oldest first by the time it was made."""
    found = [
        event
        for text in _git(
            repository, "log", "--no-merges", "--name-status", "--date=raw", f"--format={FORMAT}"
        ).split(RECORD)
        if text and (event := _event(text, system, salt)) is not None
    ]
    yield from sorted(found, key=lambda event: (event["timestamp"], event["id"]))


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True)
    return done.stdout.decode("utf-8", "replace")


def _event(text: str, system: str, salt: str) -> dict[str, Any] | None:
    commit, at, raw, author, committer, subject, rest = text.split(FIELD, 6)
    changed = [line.split("\t") for line in rest.splitlines() if "\t" in line]
    if BOT.search(author) or not changed:
        return None
    zone = raw.split()[-1]
    minutes = (int(zone[1:3]) * 60 + int(zone[3:5])) * (-1 if zone[0] == "-" else 1)
    places = Counter(_place(line[-1]) for line in changed)
    same = author.casefold() == committer.casefold()
    return {
        "id": commit[:12],
        "timestamp": int(at),
        "tz_minutes": minutes,
        "actor_id": _person(author, salt),
        "approver_id": "self" if same else _person(committer, salt),
        "system": system,
        "target": min(places, key=lambda place: (-places[place], place)),
        "action": _verb(subject, changed),
        "files_changed": len(changed),
    }


def _person(address: str, salt: str) -> str:
    return "u" + hashlib.sha256(f"{salt}\n{address.casefold()}".encode()).hexdigest()[:10]


def _place(path: str) -> str:
    """A file at the top, a module of two levels below it."""
    parts = path.split("/")
    return path if len(parts) < 3 else "/".join(parts[:2])


def _verb(subject: str, changed: list[list[str]]) -> str:
    words = VERB.match(subject.rpartition(": ")[2].casefold())
    if words is not None:
        return words[0]
    kinds = {line[0][0] for line in changed}
    return STATUS_VERBS.get(kinds.pop(), "modify") if len(kinds) == 1 else "modify"


if __name__ == "__main__":
    main()
