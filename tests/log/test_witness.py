# SPDX-License-Identifier: Apache-2.0
"""Cosignatures and the messages between a log and its witnesses."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mldsa
from hypothesis import given, strategies as st
from log_keys import Keys

from byhand.errors import (
    BadSignature,
    LogForked,
    MalformedProof,
    ProofMismatch,
    RolledBack,
    Unsound,
    WitnessBehind,
    WitnessRefused,
)
from byhand.log import checkpoint as checkpoints, keys as kinds, note as notes, witness
from byhand.log.checkpoint import Checkpoint
from byhand.log.keys import VerifierKey
from byhand.log.note import Note, NoteSignature, Verified
from byhand.log.witness import AddCheckpoint

NOW = 1_790_000_000
HASH = bytes(range(32))
# The request in the specification.
PUBLISHED_REQUEST = (
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— example.com/behind-the-sofa "
    "opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
).encode()


@pytest.fixture
def note(keys: Keys) -> bytes:
    """A checkpoint with both signatures of the log."""
    return checkpoints.sign(Checkpoint(keys.origin, 7, HASH), [keys.ed25519, keys.ml_dsa], timestamp=NOW)


def text_of(note: bytes) -> str:
    """The text that cosigners sign."""
    return notes.parse(note).text


def answer(keys: Keys, note: bytes, timestamp: int = NOW) -> bytes:
    """A witness's answer: both of its cosignatures."""
    lines = [
        witness.cosign(key, keys.witness, text_of(note), timestamp)
        for key in (keys.witness_ed25519, keys.witness_ml_dsa)
    ]
    return "".join(line.line() for line in lines).encode()


def test_the_ed25519_message_is_the_published_one() -> None:
    """An Ed25519 cosigner signs a header, the time and the whole text of the checkpoint."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert (
        kinds.cosignature_message(text, 1_679_315_147) == b"cosignature/v1\ntime 1679315147\n" + text.encode()
    )


def test_the_ml_dsa_message_has_the_published_fields() -> None:
    """An ML-DSA-44 cosigner signs label, its name, time, origin, start, end and root, and no extension."""
    root = b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    text = "example.com/log\n258\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n"
    message = kinds.subtree_message("w.example", text, 1)
    assert message == (
        b"subtree/v1\n\x00"
        b"\x09w.example"
        b"\x00\x00\x00\x00\x00\x00\x00\x01"
        b"\x0fexample.com/log"
        b"\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\x00\x00\x01\x02" + root
    )


def test_a_cosignature_is_time_and_signature(keys: Keys, note: bytes) -> None:
    """Its first eight bytes are the time; 64 or 2,420 bytes of signature follow."""
    for key, length in ((keys.witness_ed25519, 64), (keys.witness_ml_dsa, 2_420)):
        line = witness.cosign(key, keys.witness, text_of(note), NOW)
        assert int.from_bytes(line.signature[:8], "big") == NOW
        assert len(line.signature) == 8 + length


def test_a_witness_answer_verifies(keys: Keys, note: bytes) -> None:
    """Both cosignatures hold and carry their time; lines of unknown keys are passed over."""
    stranger = NoteSignature("stranger.example", b"abcd", bytes(72)).line().encode()
    known = [keys.witness_known, keys.witness_ml_dsa_known]
    verified = witness.verify_response(stranger + answer(keys, note), text_of(note), known, now=NOW)
    assert [(one.key, one.timestamp) for one in verified] == [(key, NOW) for key in known]


def test_cosignatures_join_the_checkpoint(keys: Keys, note: bytes) -> None:
    """Lines that verified are added to the log's own, and the checkpoint opens with all of them."""
    known = [keys.ed25519_known, keys.ml_dsa_known, keys.witness_known, keys.witness_ml_dsa_known]
    verified = witness.verify_response(answer(keys, note), text_of(note), known, now=NOW)
    parsed = notes.parse(note)
    joined = Note(parsed.text, (*parsed.signatures, *(one.signature for one in verified))).encode()
    assert len(checkpoints.open_checkpoint(joined, keys.origin, known).verified) == 4


