# SPDX-License-Identifier: Apache-2.0
"""``byhand verify``: finds out what it was pointed at, and brings what the verifier knows by itself to the check.

Opens homes read-only; never writes to what it checks. A home in use is read as of one moment, and what the
verifier knows of it (memory, anchor) is read before that moment: it can only be older.
"""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from byhand import clock, wiring
from byhand.anchor.contract import Anchored
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.errors import ByhandError, HomeRefused, Invalid, LogUnavailable, NotFound, Unsound
from byhand.evidence.bundle import BUNDLE_BYTES_MAX, read_bundle
from byhand.evidence.bundle_check import verify_bundle
from byhand.evidence.payload_check import check_payloads
from byhand.evidence.policy import Policy, parse_policy
from byhand.evidence.records_check import RecordsCheck
from byhand.evidence.report import Found, Report, found
from byhand.evidence.sources import CHECKPOINT_NAME, FilesSource, HomeSource, LogSource, Prover, UrlSource
from byhand.evidence.verify import Remembered, verify_log
from byhand.journal.tree import StoredTree
from byhand.log import checkpoint as checkpoints, note as notes, proof as proofs, tiles
from byhand.log.keys import VerifierKey

Progress = Callable[[int], None]
NOTE_FILE_BYTES_MAX = 1024 * 1024  # a checkpoint or a proof file
PUBLISHING_SECONDS_MAX = 1.0  # between anchoring and publishing a log in use takes milliseconds
PUBLISHING_WAIT_SECONDS = 0.05
PUBLIC_ONLY = "sound as far as the public log goes"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the verifier brings: policy file, remembered logs, an older checkpoint or receipt, local anchors.

    ``against`` names a log that leads from a bundle's checkpoint to a remembered one, or the other way; ``home``
    is asked for the same when it is there and of that log. Neither is believed: what they show is verified.
    """

    policy: Path | None = None
    since: Path | None = None
    known_logs: Path | None = None
    use_known_logs: bool = True
    use_anchor: bool = True
    against: str | None = None
    home: Path | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def of(self, origin: str) -> tuple[Policy | None, list[Remembered]]:
        """What is known of the log ``origin``; raises Invalid when a file of the verifier's own is broken."""
        remembered: list[Remembered] = []
        policy = self._from_file(origin)
        if self.use_known_logs:
            known = KnownLogs(self.known_logs or known_logs_path(self.environment)).get(origin)
            if known is not None:
                policy = policy or Policy(origin, known.verifier_keys(), known.officers, source="known_logs")
                if known.checkpoint is not None:
                    note = known.checkpoint.encode()
                    remembered.append(Remembered("known_logs", note, "remembered checkpoint"))
        if self.since is not None:
            remembered.append(Remembered(str(self.since), read_note(self.since), "remembered checkpoint"))
        return policy, remembered

    def _from_file(self, origin: str) -> Policy | None:
        if self.policy is None:
            return None
        try:
            text = self.policy.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"the policy {self.policy} cannot be read: {error}") from error
        logs = parse_policy(text, name=str(self.policy)).logs
        if origin not in logs:
            raise Invalid(
                f"the policy {self.policy} does not name the log {origin}",
                advice=f"It names {', '.join(logs)}.",
            )
        return logs[origin]


def read_note(path: Path) -> bytes:
    """The signed checkpoint in a file, or the one inside a ``.tlog-proof`` receipt; raises Invalid for any other.

    The file is the verifier's own: a wrong one says nothing about the log.
    """
    try:
        with path.open("rb") as file:
            data = file.read(NOTE_FILE_BYTES_MAX)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from error
    try:
        note = proofs.parse(data).checkpoint if data.startswith(proofs.HEADER.encode()) else data
        checkpoints.parse(notes.parse(note).text)
    except Unsound as error:
        raise Invalid(
            f"{path} is neither a signed checkpoint nor a .tlog-proof: {error}",
            advice="Name what `byhand log checkpoint` printed, or a receipt's proof.",
        ) from error
    return note


