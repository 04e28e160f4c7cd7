# SPDX-License-Identifier: Apache-2.0
"""Signed notes: a published note, the rules for known and unknown keys, and every malformed shape."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given, strategies as st
from log_keys import Keys

from byhand.errors import BadSignature, MalformedProof, Unsound
from byhand.log import keys as kinds, note as notes
from byhand.log.keys import ED25519, VerifierKey
from byhand.log.note import Note, NoteSignature

# The example of the Go package golang.org/x/mod/sumdb/note.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
TEXT = "byhand.local/test/1\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n"


def signed(keys: Keys, text: str = TEXT) -> Note:
    """A note signed by the log."""
    return Note(text, (notes.sign_ed25519(keys.ed25519, keys.origin, text),))


def with_line(note: Note, line: NoteSignature) -> Note:
    """The note with one more signature."""
    return Note(note.text, (*note.signatures, line))


def test_a_published_note_verifies() -> None:
    """The published note is signed by the published key, and encodes to its own bytes."""
    key = VerifierKey.parse(PUBLISHED_KEY)
    note = notes.parse(PUBLISHED_NOTE)
    assert [one.key for one in notes.verify(note, [key])] == [key]
    assert note.encode() == PUBLISHED_NOTE
    assert key.encode() == PUBLISHED_KEY
    assert key.key_id == kinds.key_id("PeterNeumann", ED25519, key.public)


def test_one_bit_of_a_note_breaks_it() -> None:
    """Whichever bit of the published note is turned, it is malformed or its signature fails."""
    key = VerifierKey.parse(PUBLISHED_KEY)
    for bit in range(len(PUBLISHED_NOTE) * 8):
        bent = bytearray(PUBLISHED_NOTE)
        bent[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(Unsound):
            notes.verify(notes.parse(bytes(bent)), [key])


def test_the_last_empty_line_parts_text_and_signatures(keys: Keys) -> None:
    """A text may hold empty lines; the last one in the note ends it."""
    note = signed(keys, "one\n\n\ntwo\n")
    assert notes.parse(note.encode()) == note
    notes.verify(notes.parse(note.encode()), [keys.ed25519_known])


@given(text=st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n"), max_size=60))
def test_any_text_reads_back(keys: Keys, text: str) -> None:
    """A note of any printable text reads back and verifies."""
    note = signed(keys, text + "\n")
    read = notes.parse(note.encode())
    assert read == note
    notes.verify(read, [keys.ed25519_known])


def test_unknown_keys_are_passed_over(keys: Keys) -> None:
    """A line with another name or another key id than a known key's is not looked at."""
    own = signed(keys).signatures[0]
    strangers = (
        NoteSignature("somebody.example", own.key_id, b"nonsense"),
        NoteSignature(own.name, b"\0\0\0\0", b"nonsense"),
    )
    for line in strangers:
        verified = notes.verify(with_line(signed(keys), line), [keys.ed25519_known])
        assert [one.signature for one in verified] == [own]


def test_one_known_key_that_fails_rejects_the_note(keys: Keys) -> None:
    """A good signature does not save a note on which another known key's signature is false."""
    false = NoteSignature(keys.witness, keys.witness_known.key_id, bytes(72))
    note = with_line(signed(keys), false)
    notes.verify(note, [keys.ed25519_known])
    with pytest.raises(BadSignature, match=keys.witness):
        notes.verify(note, [keys.ed25519_known, keys.witness_known])


def test_a_note_nobody_known_signed_is_rejected(keys: Keys) -> None:
    """Without a signature by a known key there is nothing to believe."""
    for known in ([], [keys.witness_known]):
        with pytest.raises(BadSignature):
            notes.verify(signed(keys), known)


def test_a_repeated_line_counts_once(keys: Keys) -> None:
    """One key that signs twice is one signature."""
    note = with_line(signed(keys), signed(keys).signatures[0])
    assert len(notes.verify(note, [keys.ed25519_known])) == 1


