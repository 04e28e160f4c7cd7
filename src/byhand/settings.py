# SPDX-License-Identifier: Apache-2.0
"""The settings of a home, as values: ``HOME/byhand.toml`` < ``BYHAND_SECTION__NAME`` < flags.

Unknown names are errors, all of them at once; secrets are only ever named by file.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from byhand.errors import Fault, Invalid

PREFIX = "BYHAND_"
SEPARATOR = "__"
BESIDE_THE_SETTINGS = frozenset(
    {
        "BYHAND_CACHE",
        "BYHAND_HOME",
        "BYHAND_KEY",
        "BYHAND_ON_BEHALF_OF",
        "BYHAND_PERSON",
        "BYHAND_TOKEN_FILE",
        "BYHAND_URL",
    }
)


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How the log signs."""

    ml_dsa: bool = False
    """Sign checkpoints with ML-DSA-44 (post-quantum) beside Ed25519."""
    heartbeat_idle_minutes: int = 10
    """A long-running process records a heartbeat entry after this many idle minutes."""
    checkpoint_seconds: int = 1
    """A long-running process signs a checkpoint this often when the tree has grown."""


@dataclass(frozen=True, slots=True)
class AnchorSettings:
    """Where the last signed checkpoint is kept, apart from the home."""

    folder: str = ""
    """Folder of the anchors; empty: ``$XDG_STATE_HOME/byhand/anchors`` (``~/.local/state/byhand/anchors``).

    Taken from the environment only: a home that says itself where its anchor is vouches for itself.
    """


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How long what the gate gives out is good for."""

    permit_seconds: int = 600
    """A permit that is not used within this time lapses; at most 600."""
    intent_seconds: int = 3_600
    """An intent that gets no permit within this time lapses; at most 86,400."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where `byhand serve` listens."""

    host: str = "127.0.0.1"
    """Address to listen on. Others than this machine's own need TLS, here or in a proxy before it."""
    port: int = 8420
    """Port to listen on."""
    public_url: str = ""
    """Where people reach the pages, e.g. ``https://byhand.example``: passkeys belong to this name for good.

    Empty: ``http://localhost:PORT`` on a loopback address without TLS, else there are no pages.
    """
    tls_certificate_file: str = ""
    """Certificate chain (PEM); with it the server speaks HTTPS only."""
    tls_key_file: str = ""
    """Private key (PEM) of the certificate."""
    behind_proxy: bool = False
    """A proxy speaks TLS to the world and names the client's address in `X-Forwarded-For`."""
    proxies: str = "127.0.0.1,::1"
    """Addresses or networks of such proxies, with commas between: from anybody else that header counts for nothing."""
    stop_seconds: int = 10
    """How long requests that began may take to end when the server is stopped."""


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """An issuer of tokens, by the name that accounts carry (``[issuers.NAME]``): whose word is taken, and for what.

    Whoever can write this can say who is signed in, as whoever can write the home's files can; neither can sign.
    """

    url: str = ""
    """The issuer, letter for letter as its tokens name it (``iss``); its keys are found from there."""
    kind: str = "person"
    """Whom its tokens are about: ``person``, ``ci`` (a pipeline that a person started) or ``workload`` (nobody)."""
    client_id: str = ""
    """What byhand is called there; for persons."""
    client_secret_file: str = ""
    """File of byhand's secret there, where the issuer gave one."""
    audience: str = ""
    """For whom tokens must be made (``aud``); empty: ``client_id``."""
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    """How its tokens may be signed; only with key pairs."""
    account: str = "sub"
    """The claim that is the account: one that is never given to somebody else later."""
    workload: str = "sub"
    """The claim that says which workload it is, for ``ci`` and ``workload``."""
    names: tuple[str, ...] = ("preferred_username", "email")
    """Claims that name the account for people: a shared account is recognised by them too."""
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Claims and values (``*`` for any text) of accounts that several people or none stand behind."""
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Claims that must be there, each with one of these values."""
    scopes: tuple[str, ...] = ("openid",)
    """What is asked for at a login."""
    acr_values: tuple[str, ...] = ()
    """What is asked for where a login must be strong (``acr``), the best first; a login must show one of them."""
    keys_file: str = ""
    """The issuer's public keys (JWKS) in a file, where it cannot be reached from here."""
    ca_file: str = ""
    """Certificates (PEM) of whoever vouches for the issuer's TLS, where the machine's own do not."""


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """How people are told that they are asked to decide. The link in a message is made of `server.public_url`."""

    destinations_file: str = ""
    """File (TOML, for its owner only) that says where the destinations of circles are: links, mailboxes, secrets."""
    certificates_file: str = ""
    """Authorities (PEM) that destinations' certificates may come from; empty: the system's."""
    smtp_host: str = ""
    """Server that takes mail."""
    smtp_port: int = 587
    """Its port."""
    smtp_security: str = "starttls"
    """`starttls`, `tls`, or `none`, which is for a server on this machine only."""
    smtp_sender: str = ""
    """The address that mail comes from."""
    smtp_account: str = ""
    """The account to sign in with, where the server asks for one."""
    smtp_password_file: str = ""
    """File that holds that account's password."""
    tries: int = 10
    """How often a message is tried before it is given up and said to be dead."""
    messages_a_minute: int = 30
    """To one destination at most; what is more waits."""


