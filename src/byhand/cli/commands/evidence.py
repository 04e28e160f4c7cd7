# SPDX-License-Identifier: Apache-2.0
"""Evidence for strangers, and the check that strangers make."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from byhand.cli.commands.reading import Because
from byhand.cli.common import NOTHING_CHOSEN, Common, RecordId
from byhand.cli.files import EVIDENCE, destination
from byhand.cli.opened import opened, remember, settings_of
from byhand.cli.output import form_of, say, show, show_text, wants_fields
from byhand.cli.progress import progress
from byhand.evidence.report import Report
from byhand.records.visible import visible


def evidence(
    id_: RecordId,
    /,
    *,
    file: Annotated[Path, Parameter(name=("--file", "-o"))],
    persons: Annotated[bool, Parameter(negative=())] = False,
    since: Path | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
    because: Because = None,
    common: Common = NOTHING_CHOSEN,
) -> None:
    """Write the evidence bundle of an intervention: all that a stranger needs to check it offline.

    It holds what was declared, found and signed, in plain text: what is handed out can never be erased again.

    **Example**

    ```console
    $ byhand evidence 019a5d0c-8a3e -o override.zip
    $ byhand verify override.zip
    ```

    Parameters
    ----------
    id_
        The intervention; its beginning is enough.
    file
        Where to write it, outside every home. An earlier bundle is replaced, another file is not.
    persons
        With names, sessions and addresses of persons; they are withheld otherwise.
    since
        A checkpoint or .tlog-proof that those who will check it remember: the bundle leads from there to its own.
    force
        Replace whatever file is there.
    """
    from byhand.verifying import read_note

    known = [read_note(since)] if since is not None else []
    place = destination(file, EVIDENCE, force=force)
    with opened(common) as one:
        found = one.desk.resolve(id_)
        bundle = one.desk.evidence(found, persons=persons, reason=because, since=known)
        remember(one)
        size = place.write([bundle])
        if wants_fields(common):
            show({"intervention": found, "file": str(file), "bytes": size}, common)
        say(f"the evidence for {found} is in {file}; check it with: byhand verify {file}")


def verify(
    target: str | None = None,
    /,
    *,
    policy: Path | None = None,
    since: Path | None = None,
    against: str | None = None,
    known_logs: bool = True,
    anchor: bool = True,
    common: Common = NOTHING_CHOSEN,
) -> int:
    """Check a home, a log folder, a URL or an evidence bundle. Exit code 0: sound. 1: not, or signer unknown.

    What the log says about itself counts for nothing: keys and officers come from `--policy` or from the logs
    that you met before. Every finding says what, where, what it means and what to do.

    **Example**

    ```console
    $ byhand verify
    $ byhand verify override.zip --policy policy.toml
    $ byhand verify https://log.example/ --since checkpoint-2026-10
    ```

    Parameters
    ----------
    target
        What to check. Default: the home.
    policy
        What you know of the log by yourself: TOML, [[log]] with origin, keys, officers.
    since
        An older checkpoint, or a .tlog-proof, that you kept.
    against
        For a bundle: the home, log folder or URL that leads from its checkpoint to the one you remember.
        Default: the home, when it is here. It is not believed; what it shows is verified.
    known_logs
        Use what was remembered of logs met before.
    anchor
        Use the anchor on this machine.
    """
    from byhand.verifying import Knowledge, verify_target

    home = settings_of(common).home
    knowledge = Knowledge(
        policy=policy,
        since=since,
        use_known_logs=known_logs,
        use_anchor=anchor,
        against=against,
        home=home,
    )
    place = target if target is not None else str(home)
    with progress("verifying") as done:
        report = verify_target(place, knowledge, progress=done)
    if form_of(common) == "table":
        show_text(written(report))
    else:
        show(fields(report), common)
    return 0 if report.sound else 1


def fields(report: Report) -> dict[str, object]:
    """The report for machines."""
    return {
        "target": report.target,
        "verdict": report.verdict,
        "sound": report.sound,
        "authenticated": report.authenticated,
        "tampered": report.tampered,
        "origin": report.origin,
        "size": report.size,
        "independence": report.independence,
        "findings": [asdict(finding) for finding in report.findings],
        "notes": report.notes,
        "counts": report.counts,
    }


def written(report: Report) -> str:
    """The report for people."""
    lines = [report.verdict, f"log: {report.origin or 'unknown'}, {report.size} entries"]
    lines.append(f"independence: {', '.join(report.independence)}")
    for finding in report.findings:
        lines += [
            f"- {finding.code} at {finding.where}: {finding.what}",
            f"    means: {finding.meaning}",
            f"    do: {finding.advice}",
        ]
    lines += [f"note: {one}" for one in report.notes]
    return "\n".join(visible(line) for line in lines)
