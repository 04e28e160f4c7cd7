# SPDX-License-Identifier: Apache-2.0
"""Which server or home, and as whom: flags, the environment, ``/etc/byhand/client.toml``, then ``~/.byhand``.

A server goes before a home: ``--url``, ``BYHAND_URL``, the file's ``url``; ``--home`` alone goes before the last two.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from byhand.errors import Fault, Invalid

SYSTEM_FILE = Path("/etc/byhand/client.toml")
DEFAULT_HOME = "~/.byhand"
KEYS = ("home", "key", "person", "token_file", "url", "when_unreachable")
WHEN_UNREACHABLE = ("refuse", "spool")
TOKEN_BYTES_MAX = (
    8_448  # ours have 53 characters, those of issuers up to 8,192; anything longer is another file
)
FILE_BYTES_MAX = 65_536  # three lines of settings; anything longer is another file


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client needs before it can speak: where, as whom, by which key. ``None``: known at login."""

    home: Path
    home_from: str
    """Who said so, for messages: ``--home``, ``BYHAND_HOME``, the file's path, or ``default``."""
    person: str | None = None
    key: Path | None = None
    url: str | None = None
    """A server; then the home is not this machine's affair."""
    token_file: Path | None = None
    """Holds a token, for programs that nobody signs in to."""
    on_behalf_of: str | None = None
    """The account (``issuer:account``) for whose person a workload acts."""
    when_unreachable: str = "refuse"
    """What becomes of an act when nobody answers for the log: ``refuse`` it, or ``spool`` it (low and medium risk)."""


def client_settings(
    *,
    home: str | Path | None = None,
    url: str | None = None,
    person: str | None = None,
    key: str | Path | None = None,
    when_unreachable: str | None = None,
    environ: Mapping[str, str],
    file: Path = SYSTEM_FILE,
) -> ClientSettings:
    """The settings in force; an argument that is given comes first. ``environ`` is ``os.environ`` in earnest.

    Raises Invalid naming every unknown key of the file. Whoever can write the file can point a client to
    another home, but cannot make that home speak for the one that the client remembers (``known_logs``).
    """
    system = read_client_file(file)
    home_text, home_from = _first(
        (str(home) if home is not None else None, "--home"),
        (environ.get("BYHAND_HOME"), "BYHAND_HOME"),
        (system.get("home"), str(file)),
        (DEFAULT_HOME, "default"),
    )
    person_text, _ = _first((person, ""), (environ.get("BYHAND_PERSON"), ""), (system.get("person"), ""))
    key_text, _ = _first(
        (str(key) if key else None, ""), (environ.get("BYHAND_KEY"), ""), (system.get("key"), "")
    )
    url_text, _ = _first((url, ""), (None if home else environ.get("BYHAND_URL"), ""), _unless(home, system))
    if url is not None and home is not None:
        raise Invalid("both a server and a home are named", advice="Leave out --url or --home.")
    token_text, _ = _first((environ.get("BYHAND_TOKEN_FILE"), ""), (system.get("token_file"), ""))
    unreachable, said_by = _first(
        (when_unreachable, "when_unreachable"),
        (environ.get("BYHAND_WHEN_UNREACHABLE"), "BYHAND_WHEN_UNREACHABLE"),
        (system.get("when_unreachable"), str(file)),
        ("refuse", "default"),
    )
    if unreachable not in WHEN_UNREACHABLE:
        fault = Fault("/when_unreachable", "is neither refuse nor spool", f"said by {said_by}")
        raise Invalid("the settings are not valid", (fault,))
    return ClientSettings(
        when_unreachable=unreachable,
        url=url_text,
        token_file=_expanded(token_text, environ) if token_text else None,
        on_behalf_of=environ.get("BYHAND_ON_BEHALF_OF") or None,
        home=_expanded(home_text or DEFAULT_HOME, environ),
        home_from=home_from,
        person=person_text,
        key=_expanded(key_text, environ) if key_text else None,
    )


def _unless(home: str | Path | None, system: Mapping[str, str]) -> tuple[str | None, str]:
    """The system's server, unless a home was named."""
    return (None if home else system.get("url"), "")


def read_token(file: Path) -> str:
    """The token in ``file``, which only its owner may read; raises Invalid. Its text is never repeated."""
    try:
        with file.open("rb") as opened:
            status, data = os.fstat(opened.fileno()), opened.read(TOKEN_BYTES_MAX + 1)
    except OSError as error:
        raise Invalid(f"the token {file} cannot be read: {error.strerror}") from error
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise Invalid(f"others may read the token {file}", advice=f"chmod 600 {file}")
    text = data.decode("ascii", "replace").strip()
    if len(data) > TOKEN_BYTES_MAX or not text:
        raise Invalid(f"{file} holds no token")
    return text


def _first(*candidates: tuple[str | None, str]) -> tuple[str | None, str]:
    """The first candidate that says something; an empty environment variable says nothing."""
    return next(((text, source) for text, source in candidates if text), (None, ""))


def _expanded(text: str, environ: Mapping[str, str]) -> Path:
    if text == "~" or text.startswith("~/"):
        return Path(environ.get("HOME") or Path.home()) / text[2:]
    return Path(text)


def read_client_file(file: Path) -> dict[str, str]:
    """The settings in ``file``; none when there is no such file. Raises Invalid naming every fault."""
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}", advice="ask the machine's owner") from error
    if len(data) > FILE_BYTES_MAX:
        raise Invalid(f"{file} has more than {FILE_BYTES_MAX} bytes: these are no settings")
    return _parse(data, file)


def _parse(data: bytes, file: Path) -> dict[str, str]:
    import tomllib

    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} is not TOML: {error}") from error
    faults = [
        Fault(f"/{name}", "there is no such setting", f"there are {', '.join(KEYS)}")
        for name in sorted(document)
        if name not in KEYS
    ]
    faults += [
        Fault(f"/{name}", "must be text") for name in KEYS if not isinstance(document.get(name, ""), str)
    ]
    if faults:
        raise Invalid(f"{file} is not valid", tuple(faults))
    return document
