# SPDX-License-Identifier: Apache-2.0
"""What a command works on: a home in this process or a server, its log compared with memory, its person signed in.

Under a shared account of the operating system nothing is stored: every command signs in afresh, in memory.
"""

from __future__ import annotations

import getpass
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from byhand import clock, wiring
from byhand.cli.common import Common
from byhand.cli.output import say
from byhand.client import http
from byhand.client.contract import Backend, CircleDesk, DeviceLogin, PasskeyDesk, RunbookDesk, SpoolAnswer
from byhand.client.desk import Desk, PublicLog
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.client.line import Line
from byhand.client.remote import meet
from byhand.client.session_file import SavedSession, SessionFile
from byhand.client.settings_file import ClientSettings, client_settings, read_token
from byhand.client.signing import Signer, find_signer, is_fingerprint
from byhand.client.speaking import sign_login
from byhand.client.spool_file import SpoolFile, spool_files, spool_folder
from byhand.client.spooling import SpoolBackend, send, tell as tell_sent
from byhand.client.unsent import OF_THIS_PROCESS
from byhand.control.identity import Caller
from byhand.embedded import Embedded
from byhand.errors import (
    ByhandError,
    Invalid,
    LoginPending,
    LoginRequired,
    NotFound,
    SharedAccount,
    Unreachable,
)
from byhand.records.shared_accounts import os_account_is_shared


