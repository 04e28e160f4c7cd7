# SPDX-License-Identifier: Apache-2.0
"""SSH signatures judged by the real ssh-keygen and openssl, in both directions, and flipped byte by byte."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from hypothesis import example, given, strategies as st

from byhand import errors
from byhand.signatures import sshsig, wire

KINDS = ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa3072"]
MESSAGE = b"restart the matching engine\n"
NAMESPACE = sshsig.NAMESPACE_APPROVAL

ADA = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"ada").digest())
ADA_SIGNATURE = sshsig.sign_with_private_key(ADA, MESSAGE, NAMESPACE)
ADA_RAW = sshsig.dearmor(ADA_SIGNATURE)


def _blob(private_key: Any) -> bytes:
    line = private_key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return sshsig.public_key_blob(line.decode())


ADA_BLOB = _blob(ADA)


def _private(path: Path) -> Any:
    return serialization.load_ssh_private_key(path.read_bytes(), password=None)


class Authenticator:
    """A hardware key in software: signs as PROTOCOL.u2f says, with the flags and counter it is told."""

    def __init__(self, curve: bool) -> None:
        self.key: Any = (
            ec.generate_private_key(ec.SECP256R1()) if curve else ed25519.Ed25519PrivateKey.generate()
        )
        self.curve = curve
        self.type = b"sk-ecdsa-sha2-nistp256@openssh.com" if curve else b"sk-ssh-ed25519@openssh.com"

    def blob(self) -> bytes:
        if self.curve:
            form = serialization.PublicFormat.UncompressedPoint
            point = self.key.public_key().public_bytes(serialization.Encoding.X962, form)
            parts = (self.type, b"nistp256", point, b"ssh:")
        else:
            parts = (self.type, self.key.public_key().public_bytes_raw(), b"ssh:")
        return b"".join(wire.string(part) for part in parts)

    def sign(self, message: bytes, namespace: str, flags: int = 1, counter: int = 7) -> str:
        signed = hashlib.sha256(b"ssh:").digest() + bytes([flags]) + counter.to_bytes(4, "big")
        signed += hashlib.sha256(sshsig.tbs(message, namespace)).digest()
        if self.curve:
            r, s = utils.decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA256())))
            raw = wire.mpint(r) + wire.mpint(s)
        else:
            raw = self.key.sign(signed)
        inner = wire.string(self.type) + wire.string(raw) + bytes([flags]) + counter.to_bytes(4, "big")
        return sshsig.armor(sshsig.assemble(self.blob(), inner, namespace))


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_ssh_keygen_signs_we_verify(outside: Any, kind: str, hash_name: str) -> None:
    """A signature by ssh-keygen, with either hash, verifies and names its key."""
    blob = sshsig.public_key_blob(outside.line(kind))
    verified = sshsig.verify(
        MESSAGE, outside.sign(kind, MESSAGE, NAMESPACE, hash_name), namespace=NAMESPACE, keys=[blob]
    )
    assert (verified.key_blob, verified.hardware) == (blob, False)


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_sign_ssh_keygen_verifies(outside: Any, judge: Any, kind: str) -> None:
    """ssh-keygen -Y verify accepts our signature through our allowed_signers line, and ours alone."""
    blob = sshsig.public_key_blob(outside.line(kind))
    armored = sshsig.sign_with_private_key(_private(outside.path(kind)), MESSAGE, NAMESPACE)
    allowed = sshsig.allowed_signers_line("ada", blob, [NAMESPACE])
    assert judge.accepts(MESSAGE, armored, NAMESPACE, allowed)
    assert not judge.accepts(MESSAGE + b"!", armored, NAMESPACE, allowed)
    assert not judge.accepts(MESSAGE, armored, sshsig.NAMESPACE_LOGIN, allowed)
    assert sshsig.verify(MESSAGE, armored, namespace=NAMESPACE, keys={blob}).key_blob == blob


@pytest.mark.parametrize("kind", ["ed25519", "rsa3072"])
def test_deterministic_signatures_equal_those_of_ssh_keygen(outside: Any, kind: str) -> None:
    """For schemes without randomness our armoured text is byte for byte that of ssh-keygen."""
    ours = sshsig.sign_with_private_key(_private(outside.path(kind)), MESSAGE, NAMESPACE)
    assert ours == outside.sign(kind, MESSAGE, NAMESPACE)


@pytest.mark.parametrize("curve", [True, False])
def test_a_hardware_signature_verifies_here_and_in_ssh_keygen(judge: Any, curve: bool) -> None:
    """Signatures of sk keys verify with what the authenticator attested, and ssh-keygen agrees."""
    authenticator = Authenticator(curve)
    armored = authenticator.sign(MESSAGE, NAMESPACE, flags=0x05, counter=41)
    verified = sshsig.verify(MESSAGE, armored, namespace=NAMESPACE, keys=[authenticator.blob()])
    assert (verified.hardware, verified.user_present, verified.user_verified) == (True, True, True)
    assert verified.counter == 41
    allowed = sshsig.allowed_signers_line("ada", authenticator.blob(), [NAMESPACE])
    assert judge.accepts(MESSAGE, armored, NAMESPACE, allowed)


@pytest.mark.parametrize("curve", [True, False])
def test_a_hardware_key_nobody_touched_is_refused(curve: bool) -> None:
    """Without the user-present flag a hardware signature counts only where the caller waives touch."""
    authenticator = Authenticator(curve)
    armored = authenticator.sign(MESSAGE, NAMESPACE, flags=0)
    with pytest.raises(errors.BadSignature, match="touched"):
        sshsig.verify(MESSAGE, armored, namespace=NAMESPACE, keys=[authenticator.blob()])
    verified = sshsig.verify(
        MESSAGE, armored, namespace=NAMESPACE, keys=[authenticator.blob()], presence_required=False
    )
    assert not verified.user_present


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa3072"])
def test_openssl_accepts_the_signature_inside(outside: Any, tmp_path: Path, kind: str) -> None:
    """With the SSH wrapping taken off, plain openssl verifies the signature over the same bytes."""
    private = _private(outside.path(kind))
    raw = sshsig.dearmor(sshsig.sign_with_private_key(private, MESSAGE, NAMESPACE))
    reader = wire.Reader(raw[10:], "SSHSIG")
    inner = [reader.string() for _ in range(5)][4]
    reader = wire.Reader(inner, "signature")
    algorithm, signature = reader.text(), reader.string()
    if algorithm.startswith("ecdsa"):
        reader = wire.Reader(signature, "ecdsa")
        signature = utils.encode_dss_signature(reader.positive(), reader.positive())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "key.pem").write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, form))
    (tmp_path / "sig").write_bytes(signature)
    (tmp_path / "tbs").write_bytes(sshsig.tbs(MESSAGE, NAMESPACE))
    digest = {"ecdsa-sha2-nistp256": "sha256", "ecdsa-sha2-nistp384": "sha384"}.get(algorithm, "sha512")
    extra = ["-rawin"] if kind == "ed25519" else ["-rawin", "-digest", digest]
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pem",
        "-in",
        "tbs",
        "-sigfile",
        "sig",
    ]
    done = subprocess.run([*command, *extra], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert "Signature Verified Successfully" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_our_names_for_keys_are_those_of_ssh_keygen(outside: Any, kind: str) -> None:
    """Fingerprint and public key line equal what ssh-keygen prints."""
    blob = sshsig.public_key_blob(outside.line(kind))
    printed = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(outside.path(kind))], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split()[1] == sshsig.fingerprint(blob)
    assert sshsig.authorized_line(blob, "ada@example") == outside.line(kind).strip()


@pytest.mark.parametrize("at", range(len(ADA_RAW)))
def test_a_flip_anywhere_in_the_signature_is_refused(at: int) -> None:
    """Changing any single byte of the SSHSIG structure is refused, whichever bit."""
    for mask in (0x01, 0x20, 0x80):
        changed = bytearray(ADA_RAW)
        changed[at] ^= mask
        with pytest.raises(errors.BadSignature):
            sshsig.verify_blob(MESSAGE, bytes(changed), namespace=NAMESPACE, keys=[ADA_BLOB])


@pytest.mark.parametrize("curve", [True, False])
def test_a_flip_anywhere_in_a_hardware_signature_is_refused(curve: bool) -> None:
    """Flags and counter are covered too: any changed byte of a hardware signature is refused."""
    authenticator = Authenticator(curve)
    raw = sshsig.dearmor(authenticator.sign(MESSAGE, NAMESPACE, flags=0x01))
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 0x04
        with pytest.raises(errors.BadSignature):
            sshsig.verify_blob(MESSAGE, bytes(changed), namespace=NAMESPACE, keys=[authenticator.blob()])


@pytest.mark.parametrize("kind", ["ecdsa521", "rsa3072"])
def test_a_flip_in_the_other_kinds_is_refused(outside: Any, kind: str) -> None:
    """ECDSA and RSA structures stand no changed byte either."""
    blob = sshsig.public_key_blob(outside.line(kind))
    raw = sshsig.dearmor(outside.sign(kind, MESSAGE, NAMESPACE))
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 0x10
        with pytest.raises(errors.BadSignature):
            sshsig.verify_blob(MESSAGE, bytes(changed), namespace=NAMESPACE, keys=[blob])


@given(st.integers(0, len(ADA_SIGNATURE) - 2), st.characters(codec="utf-8"))
def test_a_changed_character_of_the_armour_is_refused(at: int, character: str) -> None:
    """Any other character anywhere in the armour is refused; one signature has one text, line ends aside."""
    if ADA_SIGNATURE[at] == character:
        return
    changed = ADA_SIGNATURE[:at] + character + ADA_SIGNATURE[at + 1 :]
    with pytest.raises(errors.BadSignature):
        sshsig.verify(MESSAGE, changed, namespace=NAMESPACE, keys=[ADA_BLOB])


@given(st.integers(0, len(MESSAGE) - 1), st.integers(1, 255))
def test_a_flip_in_the_message_is_refused(at: int, mask: int) -> None:
    """The signature holds for exactly the message that was signed."""
    changed = bytearray(MESSAGE)
    changed[at] ^= mask
    with pytest.raises(errors.BadSignature, match="does not fit"):
        sshsig.verify(bytes(changed), ADA_SIGNATURE, namespace=NAMESPACE, keys=[ADA_BLOB])


@given(st.text(max_size=40))
def test_another_namespace_is_refused(namespace: str) -> None:
    """A signature made for one purpose is good for no other."""
    if namespace == NAMESPACE:
        return
    with pytest.raises(errors.BadSignature, match="made for"):
        sshsig.verify(MESSAGE, ADA_SIGNATURE, namespace=namespace, keys=[ADA_BLOB])


def test_a_key_outside_the_list_is_refused() -> None:
    """A perfect signature by a key we did not name is refused, and the key is named."""
    with pytest.raises(errors.BadSignature, match=sshsig.fingerprint(ADA_BLOB).replace("+", r"\+")):
        sshsig.verify(MESSAGE, ADA_SIGNATURE, namespace=NAMESPACE, keys=[])


@given(st.binary(max_size=300))
@example(b"SSHSIG")
@example(b"SSHSIG\0\0\0\1\xff\xff\xff\xff")
def test_noise_raises_our_errors_only(data: bytes) -> None:
    """Whatever bytes stand in the armour, only byhand's own error comes out."""
    with pytest.raises(errors.BadSignature):
        sshsig.verify(MESSAGE, sshsig.armor(data), namespace=NAMESPACE, keys=[ADA_BLOB])


