# SPDX-License-Identifier: Apache-2.0
"""Numbers and bytes have one spelling in the log's text formats."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given, strategies as st

from byhand.errors import MalformedProof
from byhand.log import text


@given(data=st.binary(max_size=80))
def test_base64_reads_back(data: bytes) -> None:
    """Every sequence of bytes reads back from its base64."""
    assert text.decode_base64(b64encode(data).decode()) == data


@pytest.mark.parametrize(
    "spelling", ["Zh==", "Zm9=", "Zg", "Zg=", "Zg===", "Z g==", "Zg==\n", "Zg==Zg==", "-_==", "é"]
)
def test_other_spellings_of_base64_are_refused(spelling: str) -> None:
    """Unused bits, missing or doubled padding, spaces and other alphabets are refused."""
    with pytest.raises(MalformedProof):
        text.decode_base64(spelling)


@given(number=st.integers(0, text.NUMBER_MAX))
def test_a_number_reads_back(number: int) -> None:
    """Every number up to 2^63 - 1 reads back."""
    assert text.decode_number(str(number)) == number


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_hash_has_its_length(length: int) -> None:
    """A hash is 32 bytes long."""
    assert text.decode_hash(b64encode(bytes(32)).decode()) == bytes(32)
    with pytest.raises(MalformedProof):
        text.decode_hash(b64encode(bytes(length)).decode())