class Opened(ABC):
    """A home or a server and, once somebody signed in, who that is."""

    log: PublicLog
    """What everybody may see of the log."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self._entered: tuple[Backend, Desk] | None = None
        self._signer: Signer | None = None

    # -- where it is

    @property
    @abstractmethod
    def place(self) -> str:
        """The home's path, or the server's URL."""

    @property
    @abstractmethod
    def home(self) -> wiring.Home:
        """The home itself; raises Invalid where there is only a server."""

    @abstractmethod
    def _enter(self, token: str) -> tuple[Backend, Desk]:
        """Gate and desk for whoever the token stands for."""

    @abstractmethod
    def _login(self, person: str, signer: Signer) -> str:
        """The token of a new session; raises Refused when the key does not speak for the person."""

    @abstractmethod
    def _begin_device(self, issuer: str, *, max_age: int | None, strong: bool) -> DeviceLogin:
        """A login at an issuer begins."""

    @abstractmethod
    def _finish_device(self, handle: str) -> str:
        """The token of the session; raises LoginPending until the person has signed in."""

    @abstractmethod
    def logout(self, token: str) -> None:
        """End a session."""

    @abstractmethod
    def _who(self) -> tuple[str, Signer]:
        """The person and their key, as far as can be told here; raises LoginRequired, NotFound."""

    @property
    @abstractmethod
    def circles(self) -> CircleDesk:
        """Who is asked to decide, for the person signed in."""

    @property
    @abstractmethod
    def runbooks(self) -> RunbookDesk:
        """What officers allowed in advance, for the person signed in."""

    @property
    @abstractmethod
    def passkeys(self) -> PasskeyDesk:
        """Enrolling passkeys, for the person signed in."""

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.log.identity_of_log().origin

    # -- who it is

    @property
    def backend(self) -> Backend:
        """The gate for the person signed in; raises LoginRequired, SharedAccount, Refused."""
        return self._signed_in()[0]

    @property
    def desk(self) -> Desk:
        """The reader's desk, likewise."""
        return self._signed_in()[1]

    def acting(self) -> Backend:
        """The gate to act through."""
        return self.signed_in()

    def _credential(self) -> str:
        return self.backend.identity().credential

    def signed_in(self) -> Backend:
        """The gate, signed in to anew where the session has ended meanwhile."""
        try:
            self.backend.identity()
        except LoginRequired:
            self.sign_in()
        return self.backend

    def signed_in_anew(self) -> Backend:
        """The gate after one more login, in the way of the last: by the same key, or at the same issuer."""
        identity = self.backend.identity()
        say("this takes a fresh login")
        if is_fingerprint(identity.credential):
            self.sign_in_as(identity.person, self.signer())
        elif ":" in identity.credential and identity.via is None:
            self.sign_in_at(identity.credential.partition(":")[0], max_age=0)
        else:
            raise LoginRequired("a token cannot sign in anew", advice="Sign in yourself: byhand login")
        return self.backend

    @property
    def caller(self) -> Caller:
        """The person signed in at a home; raises Invalid where there is only a server."""
        _ = self.home
        return cast("Embedded", self.backend).caller()

    def _signed_in(self) -> tuple[Backend, Desk]:
        if self._entered is None:
            token = self._kept_token()
            self._entered = self._enter(token) if token is not None else None
        if self._entered is None:
            self.sign_in()
        if self._entered is None:
            raise LoginRequired("nobody is signed in here")
        return self._entered

    def signer(self) -> Signer:
        """The key that the person signed in with; raises NotFound, Invalid when it is not at hand."""
        credential = self._credential()
        # A token names no key: then it is the person's own that is at hand.
        fingerprint = credential if is_fingerprint(credential) else None
        if self._signer is None or fingerprint not in (None, self._signer.fingerprint):
            self._signer = find_signer(
                key_path=self.settings.key, fingerprint=fingerprint, environ=os.environ
            )
        return self._signer

    def send_unsent(self) -> None:
        """An outcome that did not get through before is sent once more, before the process ends."""
        if self._entered is not None:
            OF_THIS_PROCESS.send(self._entered[0])

    def _kept_token(self) -> str | None:
        """A token from a file, or the stored session's; ``None`` where each command signs in by itself."""
        if self.settings.token_file is not None:
            return read_token(self.settings.token_file)
        if account_is_shared():
            if self.settings.key is None and self.settings.person is None:
                raise SharedAccount(
                    f"{account_name()!r} is a shared account of this machine: say who you are",
                    advice="Add --person YOU --key FILE, or set BYHAND_PERSON and BYHAND_KEY.",
                )
            return None
        if self.settings.key is not None:
            return None
        saved = SessionFile(self.origin, os.environ).load(now=clock.now())
        if saved is None:
            raise LoginRequired("nobody is signed in here, or the session has ended")
        if self.settings.person not in (None, saved.person):
            raise LoginRequired(
                f"{saved.person} is signed in here, not {self.settings.person}",
                advice=f"Sign in with: byhand login --person {self.settings.person}",
            )
        self._enter(saved.token)[0].identity()  # ended or revoked meanwhile: LoginRequired
        return saved.token

    def sign_in(self) -> str:
        """Sign in with the person and key of the settings; the token, kept nowhere else."""
        return self.sign_in_as(*self._who())

    def sign_in_at(self, issuer: str, *, max_age: int | None = None, strong: bool = False) -> str:
        """Sign in at an issuer: the person types a code there, and is waited for. Raises Refused, LoginRequired."""
        asked = self._begin_device(issuer, max_age=max_age, strong=strong)
        say(f"Open {asked.place_with_code or asked.place}")
        say(
            f"  and sign in there, if it shows this very code, which you began yourself just now: {asked.code}"
        )
        seconds = asked.interval
        while clock.now() < asked.expires:
            time.sleep(seconds)
            try:
                token = self._finish_device(asked.handle)
            except LoginPending as waiting:
                seconds = waiting.seconds
                continue
            self._entered = self._enter(token)
            return token
        raise LoginRequired(f"nobody signed in at {issuer} in time")

    def sign_in_as(self, person: str, signer: Signer) -> str:
        """Answer a challenge as ``person``; raises Refused when the key does not speak for them."""
        token = self._login(person, signer)
        self._signer = signer
        self._entered = self._enter(token)
        return token


