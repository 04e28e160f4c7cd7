# SPDX-License-Identifier: Apache-2.0
"""A Slack channel, by the link of an incoming webhook. The link is the secret: whoever has it can write there."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson

from byhand.sinks.contract import Message, Place
from byhand.sinks.posting import Link, link_at, post

HEADER_LENGTH_MAX = 150  # characters of a header, as Slack has it
TEXT_LENGTH_MAX = 2_000  # characters of a field, as Slack has it
FACTS_MAX = 10  # fields of a section, as Slack has it
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Slack:
    """A Slack channel, by an incoming webhook's link."""

    scheme: ClassVar[str] = "slack"
    fields: ClassVar[tuple[str, ...]] = ("link",)

    def __init__(self, link: Link) -> None:
        self._link = link

    @classmethod
    def at(cls, place: Place) -> Slack:
        """See ``SinkKind``."""
        return cls(link_at(place))

    def send(self, message: Message) -> None:
        """See ``Sink``."""
        post(self._link, orjson.dumps(blocks(message)), {"Content-Type": "application/json; charset=utf-8"})


def blocks(message: Message) -> dict[str, Any]:
    """The message as Slack's blocks. Others' words are plain text there, so they mention and link nothing."""
    shown: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(message.title, HEADER_LENGTH_MAX)},
        {"type": "section", "text": _plain(message.text, TEXT_LENGTH_MAX)},
    ]
    facts = [_plain(f"{name}: {value}", TEXT_LENGTH_MAX) for name, value in message.facts[:FACTS_MAX]]
    if facts:
        shown.append({"type": "section", "fields": facts})
    if message.link is not None:
        link = f"<{message.link.translate(_ESCAPED)}|Look and decide>"
        shown.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    return {"text": message.title.translate(_ESCAPED), "blocks": shown}


def _plain(text: str, length_max: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:length_max], "emoji": False}
