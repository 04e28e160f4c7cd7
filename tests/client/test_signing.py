# SPDX-License-Identifier: Apache-2.0
"""Signers over real key files, a real ssh-agent and the real ssh-keygen, which also judges the results."""

from __future__ import annotations

import base64
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from byhand import errors
from byhand.client import signing, ssh_agent
from byhand.signatures import sshsig, wire

pytestmark = pytest.mark.enable_socket  # the agent's socket is a file on this machine

MESSAGE = b"raise the limit\n"
NAMESPACE = sshsig.NAMESPACE_INTENT


def _make(path: Path, kind: str = "ed25519", bits: str = "256", passphrase: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [
        "ssh-keygen",
        "-q",
        "-t",
        kind,
        "-b",
        bits,
        "-N",
        passphrase,
        "-C",
        "ada@example",
        "-f",
        str(path),
    ]
    subprocess.run(command, check=True)
    return path


def _environ(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), **more}


def _accepted(signer: signing.Signer, folder: Path) -> bool:
    """Whether ssh-keygen takes what ``signer`` signs, and we do."""
    armored = signer.sign(MESSAGE, NAMESPACE)
    sshsig.verify(MESSAGE, armored, namespace=NAMESPACE, keys=[signer.public_key_blob])
    (folder / "judged.sig").write_text(armored)
    (folder / "judged.allowed").write_text(
        sshsig.allowed_signers_line("ada", signer.public_key_blob, [NAMESPACE]) + "\n"
    )
    command = ["ssh-keygen", "-Y", "verify", "-q", "-n", NAMESPACE, "-I", "ada"]
    command += ["-f", str(folder / "judged.allowed"), "-s", str(folder / "judged.sig")]
    return subprocess.run(command, input=MESSAGE, capture_output=True, check=False).returncode == 0


KINDS = [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "3072")]


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_a_key_file_signs_in_this_process(tmp_path: Path, kind: str, bits: str) -> None:
    """An unencrypted key of each kind signs without any outside program."""
    path = _make(tmp_path / "key", kind, bits)
    signer = signing.find_signer(key_path=path, environ=_environ(tmp_path, PATH=""))
    assert isinstance(signer, signing.KeyFileSigner)
    assert _accepted(signer, tmp_path)


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_the_agent_signs(agent: Any, tmp_path: Path, kind: str, bits: str) -> None:
    """A key of each kind signs through a real ssh-agent, its file gone."""
    path = _make(tmp_path / "key", kind, bits)
    agent.add(path)
    path.unlink()
    signer = signing.find_signer(environ=agent.environ)
    assert isinstance(signer, signing.AgentSigner)
    assert signer.place == "ssh-agent (ada@example)"
    assert _accepted(signer, tmp_path)


def test_a_passphrase_is_asked_for_by_ssh_keygen(tmp_path: Path) -> None:
    """An encrypted key is opened by ssh-keygen with the person's own prompt; byhand never sees the passphrase."""
    path = _make(tmp_path / "key", passphrase="correct horse")
    script = tmp_path / "askpass"
    script.write_text("#!/bin/sh\necho correct horse\n")
    script.chmod(0o700)
    environ = _environ(tmp_path, SSH_ASKPASS=str(script), SSH_ASKPASS_REQUIRE="force")
    signer = signing.find_signer(key_path=path, environ=environ)
    assert isinstance(signer, signing.SshKeygenSigner)
    assert _accepted(signer, tmp_path)


def test_the_agent_spares_the_passphrase_of_a_named_file(agent: Any, tmp_path: Path) -> None:
    """An encrypted key file whose key the agent holds is signed with by the agent, with no prompt."""
    path = _make(tmp_path / "key")
    agent.add(path)
    agent.add(_make(tmp_path / "other"))
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(path)], check=True, capture_output=True
    )
    signer = signing.find_signer(key_path=path, environ=agent.environ)
    assert isinstance(signer, signing.AgentSigner)
    assert _accepted(signer, tmp_path)


def test_a_public_file_names_a_key_in_the_agent(agent: Any, tmp_path: Path) -> None:
    """As with ssh-keygen, the .pub file is enough while the agent holds the key; otherwise the way is named."""
    public = _make(tmp_path / "key").with_suffix(".pub")
    with pytest.raises(errors.NotFound, match="does not hold") as caught:
        signing.find_signer(key_path=public, environ=agent.environ)
    assert "ssh-add" in caught.value.advice
    agent.add(tmp_path / "key")
    (tmp_path / "key").unlink()
    assert _accepted(signing.find_signer(key_path=public, environ=agent.environ), tmp_path)