class AtHome(Opened):
    """A home opened in this process."""

    def __init__(self, home: wiring.Home, settings: ClientSettings) -> None:
        super().__init__(settings)
        self._home = home
        self._token = ""
        self.log = wiring.open_log(home)

    @property
    def place(self) -> str:
        """The home's path."""
        return str(self._home.path)

    @property
    def home(self) -> wiring.Home:
        """The home."""
        return self._home

    @property
    def circles(self) -> CircleDesk:
        """At the home."""
        self._signed_in()
        return wiring.open_circles(self._home, self._token)

    @property
    def runbooks(self) -> RunbookDesk:
        """At the home."""
        self._signed_in()
        return wiring.open_runbooks(self._home, self._token)

    @property
    def passkeys(self) -> PasskeyDesk:
        """At the home."""
        self._signed_in()
        return wiring.open_passkeys(self._home, self._token)

    def _enter(self, token: str) -> tuple[Backend, Desk]:
        self._token = token
        return wiring.open_backend(self._home, token), wiring.open_desk(self._home, token)

    def _login(self, person: str, signer: Signer) -> str:
        challenge, expires = self._home.sessions.challenge()
        envelope = sign_login(self._home.origin, person, challenge, expires, signer)
        return self._home.sessions.login(envelope, challenge)[0]

    def _begin_device(self, issuer: str, *, max_age: int | None, strong: bool) -> DeviceLogin:
        return self._home.logins.begin_device(issuer, max_age=max_age, strong=strong)

    def _finish_device(self, handle: str) -> str:
        return self._home.logins.finish_device(handle)[0]

    def logout(self, token: str) -> None:
        """End a session."""
        self._home.sessions.logout(token)

    def _who(self) -> tuple[str, Signer]:
        """The person and their key, from what was named and what the keyring says of it."""
        keyring, size = self._home.people.keyring(), self._home.journal.reader.size
        person = self.settings.person
        if self.settings.key is None and person is not None:
            return person, _key_of(person, [key.fingerprint for key in keyring.keys_of(person, size)])
        signer = find_signer(key_path=self.settings.key, environ=os.environ)
        enrolled = keyring.keys.get(signer.fingerprint)
        if person is None and enrolled is None:
            raise LoginRequired(
                f"the key {signer.fingerprint} speaks for nobody in this home",
                advice="Ask an officer to enrol it: byhand person add YOU --public-key FILE.pub",
            )
        return person or (enrolled.person if enrolled is not None else ""), signer


class Remote(Opened):
    """A server behind a URL."""

    def __init__(self, url: str, settings: ClientSettings) -> None:
        super().__init__(settings)
        self.met = False
        self.away = False
        self._spooling: SpoolBackend | None = None
        self.line = Line(url, on_behalf_of=settings.on_behalf_of)
        self.log = http.HttpLog(self.line)

    @property
    def place(self) -> str:
        """The server's URL."""
        return self.line.url

    @property
    def home(self) -> wiring.Home:
        """There is none here."""
        raise Invalid(
            f"this command works on a home itself, not through {self.line.url}",
            advice="Run it on the machine of the home, with --home or without BYHAND_URL.",
        )

    @property
    def circles(self) -> CircleDesk:
        """Through the server."""
        self._signed_in()
        return http.HttpCircles(self.line)

    @property
    def runbooks(self) -> RunbookDesk:
        """Through the server."""
        self._signed_in()
        return http.HttpRunbooks(self.line)

    @property
    def passkeys(self) -> PasskeyDesk:
        """Through the server."""
        self._signed_in()
        return http.HttpPasskeys(self.line)

    def acting(self) -> Backend:
        """The gate, with the spool for when nobody answers, where the settings say so."""
        if self.settings.when_unreachable != "spool":
            return self.signed_in()
        if self._spooling is None:
            self._spooling = SpoolBackend(
                self._server,
                url=self.line.url,
                folder=spool_folder(os.environ),
                signer=self.signer,
                say=say,
                away=self.away,
                person=self.settings.person,
            )
        return self._spooling

    def _server(self) -> http.HttpBackend:
        self.signed_in()
        return http.HttpBackend(self.line)

    def _credential(self) -> str:
        return self.acting().identity().credential

    def send_unsent(self) -> None:
        """What did not get through before, and what was spooled, is sent once more, before the process ends."""
        super().send_unsent()
        if self._entered is not None and any(spool_files(os.environ)):
            self._send_spool()

    def _send_spool(self) -> None:
        answers: list[SpoolAnswer] = []
        try:
            backend = http.HttpBackend(self.line)
            file = SpoolFile(spool_folder(os.environ), backend.origin, backend.identity().person)
            answers.extend(send(backend, file))
        except ByhandError as error:  # it stays in the spool; byhand doctor shows it
            say(f"byhand: the spool could not be sent: {error}")
        tell_sent(answers, say)

    def _enter(self, token: str) -> tuple[Backend, Desk]:
        if not self.met:
            remember(self)  # one that was away when this began is compared with memory before it is asked
        self.line.token = token
        return http.HttpBackend(self.line), http.HttpDesk(self.line)

    def _login(self, person: str, signer: Signer) -> str:
        asked = http.challenge(self.line)
        statement = sign_login(asked.origin, person, asked.challenge, asked.expires, signer)
        return http.login(self.line, statement).token

    def _begin_device(self, issuer: str, *, max_age: int | None, strong: bool) -> DeviceLogin:
        return http.begin_device(self.line, issuer, max_age=max_age, strong=strong)

    def _finish_device(self, handle: str) -> str:
        return http.finish_device(self.line, handle).token

    def logout(self, token: str) -> None:
        """End a session."""
        self.line.token = token
        http.logout(self.line)

    def _who(self) -> tuple[str, Signer]:
        """The person named, or the owner of this account; a server tells nobody whose key is whose."""
        person = self.settings.person or (None if account_is_shared() else account_name())
        if person is None:
            raise LoginRequired("say who you are", advice="Add --person YOU, or set BYHAND_PERSON.")
        return person, find_signer(key_path=self.settings.key, environ=os.environ)


