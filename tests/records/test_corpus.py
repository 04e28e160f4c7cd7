# SPDX-License-Identifier: Apache-2.0
"""Records of every schema version that was ever written are kept for ever, and stay readable."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
import pytest

from byhand.records import codec, schema
from byhand.records.kinds import KINDS

CORPUS = Path(__file__).parents[1] / "corpus"
FILES = sorted(CORPUS.glob("v*/*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_stored_records_stay_readable(path: Path) -> None:
    """A stored record is read, is without fault, and is written again as the very bytes it was."""
    data = path.read_bytes().rstrip(b"\n")
    record = codec.decode(data)
    assert not isinstance(record, codec.UnknownVersion)
    codec.validate(record)
    assert codec.encode(record) == data
    assert schema.faults(orjson.loads(data)) == []


def test_every_kind_is_there() -> None:
    """The corpus of each version holds every kind."""
    for folder in sorted(CORPUS.glob("v*")):
        found = {orjson.loads(path.read_bytes())["kind"] for path in folder.glob("*.json")}
        assert found == set(KINDS), folder.name


def test_nobody_touched_them() -> None:
    """Files are added to the corpus, never changed: their digests are listed beside them."""
    for folder in sorted(CORPUS.glob("v*")):
        listed = dict(
            line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines()
        )
        found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.json")}
        assert found == listed
