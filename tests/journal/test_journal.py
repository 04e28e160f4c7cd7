# SPDX-License-Identifier: Apache-2.0
"""The one way in: exact idempotency, whole groups, claims taken once, chains, time that never goes back."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from byhand.errors import ChainMoved, ClaimTaken, Conflict, LogUnavailable, OutcomeUnknown
from byhand.ids import new_record_id
from byhand.journal.entry import Entry
from byhand.log import merkle, proof as proofs
from byhand.records.actor import Actor, PersonDetails
from byhand.records.intervention import Target
from byhand.records.kinds import SCHEMA_VERSION, Access, Observation, Permit
from byhand.records.promise import promise_text
from byhand.wiring import Home, open_home

ADA = Actor(person="ada", details="ada-details")


def access(**changed: Any) -> Entry:
    """A read by Ada, with her own section."""
    fields = {"id": new_record_id(), "schema": SCHEMA_VERSION, "actor": ADA, "operation": "show"}
    record = Access(**{**fields, **changed})
    return Entry(record, people={"ada-details": PersonDetails(display_name="Ada Lovelace")})


def observation(intervention: str, **options: Any) -> Entry:
    """One more record of an intervention."""
    record = Observation(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=intervention,
        actor=ADA,
        target=Target(system="s", type="t", id="i"),
        action="a.b.c",
        connector="test",
        instance="one",
        capture="feed",
        absence="source_has_no_field",
    )
    return Entry(record, **options)


def test_the_same_record_again_is_the_same_acknowledgement(home: Home, place: Path) -> None:
    """I1: at once, in one batch, and after reopening; nothing is appended twice."""
    entry = access()
    (first,) = home.journal.append([entry])
    assert home.journal.append([entry]) == (first,)
    size = home.journal.reader.size
    home.close()
    again = open_home(place)
    assert again.journal.append([entry]) == (first,)
    assert again.journal.reader.size == size
    again.close()


def test_the_same_id_with_another_declaration_is_refused(home: Home) -> None:
    """The id row keeps a keyed digest of the declaration: another one is a conflict, also within a batch."""
    entry = access()
    home.journal.append([entry])
    other = access(id=entry.record.id, operation="export")
    with pytest.raises(Conflict):
        home.journal.append([other])
    fresh = access()
    with pytest.raises(Conflict):
        home.journal.append([fresh, other])
    assert home.journal.reader.find(fresh.record.id) is None


def test_a_group_is_recorded_whole_or_not_at_all(home: Home) -> None:
    """One entry of a group that cannot be placed takes the others with it."""
    home.journal.append([Entry(access().record, claims=("once",))])
    size = home.journal.reader.size
    group = [access(), access(), Entry(access().record, claims=("once",))]
    with pytest.raises(ClaimTaken) as taken:
        home.journal.append(group)
    assert (taken.value.name, taken.value.index) == ("once", 0)
    assert home.journal.reader.size == size


def test_of_many_who_claim_a_name_one_gets_it(home: Home, place: Path) -> None:
    """Threads of two homes race for one claim: exactly one entry takes it."""
    second = open_home(place)
    won: list[int] = []

    def race(opened: Home) -> None:
        try:
            (one,) = opened.journal.append([Entry(access().record, claims=("the-one",))])
        except ClaimTaken:
            return
        won.append(one.index)

    threads = [threading.Thread(target=race, args=((home, second)[n % 2],)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    second.close()
    assert len(won) == 1
    assert home.journal.reader.size == 1


def test_entries_know_their_chains_previous_one(home: Home) -> None:
    """Interleaved chains each link back to their own last entry; permits name the administration's head."""
    one, two = new_record_id(), new_record_id()
    order = [one, two, one, one, two]
    for intervention in order:
        home.journal.append([observation(intervention)])
    leaves = [home.journal.reader.leaf(index) for index in range(5)]
    assert [leaf.previous for leaf in leaves] == [None, None, 0, 2, 1]
    assert [stored.index for stored in home.journal.reader.chain(one)] == [0, 2, 3]
    permit = Permit(
        id=new_record_id(),
        schema=SCHEMA_VERSION,
        intervention=one,
        phase="void",
        intent=0,
        leaf="00" * 32,
        permit=new_record_id(),
        person="ada",
        change="00" * 32,
        before="00" * 32,
    )
    (acknowledged,) = home.journal.append([Entry(permit)])
    assert home.journal.reader.leaf(acknowledged.index).administration is None


def test_a_chain_that_moved_is_told(home: Home) -> None:
    """An entry decided on an older head is refused with both; one decided on the right head passes."""
    intervention = new_record_id()
    home.journal.append([observation(intervention, expected_head=None)])
    with pytest.raises(ChainMoved) as moved:
        home.journal.append([observation(intervention, expected_head=None)])
    assert (moved.value.chain, moved.value.head) == (intervention, 0)
    home.journal.append([observation(intervention, expected_head=0)])
    with pytest.raises(ChainMoved):
        home.journal.append([observation(intervention, expected_administration=7)])