@dataclass(frozen=True, slots=True)
class UnusualSettings:
    """Whose acts are compared with what they usually do. Nobody's, unless a team or a point is named."""

    teams: str = ""
    """Teams whose points take part, with commas between; `*`: every point."""
    points: str = ""
    """Points that take part, with commas between."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a home."""

    log: LogSettings = field(default_factory=LogSettings)
    anchor: AnchorSettings = field(default_factory=AnchorSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    issuers: Mapping[str, IssuerSettings] = field(default_factory=dict)
    notify: NotifySettings = field(default_factory=NotifySettings)
    unusual: UnusualSettings = field(default_factory=UnusualSettings)


ISSUERS = "issuers"
KINDS = ("person", "ci", "workload")
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signed with key pairs. None is signed with a secret that the verifier knows too, and none is unsigned."""
ISSUERS_MAX = 32  # a company has one for people and one for each system; each is asked for its keys
ISSUER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?")
RESERVED = "local"
"""The issuer of a person's own id; no other may be called so."""
ENVIRONMENT_ONLY = frozenset({"anchor.folder"})
BOUNDS: dict[str, tuple[int, int]] = {
    "log.heartbeat_idle_minutes": (1, 1_440),  # more than a day of silence proves nothing about being alive
    "log.checkpoint_seconds": (1, 60),  # an unsigned minute is the most that a rollback may hide in
    "gate.permit_seconds": (1, 600),  # a permit is for an act that is about to happen
    "server.port": (0, 65_535),  # 0: any free one, which is said when it is known
    "server.stop_seconds": (1, 300),  # longer and whoever stops it thinks it hangs
    "notify.smtp_port": (1, 65_535),
    "notify.tries": (1, 100),  # with their pauses a hundred tries last for a working day
    "notify.messages_a_minute": (1, 6_000),  # a hundred a second is a machine's reading, not a person's
    "gate.intent_seconds": (10, 86_400),  # a reason given yesterday is no reason for today
}


def parse(document: Mapping[str, object], environment: Mapping[str, str]) -> Settings:
    """Settings from a TOML document and the environment; raises Invalid naming every fault."""
    faults: list[Fault] = []
    chosen: dict[str, dict[str, object]] = {}
    issuers: dict[str, dict[str, object]] = {}
    for section, values in document.items():
        if section == ISSUERS:
            _choose_issuers(issuers, faults, values)
            continue
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            if f"{section}.{name}" in ENVIRONMENT_ONLY:
                variable = f"{PREFIX}{section}{SEPARATOR}{name}".upper()
                faults.append(Fault(f"/{section}/{name}", "is not the home's to say", f"set {variable}"))
                continue
            _choose(chosen, faults, section, name, value, f"/{section}/{name}".rstrip("/"))
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and SEPARATOR in variable and variable not in BESIDE_THE_SETTINGS:
            section, name = variable.removeprefix(PREFIX).lower().split(SEPARATOR, 1)
            if section == ISSUERS:
                whose, _, name = name.partition(SEPARATOR)
                _choose_of_issuer(issuers.setdefault(whose, {}), faults, name, text, variable)
                continue
            _choose(chosen, faults, section, name, text, variable)
    table = {name: IssuerSettings(**values) for name, values in issuers.items()}  # type: ignore[arg-type]
    for issuer_name, issuer in table.items():
        faults += _issuer_faults(issuer_name, issuer)
    if len(table) > ISSUERS_MAX:
        faults.append(Fault(f"/{ISSUERS}", f"names more than {ISSUERS_MAX}"))
    if faults:
        raise Invalid("the settings are not valid", tuple(faults), advice="See docs/reference/settings.md")
    kinds = {part.name: part.default_factory for part in dataclasses.fields(Settings)}
    sections = {section: kinds[section](**values) for section, values in chosen.items()}  # type: ignore[operator]
    return Settings(**sections, issuers=table)


def _choose(
    chosen: dict[str, dict[str, object]],
    faults: list[Fault],
    section: str,
    name: str,
    value: object,
    where: str,
) -> None:
    known = {part.name: part.default_factory for part in dataclasses.fields(Settings)}
    kind = known.get(section) if section != ISSUERS else None
    parts = {part.name: part.default for part in dataclasses.fields(kind)} if kind else {}  # type: ignore[arg-type]
    if name not in parts:
        sections = ", ".join(sorted(known))
        faults.append(Fault(where, "there is no such setting", f"sections are {sections}"))
        return
    try:
        chosen.setdefault(section, {})[name] = _typed(value, parts[name], f"{section}.{name}")
    except ValueError as error:
        faults.append(Fault(where, str(error)))


def _choose_issuers(issuers: dict[str, dict[str, object]], faults: list[Fault], values: object) -> None:
    for issuer, one in values.items() if isinstance(values, dict) else [("", values)]:
        if not isinstance(one, dict):
            place = f"/{ISSUERS}/{issuer}".rstrip("/")
            faults.append(Fault(place, "is no table", f"write [{ISSUERS}.NAME]"))
            continue
        chosen = issuers.setdefault(issuer, {})
        for name, value in one.items():
            _choose_of_issuer(chosen, faults, name, value, f"/{ISSUERS}/{issuer}/{name}")


def _choose_of_issuer(
    chosen: dict[str, object], faults: list[Fault], name: str, value: object, where: str
) -> None:
    parts = {part.name: part for part in dataclasses.fields(IssuerSettings)}
    if name not in parts:
        faults.append(Fault(where, "there is no such setting", f"there are {', '.join(parts)}"))
        return
    try:
        if name in ("shared", "required"):
            chosen[name] = _claims(value)
        elif isinstance(parts[name].default, tuple):
            chosen[name] = _words(value)
        else:
            chosen[name] = _typed(value, parts[name].default, f"{ISSUERS}.{name}")
    except ValueError as error:
        faults.append(Fault(where, str(error)))


def _words(value: object) -> tuple[str, ...]:
    """A list of words; in the environment with commas between."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        raise ValueError("must be a list of words")
    return tuple(word.strip() for word in words)


def _claims(value: object) -> dict[str, tuple[str, ...]]:
    """Claims with the values that count; in the environment ``claim=value`` with commas between."""
    if isinstance(value, str):
        told: dict[str, list[str]] = {}
        for claim, _, one in (pair.partition("=") for pair in value.split(",")):
            told.setdefault(claim.strip(), []).append(one.strip())
        value = told
    if not isinstance(value, dict):
        raise ValueError("must be a table of claims with their values")
    claims = {claim: _words([one] if isinstance(one, str) else one) for claim, one in value.items()}
    if "" in claims:
        raise ValueError("names an empty claim")
    return claims


def _issuer_faults(name: str, issuer: IssuerSettings) -> Iterator[Fault]:
    """What of an issuer cannot be relied on."""
    place = f"/{ISSUERS}/{name}"
    if ISSUER_NAME.fullmatch(name) is None or name == RESERVED:
        yield Fault(place, "is no name of an issuer", "use a-z 0-9 . -, e.g. corp or github")
    if not secured(issuer.url):
        advice = "write https://..., letter for letter as its tokens name it"
        yield Fault(f"{place}/url", "is no issuer that can be reached safely", advice)
    if issuer.kind not in KINDS:
        yield Fault(f"{place}/kind", f"is none of {', '.join(KINDS)}")
    unfit = sorted(set(issuer.algorithms) - set(ALGORITHMS))
    if unfit or not issuer.algorithms:
        advice = f"use some of {', '.join(ALGORITHMS)}"
        yield Fault(f"{place}/algorithms", "holds one without a key pair, or none", advice)
    if issuer.kind == "person" and not issuer.client_id:
        yield Fault(f"{place}/client_id", "is missing", "register byhand at the issuer")
    if issuer.kind == "person" and "openid" not in issuer.scopes:
        yield Fault(f"{place}/scopes", "lacks openid, without which there is no word on who signed in")
    if issuer.kind != "person" and not issuer.audience:
        yield Fault(f"{place}/audience", "is missing", "a name for this byhand that tokens are made for")


def secured(url: str) -> bool:
    """Whether what comes from ``url`` comes from there: over TLS, or from this machine."""
    try:
        split = urlsplit(url)
        plain = not (split.username or split.password or split.query or split.fragment)
        host = split.hostname or ""
    except ValueError:
        return False
    if not host or not plain or split.scheme not in ("http", "https"):
        return False
    return split.scheme == "https" or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, which nobody else can reach under that name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _typed(value: object, default: object, name: str) -> object:
    if isinstance(default, bool):
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value
    if isinstance(default, int):
        if isinstance(value, bool) or not str(value).isdecimal():
            raise ValueError("must be a whole number")
        low, high = BOUNDS[name]
        if not low <= int(str(value)) <= high:
            raise ValueError(f"must be between {low} and {high}")
        return int(str(value))
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value
