# SPDX-License-Identifier: Apache-2.0
"""Inside a Buildbot master: a gate before the deploy step, its outcome behind it, and who really asked.

Buildbot 4.3 knows who asks for a rebuild only while it answers the request: the rebuilt build keeps the owner and
reason of the build it repeats, and the asking person is stored nowhere. ``Byhand`` therefore notes the signed-in
person on every buildset when it is made; what a form, an earlier build or a step says of it is written over.

Whoever can edit the master's configuration can leave the gate out; only what is observed from outside tells then.
"""

# Buildbot is not installed where types are checked: its names are Any there.
# mypy: disable-error-code="import-not-found, misc, no-any-return, no-untyped-call, untyped-decorator"
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from buildbot.process import results
from buildbot.process.buildstep import BuildStep
from buildbot.util.service import BuildbotService
from twisted.internet import defer, reactor, threads
from twisted.python import log

from byhand import clock
from byhand.errors import ByhandError, NotPermitted
from byhand.ids import new_record_id
from byhand.integrations.hook import Hook, Redeemed
from byhand.records import captured
from byhand.records.actor import Actor
from byhand.records.intervention import Target, Times
from byhand.records.kinds import SCHEMA_VERSION, Observation

ISSUER = "buildbot"
ASKED_BY = "byhand_asked_by"
"""The property of a buildset that names its signed-in person; set by ``Byhand`` alone."""
INTERVENTION = "byhand_intervention"
"""The force parameter that carries the intervention's id."""
ANONYMOUS = "anonymous"  # what Buildbot calls somebody who has not signed in
UNSENT_MAX = (
    10_000  # observations kept while the server is away: days of forced builds; then it is said aloud
)
RESEND_SECONDS = 10.0  # the server may be restarting
PROBED_ENDPOINTS = (("builds", "1"), ("forceschedulers", "any"))  # any path of theirs finds them

_asking: ContextVar[str | None] = ContextVar("asking", default=None)


