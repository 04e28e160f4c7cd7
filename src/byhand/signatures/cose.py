# SPDX-License-Identifier: Apache-2.0
"""Public keys as authenticators write them (COSE_Key, RFC 9052 section 7), read strictly: three forms, one spelling.

    ES256   {1: 2, 3: -7,   -1: 1, -2: x, -3: y}     a point of P-256, coordinates of 32 bytes
    EdDSA   {1: 1, 3: -8,   -1: 6, -2: x}            Ed25519, 32 bytes
    RS256   {1: 3, 3: -257, -1: n, -2: e}            at least 3072 bits, as for SSH keys

Only the CBOR that these need is read (RFC 8949), in the canonical order and length of CTAP2: one key, one text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from byhand import errors
from byhand.signatures import ssh_keys

ES256: Final = -7
EDDSA: Final = -8
RS256: Final = -257
ALGORITHMS: Final = {ES256: "ES256", EDDSA: "EdDSA", RS256: "RS256"}

COSE_LENGTH_MAX = 2_080  # an RSA 16384 key has 2,048 bytes of modulus, and little around it

_UNSIGNED, _NEGATIVE, _BYTES, _MAP = 0, 1, 2, 5  # major types
_KEY_TYPE, _ALGORITHM, _FIRST, _SECOND, _THIRD = 1, 3, -1, -2, -3
_SHAPES: Final = {  # algorithm -> (key type, labels in their canonical order)
    ES256: (2, (_KEY_TYPE, _ALGORITHM, _FIRST, _SECOND, _THIRD)),
    EDDSA: (1, (_KEY_TYPE, _ALGORITHM, _FIRST, _SECOND)),
    RS256: (3, (_KEY_TYPE, _ALGORITHM, _FIRST, _SECOND)),
}
_CURVES: Final = {ES256: 1, EDDSA: 6}
_COORDINATE = 32
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1  # P-256 (FIPS 186-4, D.1.2.3): y^2 = x^3 - 3x + b, modulo p
_B = 0x5AC635D8_AA3A93E7_B3EBBD55_769886BC_651D06B0_CC53B0F6_3BCE3C3E_27D2604B
_ADVICE = "Make the passkey on a phone, a laptop's own sensor or a security key that offers ES256."


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The parts of a key: ``point`` is raw Ed25519 or an uncompressed curve point; RSA has the two numbers."""

    algorithm: int
    point: bytes = b""
    modulus: int = 0
    exponent: int = 0


def parse(data: bytes) -> PublicKey:
    """The key in ``data``.

    Raises:
        BadSignature: it is malformed, or not in the canonical spelling.
        Invalid: its algorithm is not taken, or it is too weak to sign with.
    """
    if len(data) > COSE_LENGTH_MAX:
        raise errors.BadSignature(
            f"The passkey's key has {len(data)} bytes; at most {COSE_LENGTH_MAX} are read."
        )
    reader = _Reader(data)
    fields = reader.fields()
    reader.end()
    algorithm = fields.get(_ALGORITHM)
    if not isinstance(algorithm, int) or algorithm not in _SHAPES:
        raise errors.Invalid(f"Passkeys of the algorithm {algorithm!r} are not taken.", advice=_ADVICE)
    key_type, labels = _SHAPES[algorithm]
    if tuple(fields) != labels or fields[_KEY_TYPE] != key_type:
        raise _fault(f"its fields are not those of {ALGORITHMS[algorithm]}, in their order")
    return _rsa(fields) if algorithm == RS256 else _curve(algorithm, fields)


def _curve(algorithm: int, fields: dict[int, int | bytes]) -> PublicKey:
    if fields[_FIRST] != _CURVES[algorithm]:
        raise _fault(f"its curve {fields[_FIRST]!r} is not the one of {ALGORITHMS[algorithm]}")
    if algorithm == EDDSA:
        point = _sized(fields[_SECOND])
        ssh_keys.check_ed25519(point)
        return PublicKey(EDDSA, point)
    x, y = _sized(fields[_SECOND]), _sized(fields[_THIRD])
    if not _on_p256(int.from_bytes(x, "big"), int.from_bytes(y, "big")):
        raise _fault("its point is not on the curve P-256")
    return PublicKey(ES256, b"\x04" + x + y)


def _on_p256(x: int, y: int) -> bool:
    """Here, without the arithmetic's library: what it cannot load must not get as far as the keyring."""
    return x < _P and y < _P and (y * y - (x**3 - 3 * x + _B)) % _P == 0


def _sized(value: int | bytes) -> bytes:
    if not isinstance(value, bytes) or len(value) != _COORDINATE:
        raise _fault(f"a coordinate has not {_COORDINATE} bytes")
    return value


def _rsa(fields: dict[int, int | bytes]) -> PublicKey:
    modulus, exponent = (_number(fields[label]) for label in (_FIRST, _SECOND))
    ssh_keys.check_rsa(modulus, exponent, advice=_ADVICE)
    return PublicKey(RS256, modulus=modulus, exponent=exponent)


def _number(value: int | bytes) -> int:
    if not isinstance(value, bytes) or not value or value[0] == 0:
        raise _fault("a number in it is no number in its shortest form")
    return int.from_bytes(value, "big")


def _fault(message: str) -> errors.BadSignature:
    return errors.BadSignature(f"The passkey's key is malformed: {message}.")


class _Reader:
    """Reads one CBOR map of numbers and byte strings, every length in its shortest form."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def fields(self) -> dict[int, int | bytes]:
        """The map: labels are numbers, each once."""
        major, count = self._head()
        if major != _MAP or count > len(_SHAPES[ES256][1]):
            raise _fault("it is no small map")
        found: dict[int, int | bytes] = {}
        for _ in range(count):
            label = self._value()
            if not isinstance(label, int) or label in found:
                raise _fault("a label in it is no number, or stands twice")
            found[label] = self._value()
        return found

    def _value(self) -> int | bytes:
        major, argument = self._head()
        if major == _UNSIGNED:
            return argument
        if major == _NEGATIVE:
            return -1 - argument
        if major == _BYTES:
            return self._raw(argument)
        raise _fault(f"it holds CBOR of the major type {major}")

    def _head(self) -> tuple[int, int]:
        """Major type and argument (RFC 8949 section 3), of at most two bytes beside the first."""
        first = self._raw(1)[0]
        major, short = first >> 5, first & 31
        if short < 24:
            return major, short
        width = {24: 1, 25: 2}.get(short)
        if width is None:
            raise _fault("a length in it is too large, or not said")
        argument = int.from_bytes(self._raw(width), "big")
        if argument < (24, 256)[width - 1]:
            raise _fault("a length in it is not in its shortest form")
        return major, argument

    def _raw(self, length: int) -> bytes:
        end = self._position + length
        if end > len(self._data):
            raise _fault("it ends too early")
        piece = self._data[self._position : end]
        self._position = end
        return piece

    def end(self) -> None:
        """Raises unless everything has been read."""
        if self._position != len(self._data):
            raise _fault(f"{len(self._data) - self._position} bytes follow its end")
