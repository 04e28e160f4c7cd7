# SPDX-License-Identifier: Apache-2.0
"""What may be spooled, and what a spooled act must show: the same for client, gate and verifier.

    1  the line is its person's own: their statement covers exactly its content (``checks.check_spooled``)
    2  the risk is low or medium: by what the client knew, and by the point registered where the records stand
    3  what the client knew of the point was not older than ``VIEW_SECONDS_MAX`` when it acted, nor of the future
    4  the act began before its declaration expired
    5  nobody else had to approve it
    6  it was not done in the future: the line's time is at most ``CLOCK_SKEW_SECONDS_MAX`` after its record's
    7  no glass was broken, which others have to hear of at once, and no runbook followed, whose uses the log counts

A line of a spool that breaks one of them becomes no intervention: it is recorded as a finding, since it happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from byhand.errors import NotPermitted
from byhand.records.intervention import Declaration, Spooled, Tier
from byhand.records.kinds import Finding, Intent, Outcome
from byhand.signatures import dsse
from byhand.trust.statements import Spooled as Statement, parse

TIERS: frozenset[Tier] = frozenset({"low", "medium"})
"""High and critical risk is never spooled: nobody else would have seen it before it happened."""
VIEW_SECONDS_MAX = 8 * 3_600  # a shift: whoever has not met the server for longer may not know what changed
CLOCK_SKEW_SECONDS_MAX = 300  # as at the gate: clocks of machines that were not synchronised in an outage
LATE_SECONDS = (
    86_400  # a day: an outage through which people work is shorter; later lines are marked for ever
)
SPOOLED, LATE = "spooled", "late"
PATH = "spool"

REFUSED, GAP, FORK, MACHINE, ORDER, TOLD = (
    "spool_refused",
    "spool_gap",
    "spool_fork",
    "spool_machine",
    "spool_order",
    "spool_told",
)
VERDICTS = frozenset({REFUSED, GAP, FORK, MACHINE, ORDER, TOLD})
"""What is found about lines; references: the line's hash, and the name of its place if the finding took it."""
LINE_CLAIMS = "spool:"


def line_claim(statement: Statement, *, before: int = 0) -> str:
    """The name that a line takes in the log, or that the line ``before`` it took: one place, one line.

    The person is part of it: nobody can take the places of another's spool.
    """
    spool = hashlib.sha256(f"{statement.person}\n{statement.spool}".encode()).hexdigest()
    return f"{LINE_CLAIMS}{spool}:{statement.sequence - before}"


def finding_claim(line: str, verdict: str) -> str:
    """The name that a finding about a line takes in the log: a line sent again is found out once."""
    return f"spool-finding:{line}:{verdict}"


def claims_of_finding(finding: Finding) -> tuple[str, ...]:
    """The names that ``finding`` took: none when it is not about a line of a spool."""
    if finding.verdict not in VERDICTS or not finding.references:
        return ()
    line, *claimed = finding.references
    return (finding_claim(line, finding.verdict), *claimed)


def claim_of_record(record: Intent | Outcome) -> str | None:
    """The name that a record made from a line took, if its place was free; ``None`` when it was not spooled."""
    if record.statement is None or (isinstance(record, Intent) and record.spooled is None):
        return None
    return line_claim(statement_of(record.statement))


def statement_of(envelope: str) -> Statement:
    """The statement in a line's envelope; no signature is checked. Raises Invalid, MalformedProof."""
    return parse(dsse.parse(envelope.encode()).payload, Statement)


def check_act(
    statement: Statement,
    spooled: Spooled,
    declaration: Declaration,
    *,
    tier: Tier,
    approvals: int,
    recorded: str,
) -> None:
    """Raises NotPermitted unless the act could be spooled (2 to 7). ``tier``: of the registered point.

    ``approvals``: how many it needs; ``recorded``: when its record was made, or is being made.
    """
    for known in (spooled.tier, tier):
        if known not in TIERS:  # 2
            raise NotPermitted(
                f"an act of {known} risk is never spooled", advice="Wait until the log is back."
            )
    if not spooled.viewed <= statement.time < later(spooled.viewed, VIEW_SECONDS_MAX):  # 3
        raise NotPermitted(
            f"what was known of the point at {statement.time} was of {spooled.viewed}",
            advice=f"The server must have been met within {VIEW_SECONDS_MAX // 3_600} hours; check the clock.",
        )
    if not statement.time < declaration.expires:  # 4
        raise NotPermitted(
            f"the act began at {statement.time}, its declaration expired at {declaration.expires}"
        )
    if approvals:  # 5
        raise NotPermitted("an act that others must approve is never spooled")
    if statement.time > later(recorded, CLOCK_SKEW_SECONDS_MAX):  # 6
        raise NotPermitted(
            f"the act is said to be of {statement.time}, and it is {recorded}",
            advice="Set this machine's clock, then send the spool again.",
        )
    check_way(declaration)  # 7


def check_way(declaration: Declaration) -> None:
    """Raises NotPermitted when it takes a way that needs the log itself (7)."""
    if declaration.break_glass:
        raise NotPermitted("a broken glass is never spooled: others have to hear of it at once")
    if declaration.runbook is not None:
        raise NotPermitted("an act by a runbook is never spooled: its uses are counted in the log")


def late(statement: Statement, recorded: str) -> bool:
    """Whether the line came so late that it is marked for ever."""
    return recorded > later(statement.time, LATE_SECONDS)


def check_marked(statement: Statement, flags: Sequence[str], *, judged: str) -> None:
    """Raises NotPermitted unless the record is marked as spooled, and as late where it came so late.

    ``judged``: before when it cannot have been judged.
    """
    if SPOOLED not in flags:
        raise NotPermitted(f"it was spooled and does not have the flag {SPOOLED}")
    if LATE not in flags and late(statement, judged):
        raise NotPermitted(
            f"it came more than a day after {statement.time} and does not have the flag {LATE}"
        )


def later(time: str, seconds: float) -> str:
    """The record time ``seconds`` after ``time``."""
    moment = datetime.fromisoformat(time) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
