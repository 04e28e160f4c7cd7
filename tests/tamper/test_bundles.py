# SPDX-License-Identifier: Apache-2.0
"""A bundle against what its verifier remembers: one history or not, and sound only when that was compared."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from byhand.client.known_logs import KnownLogs, known_logs_path
from byhand.errors import Invalid, LogForked
from byhand.evidence.bundle import make_bundle, sealed_payloads
from byhand.evidence.folder import export_folder
from byhand.records.leaf import ADMINISTRATION_CHAIN

ORIGIN = "byhand.test/tamper"


def _grow(played: Any, *, remember: bool = False) -> bytes:
    """Five more entries and their checkpoint."""
    home = played.open()
    for _ in range(5):
        home.journal.heartbeat()
    note = home.journal.anchor()
    if remember:
        known = KnownLogs(known_logs_path(played.environment))
        known.remember(ORIGIN, note, home.journal.reader.tree().consistency)
    home.close()
    return bytes(note)


def _bundle(played: Any, path: Path, **options: Any) -> Path:
    home = played.open()
    last = played.interventions[-1]
    reader = home.journal.reader
    places = [one.index for chain in (last, ADMINISTRATION_CHAIN) for one in reader.chain(chain)]
    payloads = sealed_payloads(home.journal, places)
    path.write_bytes(make_bundle(home.journal, home.people.keyring(), last, payloads, **options))
    home.close()
    return path


def _remembered(played: Any) -> bytes:
    known = KnownLogs(known_logs_path(played.environment)).get(ORIGIN)
    assert known is not None
    assert known.checkpoint is not None
    return known.checkpoint.encode()


def test_a_bundle_of_another_size_is_not_sound_before_it_was_compared(played: Any) -> None:
    """Two sizes of one log look alike to somebody who cannot lead from one to the other."""
    _grow(played, remember=True)
    report = played.verify(played.bundle)
    assert report.verdict == "consistent; not compared with what you remember"
    assert not report.sound
    assert any("--against" in note for note in report.notes)


def test_the_home_a_folder_or_the_bundle_itself_leads_to_what_is_remembered(
    played: Any, tmp_path: Path
) -> None:
    """Whichever is at hand: it is not believed, the path is verified."""
    seen = _remembered(played)
    _grow(played)
    later = _bundle(played, tmp_path / "later.zip", since=[seen])
    assert played.verify(later).sound, played.verify(later)
    plain = _bundle(played, tmp_path / "plain.zip")
    assert not played.verify(plain).sound
    assert played.verify(plain, home=played.home).sound
    _grow(played, remember=True)
    assert not played.verify(later).sound
    home = played.open()
    folder = tmp_path / "public"
    export_folder(home.entries, home.journal.reader.tree(), home.journal.anchor(), folder)
    home.close()
    for against in (played.home, folder):
        report = played.verify(later, against=str(against))
        assert report.sound, report
    short = played.verify(later, against=str(played.folder))
    assert not short.sound
    assert not short.findings


def test_a_bundle_of_a_fork_is_named_whatever_its_size(played: Any, forging: Any, tmp_path: Path) -> None:
    """The forked log itself cannot lead from what was seen to its own checkpoint."""
    forging.rewrite(played.home, tmp_path / "scratch", _later(forging), origin=ORIGIN, anchor=played.anchor)
    _grow(played)
    forged = _bundle(played, tmp_path / "forged.zip")
    assert not played.verify(forged).sound
    assert "log.forked" in played.codes(forged, against=str(played.home))
    assert "log.forked" in played.codes(forged, home=played.home)


def _later(forging: Any) -> Any:
    """The first outcome says another time of concluding."""
    from byhand.records.kinds import Outcome

    def change(record: Any) -> Any:
        import msgspec

        return msgspec.structs.replace(record, error="none") if isinstance(record, Outcome) else record

    return change


def test_a_false_path_in_a_bundle_is_named(played: Any, tmp_path: Path) -> None:
    """Whoever bends the consistency file, or puts another log's checkpoint into it, is found out."""
    seen = _remembered(played)
    _grow(played)
    whole = _bundle(played, tmp_path / "whole.zip", since=[seen])
    bent = tmp_path / "bent.zip"
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(bent, "w") as out:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "consistency.json":
                rows = json.loads(data)
                rows[0]["path"][0] = "00" * 32
                data = json.dumps(rows).encode()
            out.writestr(name, data)
    assert "proof.broken" in played.codes(bent)


