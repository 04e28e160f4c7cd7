# SPDX-License-Identifier: Apache-2.0
"""Inside a Buildbot master: what its outbox holds goes to byhand, in order, until the outbox is empty.

1 a note is read from the database; 2 it is described from what Buildbot keeps of the build; 3 it is sent; 4 only when
byhand has acknowledged it the note is taken out. What a kill exactly there means: before 4 it is done again at the
next start, under the same record ids, and byhand answers as it did; after 4 there is nothing left to do.
"""

# Buildbot is not installed where types are checked: its names are Any there.
# mypy: disable-error-code="import-not-found, misc, no-any-return, no-untyped-call, untyped-decorator"
from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet import defer, reactor, threads
from twisted.python import log

from byhand.client.contract import Concluded
from byhand.errors import ByhandError, Invalid, LoginRequired, LogUnavailable
from byhand.ids import derived_record_id
from byhand.integrations.delivering import deliver, quarantined, quarantined_of
from byhand.integrations.gauges import Gauges
from byhand.integrations.hook import Hook
from byhand.integrations.outbox import Outbox
from byhand.records import captured, codec, rules
from byhand.records.actor import Actor
from byhand.records.intervention import Target, Times
from byhand.records.kinds import SCHEMA_VERSION, Observation, Outcome

ISSUER = "buildbot"
INTERVENTION = "byhand_intervention"
"""The force parameter that carries the intervention's id."""
BATCH_MAX = 50  # buildsets described at once: more would hold up the master, whose loop this is
RESEND_SECONDS = 10.0  # the server may be restarting
LOOK_SECONDS = 60.0  # between two writes of the gauges while nothing happens: they show that the master lives
SAID_AGAIN_SECONDS = 3_600.0  # the same cause is told once an hour: a log full of it is read by nobody
NO_ID = "00000000-0000-7000-8000-000000000000"  # what the id of a note without one is derived from


