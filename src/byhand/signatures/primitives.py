# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of signatures, all of it ``cryptography``'s; loaded only when something is signed or checked."""

from __future__ import annotations

from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from byhand import errors
from byhand.signatures import cose, ssh_keys, wire

PrivateKey: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_CURVES: dict[str, ec.EllipticCurve] = {
    "ecdsa-sha2-nistp256": ec.SECP256R1(),
    "ecdsa-sha2-nistp384": ec.SECP384R1(),
    "ecdsa-sha2-nistp521": ec.SECP521R1(),
    ssh_keys.SK_ECDSA: ec.SECP256R1(),
}
_CURVE_HASHES: dict[str, hashes.HashAlgorithm] = {  # RFC 5656 section 6.2.1
    "ecdsa-sha2-nistp256": hashes.SHA256(),
    "ecdsa-sha2-nistp384": hashes.SHA384(),
    "ecdsa-sha2-nistp521": hashes.SHA512(),
    ssh_keys.SK_ECDSA: hashes.SHA256(),
}
_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {  # RFC 8332 section 3; ssh-rsa (SHA-1) is not among them
    "rsa-sha2-256": hashes.SHA256(),
    "rsa-sha2-512": hashes.SHA512(),
}
_MISMATCH = "The signature does not fit what was signed: text or signature was changed."


def check(key: ssh_keys.PublicKey, algorithm: str, signature: bytes, message: bytes) -> None:
    """Raises ``BadSignature`` unless ``signature`` (the inner SSH form) by ``key`` covers ``message``."""
    try:
        if algorithm in _RSA_HASHES:
            _check_rsa(key, algorithm, signature, message)
        elif algorithm in _CURVES:
            _check_ecdsa(key, signature, message)
        else:
            ed25519.Ed25519PublicKey.from_public_bytes(key.point).verify(signature, message)
    except InvalidSignature as error:
        raise errors.BadSignature(_MISMATCH) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.BadSignature(f"The public key is not usable: {error}.") from error


def _check_rsa(key: ssh_keys.PublicKey, algorithm: str, signature: bytes, message: bytes) -> None:
    public = rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key()
    public.verify(signature, message, padding.PKCS1v15(), _RSA_HASHES[algorithm])


def _check_ecdsa(key: ssh_keys.PublicKey, signature: bytes, message: bytes) -> None:
    reader = wire.Reader(signature, "The ECDSA signature")
    encoded = utils.encode_dss_signature(reader.positive(), reader.positive())
    reader.end()
    public = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[key.type], key.point)
    public.verify(encoded, message, ec.ECDSA(_CURVE_HASHES[key.type]))


def check_cose(key: cose.PublicKey, signature: bytes, message: bytes) -> None:
    """Raises ``BadSignature`` unless ``signature`` (as authenticators write it) by ``key`` covers ``message``."""
    try:
        public = _public_cose(key)
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            public.verify(signature, message)
    except InvalidSignature as error:
        raise errors.BadSignature(_MISMATCH) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.BadSignature(f"The public key is not usable: {error}.") from error


def pem_of_cose(key: cose.PublicKey) -> bytes:
    """The public key as openssl reads it; raises ``BadSignature`` when it is not usable."""
    try:
        public = _public_cose(key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.BadSignature(f"The public key is not usable: {error}.") from error
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _public_cose(
    key: cose.PublicKey,
) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    if key.algorithm == cose.RS256:
        return rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key()
    if key.algorithm == cose.ES256:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.point)
    return ed25519.Ed25519PublicKey.from_public_bytes(key.point)


def public_blob(private_key: PrivateKey) -> bytes:
    """The public key blob of ``private_key``; raises ``Invalid`` for a kind OpenSSH cannot write."""
    public = private_key.public_key()
    try:
        line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.Invalid(f"This kind of key cannot sign here: {error}.") from error
    return wire.decode_base64(line.split(b" ")[1].decode("ascii"), "The public key")


def sign(private_key: PrivateKey, message: bytes) -> bytes:
    """The SSH signature (``string algorithm, string signature``) over ``message``; RSA with SHA-512."""
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return _pair(ssh_keys.ED25519, private_key.sign(message))
    if isinstance(private_key, rsa.RSAPrivateKey):
        return _pair("rsa-sha2-512", private_key.sign(message, padding.PKCS1v15(), hashes.SHA512()))
    kind = ssh_keys.key_type(public_blob(private_key))
    r, s = utils.decode_dss_signature(private_key.sign(message, ec.ECDSA(_CURVE_HASHES[kind])))
    return _pair(kind, wire.mpint(r) + wire.mpint(s))


def _pair(algorithm: str, signature: bytes) -> bytes:
    return wire.string(algorithm.encode("ascii")) + wire.string(signature)
