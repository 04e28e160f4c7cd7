# SPDX-License-Identifier: Apache-2.0
"""What a sink is: something that carries a short message to a destination, or says that it did not get there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from byhand.records.base import Part

SEND_SECONDS_MAX = 10.0  # all of one delivery, however slowly the other side speaks: the next retry is better

Occasion = Literal["request", "reminder", "second", "break-glass", "broken", "review", "overdue", "test"]


class Message(Part, kw_only=True):
    """What somebody is told. Every text in it is visible, on one line, and holds no secret."""

    id: str
    """The same for every retry: whoever received it before knows it again."""
    occasion: Occasion
    """What it is about."""
    title: str
    """The one line that a telephone shows."""
    text: str
    """What is asked, in a sentence."""
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values shown below it."""
    link: str | None = None
    """Where it is decided: a page that asks for a signature. Following it decides nothing."""
    time: str = ""
    """When it was written."""
    intervention: str | None = None
    """What it is about."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Through what mail is sent."""

    host: str = ""
    port: int = 587
    security: str = "starttls"
    """``starttls``, ``tls``, or ``none`` (on this machine only)."""
    sender: str = ""
    account: str = ""
    password_file: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of one destination: its own fields, and what all of them share."""

    name: str
    fields: Mapping[str, str] = field(repr=False)
    """As the file of destinations has them: links and secrets among them, so never shown."""
    mail: MailServer = field(default_factory=MailServer)
    certificates: str = ""
    """File (PEM) of the authorities that the other side's certificate may come from; empty: the system's."""


class Sink(Protocol):
    """One destination."""

    def send(self, message: Message) -> None:
        """Hand ``message`` over.

        Returns when the other side has taken it. May take SEND_SECONDS_MAX; may be repeated, with the same id.
        Raises NotDelivered, which says whether a repetition can help, and never shows a link or a secret.
        """
        ...


class SinkKind(Protocol):
    """One kind of destination, named by the scheme of its addresses, e.g. ``slack:risk-desk``."""

    scheme: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]
    """What the file of destinations says of one; everything else there is a fault."""

    @classmethod
    def at(cls, place: Place) -> Sink:
        """The sink at ``place``; sends nothing yet. Raises Invalid naming every fault, never its values."""
        ...
