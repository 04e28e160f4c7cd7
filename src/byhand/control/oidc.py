# SPDX-License-Identifier: Apache-2.0
"""A token of an issuer becomes what it says of an account, or is refused. Asks nobody: keys and time are arguments.

    0  it is three parts of base64url, not too large; header and claims are one JSON object each, no name twice
    1  its algorithm is on the issuer's list; it is an identity token, not one for another purpose
    2  the key is one of the issuer's own, found by its id alone, made for that algorithm; the signature holds
    3  issuer and audience are exactly these, and nobody else is meant by it
    4  it is in force now, give or take a clock's error, and not for longer than a token may be; no login is yet to come
    5  it answers this very login (nonce), where it answers one
    6  every claim that the settings require is there with a value they name
    7  the account is one person's: no service's, no shared one by its names or by the settings' rules

Whatever else a header offers (``jku``, ``x5u``, ``jwk``, ``x5c``) is never looked at.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from byhand import clock
from byhand.errors import Invalid, Refused, SharedAccount
from byhand.records import rules
from byhand.records.limits import NAME_LENGTH_MAX
from byhand.records.shared_accounts import check_not_shared
from byhand.settings import IssuerSettings

TOKEN_LENGTH_MAX = 8_192  # those of CI systems have two thousand characters, with many groups four
KEY_ID_LENGTH_MAX = 256  # a digest, a date, a uuid; it only ever selects from the issuer's own list
LEEWAY_SECONDS = 60  # clocks that are kept differ by less than a second; a virtual machine just woken by more
TOKEN_SECONDS_MAX = 86_400  # a token that is good for more than a day is a password
RSA_BITS_MIN = 2_048  # RFC 7518, 3.3
TYPES = (None, "jwt")
"""RFC 9068 gives access tokens another type, and a logout token has its own: they identify nobody."""
PARTS = 3
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}
_OPAQUE = re.compile(r"[0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Numbers and UUIDs name nobody, so they do not look like a shared account's name either."""
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")

Key = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is needed of a token's header to find its key."""

    algorithm: str
    key_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What an issuer says, after every check. ``account`` is a name only together with ``issuer``."""

    issuer: str
    kind: str
    account: str
    workload: str | None
    expires: str
    issued: str
    authenticated: str | None
    """When the person proved who they are to the issuer; ``None``: it does not say."""
    acr: str | None = None
    amr: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The account in one word: ``issuer:account``."""
        return f"{self.issuer}:{self.account}"


def looks_like_token(text: str) -> bool:
    """Whether ``text`` has the three parts of a signed token; ours never have."""
    return text.count(".") == PARTS - 1


def issuer_of(token: str) -> str:
    """Whom the token claims to be from: good for nothing but choosing the settings to judge it by."""
    claimed = _parts(token)[1].get("iss")
    return claimed if isinstance(claimed, str) else ""


def header_of(token: str, settings: IssuerSettings) -> Header:
    """The header, as far as it may be looked at (0, 1); raises Refused."""
    header, _ = _parts(token)
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in settings.algorithms:
        raise _refused("it is signed in a way that this issuer's tokens are not")
    if "crit" in header or "b64" in header:
        raise _refused("it demands what this byhand does not know")
    if (kind.lower().removeprefix("application/") if isinstance(kind, str) else kind) not in TYPES:
        raise _refused("it is a token for another purpose")
    if key_id is not None and (not isinstance(key_id, str) or not 0 < len(key_id) <= KEY_ID_LENGTH_MAX):
        raise _refused("its key's id is none")
    return Header(algorithm=algorithm, key_id=key_id)