def test_a_wrong_passphrase_is_an_error_with_advice(tmp_path: Path) -> None:
    """When ssh-keygen cannot open the key, the way out through the agent is named."""
    path = _make(tmp_path / "key", passphrase="correct horse")
    environ = _environ(tmp_path, SSH_ASKPASS="/bin/false", SSH_ASKPASS_REQUIRE="force")
    with pytest.raises(errors.Invalid, match="could not sign") as caught:
        signing.find_signer(key_path=path, environ=environ).sign(MESSAGE, NAMESPACE)
    assert f"ssh-add {path}" in caught.value.advice


def test_an_encrypted_key_without_ssh_keygen_is_an_error_with_advice(tmp_path: Path) -> None:
    """Where OpenSSH is not installed, an encrypted key says so."""
    path = _make(tmp_path / "key", passphrase="correct horse")
    command = ["ssh-keygen-that-is-not-there"]
    signer = signing.SshKeygenSigner(
        path, sshsig.public_key_blob(path.with_suffix(".pub").read_text()), _environ(tmp_path)
    )
    with pytest.raises(errors.Invalid, match="there is none"):
        signer._run(command)


def test_a_passphrase_nobody_types_ends_in_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a person has an end, which names the way round it."""
    monkeypatch.setattr(signing, "PASSPHRASE_TIMEOUT_SECONDS", 0.2)
    path = _make(tmp_path / "key", passphrase="correct horse")
    script = tmp_path / "askpass"
    script.write_text("#!/bin/sh\nexec sleep 2\n")
    script.chmod(0o700)
    environ = _environ(tmp_path, SSH_ASKPASS=str(script), SSH_ASKPASS_REQUIRE="force")
    with pytest.raises(errors.Invalid, match="no signature within"):
        signing.load_key_file(path, environ=environ).sign(MESSAGE, NAMESPACE)


def test_an_encrypted_key_without_its_public_half_is_an_error_with_advice(tmp_path: Path) -> None:
    """The command that writes the public half again is named."""
    path = _make(tmp_path / "key", passphrase="correct horse")
    path.with_suffix(".pub").unlink()
    with pytest.raises(errors.Invalid, match="public half") as caught:
        signing.load_key_file(path, environ=_environ(tmp_path))
    assert "ssh-keygen -y" in caught.value.advice


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """As OpenSSH does, byhand refuses a private key with open permissions and says how to close it."""
    path = _make(tmp_path / "key")
    path.chmod(mode)
    with pytest.raises(errors.Invalid, match="Others may use") as caught:
        signing.find_signer(key_path=path, environ=_environ(tmp_path))
    assert "chmod 600" in caught.value.advice


def test_the_agent_is_preferred_to_the_files(agent: Any, tmp_path: Path) -> None:
    """With one fit key in the agent, ~/.ssh is not looked at."""
    agent.add(_make(tmp_path / "key"))
    _make(tmp_path / ".ssh" / "id_ed25519")
    assert isinstance(signing.find_signer(environ=agent.environ), signing.AgentSigner)


def test_a_fingerprint_chooses_among_the_agents_keys(agent: Any, tmp_path: Path) -> None:
    """With several keys in the agent the fingerprint decides."""
    agent.add(_make(tmp_path / "one"))
    agent.add(_make(tmp_path / "two"))
    wanted = sshsig.fingerprint(sshsig.public_key_blob((tmp_path / "two.pub").read_text()))
    assert signing.find_signer(fingerprint=wanted, environ=agent.environ).fingerprint == wanted


def test_an_agent_with_several_keys_is_not_guessed_at(agent: Any, tmp_path: Path) -> None:
    """Without a fingerprint several agent keys are no choice: the file is taken, or the error says why not."""
    agent.add(_make(tmp_path / "one"))
    agent.add(_make(tmp_path / "two"))
    with pytest.raises(errors.NotFound, match="holds 2 keys"):
        signing.find_signer(environ=agent.environ)
    path = _make(tmp_path / ".ssh" / "id_ed25519")
    assert signing.find_signer(environ=agent.environ).place == str(path)


def test_weak_agent_keys_are_passed_over(agent: Any, tmp_path: Path) -> None:
    """An RSA key below 3072 bits in the agent does not stand in the way of a fit one."""
    agent.add(_make(tmp_path / "weak", "rsa", "2048"))
    agent.add(_make(tmp_path / "fit"))
    fit = sshsig.fingerprint(sshsig.public_key_blob((tmp_path / "fit.pub").read_text()))
    assert signing.find_signer(environ=agent.environ).fingerprint == fit


def test_the_files_are_tried_best_first(tmp_path: Path) -> None:
    """~/.ssh/id_ed25519 comes before id_ecdsa, that before id_rsa."""
    for name, kind, bits in (
        ("id_rsa", "rsa", "3072"),
        ("id_ecdsa", "ecdsa", "256"),
        ("id_ed25519", "ed25519", "256"),
    ):
        path = _make(tmp_path / ".ssh" / name, kind, bits)
        assert signing.find_signer(environ=_environ(tmp_path)).place == str(path)


def test_the_error_names_every_place_that_was_tried(tmp_path: Path) -> None:
    """When nothing is found, agent and each file are named with the reason."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_rsa").write_text("not a key")
    (tmp_path / ".ssh" / "id_rsa").chmod(0o600)
    with pytest.raises(errors.NotFound) as caught:
        signing.find_signer(environ=_environ(tmp_path, SSH_AUTH_SOCK=str(tmp_path / "nobody")))
    for word in ("ssh-agent", "id_ed25519: no such file", "id_ecdsa", "id_rsa is not a private key"):
        assert word in str(caught.value)


