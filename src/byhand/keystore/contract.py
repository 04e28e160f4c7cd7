# SPDX-License-Identifier: Apache-2.0
"""What the vault asks of a key store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

LOG_SIGNING = "log-ed25519"
LOG_SIGNING_ML_DSA = "log-mldsa44"
DECLARATION_MAC = "declaration-mac"
REDACTION_MAC = "redaction-mac"


class DataKey(NamedTuple):
    """A key that encrypts exactly one section: its number and its 32 bytes."""

    number: int
    key: bytes


class KeyStore(Protocol):
    """Keys behind a file, an HSM or a KMS. Safe to call from any thread."""

    def take(self, count: int) -> Sequence[DataKey]:
        """``count`` keys that were never handed out before, durable before this returns."""
        ...

    def data_keys(self, numbers: Sequence[int]) -> Mapping[int, bytes]:
        """The keys that still exist; a destroyed key is missing from the answer."""
        ...

    def secret(self, name: str) -> bytes:
        """A 32-byte secret by name; raises HomeRefused when it is missing or readable by others."""
        ...

    def close(self) -> None:
        """Give back files."""
        ...
