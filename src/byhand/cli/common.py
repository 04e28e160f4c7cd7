# SPDX-License-Identifier: Apache-2.0
"""The options that every command takes: which home, as whom, with which key, shown how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Group, Parameter, Token

from byhand.errors import Invalid

OutputForm: TypeAlias = Literal["table", "json", "ndjson"]
RecordId: TypeAlias = Annotated[str, Parameter(name="ID")]
Many: TypeAlias = Annotated[tuple[str, ...], Parameter(negative=())]
EVERYWHERE = Group("Options of every command", sort_key=99)


def _text(_kind: object, tokens: Sequence[Token]) -> str:
    """What stands behind an option; raises Invalid for nothing, and for bytes that are no text."""
    token = tokens[0]
    if not token.value:
        raise Invalid(
            f"{token.keyword} is empty", advice="Is a variable not set? Give it a value, or leave it out."
        )
    try:
        token.value.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"what stands behind {token.keyword} is not UTF-8") from error
    return token.value


def _path(_kind: object, tokens: Sequence[Token]) -> Path:
    """The path behind an option; raises Invalid for an empty one, which would be the current folder."""
    return Path(_text(_kind, tokens))


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What may stand before or behind the name of any command."""

    home: Annotated[
        Path | None,
        Parameter(
            group=EVERYWHERE,
            converter=_path,
            help="The home. Else: BYHAND_HOME, /etc/byhand/client.toml, ~/.byhand.",
        ),
    ] = None
    url: Annotated[
        str | None,
        Parameter(
            group=EVERYWHERE,
            converter=_text,
            help="The server, in place of a home. Else: BYHAND_URL, client.toml.",
        ),
    ] = None
    person: Annotated[
        str | None,
        Parameter(
            group=EVERYWHERE,
            converter=_text,
            help="Who acts. Else: BYHAND_PERSON, the session, the key's person.",
        ),
    ] = None
    key: Annotated[
        Path | None,
        Parameter(
            group=EVERYWHERE,
            converter=_path,
            help="The key that signs. Else: BYHAND_KEY, the ssh-agent, a key in ~/.ssh.",
        ),
    ] = None
    output: Annotated[
        OutputForm | None,
        Parameter(group=EVERYWHERE, help="How to show it. Default: table on a terminal, else json."),
    ] = None


NOTHING_CHOSEN = Common()
OPTIONS = ("--home", "--url", "--person", "--key", "--output")