class Feed:
    """What goes from one master to byhand. Everything runs on the reactor's thread, but for the sending itself."""

    def __init__(self, master: Any) -> None:
        self._master = master
        self._outbox = Outbox(master)
        self._gauges = Gauges()
        self._waiting: dict[int, None] = {}  # buildsets in order, each once
        self._look_anew = True  # the database knows more than we do
        self._running = self._busy = False
        self._later: Any = None
        self._said = ("", 0.0)

    def configure(self, hook: Hook, gauges_file: Path) -> None:
        """Say where it goes, and where the gauges are written: before the start, and whenever that changes."""
        self._hook = hook
        self._gauges_file = gauges_file

    def start(self) -> None:
        """Begin with what an earlier life of this master left."""
        self._running = self._look_anew = True
        self.wake()

    def stop(self) -> None:
        """Send no more. Nothing is lost by it."""
        self._running = False
        self._forget_later()

    def asked(self, buildset: int) -> None:
        """A buildset was made, with a note on it."""
        self._waiting[buildset] = None
        self.wake()

    def asked_in_vain(self) -> None:
        """Making a buildset failed, and perhaps after its commit: look for what is there."""
        self._look_anew = True
        self.wake()

    # -- outcomes

    @defer.inlineCallbacks
    def keep(self, account: str, outcome: Outcome) -> Any:
        """Keep an outcome until byhand has it. A crash exactly after it: sent at the next start."""
        yield self._outbox.keep_outcome(outcome.id, _kept(account, outcome))

    def record(self, account: str, outcome: Outcome) -> Concluded:
        """Bring a kept outcome to the log, from a thread.

        One without the value is kept before it is sent. A crash exactly between: the value is refused once more.
        """

        def replaced(without: Outcome) -> None:
            text = _kept(account, without)
            threads.blockingCallFromThread(reactor, self._outbox.replace_outcome, without.id, text)

        return self._hook.record(account, outcome, replaced)

    def recorded(self, outcome: Outcome) -> Any:
        """Byhand has the outcome."""
        return self._outbox.settle_outcome(outcome.id)

    # -- sending

    def wake(self) -> None:
        """Send what there is, unless that is under way already."""
        self._forget_later()
        if self._running and not self._busy:
            self._busy = True
            self._work().addErrback(log.err, "byhand: the feed stopped by a fault of its own")

    @defer.inlineCallbacks
    def _work(self) -> Any:
        pause = RESEND_SECONDS
        try:
            try:
                while self._running and (yield self._some()):
                    pass
            finally:
                yield self._outcomes()  # how an act went waits for nobody else's
            self._gauges.failing, self._gauges.delivered_at = False, time.time()
            self._said = ("", 0.0)
            pause = LOOK_SECONDS
        except ByhandError as failure:
            self._fails(f"{failure}")
        except Exception as failure:  # noqa: BLE001 - whatever it is, what is unsent stays and is tried again
            self._fails(f"unexpected {type(failure).__name__}: {failure}")
        finally:
            self._busy = False
            self._measure()
        if self._running:
            if self._waiting and pause == LOOK_SECONDS:
                pause = 0.0  # asked for while the outcomes were sent
            self._later = reactor.callLater(pause, self.wake)

    def _fails(self, cause: str) -> None:
        gauges = self._gauges
        gauges.failing_since = gauges.failing_since if gauges.failing else time.time()
        gauges.failing = True
        said, at = self._said
        if said != cause or time.monotonic() - at > SAID_AGAIN_SECONDS:
            self._said = (cause, time.monotonic())
            log.msg(f"byhand: {len(self._waiting)} acts wait to be recorded, kept in the database: {cause}")

    def _measure(self) -> None:
        self._gauges.unsent_acts = len(self._waiting)
        try:
            self._gauges.write(self._gauges_file)
        except OSError as error:
            log.msg(f"byhand: {self._gauges_file} cannot be written: {error}")

    def _forget_later(self) -> None:
        later, self._later = self._later, None
        if later is not None and later.active():
            later.cancel()

    @defer.inlineCallbacks
    def _some(self) -> Any:
        """Bring the oldest notes to byhand; returns whether there were any."""
        if self._look_anew:
            self._look_anew = False  # first: what fails during the look asks for another
            found = yield self._look()
            self._waiting = {**dict.fromkeys(found), **self._waiting}
        batch = list(itertools.islice(self._waiting, BATCH_MAX))
        if not batch:
            return False
        observations: list[Observation] = []
        for buildset in batch:
            observations += yield self._described(buildset)
        refused = yield threads.deferToThread(deliver, self._hook.observe, observations)
        self._gauges.quarantined += refused + sum(one.quarantined is not None for one in observations)
        yield self._outbox.settle(batch)
        for buildset in batch:
            self._waiting.pop(buildset, None)
        return True

    @defer.inlineCallbacks
    def _look(self) -> Any:
        try:
            return (yield self._outbox.waiting())
        except BaseException:
            self._look_anew = True
            raise

    @defer.inlineCallbacks
    def _outcomes(self) -> Any:
        kept = yield self._outbox.outcomes()
        self._gauges.unsent_outcomes = len(kept)
        for record, text in kept:
            self._gauges.quarantined += yield threads.deferToThread(self._deliver_outcome, record, text)
            yield self._outbox.settle_outcome(record)
            self._gauges.unsent_outcomes -= 1

    def _deliver_outcome(self, record: str, text: str) -> int:
        """Bring a kept outcome to the log; one that is refused for good is recorded as seen, under quarantine.

        Returns how many were quarantined.
        """
        try:
            kept = json.loads(text)
            account, outcome = str(kept["account"]), msgspec.convert(kept["outcome"], Outcome)
            try:
                self.record(account, outcome)
            except (LogUnavailable, LoginRequired):
                raise  # it waits
            except (ByhandError, TypeError, ValueError) as refusal:
                cause = f"an outcome was refused: {refusal}"
            else:
                return 0
        except (KeyError, msgspec.MsgspecError, json.JSONDecodeError) as fault:
            account, cause = "", f"an outcome that was kept cannot be read: {fault}"
        self._hook.observe(
            [
                quarantined(
                    cause,
                    record_id=derived_record_id(record if rules.is_record_id(record) else NO_ID, text),
                    account=account,
                    issuer=ISSUER,
                    instance="",
                    place=f"outcome {record}",
                    times=Times(),
                    raw=text,
                )
            ]
        )
        return 1

    # -- describing

    @defer.inlineCallbacks
    def _described(self, buildset: int) -> Any:
        """One observation for every builder asked; one under quarantine, with the cause, where that cannot be had."""
        text = yield self._outbox.note(buildset)
        if text is None:
            return []  # another master of this database sent it
        try:
            return (yield self._describe(buildset, json.loads(text)[0]))
        except SQLAlchemyError:
            raise  # the database is away, which says nothing about this build: it waits
        except Exception as fault:  # noqa: BLE001 - whatever Buildbot's data hold
            log.err(
                fault, f"byhand: buildset {buildset} cannot be described: it is recorded under quarantine"
            )
            return [_undescribed(buildset, text, fault)]

    @defer.inlineCallbacks
    def _describe(self, buildset: int, note: Mapping[str, str]) -> Any:
        data = self._master.data
        properties = yield data.get(("buildsets", buildset, "properties"))
        described = yield data.get(("buildsets", buildset))
        requests = yield self._master.db.buildrequests.getBuildRequests(bsid=buildset)
        if not requests:
            raise Invalid("this buildset asks nothing of any builder")
        made = []
        for request in sorted(requests, key=lambda one: int(one.buildrequestid)):
            about = yield data.get(("builders", request.builderid))
            seen = _seen(properties, described, request.buildrequestid)
            made.append(_sound(_observation(note, request.builderid, about["name"], seen)))
        return made


