# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: their text, who must have signed, and what is refused."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st
from log_keys import Keys

from byhand.errors import BadSignature, MalformedProof
from byhand.log import checkpoint as checkpoints, note as notes, witness
from byhand.log.checkpoint import Checkpoint, open_checkpoint
from byhand.log.keys import ED25519, ML_DSA_44
from byhand.log.note import Note

ROOT = bytes(range(32))
NOW = 1_790_000_000


def head(keys: Keys, size: int = 7) -> Checkpoint:
    """A checkpoint of the log."""
    return Checkpoint(keys.origin, size, ROOT)


def test_the_example_of_the_specification_reads_back() -> None:
    """The specification's example is origin, size and root, one a line."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    parsed = checkpoints.parse(text)
    assert (parsed.origin, parsed.size, parsed.extensions) == ("example.com/behind-the-sofa", 20_852_163, ())
    assert parsed.text() == text


@given(
    size=st.integers(0, (1 << 63) - 1),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(st.text("abc +=", min_size=1, max_size=9), max_size=3),
)
def test_a_checkpoint_reads_back(size: int, root: bytes, extensions: list[str]) -> None:
    """Every checkpoint reads back from its text."""
    made = Checkpoint("example.com/log", size, root, tuple(extensions))
    assert checkpoints.parse(made.text()) == made


@pytest.mark.parametrize(
    "size", ["", "-1", "+1", "01", "1 ", " 1", "1e3", "0x1", "١", str(1 << 63), "9" * 5_000, "1_000"]
)
def test_a_size_has_one_spelling(size: str) -> None:
    """A size is a decimal number below 2^63 without sign, space or leading zero."""
    with pytest.raises(MalformedProof):
        checkpoints.parse(f"origin\n{size}\n{b64encode(ROOT).decode()}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        f"origin\n1\n{b64encode(ROOT).decode()}",
        f"\n1\n{b64encode(ROOT).decode()}\n",
        f"origin\n1\n{b64encode(ROOT[:31]).decode()}\n",
        f"origin\n1\n{b64encode(ROOT + ROOT).decode()}\n",
        "origin\n1\nnot base64\n",
        f"origin\n1\n{b64encode(ROOT).decode()}\n\n",
        f"origin\n1\n{b64encode(ROOT).decode()}\n\nextension\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    """Fewer than three lines, an empty line or a root of another length is no checkpoint."""
    with pytest.raises(MalformedProof):
        checkpoints.parse(text)


def test_a_signed_checkpoint_opens(keys: Keys) -> None:
    """What the log signs with Ed25519 opens with its public key, and says who vouched."""
    note = checkpoints.sign(head(keys), [keys.ed25519], timestamp=NOW)
    opened = open_checkpoint(note, keys.origin, [keys.ed25519_known])
    assert opened.checkpoint == head(keys)
    assert [(one.key.kind, one.timestamp) for one in opened.verified] == [(ED25519, None)]


def test_both_kinds_of_log_key_are_verified(keys: Keys) -> None:
    """With an ML-DSA-44 key beside it both signatures are checked, and either may be known alone."""
    note = checkpoints.sign(head(keys), [keys.ed25519, keys.ml_dsa], timestamp=NOW)
    opened = open_checkpoint(note, keys.origin, [keys.ed25519_known, keys.ml_dsa_known])
    assert [(one.key.kind, one.timestamp) for one in opened.verified] == [(ED25519, None), (ML_DSA_44, NOW)]
    assert len(open_checkpoint(note, keys.origin, [keys.ed25519_known]).verified) == 1


def test_leaving_out_the_second_key_is_seen(keys: Keys) -> None:
    """A verifier that knows the ML-DSA-44 key does not accept a checkpoint without its signature."""
    note = checkpoints.sign(head(keys), [keys.ed25519], timestamp=NOW)
    with pytest.raises(BadSignature, match="ML-DSA-44"):
        open_checkpoint(note, keys.origin, [keys.ed25519_known, keys.ml_dsa_known])


def test_leaving_out_the_first_key_is_seen(keys: Keys) -> None:
    """The Ed25519 signature is always there."""
    note = checkpoints.sign(head(keys), [keys.ml_dsa], timestamp=NOW)
    with pytest.raises(BadSignature, match="Ed25519"):
        open_checkpoint(note, keys.origin, [keys.ed25519_known, keys.ml_dsa_known])


def test_another_origin_is_refused(keys: Keys) -> None:
    """A soundly signed checkpoint of one log is not one of another."""
    note = checkpoints.sign(head(keys), [keys.ed25519], timestamp=NOW)
    with pytest.raises(BadSignature, match="not of"):
        open_checkpoint(note, "byhand.local/test/2", [keys.ed25519_known])


def test_a_witness_does_not_stand_in_for_the_log(keys: Keys) -> None:
    """Cosignatures alone, however many, do not make a checkpoint the log's."""
    text = head(keys).text()
    lines = tuple(
        witness.cosign(key, keys.witness, text, NOW) for key in (keys.witness_ed25519, keys.witness_ml_dsa)
    )
    with pytest.raises(BadSignature):
        open_checkpoint(
            Note(text, lines).encode(),
            keys.origin,
            [keys.ed25519_known, keys.witness_known, keys.witness_ml_dsa_known],
        )


def test_a_changed_field_breaks_every_signature(keys: Keys) -> None:
    """Size and root are covered by both signatures."""
    parsed = notes.parse(checkpoints.sign(head(keys), [keys.ed25519, keys.ml_dsa], timestamp=NOW))
    for changed in (replace(head(keys), size=8), replace(head(keys), root=bytes(32))):
        for line in parsed.signatures:
            with pytest.raises(BadSignature):
                notes.verify(Note(changed.text(), (line,)), [keys.ed25519_known, keys.ml_dsa_known])


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "two\nlines"},
        {"origin": ""},
        {"origin": "a b"},
        {"root": b"short"},
        {"size": -1},
        {"size": 1 << 63},
        {"extensions": ("",)},
        {"extensions": ("a\nb",)},
    ],
)
def test_what_cannot_be_written_is_not_signed(keys: Keys, change: dict[str, object]) -> None:
    """A field that would be read back as something else is refused before a key touches it."""
    bent = replace(head(keys), **change)  # type: ignore[arg-type]
    with pytest.raises(MalformedProof):
        checkpoints.sign(bent, [keys.ed25519], timestamp=NOW)