@given(st.text(max_size=300))
def test_noise_in_place_of_armour_raises_our_errors_only(text: str) -> None:
    """Text that is no armour is refused by name."""
    with pytest.raises(errors.BadSignature):
        sshsig.dearmor(text)


@given(st.binary(max_size=200))
def test_a_malformed_key_raises_our_errors_only(data: bytes) -> None:
    """A key blob of noise, claimed under every type, is refused by name."""
    for kind in (b"ssh-ed25519", b"ssh-rsa", b"ecdsa-sha2-nistp256", b"sk-ssh-ed25519@openssh.com"):
        with pytest.raises(errors.ByhandError):
            sshsig.check_key_strength(wire.string(kind) + data)


@given(
    st.binary(max_size=120),
    st.sampled_from(["rsa-sha2-512", "ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"]),
)
def test_a_malformed_inner_signature_raises_our_errors_only(data: bytes, algorithm: str) -> None:
    """A sound structure around a nonsense signature is refused by name."""
    inner = wire.string(algorithm.encode()) + data
    with pytest.raises(errors.BadSignature):
        sshsig.verify_blob(
            MESSAGE, sshsig.assemble(ADA_BLOB, inner, NAMESPACE), namespace=NAMESPACE, keys=[ADA_BLOB]
        )


def test_a_point_off_the_curve_is_refused() -> None:
    """A curve key whose point is not on its curve raises our error, not the library's."""
    blob = b"".join(wire.string(part) for part in (b"ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"\1" * 64))
    inner = wire.string(b"ecdsa-sha2-nistp256") + wire.string(wire.mpint(1) + wire.mpint(1))
    with pytest.raises(errors.BadSignature, match="not usable"):
        sshsig.verify_blob(MESSAGE, sshsig.assemble(blob, inner, NAMESPACE), namespace=NAMESPACE, keys=[blob])


def test_sha1_signatures_of_rsa_keys_are_refused(outside: Any) -> None:
    """An RSA key may sign with SHA-2 only."""
    blob = sshsig.public_key_blob(outside.line("rsa3072"))
    raw = sshsig.assemble(blob, wire.string(b"ssh-rsa") + wire.string(b"\1" * 384), NAMESPACE)
    with pytest.raises(errors.BadSignature, match="may not sign"):
        sshsig.verify_blob(MESSAGE, raw, namespace=NAMESPACE, keys=[blob])


def test_bytes_after_the_signature_are_refused() -> None:
    """Nothing may follow the structure, nor its inner signature."""
    with pytest.raises(errors.BadSignature, match="follow"):
        sshsig.verify_blob(MESSAGE, ADA_RAW + b"\0", namespace=NAMESPACE, keys=[ADA_BLOB])
    inner = wire.string(b"ssh-ed25519") + wire.string(ADA_RAW[-64:]) + b"\0"
    with pytest.raises(errors.BadSignature, match="follow"):
        sshsig.verify_blob(
            MESSAGE, sshsig.assemble(ADA_BLOB, inner, NAMESPACE), namespace=NAMESPACE, keys=[ADA_BLOB]
        )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text.replace("BEGIN", "BEG1N"), "armoured"),
        (lambda text: "\n" + text, "armoured"),
        (lambda text: text + "\n", "armoured"),
        (lambda text: text.replace("\nU1NI", "\n U1NI"), "base64"),
        (lambda text: text + "A" * sshsig.ARMOR_LENGTH_MAX, "characters"),
    ],
)
def test_broken_armour_is_refused(change: Any, word: str) -> None:
    """Damage to the armour is named."""
    with pytest.raises(errors.BadSignature, match=word):
        sshsig.dearmor(change(ADA_SIGNATURE))


