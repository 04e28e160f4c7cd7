# SPDX-License-Identifier: Apache-2.0
"""Whose account it was is told from the log alone: linked, unlinked, linked to another, and after somebody left."""

from __future__ import annotations

import msgspec
import pytest

from byhand.errors import ProofMismatch
from byhand.ids import new_record_id
from byhand.records.actor import Actor, Authentication, Via
from byhand.records.credentials import AccountLink
from byhand.records.kinds import SCHEMA_VERSION, Administration
from byhand.trust import administration
from byhand.trust.accounts import Accounts

NOW = "2026-11-25T12:00:00.000000Z"


def change(action: str, subject: str, person: str | None = None) -> Administration:
    link = AccountLink(issuer="corp", account="7", person=person) if person is not None else None
    return Administration(
        id=new_record_id(), schema=SCHEMA_VERSION, action=action, subject=subject, link=link
    )


def actor(person: str, credential: str = "corp:7", method: str = "oidc") -> Actor:
    said = Authentication(method=method, when=NOW, credential=credential)
    return Actor(person=person, authentication=said)


def test_an_account_is_its_persons_from_the_link_to_its_end() -> None:
    """Before the link, after it ends, and for anybody else, nobody signed in with it."""
    before = Accounts()
    linked = before.after(change(administration.ACCOUNT_LINK, "corp:7", "ada"))
    linked.check(actor("ada"))
    moved = linked.after(change(administration.ACCOUNT_LINK, "corp:7", "grace"))
    moved.check(actor("grace"))
    ended = linked.after(change(administration.ACCOUNT_UNLINK, "corp:7", "ada"))
    left = linked.after(change(administration.PERSON_DEACTIVATE, "ada"))
    wrong = [(before, "ada"), (linked, "grace"), (moved, "ada"), (ended, "ada"), (left, "ada")]
    for accounts, person in wrong:
        with pytest.raises(ProofMismatch, match=f"{person} is said to have signed in as corp:7"):
            accounts.check(actor(person))
        with pytest.raises(ProofMismatch):
            accounts.check(actor(person, method="oidc-undated"))


def test_a_pipeline_was_started_by_whose_account_it_names() -> None:
    """By its issuer's token: the account is the starter's. An agent's own account is no person's."""
    linked = Accounts().after(change(administration.ACCOUNT_LINK, "corp:7", "ada"))
    pipeline, agent = Via(kind="pipeline", id="deploy"), Via(kind="agent", id="assistant", person="grace")

    def started(person: str, via: Via) -> Actor:
        return msgspec.structs.replace(actor(person, method="issuer-token"), via=via)

    linked.check(started("ada", pipeline))
    linked.check(started("grace", agent))
    with pytest.raises(ProofMismatch, match="which was ada's"):
        linked.check(started("grace", pipeline))
    with pytest.raises(ProofMismatch, match="which was nobody's"):
        Accounts().check(started("ada", pipeline))


def test_other_ways_of_signing_in_name_no_account() -> None:
    """A key's fingerprint is judged by the keyring, not here."""
    Accounts().check(actor("ada", "SHA256:abc", "ssh-key"))
    Accounts().check(Actor(person="ada"))