def test_another_fingerprint_than_asked_for_is_not_used(tmp_path: Path) -> None:
    """A key found under the right name but with another fingerprint is not taken."""
    _make(tmp_path / ".ssh" / "id_ed25519")
    with pytest.raises(errors.NotFound, match="another key"):
        signing.find_signer(fingerprint="SHA256:x", environ=_environ(tmp_path))
    with pytest.raises(errors.NotFound, match="not SHA256:x"):
        signing.find_signer(
            key_path=tmp_path / ".ssh" / "id_ed25519", fingerprint="SHA256:x", environ=_environ(tmp_path)
        )


def test_a_locked_agent_is_passed_over(agent: Any, tmp_path: Path) -> None:
    """A locked agent shows no keys; one that locks between listing and signing refuses by name."""
    agent.add(_make(tmp_path / "key"))
    signer = signing.find_signer(environ=agent.environ)
    agent.lock()
    with pytest.raises(errors.Invalid, match="refused"):
        signer.sign(MESSAGE, NAMESPACE)
    with pytest.raises(errors.NotFound, match="no fit key"):
        signing.find_signer(environ=agent.environ)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:200],
        lambda data: data.replace(b"b3BlbnNzaC1rZXk", b"b3BlbnNzaC1rZXX"),
        lambda data: b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        lambda data: b"",
        lambda data: b"x" * (signing.KEY_FILE_LENGTH_MAX + 1),
        lambda data: b"\xff\xfe-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_a_damaged_key_file_raises_our_errors_only(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A cut, changed, empty or oversized key file is refused by name."""
    path = _make(tmp_path / "key")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(errors.ByhandError):
        signing.load_key_file(path, environ=_environ(tmp_path))


def test_a_pem_key_is_taken_too(tmp_path: Path) -> None:
    """Keys in PEM form, as ssh-keygen -m writes them, sign as well."""
    path = _make(tmp_path / "key", "ecdsa")
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-N", "", "-m", "PEM", "-f", str(path)], check=True, capture_output=True
    )
    assert b"BEGIN EC PRIVATE KEY" in path.read_bytes()
    assert _accepted(signing.load_key_file(path, environ=_environ(tmp_path)), tmp_path)


def _hardware_key(path: Path) -> None:
    """A hardware key's file as ssh-keygen -t ed25519-sk writes it (PROTOCOL.key, PROTOCOL.u2f): it holds no secret."""
    kind, point = wire.string(b"sk-ssh-ed25519@openssh.com"), wire.string(bytes(range(32)))
    public = kind + point + wire.string(b"ssh:")
    secret = (
        b"\0\0\0\7" * 2 + public + b"\1" + wire.string(b"handle") + wire.string(b"") + wire.string(b"ada")
    )
    secret += bytes(range(1, 1 + -len(secret) % 8))
    parts = [wire.string(b"none"), wire.string(b"none"), wire.string(b""), b"\0\0\0\1"]
    body = b"openssh-key-v1\0" + b"".join(parts) + wire.string(public) + wire.string(secret)
    text = base64.encodebytes(body).decode()
    path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n")
    path.chmod(0o600)