def test_a_cosignature_of_another_checkpoint_is_refused(keys: Keys, note: bytes) -> None:
    """A cosignature covers one size and one root of one log."""
    for other in (
        Checkpoint(keys.origin, 8, HASH),
        Checkpoint(keys.origin, 7, bytes(32)),
        Checkpoint(keys.origin + "0", 7, HASH),
    ):
        for known in (keys.witness_known, keys.witness_ml_dsa_known):
            with pytest.raises(BadSignature):
                witness.verify_response(answer(keys, note), other.text(), [known], now=NOW)


def test_a_time_that_was_changed_is_refused(keys: Keys, note: bytes) -> None:
    """The time is signed."""
    for key, known in (
        (keys.witness_ed25519, keys.witness_known),
        (keys.witness_ml_dsa, keys.witness_ml_dsa_known),
    ):
        line = witness.cosign(key, keys.witness, text_of(note), NOW)
        later = replace(line, signature=(NOW - 1).to_bytes(8, "big") + line.signature[8:])
        with pytest.raises(BadSignature):
            notes.verify(Note(text_of(note), (later,)), [known])


def test_an_ml_dsa_cosignature_is_bound_to_its_name(keys: Keys, note: bytes) -> None:
    """One witness cannot pass off the ML-DSA-44 signature made under another name."""
    line = witness.cosign(keys.witness_ml_dsa, keys.witness, text_of(note), NOW)
    renamed = VerifierKey("other.example", keys.witness_ml_dsa_known.kind, keys.witness_ml_dsa_known.public)
    moved = NoteSignature("other.example", renamed.key_id, line.signature)
    with pytest.raises(BadSignature):
        notes.verify(Note(text_of(note), (moved,)), [renamed])


@pytest.mark.parametrize("offset", [301, 100_000_000])
def test_a_cosignature_from_the_future_is_refused(keys: Keys, note: bytes, offset: int) -> None:
    """A witness whose clock is more than five minutes ahead is not believed; one slightly ahead is."""
    witness.verify_response(answer(keys, note, NOW + 300), text_of(note), [keys.witness_known], now=NOW)
    with pytest.raises(BadSignature, match="future"):
        witness.verify_response(
            answer(keys, note, NOW + offset), text_of(note), [keys.witness_known], now=NOW
        )


def test_a_witness_says_when(keys: Keys, note: bytes) -> None:
    """Time zero and plain note signatures say nothing of when, so they are no witness's."""
    with pytest.raises(BadSignature, match="when"):
        witness.verify_response(answer(keys, note, 0), text_of(note), [keys.witness_known], now=NOW)
    with pytest.raises(BadSignature, match="when"):
        witness.check_time(Verified(keys.ed25519_known, notes.parse(note).signatures[0], None), now=NOW)


@pytest.mark.parametrize("timestamp", [-1, 1 << 63, 1 << 64])
def test_times_beyond_the_format_are_neither_signed_nor_believed(
    keys: Keys, note: bytes, timestamp: int
) -> None:
    """A time is 0 to 2^63 - 1."""
    for key in (keys.witness_ed25519, keys.witness_ml_dsa):
        with pytest.raises(MalformedProof):
            witness.cosign(key, keys.witness, text_of(note), timestamp)
    line = NoteSignature(keys.witness, keys.witness_known.key_id, b"\xff" * 72)
    with pytest.raises(BadSignature, match="beyond"):
        notes.verify(Note(text_of(note), (line,)), [keys.witness_known])


@pytest.mark.parametrize("length", [1, 8, 9, 71, 73, 2_427])
def test_cut_cosignatures_are_refused(keys: Keys, note: bytes, length: int) -> None:
    """A cosignature of another length holds for no key."""
    for known in (keys.witness_known, keys.witness_ml_dsa_known):
        line = NoteSignature(known.name, known.key_id, bytes(length))
        with pytest.raises(BadSignature):
            notes.verify(Note(text_of(note), (line,)), [known])


