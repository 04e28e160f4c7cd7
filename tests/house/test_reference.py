# SPDX-License-Identifier: Apache-2.0
"""Habit 15: settings, errors, actions, plug-ins and commands are documented, and each says something."""

from __future__ import annotations

import ast
import dataclasses
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from byhand import cli, errors, settings

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "docs" / "reference"
SOURCE = REPOSITORY / "src" / "byhand"
MAY_BE_EMPTY = {"errors.md": {"advice"}, "settings.md": {"bounds"}}
"""Columns that say something only where there is something to say."""
LITERAL = ("leave", "show")
"""Functions of reading that are told which operation an access record names."""


def tables(page: Path) -> list[tuple[list[str], list[list[str]]]]:
    """The tables of a page: head and rows, each a list of cells."""
    found: list[tuple[list[str], list[list[str]]]] = []
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if cells and not inside:
            found.append((cells, []))
        elif cells and set("".join(cells)) - set("-"):
            found[-1][1].append(cells)
        inside = bool(cells)
    return found


def names_in(page: str) -> set[str]:
    """What stands in the first column of the page's tables."""
    return {row[0].strip("`") for _, rows in tables(REFERENCE / page) for row in rows}


@pytest.mark.parametrize("page", sorted(path.name for path in REFERENCE.glob("*.md")))
def test_no_row_of_a_reference_table_is_empty(page: str) -> None:
    """Every cell says something: a name without a meaning is what a reader came for and does not find."""
    empty = [
        row
        for head, rows in tables(REFERENCE / page)
        for row in rows
        if len(row) != len(head)
        or any(
            not cell and name not in MAY_BE_EMPTY.get(page, ()) for name, cell in zip(head, row, strict=True)
        )
    ]
    assert empty == []


def test_every_setting_is_documented() -> None:
    """Each field of each section stands in the reference."""
    fields = {
        field.name
        for section in dataclasses.fields(settings.Settings)
        for field in dataclasses.fields(
            settings.IssuerSettings
            if section.name == settings.ISSUERS
            else getattr(settings.Settings(), section.name)
        )
    }
    assert fields - names_in("settings.md") == set()


def test_every_error_is_documented() -> None:
    """Each class of the tree stands in the reference."""
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.ByhandError) and kind is not errors.ByhandError
    }
    assert kinds - names_in("errors.md") == set()


def test_every_action_of_byhand_itself_is_documented() -> None:
    """Each name of an administration action that the source knows, and each operation of an access, is listed."""
    known = names_in("actions.md")
    named: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= set(re.findall(r"^administration\.[a-z]+\.[a-z]+$", node.value))
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in LITERAL:
                named |= {
                    value
                    for value in operations_of(node)
                    if "reading" in ast.unparse(node.func) or "self" in ast.unparse(node.func)
                }
    assert named - known == set()
    assert {"search", "show", "evidence", "administration.point.set"} <= named | {"show"}


def operations_of(call: ast.Call) -> list[str]:
    """The operation that a call of reading names, when it is written out."""
    given = [word.value for word in call.keywords if word.arg == "operation"]
    given += call.args[1:2] if ast.unparse(call.func).endswith(".leave") else []
    return [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]


@pytest.mark.parametrize("folder", ["probes", "connectors", "sinks", "detectors"])
def test_every_plug_in_is_documented(folder: str) -> None:
    """Each class of a folder's ``BUILT_IN`` says in its docstring what it is for, and stands in the reference."""
    if not (SOURCE / folder / "__init__.py").exists():
        return
    built_in: tuple[Any, ...] = import_module(f"byhand.{folder}").BUILT_IN
    assert [kind.__name__ for kind in built_in if not (kind.__doc__ or "").strip()] == []
    assert {f"{kind.scheme}:" for kind in built_in} - names_in(f"{folder}.md") == set()


def test_every_command_and_option_is_documented() -> None:
    """Each command has a sentence and an example, each of its options a meaning."""
    listed = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    sections = re.split(r"^#{2,} (?=byhand)", listed, flags=re.MULTILINE)[1:]
    silent = [
        section.split("\n")[0]
        for section in sections
        if not re.search(r"^[A-Z].*\w", section.split("\n", 1)[1], re.MULTILINE)
    ]
    assert silent == []
    mute = re.findall(r"^\* `[^`]*`:? *$", listed, re.MULTILINE)
    assert mute == []
    assert {name for name in cli.app.resolved_commands() if name[0] != "-"} - set(
        re.findall(r"^#+ byhand ([a-z-]+)", listed, re.MULTILINE)
    ) == set()
