# SPDX-License-Identifier: Apache-2.0
"""What every file of the project has in common."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from byhand import errors

REPOSITORY = Path(__file__).resolve().parents[2]
SPDX = "# SPDX-License-Identifier: Apache-2.0"
LIMIT = re.compile(r"^(?:[A-Z][A-Z0-9]*_)*(?:MAX|MIN)$")
WORDS_MAX_OF_CAPTION = 60

# Words that mean two things. A store's transaction is the database's own word.
AVOIDED = {
    "audit": "say record, access or report",
    "event": "say record, observation or entry",
    "user": "say person (or os_account)",
    "transaction": "say entry or record",
}
TRANSACTION_IS_SQL = ("src/byhand/store/", "src/byhand/keystore/", "src/byhand/sqlite_file.py")
# The desk is inside the engine's world, where an event is an event.
FOREIGN_WORLDS = ("src/byhand/demo/", "src/byhand/connectors/", "src/byhand/sinks/")


def test_every_file_names_its_licence_first(modules: list[Any], test_modules: list[Any]) -> None:
    """The first line of every Python file is the SPDX identifier, and no licence block follows."""
    assert [module.name for module in modules + test_modules if module.lines[:1] != [SPDX]] == []


def test_every_module_opens_with_a_caption(modules: list[Any], test_modules: list[Any]) -> None:
    """Every module says in its first sentence what it is for."""
    for module in modules + test_modules:
        caption = (ast.get_docstring(module.tree) or "").split("\n\n")[0]
        assert caption, f"{module.name} has no caption"
        assert caption.rstrip().endswith((".", ":", "?")), f"{module.name}: the caption is no sentence"
        assert len(caption.split()) <= WORDS_MAX_OF_CAPTION, f"{module.name}: the caption is too long"


def test_every_test_states_a_fact(test_modules: list[Any]) -> None:
    """Every test function has a docstring: the fact it shows, as a sentence."""
    silent = [
        f"{module.name}:{function.lineno} {function.name}"
        for module in test_modules
        if module.path.name.startswith("test_")
        for function in module.functions()
        if function.name.startswith("test_") and not (ast.get_docstring(function) or "").strip()
    ]
    assert silent == []


def test_every_error_is_drawn_in_the_tree() -> None:
    """Every error class has a name in the tree of errors.py, a sentence of its own and one root."""
    drawn = errors.__doc__ or ""
    classes = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert [kind.__name__ for kind in classes if not issubclass(kind, errors.ByhandError)] == []
    assert [kind.__name__ for kind in classes if not re.search(rf"\b{kind.__name__}\b", drawn)] == []
    assert [kind.__name__ for kind in classes if not kind.__dict__.get("__doc__")] == []


def test_errors_are_defined_in_one_room(modules: list[Any]) -> None:
    """No other room defines an error that could reach a caller: all belong to one tree."""
    elsewhere = [
        f"{module.name}:{node.lineno} {node.name}"
        for module in modules
        if module.room != "errors"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and any(
            isinstance(base, ast.Name) and base.id in {"Exception", "ValueError", "OSError"}
            for base in node.bases
        )
    ]
    assert elsewhere == []


def test_every_limit_has_its_reason(modules: list[Any]) -> None:
    """A constant that ends in _MAX or _MIN says why it has this value, on its line or on the line above."""
    silent = []
    for module in modules:
        for node in module.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if not any(LIMIT.match(name) for name in names):
                continue
            first, last = node.lineno - 2, node.end_lineno or node.lineno
            around = module.lines[max(first, 0) : last + 1]
            if not any("#" in line or '"""' in line for line in around):
                silent.append(f"{module.name}:{node.lineno} {names[0]}")
    assert silent == []


@pytest.mark.parametrize("word", sorted(AVOIDED))
def test_words_that_mean_two_things_name_nothing(word: str, modules: list[Any]) -> None:
    """No class and no function of ours is named with a word that means two things."""
    found = []
    for module in modules:
        if module.name.startswith(FOREIGN_WORLDS):
            continue
        if word == "transaction" and module.name.startswith(TRANSACTION_IS_SQL):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+", node.name)}
                if parts & {word, f"{word}s"}:
                    found.append(f"{module.name}:{node.lineno} {node.name}: {AVOIDED[word]}")
    assert found == []


def test_no_room_is_empty() -> None:
    """A folder under src/byhand exists because a module in it does something."""
    rooms = [path.parent for path in (REPOSITORY / "src").rglob("__init__.py")]
    empty = [
        room.name
        for room in rooms
        if not any(path.is_file() and path.name != "__init__.py" for path in room.iterdir())
        and "import" not in (room / "__init__.py").read_text()
        and room.name != "byhand"
    ]
    assert empty == []


def test_nothing_is_left_for_later(modules: list[Any], test_modules: list[Any]) -> None:
    """No file says that something remains to be written."""
    marks = re.compile(r"\b(?:TODO|FIXME|raise NotImplementedError)\b")
    here = Path(__file__).name
    found = [
        f"{module.name}:{number}"
        for module in modules + test_modules
        if module.path.name != here
        for number, line in enumerate(module.lines, 1)
        if marks.search(line)
    ]
    assert found == []


def test_no_group_is_repeated_possessively(modules: list[Any]) -> None:
    """Python before 3.11.5 matches such a pattern wrongly (gh-106052), and Debian 12 has 3.11.2."""
    possessive = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+|\(\?>")
    found = [
        f"{module.name}:{node.lineno} {node.value}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and possessive.search(node.value)
    ]
    assert found == []