@pytest.mark.parametrize(
    "text", ["words\n", "origin\nmany\nroot\n", "origin\n" + "9" * 30 + "\nroot\n", "o\n1\nAAAA\n"]
)
def test_ml_dsa_signs_checkpoints_only(keys: Keys, text: str) -> None:
    """A text without size and root gives ML-DSA-44 nothing to sign or to verify."""
    with pytest.raises(MalformedProof):
        witness.cosign(keys.witness_ml_dsa, keys.witness, text, NOW)
    line = NoteSignature(keys.witness, keys.witness_ml_dsa_known.key_id, bytes(2_428))
    with pytest.raises(Unsound):
        notes.verify(Note(text, (line,)), [keys.witness_ml_dsa_known])


def test_the_published_request_reads_back() -> None:
    """The specification's request is an old size, four hashes and a checkpoint."""
    request = witness.parse_add_checkpoint(PUBLISHED_REQUEST)
    assert (request.old_size, len(request.proof)) == (20_852_014, 4)
    assert checkpoints.parse(text_of(request.note)).size == 20_852_163
    assert witness.encode_add_checkpoint(request.old_size, request.proof, request.note) == PUBLISHED_REQUEST


@given(old=st.integers(0, (1 << 63) - 1), count=st.integers(0, 63))
def test_a_request_reads_back(old: int, count: int) -> None:
    """Every request within the limits reads back."""
    proof = [HASH] * count if old else []
    body = witness.encode_add_checkpoint(old, proof, b"note\n\nlines\n")
    assert witness.parse_add_checkpoint(body) == AddCheckpoint(old, tuple(proof), b"note\n\nlines\n")


@pytest.mark.parametrize(("old", "proof"), [(-1, []), (0, [HASH]), (1, [HASH] * 64), (1, [HASH[:31]])])
def test_requests_beyond_the_format_are_not_sent(old: int, proof: list[bytes]) -> None:
    """At most 63 hashes of 32 bytes, and none from an empty tree."""
    with pytest.raises(MalformedProof):
        witness.encode_add_checkpoint(old, proof, b"note")


LINE = b64encode(HASH).decode() + "\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1\n",
        b"new 1\n\nnote",
        b"old\n\nnote",
        b"old 01\n\nnote",
        b"old -1\n\nnote",
        b"old  1\n\nnote",
        b"old 1\nAAAA\n\nnote",
        b"old 1\nnot base64\n\nnote",
        b"old 1\xff\n\nnote",
        f"old 0\n{LINE}\nnote".encode(),
        f"old 1\n{LINE * 64}\nnote".encode(),
        b"old 1\n\n" + bytes(witness.REQUEST_BYTES_MAX),
    ],
)
def test_malformed_requests_are_refused(body: bytes) -> None:
    """What is not old size, at most 63 hashes, empty line and checkpoint is no request."""
    with pytest.raises(MalformedProof):
        witness.parse_add_checkpoint(body)


def test_a_witness_is_sent_the_logs_plain_lines_only(keys: Keys, note: bytes) -> None:
    """ML-DSA-44 lines and others' cosignatures are left out, and the body stays small."""
    parsed = notes.parse(note)
    crowded = Note(
        parsed.text,
        (*parsed.signatures, *notes.parse(parsed.text.encode() + b"\n" + answer(keys, note)).signatures),
    )
    sent = witness.log_lines_only(crowded.encode(), keys.origin)
    assert notes.parse(sent) == Note(parsed.text, parsed.signatures[:1])
    assert len(witness.encode_add_checkpoint(7, [HASH] * 63, sent)) < 10 * 1024
    with pytest.raises(BadSignature):
        witness.log_lines_only(crowded.encode(), "other.example")


def check(
    status: int, body: bytes = b"", *, old: int = 5, size: int = 9, media: str = "text/x.tlog.size"
) -> None:
    """A witness's answer to a checkpoint of ``size`` entries, proved from ``old``."""
    witness.check_response(status, media, body, request=AddCheckpoint(old, (), b""), size=size)


def test_ok_is_fine() -> None:
    """Status 200 raises nothing."""
    check(200)


