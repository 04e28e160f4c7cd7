# SPDX-License-Identifier: Apache-2.0
"""Is this log what it was? Collects everything that speaks against it, and says how independent the check was.

The proof, for a whole log (the code below carries the same numbers):

    0  whose log it is comes from the verifier: its policy file, or the logs it remembers
    1  the checkpoint is of this log and signed by its keys
    2  nothing that was seen of this log before is contradicted: not larger, not another history
    3  every entry hashes to its tile, the tiles to the root, and that root is the signed one
    4  every entry follows its chain's previous one, and recorded time never goes back
    5  every sealed payload is the one that its entry names
    6  the store's own tree, chain heads and names are the ones its entries give (homes)
    7  what can be opened opens to what was committed to, and is sound in itself: ``records_check``

Who is trusted: the verifier's own files and this program. Nothing that the log says about itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from byhand.errors import BadSignature, MalformedProof, Unsound
from byhand.evidence.policy import Policy
from byhand.evidence.report import Report, found
from byhand.evidence.sources import KeptLookups, KeptTree, LogSource
from byhand.evidence.tree_check import TreeCheck
from byhand.log import checkpoint as checkpoints, note as notes
from byhand.log.checkpoint import Checkpoint
from byhand.log.keys import ED25519_COSIGNATURE, VerifierKey

NO_CHECKPOINT_SIZE = 0


@dataclass(frozen=True, slots=True)
class Remembered:
    """A checkpoint seen earlier, and where: ``known_logs``, ``--since FILE``, ``the anchor``, ``a receipt``."""

    place: str
    note: bytes
    independent: str
    """How this adds independence, for the report, e.g. ``remembered checkpoint``."""


def verify_log(
    source: LogSource,
    target: str,
    *,
    policy: Policy | None,
    claimed_keys: Sequence[VerifierKey] = (),
    claimed_origin: str = "",
    remembered: Sequence[Remembered] = (),
    kept: KeptTree | None = None,
    lookups: KeptLookups | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Check the log in ``source``.

    ``policy`` is what the verifier knows by itself; without one the keys that the log claims (``claimed_*``) are
    used to look for contradictions, and the report stays unauthenticated. ``kept`` is the store's own tree, which
    may be ahead of its checkpoint, and ``lookups`` what it finds entries by.
    """
    report = Report(target)
    keys = policy.keys if policy is not None else tuple(claimed_keys)
    report.origin = policy.origin if policy is not None else claimed_origin
    report.authenticated = policy is not None  # 0
    signed = _signed(source, report, keys, policy)  # 1
    old = _opened(remembered, report, keys)
    size = max(kept.size if kept is not None else 0, signed.size if signed is not None else 0)
    wanted = {one.size for _, one in old} | ({signed.size} if signed is not None else set())
    check = TreeCheck(source, report, size, lookups=lookups, wanted=frozenset(wanted), progress=progress)
    root = check.run()  # 3, 4, 5
    report.size = size = check.edge.size
    check.roots[size] = root
    if kept is not None and check.tree != (kept.size, kept.edge, kept.recorded, kept.administration):  # 6
        report.add(found("tree.altered", "the tree's row", "is not the one that the entries give"))
    if signed is not None:
        _compare(report, signed, check.roots)  # 3
    for place, checkpoint in old:
        _compare_remembered(report, place, checkpoint, check.roots, size)  # 2
    _say_independence(report, remembered, old)
    report.counts["entries"] = size
    return report


def _signed(
    source: LogSource, report: Report, keys: Sequence[VerifierKey], policy: Policy | None
) -> Checkpoint | None:
    """The checkpoint as the log shows it, once its signatures hold."""
    data = source.checkpoint()
    if data is None:
        report.add(found("checkpoint.missing", "checkpoint", "there is none"))
        return None
    try:
        claimed = checkpoints.parse(notes.parse(data).text)
    except MalformedProof as error:
        report.add(found("checkpoint.forged", "checkpoint", str(error)))
        return None
    if claimed.origin != report.origin:
        report.add(
            found("checkpoint.origin", "checkpoint", f"is of {claimed.origin}, not of {report.origin}")
        )
        return None
    try:
        opened = checkpoints.open_checkpoint(data, report.origin, keys)
    except BadSignature as error:
        named = any(one.name == report.origin for one in notes.parse(data).signatures)
        code = "key.changed" if named and not _same_key(data, keys) else "checkpoint.forged"
        report.add(found(code, "checkpoint", str(error)))
        return None if source.endless else claimed
    if policy is not None:
        _check_witnesses(report, data, policy)
    return opened.checkpoint


def _same_key(data: bytes, keys: Sequence[VerifierKey]) -> bool:
    known = {key.key_id for key in keys}
    return any(one.key_id in known for one in notes.parse(data).signatures)


def _check_witnesses(report: Report, data: bytes, policy: Policy) -> None:
    if not policy.witnesses:
        return
    try:
        verified = notes.verify(notes.parse(data), policy.witnesses)
    except BadSignature as error:
        report.add(found("cosignature.broken", "checkpoint", str(error)))
        return
    names = {one.key.name for one in verified if one.key.kind >= ED25519_COSIGNATURE}
    if len(names) < policy.witnesses_min:
        what = f"{len(names)} of {policy.witnesses_min} witnesses signed"
        report.add(found("cosignature.broken", "checkpoint", what))
    elif names:
        report.independence.append(f"witnessed by {len(names)}")


def _opened(
    remembered: Sequence[Remembered], report: Report, keys: Sequence[VerifierKey]
) -> list[tuple[Remembered, Checkpoint]]:
    opened = []
    for one in remembered:
        try:
            opened.append((one, checkpoints.open_checkpoint(one.note, report.origin, keys).checkpoint))
        except Unsound as error:
            report.add(found("checkpoint.origin", one.place, f"is no checkpoint of this log: {error}"))
    return opened


def _compare(report: Report, signed: Checkpoint, roots: dict[int, bytes]) -> None:
    root = roots.get(signed.size)
    if root is None:
        what = f"{signed.size} entries were signed; there are fewer"
        report.add(found("log.rolled_back", "checkpoint", what))
    elif root != signed.root:
        what = f"the first {signed.size} entries do not have the signed root"
        report.add(found("checkpoint.mismatch", "checkpoint", what))


def _compare_remembered(
    report: Report, remembered: Remembered, checkpoint: Checkpoint, roots: dict[int, bytes], size: int
) -> None:
    if checkpoint.size > size:
        what = f"{checkpoint.size} entries were seen ({remembered.place}), now there are {size}"
        report.add(found("log.rolled_back", remembered.place, what))
    elif roots.get(checkpoint.size) != checkpoint.root:
        what = f"the first {checkpoint.size} entries are not the ones seen before"
        report.add(found("log.forked", remembered.place, what))


def _say_independence(
    report: Report, remembered: Sequence[Remembered], old: Sequence[tuple[Remembered, Checkpoint]]
) -> None:
    agreeing = {one.place for one, _ in old} - {finding.where for finding in report.findings}
    for one in remembered:
        if one.place in agreeing and one.independent not in report.independence:
            report.independence.append(one.independent)
    if not report.independence:
        report.independence.append("self-signed")
