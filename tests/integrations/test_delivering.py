# SPDX-License-Identifier: Apache-2.0
"""Observations on their way to a real server: none is lost, none is doubled, none holds up another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from real_server import ADA, Server

from byhand import wiring
from byhand.errors import Invalid, LoginRequired, LogUnavailable, Refused
from byhand.ids import derived_record_id, new_record_id
from byhand.integrations.delivering import BATCH_MAX, QUARANTINED, RAW_LENGTH_MAX, deliver, quarantined_of
from byhand.integrations.hook import Hook
from byhand.journal.reader import Reader
from byhand.records import captured, codec
from byhand.records.actor import Actor
from byhand.records.intervention import Target, Times
from byhand.records.kinds import SCHEMA_VERSION, Observation

MOMENT = "2026-11-24T13:21:05.123456Z"


def seen(account: str = "ada", **changed: object) -> Observation:
    fields: dict[str, object] = {
        "id": new_record_id(),
        "schema": SCHEMA_VERSION,
        "actor": Actor(person=account, issuer="buildbot", assurance="asserted"),
        "target": Target(system="buildbot", type="builder", id="deploy-prod"),
        "action": "deployment.build.force",
        "connector": "buildbot",
        "instance": "ci",
        "capture": "hook",
        "times": Times(occurred=MOMENT, observed=MOMENT),
        "absence": "source_has_no_field",
    }
    return Observation(**{**fields, **changed})  # type: ignore[arg-type]


def recorded(server: Server) -> list[Observation]:
    """Every observation in the log, oldest first."""
    with wiring.read_home(server.home, environment=server.environment) as home:
        assert home.vault is not None
        return [
            one.record
            for one in Reader(home.entries, home.vault).scan(0)
            if isinstance(one.record, Observation)
        ]


BAD = {
    "action": seen(action="no action"),
    "field": seen(field="no pointer"),
    "instance": seen(instance=""),
    "time": seen(times=Times(occurred="yesterday")),
    "target": seen(target=Target(system="buildbot", type="builder", id="x" * 9_000)),
    "an intervention that is not there": seen(intervention=new_record_id()),
    "a surrogate": seen(instance="ci \ud800"),
    "too large": seen(raw=captured.from_text("x" * 20_000), justification=None, field="/" + "\x01" * 9_000),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_one_amid_others_is_quarantined_and_the_others_pass(
    server: Server, hook: Hook, fault: str
) -> None:
    """Six good ones around it are recorded as they are, in order; the bad one with its cause and its own text."""
    before = len(recorded(server))
    batch = [seen(), seen(), seen(), BAD[fault], seen(), seen(), seen()]
    assert deliver(hook.observe, batch) == 1
    found = recorded(server)[before:]
    good = [one.id for one in found if one.quarantined is None]
    assert good == [one.id for one in batch if one is not BAD[fault]]
    (bad,) = [one for one in found if one.quarantined is not None]
    assert found.index(bad) == 3
    assert (bad.action, bad.id) == (QUARANTINED, derived_record_id(BAD[fault].id, QUARANTINED))
    assert (bad.actor.person, bad.actor.assurance) == (ADA, "mapped")
    assert bad.raw is not None
    assert BAD[fault].id in str(bad.raw.text)
    assert bad.quarantined


def test_delivered_again_nothing_is_doubled(server: Server, hook: Hook) -> None:
    """After a crash before the acknowledgement the same batch is sent anew: also what was quarantined is there once."""
    batch = [seen(), seen(action="no action"), seen()]
    assert deliver(hook.observe, batch) == 1
    before = len(recorded(server))
    assert deliver(hook.observe, batch) == 1
    assert len(recorded(server)) == before


def test_a_batch_that_is_all_bad_is_all_quarantined(server: Server, hook: Hook) -> None:
    """Every one of them, with its own cause."""
    before = len(recorded(server))
    assert deliver(hook.observe, [seen(action=f"no action {number}") for number in range(5)]) == 5
    assert [one.action for one in recorded(server)[before:]] == [QUARANTINED] * 5


def test_more_than_one_request_holds_is_sent_in_several(server: Server, hook: Hook) -> None:
    """Two hundred and one large ones: all recorded, in order, whatever a request may hold."""
    before = len(recorded(server))
    batch = [seen(raw=captured.from_text("y" * 20_000)) for _ in range(2 * BATCH_MAX + 1)]
    assert deliver(hook.observe, batch) == 0
    assert [one.id for one in recorded(server)[before:]] == [one.id for one in batch]


def test_the_same_act_in_other_words_is_there_already(server: Server, hook: Hook) -> None:
    """A master that tells a recorded act otherwise, e.g. after an upgrade, adds nothing and goes on."""
    first, other = seen(), seen()
    deliver(hook.observe, [first])
    before = len(recorded(server))
    assert deliver(hook.observe, [msgspec.structs.replace(first, instance="renamed"), other]) == 0
    assert [one.id for one in recorded(server)[before:]] == [other.id]


def test_without_a_token_nothing_is_quarantined(server: Server, tmp_path: Path) -> None:
    """A token that cannot be read, or is known to nobody, says nothing against what is sent: it waits."""
    before = len(recorded(server))
    with pytest.raises(LoginRequired, match="cannot be read"):
        deliver(Hook(server.url, tmp_path / "none", "buildbot").observe, [seen(), seen()])
    file = tmp_path / "wrong"
    file.touch(mode=0o600)
    file.write_text("wrong")
    with pytest.raises(LoginRequired):
        deliver(Hook(server.url, file, "buildbot").observe, [seen(), seen()])
    assert len(recorded(server)) == before


def test_a_workload_without_the_scope_waits(server: Server, tmp_path: Path) -> None:
    """It may not observe: everything is kept until an officer lets it."""
    import json

    server.byhand("workload", "set", "mute", "--issuer", "mute", "--scope", "redeem")
    made = json.loads(server.byhand("token", "create", "--workload", "mute", "--output", "json"))
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(made["token"])
    with pytest.raises(Refused):
        deliver(Hook(server.url, file, "mute").observe, [seen()])


def test_a_server_that_is_away_leaves_everything_unsent(token_file: Path) -> None:
    """What cannot be reached has refused nothing."""
    with pytest.raises(LogUnavailable):
        deliver(Hook("http://127.0.0.1:9", token_file, "buildbot").observe, [seen()])


def test_a_url_that_would_show_the_token_is_refused_at_once(token_file: Path) -> None:
    """Not when the first build is forced."""
    with pytest.raises(Invalid, match="not safe"):
        Hook("http://byhand.example", token_file, "buildbot")


@pytest.mark.parametrize(
    "account",
    ["", "Ada Lovelace <ada@example.com>", "\x1b[2Jroot", "\u202egnp.exe", "\ud800", "x" * 70_000, "a\x00b"],
)
def test_whatever_it_held_a_quarantined_one_is_always_valid(account: str) -> None:
    """Names, causes and texts of any length and with any character: escaped and cut, so that every log takes it."""
    bad = seen(account, action=account, instance=account, raw=captured.unknown(account))
    held = quarantined_of(bad, account)
    codec.validate(held)
    codec.encode(held)


def test_of_a_text_that_is_too_long_the_beginning_and_the_digest_are_kept() -> None:
    """What no record holds is named by the SHA-256 of all of it."""
    held = quarantined_of(seen(raw=captured.unknown("z" * RAW_LENGTH_MAX)), "too long")
    assert held.raw is not None
    assert len(str(held.raw.text)) == RAW_LENGTH_MAX
    assert len(str(held.raw_digest)) == 64


def test_one_that_is_quarantined_and_refused_again_stops_the_feed() -> None:
    """A log that takes not even that is no reason to go on: the fault is raised, and nothing is settled."""

    def refuse(_: Sequence[Observation]) -> None:
        raise Invalid("no")

    with pytest.raises(Invalid, match="no"):
        deliver(refuse, [seen()])
