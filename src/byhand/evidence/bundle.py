# SPDX-License-Identifier: Apache-2.0
"""The evidence bundle: everything about one intervention that a stranger needs to check it offline.

A ZIP file whose members are the bytes themselves: leaves, sections with their salts, proofs, the checkpoint,
statements as they were signed. Keys inside a bundle vouch for nothing: the verifier brings its own.
Exported plaintext is beyond later erasure, so persons' sections are withheld unless asked for.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from byhand.errors import Invalid, LogForked, MalformedProof, NotFound
from byhand.journal.journal import Journal
from byhand.journal.reader import Stored
from byhand.journal.tree import StoredTree
from byhand.log import checkpoint as checkpoints
from byhand.log.keys import check_name
from byhand.log.proof import TlogProof
from byhand.records import canonical
from byhand.records.kinds import Administration, Approval, Intent, Outcome
from byhand.records.leaf import ADMINISTRATION_CHAIN
from byhand.records.payload import PERSON_PREFIX, decode_sealed
from byhand.signatures import cose, dsse, primitives, sshsig, webauthn
from byhand.trust import quorum
from byhand.trust.keyring import Keyring

BUNDLE_VERSION = 0
MEMBERS_MAX = 20_000  # a few files for each record of the two chains
MEMBER_BYTES_MAX = 16 * 1024 * 1024  # one section, e.g. an attachment
# What a hostile archive or its JSON can raise; RuntimeError covers encryption, unknown methods and deep nesting.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, TypeError, AttributeError, RuntimeError)
BUNDLE_BYTES_MAX = 512 * 1024 * 1024  # unpacked: what a laptop checks in a minute
FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # the same evidence gives the same file

FIRST_MEMBER = b"PK\x03\x04"
END, END_BYTES = b"PK\x05\x06", 22  # the archive's last record, without a comment

MANIFEST = "manifest.json"
CHECKPOINT = "checkpoint"
README = "README.md"
CHECK_SCRIPT = "check.py"
ALLOWED_SIGNERS = "allowed_signers"
PASSKEYS = "passkeys"
LEAF = "leaf.json"
PROOF = "proof.tlog-proof"
SECTIONS = "sections.json"
CONSISTENCY = "consistency.json"
SEEN = "seen.json"
EARLIER_MAX = 16  # earlier checkpoints that a bundle leads from: one for each who asked


@dataclass(frozen=True, slots=True)
class BundleSection:
    """A section of a record: its commitment, and, unless withheld, its salt and content."""

    name: str
    commitment: str
    salt: bytes | None = None
    content: bytes | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """One entry with its proof and its sections."""

    index: int
    leaf: bytes
    proof: bytes
    sections: tuple[BundleSection, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier checkpoint of the log, and the path that leads from it to the bundle's."""

    note: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as it was read: claims, until ``bundle_check`` has been through it."""

    origin: str
    intervention: str
    checkpoint: bytes
    keys: tuple[str, ...]
    officers: str
    intervention_entries: tuple[int, ...]
    administration_entries: tuple[int, ...]
    entries: dict[int, BundleEntry] = field(default_factory=dict)
    earlier: tuple[Earlier, ...] = ()
    seen: Mapping[tuple[int, str], tuple[bytes, ...]] = field(default_factory=dict)
    """Paths to the bundle's checkpoint from the trees (size, root) that approvers had seen before they signed."""
    beside: dict[str, bytes] = field(default_factory=dict)
    """Members that repeat the evidence for people and other tools, by name."""


def _folder(index: int) -> str:
    return f"entries/{index}"


# -- making


