# SPDX-License-Identifier: Apache-2.0
"""The keys of one log and one witness, the same in every run."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from byhand.log.keys import ED25519, ED25519_COSIGNATURE, ML_DSA_44, VerifierKey


class Keys:
    """Keys made from their names, so that every run uses the same."""

    origin = "byhand.local/test/1"
    witness = "witness.example/w1"

    def __init__(self) -> None:
        self.ed25519 = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"log").digest())
        self.ml_dsa = MLDSA44PrivateKey.from_seed_bytes(hashlib.sha256(b"log, too").digest())
        self.witness_ed25519 = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"witness").digest())
        self.witness_ml_dsa = MLDSA44PrivateKey.from_seed_bytes(hashlib.sha256(b"witness, too").digest())
        self.ed25519_known = self._known(self.origin, ED25519, self.ed25519)
        self.ml_dsa_known = self._known(self.origin, ML_DSA_44, self.ml_dsa)
        self.witness_known = self._known(self.witness, ED25519_COSIGNATURE, self.witness_ed25519)
        self.witness_ml_dsa_known = self._known(self.witness, ML_DSA_44, self.witness_ml_dsa)

    @staticmethod
    def _known(name: str, kind: int, private: Ed25519PrivateKey | MLDSA44PrivateKey) -> VerifierKey:
        return VerifierKey(name, kind, private.public_key().public_bytes_raw())