def test_a_promise_verifies_with_openssl(home: Home, tmp_path: Path) -> None:
    """The acknowledgement's promise is an Ed25519 signature over five lines that anybody can write down."""
    (one,) = home.journal.append([access()])
    text = promise_text(one.origin, one.index, bytes.fromhex(one.leaf), one.recorded)
    key = home.journal.key.verifiers[0].public
    pem = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + key).decode()
    (tmp_path / "key.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n")
    (tmp_path / "text").write_bytes(text)
    (tmp_path / "signature").write_bytes(base64.b64decode(one.promise))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"]
    done = subprocess.run(
        [*command, "-in", "text", "-sigfile", "signature"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_receipts_lead_to_the_anchored_root(home: Home) -> None:
    """Every entry's receipt verifies, wherever in the tree it stands."""
    home.journal.append([access() for _ in range(300)])
    for index in (0, 1, 255, 256, 299):
        receipt = home.journal.receipt(index)
        proof = proofs.parse(receipt.proof.encode())
        opened = proofs.verify(proof, receipt.entry.encode(), home.origin, home.journal.key.verifiers)
        assert opened.checkpoint.size >= index + 1
    tree = home.journal.reader.tree()
    hashes = [merkle.leaf_hash(one.entry) for one in home.journal.reader.scan(0)]
    assert tree.root(300) == merkle.root(hashes)
    assert tree.root(257) == merkle.root(hashes[:257])


def test_nobody_is_acknowledged_when_the_commit_fails(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I9: a commit of unknown outcome is told as unknown; the next process reads what the disk holds."""
    home = open_home(place)
    entry = access()
    real = home.entries._commit

    def failing() -> None:
        real()
        raise OutcomeUnknown("the answer got lost")

    monkeypatch.setattr(home.entries, "_commit", failing)
    with pytest.raises(OutcomeUnknown):
        home.journal.append([entry])
    home.close()
    again = open_home(place)
    stored = again.journal.reader.find(entry.record.id)
    assert stored is not None
    assert again.journal.append([entry])[0].index == stored.index
    again.close()


def test_nothing_is_published_that_is_not_anchored(place: Path) -> None:
    """I3 and I4: whoever dies before the anchor leaves no new checkpoint; after it, the next opening publishes."""
    for dying in ("checkpoint signed", "anchored"):

        def step(name: str, dying: str = dying) -> None:
            if name == dying:
                raise KeyboardInterrupt

        home = open_home(place, step=step)
        before = home.entries.published()
        (one,) = home.journal.append([access()])
        with pytest.raises(KeyboardInterrupt):
            home.journal.anchor(one.index + 1)
        assert home.entries.published() == before
        home.close()
    again = open_home(place)
    note = again.entries.published()
    assert note is not None
    assert again.journal.checkpointer.size_of(note) == 2
    again.close()


def test_a_forked_process_may_not_use_the_journal(home: Home) -> None:
    """Threads and keys are the parent's: the child is told to open the home anew."""
    child = os.fork()
    if child == 0:
        try:
            home.journal.append([access()])
        except LogUnavailable:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_closed_journal_says_so(place: Path) -> None:
    """Closing twice is harmless; appending afterwards is refused."""
    home = open_home(place)
    home.close()
    home.close()
    with pytest.raises(LogUnavailable):
        home.journal.append([access()])


def test_many_tasks_of_one_loop_append_at_once(home: Home) -> None:
    """Each gets its own acknowledgement; a task that is cancelled while it waits loses no record and doubles none."""

    async def run() -> tuple[list[int], Access]:
        done = await asyncio.gather(*(home.journal.append_async([access()]) for _ in range(100)))
        entry = access()
        waiting = asyncio.create_task(home.journal.append_async([entry]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(Conflict):
            await home.journal.append_async([access(id=done[0][0].record, operation="export")])
        return sorted(one.index for (one,) in done), entry.record  # type: ignore[return-value]

    indexes, cancelled = asyncio.run(run())
    assert indexes == list(range(100))
    (again,) = home.journal.append([Entry(cancelled, people=access().people)])
    assert again.index == 100
    assert home.journal.reader.size == 101


def test_ml_dsa_signs_beside_ed25519_by_setting(place: Path) -> None:
    """With log.ml_dsa both keys sign, and a verifier who knows both wants both."""
    from byhand.errors import BadSignature
    from byhand.log.checkpoint import open_checkpoint

    plain = open_home(place)
    plain.journal.append([access()])
    old = plain.journal.anchor()
    plain.close()
    (place / "byhand.toml").write_text("[log]\nml_dsa = true\n")
    home = open_home(place)
    home.journal.append([access()])
    note = home.journal.anchor()
    keys = home.journal.key.verifiers
    assert [key.kind for key in keys] == [1, 6]
    assert len(open_checkpoint(note, home.origin, keys).verified) == 2
    with pytest.raises(BadSignature):
        open_checkpoint(old, home.origin, keys)
    home.close()


def test_a_swapped_section_does_not_open(home: Home) -> None:
    """A ciphertext is bound to log, record and section: in another place it opens to nothing."""
    from byhand.errors import ProofMismatch
    from byhand.records import payload

    one, two = access(), access()
    home.journal.append([one, two])
    sealed = dict(home.entries.payloads(0, 2))
    rows = [payload.decode_sealed(sealed[index]).sections for index in (0, 1)]
    bent = [msgspec.structs.replace(rows[0][0], sealed=rows[1][0].sealed, key=rows[1][0].key), rows[0][1]]
    data = payload.encode_sealed(bent)
    leaf = msgspec.structs.replace(home.journal.reader.leaf(0), sealed=payload.sealed_digest(data))
    with pytest.raises(ProofMismatch, match="does not open"):
        home.journal.vault.open(leaf, data)
