# SPDX-License-Identifier: Apache-2.0
"""The byte form SSH gives its values (RFC 4251 section 5), read strictly: bounded, minimal, nothing left over."""

from __future__ import annotations

import base64
import binascii

from byhand import errors

FIELD_LENGTH_MAX = 65_536  # longer than any key or signature we take (RSA 16384 needs 2,048 bytes)


def decode_base64(text: str, what: str) -> bytes:
    """The bytes ``text`` (RFC 4648 section 4, padded, canonical) stands for.

    Raises:
        BadSignature: on other characters, missing padding or spare bits, so that one value has one text.
    """
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise errors.BadSignature(f"{what} is not base64: {error}.") from error
    if base64.b64encode(decoded).decode("ascii") != text:
        raise errors.BadSignature(f"{what} is not canonical base64: padding or spare bits differ.")
    return decoded


def base64url(data: bytes) -> str:
    """Bytes as browsers and issuers write them: base64 of URLs (RFC 4648 section 5), without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


class Reader:
    """Reads one SSH structure from front to back; ``what`` names it in every error."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self._position = 0

    def _fault(self, message: str) -> errors.BadSignature:
        return errors.BadSignature(f"{self._what} is malformed: {message}.")

    def raw(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        end = self._position + length
        if end > len(self._data):
            raise self._fault(f"it ends {end - len(self._data)} bytes too early")
        piece = self._data[self._position : end]
        self._position = end
        return piece

    def byte(self) -> int:
        """The next byte as a number."""
        return self.raw(1)[0]

    def uint32(self) -> int:
        """The next four bytes, big-endian."""
        return int.from_bytes(self.raw(4), "big")

    def string(self) -> bytes:
        """The next length-prefixed bytes, at most ``FIELD_LENGTH_MAX``. In one piece: every signature has eleven."""
        start = self._position + 4
        length = int.from_bytes(self._data[self._position : start], "big")
        end = start + length
        if start <= len(self._data) >= end and length <= FIELD_LENGTH_MAX:
            self._position = end
            return self._data[start:end]
        length = self.uint32()  # it is malformed: these say how
        if length > FIELD_LENGTH_MAX:
            raise self._fault(f"a field claims {length} bytes, more than the {FIELD_LENGTH_MAX} allowed")
        return self.raw(length)

    def text(self) -> str:
        """The next string as ASCII text."""
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError as error:
            raise self._fault("a name in it is not ASCII") from error

    def positive(self) -> int:
        """The next ``mpint``: positive and without superfluous leading bytes."""
        data = self.string()
        if not data or data[0] & 0x80 or data == b"\0":
            raise self._fault("a number in it is not positive")
        if data[0] == 0 and not data[1] & 0x80:
            raise self._fault("a number in it has superfluous leading zeros")
        return int.from_bytes(data, "big")

    def rest(self) -> bytes:
        """Everything not read yet."""
        return self.raw(len(self._data) - self._position)

    def end(self) -> None:
        """Raises unless everything has been read."""
        if left := len(self._data) - self._position:
            raise self._fault(f"{left} bytes follow its end")


def string(data: bytes) -> bytes:
    """``data`` with its length in front."""
    return len(data).to_bytes(4, "big") + data


def mpint(number: int) -> bytes:
    """A positive number as ``mpint``."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))
