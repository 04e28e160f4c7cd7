# SPDX-License-Identifier: Apache-2.0
"""Checks this bundle with nothing but Python's standard library: entries, proofs, chains, sections, statements.

    python3 check.py             in the unpacked bundle; prints the root that all of it leads to

It also writes what openssl and ssh-keygen need for the signatures (see README.md): the checkpoint's text and
signature, the log's public key as it stands in manifest.json, and persons' SSH signatures in ssh/. Compare the
keys with ones you trust.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys
from typing import Any

Leaf = dict[str, Any]


def demand(holds: bool, complaint: str) -> None:
    """Stop with ``complaint`` unless it ``holds``."""
    if not holds:
        sys.exit(complaint)


def node(left: bytes, right: bytes) -> bytes:
    """RFC 9162 section 2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2."""
    demand(0 <= index < size, f"entry {index}: the checkpoint speaks of {size} entries")
    place, last, found = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in path:
        demand(last > 0 and len(sibling) == len(found), f"entry {index}: the proof is too long, or no proof")
        if place & 1 or place == last:
            found = node(sibling, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, sibling)
        place, last = place >> 1, last >> 1
    demand(last == 0, f"entry {index}: the proof is too short")
    return found


def check_entry(folder: pathlib.Path, size: int, root: bytes) -> tuple[Leaf, list[str]]:
    """One entry: its proof, its list of sections, every section that is here, and what was signed.

    Returns the leaf's fields and the names of sections that are withheld.
    """
    leaf = (folder / "leaf.json").read_bytes()
    head = (folder / "proof.tlog-proof").read_text().split("\n\n", 1)[0].split("\n")
    index = int(head[1].removeprefix("index "))
    path = [base64.b64decode(line) for line in head[2:]]
    under = str(index) == folder.name and root_of(index, size, leaf, path) == root
    demand(under, f"entry {folder.name}: is not under the checkpoint")
    fields: Leaf = json.loads(leaf)
    sections = json.loads((folder / "sections.json").read_text())
    names = [one["name"] for one in sections]
    listed = json.dumps(
        [[one["name"], one["commitment"]] for one in sections], separators=(",", ":")
    ).encode()
    same = hashlib.sha256(listed).hexdigest() == fields["commitment"]
    demand(
        same and names[0] == "body" and len(set(names)) == len(names), f"entry {index}: has other sections"
    )
    contents = {one["name"]: section(folder, one) for one in sections if "file" in one}
    check_statements(folder, json.loads(contents["body"]) if "body" in contents else {})
    return fields, [name for name in names if name not in contents]


def section(folder: pathlib.Path, one: dict[str, str]) -> bytes:
    """A section's content, once it is the one that was committed to."""
    content = (folder / one["file"]).read_bytes()
    made = hmac.new(bytes.fromhex(one["salt"]), b"byhand/payload/v1\n" + content, "sha256").hexdigest()
    demand(made == one["commitment"], f"entry {folder.name}: section {one['name']} was changed")
    return content


def check_statements(folder: pathlib.Path, record: Leaf) -> None:
    """What ssh-keygen will be given is what the record holds, and nothing else (DSSE v1)."""
    expected = {}
    for number, text in enumerate(
        record.get("statements") or [record[k] for k in ["statement"] if k in record]
    ):
        envelope = json.loads(text)
        kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
        expected[f"statement-{number}.signed"] = b"DSSEv1 %d %b %d %b" % (
            len(kind),
            kind,
            len(payload),
            payload,
        )
        for place, one in enumerate(envelope["signatures"]):
            stem = f"statement-{number}.{place}"
            if one["format"] == "webauthn":
                message = expected[f"statement-{number}.signed"]
                expected |= passkey_files(int(folder.name), stem, one, message)
            else:
                expected[f"{stem}.sig"] = base64.b64decode(one["sig"])
                write_for_openssl(f"{folder.name}-{stem}", expected[f"statement-{number}.signed"], one)
    here = {file.name: file.read_bytes() for file in folder.glob("statement-*")}
    for name, data in here.items():
        if name.endswith(".sig"):
            here[name] = base64.b64decode(b"".join(data.split(b"\n")[1:-2]))
    demand(here == expected, f"entry {folder.name}: its statements are not the ones that the record holds")


CURVES = {  # what stands before the point in the DER form of a public key
    b"ecdsa-sha2-nistp256": bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
    b"ecdsa-sha2-nistp384": bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200"),
    b"ecdsa-sha2-nistp521": bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600"),
}
ED25519 = bytes.fromhex("302a300506032b6570032100")
SHORT = 0x80  # from here on DER says first how long the length is
RSA = bytes.fromhex("300d06092a864886f70d0101010500")


def strings(data: bytes) -> list[bytes]:
    """The strings of SSH's wire format (RFC 4251), each behind its length."""
    found = []
    while data:
        length = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


def der(tag: int, content: bytes) -> bytes:
    """One value in DER."""
    length = len(content)
    size = b"" if length < SHORT else length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(size) if size else length]) + size + content


