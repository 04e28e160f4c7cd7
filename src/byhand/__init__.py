# SPDX-License-Identifier: Apache-2.0
"""byhand: a recorded moment of intent for everything people change by hand.

    import byhand

    breaker = byhand.point("mm7-breaker")
    with byhand.intervention(
        breaker,
        reason="LIQUIDITY_PROVISIONING",
        notes="Index rebalance: quoting obligation on XLON until 15:00.",
        read=lambda: engine.trading_state,
        new="ACTIVE",
    ) as act:
        engine.set_trading_state(ACTIVE)
    act.outcome, act.receipt

Importing this loads next to nothing; the home is opened, and its person signed in with their own key, at
first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from byhand.client.contract import Backend
    from byhand.client.interventions import Intervention, Means, Revert
    from byhand.client.looking import Read
    from byhand.client.places import Place, RegisteredPoint, Target
    from byhand.client.remote import Remote
    from byhand.client.reverting import Reverted, Reverter
    from byhand.client.settings_file import ClientSettings
    from byhand.client.signing import Signer
    from byhand.client.steps import Until
    from byhand.errors import (
        BeforeStateChanged,
        ByhandError,
        Invalid,
        LoginRequired,
        LogUnavailable,
        NotAsDeclared,
        NotFound,
        NotPermitted,
        OutcomeUnrecorded,
        ProbeFailed,
        Refused,
    )
    from byhand.records.intervention import Automation, FailedCheck, OverriddenDecision
    from byhand.wiring import Home

__all__ = [
    "Automation",
    "BeforeStateChanged",
    "ByhandError",
    "FailedCheck",
    "Intervention",
    "Invalid",
    "LogUnavailable",
    "LoginRequired",
    "NotAsDeclared",
    "NotFound",
    "NotPermitted",
    "OutcomeUnrecorded",
    "OverriddenDecision",
    "ProbeFailed",
    "Refused",
    "Target",
    "close",
    "configure",
    "intervention",
    "point",
    "revert_in_background",
    "run_due_reverts",
]

_ROOMS = {
    "Automation": "byhand.records.intervention",
    "FailedCheck": "byhand.records.intervention",
    "OverriddenDecision": "byhand.records.intervention",
    "Intervention": "byhand.client.interventions",
    "Target": "byhand.client.places",
}
"""Where the names come from that are fetched when first used (PEP 562); all others are errors."""
_ERRORS = "byhand.errors"
_RENEW_SECONDS = (
    900.0  # a session with less than this left is renewed before an act, not in the middle of one
)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'byhand' has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(_ROOMS.get(name, _ERRORS)), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def configure(
    *,
    home: str | Path | None = None,
    url: str | None = None,
    token: str | None = None,
    person: str | None = None,
    key: str | Path | None = None,
    when_unreachable: str | None = None,
    keep: bool = False,
) -> None:
    """Say which home or server to use, as whom and with which key; what is left out comes from the environment.

    ``url``: a server, in place of a home; the same objects, decided there. ``token``: a personal token, for what
    needs no signature; without it the person signs in with their own key.

    ``when_unreachable``: ``"refuse"`` (the default) or ``"spool"``: when nobody answers for the server, acts of low and
    medium risk are signed into a spool on this machine, carried out, and brought to the log when it is back.

    ``keep``: for a process that runs long: a thread signs a checkpoint whenever the log has grown, and
    records a heartbeat when it has not (``log.checkpoint_seconds``, ``log.heartbeat_idle_minutes``).

    What is left out: ``BYHAND_URL``, ``BYHAND_HOME``, ``BYHAND_PERSON``, ``BYHAND_KEY``, ``BYHAND_TOKEN_FILE``, then
    ``/etc/byhand/client.toml``, then ``~/.byhand`` and the key in the ssh-agent or ``~/.ssh``. Opens nothing yet;
    closes what was open.
    """
    _client.configure(
        home=home,
        url=url,
        token=token,
        person=person,
        key=key,
        when_unreachable=when_unreachable,
        keep=keep,
    )


def point(name: str) -> RegisteredPoint:
    """The registered intervention point ``name``; its facts are looked up when asked for."""
    from byhand.client.places import RegisteredPoint

    return RegisteredPoint(name, _client.backend)


def intervention(
    place: Place | str,
    action: str | None = None,
    *,
    reason: str,
    notes: str,
    read: Read = None,
    new: object = ...,
    until: Until = None,
    revert: Revert = None,
    tickets: Sequence[str] = (),
    same_as: str | None = None,
    caused_by: str | None = None,
    automation: Automation | None = None,
    command: Sequence[str] | None = None,
    break_glass: bool = False,
    runbook: str | None = None,
) -> Intervention:
    """An intervention at ``place`` (point, its name, or ``Target``): ``with``, ``async with`` or decorator.

    ``action``: ``area.object.verb``; a point knows its own. ``read``: a function or probe that reads the
    value; default: the point's probe. ``new``: the value it is to have; left out: whatever is read back
    (not for high and critical risk; ``None`` is the value null). ``until`` with ``revert``: undone when
    due, see ``run_due_reverts``. ``command``: the command line, when the act is one. ``break_glass``: it cannot
    wait for approval; two others review it within a day. ``runbook``: the name of the one that it follows: then
    nobody's approval is waited for. What it raises: ``Intervention``.
    """
    from byhand.client.commands import command_digest
    from byhand.client.interventions import Intervention
    from byhand.client.places import place_of
    from byhand.client.steps import UNDECLARED, Request

    request = Request(
        place=place_of(place),
        action=action,
        reason=reason,
        notes=notes,
        new=UNDECLARED if new is ... else new,
        until=until,
        tickets=tickets,
        same_as=same_as,
        caused_by=caused_by,
        automation=automation,
        command=command_digest(command) if command is not None else None,
        break_glass=break_glass,
        runbook=runbook,
    )
    return Intervention(request, _client.means(read=read, revert=revert))


def run_due_reverts(now: str | None = None) -> tuple[Reverted, ...]:
    """Run the reverts of this process that are due (at ``now``, record time); call it from your own loop.

    Each is an intervention of its own. Never raises what a revert raised: look at ``error`` and ``pending``.
    """
    return _client.reverter().run_due(now)


def revert_in_background(report: Callable[[Reverted], None]) -> None:
    """Run due reverts in a thread from now on; ``report`` is called there with what became of each."""
    _client.reverter().start(report)


def close() -> None:
    """Close the home; the next intervention opens it again. Done by itself when the process ends."""
    _client.close()


class _Client:
    """The one home this process uses, opened and signed in to at first use; opened anew after a fork."""

    def __init__(self) -> None:
        from threading import RLock

        self._lock = RLock()
        self._keep = False
        self._token: str | None = None
        self._remote: Remote | None = None
        self._chosen: dict[str, Any] = {}
        self._home: Home | None = None
        self._parents: list[Home | None] = []
        self._process = 0
        self._backend: Backend | None = None
        self._signer: Signer | None = None
        self._reverter: Reverter | None = None

    def configure(self, *, keep: bool, token: str | None, **chosen: Any) -> None:
        with self._lock:
            self.close()
            self._keep = keep
            self._token = token
            self._chosen = chosen

    def settings(self) -> ClientSettings:
        import os

        from byhand.client.settings_file import client_settings

        return client_settings(**self._chosen, environ=os.environ)

    def reverter(self) -> Reverter:
        from byhand.client.reverting import Reverter

        with self._lock:
            if self._reverter is None:
                self._reverter = Reverter()
            return self._reverter

    def after_fork(self) -> None:
        """A forked child has one thread: the lock may be held by another one of the parent's, for ever."""
        from threading import RLock

        self._lock = RLock()
        self._reverter = None

    def means(self, *, read: Read, revert: Revert) -> Means:
        from byhand.client.interventions import Means

        return Means(
            backend=self.backend, signer=self.signer, read=read, revert=revert, reverter=self.reverter()
        )

    def signer(self) -> Signer:
        """The key the person signed in with; raises NotFound or Invalid when it is not at hand any more."""
        import os

        from byhand.client.signing import find_signer, is_fingerprint

        with self._lock:
            credential = self.backend().identity().credential
            # A token names no key: then it is the person's own that is at hand.
            wanted = credential if is_fingerprint(credential) else None
            if self._signer is None or wanted not in (None, self._signer.fingerprint):
                key = self.settings().key
                self._signer = find_signer(key_path=key, fingerprint=wanted, environ=os.environ)
            return self._signer

    def backend(self) -> Backend:
        """The signed-in backend; raises LoginRequired, HomeRefused, NotFound (no key), Refused."""
        import os

        from byhand import clock

        with self._lock:
            if self._process != os.getpid():  # after a fork, connections and threads are the parent's:
                self._parents.append(self._home)  # kept, since closing them here would disturb it
                self._home = self._backend = self._remote = None
                self._process = os.getpid()
            settings = self.settings()
            if settings.url is not None:
                return self._through(settings)
            home = self._home or self._open()
            backend = self._backend
            if backend is None or backend.identity().expires < clock.after(
                clock.now(), seconds=_RENEW_SECONDS
            ):
                backend = self._backend = self._sign_in(home)
            return backend

    def _through(self, settings: ClientSettings) -> Backend:
        """The gate behind a server; signed in to anew before a session ends, not in the middle of an act."""
        import atexit

        from byhand.client.remote import Remote

        if self._remote is None:
            self._remote = Remote(settings, token=self._token)
            atexit.register(self.close)
        self._backend = self._remote.acting(renew_seconds=_RENEW_SECONDS, signer=self.signer)
        self._signer = self._remote.signer or self._signer
        return self._backend

    def _open(self) -> Home:
        import atexit

        from byhand.wiring import open_home

        home = open_home(self.settings().home)
        try:
            home.settle()
            if self._keep:
                home.keep()
        except BaseException:
            home.close()
            raise
        atexit.register(self.close)
        self._home = home
        return home

    def _sign_in(self, home: Home) -> Backend:
        import os
        from contextlib import suppress

        from byhand import clock
        from byhand.client.session_file import SessionFile
        from byhand.client.signing import find_signer
        from byhand.client.speaking import sign_login
        from byhand.errors import LoginRequired
        from byhand.wiring import open_backend

        settings = self.settings()
        saved = SessionFile(home.origin, os.environ).load(now=clock.now()) if settings.key is None else None
        if saved is not None and settings.person in (None, saved.person):
            backend = open_backend(home, saved.token)
            with suppress(LoginRequired):  # ended or revoked meanwhile: sign in anew
                if backend.identity().expires >= clock.after(clock.now(), seconds=_RENEW_SECONDS):
                    return backend
        signer = find_signer(key_path=settings.key, environ=os.environ)
        enrolled = home.people.keyring().keys.get(signer.fingerprint)
        person = settings.person or (enrolled.person if enrolled is not None else None)
        if person is None:
            advice = "Ask an officer of this home to enrol it: byhand person add"
            raise LoginRequired(f"the key {signer.fingerprint} speaks for nobody in this home", advice=advice)
        challenge, expires = home.sessions.challenge()
        envelope = sign_login(home.origin, person, challenge, expires, signer)
        token, _ = home.sessions.login(envelope, challenge)
        self._signer = signer
        return open_backend(home, token)

    def close(self) -> None:
        import os

        with self._lock:
            opened: Home | Remote | None = self._home or self._remote
            backend = self._backend
            self._home = self._remote = self._backend = None
            if opened is None or self._process != os.getpid():
                return
            if backend is not None:
                from byhand.client.unsent import OF_THIS_PROCESS

                OF_THIS_PROCESS.send(backend)
            opened.close()


_client = _Client()


def _at_forks() -> None:
    import os

    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=_client.after_fork)


_at_forks()
