# SPDX-License-Identifier: Apache-2.0
"""Bringing observations to the log without losing one: what a record cannot hold is quarantined, never passed over."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence

import msgspec

from byhand.errors import Conflict, Invalid
from byhand.ids import derived_record_id
from byhand.records import captured, rules
from byhand.records.actor import Actor
from byhand.records.intervention import Target, Times
from byhand.records.kinds import SCHEMA_VERSION, Observation
from byhand.records.limits import NAME_LENGTH_MAX
from byhand.records.values import CapturedValue
from byhand.records.visible import visible

QUARANTINED = "observation.record.quarantine"
"""The action of an observation whose own could not be recorded."""
BATCH_MAX = 100  # observations in one request: usually some 100 KiB of the MiB that a request may have
CAUSE_LENGTH_MAX = 2_000  # characters: every fault of one record, and a server's longest sentence
RAW_LENGTH_MAX = 8_000  # characters kept of what no record holds; with every one escaped it still fits

logger = logging.getLogger("byhand.delivering")
Observe = Callable[[Sequence[Observation]], object]


def deliver(observe: Observe, observations: Sequence[Observation]) -> int:
    """Bring all of them into the log, in order; returns how many of them were quarantined.

    1 they are sent together; 2 a batch that is refused for what it says is halved, until the faulty one is alone:
    all others pass; 3 that one is recorded as quarantined, with the server's faults and all that is known of it.

    A crash exactly anywhere leaves some recorded: sent again, by their ids, they are not recorded twice. Raises
    what keeps all of them out (LogUnavailable, LoginRequired, Refused): nothing is settled then, ask again.
    """
    return sum(
        _deliver(observe, observations[start : start + BATCH_MAX])
        for start in range(0, len(observations), BATCH_MAX)
    )


def _deliver(observe: Observe, batch: Sequence[Observation]) -> int:
    try:
        observe(batch)  # 1
    except (Invalid, Conflict, TypeError, ValueError) as refusal:
        if len(batch) > 1:  # 2
            half = len(batch) // 2
            return _deliver(observe, batch[:half]) + _deliver(observe, batch[half:])
        return _alone(observe, batch[0], refusal)
    return 0


def _alone(observe: Observe, observation: Observation, refusal: Exception) -> int:
    """What becomes of the one that is refused. One that was quarantined already is no reason to go on."""
    if isinstance(refusal, Conflict):
        # Its id is random and was sent by nobody else: this very act is in the log, told in other words.
        logger.warning("observation %s is in the log already, in other words", observation.id)
        return 0
    if observation.quarantined is not None:
        raise refusal
    observe([quarantined_of(observation, str(refusal))])  # 3
    return 1


def quarantined_of(observation: Observation, cause: str) -> Observation:
    """``observation`` as one that can be recorded, with its own text as ``raw``."""
    return quarantined(
        cause,
        record_id=derived_record_id(observation.id, QUARANTINED),
        account=observation.actor.person,
        issuer=observation.connector,
        instance=observation.instance,
        place=observation.target.id,
        times=observation.times,
        raw=json.dumps(msgspec.to_builtins(observation)),
    )


def quarantined(
    cause: str,
    *,
    record_id: str,
    account: str,
    issuer: str,
    instance: str,
    place: str,
    times: Times,
    raw: str,
) -> Observation:
    """An observation that any log takes, of an act that could not be described: why, and what there was."""
    kept, digest = _raw(raw)
    return Observation(
        id=record_id,
        schema=SCHEMA_VERSION,
        actor=Actor(person=_name(account), issuer=issuer, assurance="asserted"),
        target=Target(system=issuer, type="quarantine", id=_name(place)),
        action=QUARANTINED,
        connector=issuer,
        instance=_name(instance),
        capture="hook",
        times=Times() if rules.faults(times) else times,
        absence="source_has_no_field",
        raw=kept,
        raw_digest=digest,
        quarantined=visible(cause)[:CAUSE_LENGTH_MAX],
    )


def _name(text: str) -> str:
    return visible(text)[:NAME_LENGTH_MAX] or "unknown"


def _raw(text: str) -> tuple[CapturedValue, str | None]:
    """The text, and of one that is too long its beginning and the digest of the whole."""
    shown = visible(text, keep="\n\t")
    if len(shown) <= RAW_LENGTH_MAX:
        return captured.from_text(shown, captured.TEXT), None
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return captured.from_text(shown[:RAW_LENGTH_MAX], captured.TEXT), digest