def write_for_openssl(name: str, message: bytes, one: dict[str, str]) -> None:
    """An SSH signature (PROTOCOL.sshsig) as openssl wants it: ssh/NAME with what was signed, signature and key."""
    key, namespace, reserved, algorithm, signature = strings(base64.b64decode(one["sig"])[10:])
    kind, *numbers = strings(key)
    signed = b"SSHSIG" + b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (namespace, reserved, algorithm, hashlib.new(algorithm.decode(), message).digest())
    )
    made = (
        strings(signature)[1] if not kind.startswith(b"sk-") else b""
    )  # a security key signs more than that
    if kind == b"ssh-ed25519":
        public = ED25519 + numbers[0]
    elif kind in CURVES:
        public = CURVES[kind] + numbers[1]
        made = der(0x30, b"".join(der(2, number) for number in strings(made)))
    elif kind == b"ssh-rsa":
        pair = der(0x30, der(2, numbers[1]) + der(2, numbers[0]))
        public = der(0x30, RSA + der(3, b"\0" + pair))
    else:
        return
    folder = pathlib.Path("ssh")
    folder.mkdir(exist_ok=True)
    pem = base64.encodebytes(public).decode()
    (folder / f"{name}.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{pem}-----END PUBLIC KEY-----\n")
    (folder / f"{name}.signed").write_bytes(signed)
    (folder / f"{name}.sig").write_bytes(made)


def passkey_files(index: int, stem: str, one: dict[str, str], message: bytes) -> dict[str, bytes]:
    """What openssl will be given, once the browser asked for a signature over ``message`` (W3C WebAuthn 7.2).

    A revocation may be signed by the very passkey that it ends: at its own entry, and nowhere after it.
    """
    data, client = (base64.b64decode(one[name]) for name in ("authenticatorData", "clientDataJSON"))
    said = json.loads(client)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(message).digest()).decode().rstrip("=")
    demand(said["type"] == "webauthn.get" and said["challenge"] == challenge, f"{stem}: signs something else")
    key = pathlib.Path("passkeys") / (
        one["keyid"].removeprefix("SHA256:").replace("+", "-").replace("/", "_") + ".pem"
    )
    rows = [line.split(" ") for line in pathlib.Path("passkeys/list").read_text().splitlines()]
    row = next((row for row in rows if row[1] == str(key)), [])
    origin = row[2] if row else None
    for revoked in [int(word.removeprefix("revoked:")) for word in row[3:]]:
        demand(index <= revoked, f"{stem}: its passkey was revoked at entry {revoked}, and used at {index}")
    demand(said["origin"] == origin, f"{stem}: was signed on a page of {said['origin']}, not of {origin}")
    host = str(origin).split("://", 1)[1].split(":", 1)[0]
    demand(data[:32] == hashlib.sha256(host.encode()).digest(), f"{stem}: is for another host")
    demand(bool(data[32] & 1 and data[32] & 4), f"{stem}: the authenticator did not make sure who was there")
    return {
        f"{stem}.client-data.json": client,
        f"{stem}.passkey-signed": data + hashlib.sha256(client).digest(),
        f"{stem}.passkey-sig": base64.b64decode(one["sig"]),
        f"{stem}.passkey": f"{key}\n".encode(),
    }


def check_chain(
    chain: str, name: str | None, indexes: list[int], size: int, root: bytes
) -> list[tuple[int, Leaf]]:
    """Every entry of a chain, oldest first: of this chain, and each after the one before it."""
    demand(bool(indexes), f"the {chain} chain is not here")
    found, previous = [], None
    for index in indexes:
        fields, withheld = check_entry(pathlib.Path("entries") / str(index), size, root)
        own = fields.get("intervention") == name and (name or fields["kind"] == "administration")
        demand(bool(own), f"entry {index}: is no part of the {chain} chain")
        demand(
            fields.get("previous") == previous, f"entry {index}: something of the {chain} chain is missing"
        )
        previous = index
        found.append((index, fields))
        said = f"withheld: {', '.join(withheld)}" if withheld else "sound"
        print(f"entry {index:>6}  {fields['recorded']}  {fields['kind']:<14} {said}")
    return found


def main() -> None:
    """Both chains, what each knew of the other, then the files for openssl."""
    manifest = json.loads(pathlib.Path("manifest.json").read_text())
    text, signatures = pathlib.Path("checkpoint").read_text().rsplit("\n\n", 1)
    origin, size, root = text.split("\n")[:3]
    demand(origin == manifest["origin"], "the checkpoint is another log's")
    tree, entries = (int(size), base64.b64decode(root)), manifest["entries"]
    administration = check_chain("administration", None, entries["administration"], *tree)
    for index, fields in check_chain(
        "intervention", manifest["intervention"], entries["intervention"], *tree
    ):
        head = max((one for one, _ in administration if one < index), default=None)
        if fields["kind"] in ("intent", "approval", "permit"):
            demand(
                fields.get("administration") == head, f"entry {index}: knew more administration than is here"
            )
    here = {int(folder.name) for folder in pathlib.Path("entries").iterdir()}
    listed = {*entries["administration"], *entries["intervention"]}
    demand(here == listed, f"manifest.json does not list entries {sorted(here - listed)}")
    key = base64.b64decode(manifest["keys"][0].split("+", 2)[2])[1:]
    line = next(one for one in signatures.split("\n") if one.startswith(f"— {origin} "))
    pathlib.Path("checkpoint.text").write_text(text + "\n")
    pathlib.Path("checkpoint.sig").write_bytes(base64.b64decode(line.split(" ")[2])[4:])
    pem = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + key).decode()
    pathlib.Path("log.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n")
    print(f"all of it leads to the root {root} of {size} entries of {origin}")


main()