def test_a_witness_that_is_behind_says_where() -> None:
    """409 with a size at or below ours asks for the proof from there; upper case and parameters are fine."""
    for media in ("text/x.tlog.size", "Text/X.Tlog.Size; charset=utf-8"):
        with pytest.raises(WitnessBehind) as caught:
            check(409, witness.encode_size(3), media=media)
        assert caught.value.size == 3


def test_a_witness_that_is_ahead_shows_a_rollback() -> None:
    """409 with a size above ours means that this log lost entries."""
    with pytest.raises(RolledBack, match="10 entries") as caught:
        check(409, b"10\n")
    assert "Sign nothing more" in caught.value.advice


def test_a_conflict_at_our_size_is_a_fork() -> None:
    """409 when old size and size are the same means another root, with or without a size in the answer."""
    for media, body in (("text/x.tlog.size", b"9\n"), ("text/plain", b"conflict")):
        with pytest.raises(LogForked, match="another tree"):
            check(409, body, old=9, media=media)


def test_a_proof_the_witness_refuses_speaks_against_the_log() -> None:
    """422 is a bad proof or a fork."""
    with pytest.raises(ProofMismatch):
        check(422)


@pytest.mark.parametrize("status", [201, 204, 301, 400, 403, 404, 429, 500, 503])
def test_other_answers_say_nothing_of_the_log(status: int) -> None:
    """An unknown origin or key, and anything outside the protocol, is a refusal and no finding."""
    with pytest.raises(WitnessRefused, match=str(status)):
        check(status)


def test_a_conflict_without_another_size_says_nothing() -> None:
    """409 that does not name another size is a refusal."""
    for media, body in (("text/plain", b"conflict"), ("text/x.tlog.size", b"5\n")):
        with pytest.raises(WitnessRefused, match="409"):
            check(409, body, media=media)


@pytest.mark.parametrize("body", [b"", b"3", b"03\n", b"-3\n", b"3\n\n", b"\xff\n", b"9" * 5_000 + b"\n"])
def test_a_malformed_size_is_refused(body: bytes) -> None:
    """The size in a 409 answer is a number and a newline."""
    with pytest.raises(MalformedProof):
        check(409, body)


@pytest.mark.parametrize("body", [b"", b"text\n\n", b"\n", b"x" * (witness.RESPONSE_BYTES_MAX + 1)])
def test_malformed_answers_are_refused(keys: Keys, note: bytes, body: bytes) -> None:
    """An answer is signature lines and nothing else."""
    with pytest.raises(Unsound):
        witness.verify_response(body, text_of(note), [keys.witness_known], now=NOW)


def test_an_answer_cannot_bring_its_own_text(keys: Keys, note: bytes) -> None:
    """An answer that would move the boundary between text and signatures is refused."""
    body = b"more text\n\n" + answer(keys, note)
    with pytest.raises(Unsound):
        witness.verify_response(body, text_of(note), [keys.witness_known], now=NOW)


def test_ml_dsa_signs_for_names_up_to_255_bytes(keys: Keys) -> None:
    """The signed message prefixes names with one byte of length: longer names are refused, not cut."""
    text = Checkpoint("o" * 255, 7, HASH).text()
    witness.cosign(keys.witness_ml_dsa, "w" * 255, text, NOW)
    with pytest.raises(MalformedProof):
        witness.cosign(keys.witness_ml_dsa, "w" * 256, text, NOW)
    with pytest.raises(MalformedProof):
        witness.cosign(keys.witness_ml_dsa, "w", Checkpoint("o" * 256, 7, HASH).text(), NOW)


def test_without_ml_dsa_the_reason_is_named(keys: Keys, note: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenSSL lacks ML-DSA-44 its signatures are not believed, and the error says what to install."""

    def lacks(data: bytes) -> None:
        raise UnsupportedAlgorithm(str(len(data)))

    monkeypatch.setattr(
        mldsa, "MLDSA44PublicKey", type("Lacking", (), {"from_public_bytes": staticmethod(lacks)})
    )
    with pytest.raises(BadSignature, match="cannot check ML-DSA-44") as caught:
        notes.verify(notes.parse(note), [keys.ml_dsa_known])
    assert "cryptography >= 50" in caught.value.advice
