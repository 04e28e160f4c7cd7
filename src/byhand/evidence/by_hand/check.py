# SPDX-License-Identifier: Apache-2.0
"""Checks this bundle with nothing but Python's standard library: entries, proofs, chains, sections.

    python3 check.py             in the unpacked bundle; prints the root that all of it leads to

It also writes what openssl and ssh-keygen need for the signatures (see README.md): the checkpoint's text and
signature, and the log's public key as it stands in manifest.json. Compare that key with one you trust.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys


def node(left: bytes, right: bytes) -> bytes:
    """RFC 9162 section 2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2."""
    place, last, found = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in path:
        if last == 0:
            sys.exit(f"entry {index}: the proof is too long")
        if place & 1 or place == last:
            found = node(sibling, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, sibling)
        place, last = place >> 1, last >> 1
    return found if last == 0 else sys.exit(f"entry {index}: the proof is too short")


def check_entry(folder: pathlib.Path, size: int, root: bytes) -> dict[str, str]:
    """One entry: its proof, its list of sections, and every section that is here."""
    leaf = (folder / "leaf.json").read_bytes()
    head = (folder / "proof.tlog-proof").read_text().split("\n\n", 1)[0].split("\n")
    index = int(head[1].removeprefix("index "))
    if (
        str(index) != folder.name
        or root_of(index, size, leaf, [base64.b64decode(h) for h in head[2:]]) != root
    ):
        sys.exit(f"entry {folder.name}: is not under the checkpoint")
    fields: dict[str, str] = json.loads(leaf)
    sections = json.loads((folder / "sections.json").read_text())
    pairs = [[one["name"], one["commitment"]] for one in sections]
    listed = json.dumps(pairs, separators=(",", ":")).encode()
    if hashlib.sha256(listed).hexdigest() != fields["commitment"]:
        sys.exit(f"entry {index}: the list of sections is another one")
    for one in sections:
        if "file" in one:
            content = b"byhand/payload/v1\n" + (folder / one["file"]).read_bytes()
            if hmac.new(bytes.fromhex(one["salt"]), content, "sha256").hexdigest() != one["commitment"]:
                sys.exit(f"entry {index}: section {one['name']} was changed")
    return fields


def main() -> None:
    """Both chains, then the files for openssl."""
    manifest = json.loads(pathlib.Path("manifest.json").read_text())
    text, signatures = pathlib.Path("checkpoint").read_text().rsplit("\n\n", 1)
    origin, size, root = text.split("\n")[:3]
    if origin != manifest["origin"]:
        sys.exit("the checkpoint is another log's")
    for chain, indexes in sorted(manifest["entries"].items()):
        previous = None
        for index in indexes:
            folder = pathlib.Path("entries") / str(index)
            fields = check_entry(folder, int(size), base64.b64decode(root))
            if fields.get("previous") != previous:
                sys.exit(f"entry {index}: something of the {chain} chain was left out before it")
            previous = index
            print(f"entry {index:>6}  {fields['recorded']}  {fields['kind']:<14} sound")
    key = base64.b64decode(manifest["keys"][0].split("+", 2)[2])[1:]
    line = next(one for one in signatures.split("\n") if one.startswith(f"— {origin} "))
    pathlib.Path("checkpoint.text").write_text(text + "\n")
    pathlib.Path("checkpoint.sig").write_bytes(base64.b64decode(line.split(" ")[2])[4:])
    pem = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + key).decode()
    pathlib.Path("log.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n")
    print(f"all of it leads to the root {root} of {size} entries of {origin}")


main()