def verify_target(target: str, knowledge: Knowledge, *, progress: Progress = lambda done: None) -> Report:
    """Verify a home, a tlog-tiles folder, a URL or an evidence bundle; raises Invalid, LogUnavailable."""
    scheme, separator, _ = target.partition("://")
    if separator and scheme.lower() not in ("https", "http"):
        raise Invalid(f"a log cannot be read by {scheme}", advice="Name an https:// or http:// URL.")
    if separator:
        return _verify_url(target, knowledge, progress)
    path = Path(target).expanduser()
    if (path / wiring.LOG_FILE).is_file():
        return verify_home(path, knowledge, progress=progress)
    if (path / CHECKPOINT_NAME).is_file():
        return _verify_files(FilesSource(str(path)), target, knowledge, progress)
    if path.is_file() and zipfile.is_zipfile(path):
        return _verify_bundle(path, knowledge)
    if not path.exists():
        raise Invalid(
            f"there is nothing at {target}", advice="Name a home, a folder, a URL or an evidence bundle."
        )
    raise Invalid(f"{target} is no home, no log folder and no evidence bundle")


def _verify_url(url: str, knowledge: Knowledge, progress: Progress) -> Report:
    source = UrlSource(url)
    try:
        if source.checkpoint() is None and source.read(tiles.entries_path(0, tiles.TILE_WIDTH)) is None:
            raise Invalid(
                f"there is no log at {url}", advice="Name the URL under which its checkpoint is served."
            )
        return _verify_files(source, url, knowledge, progress)
    except NotFound as error:
        advice = "Nothing is known of the log. Try again, or verify a folder: byhand log export"
        raise LogUnavailable(str(error), advice=advice) from error


def _verify_bundle(path: Path, knowledge: Knowledge) -> Report:
    if path.stat().st_size > BUNDLE_BYTES_MAX:
        raise Invalid(f"{path} is larger than {BUNDLE_BYTES_MAX} bytes")
    try:
        bundle = read_bundle(path.read_bytes())
    except Unsound as error:
        report = Report(str(path))
        report.add(found("bundle.malformed", str(path), str(error)))
        return report
    policy, remembered = knowledge.of(bundle.origin)
    with _prover(knowledge, bundle.origin) as prover:
        return verify_bundle(
            bundle, str(path), policy=policy, now=clock.now(), remembered=remembered, prover=prover
        )


@contextmanager
def _prover(knowledge: Knowledge, origin: str) -> Iterator[Prover | None]:
    """The log named by ``against``, else the home where there is one of this log; raises NotFound, Invalid."""
    place = knowledge.against or (str(knowledge.home) if knowledge.home is not None else "")
    path = Path(place).expanduser()
    if (path / wiring.LOG_FILE).is_file():
        try:
            with wiring.read_home(path, environment=knowledge.environment) as home:
                if home.origin == origin or knowledge.against:
                    home.entries.hold()
                    source = HomeSource(home.entries)
                    yield Prover(place, source.row.size, source)
                    return
        except LogUnavailable:
            if knowledge.against:
                raise
    elif knowledge.against:
        files = UrlSource(place) if place.startswith(("https://", "http://")) else FilesSource(place)
        data = files.checkpoint()
        if data is None:
            raise NotFound(f"there is no log at {place}", advice="Name a home, a folder or a URL.")
        yield Prover(place, checkpoints.parse(notes.parse(data).text).size, files)
        return
    yield None


def _claimed(source: LogSource) -> str:
    """The origin that a log claims for itself; empty when it shows no checkpoint that can be read."""
    data = source.checkpoint()
    if data is None:
        return ""
    try:
        return checkpoints.parse(notes.parse(data).text).origin
    except Unsound:
        return ""


def _verify_files(source: FilesSource, target: str, knowledge: Knowledge, progress: Progress) -> Report:
    """A folder or URL brings no keys of its own: without the verifier's knowledge only its form can be checked."""
    origin = _claimed(source)
    policy, remembered = knowledge.of(origin) if origin else (None, [])
    report = verify_log(
        source,
        target,
        policy=policy,
        now=clock.now(),
        claimed_origin=origin,
        remembered=remembered,
        progress=progress,
    )
    extra = source.strangers(report.size)
    if extra:
        report.notes.append(
            f"{len(extra)} file(s) here are no part of the log as its checkpoint has it: {extra[0]} ..."
        )
    report.notes.append("payloads are sealed: what persons wrote and signed was not looked at")
    return report


