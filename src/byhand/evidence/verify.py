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

from byhand import clock
from byhand.errors import BadSignature, MalformedProof, Unsound
from byhand.evidence.policy import Policy
from byhand.evidence.report import Report, found
from byhand.evidence.sources import KeptLookups, KeptTree, LogSource
from byhand.evidence.tree_check import TreeCheck
from byhand.log import checkpoint as checkpoints, note as notes, witness
from byhand.log.checkpoint import Checkpoint
from byhand.log.keys import VerifierKey

TIME_AHEAD_SECONDS_MAX = 300  # as for clients: a clock further off is a fault to be looked at
UNSIGNED_ENTRIES_MAX = 1 << 20  # of a log without end whose size nobody signed: some minutes over a fast line


@dataclass(frozen=True, slots=True)
class Remembered:
    """A checkpoint seen earlier, and where: ``known_logs``, ``--since FILE``, ``the anchor``, ``a receipt``."""

    place: str
    note: bytes
    independent: str
    """How this adds independence, for the report, e.g. ``remembered checkpoint``."""


def covering(one: Remembered, size: int) -> str:
    """What one agreeing memory adds to independence: nothing beyond its own size."""
    return f"{one.independent} (size {size})"


def verify_log(
    source: LogSource,
    target: str,
    *,
    policy: Policy | None,
    now: str,
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
    may be ahead of its checkpoint, and ``lookups`` what it finds entries by. ``now`` is the verifier's time.
    """
    report = Report(target)
    keys = policy.keys if policy is not None else tuple(claimed_keys)
    report.origin = policy.origin if policy is not None else claimed_origin
    report.authenticated = policy is not None  # 0
    shown = _Shown.of(source, report, keys, policy, now)  # 1
    signed = shown.checkpoint
    old = _opened(remembered, report, keys)
    size = max(kept.size if kept is not None else 0, signed.size if signed is not None else 0)
    whole = shown.signed or not source.endless or size <= UNSIGNED_ENTRIES_MAX
    wanted = {one.size for _, one in old} | ({signed.size} if signed is not None else set())
    late = clock.after(now, seconds=TIME_AHEAD_SECONDS_MAX)
    check = TreeCheck(
        source,
        report,
        size if whole else UNSIGNED_ENTRIES_MAX,
        payloads=source.shows_payloads(size),
        lookups=lookups,
        wanted=frozenset(wanted),
        whole=whole,
        late=late,
        progress=progress,
    )
    root = check.run()  # 3, 4, 5
    if not check.payloads:
        report.notes.append("sealed payloads are not shown here: whether they are kept was not looked at")
    report.size = size = check.edge.size
    check.roots[size] = root
    if kept is not None and check.tree != (kept.size, kept.edge, kept.recorded, kept.administration):  # 6
        report.add(found("tree.altered", "the tree's row", "is not the one that the entries give"))
    if not whole:
        report.notes.append(
            f"only the first {size} entries were looked at: nobody vouches that there are more"
        )
    elif signed is not None:
        _compare(report, signed, check.roots)  # 3
    for place, checkpoint in old:
        _compare_remembered(report, place, checkpoint, check.roots, size)  # 2
        if kept is not None and signed is not None:
            _compare_published(report, signed, place, checkpoint, size)
    _say_independence(report, old)
    report.counts["entries"] = size
    return report


@dataclass(frozen=True, slots=True)
class _Shown:
    """The checkpoint as the log shows it, and whether a key that counts for this check signed it."""

    checkpoint: Checkpoint | None
    signed: bool = False

    @classmethod
    def of(
        cls,
        source: LogSource,
        report: Report,
        keys: Sequence[VerifierKey],
        policy: Policy | None,
        now: str,
    ) -> _Shown:
        data = source.checkpoint()
        if data is None:
            report.add(found("checkpoint.missing", "checkpoint", "there is none"))
            return cls(None)
        try:
            claimed = checkpoints.parse(notes.parse(data).text)
        except MalformedProof as error:
            report.add(found("checkpoint.forged", "checkpoint", str(error)))
            return cls(None)
        if claimed.origin != report.origin:
            what = f"is of {claimed.origin}, not of {report.origin}"
            report.add(found("checkpoint.origin", "checkpoint", what))
            return cls(None)
        if not keys:  # nothing to compare the signature with: what follows is checked against the claim
            return cls(claimed)
        opened = checkpoints.open_checkpoint if policy is not None else checkpoints.open_earlier
        try:
            opened(data, report.origin, keys)
        except Unsound as error:
            named = any(one.name == report.origin for one in notes.parse(data).signatures)
            code = "key.changed" if named and not _same_key(data, keys) else "checkpoint.forged"
            report.add(found(code, "checkpoint", str(error)))
            return cls(claimed)
        if policy is not None:
            check_witnesses(report, data, policy, now)
        return cls(claimed, signed=True)


def _same_key(data: bytes, keys: Sequence[VerifierKey]) -> bool:
    known = {key.key_id for key in keys}
    return any(one.key_id in known for one in notes.parse(data).signatures)


def check_witnesses(report: Report, data: bytes, policy: Policy, now: str) -> None:
    """Whether as many of the policy's witnesses as it demands have signed the checkpoint in ``data``."""
    if not policy.witnesses:
        return
    note = notes.parse(data)
    known = {(key.name, key.key_id) for key in policy.witnesses}
    names: set[str] = set()
    if any((one.name, one.key_id) in known for one in note.signatures):
        try:
            for one in notes.verify(note, policy.witnesses):
                witness.check_time(one, now=int(clock.parse(now).timestamp()))
                names.add(one.key.name)
        except Unsound as error:
            report.add(found("cosignature.broken", "checkpoint", str(error)))
            return
    if len(names) < policy.witnesses_min:
        what = f"{len(names)} of {policy.witnesses_min} witnesses signed"
        report.add(found("cosignature.broken", "checkpoint", what))
    elif names:
        report.independence.append(f"witnessed by {len(names)}")


def _opened(
    remembered: Sequence[Remembered], report: Report, keys: Sequence[VerifierKey]
) -> list[tuple[Remembered, Checkpoint]]:
    """What was seen earlier, as far as it is this log's; without any key a note counts as its bringer's word."""
    opened = []
    for one in remembered:
        try:
            if keys:
                checkpoint = checkpoints.open_earlier(one.note, report.origin, keys).checkpoint
            else:
                checkpoint = checkpoints.parse(notes.parse(one.note).text)
                if checkpoint.origin != report.origin:
                    raise BadSignature(f"this is a checkpoint of {checkpoint.origin}")
        except Unsound as error:
            report.add(found("checkpoint.origin", one.place, f"is no checkpoint of this log: {error}"))
        else:
            opened.append((one, checkpoint))
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


def _compare_published(
    report: Report, signed: Checkpoint, remembered: Remembered, checkpoint: Checkpoint, size: int
) -> None:
    """A store that holds more than it shows a checkpoint of has had an older one put back, or crashed."""
    if signed.size < checkpoint.size <= size:
        what = f"is of {signed.size} entries; one of {checkpoint.size} was seen ({remembered.place})"
        report.add(found("checkpoint.replayed", "checkpoint", what))


def _say_independence(report: Report, old: Sequence[tuple[Remembered, Checkpoint]]) -> None:
    """Each memory that agrees, and how many entries it covers."""
    contradicted = {finding.where for finding in report.findings}
    for one, checkpoint in old:
        if one.place not in contradicted:
            report.independence.append(covering(one, checkpoint.size))
    if not report.independence:
        report.independence.append("self-signed")
