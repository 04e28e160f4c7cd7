# SPDX-License-Identifier: Apache-2.0
"""Is a change to byhand itself authorised? The same check before it is recorded and years later, offline.

0  the record says what its action needs, nothing beside it, and stands in the administration chain
1  a keyring change carries one keyring statement of its own kind, about its subject; the keyring's own rules
   lead that back to the genesis officers
2  a token's record carries one administration statement over exactly it, signed by the token's owner; to revoke
   one, any officer may sign instead
3  every other change carries one administration statement over exactly this record, signed by as many
   officers as a change to the keyring takes: two, or one while the home is on trial
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from byhand.errors import BadSignature, Unsound
from byhand.records import parts
from byhand.records.credentials import ID_LENGTH, AccountLink
from byhand.records.intervention import Times
from byhand.records.kinds import Administration
from byhand.records.policy import RoleAssignment
from byhand.signatures import dsse
from byhand.trust import checks, keyring as keyrings, statements
from byhand.trust.keyring import Keyring

HOME_CREATE = "administration.home.create"
"""The home begins: its first officer, by their own key."""
PERSON_ENROL = "administration.person.enrol"
"""A key speaks for a person from here on."""
KEY_REVOKE = "administration.key.revoke"
"""A key speaks for nobody from here on."""
PERSON_DEACTIVATE = "administration.person.deactivate"
"""All keys, tokens, account links and sessions of a person end here."""
POINT_SET = "administration.point.set"
"""An intervention point is registered, or all of it is said anew."""
POINT_MODE = "administration.point.mode"
"""A point's gate observes, warns or enforces."""
POINT_RETIRE = "administration.point.retire"
"""A point leaves the inventory."""
REASONS_SET = "administration.reason.set"
"""Reason codes are added, changed or retired: a new version of the catalogue."""
WORKLOAD_SET = "administration.workload.set"
"""Something that acts for persons is registered."""
WORKLOAD_RETIRE = "administration.workload.retire"
"""It acts for nobody from here on; its tokens end."""
ACCOUNT_LINK = "administration.account.link"
"""An account of another system is a person's."""
ACCOUNT_UNLINK = "administration.account.unlink"
"""An account is nobody's from here on."""
TOKEN_ISSUE = "administration.token.issue"  # noqa: S105 - the name of an action
"""A token is good from here on."""
TOKEN_REVOKE = "administration.token.revoke"  # noqa: S105 - the name of an action
"""A token is good for nothing from here on."""
CIRCLE_SET = "administration.circle.set"
"""A circle of persons on call is as said from here on."""
CIRCLE_RETIRE = "administration.circle.retire"
"""A circle is asked no more."""
POLICY_SET = "administration.policy.set"
"""Other policies say from here on who may do what."""
ROLE_ASSIGN = "administration.role.assign"
"""A person holds a role from here on, within its scope."""
ROLE_REMOVE = "administration.role.remove"
"""A person holds a role no more."""
TEAM_SET = "administration.team.set"
"""A team and its members are said anew."""
RUNBOOK_SET = "administration.runbook.set"
"""The next version of a runbook is in force."""
RUNBOOK_RETIRE = "administration.runbook.retire"
"""A runbook lets nothing pass any more."""
KEYRING_ACTIONS: dict[
    str,
    type[statements.Genesis | statements.Enrolment | statements.Revocation | statements.Deactivation],
] = {
    HOME_CREATE: statements.Genesis,
    PERSON_ENROL: statements.Enrolment,
    KEY_REVOKE: statements.Revocation,
    PERSON_DEACTIVATE: statements.Deactivation,
}
"""Each keyring change, and the kind of statement that makes it."""
TOKEN_ACTIONS = (TOKEN_ISSUE, TOKEN_REVOKE)
ACTIONS = (
    *KEYRING_ACTIONS,
    POINT_SET,
    POINT_MODE,
    POINT_RETIRE,
    REASONS_SET,
    WORKLOAD_SET,
    WORKLOAD_RETIRE,
    ACCOUNT_LINK,
    ACCOUNT_UNLINK,
    POLICY_SET,
    ROLE_ASSIGN,
    ROLE_REMOVE,
    TEAM_SET,
    *TOKEN_ACTIONS,
    CIRCLE_SET,
    CIRCLE_RETIRE,
    RUNBOOK_SET,
    RUNBOOK_RETIRE,
)
_NEEDED: dict[str, frozenset[str]] = {
    POINT_SET: frozenset({"point"}),
    POINT_MODE: frozenset({"point"}),
    REASONS_SET: frozenset({"reasons"}),
    WORKLOAD_SET: frozenset({"workload"}),
    ACCOUNT_LINK: frozenset({"link"}),
    ACCOUNT_UNLINK: frozenset({"link"}),
    POLICY_SET: frozenset({"policy"}),
    ROLE_ASSIGN: frozenset({"role"}),
    ROLE_REMOVE: frozenset({"role"}),
    TEAM_SET: frozenset({"team"}),
    TOKEN_ISSUE: frozenset({"token"}),
    TOKEN_REVOKE: frozenset({"token"}),
    CIRCLE_SET: frozenset({"circle"}),
    RUNBOOK_SET: frozenset({"runbook"}),
}
_ABOUT_A_CHANGE = (
    "point", "reasons", "catalogue", "workload", "link", "token", "circle", "policy", "role", "team", "runbook",
)  # fmt: skip
_CHAIN_FIELDS = ("intervention", "amends", "caused_by")