def make_bundle(
    journal: Journal,
    keyring: Keyring,
    intervention: str,
    payload_of: dict[int, bytes],
    *,
    persons: bool = False,
    since: Sequence[bytes] = (),
) -> bytes:
    """The bundle of ``intervention`` under an anchored checkpoint made now; raises NotFound, Invalid, LogForked.

    ``payload_of`` is filled by the caller with sealed payloads by entry (see ``sealed_payloads``). ``persons``
    discloses the sections with personal data too. ``since`` are earlier checkpoints that those who will verify
    the bundle remember: it leads from them to its own.
    """
    chain = journal.reader.chain(intervention)
    if not chain:
        raise NotFound(f"there is no intervention {intervention}")
    administration = journal.reader.chain(ADMINISTRATION_CHAIN)
    note = journal.anchor(chain[-1].index + 1)
    size = journal.checkpointer.size_of(note)
    administration = [one for one in administration if one.index < size]
    chain = [one for one in chain if one.index < size]
    tree = journal.reader.tree()
    files: dict[str, bytes] = {}
    for stored in sorted([*administration, *chain], key=lambda one: one.index):
        disclosed = persons and stored in chain
        files.update(_entry_files(stored, tree, note, size, payload_of[stored.index], persons=disclosed))
    manifest = {
        "v": BUNDLE_VERSION,
        "origin": journal.origin,
        "intervention": intervention,
        "keys": [key.encode() for key in journal.key.verifiers],
        "officers": keyring.officers_fingerprint,
        "entries": {
            "intervention": [one.index for one in chain],
            "administration": [one.index for one in administration],
        },
    }
    files[MANIFEST] = json.dumps(manifest, indent=1, sort_keys=True).encode()
    files[CHECKPOINT] = note
    earlier = _earlier(journal, tree, size, since)
    seen = _seen(chain, tree, size, journal.origin)
    if seen:
        files[SEEN] = json.dumps(seen, indent=1, sort_keys=True).encode()
    if earlier:
        files[CONSISTENCY] = json.dumps(earlier, indent=1, sort_keys=True).encode()
    files.update(signer_files(keyring, size))
    files.update(instructions(journal.origin, intervention))
    return _zip(files)


def _earlier(
    journal: Journal, tree: StoredTree, size: int, since: Sequence[bytes]
) -> list[dict[str, object]]:
    """Each checkpoint of ``since`` that is smaller than ``size``, once, with the path from there."""
    found: dict[int, dict[str, object]] = {}
    for note in since:
        earlier = checkpoints.open_earlier(note, journal.origin, journal.key.verifiers).checkpoint
        if earlier.size > size:
            raise Invalid(
                f"{earlier.size} entries were seen before; this bundle is made under {size}",
                advice="Compare the home itself first: byhand verify --since FILE",
            )
        if tree.root(earlier.size) != earlier.root:
            raise LogForked(f"the {earlier.size} entries seen before are not the first ones of this log")
        if 0 < earlier.size < size:
            path = [one.hex() for one in tree.consistency(earlier.size, size)]
            found[earlier.size] = {"checkpoint": note.decode(), "path": path}
    return [found[at] for at in sorted(found)]


def _seen(chain: Sequence[Stored], tree: StoredTree, size: int, origin: str) -> list[dict[str, object]]:
    """The tree that each approver had seen, once, with the path from there."""
    trees: dict[tuple[int, str], list[str]] = {}
    for stored in chain:
        if isinstance(stored.record, Approval):
            _, said = quorum.statement_of(stored.record, origin)
            path = tree.consistency(said.seen_size, size) if said.seen_size < size else []
            trees[said.seen_size, said.seen_root] = [one.hex() for one in path]
    return [{"size": at, "root": root, "path": path} for (at, root), path in sorted(trees.items())]


def sealed_payloads(journal: Journal, indexes: Iterable[int]) -> dict[int, bytes]:
    """The sealed payloads of entries, for ``make_bundle``."""
    return {index: sealed for at in indexes for index, sealed in journal.payloads(at, at + 1)}


def _entry_files(
    stored: Stored, tree: StoredTree, note: bytes, size: int, sealed: bytes, *, persons: bool
) -> dict[str, bytes]:
    folder = _folder(stored.index)
    proof = TlogProof(stored.index, tuple(tree.inclusion(stored.index, size)), note)
    files = {f"{folder}/{LEAF}": stored.entry, f"{folder}/{PROOF}": proof.encode()}
    listed = []
    for number, row in enumerate(decode_sealed(sealed).sections):
        section = stored.sections.get(row.name)
        withheld = section is None or (row.name.startswith(PERSON_PREFIX) and not persons)
        line: dict[str, object] = {"name": row.name, "commitment": row.commitment}
        if section is not None and not withheld:
            line |= {"salt": section.salt.hex(), "file": f"section-{number}"}
            files[f"{folder}/section-{number}"] = section.content
        listed.append(line)
    files[f"{folder}/{SECTIONS}"] = json.dumps(listed, indent=1, sort_keys=True).encode()
    files.update(statement_files(stored.index, stored.record))
    return files


