# SPDX-License-Identifier: Apache-2.0
"""The ssh-agent's protocol, the two requests of it that signing needs (draft-ietf-sshm-ssh-agent)."""

from __future__ import annotations

import socket

from byhand import errors
from byhand.signatures import wire

AGENT_MESSAGE_LENGTH_MAX = 262_144  # as OpenSSH's agent itself (AGENT_MAX_LEN)
AGENT_IDENTITIES_MAX = 256  # far more than a person holds; bounds what a hostile agent can make us read
AGENT_TIMEOUT_SECONDS = 5.0  # listing is immediate
AGENT_SIGN_TIMEOUT_SECONDS = 60.0  # a person may have to confirm, or touch a hardware key

_REQUEST_IDENTITIES, _IDENTITIES = 11, 12  # draft-ietf-sshm-ssh-agent, section 6
_REQUEST_SIGNATURE, _SIGNATURE = 13, 14
_FLAG_RSA_SHA2_512 = 4


class Agent:
    """The ssh-agent behind a socket, spoken to directly; one connection a request."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path

    def identities(self) -> list[tuple[bytes, str]]:
        """Public key blob and comment of each key the agent offers."""
        reader = self._ask(bytes([_REQUEST_IDENTITIES]), _IDENTITIES, AGENT_TIMEOUT_SECONDS)
        count = reader.uint32()
        if count > AGENT_IDENTITIES_MAX:
            raise errors.Invalid(
                f"The ssh-agent offers {count} keys; at most {AGENT_IDENTITIES_MAX} are read."
            )
        found = [(reader.string(), reader.string().decode("utf-8", "replace")) for _ in range(count)]
        reader.end()
        return found

    def sign(self, public_key_blob: bytes, data: bytes) -> bytes:
        """The SSH signature over ``data``; RSA keys sign with SHA-512."""
        flags = _FLAG_RSA_SHA2_512.to_bytes(4, "big")
        request = bytes([_REQUEST_SIGNATURE]) + wire.string(public_key_blob) + wire.string(data) + flags
        reader = self._ask(request, _SIGNATURE, AGENT_SIGN_TIMEOUT_SECONDS)
        signature = reader.string()
        reader.end()
        return signature

    def _ask(self, request: bytes, expected: int, timeout_seconds: float) -> wire.Reader:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(timeout_seconds)
                connection.connect(self.socket_path)
                connection.sendall(wire.string(request))
                answer = _answer(connection)
        except OSError as error:  # includes the timeout
            raise errors.Invalid(
                f"The ssh-agent at {self.socket_path} does not answer: {error}.",
                advice="Start one with: eval $(ssh-agent); or name a key file.",
            ) from error
        reader = wire.Reader(answer, "The ssh-agent's answer")
        if reader.byte() != expected:
            raise errors.Invalid(
                "The ssh-agent refused.", advice="It may be locked (ssh-add -X), or you declined to confirm."
            )
        return reader


def _answer(connection: socket.socket) -> bytes:
    length = int.from_bytes(_exactly(connection, 4), "big")
    if not 0 < length <= AGENT_MESSAGE_LENGTH_MAX:
        raise errors.Invalid(f"The ssh-agent's answer claims {length} bytes.")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < length:
        piece = connection.recv(length - len(pieces))
        if not piece:
            raise errors.Invalid("The ssh-agent hung up in the middle of its answer.")
        pieces += piece
    return bytes(pieces)