def test_two_known_keys_of_one_id_are_refused(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known keys that share name and id are ambiguous; the same key named twice is not."""
    known = keys.ed25519_known
    notes.verify(signed(keys), [known, VerifierKey.parse(known.encode())])
    other = VerifierKey(known.name, known.kind, bytes(32))
    monkeypatch.setattr(kinds, "key_id", lambda *_: b"same")
    with pytest.raises(MalformedProof, match="share one id"):
        notes.verify(signed(keys), [known, other])


def test_sixteen_signatures_and_more_are_read(keys: Keys) -> None:
    """The specification asks for 16 signatures; post-quantum ones up to our limit are read too."""
    own = signed(keys)
    for count in (16, notes.SIGNATURES_MAX):
        others = [NoteSignature(f"w{number}.example", b"abcd", bytes(2_428)) for number in range(count - 1)]
        note = Note(own.text, (*own.signatures, *others))
        assert len(notes.verify(notes.parse(note.encode()), [keys.ed25519_known])) == 1
    too_many = Note(own.text, own.signatures * (notes.SIGNATURES_MAX + 1))
    with pytest.raises(MalformedProof):
        notes.parse(too_many.encode())


def test_a_huge_note_is_not_read() -> None:
    """A note above the limit is refused before it is looked at."""
    with pytest.raises(MalformedProof, match="too large"):
        notes.parse(b"a" * (notes.NOTE_BYTES_MAX + 1))


GOOD = b64encode(b"abcdsignature").decode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        f"text\n\n— name {GOOD}".encode(),
        f"text\n— name {GOOD}\n".encode(),
        f"text\n\n- name {GOOD}\n".encode(),
        f"text\n\n—name {GOOD}\n".encode(),
        f"text\n\n—  {GOOD}\n".encode(),
        f"text\n\n— name  {GOOD}\n".encode(),
        f"text\n\n— name {GOOD} \n".encode(),
        f"text\n\n— na+me {GOOD}\n".encode(),
        f"text\n\n— na\u2003me {GOOD}\n".encode(),
        f"te\rxt\n\n— name {GOOD}\n".encode(),
        f"te\0xt\n\n— name {GOOD}\n".encode(),
        b"te\xffxt\n\n" + f"— name {GOOD}\n".encode(),
        "text\n\n— name !!!!\n".encode(),
        "text\n\n— name YWJjZA==\n".encode(),
        "text\n\n— name YWJjZGV=\n".encode(),
        "text\n\n— name YWJjZGU\n".encode(),
        "text\n\n— name\n".encode(),
    ],
)
def test_malformed_notes_are_refused(data: bytes) -> None:
    """What is not text, blank line and well-formed signature lines is no note."""
    with pytest.raises(MalformedProof):
        notes.parse(data)


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\tb", "a\nb", "a\u00a0b", "a\u2028b", "a\x00b", "a\ud800b"]
)
def test_names_that_break_the_format_are_refused(keys: Keys, name: str) -> None:
    """No key is made and nothing is signed under a name with a space, a plus or a control character."""
    with pytest.raises(MalformedProof):
        notes.sign_ed25519(keys.ed25519, name, TEXT)
    with pytest.raises(MalformedProof):
        VerifierKey(name, ED25519, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_malformed_verifier_keys_are_refused(text: str) -> None:
    """A verifier key whose hash, type or length is wrong is refused."""
    with pytest.raises(MalformedProof):
        VerifierKey.parse(text)


def test_every_kind_of_key_reads_back(keys: Keys) -> None:
    """Ed25519, cosignature and ML-DSA-44 keys are written and read as name, hash and key."""
    for known in (keys.ed25519_known, keys.ml_dsa_known, keys.witness_known, keys.witness_ml_dsa_known):
        assert VerifierKey.parse(known.encode()) == known


def test_the_type_is_part_of_the_key_id(keys: Keys) -> None:
    """One key under one name has another id as a log's key than as a witness's."""
    public = keys.ed25519_known.public
    assert len({kinds.key_id("one.example", kind, public) for kind in kinds.PUBLIC_BYTES}) == 3
