# SPDX-License-Identifier: Apache-2.0
"""The log as a stranger may see it: keys, checkpoint, proofs, tiles. Nothing in it names a person."""

from __future__ import annotations

from pathlib import Path

from byhand.cli.common import NOTHING_CHOSEN, Common, RecordId
from byhand.cli.opened import opened, remember
from byhand.cli.output import say, show, show_rows, show_text
from byhand.cli.progress import progress
from byhand.errors import Invalid
from byhand.log import checkpoint as checkpoints, note as notes


def _wants_fields(common: Common) -> bool:
    """Whether JSON was asked for; these are texts with a form of their own, also in a file or a pipe."""
    return common.output in ("json", "ndjson")


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
        if not _wants_fields(common):
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
        if not _wants_fields(common):
            show_text(note.decode())
            return
        opened_note = checkpoints.parse(notes.parse(note).text)
        fields = {"origin": opened_note.origin, "size": opened_note.size, "root": opened_note.root.hex()}
        show({**fields, "note": note.decode()}, common)


def prove(id_: RecordId, /, *, file: Path | None = None, common: Common = NOTHING_CHOSEN) -> None:
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
        Write the proof there instead of printing it.
    """
    with opened(common) as one:
        receipt = one.desk.prove(id_)
        remember(one)
        if file is not None:
            write_file(file, receipt.proof.encode())
            say(f"the proof of record {receipt.acknowledgement.record} is in {file}")
        elif not _wants_fields(common):
            show_text(receipt.proof)
        else:
            acknowledgement = receipt.acknowledgement
            show(
                {
                    "record": acknowledgement.record,
                    "index": acknowledgement.index,
                    "leaf": acknowledgement.leaf,
                    "entry": receipt.entry,
                    "proof": receipt.proof,
                },
                common,
            )


def write_file(file: Path, data: bytes) -> None:
    """Write ``data``; raises Invalid when it cannot be written."""
    try:
        file.write_bytes(data)
    except OSError as error:
        raise Invalid(f"{file} cannot be written: {error.strerror}") from error


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

    with opened(common) as one:
        note = one.home.journal.anchor()
        remember(one)
        tree = one.home.journal.reader.tree()
        with progress("exporting", tree.row.size) as done:
            size = export_folder(one.home.entries, tree, note, folder, progress=done)
        say(f"{size} entries are in {folder}")
