# SPDX-License-Identifier: Apache-2.0
"""Does this signed statement say what is claimed of it? One function a kind, the same numbers in each.

0  the envelope holds such a statement, made for this home
1  it is about exactly this: record, digest, challenge, person
2  it has not expired
3  its signature is by a key valid at this index of the log, and holds
4  that key is the named person's
"""

from __future__ import annotations

from byhand import errors
from byhand.signatures import dsse, sshsig
from byhand.trust import keyring as keyrings, statements
from byhand.trust.keyring import EnrolledKey, Keyring


def check_login(
    envelope: dsse.Envelope, *, origin: str, challenge: str, keyring: Keyring, at_index: int, now: str
) -> EnrolledKey:
    """The key (and so the person) that answered ``challenge`` (64 hex digits).

    Raises:
        BadSignature: naming which of the conditions above fails. Invalid: the envelope holds no login.
    """
    login = statements.read(envelope, statements.Login, origin=origin)  # 0
    _check_same("login", "challenge", login.challenge, challenge)  # 1
    _check_time("login", login.expires, now)  # 2
    return _spoken_by(envelope, login.namespace, login.person, keyring, at_index)  # 3, 4


def check_intent(
    envelope: dsse.Envelope,
    *,
    origin: str,
    record_id: str,
    declaration_sha256: str,
    person: str,
    keyring: Keyring,
    at_index: int,
    now: str,
) -> EnrolledKey:
    """The key of ``person`` that signed the intent ``record_id`` with this declaration (SHA-256, hex).

    ``at_index`` is the intent's own index, or the log's size before it is appended; ``now`` its recorded time.

    Raises:
        BadSignature: naming which of the conditions above fails. Invalid: the envelope holds no intent.
    """
    intent = statements.read(envelope, statements.Intent, origin=origin)  # 0
    _check_same("intent", "record", intent.record, record_id)  # 1
    _check_same("intent", "declaration", intent.declaration, declaration_sha256)
    _check_same("intent", "person", intent.person, person)
    _check_time("intent", intent.expires, now)  # 2
    return _spoken_by(envelope, intent.namespace, person, keyring, at_index)  # 3, 4


def check_spooled(
    envelope: dsse.Envelope,
    *,
    origin: str,
    says: str,
    intervention: str,
    content_sha256: str,
    person: str,
    keyring: Keyring,
    at_index: int,
) -> EnrolledKey:
    """The key of ``person`` that signed this line of their spool, with this content (SHA-256, hex).

    A line does not expire: it is bound to one record id, which the log takes once (so 2 is empty).

    Raises:
        BadSignature: naming which of the conditions above fails. Invalid: the envelope holds no line of a spool.
    """
    line = statements.read(envelope, statements.Spooled, origin=origin)  # 0
    _check_same("line", "kind", line.says, says)  # 1
    _check_same("line", "intervention", line.intervention, intervention)
    _check_same("line", "content", line.content, content_sha256)
    _check_same("line", "person", line.person, person)
    return _spoken_by(envelope, line.namespace, person, keyring, at_index)  # 3, 4


def check_approval(
    envelope: dsse.Envelope,
    *,
    origin: str,
    record_id: str,
    intent_index: int,
    intent_leaf: str,
    decision: str,
    person: str,
    keyring: Keyring,
    at_index: int,
    now: str,
) -> EnrolledKey:
    """The key of ``person`` that made ``decision`` over the intent at ``intent_index`` with this leaf hash (hex).

    Raises:
        BadSignature: naming which of the conditions above fails. Invalid: the envelope holds no approval.
    """
    approval = statements.read(envelope, statements.Approval, origin=origin)  # 0
    _check_same("approval", "record", approval.record, record_id)  # 1
    _check_same("approval", "intent index", str(approval.intent_index), str(intent_index))
    _check_same("approval", "intent leaf", approval.intent_leaf, intent_leaf)
    _check_same("approval", "decision", approval.decision, decision)
    _check_same("approval", "person", approval.person, person)
    _check_time("approval", approval.expires, now)  # 2
    return _spoken_by(envelope, approval.namespace, person, keyring, at_index)  # 3, 4


def check_administration(
    envelope: dsse.Envelope,
    *,
    origin: str,
    record_id: str,
    change_sha256: str,
    keyring: Keyring,
    at_index: int,
    officers_required: int,
) -> tuple[EnrolledKey, ...]:
    """The officers' keys that signed this change to byhand; the person it names is among them.

    An administration does not expire: it is bound to one record id, which the log takes once (so 2 is empty).

    Raises:
        BadSignature: naming which condition fails. TooFewOfficers: fewer than ``officers_required`` persons signed.
        Invalid: the envelope holds no administration.
    """
    change = statements.read(envelope, statements.Administration, origin=origin)  # 0
    _check_same("administration", "record", change.record, record_id)  # 1
    _check_same("administration", "change", change.change, change_sha256)
    keys = _signing_keys(envelope, change.namespace, keyring, at_index)  # 3
    for key in keys:
        if statements.OFFICER not in key.roles:
            raise errors.BadSignature(f"{key.person} signed the administration but is no officer.")
    persons = {key.person for key in keys}
    if change.person not in persons:  # 4
        raise errors.BadSignature(f"The administration speaks for {change.person}, who did not sign it.")
    if len(persons) < officers_required:
        raise errors.TooFewOfficers(
            f"The administration is signed by {', '.join(sorted(persons))}; it takes {officers_required} officers."
        )
    return keys


def check_own_administration(
    envelope: dsse.Envelope,
    *,
    origin: str,
    record_id: str,
    change_sha256: str,
    keyring: Keyring,
    at_index: int,
) -> EnrolledKey:
    """The key of the one person who signed this change for themselves; raises BadSignature, Invalid."""
    change = statements.read(envelope, statements.Administration, origin=origin)
    _check_same("administration", "record", change.record, record_id)
    _check_same("administration", "change", change.change, change_sha256)
    keys = _signing_keys(envelope, change.namespace, keyring, at_index)
    persons = {key.person for key in keys}
    if persons != {change.person}:
        raise errors.BadSignature(
            f"The administration speaks for {change.person}; {', '.join(sorted(persons))} signed it."
        )
    return keys[0]


def _check_same(kind: str, field: str, signed: str, given: str) -> None:
    if signed != given:
        raise errors.BadSignature(
            f"The {kind} was signed for another {field}: {signed}, not {given[:100]}.",
            advice="Sign what is shown to you now; a signature cannot be moved to something else.",
        )


def _check_time(kind: str, expires: str, now: str) -> None:
    if not now < expires:  # record times sort as text
        raise errors.BadSignature(
            f"The {kind}'s signature expired at {expires}; it is {now}.", advice="Sign again."
        )


def _spoken_by(
    envelope: dsse.Envelope, namespace: str, person: str, keyring: Keyring, at_index: int
) -> EnrolledKey:
    keys = _signing_keys(envelope, namespace, keyring, at_index)  # 3
    for key in keys:
        if key.person != person:  # 4
            raise errors.BadSignature(f"The statement speaks for {person} but is signed by {key.person}.")
    return keys[0]


def _signing_keys(
    envelope: dsse.Envelope, namespace: str, keyring: Keyring, at_index: int
) -> tuple[EnrolledKey, ...]:
    valid = [keyring.key(one.keyid, at_index).blob for one in envelope.signatures]
    signed = keyrings.signed_by(envelope, namespace, valid, "statement")
    return tuple(keyring.key(sshsig.fingerprint(blob), at_index) for blob in signed)
