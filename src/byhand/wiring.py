# SPDX-License-Identifier: Apache-2.0
"""The only room that knows every concrete class: it creates a home, and puts an opened one together."""

from __future__ import annotations

import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from byhand import clock, settings as settings_room
from byhand.anchor.file import FileAnchor
from byhand.client.contract import Identity
from byhand.client.executor import executor_alive
from byhand.control.accounts import Accounts
from byhand.control.administration import AdministrationFold
from byhand.control.approvals import Approvals
from byhand.control.asking import Asking
from byhand.control.authorization import Authorization
from byhand.control.break_glass import BreakGlass
from byhand.control.chains import Chains
from byhand.control.circles import Circles
from byhand.control.credentials import Credentials
from byhand.control.findings import Findings
from byhand.control.fitting import Fitting
from byhand.control.gate import Gate
from byhand.control.identity import Caller
from byhand.control.inbox import Inbox
from byhand.control.indexing import Indexer
from byhand.control.issuers import Issuers
from byhand.control.judging import Judging
from byhand.control.lists import Lists
from byhand.control.logins import Logins
from byhand.control.observing import Observing
from byhand.control.passkeys import Passkeys
from byhand.control.people import People
from byhand.control.permits import Permits
from byhand.control.point_views import PointViews
from byhand.control.points import Points
from byhand.control.pseudonyms import Pseudonyms
from byhand.control.reading import Reading
from byhand.control.reasons import Reasons
from byhand.control.runbooks import Runbooks
from byhand.control.sessions import Sessions
from byhand.control.settling import RETURN_SECONDS, Settling
from byhand.control.spooling import Spooling
from byhand.control.turns import Turns
from byhand.durable import sync_folder
from byhand.embedded import (
    Embedded,
    EmbeddedCircles,
    EmbeddedDesk,
    EmbeddedLog,
    EmbeddedPasskeys,
    EmbeddedRunbooks,
)
from byhand.errors import Conflict, HomeRefused, Invalid, LogUnavailable
from byhand.journal.journal import Journal
from byhand.journal.keeper import Keeper
from byhand.journal.log_key import LogKey
from byhand.journal.sequencer import no_step
from byhand.journal.vault import Vault
from byhand.keystore import file as key_files
from byhand.keystore.contract import DECLARATION_MAC, LOG_SIGNING, LOG_SIGNING_ML_DSA, REDACTION_MAC
from byhand.records.credentials import Scope
from byhand.settings import NotifySettings, Settings
from byhand.sinks import schemes as sink_schemes
from byhand.sinks.contract import MailServer
from byhand.sinks.destinations import Destinations
from byhand.sqlite_file import check_layout
from byhand.store.sqlite import entries as sqlite_entries
from byhand.store.sqlite.index import SqliteIndex
from byhand.store.sqlite.index_differences import differences
from byhand.store.sqlite.learned import SqliteLearned
from byhand.store.sqlite.outbox import SqliteOutbox
from byhand.store.sqlite.state import SqliteState
from byhand.watch.delivery import Delivery
from byhand.watch.follower import Task, Watch
from byhand.watch.process import WatchProcess
from byhand.watch.requests import Requests

SETTINGS_FILE = "byhand.toml"
LOG_FILE = sqlite_entries.FILE_NAME
KEYS_FOLDER = "keys"
SETTINGS_TEXT = """\
# Settings of this home; every one of them, with its default: docs/reference/settings.md
"""


@dataclass(slots=True)
class Home:
    """An opened home: its rooms, ready for use."""

    path: Path
    settings: Settings
    entries: sqlite_entries.SqliteEntries
    journal: Journal
    keys: key_files.FileKeyStore
    administration: AdministrationFold
    people: People
    authorization: Authorization
    points: Points
    reasons: Reasons
    sessions: Sessions
    logins: Logins
    passkeys: Passkeys
    credentials: Credentials
    index: SqliteIndex
    indexer: Indexer
    views: PointViews
    chains: Chains
    approvals: Approvals
    gate: Gate
    settling: Settling
    reading: Reading
    findings: Findings
    observing: Observing
    spooling: Spooling
    circles: Circles
    runbooks: Runbooks
    outbox: SqliteOutbox
    learned: SqliteLearned
    keeper: Keeper | None = None
    closed: bool = False

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.journal.origin

    def keep(self) -> None:
        """Sign checkpoints and record heartbeats in a thread of their own, until the home is closed."""
        if self.keeper is None:
            self.keeper = Keeper(
                self.journal,
                checkpoint_seconds=self.settings.log.checkpoint_seconds,
                heartbeat_idle_minutes=self.settings.log.heartbeat_idle_minutes,
            )
            self.keeper.start()

    def settle(self) -> int:
        """Do due work: index what is new, say what nobody said. Returns how many records that took."""
        self.indexer.catch_up()
        return self.settling.settle(clock.now())

    def close(self) -> None:
        """Commit what waits and give everything back. Idempotent."""
        self.closed = True
        if self.keeper is not None:
            self.keeper.close()
            self.keeper = None
        self.journal.close()
        self.index.close()
        self.outbox.close()
        self.learned.close()
        self.sessions.close()
        self.keys.close()


