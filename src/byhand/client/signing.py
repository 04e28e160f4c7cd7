# SPDX-License-Identifier: Apache-2.0
"""The caller's own key, wherever it lives: a key file, a passphrase-protected one, or the ssh-agent.

Whoever can use these keys can speak for the person; byhand never stores, copies or sends one.
"""

# No ``cryptography`` above this line or at module level: the command line's start-up time is a promise.
from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from byhand import errors
from byhand.client.ssh_agent import Agent
from byhand.signatures import sshsig

if TYPE_CHECKING:
    from byhand.signatures.primitives import PrivateKey

KEY_FILES = ("id_ed25519", "id_ecdsa", "id_rsa")  # in ~/.ssh, best first; the order OpenSSH recommends
KEY_FILE_LENGTH_MAX = 65_536  # an RSA 16384 key file has 13 KB; anything longer is not a key
PASSPHRASE_TIMEOUT_SECONDS = 120.0  # a person types a passphrase


class Signer(Protocol):
    """One key that can sign. May be slow: a person may be asked for a passphrase or a touch; safe to retry."""

    @property
    def public_key_blob(self) -> bytes:
        """The public key in SSH form."""

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` of the public key."""

    @property
    def place(self) -> str:
        """Where the key lives, for people: a path, or the agent. Never part of a record."""

    def sign(self, message: bytes, namespace: str) -> str:
        """The armoured SSH signature; returns when it is made, raises ``ByhandError`` when it cannot be."""


class _Key:
    """What all signers share."""

    def __init__(self, public_key_blob: bytes, place: str) -> None:
        sshsig.check_key_strength(public_key_blob)
        self.public_key_blob = public_key_blob
        self.fingerprint = sshsig.fingerprint(public_key_blob)
        self.place = place


class KeyFileSigner(_Key):
    """An unencrypted key file, signed with in this process."""

    def __init__(self, private_key: PrivateKey, place: str) -> None:
        from byhand.signatures import primitives

        super().__init__(primitives.public_blob(private_key), place)
        self._private_key = private_key

    def sign(self, message: bytes, namespace: str) -> str:
        """See ``Signer.sign``."""
        return sshsig.sign_with_private_key(self._private_key, message, namespace)


class SshKeygenSigner(_Key):
    """A key only OpenSSH can open (passphrase, hardware): ``ssh-keygen -Y sign`` asks the person itself."""

    def __init__(self, path: Path, public_key_blob: bytes, environ: Mapping[str, str]) -> None:
        super().__init__(public_key_blob, str(path))
        self._path = path
        self._environ = dict(environ)

    def sign(self, message: bytes, namespace: str) -> str:
        """See ``Signer.sign``."""
        # The message goes through a file, so that standard input stays the terminal the passphrase is read from.
        with tempfile.TemporaryDirectory(prefix="byhand-sign-") as folder:
            file = Path(folder, "message")
            file.write_bytes(message)
            self._run(["ssh-keygen", "-Y", "sign", "-q", "-f", str(self._path), "-n", namespace, str(file)])
            armored = Path(folder, "message.sig").read_text(encoding="ascii")
        sshsig.verify(message, armored, namespace=namespace, keys=[self.public_key_blob])
        return armored

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(
                command,
                env=self._environ,
                stdout=subprocess.DEVNULL,  # standard error stays: "Confirm user presence" is written there
                timeout=PASSPHRASE_TIMEOUT_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise errors.Invalid(
                f"The key {self._path} needs ssh-keygen to be opened, and there is none.",
                advice="Install the OpenSSH client, or name an unencrypted key file.",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise errors.Invalid(
                f"ssh-keygen gave no signature within {PASSPHRASE_TIMEOUT_SECONDS:.0f} seconds.",
                advice="Load the key into your agent first: ssh-add",
            ) from error
        if done.returncode:
            raise errors.Invalid(
                f"ssh-keygen could not sign with {self._path} (exit {done.returncode}).",
                advice=f"Load the key into your agent first: ssh-add {self._path}",
            )


class AgentSigner(_Key):
    """A key held by the ssh-agent, also a forwarded one."""

    def __init__(self, agent: Agent, public_key_blob: bytes, comment: str) -> None:
        super().__init__(public_key_blob, f"ssh-agent ({comment})" if comment else "ssh-agent")
        self._agent = agent

    def sign(self, message: bytes, namespace: str) -> str:
        """See ``Signer.sign``."""
        signature = self._agent.sign(self.public_key_blob, sshsig.tbs(message, namespace))
        armored = sshsig.armor(sshsig.assemble(self.public_key_blob, signature, namespace))
        sshsig.verify(message, armored, namespace=namespace, keys=[self.public_key_blob])
        return armored


def is_fingerprint(credential: str) -> bool:
    """Whether a credential is a key; else it is a token, which signs nothing."""
    return credential.startswith("SHA256:")


def find_signer(
    *, key_path: str | Path | None = None, fingerprint: str | None = None, environ: Mapping[str, str]
) -> Signer:
    """The caller's signer.

    The file named (a ``.pub`` names a key in the agent); else the agent's key; else the first of ``KEY_FILES``
    in ``~/.ssh``.

    With ``fingerprint`` only that key will do; without, the agent is used when it holds exactly one fit key.
    ``environ`` is ``os.environ`` in earnest: ``SSH_AUTH_SOCK`` and ``HOME`` are read from it.

    Raises:
        NotFound: no such key; the message names every place that was tried and why it would not do.
        Invalid: the file named exists but cannot be used.
    """
    if key_path is not None:
        signer = _named(Path(key_path).expanduser(), environ)
        if fingerprint is not None and signer.fingerprint != fingerprint:
            raise errors.NotFound(f"The key {key_path} is {signer.fingerprint}, not {fingerprint}.")
        return signer
    tried: list[str] = []
    for candidate in _candidates(environ, fingerprint, tried):
        if fingerprint in (None, candidate.fingerprint):
            return candidate
        tried.append(f"{candidate.place}: another key ({candidate.fingerprint})")
    wanted = f"The key {fingerprint}" if fingerprint else "A key to sign with"
    raise errors.NotFound(
        f"{wanted} was not found. Tried: {'; '.join(tried)}.",
        advice="Name your key file with --key, or make one with: ssh-keygen -t ed25519",
    )


def _candidates(environ: Mapping[str, str], fingerprint: str | None, tried: list[str]) -> Iterator[Signer]:
    yield from _reachable(environ, fingerprint, tried)
    folder = Path(environ.get("HOME") or Path.home(), ".ssh")
    for name in KEY_FILES:
        try:
            yield _named(folder / name, environ)
        except errors.ByhandError as error:
            tried.append(str(error))


def _named(path: Path, environ: Mapping[str, str]) -> Signer:
    """The signer for one file; the agent spares the passphrase when it holds the same key."""
    public_only = path.suffix == ".pub"
    signer = None if public_only else load_key_file(path, environ=environ)
    if isinstance(signer, KeyFileSigner):
        return signer
    blob = (
        signer.public_key_blob if signer else sshsig.public_key_blob(_read(path).decode("utf-8", "replace"))
    )
    tried: list[str] = []
    for candidate in _reachable(environ, sshsig.fingerprint(blob), tried):
        if candidate.public_key_blob == blob:
            return candidate
    if signer is None:
        raise errors.NotFound(
            f"The ssh-agent does not hold the key {path}. {'; '.join(tried)}",
            advice="Name the private key file, or load it with: ssh-add",
        )
    return signer


def _reachable(environ: Mapping[str, str], fingerprint: str | None, tried: list[str]) -> list[Signer]:
    """The agent's signers; an agent that does not answer is one of the places tried, never a failure."""
    try:
        return _agent_signers(environ, fingerprint, tried)
    except errors.ByhandError as error:
        tried.append(str(error))
        return []


def _agent_signers(environ: Mapping[str, str], fingerprint: str | None, tried: list[str]) -> list[Signer]:
    socket_path = environ.get("SSH_AUTH_SOCK")
    if not socket_path:
        tried.append("the ssh-agent: SSH_AUTH_SOCK is not set")
        return []
    agent = Agent(socket_path)
    signers: list[Signer] = []
    for blob, comment in agent.identities():
        try:
            signers.append(AgentSigner(agent, blob, comment))
        except errors.ByhandError as error:  # certificates, DSA and the like: not for signing here
            tried.append(f"ssh-agent ({comment}): {error}")
    if fingerprint is None and len(signers) > 1:
        tried.append(f"the ssh-agent: it holds {len(signers)} keys, so one must be named by its fingerprint")
        return []
    if not signers:
        tried.append("the ssh-agent: it holds no fit key")
    return signers


def load_key_file(path: Path, *, environ: Mapping[str, str]) -> Signer:
    """A signer for the OpenSSH private key in ``path``.

    Raises:
        NotFound: there is no such file.
        Invalid: others can read it, it is no private key, or it is too weak.
    """
    data = _read_private(path)
    private_key = _unencrypted(data, path)
    if private_key is not None:
        return KeyFileSigner(private_key, str(path))
    public = path.with_name(path.name + ".pub")
    try:
        line = public.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.Invalid(
            f"The key {path} is encrypted and its public half {public.name} cannot be read.",
            advice=f"Write it with: ssh-keygen -y -f {path} > {public}",
        ) from error
    return SshKeygenSigner(path, sshsig.public_key_blob(line), environ)


def _read_private(path: Path) -> bytes:
    """The file's bytes; refuses, as OpenSSH does, a key that others can read."""
    data = _read(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise errors.Invalid(
            f"Others may use the private key {path} (mode {mode:04o}).",
            advice=f"Close it with: chmod 600 {path}",
        )
    return data


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(KEY_FILE_LENGTH_MAX + 1)
    except FileNotFoundError as error:
        raise errors.NotFound(f"{path}: no such file") from error
    except OSError as error:
        raise errors.Invalid(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > KEY_FILE_LENGTH_MAX:
        raise errors.Invalid(f"{path} has more than {KEY_FILE_LENGTH_MAX} bytes: it is not a key.")
    return data


def _unencrypted(data: bytes, path: Path) -> PrivateKey | None:
    """The private key, or ``None`` when only OpenSSH can open it (passphrase, hardware)."""
    if b"PRIVATE KEY-----" not in data:
        raise errors.Invalid(
            f"{path} is not a private key.", advice="Name the file without .pub; byhand reads OpenSSH keys."
        )
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    load = (
        serialization.load_ssh_private_key
        if b"BEGIN OPENSSH PRIVATE KEY" in data
        else serialization.load_pem_private_key
    )
    try:
        key = load(data, password=None)
    except (TypeError, UnsupportedAlgorithm):  # TypeError is how the library says: a passphrase is needed
        return None
    except ValueError as error:
        raise errors.Invalid(f"{path} is a damaged private key: {error}.") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise errors.Invalid(f"{path} is of a kind that cannot sign here.", advice="ssh-keygen -t ed25519")
    return key


def make_key(path: Path, comment: str) -> Signer:
    """A fresh Ed25519 key in ``path`` (0600) with its public half in ``path.pub``; returns its signer.

    Raises:
        Conflict: either file exists; nothing is overwritten, ever.
        Invalid: the folder cannot be written, or the comment has control characters.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    private_key = ed25519.Ed25519PrivateKey.generate()
    data = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    signer = KeyFileSigner(private_key, str(path))
    line = sshsig.authorized_line(signer.public_key_blob, comment) + "\n"
    public = path.with_name(path.name + ".pub")
    if public.exists():
        raise errors.Conflict(f"{public} exists already.", advice="Choose another name for the new key.")
    _write_new(path, data, 0o600)
    # A crash exactly here leaves a usable private key without its public half: ssh-keygen -y writes it again.
    _write_new(public, line.encode(), 0o644)
    return signer


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise errors.Conflict(
            f"{path} exists already.", advice="Choose another name for the new key."
        ) from error
    except OSError as error:
        raise errors.Invalid(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
