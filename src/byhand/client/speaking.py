# SPDX-License-Identifier: Apache-2.0
"""What the client signs with its person's own key: intents, and the answer to a login's challenge."""

from __future__ import annotations

import os
from typing import Literal, TypeAlias

from byhand.client.contract import Approvals
from byhand.client.signing import Signer
from byhand.log.checkpoint import Checkpoint
from byhand.records import codec
from byhand.records.intervention import Declaration
from byhand.signatures import dsse
from byhand.trust import statements

Decision: TypeAlias = Literal["approve", "refuse", "withdraw"]
NONCE_BYTES = 32  # as every statement's: two of them never meet


def sign_intent(origin: str, declaration: Declaration, signer: Signer) -> str:
    """The signed statement (DSSE, JSON text) that the person declares exactly this at ``origin``.

    May be slow: a person may be asked for a passphrase or a touch. Raises what the signer raises.
    """
    statement = statements.Intent(
        origin=origin,
        record=declaration.record,
        declaration=codec.declaration_digest(declaration),
        person=declaration.person,
        nonce=os.urandom(NONCE_BYTES).hex(),
        expires=declaration.expires,
    )
    return _signed(statement, signer)


def sign_decision(
    about: Approvals, decision: Decision, meaning: str, person: str, seen: Checkpoint, signer: Signer
) -> str:
    """The signed statement (DSSE, JSON text) that ``person`` approves, refuses or withdraws exactly this intent.

    ``about`` is what the person was shown, checked against the log by whoever calls; ``seen`` the checkpoint that
    it was checked under.
    """
    statement = statements.Approval(
        origin=about.origin,
        record=about.intervention,
        intent_index=about.intent_index,
        intent_leaf=about.intent_leaf,
        decision=decision,
        meaning=meaning,
        person=person,
        requirement=about.requirement,
        policy=about.policy,
        seen_size=seen.size,
        seen_root=seen.root.hex(),
        nonce=os.urandom(NONCE_BYTES).hex(),
        expires=about.expires,
    )
    return _signed(statement, signer)


def sign_login(origin: str, person: str, challenge: str, expires: str, signer: Signer) -> str:
    """The signed answer (DSSE, JSON text) to a login's ``challenge``."""
    return _signed(
        statements.Login(origin=origin, person=person, challenge=challenge, expires=expires), signer
    )


def _signed(statement: statements.Intent | statements.Approval | statements.Login, signer: Signer) -> str:
    envelope = statements.unsigned(statement)
    armored = signer.sign(envelope.pae(), statement.namespace)
    return dsse.encode(statements.add_signature(envelope, armored)).decode("ascii")