def create_home(path: Path, origin: str) -> None:
    """Lay out a home's files: keys, empty log, settings; nothing speaks for ``origin`` yet.

    Built beside ``path`` and renamed, so that a crash leaves either no home or a whole one; a half-built
    folder beside it is harmless and is removed at the next try. Raises Conflict when ``path`` holds something.
    """
    if path.exists() and any(path.iterdir()):
        raise Conflict(f"{path} is not empty", advice="Choose another --home, or use the home that is there.")
    beside = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise Invalid(f"{path} cannot be made: {error.strerror}") from error
    secrets = (LOG_SIGNING, LOG_SIGNING_ML_DSA, DECLARATION_MAC, REDACTION_MAC)
    key_files.create(beside / KEYS_FOLDER, secrets)
    sqlite_entries.create(beside, {"origin": origin, "created": clock.now()})
    (beside / SETTINGS_FILE).touch(mode=0o600)
    (beside / SETTINGS_FILE).write_text(SETTINGS_TEXT, encoding="utf-8")
    sync_folder(beside)
    with suppress(FileNotFoundError):
        path.rmdir()
    beside.rename(path)
    sync_folder(
        path.parent
    )  # a crash before: the home may be the unfinished folder again, which no one has used


def read_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the home at ``path``; raises Invalid naming every fault."""
    file = path / SETTINGS_FILE
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} is not TOML: {error}") from error
    return settings_room.parse(document, os.environ if environment is None else environment)


def home_identity(path: Path) -> str:
    """What tells this home from a copy: its real path and inode."""
    real = path.resolve()
    return f"{real}#{real.stat().st_ino}"


def anchor_folder(settings: Settings, environment: Mapping[str, str] | None = None) -> Path:
    """Where anchors lie: outside every home."""
    environment = os.environ if environment is None else environment
    if settings.anchor.folder:
        return Path(settings.anchor.folder).expanduser()
    state = environment.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "byhand" / "anchors"


def open_home(
    path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    step: Callable[[str], None] = no_step,
    start: bool = True,
    server: bool = False,
) -> Home:
    """Open the home at ``path``; raises HomeRefused when it may not speak for its origin.

    ``start=False`` leaves the start-up check to the caller (``init`` and ``doctor`` only). ``server``: others act
    here from their machines, so this machine's files and processes say nothing about their targets.
    """
    if not path.is_dir():
        raise HomeRefused(f"there is no home at {path}", advice="Make one with: byhand init")
    settings = read_settings(path, environment)
    entries = sqlite_entries.SqliteEntries(path)
    origin = entries.facts()["origin"]
    keys = key_files.FileKeyStore(path / KEYS_FOLDER)
    anchor = FileAnchor(anchor_folder(settings, environment), origin)
    journal = Journal(
        origin, entries, keys, anchor, home_identity(path), ml_dsa=settings.log.ml_dsa, step=step
    )
    try:
        if start:
            journal.checkpointer.start()
        return _put_together(path, settings, entries, journal, keys, server=server)
    except BaseException:
        journal.close()
        keys.close()
        raise


@dataclass(frozen=True, slots=True)
class ReadHome:
    """A home opened for verification: nothing of it is changed or trusted. Keys may be missing."""

    path: Path
    origin: str
    entries: sqlite_entries.SqliteEntries
    anchor: FileAnchor
    key: LogKey | None
    vault: Vault | None
    keys_refused: str | None = None
    """Why the keys that are there cannot be read."""


def check_home(path: Path) -> None:
    """Raise HomeRefused unless the log and the key store of ``path`` are laid out as byhand makes them."""
    check_layout(path / LOG_FILE, sqlite_entries.MIGRATIONS)
    keys = path / KEYS_FOLDER / key_files.DATABASE
    if keys.exists():
        check_layout(keys, key_files.MIGRATIONS)


@contextmanager
def read_home(path: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[ReadHome]:
    """Open the home at ``path`` read-only; without its keys only what is public can be read.

    Raises HomeRefused when its files are not laid out as byhand makes them.
    """
    settings = read_settings(path, environment)
    entries = sqlite_entries.SqliteEntries(path, read_only=True)
    try:
        check_layout(entries.path, sqlite_entries.MIGRATIONS)
        origin = entries.facts().get("origin", "")
        anchor = FileAnchor(anchor_folder(settings, environment), origin)
        with ExitStack() as closing:
            key, vault, refused = _read_keys(path, origin, closing, ml_dsa=settings.log.ml_dsa)
            yield ReadHome(path, origin, entries, anchor, key, vault, refused)
    finally:
        entries.close()


def _read_keys(
    path: Path, origin: str, closing: ExitStack, *, ml_dsa: bool
) -> tuple[LogKey | None, Vault | None, str | None]:
    """The log's key and the vault, or why there are none; a copy for a stranger comes without."""
    folder = path / KEYS_FOLDER
    if not folder.is_dir():
        return None, None, None
    try:
        keys = key_files.FileKeyStore(folder)
        closing.callback(keys.close)
        key = LogKey(origin, keys, ml_dsa=ml_dsa)
        key.verifiers  # noqa: B018 - read now, so that a key which cannot be read is said here
        return key, Vault(origin, keys), None
    except LogUnavailable as error:
        return None, None, str(error)