def statement_files(index: int, record: object) -> dict[str, bytes]:
    """Each signed statement as ssh-keygen wants it: the signed bytes, and one armoured signature each."""
    folder = _folder(index)
    texts: tuple[str, ...] = ()
    if isinstance(record, Administration):
        texts = record.statements
    elif isinstance(record, Intent | Approval | Outcome) and record.statement is not None:
        texts = (record.statement,)
    files: dict[str, bytes] = {}
    for number, text in enumerate(texts):
        envelope = dsse.parse(text.encode())
        files[f"{folder}/statement-{number}.signed"] = envelope.pae()
        for place, signature in enumerate(envelope.signatures):
            files.update(_signature_files(f"{folder}/statement-{number}.{place}", signature))
    return files


def _signature_files(stem: str, signature: dsse.EnvelopeSignature) -> dict[str, bytes]:
    """An SSH signature as ssh-keygen wants it; a passkey's as openssl does, with what it signed."""
    if signature.format != dsse.FORMAT_WEBAUTHN:
        return {f"{stem}.sig": sshsig.armor(signature.sig).encode()}
    signed = webauthn.Assertion(signature.authenticator_data, signature.client_data, signature.sig).signed
    return {
        f"{stem}.client-data.json": signature.client_data,
        f"{stem}.passkey-signed": signed,
        f"{stem}.passkey-sig": signature.sig,
        f"{stem}.passkey": f"{passkey_file(signature.keyid)}\n".encode(),
    }


def passkey_file(fingerprint: str) -> str:
    """Where a bundle keeps a passkey's public key: its fingerprint, spelt so that it can be a file's name."""
    name = fingerprint.removeprefix("SHA256:").replace("+", "-").replace("/", "_")
    return f"{PASSKEYS}/{name}.pem"


def signer_files(keyring: Keyring, size: int) -> dict[str, bytes]:
    """Who may sign, for other tools: ``allowed_signers`` for ssh-keygen, one PEM file a passkey for openssl."""
    files = {ALLOWED_SIGNERS: keyring.allowed_signers(size).encode()}
    listed = []
    for key in sorted(keyring.passkeys(size), key=lambda one: one.fingerprint):
        passkey = webauthn.parse(key.blob)
        files[passkey_file(key.fingerprint)] = primitives.pem_of_cose(cose.parse(passkey.key))
        ended = key.revoked_at is not None and key.revoked_at < size
        revoked = f" revoked:{key.revoked_at}" if ended else ""
        listed.append(f"{key.person} {passkey_file(key.fingerprint)} {passkey.origin}{revoked}\n")
    if listed:
        files[f"{PASSKEYS}/list"] = "".join(listed).encode()
    return files