def verify_home(path: Path, knowledge: Knowledge, *, progress: Progress = lambda done: None) -> Report:
    """Verify a home: the public log, the store's own edge, the anchor, and what its keys open."""
    try:
        wiring.check_home(path)
    except HomeRefused as error:
        report = Report(str(path))
        report.add(found("store.altered", str(path), str(error)))
        return report
    with wiring.read_home(path, environment=knowledge.environment) as home:
        policy, remembered = knowledge.of(home.origin)
        anchored, complaints = _hold(home, knowledge)
        if anchored is not None:
            remembered.append(Remembered("the anchor", anchored.note, "anchored on this machine"))
        source = HomeSource(home.entries)
        claimed: tuple[VerifierKey, ...] = home.key.verifiers if home.key is not None else ()
        report = verify_log(
            source,
            str(path),
            policy=policy,
            now=clock.now(),
            claimed_keys=claimed,
            claimed_origin=home.origin,
            remembered=remembered,
            kept=source.row,
            lookups=home.entries,
            progress=progress,
        )
        for complaint in complaints:
            report.add(complaint)
        _check_records(home, source, policy, report, progress)
        if policy is None and claimed:
            report.notes.append(f"the log's key, as it claims it: {claimed[0].encode()}")
        return report


def _check_records(
    home: wiring.ReadHome, source: HomeSource, policy: Policy | None, report: Report, progress: Progress
) -> None:
    """What the records say, as far as there are keys to open them with."""
    if home.keys_refused is not None:
        report.add(found("keys.unreadable", "the key store", home.keys_refused))
    if home.vault is None:
        report.reserve(PUBLIC_ONLY)
        report.notes.append("the key store is not here: payloads were not opened")
        return
    check = RecordsCheck(report, home.origin, policy.officers if policy is not None else None)
    try:
        check_payloads(
            source, home.vault, check, report, report.size, lookups=home.entries, progress=progress
        )
    except LogUnavailable as error:
        report.add(found("keys.unreadable", "the key store", str(error)))
    _check_seen_trees(home, check, report)
    if check.keyring is not None and (policy is None or policy.officers is None):
        report.notes.append(
            f"officers' fingerprint, as the log claims it: {check.keyring.officers_fingerprint}"
        )


def _check_seen_trees(home: wiring.ReadHome, check: RecordsCheck, report: Report) -> None:
    """What each approver had seen of the log before signing is a beginning of it."""
    for index, size, root in check.seen_trees:
        try:
            agrees = StoredTree(home.entries, home.entries.tree()).root(size).hex() == root
        except ByhandError:  # a tile or the tree's row is gone: the tree check has named it
            agrees = False
        if not agrees:
            what = f"the {size} entries that its signer had seen are not the first ones of this log"
            report.add(found("log.forked", f"entry {index}", what))


def _hold(home: wiring.ReadHome, knowledge: Knowledge) -> tuple[Anchored | None, list[Found]]:
    """Read the anchor, then the home as of one moment after it.

    A log in use anchors a checkpoint and publishes it a moment later: that moment is waited for.
    """
    if not knowledge.use_anchor:
        home.entries.hold()
        return None, []
    ends = time.monotonic() + PUBLISHING_SECONDS_MAX
    while True:
        try:
            anchored = home.anchor.read()
        except LogUnavailable as error:
            home.entries.hold()
            return None, [found("anchor.damaged", "the anchor", str(error))]
        home.entries.hold()
        published = home.entries.published()
        settled = anchored is None or not 0 < _size(published) < _size(anchored.note)
        if settled or time.monotonic() > ends:
            return anchored, _complaints(home, anchored, published)
        home.entries.release()
        time.sleep(PUBLISHING_WAIT_SECONDS)


def _size(note: bytes | None) -> int:
    """The size that a note speaks of; 0 where it cannot be read, which the check itself names."""
    try:
        return checkpoints.parse(notes.parse(note or b"").text).size
    except Unsound:
        return 0


def _complaints(home: wiring.ReadHome, anchored: Anchored | None, published: bytes | None) -> list[Found]:
    """Whether this very folder is the one that may speak for the log."""
    if anchored is None:
        what = f"{home.origin} was never anchored here, or no more"
        return [found("anchor.missing", "the anchor", what)] if published is not None else []
    if anchored.home != wiring.home_identity(home.path):
        return [found("home.copy", str(home.path), f"the anchor belongs to {anchored.home}")]
    return []