def index_differences(home: Home) -> list[str]:
    """What the index says otherwise than the log does; it is built anew beside it for that, and thrown away."""
    with tempfile.TemporaryDirectory() as beside:
        fresh = SqliteIndex(Path(beside))
        try:
            Indexer(home.journal, fresh).catch_up()
        finally:
            fresh.close()
        return differences(home.path, Path(beside))


def _put_together(
    path: Path,
    settings: Settings,
    entries: sqlite_entries.SqliteEntries,
    journal: Journal,
    keys: key_files.FileKeyStore,
    *,
    server: bool,
) -> Home:
    administration = AdministrationFold(journal)
    people = People(journal, administration)
    authorization = Authorization(journal, administration, people)
    points = Points(administration)
    reasons = Reasons(administration)
    index = SqliteIndex(path)
    indexer = Indexer(journal, index)
    state = SqliteState(path)
    issuers = Issuers(settings.issuers)
    accounts = Accounts(administration, issuers)
    sessions = Sessions(journal, people, state, accounts.holds)
    credentials = Credentials(journal, administration, people, sessions, state, accounts)
    chains = Chains(journal)
    views = PointViews(
        journal.origin, points, reasons, keys.secret(REDACTION_MAC), settings.gate.intent_seconds
    )
    approvals = Approvals(journal, chains, people, authorization)
    runbooks = Runbooks(journal, administration)
    turns = Turns(journal, chains)
    permits = Permits(
        journal, chains, people, authorization, views, approvals, turns, runbooks, settings.gate
    )
    judging = Judging(
        journal,
        chains,
        people,
        authorization,
        views,
        reasons,
        Fitting(journal, chains, settings.gate),
        BreakGlass(chains, indexer, index),
        runbooks,
        keys.secret(DECLARATION_MAC),
    )
    gate = Gate(journal, chains, administration, authorization, views, judging, approvals, permits)
    settling = Settling(
        chains, views, index.due, lambda one: bool(index.caused(one)), executor_alive, read_here=not server
    )
    pseudonyms = Pseudonyms(keys.secret(REDACTION_MAC), journal.origin, people)
    reading = Reading(journal, indexer, index, pseudonyms, authorization)
    findings = Findings(journal, chains)
    return Home(
        path,
        settings,
        entries,
        journal,
        keys,
        administration,
        people,
        authorization,
        points,
        reasons,
        sessions,
        Logins(issuers, accounts, sessions, state),
        Passkeys(journal, people, sessions, state),
        credentials,
        index,
        indexer,
        views,
        chains,
        approvals,
        gate,
        settling,
        reading,
        findings,
        Observing(journal, administration, credentials, people, points),
        Spooling(journal, administration, judging, gate, chains, people, views, settings.gate),
        Circles(journal, administration, sink_schemes),
        runbooks,
        SqliteOutbox(path),
        SqliteLearned(path),
    )


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever holds ``credential``: see ``byhand.embedded.Who``."""

    credentials: Credentials
    credential: str
    on_behalf_of: str | None = None
    address: str | None = None

    def caller(self, scope: Scope) -> Caller:
        """The person behind it."""
        return self.credentials.caller(
            self.credential, scope=scope, on_behalf_of=self.on_behalf_of, address=self.address
        )

    def identity(self) -> Identity:
        """Who it stands for."""
        return self.credentials.identity(self.credential)


def open_backend(
    home: Home, credential: str, *, on_behalf_of: str | None = None, address: str | None = None
) -> Embedded:
    """The client's backend over an opened home, for whoever ``credential`` stands for; it closes the home."""
    bearer = Bearer(home.credentials, credential, on_behalf_of, address)
    return Embedded(
        home.journal,
        home.administration,
        home.gate,
        home.authorization,
        home.views,
        home.people,
        bearer,
        home.close,
        lambda: home.closed,
    )