def key_for(header: Header, keys: Sequence[Key]) -> Key | None:
    """The one key of the issuer that fits the header; ``None`` when there is none, or no single one."""
    fitting = [
        key
        for key in keys
        if fits(key, header.algorithm) and (header.key_id is None or key.get("kid") == header.key_id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def fits(key: Key, algorithm: str) -> bool:
    """Whether a key was published for signatures of ``algorithm``: of its type and curve, for nothing else."""
    right_type = key.get("kty") == KEY_TYPES[algorithm[:2]]
    right_curve = algorithm not in CURVES or key.get("crv") == CURVES[algorithm]
    right_use = key.get("use") in (None, "sig") and key.get("alg") in (None, algorithm)
    operations = key.get("key_ops")
    return right_type and right_curve and right_use and (operations is None or "verify" in operations)


def verify(
    token: str,
    key: Key,
    *,
    name: str,
    settings: IssuerSettings,
    now: str,
    nonce: str | None = None,
) -> Verified:
    """What the token says, see above; raises Refused, SharedAccount. ``name``: what the settings call the issuer."""
    header = header_of(token, settings)  # 0, 1
    if not fits(key, header.algorithm):
        raise _refused("its key is for another kind of signature")
    _check_signature(token, key, header.algorithm)  # 2
    claims = _parts(token)[1]
    _check_meant_for_us(claims, settings)  # 3
    issued, expires = _times(claims, now)  # 4
    if nonce is not None:
        said = claims.get("nonce")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):  # 5
            raise _refused("it answers another login")
    for claim, values in settings.required.items():  # 6
        if not _says(claims, claim, values):
            raise _refused(f"its claim {claim} is not what this byhand requires")
    account = text_of(claims, settings.account)
    _check_one_persons(claims, account, settings)  # 7
    authenticated = claims.get("auth_time")
    return Verified(
        issuer=name,
        kind=settings.kind,
        account=account,
        workload=text_of(claims, settings.workload) if settings.kind != "person" else None,
        expires=_record_time(expires),
        issued=_record_time(issued),
        authenticated=_record_time(_number(claims, "auth_time")) if authenticated is not None else None,
        acr=claims["acr"] if isinstance(claims.get("acr"), str) else None,
        amr=_texts(claims.get("amr")),
    )


def _refused(why: str) -> Refused:
    return Refused(f"the issuer's token is refused: {why}", advice="Ask the issuer for a fresh one.")


# -- 0


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not verified yet."""
    if len(token) > TOKEN_LENGTH_MAX or not looks_like_token(token):
        raise _refused("it is no signed token, or too large")
    header, claims, signature = token.split(".")
    if _BASE64URL.fullmatch(signature) is None:
        raise _refused("it is not signed")
    return _object(header), _object(claims)


def _object(part: str) -> dict[str, Any]:
    try:
        if _BASE64URL.fullmatch(part) is None:
            raise ValueError("is no base64url")
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _refused("it cannot be read") from error
    if not isinstance(found, dict):
        raise _refused("it holds no claims")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("says the same twice")
    return found


# -- 2


def _check_signature(token: str, key: Key, algorithm: str) -> None:
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    public = {name: part for name, part in key.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = TOKEN_LENGTH_MAX
    try:
        if public["kty"] == "RSA" and _bits(public["n"]) < RSA_BITS_MIN:
            raise _refused(f"the issuer's key has fewer than {RSA_BITS_MIN} bits")
        known = import_key(public)
        jws.deserialize_compact(token, known, registry=registry)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _refused("the signature does not hold") from error


def _bits(number: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)), "big").bit_length()


# -- 3


def _check_meant_for_us(claims: Mapping[str, Any], settings: IssuerSettings) -> None:
    if claims.get("iss") != settings.url:
        raise _refused("it is from another issuer")
    audience = settings.audience or settings.client_id
    said = claims.get("aud")
    meant = [said] if isinstance(said, str) else said
    if not isinstance(meant, list) or audience not in meant:
        raise _refused("it was made for somebody else")
    party = claims.get("azp")
    if len(meant) > 1 and (settings.kind != "person" or party != settings.client_id):
        raise _refused("it was made for others too, who could use it here")
    if settings.kind == "person" and party is not None and party != settings.client_id:
        raise _refused("it was given to somebody else")


# -- 4


def _times(claims: Mapping[str, Any], now: str) -> tuple[float, float]:
    moment = clock.parse(now).timestamp()
    issued, expires = _number(claims, "iat"), _number(claims, "exp")
    begins = _number(claims, "nbf") if "nbf" in claims else issued
    if expires + LEEWAY_SECONDS <= moment:
        raise _refused("it has expired")
    if max(issued, begins) - LEEWAY_SECONDS > moment:
        raise _refused("it is not in force yet; or the clock here is wrong")
    if claims.get("auth_time") is not None and _number(claims, "auth_time") - LEEWAY_SECONDS > moment:
        raise _refused("its auth_time is yet to come; or the clock here is wrong")
    if not 0 < expires - issued <= TOKEN_SECONDS_MAX:
        raise _refused(f"it is good for longer than {TOKEN_SECONDS_MAX} seconds, or never was")
    return issued, expires


def _number(claims: Mapping[str, Any], name: str) -> float:
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 2**40:
        raise _refused(f"its claim {name} is no time")
    return float(found)


def _record_time(seconds: float) -> str:
    return clock.from_nanoseconds(int(seconds) * 1_000_000_000)


# -- 6, 7


def _says(claims: Mapping[str, Any], claim: str, values: Sequence[str]) -> bool:
    return any(one in values for one in _said(claims.get(claim)))


def _said(value: object) -> list[str]:
    """What a claim says, each as text: ``true`` and ``3`` too, and every item of a list."""
    if isinstance(value, list):
        return [text for one in value if not isinstance(one, list) for text in _said(one)]
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(value)] if isinstance(value, str | int) else []


def text_of(claims: Mapping[str, Any], claim: str) -> str:
    """The claim as a name; raises Refused."""
    value = claims.get(claim)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= NAME_LENGTH_MAX:
        raise _refused(f"its claim {claim} names nobody")
    if not text.isprintable() or rules.hidden(text) or text != text.strip():
        raise _refused(f"its claim {claim} holds what cannot be seen")
    return text


def _check_one_persons(claims: Mapping[str, Any], account: str, settings: IssuerSettings) -> None:
    for claim, patterns in settings.shared.items():
        for said in _said(claims.get(claim)):
            if any(fnmatch.fnmatchcase(said.lower(), pattern.lower()) for pattern in patterns):
                raise SharedAccount(
                    f"the issuer says that this account is nobody's own: {claim} is {said[:NAME_LENGTH_MAX]!r}"
                )
    if settings.kind == "workload":
        return  # never an actor, whatever it is called
    if account in (settings.client_id, settings.audience, claims.get("client_id")):
        raise SharedAccount("this is a service that signed in by itself: nobody can answer for what it does")
    names = [text for claim in settings.names for text in _said(claims.get(claim))]
    if _OPAQUE.fullmatch(account) is None:
        names.append(account)
    for name in names:
        try:
            check_not_shared(name)
        except Invalid as error:
            raise _refused("a name of its account is none") from error


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
