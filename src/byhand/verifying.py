# SPDX-License-Identifier: Apache-2.0
"""``byhand verify``: finds out what it was pointed at, and brings what the verifier knows by itself to the check.

Opens homes read-only; never writes to what it checks.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from byhand import wiring
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.errors import Invalid, NotFound, Unsound
from byhand.evidence.bundle import BUNDLE_BYTES_MAX, read_bundle
from byhand.evidence.bundle_check import verify_bundle
from byhand.evidence.payload_check import check_payloads
from byhand.evidence.policy import Policy, parse_policy
from byhand.evidence.records_check import RecordsCheck
from byhand.evidence.report import Report, found
from byhand.evidence.sources import CHECKPOINT_NAME, FilesSource, HomeSource, LogSource, UrlSource
from byhand.evidence.verify import Remembered, verify_log
from byhand.log import checkpoint as checkpoints, note as notes, proof as proofs
from byhand.log.keys import VerifierKey

Progress = Callable[[int], None]
SINCE_BYTES_MAX = 1024 * 1024  # a checkpoint or a proof file


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the verifier brings: policy file, remembered logs, an older checkpoint or receipt, local anchors."""

    policy: Path | None = None
    since: Path | None = None
    known_logs: Path | None = None
    use_known_logs: bool = True
    use_anchor: bool = True
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
            remembered.append(Remembered(str(self.since), _since(self.since), "remembered checkpoint"))
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


def _since(path: Path) -> bytes:
    """A signed checkpoint, or the one inside a ``.tlog-proof`` receipt."""
    try:
        data = path.read_bytes()[:SINCE_BYTES_MAX]
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from error
    if data.startswith(proofs.HEADER.encode()):
        return proofs.parse(data).checkpoint
    return data


def verify_target(target: str, knowledge: Knowledge, *, progress: Progress = lambda done: None) -> Report:
    """Verify a home, a tlog-tiles folder, a URL or an evidence bundle; raises NotFound, Invalid."""
    if target.startswith(("https://", "http://")):
        return _verify_files(UrlSource(target), target, knowledge, progress)
    path = Path(target).expanduser()
    if (path / wiring.LOG_FILE).is_file():
        return verify_home(path, knowledge, progress=progress)
    if (path / CHECKPOINT_NAME).is_file():
        return _verify_files(FilesSource(str(path)), target, knowledge, progress)
    if path.is_file() and zipfile.is_zipfile(path):
        return _verify_bundle(path, knowledge)
    if not path.exists():
        raise NotFound(
            f"there is nothing at {target}", advice="Name a home, a folder, a URL or an evidence bundle."
        )
    raise Invalid(f"{target} is no home, no log folder and no evidence bundle")


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
    return verify_bundle(bundle, str(path), policy=policy, remembered=remembered)


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
        source, target, policy=policy, claimed_origin=origin, remembered=remembered, progress=progress
    )
    report.notes.append("payloads are sealed: what persons wrote and signed was not looked at")
    return report


def verify_home(path: Path, knowledge: Knowledge, *, progress: Progress = lambda done: None) -> Report:
    """Verify a home: the public log, the store's own edge, the anchor, and what its keys open."""
    with wiring.read_home(path, environment=knowledge.environment) as home:
        source = HomeSource(home.entries)
        policy, remembered = knowledge.of(home.origin)
        anchor = _anchor(home, knowledge)
        if anchor is not None:
            remembered.append(anchor)
        claimed: tuple[VerifierKey, ...] = home.key.verifiers if home.key is not None else ()
        report = verify_log(
            source,
            str(path),
            policy=policy,
            claimed_keys=claimed,
            claimed_origin=home.origin,
            remembered=remembered,
            kept=source.row,
            lookups=home.entries,
            progress=progress,
        )
        _check_home(home, knowledge, report)
        if home.vault is not None:
            check = RecordsCheck(report, home.origin, policy.officers if policy is not None else None)
            check_payloads(
                source, home.vault, check, report, report.size, lookups=home.entries, progress=progress
            )
            if check.keyring is not None and (policy is None or policy.officers is None):
                report.notes.append(
                    f"officers' fingerprint, as the log claims it: {check.keyring.officers_fingerprint}"
                )
        else:
            report.notes.append("the key store is not here: payloads were not opened")
        if policy is None and claimed:
            report.notes.append(f"the log's key, as it claims it: {claimed[0].encode()}")
        return report


def _anchor(home: wiring.ReadHome, knowledge: Knowledge) -> Remembered | None:
    if not knowledge.use_anchor:
        return None
    anchored = home.anchor.read()
    return Remembered("the anchor", anchored.note, "anchored elsewhere") if anchored is not None else None


def _check_home(home: wiring.ReadHome, knowledge: Knowledge, report: Report) -> None:
    """Whether this very folder is the one that may speak for the log."""
    anchored = home.anchor.read() if knowledge.use_anchor else None
    if anchored is None:
        report.notes.append("this log was never anchored on this machine, or the anchor was not asked")
    elif anchored.home != wiring.home_identity(home.path):
        what = f"the anchor belongs to {anchored.home}"
        report.add(found("home.copy", str(home.path), what))