def _key_of(person: str, fingerprints: Sequence[str]) -> Signer:
    """The first key at hand that speaks for ``person``."""
    missing = NotFound(f"{person} has no key in this home", advice="Ask an officer: byhand person add")
    for fingerprint in fingerprints:
        try:
            return find_signer(fingerprint=fingerprint, environ=os.environ)
        except NotFound as error:
            missing = error
    raise missing


def account_name() -> str:
    """The operating system's name for whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def account_is_shared() -> bool:
    """Whether several persons, or none, stand behind the account that runs this."""
    user_id = os.geteuid() if hasattr(os, "geteuid") else None
    return os_account_is_shared(account_name(), user_id, os.environ)


def settings_of(common: Common) -> ClientSettings:
    """Where, as whom, by which key."""
    return client_settings(
        home=common.home, url=common.url, person=common.person, key=common.key, environ=os.environ
    )


@contextmanager
def opened(common: Common, *, may_spool: bool = False) -> Iterator[Opened]:
    """The home or server, its log no other than the one this person remembers; a home's due work is done.

    ``may_spool``: the command acts, so a server that nobody answers for is no end of it where the settings say so.
    """
    settings = settings_of(common)
    if settings.url is not None:
        remote = Remote(settings.url, settings)
        try:
            try:
                remember(remote)
            except Unreachable:
                if not may_spool or settings.when_unreachable != "spool":
                    raise
                remote.away = True
            yield remote
        finally:
            remote.send_unsent()
            remote.line.close()
        return
    home = wiring.open_home(settings.home)
    try:
        home.settle()
        one = AtHome(home, settings)
        remember(one)
        try:
            yield one
        finally:
            one.send_unsent()
    finally:
        home.close()


def remember(one: Opened) -> None:
    """Compare the log with what is remembered of it, then remember it as it is; raises Unsound.

    A log met for the first time is trusted, and that is said.
    """
    origin = meet(one.log)
    if isinstance(one, Remote):
        one.met = True
    if origin is not None:
        say(f"met for the first time, and remembered: {origin}")


def trust(one: Opened) -> None:
    """Remember the log's keys and officers, without a word; raises LogForked when others are remembered."""
    identity = one.log.identity_of_log()
    KnownLogs(known_logs_path(os.environ)).trust(identity.origin, identity.keys, identity.officers)


def store_session(one: Opened, token: str) -> SavedSession:
    """Keep the session for the commands to come; raises SharedAccount."""
    identity = one.backend.identity()
    saved = SavedSession(origin=one.origin, token=token, person=identity.person, expires=identity.expires)
    SessionFile(one.origin, os.environ).save(saved, account_is_shared=account_is_shared())
    return saved
