# SPDX-License-Identifier: Apache-2.0
"""What the demo shows, and its conscience: every expectation passes here; one that fails is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from byhand.demo.telling import Told

PLAIN_WIDTH = 140  # columns where there is no terminal to ask: wide enough for the table of forgeries
TABLE_WIDTH_MIN = 125  # columns; with fewer, the codes of findings would be cut in two
INDENT = (0, 0, 0, 2)


class Screen:
    """Rich on a terminal, plain text elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()
        self._chapter = 0
        self.failed: list[str] = []
        """What the demo expected and did not find."""

    def chapter(self, title: str) -> None:
        """Begin a part."""
        self._chapter += 1
        self._console.print()
        self._console.print(f"[bold]{self._chapter}. {escape(title)}[/bold]")

    def say(self, text: str = "") -> None:
        """A sentence."""
        self._show(escape(text))

    def _show(self, markup: str) -> None:
        self._console.print(Padding(markup, INDENT, expand=False))

    def command(self, text: str) -> None:
        """A command line, in one piece even where it is long."""
        self._console.print(f"    {escape(text)}", style="cyan", soft_wrap=True)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Show what was found; keep it as failed when it is not what was wanted."""
        self.hear(Told("expected", what, str(found), str(wanted)))

    def hear(self, told: Told) -> None:
        """Show a line of a story."""
        if told.kind == "said":
            self.say(told.what)
        elif told.kind == "act":
            self.say(f"{told.what}: intervention {told.found}")
        elif told.held:
            self._show(f"[green]ok[/green]  {escape(told.what)}: {escape(told.found)}")
        else:
            self.failed.append(told.what)
            line = f"{told.what}: {told.found}, but the story expects {told.wanted}"
            self._show(f"[bold red]NOT AS EXPECTED[/bold red]  {escape(line)}")

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Names and values, one a line."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in facts:
            table.add_row(escape(name), escape(value))
        self._console.print(Padding(table, INDENT, expand=False))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table; on a narrow terminal, each row as a list under its first cell."""
        if self._console.width < TABLE_WIDTH_MIN:
            for title, *cells in rows:
                self.say(title)
                self.facts(zip((f"  {name}" for name in columns[1:]), cells, strict=True))
            return
        table = Table(box=box.SIMPLE_HEAD if self._console.is_terminal else box.ASCII2, show_lines=False)
        for column in columns:
            table.add_column(escape(column), overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self._console.print(Padding(table, INDENT, expand=False))


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)
