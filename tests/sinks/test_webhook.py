# SPDX-License-Identifier: Apache-2.0
"""Webhooks as Standard Webhooks has them: its published vector, and a receiver that checks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from receivers import receiver

from byhand.errors import Invalid, NotDelivered
from byhand.sinks.contract import Message, Place
from byhand.sinks.webhook import Webhook, secret_at, signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = Message(id="id-1", occasion="request", title="t", text="x", time="2026-11-25T10:00:00.000000Z")


def test_the_published_vector_is_met() -> None:
    """Id, time, body and secret of the specification's libraries give their signature, byte for byte."""
    headers = signed(
        secret_at(Place("webhook:x", {"secret": SECRET})),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_receiver_can_check_what_it_got() -> None:
    """The signature covers id, time and body as they came."""
    with receiver() as found:
        Webhook.at(Place("webhook:x", {"link": found.url, "secret": SECRET})).send(MESSAGE)
    (one,) = found.received
    covered = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    mac = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), covered, hashlib.sha256).digest()
    assert one.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert json.loads(one.body)["type"] == "byhand.request"


def test_a_redirect_is_a_refusal_and_is_not_followed() -> None:
    """Whoever answers with another place gets nothing sent there, and it is not tried again."""
    with receiver() as elsewhere, receiver() as found:
        found.status, found.headers = 307, {"Location": elsewhere.url}
        sink = Webhook.at(Place("webhook:x", {"link": found.url, "secret": SECRET}))
        with pytest.raises(NotDelivered, match="307") as failure:
            sink.send(MESSAGE)
        assert failure.value.for_good
        assert elsewhere.received == []


@pytest.mark.parametrize(("said", "waits"), [("7", 7), ("99999999", 300), ("-1", 0), ("soon", 0), ("²", 0)])
def test_whoever_asks_for_a_pause_gets_one_of_sensible_length(said: str, waits: int) -> None:
    """Retry-After in seconds counts, up to five minutes; everything else is passed over."""
    with receiver() as found:
        found.status, found.headers = 429, {"Retry-After": said}
        sink = Webhook.at(Place("webhook:x", {"link": found.url, "secret": SECRET}))
        with pytest.raises(NotDelivered) as failure:
            sink.send(MESSAGE)
    assert (failure.value.after_seconds, failure.value.for_good) == (waits, False)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 400]
)
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    """It is 24 to 64 bytes in base64 behind whsec_."""
    with pytest.raises(Invalid) as refusal:
        secret_at(Place("webhook:x", {"secret": secret}))
    assert len(secret) < 8 or secret not in str(refusal.value)
