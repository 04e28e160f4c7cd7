# SPDX-License-Identifier: Apache-2.0
"""What a database administrator can do to the rows of a home, and the name that verify gives it."""

from __future__ import annotations

import pytest

MOVED = (
    "UPDATE entry SET idx = -1 WHERE idx = 7;UPDATE entry SET idx = 7 WHERE idx = 8;"
    "UPDATE entry SET idx = 8 WHERE idx = -1"
)
PAYLOADS_SWAPPED = MOVED.replace("entry", "payload")
INSERTED = (
    "UPDATE entry SET idx = -idx - 1 WHERE idx >= 20;UPDATE entry SET idx = -idx WHERE idx < 0;"
    "INSERT INTO entry SELECT 20, replace(CAST(leaf AS TEXT), 'intent', 'Intent') FROM entry WHERE idx = 12"
)
FLIPPED = "UPDATE payload SET sealed = substr(sealed, 1, 100) || x'00' || substr(sealed, 102) WHERE idx = 9"

FORGERIES = [
    (
        "edited",
        "UPDATE entry SET leaf = replace(CAST(leaf AS TEXT), 'mifid', 'pci-1') || '' WHERE idx = 5",
        None,
    ),
    (
        "edited",
        "UPDATE entry SET leaf = replace(CAST(leaf AS TEXT), 'default-7y', 'pci-1y') WHERE idx = 5",
        "entry.altered",
    ),
    ("edited in the last tile", "UPDATE entry SET leaf = x'7b7d' WHERE idx = 300", "entry.altered"),
    ("deleted", "DELETE FROM entry WHERE idx = 40", "entry.missing"),
    ("cut at the end", "DELETE FROM entry WHERE idx > 300", "entry.missing"),
    ("swapped", MOVED, "entry.swapped"),
    (
        "duplicated",
        "UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 9) WHERE idx = 10",
        "entry.duplicated",
    ),
    ("inserted", INSERTED, "entry.inserted"),
    ("payloads swapped", PAYLOADS_SWAPPED, "payload.altered"),
    ("payload flipped", FLIPPED, "payload.altered"),
    ("payload missing", "DELETE FROM payload WHERE idx = 9", "payload.missing"),
    ("tile flipped", "UPDATE tile SET hashes = x'00' || substr(hashes, 2)", "tile.altered|entry.altered"),
    ("tile cut", "UPDATE tile SET hashes = substr(hashes, 1, 8160)", "tile.altered"),
    ("tile gone", "DELETE FROM tile", "tile.missing"),
    ("edge changed", "UPDATE tree SET edge = x'00' || substr(edge, 2)", "tree.altered"),
    ("tree made smaller", "UPDATE tree SET size = size - 1", "tree.altered"),
    ("checkpoint gone", "DELETE FROM published", "checkpoint.missing"),
    (
        "checkpoint bent",
        "UPDATE published SET note = replace(CAST(note AS TEXT), '3', '4')",
        "checkpoint.forged",
    ),
]


@pytest.mark.parametrize(("name", "forgery", "code"), FORGERIES, ids=[f"{n}-{c}" for n, _, c in FORGERIES])
def test_each_way_to_change_rows_has_its_name(played, name, forgery, code) -> None:  # type: ignore[no-untyped-def]
    """Verify names what was done to the rows; a statement that changes nothing is no finding."""
    played.sql(*forgery.split(";"))
    codes = played.codes()
    if code is None:
        assert not codes, name
    else:
        assert codes & set(code.split("|")), (name, codes)
        assert not played.verify().sound


def test_an_honest_home_is_sound_and_says_how_independent_the_check_was(played) -> None:  # type: ignore[no-untyped-def]
    """Untouched: sound, against a remembered checkpoint and the anchor; home, folder and bundle alike."""
    for target in (played.home, played.folder, played.bundle):
        report = played.verify(target)
        assert report.sound, report.findings
    report = played.verify()
    assert report.independence == [
        f"remembered checkpoint (size {report.size})",
        f"anchored on this machine (size {report.size})",
    ]
    assert report.counts["signatures"] >= len(played.interventions)
