# SPDX-License-Identifier: Apache-2.0
"""What a browser needs to recompute, from the text that it shows, the entry in the log that it is about to sign for.

The browser makes the leaf anew from the record's own bytes, follows its path to a root, and compares that root with
what it saw of this log before. It believes nothing but its own script.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.records.payload import BODY, decode_sealed


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry: its record's bytes and salt, the list of sections, the leaf, and the path to a root."""

    index: int
    body: str
    salt: str
    sections: str
    leaf: str
    size: int
    root: str
    path: str


def seen(journal: Journal, stored: Stored) -> Seen | None:
    """What there is to recompute of an entry; ``None`` where its body was erased."""
    body = stored.sections.get(BODY)
    if body is None:
        return None
    _, sealed = next(iter(journal.payloads(stored.index, stored.index + 1)))
    listed = [[one.name, one.commitment] for one in decode_sealed(sealed).sections]
    size = journal.reader.size
    tree = journal.reader.tree()  # not smaller than that
    return Seen(
        index=stored.index,
        body=body.content.decode("utf-8"),
        salt=body.salt.hex(),
        sections=json.dumps(listed, separators=(",", ":")),
        leaf=stored.entry.decode("utf-8"),
        size=size,
        root=tree.root(size).hex(),
        path=" ".join(one.hex() for one in tree.inclusion(stored.index, size)),
    )
