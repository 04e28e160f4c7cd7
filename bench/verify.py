# SPDX-License-Identifier: Apache-2.0
"""Verification of a large log: tree, chains, digests of sealed payloads - against hashing the same bytes twice.

Persons' signatures and opened payloads are measured apart, against the bare library at the same work. Each
verification runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from common import QUICK, Bench, bench_home, median, report, seconds
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from byhand import clock
from byhand.evidence.payload_check import check_payloads
from byhand.evidence.policy import Policy
from byhand.evidence.records_check import RecordsCheck
from byhand.evidence.report import Report
from byhand.evidence.sources import HomeSource
from byhand.evidence.verify import verify_log
from byhand.ids import new_record_id
from byhand.journal.entry import ANY, Draft
from byhand.log import merkle
from byhand.records import codec
from byhand.records.leaf import Leaf, decode as decode_leaf
from byhand.records.payload import SealedPayload, associated_data, decode_sealed, sealed_digest
from byhand.signatures import dsse
from byhand.store.sqlite.entries import SqliteEntries
from byhand.trust import checks

ENTRIES = 50_000 if QUICK else 1_000_000
OPENED = 400 if QUICK else 4_000
GROUP = 1_024
KINDS = ("intent", "permit", "permit", "outcome")
PAYLOAD = b"s" * 1_200  # as large as an intent's sealed payload


def _fill(bench: Bench) -> None:
    """Put ENTRIES prepared entries into the log, in chains of four."""
    digest = sealed_digest(PAYLOAD)
    drafts: list[Draft] = []
    chain = new_record_id()
    for number in range(ENTRIES):
        if number % len(KINDS) == 0:
            chain = new_record_id()
        kind = KINDS[number % len(KINDS)]
        record_id = chain if kind == "intent" else new_record_id()
        mac = bytes(32)
        drafts.append(
            Draft(record_id, kind, chain, "default-7y", chain, digest, digest, PAYLOAD, mac, (), ANY, ANY)
        )
        if len(drafts) == GROUP or number == ENTRIES - 1:
            bench.home.journal._submit(drafts)  # noqa: SLF001 - the writer itself, without sealing
            drafts = []


def _hash_twice(path: Path) -> float:
    """The raw baseline: read every leaf and payload, hash each once, and the tree over the leaves."""
    start = time.perf_counter()
    connection = sqlite3.connect(path)
    hashes = []
    for leaf, sealed in connection.execute(
        "SELECT leaf, sealed FROM entry JOIN payload USING (idx) ORDER BY idx"
    ):
        hashes.append(hashlib.sha256(b"\x00" + leaf).digest())
        hashlib.sha256(sealed).digest()
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        odd = hashes[len(hashes) & ~1 :]
        hashes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    connection.close()
    return time.perf_counter() - start


def _verify_in_child(home: Path, key: str) -> dict[str, float]:
    """Run this file as a child on ``home``; its seconds and peak memory."""
    run = subprocess.run(
        [sys.executable, __file__, "--child", str(home), key], capture_output=True, text=True, check=True
    )
    result: dict[str, float] = json.loads(run.stdout)
    return result


def _child(home: str, key: str) -> None:
    from byhand.log.keys import VerifierKey

    policy = Policy("byhand.local/bench", (VerifierKey.parse(key),))
    entries = SqliteEntries(Path(home), read_only=True)
    source = HomeSource(entries)
    start = time.perf_counter()
    found = verify_log(source, home, policy=policy, now=clock.now(), kept=source.row)
    elapsed = time.perf_counter() - start
    assert found.sound, found.findings[:3]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": elapsed, "mebibytes": peak}))


def _opened(bench: Bench) -> None:
    """Real interventions: open every payload and check every signature, each against the bare library."""
    for _ in range(OPENED // 4):
        bench.trip("breaker-high", signed=True)
    size = bench.home.journal.reader.size
    source = HomeSource(bench.home.entries)
    check = RecordsCheck(Report("bench"), bench.home.origin, None)
    whole = seconds(check_payloads, source, bench.home.journal.vault, check, check.report, size)
    assert not check.report.findings, check.report.findings[:3]
    report("records_opened_and_checked", size / whole, "records/s")
    _signatures(bench)
    _openings(bench, size)


def _signatures(bench: Bench) -> None:
    """An intent's whole signature check against the bare Ed25519 verification inside it, in turns."""
    declaration = bench.declaration("breaker-high")
    envelope = bench.statement(declaration).encode()  # as the log keeps it
    keyring = bench.home.people.keyring()
    key = Ed25519PrivateKey.generate()
    public, signed = key.public_key(), key.sign(b"m" * 200)
    ours, bare = [], []

    def check() -> None:
        checks.check_intent(
            dsse.parse(envelope),
            origin=bench.home.origin,
            record_id=declaration.record,
            declaration_sha256=codec.declaration_digest(declaration),
            person="ada",
            keyring=keyring,
            at_index=100,
            now=clock.now(),
        )

    for _ in range(OPENED):
        ours.append(seconds(check))
        bare.append(seconds(public.verify, signed, b"m" * 200))
    rate = 1 / median(ours)
    report("intent_signatures", rate, "signatures/s", rate * median(bare), "bare Ed25519 verification")


