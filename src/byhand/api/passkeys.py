# SPDX-License-Identifier: Apache-2.0
"""Passkeys over HTTP: a new one is looked at and waits; an enrolled one answers a login, and the pages get a cookie."""

from __future__ import annotations

from starlette.responses import Response

from byhand import wiring
from byhand.api import cookies
from byhand.api.door import Call, shown
from byhand.api.interventions import CREATED
from byhand.client.contract import Identity, PasskeyEnrolment, PasskeyLogin, PasskeyMade, PasskeyWaiting
from byhand.errors import BadSignature, Fault, Invalid, Refused
from byhand.records import codec
from byhand.signatures import webauthn

ACCEPTED = 202  # it waits for more signatures
FAULT_SHOWN = 200  # characters of what a library says of a stranger's bytes
_FAULTY = "this passkey is not taken"


async def made(call: Call) -> Response:
    """POST /v1/passkeys: a passkey was made on this server's page; it waits until a statement enrols it."""

    def keep() -> PasskeyWaiting:
        wanted = codec.parse(call.body, PasskeyMade, inside={}, bytes_max=call.lane.bytes_max)
        call.home.sessions.use(wanted.challenge)
        return call.home.passkeys.keep(_looked_at(wanted, call.house.origin))

    return shown(await call.run(keep), CREATED)


async def login(call: Call) -> Response:
    """POST /v1/login/passkey: a passkey's answer to a challenge; the session is in a cookie, and nowhere else."""

    def signed_in() -> tuple[str, Identity]:
        wanted = codec.parse(call.body, PasskeyLogin, inside={}, bytes_max=call.lane.bytes_max)
        try:
            credential = webauthn.from_base64url(wanted.credential, "The passkey's id")
            parts = (wanted.authenticator_data, wanted.client_data, wanted.signature)
            assertion = webauthn.Assertion(*(webauthn.from_base64url(one, "The answer") for one in parts))
        except BadSignature as error:
            raise Refused(f"the login is refused: {error}") from error
        return call.home.sessions.login_by_passkey(
            wanted.person, wanted.challenge, wanted.expires, credential, assertion
        )

    cookies.check_page(call.request, call.house.origin)
    token, identity = await call.run(signed_in)
    answer = shown(identity)
    cookies.give(answer, call.house.origin, token)
    return answer


async def waiting(call: Call) -> Response:
    """GET /v1/passkeys/{code}: the passkey that waits under a code."""
    desk, code = wiring.open_passkeys(call.home, call.token()), str(call.request.path_params["code"])
    return shown(await call.run(lambda: desk.waiting(code)))


async def enrol(call: Call) -> Response:
    """POST /v1/passkeys/{code}/enrolment: enrol it, or sign for it as one of several officers."""
    desk, code = wiring.open_passkeys(call.home, call.token()), str(call.request.path_params["code"])
    wanted = await call.parsed(PasskeyEnrolment)
    told = await call.run(lambda: desk.enrol(code, wanted))
    return shown(told, CREATED if told.enrolled else ACCEPTED)


def _looked_at(wanted: PasskeyMade, origin: str) -> bytes:
    """The passkey as a key; raises Invalid, Refused.

    Its model is what it says itself: no maker is asked to vouch for it.
    """
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.registration.verify_registration_response import (
        VerifiedRegistration,
        verify_registration_response,
    )

    host = webauthn.host_of(origin)
    response = {"attestationObject": wanted.attestation, "clientDataJSON": wanted.client_data}
    credential = {
        "id": wanted.credential,
        "rawId": wanted.credential,
        "type": "public-key",
        "response": response,
    }
    try:
        found: VerifiedRegistration = verify_registration_response(
            credential=credential,
            expected_challenge=bytes.fromhex(wanted.challenge),
            expected_rp_id=host,
            expected_origin=origin,
            require_user_verification=True,
        )
        if found.credential_id != webauthn.from_base64url(wanted.credential, "The passkey's id"):
            raise BadSignature("It has another id than the one named.")
        return webauthn.encode(
            webauthn.Passkey(
                origin=origin,
                credential=found.credential_id,
                key=found.credential_public_key,
                flags=_flags(found.credential_device_type.value, copied=found.credential_backed_up),
                aaguid=bytes.fromhex(found.aaguid.replace("-", "")),
            )
        )
    except (WebAuthnException, BadSignature, ValueError, TypeError, LookupError, AttributeError) as error:
        raise Invalid(_FAULTY, (Fault("/attestation", str(error)[:FAULT_SHOWN]),)) from error


def _flags(device_type: str, *, copied: bool) -> int:
    flags = webauthn.USER_PRESENT | webauthn.USER_VERIFIED
    if device_type != "single_device":
        flags |= webauthn.BACKUP_ELIGIBLE
    return flags | webauthn.BACKED_UP if copied else flags
