# SPDX-License-Identifier: Apache-2.0
"""What the client signs with its person's own key: intents, and the answer to a login's challenge."""

from __future__ import annotations

import os

from byhand.client.signing import Signer
from byhand.records import codec
from byhand.records.intervention import Declaration
from byhand.signatures import dsse
from byhand.trust import statements

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


def sign_login(origin: str, person: str, challenge: str, expires: str, signer: Signer) -> str:
    """The signed answer (DSSE, JSON text) to a login's ``challenge``."""
    return _signed(
        statements.Login(origin=origin, person=person, challenge=challenge, expires=expires), signer
    )


def _signed(statement: statements.Intent | statements.Login, signer: Signer) -> str:
    envelope = statements.unsigned(statement)
    armored = signer.sign(envelope.pae(), statement.namespace)
    return dsse.encode(statements.add_signature(envelope, armored)).decode("ascii")
