# SPDX-License-Identifier: Apache-2.0
"""How answers are shown: tables for people, JSON for machines, one object a line for streams."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from byhand.cli.common import Common, OutputForm
from byhand.errors import NotShown

if TYPE_CHECKING:
    from rich.console import Console  # loaded where a table is drawn
    from rich.text import Text
from byhand.records.visible import visible

WIDTH_BESIDE_TERMINAL = 160
"""Characters of a table's line where no terminal says how wide it is."""
NEVER_WRAPPED = frozenset({"id", "declared", "recorded", "index"})
"""Columns that are copied or scanned: broken in two they are of no use."""
READABLE_MIN = 10  # characters: a cell folded into less is read by nobody
GAP = 3  # characters that rich leaves between two columns
Cells = Mapping[str, object]
TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def say(text: str) -> None:
    """A message for the person, on standard error; when nobody can hear it, that is all that is lost.

    What was done is done and recorded, and its exit code must still be told: an error here would replace it.
    What is left in the stream would fail once more when Python ends, so it goes where everything fits.
    """
    try:
        sys.stderr.write(visible(text, keep="\n") + "\n")
        sys.stderr.flush()
    except OSError:
        sys.stderr = _nowhere()


@contextmanager
def showing() -> Iterator[None]:
    """Writing data to standard output; raises NotShown when it cannot take them, BrokenPipeError when nobody does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NotShown(f"standard output cannot be written: {error.strerror}") from error


def show_recorded(fields: Cells, common: Common, *, recorded: object) -> None:
    """What was recorded just now; raises NotShown naming it, for then nothing else does."""
    try:
        show(fields, common)
    except NotShown as error:
        raise NotShown(f"recorded as {recorded}; it could not be shown: {error}") from error


def open_streams() -> None:
    """Give streams that were closed before we began a stand-in; the command that `run` starts keeps none.

    Data has nowhere to go then, and whoever asked for them is told so: every write to the stand-in fails, as it
    would on the closed one. Messages are lost.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = _nowhere()


def give_up_showing() -> None:
    """Nothing more can be shown; what is left in the stream must not fail again when Python ends."""
    sys.stdout = _nowhere()


def _nowhere() -> TextIO:
    """A stream that takes everything, until the process ends."""
    return Path(os.devnull).open("w", encoding="utf-8")


def wants_fields(common: Common) -> bool:
    """Whether JSON was asked for, where a text or a message is what people want, also in a file or a pipe."""
    return common.output in ("json", "ndjson")


def form_of(common: Common) -> OutputForm:
    """The form asked for; by default a table on a terminal, JSON elsewhere."""
    return common.output or ("table" if sys.stdout.isatty() else "json")


def show(fields: Cells, common: Common) -> None:
    """One thing with its fields."""
    with showing():
        if form_of(common) == "table":
            _table(
                ("", ""), [(name, value) for name, value in fields.items() if value is not None], head=False
            )
        else:
            _json(fields, indent=form_of(common) == "json")


def show_rows(
    rows: Iterable[Cells], common: Common, *, columns: Sequence[str] = (), empty: str = "nothing"
) -> None:
    """Many things: a table of ``columns``, a JSON list, or one object a line. ``ndjson`` streams."""
    form = form_of(common)
    if form == "ndjson":
        with showing():
            for row in rows:
                _json(row, indent=False)
        return
    found = list(rows)
    if form == "table" and not found:
        say(empty)
        return
    with showing():
        if form == "json":
            _json(found, indent=True)
        else:
            names = columns or tuple(found[0])
            _table(names, [[row.get(name) for name in names] for row in found])


def show_text(text: str) -> None:
    """Lines that are data as they are: keys, notes, proofs."""
    show_made([text if text.endswith("\n") else text + "\n"])


def show_made(lines: Iterable[str]) -> None:
    """Lines that are made on the way, with their ends."""
    with showing():
        sys.stdout.writelines(lines)


def show_lines(lines: Iterable[Text]) -> None:
    """Lines of a picture, as they are."""
    drawn = console(width=WIDTH_BESIDE_TERMINAL)
    with showing():
        for line in lines:
            drawn.print(line, soft_wrap=True)


def can_draw(characters: str) -> bool:
    """Whether standard output can show ``characters`` at all."""
    try:
        characters.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _json(value: object, *, indent: bool) -> None:
    import orjson

    options = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    sys.stdout.write(orjson.dumps(value, option=options).decode())


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(one) for one in value)
    text = str(value)
    if _TIME.fullmatch(text):
        return f"{text[:10]} {text[11:19]}Z"
    return visible(text)


def _table(names: Sequence[str], rows: Iterable[Sequence[object]], *, head: bool = True) -> None:
    cells = [[_cell(value) for value in row] for row in rows]
    if head and _width_needed(names, cells) > console(width=WIDTH_BESIDE_TERMINAL).width:
        for row in cells:  # too narrow for columns: one block of lines for each row
            _grid(("", ""), [(name, cell) for name, cell in zip(names, row, strict=True) if cell], head=False)
            sys.stdout.write("\n")
    else:
        _grid(names, cells, head=head)


def _width_needed(names: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Characters of a line that columns need to be read, each with its gap."""
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    shown = zip(names, widths, strict=True)
    return sum(GAP + (width if name in NEVER_WRAPPED else min(width, READABLE_MIN)) for name, width in shown)


def _grid(names: Sequence[str], rows: Iterable[Sequence[str]], *, head: bool) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=head, box=box.SIMPLE_HEAD if head else None, pad_edge=False)
    for number, name in enumerate(names):
        style = "bold" if not head and number == 0 else None
        table.add_column(name, overflow="fold", style=style, no_wrap=name in NEVER_WRAPPED)
    for row in rows:
        table.add_row(*map(Text, row))
    drawn = console(width=WIDTH_BESIDE_TERMINAL)
    with drawn.capture() as captured:
        drawn.print(table)
    lines = captured.get()
    # Off a terminal the blanks that fill a column up to its width are nothing but bytes.
    sys.stdout.write(lines if sys.stdout.isatty() else TRAILING.sub("", lines))


def console(*, width: int | None = None, file: TextIO | None = None) -> Console:
    """Standard output, or ``file``, as rich draws on it: as wide as the terminal, plain under NO_COLOR."""
    from rich.console import Console

    file = file or sys.stdout
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(file=file, width=None if file.isatty() else width, color_system=None if plain else "auto")
