# SPDX-License-Identifier: Apache-2.0
"""The forger's cases, and what each kind of verifier sees of them: the table at the end of the demo.

Five verifiers look at every forgery, each with one thing of its own: nothing; a policy with the log's key and
officers; the memory of a client that met the log; one receipt; the anchor beside the home.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from byhand.demo import forger
from byhand.demo.forger import Copy
from byhand.demo.stage import Stage
from byhand.evidence.report import Report
from byhand.verifying import Knowledge, verify_home

VERIFIERS = ("nothing", "policy", "known_logs", "receipt", "anchor")
"""What a verifier holds, in the order of the table's columns."""
NOT_SEEN = "not seen"
"""In the table: nothing was found, whatever the verdict."""


@dataclass(frozen=True, slots=True)
class Booty:
    """What the forger found: an entry, an old checkpoint, two texts that he wants to read otherwise."""

    entry: int
    old_note: bytes
    signed_text: str
    """Why of an intent of high risk: the person's signature is required there."""
    unsigned_text: str
    """Why of an intent of medium risk: the log may vouch for it alone."""
    wanted_text: str = "Ordered by the risk desk; I only carried it out."


@dataclass(frozen=True, slots=True)
class Forgery:
    """One forgery: what it is called, what was done, how, and what each verifier must say of it."""

    name: str
    title: str
    make: Callable[[Copy, Booty], None]
    named: tuple[str, ...]
    """The finding that each of VERIFIERS must make, in their order; NOT_SEEN where nothing can be found."""


def _edit(copy: Copy, booty: Booty) -> None:
    forger.edit_row(copy, booty.entry)


def _delete(copy: Copy, booty: Booty) -> None:
    forger.delete_tail(copy, booty.entry)


def _roll_back(copy: Copy, booty: Booty) -> None:
    forger.roll_back(copy, booty.old_note)


def _reword_signed(copy: Copy, booty: Booty) -> None:
    forger.rewrite_history(copy, forger.reword(booty.signed_text, booty.wanted_text, keep_signature=True))


def _reword_unsigned(copy: Copy, booty: Booty) -> None:
    forger.rewrite_history(copy, forger.reword(booty.unsigned_text, booty.wanted_text, keep_signature=False))


def _own_key(copy: Copy, booty: Booty) -> None:
    forger.own_key(copy)
    _reword_unsigned(copy, booty)


def _anchor_too(copy: Copy, booty: Booty) -> None:
    rewrite = forger.reword(booty.unsigned_text, booty.wanted_text, keep_signature=False)
    forger.forge_anchor(copy, forger.rewrite_history(copy, rewrite))


def knowledge(stage: Stage, holds: str, receipt: Path, environment: Mapping[str, str]) -> Knowledge:
    """What a verifier brings who holds one thing only; ``environment`` says where anchors lie."""
    return Knowledge(
        policy=stage.policy if holds == "policy" else None,
        since=receipt if holds == "receipt" else None,
        known_logs=stage.known_logs,
        use_known_logs=holds == "known_logs",
        use_anchor=holds == "anchor",
        environment=environment,
    )


def codes(report: Report) -> frozenset[str]:
    """The findings of a report, by code."""
    return frozenset(finding.code for finding in report.findings)


def judge(stage: Stage, copy: Copy, receipt: Path) -> dict[str, Report]:
    """What every verifier says of ``copy``."""
    return {
        holds: verify_home(copy.home, knowledge(stage, holds, receipt, copy.environment))
        for holds in VERIFIERS
    }


def seen(report: Report, named: str) -> str:
    """What the table shows of a report: ``named`` where it was found, else what was found instead."""
    found = codes(report)
    if not found:
        return NOT_SEEN
    return named if named in found else ", ".join(sorted(found))


FORK, CUT = "log.forked", "log.rolled_back"
FORGERIES = (
    Forgery("row-edited", "one row edited with SQL", _edit, ("entry.altered",) * 5),
    Forgery("tail-deleted", "the end deleted with SQL", _delete, ("entry.missing",) * 5),
    Forgery(
        "rolled-back",
        "... and all set back to an old, genuine checkpoint",
        _roll_back,
        (NOT_SEEN, NOT_SEEN, CUT, CUT, CUT),
    ),
    Forgery(
        "own-key",
        "all computed anew, signed with a key of his own",
        _own_key,
        (NOT_SEEN, "key.changed", "key.changed", "checkpoint.origin", "checkpoint.origin"),
    ),
    Forgery(
        "signed-intent",
        "all computed anew with the log's own key: a reason that Mara signed",
        _reword_signed,
        ("signature.broken", "signature.broken", FORK, FORK, FORK),
    ),
    Forgery(
        "log-key",
        "... a reason that needs no signature (it is taken out)",
        _reword_unsigned,
        (NOT_SEEN, NOT_SEEN, FORK, FORK, FORK),
    ),
    Forgery(
        "anchor-too",
        "... and the anchor forged as well",
        _anchor_too,
        (NOT_SEEN, NOT_SEEN, FORK, FORK, NOT_SEEN),
    ),
)
