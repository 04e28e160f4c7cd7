# SPDX-License-Identifier: Apache-2.0
"""The log's own keys: they sign checkpoints and promises, and nothing else."""

from __future__ import annotations

from base64 import b64encode
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byhand.keystore.contract import LOG_SIGNING, LOG_SIGNING_ML_DSA, KeyStore
from byhand.log import checkpoint as checkpoints
from byhand.log.checkpoint import Checkpoint
from byhand.log.keys import ED25519, ML_DSA_44, VerifierKey
from byhand.records.promise import promise_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey


class LogKey:
    """Ed25519 always; ML-DSA-44 beside it by setting. The name of both keys is the origin."""

    def __init__(self, origin: str, keys: KeyStore, *, ml_dsa: bool) -> None:
        self.origin = origin
        self._keys = keys
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(keys.secret(LOG_SIGNING))
        self._ml_dsa = ml_dsa

    @cached_property
    def _second(self) -> MLDSA44PrivateKey | None:
        if not self._ml_dsa:
            return None
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        return MLDSA44PrivateKey.from_seed_bytes(self._keys.secret(LOG_SIGNING_ML_DSA))

    @cached_property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The public keys, as a verifier's policy names them."""
        first = VerifierKey(self.origin, ED25519, self._ed25519.public_key().public_bytes_raw())
        if self._second is None:
            return (first,)
        return (first, VerifierKey(self.origin, ML_DSA_44, self._second.public_key().public_bytes_raw()))

    def sign_checkpoint(self, size: int, root: bytes, *, timestamp: int) -> bytes:
        """The signed note of the tree of ``size`` entries under ``root``."""
        signers: list[Ed25519PrivateKey | MLDSA44PrivateKey] = [self._ed25519]
        if self._second is not None:
            signers.append(self._second)
        return checkpoints.sign(Checkpoint(self.origin, size, root), signers, timestamp=timestamp)

    def promise(self, index: int, leaf_hash: bytes, recorded: str) -> str:
        """Signature (base64) over the promise text: this entry is in the log, at this index."""
        return b64encode(self._ed25519.sign(promise_text(self.origin, index, leaf_hash, recorded))).decode()
