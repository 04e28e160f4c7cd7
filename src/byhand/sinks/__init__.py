# SPDX-License-Identifier: Apache-2.0
"""Destinations of messages: one file for each kind of place where people are reached.

A new kind is one new file and its class in ``BUILT_IN``; other packages offer theirs under the entry point group
``byhand.sinks``.
"""

from __future__ import annotations

from byhand.sinks.contract import MailServer, Message, Place, Sink, SinkKind
from byhand.sinks.slack import Slack
from byhand.sinks.smtp import Smtp
from byhand.sinks.teams import Teams
from byhand.sinks.webhook import Webhook

BUILT_IN: tuple[type[SinkKind], ...] = (Webhook, Smtp, Slack, Teams)
ENTRY_POINT_GROUP = "byhand.sinks"

__all__ = ["BUILT_IN", "ENTRY_POINT_GROUP", "MailServer", "Message", "Place", "Sink", "SinkKind", "kinds"]


def kinds() -> dict[str, type[SinkKind]]:
    """Every kind of sink by its scheme; what byhand ships cannot be replaced from outside."""
    from importlib.metadata import entry_points

    found: dict[str, type[SinkKind]] = {
        point.name: point.load() for point in entry_points(group=ENTRY_POINT_GROUP)
    }
    return found | {kind.scheme: kind for kind in BUILT_IN}
