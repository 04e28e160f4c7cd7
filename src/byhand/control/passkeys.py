# SPDX-License-Identifier: Apache-2.0
"""Passkeys that were made and wait: nothing is believed of one until a statement in the log enrols it.

A person makes a passkey on the device it lives on, and enrols it where their earlier key is, or an officer's. What
they carry from one to the other is a code of sixteen characters, which names that passkey and no other: a server that
hands out another one is found out.
"""

from __future__ import annotations

import re

from byhand import clock
from byhand.client.contract import PasskeyWaiting
from byhand.errors import Invalid, NotFound, ProofMismatch
from byhand.signatures import webauthn
from byhand.store.state import State

WAITING_SECONDS = 15 * 60  # from the phone to the desk, or to an officer on the telephone
_CODE = re.compile(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}\Z")


class Passkeys:
    """The passkeys that wait at one home."""

    def __init__(self, state: State) -> None:
        self._state = state

    def keep(self, blob: bytes) -> PasskeyWaiting:
        """Let a passkey wait; raises Invalid, BadSignature when it could not be enrolled anyway."""
        passkey, line = webauthn.parse(blob), webauthn.line_of(blob)
        code, expires = webauthn.code_of(blob), clock.after(clock.now(), seconds=WAITING_SECONDS)
        self._state.keep_passkey(code, line, expires)
        return PasskeyWaiting(
            code=code,
            key=line,
            fingerprint=webauthn.fingerprint(blob),
            device_bound=passkey.device_bound,
            expires=expires,
        )

    def waiting(self, text: str) -> bytes:
        """The blob of the passkey with that code; raises Invalid, NotFound, ProofMismatch."""
        code = code_in(text)
        line = self._state.passkey(code, clock.now())
        if line is None:
            raise NotFound(
                f"no passkey with the code {code} waits here",
                advice="It waits a quarter of an hour: make it again, and type its code at once.",
            )
        return checked(line, code)


def code_in(text: str) -> str:
    """The code as it is kept, from what somebody typed; raises Invalid."""
    bare = re.sub(r"[\s-]", "", text.upper())
    code = "-".join(bare[at : at + webauthn.CODE_GROUP] for at in range(0, len(bare), webauthn.CODE_GROUP))
    if not _CODE.match(code):
        raise Invalid(
            "this is no passkey's code", advice="It has sixteen letters and digits: ABCD-EFGH-IJKL-MNOP"
        )
    return code


def checked(line: str, code: str) -> bytes:
    """The blob of a passkey's line, once it is the one that the code names; raises ProofMismatch."""
    blob = webauthn.blob_of(line)
    if webauthn.code_of(blob) != code:
        raise ProofMismatch(
            "this is another passkey than the one with that code",
            advice="Do not enrol it: somebody exchanged it.",
        )
    return blob
