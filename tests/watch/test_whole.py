# SPDX-License-Identifier: Apache-2.0
"""The whole way: an intent in the log, ``byhand watch`` beside it, and a signed message at its receiver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from receivers import receiver

from byhand.errors import Conflict, Invalid, NotFound, Refused
from byhand.records.circles import Circle, Member
from byhand.trust import administration as trust

BYHAND = Path(sys.executable).with_name("byhand")
PATIENCE_SECONDS = 30.0
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def watched(desk: Any, folder: Path) -> list[dict[str, Any]]:
    """What a real receiver hears from a real ``byhand watch`` until its first message."""
    with receiver() as found:
        places = folder / "places.toml"
        places.write_text(f'[webhook.pager]\nlink = "{found.url}/x"\nsecret = "{SECRET}"\n')
        places.chmod(0o600)
        environment = os.environ | desk.office.environment | {
            "BYHAND_NOTIFY__DESTINATIONS_FILE": str(places),
            "BYHAND_SERVER__PUBLIC_URL": "https://byhand.example",
        }  # fmt: skip
        command = [str(BYHAND), "watch", "--home", str(desk.home.path)]
        watch = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        try:
            ends = time.monotonic() + PATIENCE_SECONDS
            while not found.received and time.monotonic() < ends:
                time.sleep(0.05)
        finally:
            watch.send_signal(signal.SIGTERM)
            said = watch.communicate(timeout=PATIENCE_SECONDS)[1].decode()
    assert SECRET not in said
    assert len(found.received) == 1, said
    return [json.loads(one.body) for one in found.received]


def test_a_watch_without_a_server_tells_whoever_is_on_call(desk: Any, tmp_path: Path) -> None:
    """The message arrives within seconds, with the link; the requester sees that it did, and nobody else may."""
    desk.circle("risk-desk", Member(person="grace"), to=("webhook:pager", "slack:nowhere"))
    desk.point()
    intent = desk.ask()
    (body,) = watched(desk, tmp_path)
    assert body["type"] == "byhand.request"
    assert body["data"]["link"] == f"https://byhand.example/interventions/{intent.id}"
    asked = desk.asking().asked(desk.office.caller("ada"), intent.id)
    states = {one.destination: one.state for one in asked.told}
    assert states["webhook:pager"] == "delivered"
    assert (asked.open, asked.unheard) == (True, "")
    with pytest.raises(Refused):
        desk.asking().asked(desk.office.caller("grace"), intent.id)


def test_a_watch_tells_of_a_broken_glass_once(desk: Any, tmp_path: Path) -> None:
    """The second circle hears within seconds who broke it and why; a watch started again says nothing new."""
    desk.circle("head-office", Member(person="alan"), to=("webhook:pager",))
    desk.circle("risk-desk", Member(person="grace"), to=("slack:nowhere",), second="head-office")
    desk.point()
    intent = desk.ask(broken=True)
    desk.act(intent)
    (body,) = watched(desk, tmp_path)
    assert body["type"] == "byhand.broken"
    assert body["data"]["link"] == f"https://byhand.example/interventions/{intent.id}"
    later = desk.ask(broken=True)
    (again,) = watched(desk, tmp_path)
    assert again["data"]["intervention"] == later.id


def test_when_every_message_is_dead_whoever_waits_is_told(desk: Any) -> None:
    """All destinations failed: the requester sees it, and the figures count it."""
    desk.two_circles()
    desk.point()
    intent = desk.ask()
    desk.requests().turn(desk.at(intent, 0))
    for letter in desk.home.outbox.letters(intent.id):
        desk.home.outbox.settle(letter._replace(state="dead", cause="it answered 404"))
    asked = desk.asking().asked(desk.office.caller("ada"), intent.id)
    assert asked.unheard == "no destination could be reached"
    assert {one.cause for one in asked.told} == {"it answered 404"}
    assert desk.home.outbox.counts("").unheard == 1
    desk.requests().turn(desk.at(intent, 300))
    assert desk.home.outbox.counts("").unheard == 0


# -- circles are changes to byhand


def test_with_two_officers_a_circle_takes_both(desk: Any) -> None:
    """One signature is refused, and so is one that covers another circle; nothing changes."""
    desk.office.enrol("alan", "ada", key="alan-officer", roles=("officer",))
    circle = Circle(name="risk-desk", members=(Member(person="grace"),), destinations=("slack:x",))
    record = desk.record(trust.CIRCLE_SET, "risk-desk", circle)
    with pytest.raises(Refused):
        desk.submit(record, "ada")
    signed = desk.office.signed(record, "ada", "alan-officer")
    other = Circle(name="risk-desk", members=(Member(person="ada"),), destinations=("slack:eve",))
    with pytest.raises(Refused):
        desk.home.circles.submit(desk.office.caller("ada"), msgspec.structs.replace(signed, circle=other))
    assert desk.home.circles.all() == []
    desk.home.circles.submit(desk.office.caller("ada"), signed)
    assert desk.home.circles.get("risk-desk") == circle


def test_a_circle_that_could_not_work_is_refused(desk: Any) -> None:
    """Nobody, a stranger, the same person twice, itself as the second, no destination: every fault is named."""
    for members, to, second in (
        ((), ("slack:x",), None),
        ((Member(person="eve"),), ("slack:x",), None),
        ((Member(person="grace"), Member(person="grace")), ("slack:x",), None),
        ((Member(person="grace"),), ("slack:x",), "risk-desk"),
        ((Member(person="grace"),), (), None),
        ((Member(person="grace"),), ("pigeon:x",), None),
        ((Member(person="grace"),), ("slack:https://hooks.example/SECRET",), None),
    ):
        with pytest.raises(Invalid) as refusal:
            desk.circle("risk-desk", *members, to=to, second=second)
        assert refusal.value.faults
        assert "SECRET" not in str(refusal.value)
    assert desk.home.circles.all() == []


def test_a_circle_that_is_still_asked_for_stays(desk: Any) -> None:
    """It is retired when nobody names it any more; one that is not there cannot be."""
    desk.two_circles()
    with pytest.raises(Conflict, match="still asked for"):
        desk.submit(desk.record(trust.CIRCLE_RETIRE, "head-office"))
    desk.submit(desk.record(trust.CIRCLE_RETIRE, "risk-desk"))
    desk.submit(desk.record(trust.CIRCLE_RETIRE, "head-office"))
    assert desk.home.circles.all() == []
    with pytest.raises(NotFound):
        desk.submit(desk.record(trust.CIRCLE_RETIRE, "head-office"))
