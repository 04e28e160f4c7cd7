# SPDX-License-Identifier: Apache-2.0
"""Keys destroyed, payloads that are rubbish, rows too many: each is a finding, whoever else vouches."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from typing import Any

import msgspec
import pytest

from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records import payload
from byhand.records.actor import Actor
from byhand.records.kinds import SCHEMA_VERSION, Access


def _delete_keys(played: Any, where: str) -> None:
    with sqlite3.connect(played.home / "keys" / "data-keys.db") as database:
        database.execute(f"DELETE FROM data_key WHERE {where}")
    database.close()


def test_destroyed_keys_are_named_and_nothing_else_is_blamed(played: Any) -> None:
    """No record says that these keys were erased, so evidence was destroyed; the records after them are honest."""
    _delete_keys(played, "number BETWEEN 20 AND 60")
    report = played.verify()
    assert {finding.code for finding in report.findings} == {"payload.unopenable"}
    assert report.tampered
    assert report.counts["records not opened"] > 0


def test_without_any_key_a_home_is_not_sound(played: Any) -> None:
    """Not one record opened: nothing of what they say was looked at."""
    _delete_keys(played, "1")
    report = played.verify()
    assert {finding.code for finding in report.findings} == {"payload.unopenable"}
    assert report.counts["records opened"] == 0


def test_a_home_without_its_key_store_is_sound_as_far_as_the_public_log_goes(played: Any) -> None:
    """A copy for a stranger comes without keys: that is said in the verdict, and is not the exit code of sound."""
    shutil.rmtree(played.home / "keys")
    report = played.verify()
    assert (report.verdict, report.sound, report.findings) == (
        "sound as far as the public log goes",
        False,
        [],
    )


def test_a_key_store_that_cannot_be_read_is_named(played: Any) -> None:
    """The public log is checked all the same."""
    (played.home / "keys" / "log-ed25519.key").write_text("rubbish")
    report = played.verify()
    assert {finding.code for finding in report.findings} == {"keys.unreadable"}
    assert not report.tampered


def _access(**fields: Any) -> Access:
    return Access(
        id=new_record_id(), schema=SCHEMA_VERSION, actor=Actor(person="ada"), operation="show", **fields
    )


def _empty() -> dict[str, object]:
    data = payload.encode_sealed([])
    return {"payload": data, "commitment": payload.list_commitment([])}


@pytest.mark.parametrize(
    "made", [lambda: {"payload": b"not a payload"}, _empty], ids=["rubbish", "no sections"]
)
def test_a_payload_that_never_was_one_is_named(
    played: Any, monkeypatch: pytest.MonkeyPatch, made: Any
) -> None:
    """Its digest is the one in the leaf, because it was rubbish when it was recorded."""
    home = played.open()
    seal, changes = home.journal.vault.seal, made()
    changes["sealed"] = hashlib.sha256(changes["payload"]).hexdigest()
    monkeypatch.setattr(
        home.journal.vault, "seal", lambda entries: [one._replace(**changes) for one in seal(entries)]
    )
    home.journal.append([Entry(_access())])
    home.journal.anchor()
    home.close()
    assert played.codes() == {"payload.unopened"}


def test_a_record_of_a_newer_version_is_counted_apart_and_keeps_the_log_from_sound(
    played: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this byhand cannot read it has not checked; its keys are there, and nobody tampered."""
    from byhand.journal import vault

    encode = vault.codec.encode
    newer = lambda record: encode(record).replace(b'"schema":0', b'"schema":99')  # noqa: E731
    monkeypatch.setattr(vault.codec, "encode", newer)
    played.write(_access())
    monkeypatch.undo()
    report = played.verify()
    assert not report.findings
    assert not report.sound
    assert report.counts["records of a newer version"] == 1
    assert "newer version" in report.verdict


EXTRA = {
    "a payload under a heartbeat": "INSERT INTO payload VALUES ({heartbeat}, x'0011')",
    "one more redemption": "INSERT INTO name VALUES ('redemption:0', 3, x'00')",
    "one more turn": "INSERT INTO name VALUES ('turn:0:0', 3, x'00')",
    "any other name": "INSERT INTO name VALUES ('whatever', 3, x'00')",
    "more texts than intents": "INSERT INTO name SELECT 'text:' || idx, 3, x'00' FROM entry",
    "a digest of another declaration": "UPDATE name SET mac = x'00' WHERE idx = 14",
    "a turn that is gone": "DELETE FROM name WHERE name LIKE 'turn:%:7'",
}


@pytest.mark.parametrize("name", EXTRA)
def test_rows_too_many_or_changed_are_named(played: Any, name: str) -> None:
    """Payloads and names are exactly those that the entries give."""
    home = played.open()
    beat = home.journal.heartbeat().index
    home.journal.anchor()
    home.close()
    assert not played.codes()
    played.sql(EXTRA[name].format(heartbeat=beat))
    assert played.codes() & {"payload.inserted", "lookup.altered"}, name


def test_an_intent_that_knows_less_administration_is_named_without_any_key(played: Any) -> None:
    """The head stands in the leaf, so that nobody needs the payload to see that something was left out."""
    home = played.open()
    stored = home.journal.reader.find(played.interventions[-1])
    home.close()
    shutil.rmtree(played.home / "keys")
    leaf = msgspec.json.decode(stored.entry)
    played.sql(
        f"UPDATE entry SET leaf = replace(CAST(leaf AS TEXT), '\"administration\":{leaf['administration']}',"
        f" '\"administration\":3') WHERE idx = {stored.index}"
    )
    assert "chain.broken" in played.codes()