def _openings(bench: Bench, size: int) -> None:
    """Opening payloads against the library calls that any opening needs, over the same bytes, in turns.

    A payload is hashed, parsed, and the list of its commitments hashed; each of its sections has its key unwrapped,
    is decrypted, and has its commitment made.
    """
    rows = dict(bench.home.entries.payloads(0, size))
    payloads = [(decode_leaf(entry), rows[index]) for index, entry in bench.home.entries.leaves(0, size)]
    vault = bench.home.journal.vault
    ours, bare = [], []
    for low in range(0, size, GROUP):
        batch = payloads[low : low + GROUP]
        parts = _parts(bench, batch)
        ours.append(seconds(vault.open_all, batch) / len(batch))
        bare.append(seconds(_bare_opening, parts) / len(batch))
    rate = 1 / min(ours)
    report(
        "payload_openings",
        rate,
        "payloads/s",
        rate * min(bare),
        "bare SHA-256, JSON, AES-256-GCM, HMAC-SHA-256",
    )


Parts = list[tuple[bytes, list[tuple[bytes, bytes, bytes]]]]


def _parts(bench: Bench, batch: list[tuple[Leaf, bytes]]) -> Parts:
    """Each payload with key, ciphertext and associated data of its sections."""
    parts: Parts = []
    for leaf, sealed in batch:
        rows = decode_sealed(sealed).sections
        keys = bench.home.keys.data_keys([row.key for row in rows])
        bound = [associated_data(bench.home.origin, leaf.id, row.name) for row in rows]
        parts.append(
            (sealed, [(keys[row.key], row.sealed, data) for row, data in zip(rows, bound, strict=True)])
        )
    return parts


def _bare_opening(payloads: Parts) -> None:
    nonce, wrapping = bytes(12), AESGCM(bytes(32))
    wrapped, commitments = wrapping.encrypt(nonce, bytes(32), b"1"), bytes(80)
    parser = msgspec.json.Decoder(SealedPayload)
    for sealed, parts in payloads:
        hashlib.sha256(sealed).digest()
        parser.decode(sealed)
        hashlib.sha256(commitments * len(parts)).digest()
        for key, ciphertext, bound in parts:
            wrapping.decrypt(nonce, wrapped, b"1")
            plain = AESGCM(key).decrypt(nonce, ciphertext, bound)
            hmac.digest(plain[:32], plain[32:], "sha256")


def main() -> None:
    """Print what verification of ENTRIES entries costs."""
    with bench_home() as bench:
        _opened(bench)
    with bench_home() as bench:
        journal = bench.home.journal
        _fill(bench)
        journal.anchor()
        size = journal.reader.size
        tree = journal.reader.tree()
        proofs = [seconds(journal.reader.tree().inclusion, size * part // 97, size) for part in range(97)]
        path = tree.inclusion(size // 2, size)
        leaf = merkle.leaf_hash(journal.reader.entry(size // 2))
        merkle.verify_inclusion(leaf, size // 2, size, path, tree.root(size))
        key = journal.key.verifiers[0].encode()
        home = bench.home.path
        raw = _hash_twice(home / "log.db")
        found = _verify_in_child(home, key)
        name = f"verify_{size}"
        report(
            f"{name}_seconds", found["seconds"], "s", found["seconds"] / raw, "hashing the same bytes once"
        )
        report(f"{name}_peak", found["mebibytes"], "MiB")
        report("inclusion_proof_cold_p50", median(proofs) * 1e3, "ms")


if __name__ == "__main__":
    if "--child" in sys.argv:
        _child(*sys.argv[sys.argv.index("--child") + 1 :][:2])
    else:
        main()
