# SPDX-License-Identifier: Apache-2.0
"""The log as a stranger may see it: keys, checkpoint, proofs, tiles. Nothing in it names a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from byhand.cli.common import NOTHING_CHOSEN, Common, RecordId
from byhand.cli.files import PROOF, check_outside_homes, destination
from byhand.cli.opened import opened, remember
from byhand.cli.output import say, show, show_rows, show_text, wants_fields
from byhand.cli.progress import progress
from byhand.cli.signing import placed
from byhand.log import checkpoint as checkpoints, note as notes


def keys(*, common: Common = NOTHING_CHOSEN) -> None:
    """Print the log's verifier keys, one a line, as a verifier's policy takes them.

    **Example**

    ```console
    $ byhand log keys
    $ byhand log keys --output json
    ```
    """
    with opened(common) as one:
        identity = one.log.identity_of_log()
        if not wants_fields(common):
            show_text("\n".join(identity.keys))
            return
        origin, officers = identity.origin, identity.officers
        show_rows([{"origin": origin, "key": key, "officers": officers} for key in identity.keys], common)


def checkpoint(*, common: Common = NOTHING_CHOSEN) -> None:
    """Print the latest checkpoint, signed and anchored now. Keep it: whoever has it notices a rewritten log.

    **Example**

    ```console
    $ byhand log checkpoint > checkpoint-2026-11-24
    $ byhand verify ~/.byhand --since checkpoint-2026-11-24
    ```
    """
    with opened(common) as one:
        _ = one.backend
        note = one.log.checkpoint()
        remember(one)
        if not wants_fields(common):
            show_text(note.decode())
            return
        opened_note = checkpoints.parse(notes.parse(note).text)
        fields = {"origin": opened_note.origin, "size": opened_note.size, "root": opened_note.root.hex()}
        show({**fields, "note": note.decode()}, common)


def prove(
    id_: RecordId,
    /,
    *,
    file: Path | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Prove that a record is in the log: its `.tlog-proof`, under an anchored checkpoint.

    For an intervention this is the proof of its latest record.

    **Example**

    ```console
    $ byhand log prove 019a5d0c-8a3e --file override.tlog-proof
    ```

    Parameters
    ----------
    id_
        A record or an intervention; its beginning is enough.
    file
        Write the proof there instead of printing it. An earlier proof is replaced, another file is not.
    force
        Replace whatever file is there.
    """
    place = destination(file, PROOF, force=force) if file is not None else None
    with opened(common) as one:
        receipt = one.desk.prove(id_)
        remember(one)
        acknowledgement = receipt.acknowledgement
        fields = placed(acknowledgement)
        if place is not None:
            size = place.write([receipt.proof.encode()])
            if wants_fields(common):
                show({**fields, "file": str(file), "bytes": size}, common)
            say(f"the proof of record {acknowledgement.record} is in {file}")
        elif not wants_fields(common):
            show_text(receipt.proof)
        else:
            show({**fields, "entry": receipt.entry, "proof": receipt.proof}, common)


def export(folder: Path, /, *, common: Common = NOTHING_CHOSEN) -> None:
    """Write the log as a static folder in the C2SP tlog-tiles layout; payloads stay sealed.

    A later export into the same folder adds what is new.

    **Example**

    ```console
    $ byhand log export ./public-log
    $ byhand verify ./public-log
    ```

    Parameters
    ----------
    folder
        Where to; made if it does not exist.
    """
    from byhand.evidence.folder import export_folder

    check_outside_homes(folder)
    with opened(common) as one:
        note = one.home.journal.anchor()
        remember(one)
        tree = one.home.journal.reader.tree()
        with progress("exporting", tree.row.size) as done:
            size = export_folder(one.home.entries, tree, note, folder, progress=done)
        if wants_fields(common):
            show({"folder": str(folder), "size": size}, common)
        say(f"{size} entries are in {folder}")
