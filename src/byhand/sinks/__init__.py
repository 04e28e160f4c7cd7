# SPDX-License-Identifier: Apache-2.0
"""Destinations of messages: one file for each kind of place where people are reached.

A new kind is one new file and its class in ``BUILT_IN``; other packages offer theirs under the entry point group
``byhand.sinks``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from byhand.errors import Invalid
from byhand.sinks.contract import MailServer, Message, Place, Sink, SinkKind
from byhand.sinks.slack import Slack
from byhand.sinks.smtp import Smtp
from byhand.sinks.teams import Teams
from byhand.sinks.webhook import Webhook

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN: tuple[type[SinkKind], ...] = (Webhook, Smtp, Slack, Teams)
ENTRY_POINT_GROUP = "byhand.sinks"
_BY_SCHEME: dict[str, type[SinkKind]] = {kind.scheme: kind for kind in BUILT_IN}

__all__ = [
    "BUILT_IN",
    "ENTRY_POINT_GROUP",
    "MailServer",
    "Message",
    "Place",
    "Sink",
    "SinkKind",
    "kind_of",
    "kinds",
    "schemes",
]


def kinds() -> dict[str, type[SinkKind]]:
    """Every kind of sink by its scheme; what byhand ships cannot be replaced from outside. Raises Invalid."""
    return {scheme: kind_of(scheme) for scheme in schemes()}


def schemes() -> frozenset[str]:
    """The schemes that there are; loads nothing of another package."""
    return frozenset(_BY_SCHEME) | {point.name for point in _offered()}


def kind_of(scheme: str) -> type[SinkKind]:
    """The kind with this scheme, of ``schemes``; raises Invalid when another package's cannot be loaded.

    What byhand ships is looked at first: no package of anybody else's keeps it from being used.
    """
    if scheme in _BY_SCHEME:
        return _BY_SCHEME[scheme]
    try:
        (offered, *_) = [point for point in _offered() if point.name == scheme]
        loaded: type[SinkKind] = offered.load()
    except Exception as error:  # whatever another package does when it is loaded
        raise Invalid(
            f"the kind {scheme}: of another package cannot be loaded: {type(error).__name__}",
            advice=f"Mend or remove the package that offers {scheme}: under {ENTRY_POINT_GROUP}.",
        ) from error
    return loaded


def _offered() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)
