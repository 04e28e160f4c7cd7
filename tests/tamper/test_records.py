# SPDX-License-Identifier: Apache-2.0
"""What the operator could write into the log by going round the gate, and the name that verify gives it."""

from __future__ import annotations

import secrets
import zipfile
from pathlib import Path

import msgspec

from byhand import clock
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.records.kinds import SCHEMA_VERSION, Administration, AnyRecord, Intent, Outcome
from byhand.trust import administration as trust, statements

ORIGIN = "byhand.test/tamper"


def _write(played, *records: AnyRecord) -> None:  # type: ignore[no-untyped-def]
    home = played.open(start=False)  # a forger asks no leave
    for record in records:
        home.journal.append([Entry(record)])
    home.journal.anchor()
    home.close()


def _intent(played) -> Intent:  # type: ignore[no-untyped-def]
    home = played.open()
    stored = home.journal.reader.find(played.interventions[0])
    home.close()
    assert stored is not None
    assert isinstance(stored.record, Intent)
    return stored.record


def _renamed(intent: Intent, **changes: object) -> Intent:
    """The intent under a fresh record id, as the operator would replay it."""
    record_id = new_record_id()
    declared = msgspec.structs.replace(intent.declaration, record=record_id, **changes)
    return msgspec.structs.replace(intent, id=record_id, intervention=record_id, declaration=declared)


def test_a_false_enrolment_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """A key that no officer enrolled speaks for nobody: the enrolment is a finding."""
    enrolment = statements.Enrolment(
        origin=ORIGIN,
        person="eve.adams",
        key=played.other.line,
        roles=(),
        device_bound=False,
        nonce=secrets.token_hex(32),
        time=clock.now(),
    )
    record = Administration(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        action=trust.PERSON_ENROL,
        subject="eve.adams",
        statements=(played.other.sign(enrolment),),
    )
    _write(played, record)
    assert "keyring.broken" in played.codes()


def test_a_signature_moved_to_another_intent_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """A person's signature covers one declaration of one record, and no other."""
    _write(played, _renamed(_intent(played)))
    assert "signature.broken" in played.codes()


def test_a_signature_from_another_home_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """A statement made for another log, or another epoch of this one, proves nothing here."""
    intent = _renamed(_intent(played))
    digest = secrets.token_hex(32)
    statement = statements.Intent(
        origin="byhand.test/tamper/2",
        record=intent.id,
        declaration=digest,
        person=played.officer.name,
        nonce=secrets.token_hex(32),
        expires=clock.after(clock.now(), seconds=60),
    )
    _write(played, msgspec.structs.replace(intent, statement=played.officer.sign(statement)))
    assert "signature.broken" in played.codes()


def test_an_intent_signed_with_a_revoked_key_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """Validity is judged at the record's place in the log: after the revocation the key speaks for nobody."""
    from byhand.records import codec

    expires = clock.after(clock.now(), seconds=600)
    intent = _renamed(_intent(played), person=played.other.name, expires=expires)
    statement = statements.Intent(
        origin=ORIGIN,
        record=intent.id,
        declaration=codec.declaration_digest(intent.declaration),
        person=played.other.name,
        nonce=secrets.token_hex(32),
        expires=expires,
    )
    _write(played, msgspec.structs.replace(intent, statement=played.other.sign(statement)))
    assert "signature.broken" in played.codes()


def test_an_intent_without_its_signature_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """High risk under enforce needs the actor's own signature; the server's word is not enough."""
    _write(played, msgspec.structs.replace(_renamed(_intent(played)), statement=None))
    assert "signature.broken" in played.codes()


def test_an_outcome_without_a_permit_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """Records that the lifecycle does not allow were written around the gate."""
    intent = _intent(played)
    outcome = Outcome(id=new_record_id(), schema=SCHEMA_VERSION, intervention=intent.id, result="applied")
    _write(played, outcome)
    assert "lifecycle.broken" in played.codes()


def test_a_revocation_left_out_of_a_bundle_is_named(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The administration chain must be whole: a missing entry breaks its successor's link and the permits' head."""
    assert "permit.unproven" in played.codes(_without_revocation(played.bundle, tmp_path / "bent.zip"))


def test_a_revocation_left_out_is_named_where_no_permit_follows(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """An intent, too, says how far the administration had gone when it was decided on."""
    from byhand.evidence.bundle import make_bundle, sealed_payloads
    from byhand.records.leaf import ADMINISTRATION_CHAIN

    intent = _renamed(_intent(played))
    _write(played, intent)
    home = played.open()
    chains = (intent.id, ADMINISTRATION_CHAIN)
    places = [stored.index for chain in chains for stored in home.journal.reader.chain(chain)]
    payloads = sealed_payloads(home.journal, places)
    whole = make_bundle(home.journal, home.people.keyring(), intent.id, payloads)
    home.close()
    played.bundle.write_bytes(whole)
    before, after = played.codes(), played.codes(_without_revocation(played.bundle, tmp_path / "bent.zip"))
    assert before == {"signature.broken"}
    assert "chain.broken" in after


def _without_revocation(bundle: Path, bent: Path) -> Path:
    """The bundle without the last entry of the administration chain."""
    import json

    with zipfile.ZipFile(bundle) as archive, zipfile.ZipFile(bent, "w") as out:
        manifest = json.loads(archive.read("manifest.json"))
        gone = manifest["entries"]["administration"].pop()
        for name in archive.namelist():
            if not name.startswith(f"entries/{gone}/"):
                data = json.dumps(manifest).encode() if name == "manifest.json" else archive.read(name)
                out.writestr(name, data)
    return bent


def test_every_member_of_a_bundle_is_covered(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Bend any evidence in the bundle by one byte, and verify finds it."""
    with zipfile.ZipFile(played.bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    helps_only = ("README.md", "check.py", "allowed_signers")
    for name, data in members.items():
        if name in helps_only or "statement-" in name:  # copies for by-hand checks; verify reads the records
            continue
        bent = tmp_path / "bent.zip"
        with zipfile.ZipFile(bent, "w") as out:
            for other, content in members.items():
                middle = len(data) // 2
                out.writestr(
                    other,
                    data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
                    if other == name
                    else content,
                )
        assert played.verify(bent).findings, name


def test_a_record_id_used_twice_is_named(played) -> None:  # type: ignore[no-untyped-def]
    """Whoever drops the list of names can append the same id again; verify finds it among the leaves."""
    intent = _intent(played)
    played.sql("DELETE FROM name", "DELETE FROM chain WHERE name <> 'administration'")
    _write(played, intent)
    assert "record.repeated" in played.codes()
