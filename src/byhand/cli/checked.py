# SPDX-License-Identifier: Apache-2.0
"""What somebody is about to sign, checked on this side: nothing that a server merely says is signed.

1  the evidence of the intent is fetched, and verified as a stranger would: its entry is recomputed from what is
   shown, stands under a signed checkpoint, and that extends the one remembered of this log
2  place, leaf hash, requirement, policy and until when it is good are taken from there, and are what the server says
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from byhand import clock
from byhand.cli.opened import Opened
from byhand.client.contract import Approvals
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.errors import Refused, Unsound
from byhand.evidence.bundle import Bundle, read_bundle
from byhand.evidence.bundle_check import verify_bundle
from byhand.log import checkpoint as checkpoints, merkle
from byhand.log.checkpoint import Checkpoint
from byhand.records import captured, codec
from byhand.records.kinds import Intent
from byhand.records.payload import BODY
from byhand.trust import facts as facts_of
from byhand.trust.quorum import About


@dataclass(frozen=True, slots=True)
class Checked:
    """An intent that was verified here, and the checkpoint under which it was."""

    intent: Intent
    about: Approvals
    seen: Checkpoint

    def lines(self) -> list[str]:
        """What the person reads before signing."""
        declared, target = self.intent.declaration, self.intent.target
        change, why, about = self.intent.declaration.change, declared.justification, self.about
        left = max(0, round((clock.parse(about.expires) - clock.parse(clock.now())).total_seconds()))
        return [
            f"intervention {self.intent.id}",
            f"  who      {declared.person}" + (f" via {declared.via.id}" if declared.via else ""),
            f"  what     {declared.action}",
            f"  where    {facts_of.place(self.intent)} ({target.environment})",
            f"  risk     {target.tier}",
            f"  before   {captured.render(change.original)}",
            f"  after    {captured.render(change.new)}",
            *([f"  until    {change.effective_until}"] if change.effective_until else []),
            *([f"  command  SHA-256 {change.command}"] if change.command else []),
            f"  why      {why.code}: {why.text}" if why is not None else "  why      nothing was said",
            f"  needs    {about.approvals_needed} approval(s), {about.approvals_given} given"
            + (f"; roles {', '.join(about.approvers)}" if about.approvers else ""),
            f"  lapses   {about.expires}, in {left // 60} min {left % 60} s",
            f"  signed   entry {about.intent_index}, leaf {about.intent_leaf}",
        ]


def checked(one: Opened, text: str, reason: str | None = None) -> Checked:
    """The intent that ``text`` names, verified; raises Refused when what is shown does not hold."""
    from byhand.verifying import Knowledge

    found = one.desk.resolve(text)
    policy, remembered = Knowledge().of(one.origin)
    data = one.desk.evidence(found, reason=reason, since=_known(one.origin))
    try:
        bundle = read_bundle(data)
        report = verify_bundle(bundle, found, policy=policy, now=clock.now(), remembered=remembered)  # 1
        if not report.sound or bundle.intervention != found:
            told = "; ".join(f"{one.code}: {one.what}" for one in report.findings) or report.verdict
            raise Refused(f"what is shown of {found} does not hold: {told}", advice="Sign nothing.")
        about, seen = _about(bundle), _seen(bundle)
    except Unsound as error:
        raise Refused(f"what is shown of {found} does not hold: {error}", advice="Sign nothing.") from error
    said = one.desk.approvals(found)
    until = about.intent.declaration.expires
    mine = (about.index, about.leaf, about.needs.digest, about.policy, about.origin, until)
    asked = (said.intent_index, said.intent_leaf, said.requirement, said.policy, said.origin, said.expires)
    if mine != asked:  # 2
        raise Refused(
            "the server asks for a signature over something else than it shows", advice="Sign nothing."
        )
    return Checked(about.intent, said, seen)


def _known(origin: str) -> tuple[bytes, ...]:
    known = KnownLogs(known_logs_path(os.environ)).get(origin)
    return (known.checkpoint.encode(),) if known is not None and known.checkpoint is not None else ()


def _seen(bundle: Bundle) -> Checkpoint:
    from byhand.log import note as notes

    return checkpoints.parse(notes.parse(bundle.checkpoint).text)


def _about(bundle: Bundle) -> About:
    first = bundle.intervention_entries[0]
    entry = bundle.entries[first]
    bodies = [section.content for section in entry.sections if section.name == BODY]
    record = codec.decode(bodies[0]) if bodies and bodies[0] is not None else None
    if not isinstance(record, Intent):
        raise Unsound("its first entry is no intent")
    leaf = merkle.leaf_hash(entry.leaf).hex()
    return About(bundle.origin, record, first, leaf, facts_of.needs(record))


def fingerprint(statement: str) -> str:
    """SHA-256 (hex) of a signed statement's text, to compare over another channel."""
    return hashlib.sha256(statement.encode()).hexdigest()
