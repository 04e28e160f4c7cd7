# SPDX-License-Identifier: Apache-2.0
"""Enrolling a passkey by its code: at a home or through a server, by its person's own key or by officers."""

from __future__ import annotations

from byhand import clock
from byhand.cli import signing
from byhand.cli.common import Common
from byhand.cli.opened import Opened
from byhand.cli.output import say, show_recorded, wants_fields
from byhand.client.contract import PasskeyEnrolment, PasskeyWaiting
from byhand.control import passkeys
from byhand.errors import Conflict
from byhand.signatures import dsse, public_keys
from byhand.trust import statements


def enrol(
    one: Opened, code: str, person: str, roles: tuple[str, ...], name: str | None, *, device_bound: bool
) -> PasskeyWaiting:
    """Sign for the passkey with that code, as the first or as a further officer; raises Conflict, Refused."""
    told = one.passkeys.waiting(code)
    blob = passkeys.checked(told.key, passkeys.code_in(code))
    wanted = statements.Enrolment(
        origin=one.origin,
        person=person,
        key=public_keys.line_of(blob),
        roles=roles,
        device_bound=device_bound or public_keys.device_bound(blob),
        nonce=signing.nonce(),
        time=clock.now(),
    )
    envelope = statements.unsigned(wanted)
    if told.statement is not None:
        envelope = _as_proposed(dsse.parse(told.statement.encode()), wanted, told)
    envelope = signing.with_signature(envelope, wanted.namespace, one.signer())
    statement = dsse.encode(envelope).decode("ascii")
    return one.passkeys.enrol(code, PasskeyEnrolment(statement=statement, display_name=name))


def _as_proposed(
    envelope: dsse.Envelope, wanted: statements.Enrolment, told: PasskeyWaiting
) -> dsse.Envelope:
    """What another officer has signed, when it says the same; raises Conflict."""
    said = statements.read(envelope, statements.Enrolment, origin=wanted.origin)
    same = (said.person, said.key, said.roles, said.device_bound)
    if same != (wanted.person, wanted.key, wanted.roles, wanted.device_bound):
        roles = ", ".join(said.roles) or "no role"
        raise Conflict(
            f"{' and '.join(told.signed_by)} proposed otherwise: {said.person} with {roles}",
            advice="Agree on it, and say the same; or make the passkey anew.",
        )
    return envelope


def show(told: PasskeyWaiting, person: str, common: Common) -> int:
    """What became of it; the exit code."""
    if wants_fields(common):
        row = {
            "person": person,
            "fingerprint": told.fingerprint,
            "device_bound": told.device_bound,
            "enrolled": told.enrolled,
            "missing": told.missing,
        }
        show_recorded(row, common, recorded=told.fingerprint)
    if told.enrolled:
        say(f"{person} has the passkey {told.fingerprint}")
        return 0
    say(f"signed by {', '.join(told.signed_by)}; another officer must sign within a day:")
    say(f"  byhand person add {person} --passkey {told.code}")
    return signing.PENDING
