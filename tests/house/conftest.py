# SPDX-License-Identifier: Apache-2.0
"""The source as trees, read once; sizes that deserve a look are printed at the end and fail nothing."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src" / "byhand"
FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 400


@dataclass(frozen=True)
class Module:
    """One Python file of the project."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def name(self) -> str:
        """The path inside the repository."""
        return self.path.relative_to(REPOSITORY).as_posix()

    @property
    def room(self) -> str:
        """The first name under ``byhand``."""
        return self.path.relative_to(SOURCE).parts[0].removesuffix(".py")

    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [
            node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]

    def imported(self) -> set[str]:
        """Every module named by an import, wherever it stands, TYPE_CHECKING included."""
        names: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        return names


def modules_below(folder: Path) -> list[Module]:
    """The modules under ``folder``, by name."""
    return [Module(path) for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts]


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """Every module of byhand."""
    return modules_below(SOURCE)


@pytest.fixture(scope="session")
def test_modules() -> list[Module]:
    """Every module under tests/."""
    return modules_below(REPOSITORY / "tests")


def too_large() -> list[str]:
    """Modules and functions above the sizes we aim at."""
    found = []
    for module in modules_below(SOURCE):
        if len(module.lines) > MODULE_LINES_MAX:
            found.append(f"{module.name}: {len(module.lines)} lines")
        for function in module.functions():
            length = (function.end_lineno or function.lineno) - function.lineno + 1
            if length > FUNCTION_LINES_MAX:
                found.append(f"{module.name}:{function.lineno} {function.name}: {length} lines")
    return found


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what is larger than we aim at; it is a reason to look, not a fault."""
    found = too_large()
    if found:
        terminalreporter.section(
            f"larger than {FUNCTION_LINES_MAX} lines a function, {MODULE_LINES_MAX} a module"
        )
        for line in found:
            terminalreporter.write_line(line)
