# SPDX-License-Identifier: Apache-2.0
"""The settings of a home, as values: ``HOME/byhand.toml`` < ``BYHAND_SECTION__NAME`` < flags.

Unknown names are errors, all of them at once; secrets are only ever named by file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

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
class Settings:
    """All settings of a home."""

    log: LogSettings = field(default_factory=LogSettings)
    anchor: AnchorSettings = field(default_factory=AnchorSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    server: ServerSettings = field(default_factory=ServerSettings)


ENVIRONMENT_ONLY = frozenset({"anchor.folder"})
BOUNDS: dict[str, tuple[int, int]] = {
    "log.heartbeat_idle_minutes": (1, 1_440),  # more than a day of silence proves nothing about being alive
    "log.checkpoint_seconds": (1, 60),  # an unsigned minute is the most that a rollback may hide in
    "gate.permit_seconds": (1, 600),  # a permit is for an act that is about to happen
    "server.port": (0, 65_535),  # 0: any free one, which is said when it is known
    "server.stop_seconds": (1, 300),  # longer and whoever stops it thinks it hangs
    "gate.intent_seconds": (10, 86_400),  # a reason given yesterday is no reason for today
}


def parse(document: Mapping[str, object], environment: Mapping[str, str]) -> Settings:
    """Settings from a TOML document and the environment; raises Invalid naming every fault."""
    faults: list[Fault] = []
    chosen: dict[str, dict[str, object]] = {}
    for section, values in document.items():
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            if f"{section}.{name}" in ENVIRONMENT_ONLY:
                variable = f"{PREFIX}{section}{SEPARATOR}{name}".upper()
                faults.append(Fault(f"/{section}/{name}", "is not the home's to say", f"set {variable}"))
                continue
            _choose(chosen, faults, section, name, value, f"/{section}/{name}".rstrip("/"))
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and SEPARATOR in variable and variable not in BESIDE_THE_SETTINGS:
            section, name = variable.removeprefix(PREFIX).lower().split(SEPARATOR, 1)
            _choose(chosen, faults, section, name, text, variable)
    if faults:
        raise Invalid("the settings are not valid", tuple(faults), advice="See docs/reference/settings.md")
    kinds = {part.name: part.default_factory for part in dataclasses.fields(Settings)}
    return Settings(**{section: kinds[section](**values) for section, values in chosen.items()})  # type: ignore[operator]


def _choose(
    chosen: dict[str, dict[str, object]],
    faults: list[Fault],
    section: str,
    name: str,
    value: object,
    where: str,
) -> None:
    known = {part.name: part.default_factory for part in dataclasses.fields(Settings)}
    kind = known.get(section)
    parts = {part.name: part.default for part in dataclasses.fields(kind)} if kind else {}  # type: ignore[arg-type]
    if name not in parts:
        sections = ", ".join(sorted(known))
        faults.append(Fault(where, "there is no such setting", f"sections are {sections}"))
        return
    try:
        chosen.setdefault(section, {})[name] = _typed(value, parts[name], f"{section}.{name}")
    except ValueError as error:
        faults.append(Fault(where, str(error)))


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
