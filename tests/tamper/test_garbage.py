# SPDX-License-Identifier: Apache-2.0
"""verify is fed rubbish: it names findings or refuses with a sentence of its own; it never falls over."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import io
import json
import random
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from byhand.errors import ByhandError
from byhand.evidence.policy import parse_policy
from byhand.evidence.report import Report

ROUNDS = 120
VALUES = (
    b"",
    b"\x00",
    b"{}",
    b"[]",
    b"\xff\xfe",
    b"null",
    b'{"v":0}',
    b"9" * 5_000,
    b"\n\n",
    "—".encode() * 50,
)


def _bend(data: bytes, chance: random.Random) -> bytes:
    """One of many ways to spoil bytes."""
    way = chance.randrange(6)
    place = chance.randrange(len(data) + 1)
    if way == 0:
        return data[:place]
    if way == 1:
        return data + chance.choice(VALUES)
    if way == 2:
        return data[:place] + chance.choice(VALUES) + data[place:]
    if way == 3:
        return chance.choice(VALUES)
    if way == 4:
        return bytes(chance.randrange(256) for _ in range(min(len(data), 200)))
    return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]


def _checked(played, target: Path) -> Report | None:  # type: ignore[no-untyped-def]
    try:
        return played.verify(target)  # type: ignore[no-any-return]
    except ByhandError:
        return None


def test_bent_bundles_never_break_the_verifier(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Members bent, missing, doubled; the archive itself cut: a finding or a refusal, never sound."""
    chance = random.Random(20261124)
    whole = played.bundle.read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    evidence = [name for name in members if name not in {"README.md", "check.py"}]
    for number in range(ROUNDS):
        target = tmp_path / "bent.zip"
        if number % 5 == 0:
            target.write_bytes(_bend(whole, chance))
        else:
            name = chance.choice(evidence)
            bent = _bend(members[name], chance)
            with zipfile.ZipFile(target, "w") as out:
                for other, content in members.items():
                    out.writestr(other, bent if other == name else content)
            if bent == members[name]:
                continue
        report = _checked(played, target)
        assert report is None or not report.sound or target.read_bytes() == whole, number


def test_a_bundle_says_nothing_beside_its_evidence(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """One more member, bytes before or after the archive, other instructions: named, each as what it is."""
    whole = played.bundle.read_bytes()
    target = tmp_path / "more.zip"
    for data in (whole + b"null", b"#!/bin/sh\n" + whole):
        target.write_bytes(data)
        (finding,) = played.verify(target).findings
        assert "before or after" in finding.what
    target.write_bytes(whole)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("entries/1/note-from-the-auditor.txt", "all is well")
    assert played.codes(target) == {"bundle.malformed"}
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(target, "w") as out:
        for name in archive.namelist():
            out.writestr(name, "print('all is well')" if name == "check.py" else archive.read(name))
    report = played.verify(target)
    assert report.sound
    assert any("check.py is not the one of this byhand" in note for note in report.notes)


RUBBISH = (
    "NULL",
    "''",
    "'x'",
    "-1",
    "1e300",
    "x'00'",
    "'{\"v\":0}'",
    "9223372036854775807",
    "zeroblob(100000)",
)
COLUMNS = (
    "entry.leaf",
    "payload.sealed",
    "tile.hashes",
    "published.note",
    "home.value",
    "tree.size",
    "tree.edge",
    "tree.recorded",
    "tree.administration",
)


@pytest.mark.parametrize("place", COLUMNS)
def test_rubbish_in_a_column_never_breaks_the_verifier(played, place: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A column holds a value of any type: a finding, or a refusal that says what is wrong."""
    table, column = place.split(".")
    looked = 0
    for number, value in enumerate(RUBBISH):
        home = tmp_path / str(number)
        shutil.copytree(played.home, home)
        bent = dataclasses.replace(played, home=home)
        try:
            bent.sql(f"UPDATE {table} SET {column} = {value}")
        except sqlite3.IntegrityError:  # NULL where there can be none
            continue
        looked += 1
        try:
            codes = bent.codes(use_anchor=False)
        except ByhandError:
            continue
        assert codes, (place, value)
    assert looked >= len(RUBBISH) - 1 - (table == "published"), looked


def test_a_claimed_size_costs_no_more_than_what_is_there(played) -> None:  # type: ignore[no-untyped-def]
    """2^62 entries, with an edge of the right length: the verifier stops looking, and says where."""
    claimed = 1 << 62
    played.sql(f"UPDATE tree SET size = {claimed}, edge = x''")
    report = played.verify()
    assert {"tree.altered", "entry.missing"} <= {finding.code for finding in report.findings}
    assert report.size < claimed


def test_rubbish_in_the_published_size_heals(played) -> None:  # type: ignore[no-untyped-def]
    """The number beside the note only orders writers; were it believed, no checkpoint would follow any more."""
    for value in ("9223372036854775807", "'x'", "-1"):
        played.sql(f"UPDATE published SET size = {value}")
        home = played.open()
        beat = home.journal.heartbeat()
        note = home.journal.anchor(beat.index + 1)
        assert home.entries.published() == note
        home.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_log_behind_a_url_verifies_like_its_folder(played) -> None:  # type: ignore[no-untyped-def]
    """Sound as served; a missing tile, a bent bundle and a dead server are each said."""
    from byhand.verifying import Knowledge, verify_target

    known = Knowledge(environment=played.environment)
    with _serving(played.folder) as url:
        report = verify_target(url, known)
        assert report.sound, report.findings
        (played.folder / "tile" / "0" / "000").unlink()
        assert "tile.missing" in {found.code for found in verify_target(url, known).findings}
        (played.folder / "checkpoint").unlink()
        assert "checkpoint.missing" in {found.code for found in verify_target(url, known).findings}
    with pytest.raises(ByhandError, match="does not answer"):
        verify_target(url, known)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[[log]]",
        "[log]\norigin='a'",
        "[[log]]\norigin='a'\nkeys=[]",
        "[[log]]\norigin='a'\nkeys=['b']",
        "[[log]]\norigin=1\nkeys=['b']",
        "[[log]]\norigin='a'\nkeys=['b']\ncolour='red'",
        "[[log]]\norigin='a'\nkeys=['b']\nquorum=3",
        "[[witness]]",
    ],
)
def test_a_broken_policy_names_its_faults(text: str) -> None:
    """A verifier that misreads its own policy would trust the wrong log: every fault is refused."""
    with pytest.raises(ByhandError):
        parse_policy(text, name="policy.toml")


def test_a_policy_with_witnesses_wants_their_signatures(played, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A quorum that the checkpoint does not carry is a finding, whoever else vouches."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from byhand.log.keys import ED25519_COSIGNATURE, VerifierKey

    home = played.open()
    key = home.journal.key.verifiers[0].encode()
    home.close()
    witness = VerifierKey(
        "witness.example", ED25519_COSIGNATURE, Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    )
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f"[[log]]\norigin = {json.dumps('byhand.test/tamper')}\nkeys = [{json.dumps(key)}]\n"
        f"witnesses = [{json.dumps(witness.encode())}]\nquorum = 1\n"
    )
    assert "cosignature.broken" in played.codes(played.folder, policy=policy)
