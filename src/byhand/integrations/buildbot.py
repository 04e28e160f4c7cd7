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

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from buildbot.config import error as configuration_error
from buildbot.process import results
from buildbot.process.buildstep import BuildStep
from buildbot.util.service import BuildbotService
from twisted.internet import defer, threads

from byhand import clock
from byhand.client.contract import Concluded
from byhand.errors import ByhandError, Invalid, NotPermitted
from byhand.ids import new_record_id
from byhand.integrations.feed import INTERVENTION, ISSUER, Feed
from byhand.integrations.hook import Hook, Redeemed, Result
from byhand.integrations.outbox import NOTE
from byhand.records import captured
from byhand.records.limits import NAME_LENGTH_MAX

ASKED_BY = "byhand_asked_by"
"""The property of a buildset that names its signed-in person; set by ``Byhand`` alone."""
OURS = (ASKED_BY, NOTE)
ANONYMOUS = "anonymous"  # what Buildbot calls somebody who has not signed in
PROBED_ENDPOINTS = (("builds", "1"), ("forceschedulers", "any"))  # any path of theirs finds them
ACTS = ("force", "rebuild")
GAUGES_FILE = "byhand.prom"
"""Beside the master's own files, unless told otherwise."""


class Asking(NamedTuple):
    """A request that is being answered: what for, and by whom."""

    action: str
    person: str


_asking: ContextVar[Asking | None] = ContextVar("asking", default=None)


class Byhand(BuildbotService):
    """byhand in this master. Put one into ``c['services']``: ``Byhand(url=..., token_file=..., instance=...)``.

    ``gauges_file``: where it writes how far behind it is; ``byhand.prom`` in the master's folder.
    """

    name = "byhand"
    feed: Feed
    instance: str

    def checkConfig(  # noqa: N802 - Buildbot's name
        self, url: str, token_file: str, instance: str, gauges_file: str | None = None
    ) -> None:
        """Judge the configuration; the token may come later."""
        try:
            Hook(url, token_file, ISSUER)
        except Invalid as fault:
            configuration_error(f"byhand: {fault}")
        if not (1 <= len(instance) <= NAME_LENGTH_MAX and instance.isprintable()):
            configuration_error(f"byhand: instance must be a name of 1 to {NAME_LENGTH_MAX} characters")
        if gauges_file is not None and Path(gauges_file).suffix != ".prom":
            configuration_error("byhand: gauges_file must end in .prom, or no collector reads it")
        self.instance = instance  # requests may come before the service is configured

    def reconfigService(  # noqa: N802 - Buildbot's name
        self, url: str, token_file: str, instance: str, gauges_file: str | None = None
    ) -> Any:
        """Take the configuration over, also when it changes while builds run."""
        self.hook = Hook(url, token_file, ISSUER)
        self.instance = instance
        self.feed.configure(self.hook, Path(self.master.basedir, gauges_file or GAUGES_FILE))
        return defer.succeed(None)

    @defer.inlineCallbacks
    def startService(self) -> Any:  # noqa: N802 - Buildbot's name
        """Stand between Buildbot's control requests and what they make."""
        self.feed = Feed(self.master)
        data = self.master.data
        self._add_buildset = data.updates.addBuildset
        data.updates.addBuildset = self._note_asker
        self._endpoints = [data.getEndpoint(path)[0] for path in PROBED_ENDPOINTS]
        for endpoint in self._endpoints:
            endpoint.control = self._controlling(endpoint.control)
        yield super().startService()
        self.feed.start()

    def stopService(self) -> Any:  # noqa: N802 - Buildbot's name
        """Step aside; what is unsent waits in the database for the next start."""
        self.feed.stop()
        self.master.data.updates.addBuildset = self._add_buildset
        for endpoint in self._endpoints:
            del endpoint.control  # the class's own is behind it
        return super().stopService()

    # -- who asks

    def _controlling(self, control: Callable[..., Any]) -> Callable[..., Any]:
        @defer.inlineCallbacks
        def controlled(action: str, args: dict[str, Any], kwargs: Mapping[str, Any]) -> Any:
            # Buildbot's REST sets args["owner"] from the session after it checked the request, always.
            person = str(args.get("owner") or ANONYMOUS)
            token = _asking.set(Asking(action, person) if action in ACTS else None)
            try:
                return (yield control(action, args, kwargs))
            finally:
                _asking.reset(token)

        return controlled

    @defer.inlineCallbacks
    def _note_asker(self, *args: Any, properties: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Make a buildset with its signed-in person on it, and never with one copied from another.

        The note of who asked is committed by Buildbot together with the buildset. A crash exactly before: nothing
        will be built, and nothing was seen; exactly after: it is sent at the next start, as the build is made then.
        """
        noted = {name: value for name, value in (properties or {}).items() if name not in OURS}
        asking = _asking.get()
        _asking.set(None)  # what the new buildset sets off by itself was asked for by nobody
        if asking is None:
            return (yield self._add_buildset(*args, properties=noted, **more))
        if asking.person != ANONYMOUS:
            noted[ASKED_BY] = (asking.person, self.name)
        note = {**asking._asdict(), "id": new_record_id(), "at": clock.now(), "instance": self.instance}
        try:
            made = yield self._add_buildset(*args, properties={**noted, NOTE: (note, self.name)}, **more)
        except BaseException:
            self.feed.asked_in_vain()
            raise
        self.feed.asked(made[0])
        return made

    # -- how it ended

    @defer.inlineCallbacks
    def conclude(self, redeemed: Redeemed, result: Result, *, error: str | None = None) -> Any:
        """Read the value back, keep how it ended, and record it; raises what the log says when it does not.

        1 it is read and told without any server; 2 kept in the database; 3 sent; 4 forgotten. A crash exactly
        before 2 leaves a used permit, which byhand notes as unknown; after 2 it is sent at the next start.
        """
        outcome = yield threads.deferToThread(self.hook.outcome, redeemed, result, error=error)  # 1
        yield self.feed.keep(redeemed.account, outcome)  # 2
        try:
            concluded: Concluded = yield threads.deferToThread(
                self.feed.record, redeemed.account, outcome
            )  # 3
        except ByhandError:
            self.feed.wake()  # it is sent again until byhand has it, or quarantined where it was refused for good
            raise
        yield self.feed.recorded(outcome)  # 4
        return concluded


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
            yield service.conclude(redeemed, "abandoned")
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
            concluded = yield service.conclude(redeemed, result, error=error)
        except ByhandError as failure:
            told = f"{redeemed.intervention}: {result}, not recorded yet: {failure}"
            yield self.addCompleteLog("byhand", f"{told}\nIt is kept here, and sent until byhand has it.\n")
            self.descriptionDone = ["outcome not recorded yet"]
            return results.FAILURE
        outcome = concluded.outcome
        yield self.addCompleteLog(
            "byhand", f"{redeemed.intervention}: {result}, found {captured.render(outcome.found)}\n"
        )
        self.descriptionDone = [f"recorded: {result}"]
        return results.FAILURE if outcome.as_declared is False else results.SUCCESS


def _ended(acts: Sequence[str], ended: Mapping[str, int | None]) -> tuple[Result, str | None]:
    """The result for byhand, and what failed."""
    if not ended:
        return "abandoned", None
    wrong = [name for name in acts if ended.get(name) not in (results.SUCCESS, results.WARNINGS)]
    return ("failed", f"step {wrong[0]} did not succeed") if wrong else ("applied", None)
