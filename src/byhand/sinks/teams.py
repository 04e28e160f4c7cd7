# SPDX-License-Identifier: Apache-2.0
"""A Microsoft Teams channel, by the link of a workflow that takes cards. The link is the secret."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson

from byhand.sinks.contract import Message, Place
from byhand.sinks.posting import Link, link_at, post

CARD = "application/vnd.microsoft.card.adaptive"


class Teams:
    """A Microsoft Teams channel, by a workflow's link."""

    scheme: ClassVar[str] = "teams"
    fields: ClassVar[tuple[str, ...]] = ("link",)

    def __init__(self, link: Link) -> None:
        self._link = link

    @classmethod
    def at(cls, place: Place) -> Teams:
        """See ``SinkKind``."""
        return cls(link_at(place))

    def send(self, message: Message) -> None:
        """See ``Sink``."""
        post(self._link, orjson.dumps(card(message)), {"Content-Type": "application/json; charset=utf-8"})


def card(message: Message) -> dict[str, Any]:
    """The message as an adaptive card. Others' words are runs of text, in which Teams reads no markup."""
    lines = [_line(message.title, weight="Bolder", size="Large"), _line(message.text)]
    lines += [_line(f"{name}: {value}") for name, value in message.facts]
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": lines,
    }
    if message.link is not None:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Look and decide", "url": message.link}]
    return {"type": "message", "attachments": [{"contentType": CARD, "content": content}]}


def _line(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