def open_desk(home: Home, credential: str, *, address: str | None = None) -> EmbeddedDesk:
    """The reader's desk of an opened home, for whoever ``credential`` stands for."""
    bearer = Bearer(home.credentials, credential, address=address)
    lists = Lists(home.journal, home.indexer, home.index, home.reading)
    inbox = Inbox(home.journal, home.chains, home.approvals, home.reading, home.indexer, home.index)
    return EmbeddedDesk(
        home.journal, home.people, home.reading, lists, inbox, home.findings, home.chains, bearer
    )


def open_passkeys(home: Home, credential: str) -> EmbeddedPasskeys:
    """Enrolling passkeys at an opened home, for whoever ``credential`` stands for."""
    return EmbeddedPasskeys(home.passkeys, Bearer(home.credentials, credential))


def open_circles(home: Home, credential: str) -> EmbeddedCircles:
    """Who is asked to decide at an opened home, for whoever ``credential`` stands for."""
    asking = Asking(home.chains, home.outbox)
    bearer = Bearer(home.credentials, credential)
    return EmbeddedCircles(home.circles, asking, home.reading.pseudonyms, bearer)


def open_runbooks(home: Home, credential: str) -> EmbeddedRunbooks:
    """What officers allowed in advance at an opened home, for whoever ``credential`` stands for."""
    return EmbeddedRunbooks(home.runbooks, Bearer(home.credentials, credential))


def open_log(home: Home) -> EmbeddedLog:
    """The public face of an opened home's log."""
    return EmbeddedLog(home.journal, home.people)


def watch_process(home: Home) -> WatchProcess:
    """The same in a process beside this one; not started yet."""
    return WatchProcess(("--home", str(home.path)))


def destinations(settings: NotifySettings) -> Destinations:
    """Where messages go."""
    file = Path(settings.destinations_file).expanduser() if settings.destinations_file else None
    mail = MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.smtp_sender,
        settings.smtp_account,
        settings.smtp_password_file,
    )
    return Destinations(file, mail, settings.certificates_file)


def open_watch(home: Home) -> Watch:
    """What follows the log of an opened home; not started yet."""
    notify = home.settings.notify
    requests = Requests(home.journal, home.chains, home.circles, home.outbox, home.settings.server.public_url)
    delivery = Delivery(
        home.outbox,
        destinations(notify).open,
        tries_max=notify.tries,
        rate=notify.messages_a_minute,
    )
    return Watch(
        (
            *_unusual(home),
            Task("index", home.indexer.catch_up_by),
            Task("settling", lambda: home.settling.settle(clock.now(), patience_seconds=RETURN_SECONDS)),
            Task("requests", lambda: requests.turn(clock.now())),
            Task("delivery", lambda: delivery.turn(clock.now()), delivery.close),
        )
    )


def _unusual(home: Home) -> Iterator[Task]:
    """Comparing acts with habits, where the settings name anybody; without numpy it is refused, not left out."""
    chosen = home.settings.unusual
    if not chosen.teams and not chosen.points:
        return
    try:
        from byhand.watch.acts import TakingPart
        from byhand.watch.unusual import Unusual
    except ModuleNotFoundError as error:
        raise Invalid(
            f"unusual acts cannot be found without {error.name}", advice="Run: pip install 'byhand[watch]'"
        ) from error
    taking_part = TakingPart(_names(chosen.teams), _names(chosen.points))
    unusual = Unusual(home.journal, home.chains, home.learned, taking_part)
    yield Task("unusual", lambda: unusual.turn(clock.now()), unusual.close)


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))