def test_armour_with_windows_line_ends_is_taken() -> None:
    """ssh-keygen on Windows ends its lines with CR LF."""
    assert sshsig.dearmor(ADA_SIGNATURE.replace("\n", "\r\n")) == ADA_RAW


def test_a_weak_rsa_key_is_refused_with_advice() -> None:
    """RSA below 3072 bits is refused, for signing and for verifying."""
    weak = rsa.generate_private_key(65537, 2048)
    with pytest.raises(errors.Invalid, match="2048 bits") as caught:
        sshsig.sign_with_private_key(weak, MESSAGE, NAMESPACE)
    assert "ssh-keygen -t ed25519" in caught.value.advice


_FIELD = 2**255 - 19


def _doubled(y: int) -> int | None:
    """The y of twice the Ed25519 point with this y (RFC 8032 section 5.1.4); ``None`` where there is no such point."""
    d = -121665 * pow(121666, -1, _FIELD) % _FIELD
    x_squared = (y * y - 1) * pow(d * y * y + 1, -1, _FIELD) % _FIELD
    if x_squared and pow(x_squared, (_FIELD - 1) // 2, _FIELD) != 1:
        return None
    return (y * y + x_squared) * pow(2 - y * y + x_squared, -1, _FIELD) % _FIELD


@pytest.mark.parametrize("sign_bit", [0, 0x80])
def test_an_ed25519_key_anybody_can_sign_with_is_refused(sign_bit: int) -> None:
    """Points of small order, under which one signature fits any message, never become a person's key."""
    order_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
    assert _doubled(order_8) == 0
    assert _doubled(0) == _FIELD - 1
    assert _doubled(_FIELD - 1) == 1
    for y in (0, 1, _FIELD - 1, order_8, _FIELD - order_8, _FIELD, _FIELD + 1, 2**255 - 1):
        point = bytearray(y.to_bytes(32, "little"))
        point[31] |= sign_bit
        for kind, tail in ((b"ssh-ed25519", b""), (b"sk-ssh-ed25519@openssh.com", wire.string(b"ssh:"))):
            blob = wire.string(kind) + wire.string(bytes(point)) + tail
            with pytest.raises(errors.Invalid, match="anybody"):
                sshsig.check_key_strength(blob)


def test_the_degenerate_key_really_fits_any_message(judge: Any) -> None:
    """Why the rule is needed: under the neutral point ssh-keygen accepts one forgery for two messages; we do not."""
    neutral = (1).to_bytes(32, "little")
    blob = wire.string(b"ssh-ed25519") + wire.string(neutral)
    inner = wire.string(b"ssh-ed25519") + wire.string(neutral + bytes(32))
    forged = sshsig.armor(sshsig.assemble(blob, inner, NAMESPACE))
    allowed = sshsig.allowed_signers_line("ada", blob, [NAMESPACE])
    for message in (b"one", b"two"):
        assert judge.accepts(message, forged, NAMESPACE, allowed)
        with pytest.raises(errors.BadSignature, match="unfit"):
            sshsig.verify(message, forged, namespace=NAMESPACE, keys=[blob])


def test_a_dsa_key_is_refused_with_advice() -> None:
    """DSA keys are refused by name."""
    blob = b"".join(wire.string(part) for part in (b"ssh-dss", b"\1", b"\1", b"\1", b"\1"))
    line = "ssh-dss " + base64.b64encode(blob).decode()
    with pytest.raises(errors.Invalid, match="DSA"):
        sshsig.public_key_blob(line)


def test_a_curve_openssh_does_not_know_is_refused() -> None:
    """A key on another curve cannot sign here."""
    with pytest.raises(errors.Invalid, match="cannot sign"):
        sshsig.sign_with_private_key(ec.generate_private_key(ec.SECP256K1()), MESSAGE, NAMESPACE)


def test_a_certificate_is_refused_with_advice(outside: Any, tmp_path: Path) -> None:
    """A real OpenSSH certificate is refused, saying which file to hand in."""
    (tmp_path / "ada.pub").write_text(outside.line("ed25519"))
    command = [
        "ssh-keygen",
        "-q",
        "-s",
        str(outside.path("ecdsa256")),
        "-I",
        "ada",
        str(tmp_path / "ada.pub"),
    ]
    subprocess.run(command, check=True)
    with pytest.raises(errors.Invalid, match="certificate"):
        sshsig.public_key_blob((tmp_path / "ada-cert.pub").read_text())


def test_a_private_key_is_refused_without_repeating_it(outside: Any) -> None:
    """A private key handed in by mistake is refused and not echoed."""
    text = outside.path("ed25519").read_text()
    with pytest.raises(errors.Invalid, match="private key") as caught:
        sshsig.public_key_blob(text)
    assert text.splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize("before", ["no-pty", 'command="x y"', "restrict", "ada@example"])
def test_options_before_the_key_are_refused(outside: Any, before: str) -> None:
    """A line from authorized_keys with options is refused."""
    with pytest.raises(errors.Invalid):
        sshsig.public_key_blob(f"{before} {outside.line('ed25519')}")


@pytest.mark.parametrize(
    "text", ["", "#only a remark", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !!", "a\nb"]
)
def test_other_text_is_no_public_key(text: str) -> None:
    """Nothing that is not one whole public key line is taken."""
    with pytest.raises(errors.ByhandError):
        sshsig.public_key_blob(text)


def _joined(*parts: bytes) -> bytes:
    return b"".join(wire.string(part) for part in parts)


@pytest.mark.parametrize(
    ("blob", "word"),
    [
        (_joined(b"ssh-ed25519", b"\2" * 31), "31 bytes where 32"),
        (_joined(b"ssh-ed25519", b"\2" * 32, b""), "4 bytes follow"),
        (_joined(b"ssh-ed25519", b"\2" * 32)[:-1], "1 bytes too early"),
        (_joined(b"ecdsa-sha2-nistp256", b"nistp384", b"\4" + b"\1" * 64), "names the curve"),
        (_joined(b"ecdsa-sha2-nistp256", b"nistp256", b"\2" + b"\1" * 64), "uncompressed"),
        (_joined(b"ecdsa-sha2-nistp256", b"nistp256", b"\2" + b"\1" * 32), "33 bytes where 65"),
        (_joined(b"ssh-rsa", b"\x80", b"\1"), "not positive"),
        (_joined(b"ssh-rsa", b"", b"\1"), "not positive"),
        (_joined(b"ssh-rsa", b"\0\1", b"\1"), "leading zeros"),
        (_joined(b"ssh-rsa", b"\4", b"\0\xff" * 200), "unsafe exponent"),
        (_joined(b"ssh-rsa", b"\3", b"\1" * 3000), "24000 bits|23993 bits"),
        (_joined(b"\xff\xfe"), "not ASCII"),
        (_joined(b"ssh-rsa-cert-v01@openssh.com"), "certificate"),
        (_joined(b"ssh-new"), "not taken"),
    ],
)
def test_a_broken_key_is_refused_by_what_is_wrong(blob: bytes, word: str) -> None:
    """Lengths, curves, numbers and kinds of a key blob are each named."""
    with pytest.raises(errors.ByhandError, match=word):
        sshsig.check_key_strength(blob)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"NOTSIG" + ADA_RAW[6:], "first bytes"),
        (ADA_RAW[:9] + b"\2" + ADA_RAW[10:], "version 2"),
        (ADA_RAW[:10] + _joined(ADA_BLOB, NAMESPACE.encode(), b"r", b"sha512", b""), "reserved"),
        (ADA_RAW[:10] + _joined(ADA_BLOB, NAMESPACE.encode(), b"", b"sha1", b""), "'sha1'"),
    ],
)
def test_another_structure_than_ours_is_refused(raw: bytes, word: str) -> None:
    """Magic, version, reserved field and hash are each named."""
    with pytest.raises(errors.BadSignature, match=word):
        sshsig.verify_blob(MESSAGE, raw, namespace=NAMESPACE, keys=[ADA_BLOB])