def instructions(origin: str, intervention: str) -> dict[str, bytes]:
    """How to check the bundle by hand: a README and a page of Python."""
    from importlib import resources

    folder = resources.files("byhand.evidence.by_hand")
    readme = folder.joinpath("README.md").read_text(encoding="utf-8")
    readme = readme.replace("{origin}", origin).replace("{intervention}", intervention)
    return {README: readme.encode(), CHECK_SCRIPT: folder.joinpath("check.py").read_bytes()}


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files, key=lambda one: (one.count("/") > 0, one)):
            archive.writestr(zipfile.ZipInfo(name, FIXED_DATE), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


# -- reading


def read_bundle(data: bytes) -> Bundle:
    """The bundle in ``data``; nothing is unpacked to disk. Raises MalformedProof."""
    if not data.startswith(FIRST_MEMBER) or data[-END_BYTES : -END_BYTES + len(END)] != END:
        raise MalformedProof("this is no evidence bundle, or there is something before or after it")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = _members(archive)
        manifest: dict[str, Any] = _json(files[MANIFEST])
        if manifest["v"] != BUNDLE_VERSION:
            raise MalformedProof(f"a bundle of version {manifest['v']} is unknown here")
        check_name(str(manifest["origin"]))
        entries = _entries(files, manifest)
        return Bundle(
            origin=str(manifest["origin"]),
            intervention=str(manifest["intervention"]),
            checkpoint=files[CHECKPOINT],
            keys=tuple(str(key) for key in manifest["keys"]),
            officers=str(manifest["officers"]),
            intervention_entries=_indexes(manifest["entries"]["intervention"]),
            administration_entries=_indexes(manifest["entries"]["administration"]),
            entries=entries,
            earlier=_read_earlier(files.get(CONSISTENCY)),
            seen=_read_seen(files.get(SEEN)),
            beside={name: files[name] for name in set(files) - _read_members(entries)},
        )
    except KeyError as error:
        raise MalformedProof(f"the bundle lacks {error.args[0]}") from error
    except (*UNREADABLE, Invalid) as error:
        raise MalformedProof(f"this is no evidence bundle: {error}") from error


def _read_earlier(data: bytes | None) -> tuple[Earlier, ...]:
    if data is None:
        return ()
    rows = _json(data)
    if not isinstance(rows, list) or not 0 < len(rows) <= EARLIER_MAX:
        raise MalformedProof(f"a bundle leads from 1 to {EARLIER_MAX} earlier checkpoints")
    return tuple(
        Earlier(str(row["checkpoint"]).encode(), tuple(bytes.fromhex(one) for one in row["path"]))
        for row in rows
    )


def _read_seen(data: bytes | None) -> dict[tuple[int, str], tuple[bytes, ...]]:
    rows = _json(data) if data is not None else []
    if not isinstance(rows, list) or len(rows) > MEMBERS_MAX:
        raise MalformedProof("the bundle does not list what approvers had seen")
    return {
        (int(row["size"]), str(row["root"])): tuple(bytes.fromhex(one) for one in row["path"]) for row in rows
    }


def _json(data: bytes) -> Any:
    """Strictly: two fields of one name would show different readers different bundles."""
    return canonical.decode(data, bytes_max=MEMBER_BYTES_MAX)


def _members(archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(infos) > MEMBERS_MAX or len(set(names)) != len(names):
        raise MalformedProof("the bundle has too many members, or two of one name")
    if sum(info.file_size for info in infos) > BUNDLE_BYTES_MAX or any(
        i.file_size > MEMBER_BYTES_MAX for i in infos
    ):
        raise MalformedProof("the bundle is too large")
    return {info.filename: archive.read(info) for info in infos}


def _indexes(values: object) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(isinstance(one, int) and one >= 0 for one in values):
        raise MalformedProof("the bundle's manifest does not list its entries")
    if values != sorted(set(values)):
        raise MalformedProof("the bundle's manifest lists its entries out of order")
    return tuple(values)


def _entries(files: dict[str, bytes], manifest: dict[str, dict[str, list[int]]]) -> dict[int, BundleEntry]:
    entries: dict[int, BundleEntry] = {}
    for index in {
        *_indexes(manifest["entries"]["intervention"]),
        *_indexes(manifest["entries"]["administration"]),
    }:
        folder = _folder(index)
        sections = tuple(_section(files, folder, line) for line in _json(files[f"{folder}/{SECTIONS}"]))
        leaf, proof = files[f"{folder}/{LEAF}"], files[f"{folder}/{PROOF}"]
        entries[index] = BundleEntry(index, leaf, proof, sections)
    return entries


def _read_members(entries: dict[int, BundleEntry]) -> set[str]:
    """The members that a reader has used; the others only repeat what stands in these."""
    names = {MANIFEST, CHECKPOINT, CONSISTENCY, SEEN}
    for index, entry in entries.items():
        folder = _folder(index)
        names |= {f"{folder}/{name}" for name in (LEAF, PROOF, SECTIONS)}
        names |= {f"{folder}/{section.file}" for section in entry.sections if section.file is not None}
    return names


def _section(files: dict[str, bytes], folder: str, line: dict[str, str]) -> BundleSection:
    if "file" not in line:
        return BundleSection(str(line["name"]), str(line["commitment"]))
    file = str(line["file"])
    salt, content = bytes.fromhex(line["salt"]), files[f"{folder}/{file}"]
    return BundleSection(str(line["name"]), str(line["commitment"]), salt, content, file)
