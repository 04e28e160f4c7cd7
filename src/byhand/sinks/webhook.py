# SPDX-License-Identifier: Apache-2.0
"""Any system of yours, by a webhook that is signed as Standard Webhooks says (symmetric, ``v1``).

What is signed is ``ID.TIMESTAMP.BODY``, by HMAC-SHA256 under the secret behind ``whsec_``. Whoever receives it checks
the signature and the time, and knows a repetition by its id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import ClassVar

import msgspec
import orjson

from byhand import clock
from byhand.errors import Fault, Invalid
from byhand.sinks.contract import Message, Place
from byhand.sinks.posting import Link, link_at, post

PREFIX = "whsec_"
SECRET_BYTES_MIN = 24  # as Standard Webhooks has it
SECRET_BYTES_MAX = 64  # as Standard Webhooks has it


class Webhook:
    """A URL of a system that checks signatures (Standard Webhooks)."""

    scheme: ClassVar[str] = "webhook"
    fields: ClassVar[tuple[str, ...]] = ("link", "secret")

    def __init__(self, link: Link, secret: bytes) -> None:
        self._link = link
        self._secret = secret

    @classmethod
    def at(cls, place: Place) -> Webhook:
        """See ``SinkKind``."""
        return cls(link_at(place), secret_at(place))

    def send(self, message: Message) -> None:
        """See ``Sink``."""
        body, now = body_of(message), int(clock.parse(clock.now()).timestamp())
        post(
            self._link,
            body,
            {"Content-Type": "application/json", **signed(self._secret, message.id, now, body)},
        )


def secret_at(place: Place) -> bytes:
    """The bytes of the secret in ``place``; raises Invalid."""
    text = place.fields.get("secret", "")
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(PREFIX) or not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        what = f"is not {PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64"
        fault = Fault("/secret", what, f"echo {PREFIX}$(head -c 32 /dev/urandom | base64)")
        raise Invalid(f"the destination {place.name} cannot be used", (fault,))
    return secret


def signed(secret: bytes, id_: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks."""
    mac = hmac.digest(secret, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def body_of(message: Message) -> bytes:
    """The body: type, timestamp and data, as Standard Webhooks proposes."""
    data = {**msgspec.to_builtins(message), "facts": dict(message.facts)}
    document = {"type": f"byhand.{message.occasion}", "timestamp": message.time, "data": data}
    return orjson.dumps(document)