def test_only_sane_namespaces_and_hashes_are_signed() -> None:
    """An empty or endless namespace and an unknown hash never reach a signature."""
    for namespace, hash_name in (("", "sha512"), ("n" * 256, "sha512"), (NAMESPACE, "md5")):
        with pytest.raises(errors.Invalid):
            sshsig.tbs(MESSAGE, namespace, hash_name)


def test_a_line_that_names_another_type_is_refused(outside: Any) -> None:
    """The type word must be that of the key."""
    line = outside.line("ed25519").replace("ssh-ed25519", "ssh-rsa", 1)
    with pytest.raises(errors.BadSignature, match="says ssh-rsa"):
        sshsig.public_key_blob(line)


@given(st.text(max_size=200))
def test_noise_is_no_public_key(text: str) -> None:
    """Whatever the text, only byhand's own errors come out."""
    with pytest.raises(errors.ByhandError):
        sshsig.public_key_blob(text)


@pytest.mark.parametrize("person", ["ada lovelace", "ada,bob", "*", "!ada", '"ada"', "", "#ada"])
def test_a_person_that_would_mean_more_is_kept_out_of_allowed_signers(person: str) -> None:
    """Wildcards, lists and quotes never reach an allowed_signers file."""
    with pytest.raises(errors.Invalid):
        sshsig.allowed_signers_line(person, ADA_BLOB, [NAMESPACE])


def test_a_comment_cannot_start_a_second_line() -> None:
    """Line breaks in a comment are refused."""
    with pytest.raises(errors.Invalid):
        sshsig.authorized_line(ADA_BLOB, "ada\nssh-ed25519 AAAA")