def _seen(properties: Mapping[str, Any], buildset: Mapping[str, Any], request: int) -> dict[str, object]:
    """Buildbot's own record of it, kept beside ours: it may name the wrong person."""
    named = {name: properties.get(name, (None,))[0] for name in ("owner", "reason", INTERVENTION)}
    return {
        "buildset": buildset["bsid"],
        "buildrequest": request,
        "rebuilt_buildid": buildset["rebuilt_buildid"],
        "revisions": [stamp["revision"] for stamp in buildset["sourcestamps"]],
        **named,
    }


def _observation(note: Mapping[str, str], builder: int, name: str, seen: Mapping[str, object]) -> Observation:
    """The same for the same note, whenever it is made: that is what makes asking again harmless."""
    return Observation(
        id=derived_record_id(note["id"], f"builder {builder}"),
        schema=SCHEMA_VERSION,
        # Asserted: a name as Buildbot has it, e.g. with capitals; whose it is says byhand.
        actor=Actor(person=note["person"], issuer=ISSUER, assurance="asserted"),
        target=Target(system=ISSUER, type="builder", id=name),
        action=f"deployment.build.{note['action']}",
        connector=ISSUER,
        instance=note["instance"],
        capture="hook",
        times=Times(occurred=note["at"], observed=note["at"]),
        absence="source_has_no_field",
        raw=captured.from_text(json.dumps(seen, sort_keys=True)),
    )


def _sound(observation: Observation) -> Observation:
    """The observation, or where no record can be that, what was seen under quarantine."""
    try:
        codec.validate(observation)
    except Invalid as fault:
        return quarantined_of(observation, str(fault))
    return observation


def _undescribed(buildset: int, text: str, fault: Exception) -> Observation:
    """What is left of an act that could not be described: its note, as far as that can be read."""
    try:
        note = json.loads(text)[0]
    except (ValueError, LookupError, TypeError):
        note = None
    told = {name: str(one) for name, one in note.items()} if isinstance(note, dict) else {}
    origin = told.get("id", "")
    moment = told.get("at", "")
    return quarantined(
        f"{type(fault).__name__}: {fault}",
        record_id=derived_record_id(
            origin if rules.is_record_id(origin) else NO_ID, f"buildset {buildset}: {text}"
        ),
        account=told.get("person", ""),
        issuer=ISSUER,
        instance=told.get("instance", ""),
        place=f"buildset {buildset}",
        times=Times(occurred=moment, observed=moment),
        raw=text,
    )


def _kept(account: str, outcome: Outcome) -> str:
    return json.dumps({"account": account, "outcome": msgspec.to_builtins(outcome)})
