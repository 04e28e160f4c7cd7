# SPDX-License-Identifier: Apache-2.0
"""``byhand spool``: what was done while the log could not be reached, and its way back."""

from __future__ import annotations

import os
from collections.abc import Iterator

from byhand.cli.common import NOTHING_CHOSEN, Common
from byhand.cli.opened import Remote, opened
from byhand.cli.output import show_rows
from byhand.client import http
from byhand.client.contract import SpoolAnswer
from byhand.client.spool_file import Line, SpoolFile, spool_files, spool_folder
from byhand.client.spooling import send
from byhand.errors import ByhandError, Invalid
from byhand.records.spool import SpooledAct


def show_spool(*, common: Common = NOTHING_CHOSEN) -> None:
    """Show what this machine's spools hold that the log does not have yet. Needs no server.

    **Example**

    ```console
    $ byhand spool show
    ```
    """
    show_rows(_rows(), common, empty="nothing waits to be sent")


def _rows() -> Iterator[dict[str, object]]:
    for file in spool_files(os.environ):
        for line in file.unsent():
            said = line.statement
            yield {
                "line": said.sequence,
                "time": said.time,
                "says": said.says,
                "what": _what(line),
                "intervention": said.intervention,
                "person": said.person,
                "origin": said.origin,
            }


def _what(line: Line) -> str:
    if isinstance(line.content, SpooledAct):
        declaration = line.content.declaration
        return f"{declaration.action} at {declaration.point}"
    return line.content.result


def send_spool(*, common: Common = NOTHING_CHOSEN) -> int:
    """Send what was spooled to the log. Exit code 1: something was found about it, or a line was refused.

    Every line is recorded in any case, also one that cannot become an intervention any more. Sent again after a
    crash, the same lines get the same answers. It also happens by itself whenever you next act through the server.

    **Example**

    ```console
    $ byhand spool send
    ```
    """
    with opened(common) as one:
        if not isinstance(one, Remote):
            raise Invalid("a home has no spool: it is not reached over a network", advice="Name --url.")
        identity = one.signed_in().identity()
        backend = http.HttpBackend(one.line)
        answers: list[SpoolAnswer] = []
        try:
            answers.extend(
                send(backend, SpoolFile(spool_folder(os.environ), backend.origin, identity.person))
            )
        except ByhandError:
            if answers:  # they are in the log, whatever became of the rest
                show_rows(map(_answer, answers), common)
            raise
        show_rows(map(_answer, answers), common, empty="nothing waits to be sent")
        return 1 if any(answer.verdicts for answer in answers) else 0


def _answer(answer: SpoolAnswer) -> dict[str, object]:
    return {
        "line": answer.line[:16],
        "result": answer.result,
        "intervention": answer.intervention,
        "index": answer.acknowledgement.index,
        "found": list(answer.verdicts),
        "cause": answer.cause,
    }
