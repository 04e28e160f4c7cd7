# SPDX-License-Identifier: Apache-2.0
"""Seals payloads, section by section, each with a key of its own, and opens them again."""

from __future__ import annotations

import hmac
import os
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from byhand.errors import ProofMismatch, Unsound
from byhand.journal.entry import Draft, Entry
from byhand.keystore.contract import DECLARATION_MAC, KeyStore
from byhand.records import codec, parts, payload
from byhand.records.leaf import ADMINISTRATION_CHAIN, Leaf
from byhand.records.payload import PERSON_PREFIX, SALT_BYTES, SealedSection, Section

SALTS_DRAWN = 256  # 8 KiB; a fork cannot reuse them, the journal refuses to be used after one
NONCE = bytes(12)  # a data key encrypts exactly once, so a fixed nonce never repeats under it


class Opened(NamedTuple):
    """The sections that could be opened, and the names of those whose keys are destroyed."""

    sections: dict[str, Section]
    erased: tuple[str, ...]


class Vault:
    """Between records and what rests on disk. Thread-safe; no I/O but the key store's."""

    def __init__(self, origin: str, keys: KeyStore) -> None:
        self._origin = origin
        self._keys = keys
        self._salts: deque[bytes] = deque()
        self._mac_key = keys.secret(DECLARATION_MAC)

    def seal(self, entries: Sequence[Entry]) -> list[Draft]:
        """Encode, commit to and encrypt every section of ``entries``."""
        contents = [_sections(entry) for entry in entries]
        keys = iter(self._keys.take(sum(len(sections) for sections in contents)))
        return [self._seal(entry, sections, keys) for entry, sections in zip(entries, contents, strict=True)]

    def _seal(self, entry: Entry, sections: list[tuple[str, bytes]], keys: object) -> Draft:
        record = entry.record
        commitments: list[tuple[str, str]] = []
        rows: list[SealedSection] = []
        for name, content in sections:
            number, key = next(keys)  # type: ignore[call-overload]
            salt = self._salt()
            commitment = payload.section_commitment(salt, content)
            bound = payload.associated_data(self._origin, record.id, name)
            commitments.append((name, commitment))
            ciphertext = AESGCM(key).encrypt(NONCE, salt + content, bound)
            rows.append(SealedSection(commitment=commitment, key=number, name=name, sealed=ciphertext))
        sealed = payload.encode_sealed(rows)
        declaration = entry.declaration if entry.declaration is not None else sections[0][1]
        return Draft(
            record_id=record.id,
            kind=record.__struct_config__.tag,  # type: ignore[arg-type]
            intervention=record.intervention,
            retention=record.governance.retention_class,
            chain=_chain(record),
            commitment=payload.list_commitment(commitments),
            sealed=payload.sealed_digest(sealed),
            payload=sealed,
            mac=self.declaration_mac(declaration),
            claims=entry.claims,
            expected_head=entry.expected_head,
            expected_administration=entry.expected_administration,
            before=entry.before,
            new=entry.new,
        )

    def _salt(self) -> bytes:
        """32 fresh random bytes, drawn from the system many at a time: each draw lets go of the interpreter."""
        try:
            return self._salts.pop()
        except IndexError:
            drawn = os.urandom(SALT_BYTES * SALTS_DRAWN)
            self._salts.extend(
                drawn[at : at + SALT_BYTES] for at in range(SALT_BYTES, len(drawn), SALT_BYTES)
            )
            return drawn[:SALT_BYTES]

    def declaration_mac(self, declaration: bytes) -> bytes:
        """What tells a retry from another declaration under the same id, without keeping either."""
        return hmac.digest(self._mac_key, declaration, "sha256")

    def open(self, leaf: Leaf, sealed: bytes) -> Opened:
        """Open what can be opened; raises MalformedProof, ProofMismatch when the payload is not the leaf's."""
        (opened,) = self.open_all([(leaf, sealed)])
        if isinstance(opened, Unsound):
            raise opened
        return opened

    def open_all(self, rows: Sequence[tuple[Leaf, bytes]]) -> list[Opened | Unsound]:
        """``open`` for many at once: their keys are fetched together, and one that fails does not stop the others."""
        listed = [_listed(leaf, sealed) for leaf, sealed in rows]
        keys = self._keys.data_keys([row.key for one in listed if isinstance(one, tuple) for row in one])
        return [
            self._open(leaf.id, one, keys) if isinstance(one, tuple) else one
            for (leaf, _), one in zip(rows, listed, strict=True)
        ]

    def _open(
        self, record_id: str, rows: tuple[SealedSection, ...], keys: Mapping[int, bytes]
    ) -> Opened | Unsound:
        opened: dict[str, Section] = {}
        erased: list[str] = []
        for row in rows:
            name = row.name
            key = keys.get(row.key)
            if key is None:
                erased.append(name)
                continue
            try:
                bound = payload.associated_data(self._origin, record_id, name)
                plain = AESGCM(key).decrypt(NONCE, row.sealed, bound)
            except (InvalidTag, ValueError):
                return ProofMismatch(f"section {name!r} of record {record_id} does not open")
            salt, content = plain[:SALT_BYTES], plain[SALT_BYTES:]
            if not hmac.compare_digest(payload.section_commitment(salt, content), row.commitment):
                return ProofMismatch(
                    f"section {name!r} of record {record_id} is not the one its leaf commits to"
                )
            opened[name] = Section(name, salt, content)
        return Opened(opened, tuple(erased))


def _listed(leaf: Leaf, sealed: bytes) -> tuple[SealedSection, ...] | Unsound:
    """The sections of a payload, once it is the one that its leaf names."""
    try:
        if leaf.sealed is None or not hmac.compare_digest(payload.sealed_digest(sealed), leaf.sealed):
            raise ProofMismatch(f"the sealed payload of record {leaf.id} is not the one its leaf names")
        rows = payload.decode_sealed(sealed).sections
        payload.check_list([(row.name, row.commitment) for row in rows], leaf.commitment)
    except Unsound as error:
        return error
    return rows


def _sections(entry: Entry) -> list[tuple[str, bytes]]:
    sections = [(payload.BODY, codec.encode(entry.record))]
    sections += [(PERSON_PREFIX + key, parts.encode_part(part)) for key, part in entry.people.items()]
    return sections + list(entry.attachments.items())


def _chain(record: object) -> str | None:
    intervention: str | None = record.intervention  # type: ignore[attr-defined]
    if intervention is not None:
        return intervention
    kind = record.__struct_config__.tag  # type: ignore[attr-defined]
    return ADMINISTRATION_CHAIN if kind == "administration" else None
