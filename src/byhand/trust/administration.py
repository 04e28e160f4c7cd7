# SPDX-License-Identifier: Apache-2.0
"""Is a change to byhand itself authorised? The same check before it is recorded and years later, offline.

    1  keyring changes carry keyring statements, which lead back to the genesis officers
    2  every other change carries an administration statement over exactly this record, signed by officers
"""

from __future__ import annotations

import hashlib

import msgspec

from byhand.errors import BadSignature, Unsound
from byhand.records import parts
from byhand.records.intervention import Governance, Times
from byhand.records.kinds import Administration
from byhand.signatures import dsse
from byhand.trust import checks, keyring as keyrings
from byhand.trust.keyring import Keyring

HOME_CREATE = "administration.home.create"
PERSON_ENROL = "administration.person.enrol"
KEY_REVOKE = "administration.key.revoke"
POINT_SET = "administration.point.set"
POINT_MODE = "administration.point.mode"
POINT_RETIRE = "administration.point.retire"
REASONS_SET = "administration.reasons.set"
KEYRING_ACTIONS = frozenset({HOME_CREATE, PERSON_ENROL, KEY_REVOKE})
ACTIONS = (HOME_CREATE, PERSON_ENROL, KEY_REVOKE, POINT_SET, POINT_MODE, POINT_RETIRE, REASONS_SET)
OFFICERS_REQUIRED = 1  # for points and reasons, until policies say more; keyring changes follow the keyring's own rules


def administration_digest(record: Administration) -> str:
    """SHA-256 (hex) of what an administration statement covers: the record without what the server adds."""
    bare = msgspec.structs.replace(record, statements=(), actor=None, times=Times(), governance=Governance())
    return hashlib.sha256(parts.encode_part(bare)).hexdigest()


def check_record(
    record: Administration, *, index: int, keyring: Keyring | None, origin: str, officers_fingerprint: str | None
) -> Keyring:
    """The keyring after ``record``, which stands at ``index``; raises BadSignature, Unsound or Invalid.

    ``keyring`` is the one before it, ``None`` before the first record. ``officers_fingerprint`` comes from a
    verifier's own policy; ``None`` lets the genesis vouch for itself, and the caller must say so.
    """
    envelopes = [dsse.parse(text.encode()) for text in record.statements]
    if record.action not in ACTIONS:
        raise Unsound(f"{record.action} is no administration that this byhand knows")
    if record.action in KEYRING_ACTIONS:  # 1
        return _keyring_after(envelopes, record, index, keyring, origin, officers_fingerprint)
    if keyring is None:
        raise Unsound("an administration stands before the officers were named")
    if len(envelopes) != 1:
        raise BadSignature(f"{record.action} carries {len(envelopes)} statements instead of one")
    checks.check_administration(  # 2
        envelopes[0],
        origin=origin,
        record_id=record.id,
        change_sha256=administration_digest(record),
        keyring=keyring,
        at_index=index,
        officers_required=OFFICERS_REQUIRED,
    )
    return keyring


def _keyring_after(
    envelopes: list[dsse.Envelope],
    record: Administration,
    index: int,
    keyring: Keyring | None,
    origin: str,
    officers_fingerprint: str | None,
) -> Keyring:
    if not envelopes:
        raise BadSignature(f"{record.action} carries no statement")
    for envelope in envelopes:
        if keyring is None:
            keyring = keyrings.begin(index, envelope, origin=origin, officers_fingerprint=officers_fingerprint)
        else:
            keyring = keyring.extended(index, envelope)
    assert keyring is not None  # noqa: S101 - for the type checker: there is at least one envelope
    return keyring
