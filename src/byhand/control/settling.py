# SPDX-License-Identifier: Apache-2.0
"""Due work: what nobody finished is said out loud - lapsed, unknown or overdue - and that is a record too."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from byhand import clock
from byhand.control.chains import Chain, Chains
from byhand.control.indexing import OVERDUE, REVIEW_OVERDUE, due_after, review_due
from byhand.control.point_views import PointViews
from byhand.errors import ByhandError, ChainMoved, Conflict, Invalid, NotFound, ProbeFailed
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.probes import is_client_only, open_probe
from byhand.records import captured, codec
from byhand.records.intervention import Times
from byhand.records.kinds import SCHEMA_VERSION, AnyRecord, Finding, Outcome
from byhand.records.values import CapturedValue
from byhand.records.visible import visible
from byhand.redaction import Redactor
from byhand.trust import break_glass

logger = logging.getLogger("byhand.settling")

BYHAND = "byhand"
CAUSE_LENGTH_MAX = (
    1_000  # characters of why a value could not be read; the rest is in the probe's own messages
)
RETURN_SECONDS = 10  # a service manager begins a client again within seconds, also on a busy machine
RUNNING_SECONDS_MAX = 4 * 3_600  # half a shift: an act that says nothing for longer blocks its target in vain


class Settling:
    """Run before work begins on an opened home, and from time to time by whoever keeps it open.

    A crash between two of its appends is harmless: the rest is still due at the next opening.
    """

    def __init__(
        self,
        chains: Chains,
        views: PointViews,
        due: Callable[[str], Iterable[str]],
        reverted: Callable[[str], bool],
        alive: Callable[[str], bool | None],
        *,
        read_here: bool = True,
    ) -> None:
        """``read_here``: whether a probe that reads this machine's files reads what people acted on."""
        self._chains = chains
        self._views = views
        self._due = due
        self._reverted = reverted
        self._alive = alive
        self._read_here = read_here

    def settle(self, now: str, *, patience_seconds: int = 0) -> int:
        """Settle everything that is due at ``now``; returns how many records that took.

        ``patience_seconds``: for so long after its permit was used an act is left to an executor that is gone: a
        client that was ended may be begun again, and say how it went.
        What cannot be settled is left as it is and said in the warnings: it holds up nothing else.
        """
        return sum(self._settle(intervention, now, patience_seconds) for intervention in self._due(now))

    def _settle(self, intervention: str, now: str, patience_seconds: int) -> int:
        self._chains.forget(intervention)
        try:
            chain = self._chains.get(intervention)
            record = self._due_record(chain, now, patience_seconds)
        except ByhandError as error:
            return _left(intervention, error)
        if record is None:
            return 0
        try:
            codec.validate(record)
            self._chains.extend(intervention, chain, [Entry(record, expected_head=chain.head)])
        except ChainMoved:
            return 0  # its owner finished it this very moment: nothing is due any more
        except (Invalid, Conflict) as error:
            return _left(intervention, error)
        return 1

    def _due_record(self, chain: Chain, now: str, patience_seconds: int) -> AnyRecord | None:
        """What is to be said of an intervention at ``now``, if anything.

        1 declared and its time is over: lapsed; 2 permitted, unused, time over: lapsed; 3 redeemed and its
        executor is gone, or its time is over, for one that still runs long over: unknown, with the value
        found now; how it really ended may be told afterwards; 4 in effect after its end, or perhaps: overdue;
        5 the glass was broken, and too few others reviewed it in a day.
        """
        _, intent = chain.intent
        phase = chain.state.phase
        if intent.spooled is not None and phase == "declared":
            return None  # the act is done, and whoever sends its line again completes its records
        if phase in ("declared", "approved") and intent.declaration.expires <= now:  # 1
            return self._outcome(chain, "lapsed", "no permit was asked for in time")
        if phase == "pending" and intent.declaration.expires <= now:  # 1
            return self._outcome(chain, "lapsed", "it was not approved in time")
        issued = chain.permit("issued")
        if phase == "permitted" and issued is not None and (issued[1].expires or "") <= now:  # 2
            return self._outcome(chain, "lapsed", "the permit was not used in time")
        redeemed = chain.permit("redeemed")
        if phase == "redeemed" and redeemed is not None:  # 3
            running = self._alive(redeemed[1].executor or "")
            patience = RUNNING_SECONDS_MAX if running else 0
            over = clock.after(redeemed[1].expires or now, seconds=patience) <= now
            back = clock.after(redeemed[0].recorded, seconds=patience_seconds) > now
            if over or (running is False and not back):
                return self._outcome(
                    chain, "unknown", "whoever carried it out never said how it ended", found=True
                )
        until = intent.declaration.change.effective_until
        if (
            phase in ("applied", "unknown")
            and until is not None
            and due_after(until) <= now
            and not self._reverted(intent.id)
        ):
            overdue = self._overdue(chain, until)  # 4
            if overdue is not None:
                return overdue
        return self._review_overdue(chain, now)  # 5

    def _outcome(self, chain: Chain, result: str, error: str, *, found: bool = False) -> Outcome:
        _, intent = chain.intent
        redeemed = chain.permit("redeemed")
        return Outcome(
            id=new_record_id(),
            schema=SCHEMA_VERSION,
            intervention=intent.id,
            times=Times(observed=clock.now()),
            governance=intent.governance,
            result=result,  # type: ignore[arg-type]
            found=self._found(intent.target.point) if found else None,
            error=error,
            attempt=redeemed[1].attempt if redeemed is not None else None,
            concluded_by=BYHAND,
        )

    def _found(self, name: str | None) -> CapturedValue:
        """The value found now, where byhand can read it by itself, its secrets taken out."""
        try:
            view = self._views.registered(name or "")
        except NotFound as error:
            return captured.unknown(str(error))
        redactor = Redactor(view.point.secrets, bytes.fromhex(view.mac_key), view.mac_key_id)
        return redactor.value(_read(view.point.probe if self._read_here else None))

    @staticmethod
    def _overdue(chain: Chain, until: str) -> Finding | None:
        return _said_once(chain, OVERDUE, f"the change was to end at {until} and has not been reverted")

    @staticmethod
    def _review_overdue(chain: Chain, now: str) -> Finding | None:
        acknowledgement, intent = chain.intent
        missing = break_glass.reviews_missing(chain.state)
        if not missing or review_due(acknowledgement.recorded) > now:
            return None
        person = intent.declaration.person
        what = f"{person} broke the glass, and {missing} review(s) by others are missing after a day"
        return _said_once(chain, REVIEW_OVERDUE, what)


def _said_once(chain: Chain, verdict: str, summary: str) -> Finding | None:
    """An alert beside the intervention, unless it has been said."""
    _, intent = chain.intent
    if any(isinstance(link.record, Finding) and link.record.verdict == verdict for link in chain.links):
        return None
    return Finding(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=intent.id,
        times=Times(observed=clock.now()),
        governance=intent.governance,
        type="alert",
        about=intent.id,
        verdict=verdict,
        summary=summary,
    )


def _left(intervention: str, error: ByhandError) -> int:
    logger.warning("what is due of %s cannot be recorded: %s", intervention, error)
    return 0


def _read(probe: str | None) -> CapturedValue:
    if probe is None or is_client_only(probe):
        return captured.unknown("only the client can read this target")
    try:
        return open_probe(probe).read()
    except ProbeFailed as error:
        return captured.unknown(visible(str(error), keep="\n\t")[:CAUSE_LENGTH_MAX])
    except Exception as error:  # noqa: BLE001 - that it is unknown must be recorded, whatever a probe does
        return captured.unknown(f"the probe broke with {type(error).__name__}")
