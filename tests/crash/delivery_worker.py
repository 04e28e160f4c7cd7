# SPDX-License-Identifier: Apache-2.0
"""Delivers what is in an outbox to a webhook, until somebody kills it: ``FOLDER URL``."""

from __future__ import annotations

import sys
from pathlib import Path

from byhand import clock
from byhand.sinks.contract import Place
from byhand.sinks.webhook import Webhook
from byhand.store.sqlite.outbox import SqliteOutbox
from byhand.watch.delivery import Delivery

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def main(folder: str, url: str) -> None:
    """Begin every delivery that is due, and wait for it."""
    outbox = SqliteOutbox(Path(folder))
    place = Place("webhook:x", {"link": url, "secret": SECRET})
    delivery = Delivery(outbox, lambda _: Webhook.at(place), tries_max=5, rate=100)
    delivery.turn(clock.now())
    delivery.close()
    outbox.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