def test_a_bundle_is_not_made_for_a_memory_of_another_history(
    played: Any, forging: Any, tmp_path: Path
) -> None:
    """The caller hears it at once: what they remember is not this log's, or is newer than it."""
    seen = _remembered(played)
    forging.rewrite(played.home, tmp_path / "scratch", _later(forging), origin=ORIGIN, anchor=played.anchor)
    with pytest.raises((LogForked, Invalid)):
        _bundle(played, tmp_path / "never.zip", since=[seen])


def test_a_quorum_of_witnesses_is_demanded_of_a_bundle_too(played: Any) -> None:
    """The policy's witnesses sign checkpoints, and a bundle has one."""
    policy = played.policy(f"witnesses = [{json.dumps(_witness()[0])}]", "quorum = 1")
    assert "cosignature.broken" in played.codes(played.bundle, policy=policy)


def test_witnesses_without_a_quorum_may_be_silent(played: Any) -> None:
    """A policy that lists witnesses and demands none of them finds nothing wrong with an honest log."""
    policy = played.policy(f"witnesses = [{json.dumps(_witness()[0])}]")
    for target in (played.home, played.folder, played.bundle):
        assert played.verify(target, policy=policy).sound, target


def test_a_cosignature_from_the_future_is_named(played: Any) -> None:
    """A witness cannot have seen a tree later than now."""
    from byhand.log import note as notes, witness

    line, private = _witness()
    file = played.folder / "checkpoint"
    note = notes.parse(file.read_bytes())
    plain = file.read_bytes()
    policy = played.policy(f"witnesses = [{json.dumps(line)}]", "quorum = 1")
    for timestamp, sound in ((1_700_000_000, True), (1 << 40, False)):
        signed = witness.cosign(private, "witness.example", note.text, timestamp)
        file.write_bytes(plain + signed.line().encode())
        assert played.verify(played.folder, policy=policy).sound is sound


def _witness() -> tuple[str, Any]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from byhand.log.keys import ED25519_COSIGNATURE, VerifierKey

    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return VerifierKey("witness.example", ED25519_COSIGNATURE, public).encode(), private


def test_two_sections_of_one_name_or_none_are_refused(played: Any, tmp_path: Path) -> None:
    """A reader that takes the first and one that takes the last would read different records."""
    with zipfile.ZipFile(played.bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(one for one in members if one.endswith("sections.json"))
    rows = json.loads(members[name])
    for bent in ([], [*rows, rows[0]], [rows[0]] * 65):
        target = tmp_path / "bent.zip"
        with zipfile.ZipFile(target, "w") as out:
            for other, data in members.items():
                out.writestr(other, json.dumps(bent) if other == name else data)
        assert played.codes(target) & {"payload.altered", "proof.broken", "bundle.malformed"}


def test_a_policy_that_does_not_name_the_log_says_so(played: Any, tmp_path: Path) -> None:
    """Whose log it is comes from the verifier: a policy about another log is no knowledge of this one (I10)."""
    from byhand.log.keys import ED25519, VerifierKey

    key = VerifierKey("byhand.test/another", ED25519, bytes(32)).encode()
    policy = tmp_path / "policy.toml"
    policy.write_text(f"[[log]]\norigin = 'byhand.test/another'\nkeys = ['{key}']\n")
    for target in (played.home, played.folder, played.bundle):
        with pytest.raises(Invalid, match="does not name the log"):
            played.verify(target, policy=policy)
