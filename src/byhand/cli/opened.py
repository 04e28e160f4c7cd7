# SPDX-License-Identifier: Apache-2.0
"""The home of a command: opened, its log compared with what this person remembers, its person signed in.

Under a shared account of the operating system nothing is stored: every command signs in afresh, in memory.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from byhand import clock, wiring
from byhand.cli.common import Common
from byhand.cli.output import say
from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.client.session_file import SavedSession, SessionFile
from byhand.client.settings_file import ClientSettings, client_settings
from byhand.client.signing import Signer, find_signer
from byhand.client.speaking import sign_login
from byhand.control.identity import Caller
from byhand.embedded import Embedded
from byhand.errors import LoginRequired, NotFound, SharedAccount
from byhand.records.shared_accounts import os_account_is_shared


@dataclass(slots=True)
class Opened:
    """An opened home and, once somebody signed in, who that is."""

    home: wiring.Home
    settings: ClientSettings
    _backend: Embedded | None = field(default=None)
    _signer: Signer | None = field(default=None)

    @property
    def backend(self) -> Embedded:
        """The backend for the person signed in; raises LoginRequired, SharedAccount, Refused."""
        if self._backend is None:
            self._backend = self._from_session() or self.sign_in()[0]
        return self._backend

    @property
    def caller(self) -> Caller:
        """The person signed in."""
        return self.backend.caller()

    def signer(self) -> Signer:
        """The key that the person signed in with; raises NotFound, Invalid when it is not at hand."""
        credential = self.backend.identity().credential
        if self._signer is None or self._signer.fingerprint != credential:
            self._signer = find_signer(key_path=self.settings.key, fingerprint=credential, environ=os.environ)
        return self._signer

    def _from_session(self) -> Embedded | None:
        """The stored session; ``None`` where each command signs in by itself."""
        if account_is_shared():
            if self.settings.key is None and self.settings.person is None:
                raise SharedAccount(
                    f"{account_name()!r} is a shared account of this machine: say who you are",
                    advice="Add --person YOU --key FILE, or set BYHAND_PERSON and BYHAND_KEY.",
                )
            return None
        if self.settings.key is not None:
            return None
        saved = SessionFile(self.home.origin, os.environ).load(now=clock.now())
        if saved is None:
            raise LoginRequired("nobody is signed in here, or the session has ended")
        if self.settings.person not in (None, saved.person):
            raise LoginRequired(
                f"{saved.person} is signed in here, not {self.settings.person}",
                advice=f"Sign in with: byhand login --person {self.settings.person}",
            )
        backend = wiring.open_backend(self.home, saved.token)
        backend.identity()  # ended or revoked meanwhile: LoginRequired
        return backend

    def sign_in(self) -> tuple[Embedded, str]:
        """Sign in with the person and key of the settings; the backend and its token, kept nowhere else."""
        return self.sign_in_as(*self._who())

    def sign_in_as(self, person: str, signer: Signer) -> tuple[Embedded, str]:
        """Answer a challenge as ``person``; raises Refused when the key does not speak for them."""
        challenge, expires = self.home.sessions.challenge()
        envelope = sign_login(self.home.origin, person, challenge, expires, signer)
        token, _ = self.home.sessions.login(envelope, challenge)
        self._signer = signer
        self._backend = wiring.open_backend(self.home, token)
        return self._backend, token

    def _who(self) -> tuple[str, Signer]:
        """The person and their key, from what was named and what the keyring says of it."""
        keyring, size = self.home.people.keyring(), self.home.journal.reader.size
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


def _key_of(person: str, fingerprints: list[str]) -> Signer:
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
    return client_settings(home=common.home, person=common.person, key=common.key, environ=os.environ)


@contextmanager
def opened(common: Common) -> Iterator[Opened]:
    """The home, opened; due work done; its log no other than the one this person remembers."""
    settings = settings_of(common)
    home = wiring.open_home(settings.home)
    try:
        home.settle()
        remember(home)
        yield Opened(home, settings)
    finally:
        home.close()


def remember(home: wiring.Home) -> None:
    """Compare the log with what is remembered of it, then remember it as it is; raises Unsound.

    A log met for the first time is trusted, and that is said.
    """
    known = KnownLogs(known_logs_path(os.environ))
    if known.get(home.origin) is None:
        trust(home)
        say(f"met for the first time, and remembered: {home.origin}")
    known.remember(home.origin, home.journal.anchor(0), home.journal.reader.tree().consistency)


def trust(home: wiring.Home) -> None:
    """Remember the log's keys and officers; raises LogForked when others are remembered."""
    keys = [key.encode() for key in home.journal.key.verifiers]
    officers = home.people.keyring().officers_fingerprint
    KnownLogs(known_logs_path(os.environ)).trust(home.origin, keys, officers)


def store_session(one: Opened, token: str) -> SavedSession:
    """Keep the session for the commands to come; raises SharedAccount."""
    identity = one.backend.identity()
    saved = SavedSession(
        origin=one.home.origin, token=token, person=identity.person, expires=identity.expires
    )
    SessionFile(one.home.origin, os.environ).save(saved, account_is_shared=account_is_shared())
    return saved
