# SPDX-License-Identifier: Apache-2.0
"""Whose account was it? Folded from the records of administration, for a verifier years later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from byhand.errors import ProofMismatch
from byhand.records.actor import Actor, Authentication
from byhand.records.kinds import Administration
from byhand.trust import administration

BY_ACCOUNT = frozenset({"oidc", "oidc-undated"})
"""Ways of signing in whose ``credential`` is an account (``issuer:account``) and nothing else."""
BY_ISSUER = "issuer-token"
"""The way of a pipeline or an agent that came with a token of its issuer."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Persons by account, after the administration records seen so far."""

    links: Mapping[str, str] = field(default_factory=dict)

    def after(self, record: Administration) -> Accounts:
        """The accounts after a verified record."""
        if record.action == administration.PERSON_DEACTIVATE:
            left = {account: whose for account, whose in self.links.items() if whose != record.subject}
            return Accounts(left)
        if record.link is None:
            return self
        others = {account: whose for account, whose in self.links.items() if account != record.subject}
        linked = {record.subject: record.link.person} if record.action == administration.ACCOUNT_LINK else {}
        return Accounts(others | linked)

    def check(self, actor: Actor) -> None:
        """Raise ProofMismatch unless the account that declared, or started what did, was that person's here."""
        said = actor.authentication
        if said is None or not (said.method in BY_ACCOUNT or _started(actor, said)):
            return
        whose = self.links.get(said.credential)
        if whose != actor.person:
            raise ProofMismatch(
                f"{actor.person} is said to have signed in as {said.credential[:100]}, which was {whose or 'nobody'}'s"
            )


def _started(actor: Actor, said: Authentication) -> bool:
    """Whether the account is of whoever started a pipeline, by its issuer's word; an agent's names no person."""
    return said.method == BY_ISSUER and actor.via is not None and actor.via.kind == "pipeline"