def test_a_hardware_key_file_is_left_to_ssh_keygen(tmp_path: Path) -> None:
    """A hardware key's file, which ssh-keygen itself reads, is signed with by ssh-keygen, not in this process."""
    path = tmp_path / "id_ed25519_sk"
    _hardware_key(path)
    line = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(path)], capture_output=True, text=True, check=True
    ).stdout
    path.with_suffix(".pub").write_text(line)
    signer = signing.load_key_file(path, environ=_environ(tmp_path))
    assert isinstance(signer, signing.SshKeygenSigner)
    assert signer.fingerprint == sshsig.fingerprint(sshsig.public_key_blob(line))


def test_a_place_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    """Folders in place of files are refused by name, for reading and for writing."""
    with pytest.raises(errors.Invalid, match="cannot be read"):
        signing.load_key_file(tmp_path, environ=_environ(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises((errors.Invalid, errors.Conflict), match="file"):
        signing.make_key(tmp_path / "file" / "key", "")


def test_a_key_of_a_kind_that_cannot_sign_here_is_refused(tmp_path: Path) -> None:
    """An Ed448 key is a private key, but not one byhand takes."""
    command = ["openssl", "genpkey", "-algorithm", "ed448", "-out", str(tmp_path / "key")]
    subprocess.run(command, check=True, capture_output=True)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(errors.Invalid, match="cannot sign here"):
        signing.load_key_file(tmp_path / "key", environ=_environ(tmp_path))


def test_make_key_writes_a_key_openssh_reads(tmp_path: Path) -> None:
    """The new key is private, its public half stands beside it, and ssh-keygen derives the same one."""
    path = tmp_path / "new" / "id_byhand"
    signer = signing.make_key(path, "ada@example")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert derived.split()[:2] == path.with_suffix(".pub").read_text().split()[:2]
    assert signing.load_key_file(path, environ=_environ(tmp_path)).fingerprint == signer.fingerprint
    assert _accepted(signer, tmp_path)


@pytest.mark.parametrize("name", ["key", "key.pub"])
def test_make_key_never_overwrites(tmp_path: Path, name: str) -> None:
    """An existing private or public file is left as it is."""
    (tmp_path / name).write_text("precious")
    with pytest.raises(errors.Conflict):
        signing.make_key(tmp_path / "key", "")
    assert (tmp_path / name).read_text() == "precious"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def _lying_agent(answer: bytes) -> tuple[ssh_agent.Agent, threading.Thread]:
    """An agent that gives ``answer`` to one request and hangs up."""
    place = Path(tempfile.mkdtemp(prefix="byhand-liar-")) / "s"
    address = str(place)
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen(1)

    def serve() -> None:
        with server:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)
        place.unlink()
        place.parent.rmdir()

    thread = threading.Thread(target=serve)
    thread.start()
    return ssh_agent.Agent(address), thread


@given(
    st.one_of(
        st.binary(max_size=40),
        st.binary(max_size=40).map(wire.string),
        st.binary(max_size=40).map(lambda tail: wire.string(b"\x0c" + tail)),
    )
)
def test_an_agent_that_talks_nonsense_raises_our_errors_only(answer: bytes) -> None:
    """Whatever comes from the agent's socket, only byhand's own errors (or a sound, empty list) come out."""
    agent, thread = _lying_agent(answer)
    try:
        assert agent.identities() == []
    except errors.ByhandError:
        pass
    finally:
        thread.join()


def test_a_signature_the_agent_made_for_something_else_is_refused(tmp_path: Path) -> None:
    """What the agent returns is verified before it leaves us."""
    signer = signing.make_key(tmp_path / "key", "")
    nonsense = wire.string(wire.string(b"ssh-ed25519") + wire.string(b"\1" * 64))
    agent, thread = _lying_agent(wire.string(b"\x0e" + nonsense))
    with pytest.raises(errors.BadSignature):
        signing.AgentSigner(agent, signer.public_key_blob, "").sign(MESSAGE, NAMESPACE)
    thread.join()


def test_importing_the_room_does_not_load_cryptography() -> None:
    """Start-up stays light: the arithmetic is loaded with the first signature."""
    code = "import sys, byhand.client.signing; sys.exit(any(m.split('.')[0] == 'cryptography' for m in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)