def administration_digest(record: Administration) -> str:
    """SHA-256 (hex) of what an administration statement covers: the record without what the server adds."""
    bare = msgspec.structs.replace(record, statements=(), actor=None, times=Times())
    return hashlib.sha256(parts.encode_settled(bare)).hexdigest()


def to_sign(
    record: Administration, *, origin: str, person: str, nonce: str, time: str
) -> statements.Administration:
    """The statement that officers sign for ``record``; ``nonce``: 32 random bytes in hex."""
    return statements.Administration(
        origin=origin,
        record=record.id,
        change=administration_digest(record),
        person=person,
        nonce=nonce,
        time=time,
    )


def check_record(
    record: Administration,
    *,
    index: int,
    keyring: Keyring | None,
    origin: str,
    officers_fingerprint: str | None,
) -> Keyring:
    """The keyring after ``record``, which stands at ``index``; raises BadSignature, Unsound or Invalid.

    ``keyring`` is the one before it, ``None`` before the first record. ``officers_fingerprint`` comes from a
    verifier's own policy; ``None`` lets the genesis vouch for itself, and the caller must say so.
    """
    _check_shape(record)  # 0
    if len(record.statements) != 1:
        raise BadSignature(f"{record.action} carries {len(record.statements)} statements instead of one")
    envelope = dsse.parse(record.statements[0].encode("utf-8", "surrogatepass"))
    if record.action in KEYRING_ACTIONS:  # 1
        return _keyring_after(envelope, record, index, keyring, origin, officers_fingerprint)
    if keyring is None:
        raise Unsound("an administration stands before the officers were named")
    if record.action in TOKEN_ACTIONS:  # 2
        _check_token(envelope, record, index, keyring, origin)
        return keyring
    checks.check_administration(  # 3
        envelope,
        origin=origin,
        record_id=record.id,
        change_sha256=administration_digest(record),
        keyring=keyring,
        at_index=index,
        officers_required=keyring.officers_needed(index),
    )
    return keyring


def _check_shape(record: Administration) -> None:
    if record.action not in ACTIONS:
        raise Unsound(f"{record.action} is no administration that this byhand knows")
    needed = _NEEDED.get(record.action, frozenset())
    for name in _ABOUT_A_CHANGE:
        if bool(getattr(record, name)) != (name in needed):
            raise Unsound(f"{record.action} {'lacks its' if name in needed else 'cannot carry a'} {name}")
    if any(getattr(record, name) is not None for name in _CHAIN_FIELDS):
        raise Unsound(f"{record.action} belongs to no intervention and amends nothing")
    if record.action in KEYRING_ACTIONS and record.note is not None:
        raise Unsound(f"{record.action} carries a note, which its statement does not cover")
    for kind, name in _carried(record):
        if name != record.subject:
            raise Unsound(f"{record.action} is about {record.subject} but carries another {kind}")


def _carried(record: Administration) -> Iterator[tuple[str, str]]:
    """What the record carries that has a name of its own."""
    if record.point is not None:
        yield "point", record.point.name
    if record.workload is not None:
        yield "workload", record.workload.name
    if record.link is not None:
        yield "account", account_name(record.link)
    if record.role is not None:
        yield "role", role_name(record.role)
    if record.team is not None:
        yield "team", record.team.name
    if record.token is not None:
        yield "token", record.token.id
    if record.circle is not None:
        yield "circle", record.circle.name
    if record.runbook is not None:
        yield "runbook", record.runbook.name


def role_name(role: RoleAssignment) -> str:
    """A person's role in one word: ``role:person``."""
    return f"{role.role}:{role.person}"


def account_name(link: AccountLink) -> str:
    """An account in one word: ``issuer:account``."""
    return f"{link.issuer}:{link.account}"


def _check_token(
    envelope: dsse.Envelope, record: Administration, index: int, keyring: Keyring, origin: str
) -> None:
    """A token is its owner's own affair; a lost one is revoked by whoever is awake."""
    token = record.token
    if token is None or token.id != token.digest[:ID_LENGTH]:
        raise Unsound(f"{record.action} names a token by what is not its digest")
    signing = checks.check_own_administration(
        envelope,
        origin=origin,
        record_id=record.id,
        change_sha256=administration_digest(record),
        keyring=keyring,
        at_index=index,
    )
    by_officer = record.action == TOKEN_REVOKE and statements.OFFICER in signing.roles
    if signing.person != token.owner and not by_officer:
        raise BadSignature(f"{record.action} is signed by {signing.person}; the token is {token.owner}'s")


def _keyring_after(
    envelope: dsse.Envelope,
    record: Administration,
    index: int,
    keyring: Keyring | None,
    origin: str,
    officers_fingerprint: str | None,
) -> Keyring:
    statement = statements.read(envelope, KEYRING_ACTIONS[record.action], origin=origin)
    if statement.person != record.subject:
        raise BadSignature(
            f"{record.action} is about {record.subject}, but {statement.person} was signed for"
        )
    if record.action != HOME_CREATE:
        if keyring is None:
            raise Unsound(f"{record.action} stands before the officers were named")
        return keyring.extended(index, envelope)
    if keyring is not None:
        raise Unsound("the officers were named already: a home has one genesis")
    return keyrings.begin(index, envelope, origin=origin, officers_fingerprint=officers_fingerprint)


def signers(record: Administration, keyring: Keyring) -> frozenset[str]:
    """The persons whose keys a checked ``record``'s statement names; proves nothing by itself."""
    envelopes = [dsse.parse(text.encode()) for text in record.statements]
    keys = [keyring.keys.get(one.keyid) for envelope in envelopes for one in envelope.signatures]
    return frozenset(key.person for key in keys if key is not None)
