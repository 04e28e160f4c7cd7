# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes arrive, a parser returns a value or raises an error of evidence, never another one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings, strategies as st

from byhand.errors import Unsound
from byhand.log import checkpoint as checkpoints, note as notes, proof, tiles, witness
from byhand.log.keys import VerifierKey
from byhand.log.tiles import RightEdge

HASH = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
CHECKPOINT = f"example.com/log\n7\n{HASH}"
NOTE = CHECKPOINT + "\n— example.com/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe\n"
Parser = Callable[[bytes], object]
PARSERS: dict[str, tuple[Parser, bytes]] = {
    "note": (notes.parse, NOTE.encode()),
    "checkpoint": (lambda data: checkpoints.parse(data.decode(errors="replace")), CHECKPOINT.encode()),
    "proof": (proof.parse, f"c2sp.org/tlog-proof@v1\nindex 5\n{HASH}\n{NOTE}".encode()),
    "request": (witness.parse_add_checkpoint, f"old 5\n{HASH}\n{NOTE}".encode()),
    "bundle": (tiles.decode_bundle, b"\0\3abc\0\0"),
    "edge": (lambda data: RightEdge.decode(257, data).root(), bytes(64)),
    "path": (lambda data: tiles.parse_tile_path(data.decode(errors="replace")), b"tile/0/x001/067.p/8"),
    "key": (
        lambda data: VerifierKey.parse(data.decode(errors="surrogateescape")),
        b"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ),
}


def survives(parser: Parser, data: bytes) -> None:
    """Parse; an error of evidence is an answer as well."""
    with suppress(Unsound):
        parser(data)


@pytest.mark.parametrize("name", PARSERS)
def test_the_honest_form_parses(name: str) -> None:
    """Each parser accepts the form that is bent below."""
    parser, honest = PARSERS[name]
    parser(honest)


@pytest.mark.parametrize("name", PARSERS)
@settings(deadline=None, max_examples=150)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_answered(name: str, data: bytes) -> None:
    """Arbitrary bytes give a value or an error of evidence."""
    survives(PARSERS[name][0], data)


@pytest.mark.parametrize("name", PARSERS)
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_bent_forms_are_answered(name: str, data: st.DataObject) -> None:
    """An honest form with any part replaced by other bytes gives a value or an error of evidence."""
    parser, honest = PARSERS[name]
    start = data.draw(st.integers(0, len(honest)))
    stop = data.draw(st.integers(start, min(len(honest), start + 4)))
    other = data.draw(
        st.binary(max_size=6) | st.sampled_from([b"\n\n", b"9" * 5_000, b"-1", "٣".encode(), b"\0"])
    )
    survives(parser, honest[:start] + other + honest[stop:])