class Byhand(BuildbotService):
    """byhand in this master. Put one into ``c['services']``: ``Byhand(url=..., token_file=..., instance=...)``."""

    name = "byhand"

    def checkConfig(self, url: str, token_file: str, instance: str) -> None:  # noqa: N802 - Buildbot's name
        """Judge the configuration; the token may come later."""

    def reconfigService(self, url: str, token_file: str, instance: str) -> Any:  # noqa: N802 - Buildbot's name
        """Take the configuration over, also when it changes while builds run."""
        self.hook = Hook(url, token_file, ISSUER)
        self.instance = instance
        return defer.succeed(None)

    def startService(self) -> Any:  # noqa: N802 - Buildbot's name
        """Stand between Buildbot's control requests and what they make."""
        self._unsent: list[Observation] = []
        self._sending = False
        data = self.master.data
        self._add_buildset = data.updates.addBuildset
        data.updates.addBuildset = self._note_asker
        self._endpoints = [data.getEndpoint(path)[0] for path in PROBED_ENDPOINTS]
        for endpoint in self._endpoints:
            endpoint.control = self._controlling(endpoint.control)
        return super().startService()

    def stopService(self) -> Any:  # noqa: N802 - Buildbot's name
        """Step aside."""
        self.master.data.updates.addBuildset = self._add_buildset
        for endpoint in self._endpoints:
            del endpoint.control  # the class's own is behind it
        return super().stopService()

    # -- who asks

    def _controlling(self, control: Callable[..., Any]) -> Callable[..., Any]:
        @defer.inlineCallbacks
        def controlled(action: str, args: dict[str, Any], kwargs: Mapping[str, Any]) -> Any:
            # Buildbot's REST sets args["owner"] from the session after it checked the request, always.
            person = args.get("owner")
            token = _asking.set(person if person not in (None, "", ANONYMOUS) else None)
            try:
                made = yield control(action, args, kwargs)
            finally:
                _asking.reset(token)
            if action in ("force", "rebuild") and made is not None:
                yield self._observe(action, str(person or ANONYMOUS), made)
            return made

        return controlled

    def _note_asker(self, *args: Any, properties: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Make a buildset with its signed-in person on it, and never with one copied from another."""
        noted = {name: value for name, value in (properties or {}).items() if name != ASKED_BY}
        asking = _asking.get()
        if asking is not None:
            noted[ASKED_BY] = (asking, self.name)
        return self._add_buildset(*args, properties=noted, **more)

    # -- what was seen

    @defer.inlineCallbacks
    def _observe(self, action: str, person: str, made: tuple[int, Mapping[int, int]]) -> Any:
        """One observation for every builder asked; a fault here must not fail the person's request."""
        try:
            buildset, requests = made
            properties = yield self.master.data.get(("buildsets", buildset, "properties"))
            described = yield self.master.data.get(("buildsets", buildset))
            for builder, request in requests.items():
                about = yield self.master.data.get(("builders", builder))
                seen = _seen(properties, described, request)
                self._unsent.append(_observation(action, person, about["name"], self.instance, seen))
            self._send()
        except Exception:  # noqa: BLE001 - whatever Buildbot's data hold
            log.err(_why="byhand: a forced build could not be described; its observation is missing")

    def _send(self) -> None:
        """Send what is unsent, in order; asked again later when the server is away."""
        if self._sending or not self._unsent:
            return
        if len(self._unsent) > UNSENT_MAX:
            log.msg(
                f"byhand: {len(self._unsent) - UNSENT_MAX} observations are given up: no server for too long"
            )
            del self._unsent[:-UNSENT_MAX]
        batch = list(self._unsent[:100])  # one request; the rest follows
        self._sending = True
        sent = threads.deferToThread(self.hook.observe, batch)
        sent.addCallbacks(lambda _: self._was_sent(len(batch)), self._was_not_sent)

    def _was_sent(self, count: int) -> None:
        self._sending = False
        del self._unsent[:count]
        self._send()

    def _was_not_sent(self, failure: Any) -> None:
        self._sending = False
        log.msg(f"byhand: {len(self._unsent)} observations wait: {failure.value}")
        if self.running:
            reactor.callLater(RESEND_SECONDS, self._send)


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


def _observation(
    action: str, person: str, builder: str, instance: str, seen: Mapping[str, object]
) -> Observation:
    now = clock.now()
    return Observation(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        actor=Actor(person=person, issuer=ISSUER),
        target=Target(system=ISSUER, type="builder", id=builder),
        action=f"deployment.build.{action}",
        connector=ISSUER,
        instance=instance,
        capture="hook",
        times=Times(occurred=now, observed=now),
        absence="source_has_no_field",
        raw=captured.from_text(json.dumps(seen, sort_keys=True)),
    )


class Gate(BuildStep):
    """Before the deploy step: lets a build pass whose checks passed, or on a permit for exactly this change.

    ``point``: the intervention point; ``new``: the value that the deploy step is about to set, e.g. the revision;
    ``checks``: the steps that decide. A check that did not run has not passed.
    """

    renderables = ("new",)

    def __init__(self, point: str, new: Any, checks: Sequence[str], **more: Any) -> None:
        super().__init__(**{"name": "byhand gate", "haltOnFailure": True, "flunkOnFailure": True, **more})
        self.point, self.new, self.checks = point, new, tuple(checks)

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Succeed, or fail with the reason: the deploy step is not reached then."""
        failed = sorted(set(self.checks) - {one.name for one in self.build.executedSteps if one.results == 0})
        if not failed:
            yield self.addCompleteLog("byhand", "every check passed: nobody overrides anything here\n")
            self.descriptionDone = ["checks passed"]
            return results.SUCCESS
        try:
            redeemed = yield self._redeem(failed)
        except ByhandError as refusal:
            text = "\n".join((str(refusal), refusal.advice))
            yield self.addCompleteLog(
                "byhand", f"not passed: {', '.join(failed)}\nnothing is deployed: {text}\n"
            )
            self.descriptionDone = [f"refused: {str(refusal).partition(chr(10))[0]}"[:120]]
            return results.FAILURE
        self.build.byhand_redeemed = redeemed
        yield self.addCompleteLog(
            "byhand",
            f"permit of {redeemed.intervention} used by {ISSUER}:{redeemed.account}: "
            f"{redeemed.before} -> {redeemed.new}, despite {', '.join(failed)}\n",
        )
        self.descriptionDone = [f"permitted: {redeemed.intervention}"]
        return results.SUCCESS

    @defer.inlineCallbacks
    def _redeem(self, failed: Sequence[str]) -> Any:
        """Use the permit that this very build carries, for whoever asked for this very build."""
        intervention = str(self.getProperty(INTERVENTION) or "").strip()
        if not intervention:
            raise NotPermitted(
                f"{', '.join(failed)} did not pass, and this build carries no intervention",
                advice=f"byhand declare {self.point} ..., then force with its id as {INTERVENTION}.",
            )
        if len(self.build.requests) != 1:
            raise NotPermitted("several requests became one build: whose it is cannot be told")
        properties = yield self.master.data.get(("buildsets", self.build.requests[0].bsid, "properties"))
        account = properties.get(ASKED_BY, (None,))[0]
        if not account:
            raise NotPermitted(
                "nobody who is signed in asked for this build", advice="Sign in, then force it."
            )
        service = self.master.service_manager.namedServices[Byhand.name]
        redeemed: Redeemed = yield threads.deferToThread(
            service.hook.redeem,
            intervention,
            account=account,
            point=self.point,
            new=str(self.new),
            executor=f"{ISSUER}/{service.instance}/{self.build.builder.name}/{self.build.number}",
        )
        if clock.now() >= redeemed.expires:
            yield threads.deferToThread(service.hook.conclude, redeemed, "abandoned")
            raise NotPermitted("the permit lapsed before the deployment could begin", advice="Declare anew.")
        return redeemed


class Conclude(BuildStep):
    """Behind the deploy step: reads back what is deployed and records how it ended. Always runs.

    ``acts``: the steps that carry out the change, in order.
    """

    def __init__(self, acts: Sequence[str] = ("deploy",), **more: Any) -> None:
        super().__init__(**{"name": "byhand outcome", "alwaysRun": True, "flunkOnFailure": True, **more})
        self.acts = tuple(acts)

    @defer.inlineCallbacks
    def run(self) -> Any:
        """Skipped where no permit was used."""
        redeemed = getattr(self.build, "byhand_redeemed", None)
        if redeemed is None:
            return results.SKIPPED
        ended = {one.name: one.results for one in self.build.executedSteps if one.name in self.acts}
        result, error = _ended(self.acts, ended)
        service = self.master.service_manager.namedServices[Byhand.name]
        try:
            concluded = yield threads.deferToThread(service.hook.conclude, redeemed, result, error=error)
        except ByhandError as failure:
            yield self.addCompleteLog(
                "byhand", f"{redeemed.intervention}: {result}, not recorded: {failure}\n"
            )
            self.descriptionDone = ["outcome not recorded"]
            return results.FAILURE
        outcome = concluded.outcome
        yield self.addCompleteLog(
            "byhand", f"{redeemed.intervention}: {result}, found {captured.render(outcome.found)}\n"
        )
        self.descriptionDone = [f"recorded: {result}"]
        return results.FAILURE if outcome.as_declared is False else results.SUCCESS


def _ended(acts: Sequence[str], ended: Mapping[str, int | None]) -> tuple[str, str | None]:
    """The result for byhand, and what failed."""
    if not ended:
        return "abandoned", None
    wrong = [name for name in acts if ended.get(name) not in (results.SUCCESS, results.WARNINGS)]
    return ("failed", f"step {wrong[0]} did not succeed") if wrong else ("applied", None)
